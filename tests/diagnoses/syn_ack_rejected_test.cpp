// syn_ack_rejected: a client's kernel reset a SYN-ACK that it had not asked for.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(SynAckRejected, BackscatterOfAForgedSyn) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();  // by somebody else, in the client's name
  c.client.forgets();
  story.begins_capturing();
  EXPECT_THAT(story, says("#0 syn_ack_rejected likely note fault=nobody reset_by=client kind=reply impact=none"));
}

TEST(SynAckRejected, SynAckOfAnOlderSyn) {
  Story story({.round_trip = 20ms});
  story.play(R"(
    +0    > S  700:700(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +.02  < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62 id 0
    +0    > R  1:1(0) win 0 id 0
  )");
  EXPECT_THAT(story, says("#0 syn_ack_rejected note fault=nobody reset_by=client kind=reply impact=none"));
}

// Stays silent.

TEST(SynAckRejected, SynAckThatWasAskedForTwice) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  c.path.drops([](Side sender, const Packet&) { return sender == Side::client; });
  story.wait(10ms);
  c.path.carries();
  story.settle();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(SynAckRejected, CaptureThatBeginsWithASynAck) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  story.begins_capturing();
  story.wait(30ms);
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(SynAckRejected, WithItsSynItIsAProbe) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  c.client.forgets();  // a scanner sends its SYN past its own kernel
  EXPECT_THAT(story, says("#0 handshake_probe chat"));
}

TEST(SynAckRejected, BareAckOfOldNumbersIsACollision) {
  constexpr std::uint16_t kPort = 50'000;
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection old = story.connect({.client_port = kPort, .client_isn = 2'000'000'000, .client_timestamps = false});
  old.exchange(get("/a"), ok());
  old.closes_cleanly(Side::server);
  story.wait(2s);
  const Connection c = story.dials({.client_port = kPort, .client_isn = 1'000'000, .client_timestamps = false});
  story.wait(25ms);
  c.client.forgets();
  EXPECT_THAT(story, says("#1 time_wait_collision/reset"));
}

}  // namespace
}  // namespace tcpwhy::tests
