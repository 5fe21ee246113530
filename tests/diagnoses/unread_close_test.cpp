// unread_close: closed with received data unread. RST+ACK, then one RST for each segment in flight.
#include <fmt/format.h>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// An answer before the upload is complete; the rest of the upload is under way when the server closes.
void answers_early(const Story& story, const Connection& c, int status, Duration lingers) {
  const std::string upload = post("/upload", 60'000);
  c.server.stops_reading();
  c.client.sends(std::string_view(upload).substr(0, 20'000));
  story.wait(60ms);
  c.server.sends(response(status));
  story.wait(30ms);
  c.client.sends(std::string_view(upload).substr(20'000, 20'000));
  story.wait(lingers);
  c.server.closes();
  story.settle();
}

TEST(UnreadClose, ResponseArrivedBeforeTheReset) {
  Story story({.round_trip = 100ms});
  answers_early(story, story.connect(), 413, 30ms);
  EXPECT_THAT(story, says("#0 unread_close warn reset_by=server kind=abort impact=none"));
}

TEST(UnreadClose, AllThatWasSentIsAcknowledgedButNotAllWasSent) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.server.stops_reading();
  c.client.sends(std::string_view(post("/upload", 60'000)).substr(0, 20'000));
  story.wait(200ms);
  c.server.sends(response(507));
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close warn reset_by=server kind=abort impact=none"));
}

TEST(UnreadClose, StatusAndWhatSparesIt) {
  const std::pair<int, std::string_view> advice[] = {
      {413, "Expect: 100-continue"}, {401, "credentials"}, {403, "Expect: 100-continue"}, {431, "smaller headers"}};
  for (const auto& [status, words] : advice) {
    Story story({.round_trip = 100ms});
    answers_early(story, story.connect(), status, 30ms);
    const Narrative told = the_finding(findings(story), "unread_close").narrative;
    EXPECT_THAT(told.explanation, ::testing::HasSubstr(fmt::format("status {}", status)));
    EXPECT_THAT(told.fix, ::testing::HasSubstr(std::string(words))) << status;
  }
}

TEST(UnreadClose, ResponseAndResetLeaveTogether) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  const std::string upload = post("/upload", 60'000);
  c.server.stops_reading();
  c.client.sends(std::string_view(upload).substr(0, 20'000));
  story.wait(40ms);
  c.client.sends(std::string_view(upload).substr(20'000, 20'000));
  story.wait(20ms);
  c.server.sends(response(413));
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close error|warn reset_by=server kind=abort"));
}

TEST(UnreadClose, SeenFromTheServer) {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  answers_early(story, story.connect(), 401, 30ms);
  EXPECT_THAT(story, says("#0 unread_close warn reset_by=server"));
}

TEST(UnreadClose, RequestThatNobodyRead) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.server.stops_reading();
  c.client.sends(get("/a"));
  story.wait(300ms);
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close error reset_by=server kind=abort impact=request_lost"));
}

// Stays silent.

TEST(UnreadClose, EarlyAnswerThatDrainsTheRest) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  const std::string upload = post("/upload", 60'000);
  c.client.sends(std::string_view(upload).substr(0, 30'000));
  story.wait(60ms);
  c.server.sends(response(413));
  story.wait(10ms);
  c.client.sends(std::string_view(upload).substr(30'000));
  story.wait(200ms);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(UnreadClose, SeveralSequenceNumbersAreNotAForgery) {
  Story story({.round_trip = 100ms});
  answers_early(story, story.connect(), 413, 30ms);
  EXPECT_THAT(story, ::testing::Not(says("#0 injected_reset")));
}

TEST(UnreadClose, AfterAnIdleGapAtTheServersTimerItIsARace) {
  Story story({.round_trip = 100ms});
  const Connection other = story.connect();
  other.exchange(get("/"), ok());
  other.server.idles_for(6s);
  other.closes_cleanly(Side::server);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(1s);
  c.server.stops_reading();
  c.client.idles_for(5'899ms);
  c.client.sends(get("/b"));
  story.wait(51ms);  // it has just arrived when the timer fires
  c.server.closes();
  EXPECT_THAT(story, says("#1 keepalive_race/unread"));
}

}  // namespace
}  // namespace tcpwhy::tests
