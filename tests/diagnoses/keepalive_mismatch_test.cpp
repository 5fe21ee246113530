// keepalive_mismatch: a client keeps idle connections longer than the server, or something on the way, does.
#include <gmock/gmock.h>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A connection that the server closes after so long a silence; before that the client may have reused it after another one.
void closed_after(Story& story, Duration timeout, Duration reused_after = 0ms) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  if (reused_after > 0ms) {
    c.client.idles_for(reused_after);
    c.exchange(get("/b"), ok());
  }
  c.server.idles_for(timeout);
  c.closes_cleanly(Side::server);
  story.wait(300ms);
}

/// A request that crosses the server's close.
void lost_after(Story& story, Duration timeout) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(timeout - 80ms);  // The way is 50 ms.
  c.client.sends(get("/c"));
  c.server.idles_for(timeout);
  c.server.closes();
  story.wait(1s);
}

TEST(KeepaliveMismatch, SaidBeforeAnythingBroke) {
  Story story({.round_trip = 20ms});
  for (const Duration reused : {0ms, 2'000ms, 0ms, 0ms}) closed_after(story, 5s, reused);
  EXPECT_THAT(story, says("#0 keepalive_mismatch likely note fault=client impact=none"));
}

TEST(KeepaliveMismatch, AReuseInTheLastMomentIsAWarning) {
  Story story({.round_trip = 20ms});
  for (const Duration reused : {0ms, 0ms, 4'985ms, 0ms}) closed_after(story, 5s, reused);
  EXPECT_THAT(story, says("#2 keepalive_mismatch warn fault=client impact=none"));
}

TEST(KeepaliveMismatch, TellsWhatAChangeWouldHaveDone) {
  Story story({.round_trip = 100ms});
  for (const Duration reused : {0ms, 5'400ms, 5'300ms, 1'000ms}) closed_after(story, 6s, reused);
  for (int i = 0; i < 3; ++i) lost_after(story, 6s);
  const Finding finding = the_finding(findings(story), "keepalive_mismatch");
  EXPECT_EQ(finding.verdict.severity, Severity::note) << "what died has its own findings";
  EXPECT_THAT(finding.narrative.explanation, AllOf(HasSubstr("closes them after 6.00 s"), HasSubstr("Of 6 reuses"), HasSubstr("3 lost")));
  EXPECT_THAT(finding.narrative.fix, AllOf(HasSubstr("to 5.00 s"), HasSubstr("0 of 3 requests lost, and 2 more handshakes")));
}

TEST(KeepaliveMismatch, WhatForgetsOnTheWayIsABracket) {
  Story story({.round_trip = 20ms});
  for (const Duration silence : {1'000ms, 3'000ms, 8'000ms, 8'000ms, 9'000ms}) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.client.idles_for(silence);
    if (silence > 5s) c.path.rejects();
    if (silence > 5s) {
      c.client.sends(get("/b"));
      story.wait(2s);
    } else {
      c.exchange(get("/b"), ok());
      c.closes_cleanly();
    }
  }
  const Finding finding = the_finding(findings(story), "keepalive_mismatch");
  EXPECT_THAT(finding.narrative.explanation, HasSubstr("forgets them without a word after more than 3.00 s and no more than 8.00 s"));
  EXPECT_THAT(finding.narrative.fix, HasSubstr("to 3.00 s"));
}

// Stays silent.

TEST(KeepaliveMismatch, ClientThatClosesFirst) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 4; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.client.idles_for(2s);
    c.exchange(get("/b"), ok());
    c.client.idles_for(4s);
    c.closes_cleanly(Side::client);
  }
  EXPECT_THAT(story, says_nothing());
}

TEST(KeepaliveMismatch, ClientThatNeverReuses) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 4; ++i) closed_after(story, 5s);
  EXPECT_THAT(story, says_nothing());
}

TEST(KeepaliveMismatch, TwoClosesAreNoTimer) {
  Story story({.round_trip = 20ms});
  for (const Duration reused : {2'000ms, 0ms}) closed_after(story, 5s, reused);
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbour: a restart closes all of them at one moment, after silences of all kinds.

TEST(KeepaliveMismatch, IsNoRestart) {
  Story story({.round_trip = 20ms});
  std::vector<Connection> pool;
  for (int i = 0; i < 5; ++i) {
    pool.push_back(story.connect({.client_port = static_cast<std::uint16_t>(50'000 + i)}));
    pool.back().exchange(get("/a"), ok());
    story.wait(700ms);
    pool.back().exchange(get("/b"), ok());
    story.wait(900ms);
  }
  for (const Connection& c : pool) c.server.closes();
  story.wait(100ms);
  for (const Connection& c : pool) c.client.closes();
  EXPECT_THAT(story, says_nothing());
}

}  // namespace
}  // namespace tcpwhy::tests
