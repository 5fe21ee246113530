// keepalive_probe_timeout: TCP keep-alive probes went unanswered, then the prober reset. It is the victim.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

Connection idle(const Connection& c, const Story& story) {
  c.exchange(get("/a"), ok());
  story.wait(60s);
  return c;
}

void probes_in_vain(const Story& story, const Host& prober) {
  for (int i = 0; i < 4; ++i) {
    prober.sends_keepalive_probe();
    story.wait(10s);
  }
  prober.aborts();
}

TEST(KeepaliveProbeTimeout, PeerVanished) {
  Story story({.round_trip = 20ms});
  const Connection c = idle(story.connect(), story);
  c.server.vanishes();
  probes_in_vain(story, c.client);
  EXPECT_THAT(story, says("#0 keepalive_probe_timeout error reset_by=client kind=abort"));
}

TEST(KeepaliveProbeTimeout, ServerIsTheVictim) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = idle(story.connect(), story);
  c.client.vanishes();
  probes_in_vain(story, c.server);
  EXPECT_THAT(story, says("#0 keepalive_probe_timeout error reset_by=server"));
}

// Stays silent.

TEST(KeepaliveProbeTimeout, AnsweredProbes) {
  Story story({.round_trip = 20ms});
  const Connection c = idle(story.connect(), story);
  for (int i = 0; i < 4; ++i) {
    c.client.sends_keepalive_probe();
    story.wait(10s);
  }
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(KeepaliveProbeTimeout, RejectedProbeMeansThatSomebodyForgot) {
  Story story({.round_trip = 100ms});
  const Connection c = idle(story.connect(), story);
  c.path.rejects();
  c.client.sends_keepalive_probe();
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox"));
}

TEST(KeepaliveProbeTimeout, ResetAfterAnsweredProbesIsAnOrdinaryClose) {
  Story story({.round_trip = 20ms});
  const Connection c = idle(story.connect(), story);
  for (int i = 0; i < 4; ++i) {
    c.client.sends_keepalive_probe();
    story.wait(10s);
  }
  c.client.aborts();
  EXPECT_THAT(story, ::testing::Not(says("#0 keepalive_probe_timeout")));
}

}  // namespace
}  // namespace tcpwhy::tests
