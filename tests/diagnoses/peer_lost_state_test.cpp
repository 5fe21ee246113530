// peer_lost_state: data in mid-conversation answered by a reply RST, with no close seen.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

Connection hard_at_work(Story& story) {
  const Connection c = story.connect();
  for (int i = 0; i < 5; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(50ms);
  }
  return c;
}

TEST(PeerLostState, ServerForgot) {
  Story story({.round_trip = 20ms});
  const Connection c = hard_at_work(story);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story,
              says("#0 peer_lost_state error fault=server reset_by=server kind=reply impact=request_lost lost=39"));
}

TEST(PeerLostState, ClientForgot) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = hard_at_work(story);
  c.client.sends(get("/subscribe"));
  story.wait(50ms);
  c.client.forgets();
  c.server.sends(ok(100));
  EXPECT_THAT(story, says("#0 peer_lost_state|client_abort reset_by=client kind=reply"));
}

TEST(PeerLostState, SubscriberForgotWhileTheServerPublishes) {
  Story story({.vantage = Vantage::server, .round_trip = 50ms});
  const Connection c = story.connect({.server_port = 6'379});
  c.client.sends("SUBSCRIBE a\r\n");
  for (int i = 0; i < 6; ++i) {
    story.wait(350ms);
    if (i == 5) c.client.forgets();
    c.server.sends(bytes(100));
  }
  EXPECT_THAT(story, says("#0 peer_lost_state error fault=client reset_by=client kind=reply impact=response_lost lost=100"));
}

TEST(PeerLostState, BareAckIsAnsweredByAReset) {
  Story story({.round_trip = 20ms});
  const Connection c = hard_at_work(story);
  c.exchange(get("/last"), ok());
  c.server.forgets();  // while the ACK of its last answer is under way
  EXPECT_THAT(story, says("#0 peer_lost_state note fault=server reset_by=server kind=reply impact=none"));
}

TEST(PeerLostState, WhereBusyStreamsAreForgottenAlikeTheIdleOneWasToo) {
  Story story({.round_trip = 20ms});
  const Connection idle = story.connect();
  idle.exchange(get("/a"), ok());
  story.wait(60s);
  const Connection c = hard_at_work(story);
  c.server.forgets();
  idle.server.forgets();
  c.client.sends(get("/b"));
  story.wait(1s);
  idle.client.sends(get("/b"));
  EXPECT_THAT(story,
              says("#0 peer_lost_state error impact=request_lost\n#1 peer_lost_state error impact=request_lost"));
}

// Stays silent.

TEST(PeerLostState, NothingForgotten) {
  Story story({.round_trip = 20ms});
  hard_at_work(story).closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(PeerLostState, AfterASilenceLongerThanAnyThatSurvivedItWasIdle) {
  Story story({.round_trip = 20ms});
  const Connection c = hard_at_work(story);
  story.wait(60s);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_state_lost/peer"));
}

/// What it had said before was acknowledged, and not captured: it may have been its farewell.
TEST(PeerLostState, WhoseLastWordsWereNotCapturedMayHaveSaidWhy) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(bytes(800), bytes(3'000));
  story.misses([](Side side, const Packet& packet) { return side == Side::client && packet.payload.size() == 7; });
  c.client.sends(bytes(7));
  c.client.forgets();
  story.wait(15ms);
  c.server.sends(bytes(100));
  EXPECT_THAT(story, says("#0 capture_too_short possible"));
}

TEST(PeerLostState, WithAFinItIsStaleReuse) {
  Story story({.round_trip = 20ms});
  const Connection c = hard_at_work(story);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset"));
}

}  // namespace
}  // namespace tcpwhy::tests
