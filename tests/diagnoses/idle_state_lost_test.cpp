// idle_state_lost: no FIN, no RST, a silence, and then the first segment is answered by a RST.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A gap of 3 s survives.
void a_short_gap_survives(Story& story) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(3s);
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
}

TEST(IdleStateLost, DeviceRejects) {
  Story story({.round_trip = 100ms});
  a_short_gap_survives(story);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.rejects();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#1 idle_state_lost/middlebox error fault=middlebox reset_by=middlebox kind=reply "
                          "impact=request_lost lost=39"));
}

TEST(IdleStateLost, PeerForgot) {
  Story story({.round_trip = 100ms});
  a_short_gap_survives(story);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#1 idle_state_lost/peer error reset_by=server kind=reply impact=request_lost lost=39"));
}

TEST(IdleStateLost, UnknownWhereNothingTellsWhoAnswered) {
  Story story({.round_trip = 100ms});
  a_short_gap_survives(story);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(without_ip_header(story.capture()), says("#1 idle_state_lost/unknown error impact=request_lost"));
}

TEST(IdleStateLost, ServerSpeaksFirst) {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/subscribe"), ok());
  c.server.idles_for(600s);
  c.path.rejects();
  c.server.sends(bytes(40));
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox reset_by=middlebox"));
}

TEST(IdleStateLost, ServerPushesToAClientThatForgot) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.exchange(get("/subscribe"), ok());
    c.server.idles_for(600s);
    c.client.forgets();
    c.server.sends(bytes(40));
    EXPECT_THAT(story, says("#0 idle_state_lost/peer error reset_by=client kind=reply impact=response_lost lost=40"));
  }
}

TEST(IdleStateLost, KeepaliveProbeFindsOut) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(75s);
  c.path.rejects();
  c.client.sends_keepalive_probe();
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox reset_by=middlebox"));
}

// Stays silent.

TEST(IdleStateLost, GapThatSurvives) {
  Story story({.round_trip = 100ms});
  a_short_gap_survives(story);
  EXPECT_THAT(story, says_nothing());
}

TEST(IdleStateLost, KeepaliveProbesKeepItAlive) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  for (int i = 0; i < 10; ++i) {
    story.wait(2s);
    c.client.sends_keepalive_probe();
  }
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(IdleStateLost, WithAFinItIsStaleReuse) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(2s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse"));
}

TEST(IdleStateLost, NothingComesBackIsABlackhole) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_blackhole"));
}

TEST(IdleStateLost, BusyConnectionsAreNotForgottenForIdling) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  for (int i = 0; i < 5; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(100ms);
  }
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 peer_lost_state impact=request_lost"));
}

}  // namespace
}  // namespace tcpwhy::tests
