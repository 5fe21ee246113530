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

TEST(HandshakeProbe, ServerThatResetsIsNoProbe) {
  Story story;
  const Connection c = story.connect();
  c.server.aborts();
  EXPECT_THAT(story, ::testing::Not(says("#0 handshake_probe")));
}

}  // namespace
}  // namespace tcpwhy::tests
