// handshake_probe: SYN, SYN-ACK, reset, no data.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(HandshakeProbe, HealthCheckThatResetsInsteadOfAcknowledging) {
  Story story;
  const Connection c = story.dials();
  c.client.acks_after(40ms);
  story.wait(21ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 handshake_probe chat fault=nobody reset_by=client impact=none"));
}

TEST(HandshakeProbe, HealthCheckAfterTheWholeHandshake) {
  Story story;
  const Connection c = story.connect();
  c.client.aborts();
  EXPECT_THAT(story, says("#0 handshake_probe chat fault=nobody reset_by=client impact=none"));
}

TEST(HandshakeProbe, HalfOpenScan) {
  Story story;
  const Connection c = story.dials();
  c.client.forgets();  // a raw SYN: the scanner's own kernel knows of no connection
  EXPECT_THAT(story, says("#0 handshake_probe chat reset_by=client impact=none"));
}

TEST(HandshakeProbe, EverySecond) {
  Story story;
  for (int i = 0; i < 3; ++i) {
    story.connect().client.aborts();
    story.wait(1s);
  }
  EXPECT_THAT(story, is_silent());
  EXPECT_THAT(story, says("#0 handshake_probe\n#1 handshake_probe\n#2 handshake_probe"));
}

/// Its kernel resets what it never asked for; the scanner speaks all the same.
TEST(HandshakeProbe, ScannerThatSpeaksBehindItsKernel) {
  Story story;
  story.play(R"(
    +0     > S  win 65535
    +.0001 < S. win 64240 <mss 1460>
    +.12   > R
    +15.6  > P. 1:110(109)
    +.0001 < R
  )");
  EXPECT_THAT(story, says("#0 handshake_probe chat fault=nobody reset_by=client impact=none"));
}

/// Captured in another order than it was sent, it is no scan.
TEST(HandshakeProbe, DataBehindAResetByLessThanARoundTripWasSentBefore) {
  Story story;
  story.play(R"(
    +0     > S  win 65535
    +.02   < S. win 64240 <mss 1460>
    +.0001 > .
    +.02   > R. 110:110(0)
    +.0001 > P. 1:110(109)
  )");
  EXPECT_THAT(story, testing::Not(says("#0 handshake_probe")));
}

/// The server learns by its own close that the check had gone.
TEST(HandshakeProbe, WhoseResetWasLost) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage});
    const Connection c = story.connect();
    c.client.forgets();
    story.wait(3s);
    c.server.closes();
    EXPECT_THAT(story, says("#0 handshake_probe likely chat fault=nobody reset_by=client kind=reply impact=none"));
  }
}

// Stays silent.

TEST(HandshakeProbe, CheckThatClosesPolitely) {
  Story story;
  story.connect().closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(HandshakeProbe, AfterDataItIsAnAbortiveClose) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/health"), ok());
  story.wait(30ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat"));
}

/// The server's close meets a client whose request never came to the server, nor to the capture.
TEST(HandshakeProbe, ResetThatCountsUnseenBytesIsNoProbe) {
  Story story({.vantage = Vantage::server});
  const Connection c = story.connect();
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::client && !packet.payload.empty(); });
  c.client.sends(get("/a"));
  story.wait(100ms);
  c.server.closes();
  story.wait(100ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 capture_too_short"));
}

TEST(HandshakeProbe, ServerThatHadAnsweredLostItsClient) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/health"), ok());
  story.wait(100ms);
  c.client.forgets();
  story.wait(3s);
  c.server.closes();
  EXPECT_THAT(story, ::testing::Not(says("#0 handshake_probe")));
}

TEST(HandshakeProbe, ServerThatResetsIsNoProbe) {
  Story story;
  const Connection c = story.connect();
  c.server.aborts();
  EXPECT_THAT(story, ::testing::Not(says("#0 handshake_probe")));
}

}  // namespace
}  // namespace tcpwhy::tests
