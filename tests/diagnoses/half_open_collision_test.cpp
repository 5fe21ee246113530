// half_open_collision: a SYN met the previous connection, which the far end still holds for established.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint16_t kPort = 50'000;

/// The client's machine lost its side without a word: a crash, a reboot.
void leaves_half_open(Story& story) {
  const Connection c = story.connect({.client_port = kPort, .client_isn = 2'000'000'000});
  c.exchange(get("/a"), ok());
  story.wait(10s);
  c.client.forgets();
}
constexpr Terms kAgain = {.client_port = kPort, .client_isn = 1'000'000};

TEST(HalfOpenCollision, Retried) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.connect(kAgain).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 half_open_collision/retried warn reset_by=client kind=reply impact=connect_delayed"));
}

TEST(HalfOpenCollision, HigherIsnMakesNoDifference) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.connect({.client_port = kPort, .client_isn = 3'000'000'000}).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 half_open_collision/retried warn"));
}

TEST(HalfOpenCollision, ResetAndGivenUp) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  const Connection c = story.dials(kAgain);
  story.wait(25ms);
  c.client.forgets();
  EXPECT_THAT(story, says("#1 half_open_collision/reset error impact=connect_failed"));
}

TEST(HalfOpenCollision, BlockedByAFirewallThatDropsTheAck) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  const Connection c = story.dials(kAgain);
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.flags == kAck; });
  EXPECT_THAT(story, says("#1 half_open_collision/blocked error impact=connect_failed"));
}

TEST(HalfOpenCollision, WithoutTheOldConnectionInTheCapture) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.begins_capturing();
  story.connect(kAgain).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#0 half_open_collision/retried warn"));  // the challenge's IP ID is not 0
}

/// No router has passed this SYN on yet, and its port was that of the old connection: no NAT gave it to somebody else.
TEST(HalfOpenCollision, SeenAtTheClientItsOwnHostForgot) {
  Story story({.vantage = Vantage::client});
  leaves_half_open(story);
  story.connect(kAgain).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 half_open_collision/retried warn fault=client impact=connect_delayed"));
}

TEST(HalfOpenCollision, BehindARouterItMayHaveBeenANat) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.connect(kAgain).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 half_open_collision/retried warn fault=middlebox"));
}

TEST(HalfOpenCollision, AnEstablishedSocketHeedsNeitherNumberNorTimestamp) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.connect({.client_port = kPort, .client_isn = 3'000'000'000}).exchange(get("/b"), ok());
  const std::string text = the_finding(findings(story), "half_open_collision").narrative.explanation;
  EXPECT_THAT(text, ::testing::HasSubstr("RFC 5961"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("imestamps")));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("lies")));
}

// Stays silent.

TEST(HalfOpenCollision, OtherPortsAreOtherConnections) {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  story.connect({.client_port = kPort + 1, .client_isn = 1'000'000}).exchange(get("/b"), ok());
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbour.

TEST(HalfOpenCollision, ClosedOldConnectionIsTimeWait) {
  Story story({.vantage = Vantage::server});
  const Connection old = story.connect({.client_port = kPort, .client_isn = 2'000'000'000, .client_timestamps = false});
  old.exchange(get("/a"), ok());
  old.closes_cleanly(Side::server);
  story.wait(1s);
  story.connect({.client_port = kPort, .client_isn = 1'000'000, .client_timestamps = false}).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 time_wait_collision/retried"));
  const std::string text = the_finding(findings(story), "time_wait_collision").narrative.explanation;
  EXPECT_THAT(text, ::testing::HasSubstr("imestamps"));  // there they would have helped
  EXPECT_THAT(text, ::testing::HasSubstr("below"));
}

}  // namespace
}  // namespace tcpwhy::tests
