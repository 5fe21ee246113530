// time_wait_collision: a SYN met the previous connection's TIME_WAIT and was answered by a bare ACK of the old numbers.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint16_t kPort = 50'000;

/// The server closed first, and keeps TIME_WAIT for the client's port.
void leaves_time_wait(Story& story, bool timestamps) {
  const Connection c =
      story.connect({.client_port = kPort, .client_isn = 2'000'000'000, .client_timestamps = timestamps});
  c.exchange(get("/a"), ok());
  c.closes_cleanly(Side::server);
  story.wait(2s);
}

/// Another host behind the same NAT: its ISN is lower, and its clock, where it has one, is older.
constexpr Terms kStranger = {.client_port = kPort, .client_isn = 1'000'000, .client_timestamps = false};
constexpr Terms kStrangerWithOlderClock = {.client_port = kPort, .client_isn = 1'000'000, .client_clock = 1};

TEST(TimeWaitCollision, RetriedAfterTenMilliseconds) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, false);
  const Connection c = story.connect(kStranger);
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says("#1 time_wait_collision/retried warn reset_by=client kind=reply impact=connect_delayed"));
}

TEST(TimeWaitCollision, SeenFromTheClient) {
  Story story({.vantage = Vantage::client});
  leaves_time_wait(story, false);
  story.connect(kStranger).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 time_wait_collision/retried warn impact=connect_delayed"));
}

TEST(TimeWaitCollision, ResetAndGivenUp) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, false);
  const Connection c = story.dials(kStranger);
  story.wait(25ms);  // its RST has left, its second SYN has not
  c.client.forgets();
  EXPECT_THAT(story, says("#1 time_wait_collision/reset error reset_by=client impact=connect_failed"));
}

/// A firewall drops an ACK that answers a SYN: out of state. TIME_WAIT outlives six SYNs.
void is_blocked(Story& story) {
  leaves_time_wait(story, false);
  const Connection c = story.dials(kStranger);
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.flags == kAck; });
  story.settle();
}

TEST(TimeWaitCollision, BlockedAsTheClientSeesIt) {
  Story story({.vantage = Vantage::client});
  is_blocked(story);
  EXPECT_THAT(story, says("#1 time_wait_collision/blocked warn|error impact=connect_delayed"));
}

TEST(TimeWaitCollision, BlockedAsTheServerSeesIt) {
  Story story({.vantage = Vantage::server});
  is_blocked(story);
  EXPECT_THAT(story, says("#1 time_wait_collision warn|error impact=connect_delayed"));
}

/// A NAT picks a port for each repetition of a SYN; the one that gets through may leave from a port that had failed before.
TEST(TimeWaitCollision, SynThatGetsThroughFromThePortOfItsFirstFailureIsDelayed) {
  constexpr std::string_view kCollides = R"(
    +0      > S 0:0(0) win 64240 <mss 1460>
    +.00004 < . 3000:3000(0) ack 90000 win 63 id 0
    +.01    > R 90000:90000(0)
  )";
  constexpr Terms kFirstPort = {.client_port = 40'001, .client_isn = 55'768'014};
  constexpr Terms kSecondPort = {.client_port = 40'003, .client_isn = 55'768'014};
  Story story({.vantage = Vantage::server});
  story.play(kCollides, kFirstPort);
  story.wait(25ms);
  story.play(kCollides, kSecondPort);
  story.wait(1s);
  story.play(R"(
    +0      > S  0:0(0) win 64240 <mss 1460>
    +.00004 < S. 0:0(0) ack 1 win 64240 <mss 1460>
    +.01    > .  1:1(0) ack 1
  )", kFirstPort);
  EXPECT_THAT(story, says("#0 time_wait_collision/retried warn impact=connect_delayed\n"
                          "#1 time_wait_collision/reset warn impact=connect_delayed"));
}

TEST(TimeWaitCollision, OlderTimestampsAreTheCause) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, true);
  story.connect(kStrangerWithOlderClock).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 time_wait_collision/retried warn"));
}

TEST(TimeWaitCollision, TellsBothIsnsAndTheAge) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, false);
  story.connect(kStranger).exchange(get("/b"), ok());
  const Finding finding = the_finding(findings(story), "time_wait_collision");
  EXPECT_THAT(finding.narrative.explanation,
              ::testing::AllOf(::testing::HasSubstr("2.02 s"), ::testing::HasSubstr("1000000"),
                               ::testing::HasSubstr("2000000041")));
}

TEST(TimeWaitCollision, WithoutTheOldConnectionInTheCapture) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, false);
  story.begins_capturing();
  story.connect(kStranger).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#0 time_wait_collision/retried warn"));
}

// Stays silent.

TEST(TimeWaitCollision, AcceptedReuseIsChat) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, false);
  story.connect({.client_port = kPort, .client_isn = 3'000'000'000, .client_timestamps = false})
      .exchange(get("/b"), ok());
  EXPECT_THAT(story, is_silent());
}

TEST(TimeWaitCollision, NewerTimestampsGetThrough) {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story, true);
  story.connect({.client_port = kPort, .client_isn = 1'000'000}).exchange(get("/b"), ok());
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbour.

TEST(TimeWaitCollision, OldConnectionStillOpenIsHalfOpen) {
  Story story({.vantage = Vantage::server});
  const Connection old = story.connect({.client_port = kPort, .client_isn = 2'000'000'000});
  old.exchange(get("/a"), ok());
  story.wait(1s);
  old.client.forgets();
  story.connect(kStrangerWithOlderClock).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 half_open_collision"));
}

}  // namespace
}  // namespace tcpwhy::tests
