// idle_reset: a reset that nothing provoked, at the end of an idle period, with nothing outstanding.
#include <vector>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A server with linger 0 resets what was idle for that long.
Connection resets_after(Story& story, Duration silence) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(silence);
  c.server.aborts();
  story.wait(3s);
  return c;
}

TEST(IdleReset, OneEndByItsTimer) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) resets_after(story, 30s);
  EXPECT_THAT(story, says("#0 idle_reset/one_end note fault=nobody reset_by=server kind=abort impact=none\n"
                          "#1 idle_reset/one_end note\n"
                          "#2 idle_reset/one_end note"));
}

TEST(IdleReset, DeviceTellsBothEnds) {
  Story story({.vantage = Vantage::both_sides_of_device, .round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(240s);
  c.path.resets_both_ends();
  EXPECT_THAT(story, says("#0 idle_reset/both_ends note fault=nobody reset_by=middlebox impact=none"));
}

TEST(IdleReset, ClientsTimer) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    for (int i = 0; i < 3; ++i) {
      const Connection c = story.connect();
      for (int request = 0; request <= i; ++request) {
        c.exchange(get("/a"), ok());
        story.wait(300ms);
      }
      c.client.idles_for(30s);
      c.client.aborts();
      story.wait(2s);
    }
    EXPECT_THAT(story, says("#0 idle_reset/one_end note fault=nobody reset_by=client impact=none\n"
                            "#1 idle_reset/one_end note reset_by=client\n"
                            "#2 idle_reset/one_end note reset_by=client"));
  }
}

// Stays silent.

TEST(IdleReset, TimerThatClosesWithAFin) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.server.idles_for(30s);
    c.closes_cleanly(Side::server);
  }
  EXPECT_THAT(story, says_nothing());
}

TEST(IdleReset, IdleAndStillAlive) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok());
    c.client.idles_for(30s);
  }
  c.exchange(get("/a"), ok());
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(IdleReset, PeriodThatDoesNotRepeatIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  resets_after(story, 10s);
  resets_after(story, 30s);
  EXPECT_THAT(story, says("#0 abortive_close chat\n#1 abortive_close chat"));
}

// Connections of one pool, opened one after the other and cleared in one moment: no timer of any of them.
TEST(IdleReset, ClientThatClearsItsPoolIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  std::vector<Connection> pool;
  for (int i = 0; i < 3; ++i) {
    pool.push_back(story.connect());
    pool.back().exchange(get("/a"), ok());
    story.wait(10s);
  }
  for (const Connection& c : pool) c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat\n#1 abortive_close chat\n#2 abortive_close chat"));
}

TEST(IdleReset, ClientsTimerIsOneToo) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.client.idles_for(30s);
    c.client.aborts();
    story.wait(1s);
  }
  EXPECT_THAT(story, says("#0 idle_reset/one_end note reset_by=client\n#1 idle_reset/one_end note reset_by=client"));
}

TEST(IdleReset, EndOfAnExchangeIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    story.wait(30ms);
    c.server.aborts();
    story.wait(1s);
  }
  EXPECT_THAT(story, says("#0 abortive_close chat\n#1 abortive_close chat"));
}

TEST(IdleReset, RequestThatArrivesAsTheServerResetsIsARace) {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  for (int i = 0; i < 2; ++i) resets_after(story, 30s);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.idles_for(29'898ms);
  c.client.sends(get("/b"));
  story.wait(51ms);
  c.server.closes();
  EXPECT_THAT(story, says("#0 idle_reset/one_end\n#1 idle_reset/one_end\n#2 keepalive_race/unread error"));
}

TEST(IdleReset, ProbesThatNobodyAnsweredAreAnotherCause) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(60s);
  c.server.vanishes();
  for (int i = 0; i < 4; ++i) {
    c.client.sends_keepalive_probe();
    story.wait(10s);
  }
  c.client.aborts();
  EXPECT_THAT(story, says("#0 keepalive_probe_timeout"));
}

}  // namespace
}  // namespace tcpwhy::tests
