// idle_blackhole: after a silence nothing comes back at all, while new connections work.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(IdleBlackhole, RetransmissionsUntilSomebodyGivesUp) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(5s);
  story.connect().exchange(get("/c"), ok());
  EXPECT_THAT(story, says("#0 idle_blackhole likely error fault=middlebox|path impact=request_lost lost=39"));
}

TEST(IdleBlackhole, OnlyPossibleWhereNothingElseWasTried) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_blackhole possible error impact=request_lost"));
  EXPECT_FALSE(the_finding(findings(story), "idle_blackhole").narrative.ruled_out.empty());
}

TEST(IdleBlackhole, ServerThatPushesIsNotHeard) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.exchange(get("/subscribe"), ok());
    c.server.idles_for(600s);
    c.client.vanishes();
    c.server.sends(bytes(40));
    story.wait(5s);
    story.connect().exchange(get("/c"), ok());
    EXPECT_THAT(story, says("#0 idle_blackhole likely error fault=middlebox|path impact=response_lost lost=40"));
  }
}

// Stays silent.

TEST(IdleBlackhole, LossThatHealsIsHealthy) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(1s);
  c.path.carries();
  story.settle();
  c.server.sends(ok());
  story.wait(1s);
  c.closes_cleanly();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(IdleBlackhole, ResetThatComesBackIsStateLost) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.rejects();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox"));
}

TEST(IdleBlackhole, WithoutASilenceItIsNotIdle) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(150ms);
  c.path.drops();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 retransmission_timeout|unexplained"));
}

/// An idle connection and a busy one to a server that is gone from one moment to the next.
void dies_with_a_busy_one(Story& story) {
  const Connection idle = story.connect();
  idle.exchange(get("/a"), ok());
  const Connection busy = story.connect();
  for (int i = 0; i < 80; ++i) {
    busy.exchange(get("/b"), ok());
    story.wait(20ms);
  }
  idle.path.drops();
  busy.path.drops();
  busy.client.sends(get("/b"));
  idle.client.sends(get("/c"));
  story.wait(5s);
}

TEST(IdleBlackhole, WhereBusyOnesDieTooNoSilenceMadeIt) {
  Story story({.round_trip = 20ms});
  dies_with_a_busy_one(story);
  EXPECT_THAT(story, says("#0 retransmission_timeout error impact=request_lost lost=39\n"
                          "#1 retransmission_timeout error impact=request_lost lost=39"));
  for (const Finding& finding : findings(story)) {
    EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr(finding.stream == 0 ? "busy" : "Nothing had been idle"));
  }
}

TEST(IdleBlackhole, ABusyOneThatDiesBesideALivingServerProvesNothing) {
  Story story({.round_trip = 20ms});
  dies_with_a_busy_one(story);
  story.connect().exchange(get("/d"), ok());
  EXPECT_THAT(story, says("#0 idle_blackhole likely error fault=middlebox impact=request_lost\n"
                          "#1 retransmission_timeout"));
}

}  // namespace
}  // namespace tcpwhy::tests
