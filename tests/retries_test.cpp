// What clients do after a failure: told by the request's first line, or, where nothing can be read, by time.
#include <algorithm>
#include <utility>
#include <vector>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A connection that has served once, was idle for 6 s, and was closed by its server as the next request was under way.
Connection loses_a_request(Story& story, std::string_view request, std::string_view response) {
  const Connection c = story.connect();
  c.exchange(request, response);
  c.client.idles_for(5970ms);
  c.client.sends(request);
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(60ms);  // the reset is there
  return c;
}

Finding the_loss(const Story& story) {
  return the_finding(findings(story), "keepalive_race");
}

// What can't be read.

TEST(Retries, NewConnectionRightAfterALostRequestIsItsRetry) {
  Story story({.round_trip = 50ms});
  loses_a_request(story, tls_data(), tls_data(900));
  story.wait(300ms);
  story.connect().exchange(tls_data(), tls_data(900));
  const RetryNote retry = the_loss(story).retry;
  EXPECT_EQ(retry.pattern, "fixed");
  EXPECT_EQ(retry.stream, 1U);
  EXPECT_EQ(retry.attempt, 2U);
  EXPECT_NEAR(static_cast<double>(retry.delay), 0.33e9, 0.06e9);
  EXPECT_THAT(the_loss(story).narrative.explanation, testing::HasSubstr("to repeat it, by the time"));
}

TEST(Retries, GuessOfARetryMakesNoLossCheaper) {
  Story story({.round_trip = 50ms});
  loses_a_request(story, tls_data(), tls_data(900));
  story.connect().exchange(tls_data(), tls_data(900));
  EXPECT_EQ(the_loss(story).verdict.severity, Severity::error);
}

TEST(Retries, ClientThatConnectsAllTheTimeMayHaveDoneSoAnyway) {
  Story story({.round_trip = 50ms});
  const Connection c = story.connect();
  c.exchange(tls_data(), tls_data(900));
  for (int i = 0; i < 25; ++i) {
    story.wait(150ms);
    story.connect();
  }
  c.client.idles_for(5970ms);
  c.client.sends(tls_data());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(400ms);
  story.connect();
  EXPECT_EQ(the_loss(story).retry.pattern, "");
}

TEST(Retries, SilenceForLongEnoughIsGivingUp) {
  for (const auto& [watched, pattern] : {std::pair(3s, ""), std::pair(11s, "none")}) {
    Story story({.round_trip = 50ms});
    loses_a_request(story, tls_data(), tls_data(900));
    story.wait(watched);
    story.connect({.server_port = 81});  // somebody else, so that time goes on
    EXPECT_EQ(the_loss(story).retry.pattern, pattern);
  }
}

/// Its other users wake up at the same time.
TEST(Retries, IdleConnectionOfThePoolThatIsTakenNextTellsNothing) {
  Story story({.round_trip = 50ms});
  const Connection spare = story.connect();
  spare.exchange(tls_data(), tls_data(900));
  loses_a_request(story, tls_data(), tls_data(900));
  spare.exchange(tls_data(), tls_data(900));
  EXPECT_EQ(the_loss(story).retry.pattern, "");
}

// What can be read, and meets the next stale connection.

TEST(Retries, RepetitionOnTheNextStaleConnectionIsNamed) {
  Story story({.round_trip = 50ms});
  const Connection first = story.connect();
  const Connection second = story.connect();
  first.exchange(get("/a"), ok());
  second.exchange(get("/b"), ok());
  first.client.idles_for(7s);
  first.server.closes();
  second.server.closes();
  story.wait(5ms);  // the FINs are not there yet
  first.client.sends(post("/order", 30));
  story.wait(60ms);
  second.client.sends(post("/order", 30));
  story.wait(60ms);
  const std::vector<Finding> all = findings(story);
  const auto lost = std::find_if(all.begin(), all.end(), [](const Finding& finding) {
    return finding.stream == 0 && finding.verdict.impact == Impact::request_lost;
  });
  ASSERT_NE(lost, all.end());
  EXPECT_EQ(lost->retry.stream, 1U);
  EXPECT_THAT(lost->narrative.explanation, testing::HasSubstr("retries that stay within the pool meet the same close"));
  EXPECT_THAT(lost->narrative.fix, testing::HasSubstr("on a fresh connection"));
}

TEST(Retries, RepetitionOnAFreshConnectionIsNotCalledStale) {
  Story story({.round_trip = 50ms});
  loses_a_request(story, get("/a"), ok());
  story.connect().exchange(get("/a"), ok());
  EXPECT_THAT(the_loss(story).narrative.explanation, testing::Not(testing::HasSubstr("stay within the pool")));
}

// Connects.

/// Refused again and again, after these pauses.
std::vector<Finding> refused_after(const std::vector<Duration>& pauses) {
  Story story({.round_trip = 20ms});
  story.connect({.listening = false});
  for (const Duration pause : pauses) {
    story.wait(pause);
    story.connect({.listening = false});
  }
  story.wait(20s);
  story.connect({.server_port = 81});
  return findings(story);
}

TEST(Retries, ConnectsHavePatternsToo) {
  EXPECT_EQ(refused_after({}).front().retry.pattern, "none");
  EXPECT_EQ(refused_after({10ms, 10ms, 10ms}).front().retry.pattern, "immediate");
  EXPECT_EQ(refused_after({1s, 1s, 1s}).front().retry.pattern, "fixed");
  const std::vector<Finding> growing = refused_after({250ms, 500ms, 1s, 2s});
  ASSERT_EQ(growing.size(), 5U);
  for (StreamNumber attempt = 0; attempt < 4; ++attempt) {
    EXPECT_EQ(growing[attempt].retry.pattern, "backoff");
    EXPECT_EQ(growing[attempt].retry.stream, attempt + 1);
    EXPECT_EQ(growing[attempt].retry.attempt, attempt + 2);
  }
  EXPECT_EQ(growing[4].retry.pattern, "none");
  EXPECT_THAT(growing[0].narrative.explanation, testing::HasSubstr("The client dialled again 250 ms later (stream 1"));
}

/// 1, 2, 4 s: the kernel's (RFC 6298 section 5.5), on the stream itself.
TEST(Retries, KernelsRepeatedSynsAreNoBackoffOfTheClient) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  c.path.drops();
  story.wait(20s);
  story.connect({.server_port = 81});
  for (const Finding& finding : findings(story)) {
    EXPECT_THAT(finding.retry.pattern, testing::AnyOf("", "none")) << to_text(finding);
    EXPECT_EQ(finding.retry.attempt, 0U);
  }
}

}  // namespace
}  // namespace tcpwhy::tests
