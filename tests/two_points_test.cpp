// Captures that were made at two places and merged: nothing counts twice, and what only one of them saw is proof.
#include <algorithm>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Scene kBothEnds{.vantage = Vantage::both_ends, .round_trip = 100ms};

/// A connection on which enough was said to know both places.
Connection converses(Story& story) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.exchange(get("/b"), ok());
  return c;
}

bool is_reset(Side, const Packet& packet) {
  return packet.has(kRst);
}

/// The clock of the second place is off by `skew`.
Capture with_clocks_apart(Capture capture, Nanoseconds skew) {
  for (Packet& packet : capture.packets) {
    if (packet.eye == 1) packet.time += skew;
  }
  std::stable_sort(capture.packets.begin(), capture.packets.end(),
                   [](const Packet& a, const Packet& b) { return a.time < b.time; });
  return capture;
}

// Nothing counts twice.

TEST(TwoPoints, WhatIsInFlightBetweenThemIsNoRetransmission) {
  Story story(kBothEnds);
  const Connection c = story.connect();
  for (int i = 0; i < 4; ++i) c.exchange(get("/a"), ok(60'000));
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(TwoPoints, ARaceIsOneRaceFromBothEnds) {
  Story story(kBothEnds);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(5920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(6s);
  c.server.closes();
  EXPECT_THAT(story, says("#0 keepalive_race/crossing certain error lost=39"));
}

TEST(TwoPoints, RepetitionsAreCountedAtTheirSender) {
  for (const Vantage vantage : {Vantage::client, Vantage::both_ends}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.server.vanishes();
    c.client.sends(get("/b"));
    const std::string text = the_finding(findings(story), "retransmission_timeout").narrative.explanation;
    EXPECT_THAT(text, testing::HasSubstr("repeated it 7 times"));
  }
}

TEST(TwoPoints, ResetsAreCountedAtTheirSender) {
  for (const Vantage vantage : {Vantage::client, Vantage::both_ends}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.client.sends(get("/a"));
    story.wait(60ms);
    c.server.sends(ok(20'000));
    story.wait(10ms);
    c.client.aborts();
    const std::vector<Finding> all = findings(story);
    ASSERT_EQ(all.size(), 1U);
    // One with which it aborts, one for the acknowledgment, and one for each segment of the response.
    EXPECT_THAT(all[0].narrative.explanation, testing::HasSubstr("the first of 16 RST frames"));
  }
}

// A reset that its sender never sent.

/// The device answers a request in the server's name.
void is_told_off_by_the_device(const Connection& c) {
  c.path.rejects();
  c.client.sends(get("/forbidden"));
}

TEST(TwoPoints, ResetThatWasNotSeenAtItsSenderIsForged) {
  Story story(kBothEnds);
  is_told_off_by_the_device(converses(story));
  EXPECT_THAT(story, says("#0 injected_reset certain error fault=middlebox reset_by=middlebox impact=request_lost"));
  const Finding finding = the_finding(findings(story), "injected_reset");
  EXPECT_THAT(finding.narrative.explanation, testing::HasSubstr("at two places of their way"));
  EXPECT_THAT(finding.narrative.blind_spot, testing::HasSubstr("halves the way"));
}

TEST(TwoPoints, DeviceThatForgotIsProven) {
  Story story(kBothEnds);
  const Connection c = converses(story);
  c.client.idles_for(8s);
  c.path.rejects();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox certain error fault=middlebox reset_by=middlebox lost=39"));
}

TEST(TwoPoints, ResetThatWasSeenAtItsSenderIsHonest) {
  Story story(kBothEnds);
  const Connection c = converses(story);
  c.server.forgets();
  c.client.sends(get("/c"));
  EXPECT_THAT(story, says("#0 peer_lost_state reset_by=server"));
}

/// A device passes on at another place what it had translated before: TTLs and delays of two places can't be compared.
TEST(TwoPoints, ResetThatShowsWhereNothingElseOfItsSenderDidIsNotCalledForged) {
  Story story(kBothEnds);
  int blind = 1;
  story.misses([&blind](Side, const Packet& packet) { return packet.eye == blind; });
  const Connection c = converses(story);
  story.wait(1s);
  blind = 0;
  c.server.forgets();
  c.client.sends(get("/c"));
  EXPECT_THAT(story, says("#0 idle_state_lost/peer likely reset_by=server"));
}

/// On its way to the client the reset gets lost: it shows at the server alone.
TEST(TwoPoints, ResetThatNeverArrivedIsHonestToo) {
  Story story(kBothEnds);
  const Connection c = converses(story);
  c.path.drops(is_reset);
  c.server.aborts();
  story.wait(1s);
  for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.reset_by, ResetBy::middlebox) << to_line(finding);
}

/// Where the second clock is behind by more than the way takes, what left the server seems to come from the client.
TEST(TwoPoints, ClocksThatDisagreeProveNothing) {
  Story story(kBothEnds);
  const Connection c = converses(story);
  c.path.drops(is_reset);
  c.server.aborts();
  story.wait(1s);
  for (const Nanoseconds skew : {-200 * kMillisecond, -60 * kMillisecond, 60 * kMillisecond, 200 * kMillisecond}) {
    for (const Finding& finding : findings(with_clocks_apart(story.capture(), skew))) {
      EXPECT_FALSE(finding.verdict.reset_by == ResetBy::middlebox && finding.verdict.confidence == Confidence::certain)
          << to_line(finding);
    }
  }
}

/// A first capture with gaps may have missed the reset, too.
TEST(TwoPoints, CaptureWithGapsProvesNothing) {
  Story story(kBothEnds);
  const Connection c = story.connect();
  story.misses([](Side sender, const Packet& packet) {
    return sender == Side::server && packet.eye == 1 && packet.payload.size() == 333;
  });
  c.exchange(get("/a"), ok());
  c.exchange(get("/gap"), std::string(333, 'x'));
  c.path.rejects();
  c.client.sends(get("/forbidden"));
  for (const Finding& finding : findings(story)) {
    EXPECT_THAT(finding.narrative.explanation, testing::Not(testing::HasSubstr("at two places"))) << to_line(finding);
  }
}

// A packet that never arrived.

/// What the device drops after a silence; another connection goes on meanwhile.
Connection falls_into_a_black_hole(Story& story) {
  const Connection c = converses(story);
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(5s);
  return c;
}

TEST(TwoPoints, RequestThatDidNotArriveIsProvenToVanish) {
  Story story(kBothEnds);
  falls_into_a_black_hole(story);
  story.connect().exchange(get("/c"), ok());
  EXPECT_THAT(story, says("#0 idle_blackhole certain error fault=middlebox impact=request_lost lost=39"));
  EXPECT_THAT(the_finding(findings(story), "idle_blackhole").narrative.explanation,
              testing::HasSubstr("They never got there: this capture shows"));
}

TEST(TwoPoints, RequestThatNobodyCouldSeeArriveProvesNothing) {
  Story story(kBothEnds);
  falls_into_a_black_hole(story);
  story.misses([](Side, const Packet& packet) { return packet.eye == 1; });
  story.connect().exchange(get("/c"), ok());
  EXPECT_THAT(story, says("#0 idle_blackhole likely error impact=request_lost"));
}

TEST(TwoPoints, RequestThatArrivedAndWasNotAnsweredDidNotVanish) {
  Story story(kBothEnds);
  const Connection c = converses(story);
  c.client.idles_for(8s);
  c.server.vanishes();
  c.client.sends(get("/b"));
  story.wait(5s);
  story.connect().exchange(get("/c"), ok());
  for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.confidence, Confidence::certain) << to_line(finding);
}

}  // namespace
}  // namespace tcpwhy::tests
