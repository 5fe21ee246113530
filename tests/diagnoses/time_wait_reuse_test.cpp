// time_wait_reuse: the same ports again within TIME_WAIT, and accepted.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Terms kSamePorts = {.client_port = 50'000};

void closed_by_the_server(Story& story) {
  const Connection c = story.connect(kSamePorts);
  c.exchange(get("/a"), ok());
  c.closes_cleanly(Side::server);
}

TEST(TimeWaitReuse, AcceptedAtOnce) {
  Story story;
  closed_by_the_server(story);
  story.wait(5s);
  const Connection c = story.connect(kSamePorts);
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says("#1 time_wait_reuse chat fault=nobody impact=none"));
}

TEST(TimeWaitReuse, EachIncarnationOnItsOwn) {
  Story story;
  for (int i = 0; i < 3; ++i) {
    closed_by_the_server(story);
    story.wait(5s);
  }
  EXPECT_THAT(story, says("#1 time_wait_reuse chat\n#2 time_wait_reuse chat"));
}

// Stays silent.

TEST(TimeWaitReuse, AfterTimeWaitItIsJustAPort) {
  Story story;
  closed_by_the_server(story);
  story.wait(61s);
  story.connect(kSamePorts).exchange(get("/b"), ok());
  EXPECT_THAT(story, says_nothing());
}

TEST(TimeWaitReuse, TimeWaitIsASetting) {
  Story story;
  closed_by_the_server(story);
  story.wait(61s);
  story.connect(kSamePorts).exchange(get("/b"), ok());
  const Settings rfc = {.time_wait = 240 * kSecond,
                        .smallest_idle_gap = Settings{}.smallest_idle_gap,
                        .rtt_margin = Settings{}.rtt_margin};
  EXPECT_TRUE(lines_match(verdicts(story, rfc), "#1 time_wait_reuse chat")) << verdicts(story, rfc);
}

// Nearest neighbour.

TEST(TimeWaitReuse, RefusedReuseIsACollision) {
  Story story({.vantage = Vantage::server});
  const Connection old = story.connect({.client_port = 50'000, .client_isn = 9'000'000, .client_timestamps = false});
  old.closes_cleanly(Side::server);
  story.connect({.client_port = 50'000, .client_isn = 5, .client_timestamps = false}).exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#1 time_wait_collision"));
}

}  // namespace
}  // namespace tcpwhy::tests
