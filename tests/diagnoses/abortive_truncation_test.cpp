// abortive_truncation: reset with a response still to deliver.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// `option nolinger`: what fits goes out, then a reset.
void cuts_its_response_short(const Story& story, const Connection& c, std::size_t segments) {
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, segments * kFullSegment));
  c.server.aborts();
  story.settle();
}

TEST(AbortiveTruncation, ContentLengthTellsWhatIsMissing) {
  Story story({.round_trip = 20ms});
  cuts_its_response_short(story, story.connect(), 20);
  const std::size_t missing = ok(100'000).size() - 20 * kFullSegment;
  EXPECT_THAT(story, says("#0 abortive_truncation certain error fault=server reset_by=server kind=abort "
                          "impact=response_truncated lost=" +
                          std::to_string(missing)));
}

TEST(AbortiveTruncation, SeenFromTheServer) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  cuts_its_response_short(story, story.connect(), 20);
  EXPECT_THAT(story, says("#0 abortive_truncation error fault=server impact=response_truncated"));
}

TEST(AbortiveTruncation, HabitOfTheEndpoint) {
  Story story({.round_trip = 20ms});
  cuts_its_response_short(story, story.connect(), 20);
  cuts_its_response_short(story, story.connect(), 30);
  EXPECT_THAT(story, says("#0 abortive_truncation error\n#1 abortive_truncation error"));
}

// Stays silent.

TEST(AbortiveTruncation, WholeResponseAndAFin) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/large"), ok(100'000));
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(AbortiveTruncation, WholeResponseIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/small"), ok(3'000));
  story.wait(20ms);
  c.server.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat"));
}

TEST(AbortiveTruncation, ClientThatGivesUpIsNotTheServersFault) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
  story.wait(15ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 client_abort/response reset_by=client"));
}

TEST(AbortiveTruncation, ExceptionOnAnEndpointThatClosesWellIsNoHabit) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 5; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/large"), ok(100'000));
    c.closes_cleanly(Side::server);
  }
  cuts_its_response_short(story, story.connect(), 20);
  EXPECT_THAT(story, says("#5 server_abort error reset_by=server"));
}

}  // namespace
}  // namespace tcpwhy::tests
