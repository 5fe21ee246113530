// abortive_close: a RST where a FIN belonged, after everything was delivered.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(AbortiveClose, ServerFinAndResetTogether) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(30ms);
  c.server.shuts_down();
  c.server.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat fault=nobody reset_by=server impact=none"));
}

TEST(AbortiveClose, ProxyResetsItsServerConnection) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok(5'000));
  story.wait(30ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat fault=nobody reset_by=client kind=abort impact=none"));
}

/// The server closes behind its answer; the client goes on for a moment, sees the end of file, and resets.
TEST(AbortiveClose, BehindWordsToASideThatHasClosed) {
  Story story({.vantage = Vantage::client, .round_trip = 200ms});
  const Connection c = story.connect({.server_port = 30'303});
  c.exchange(bytes(490), bytes(500));
  c.server.closes();
  story.wait(201ms);
  c.client.sends(bytes(64));
  c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close likely chat reset_by=client impact=none"));
}

TEST(AbortiveClose, ResetInAnswerToAFin) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(2s);
  c.client.closes();
  story.wait(11ms);
  c.server.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat reset_by=server impact=none"));
}

TEST(AbortiveClose, ManyResetsOneFinding) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.client.sends(get("/a"));
  story.wait(60ms);
  c.server.sends(ok(10'000));
  c.server.shuts_down();
  c.server.aborts();  // each ACK on its way draws another one
  EXPECT_THAT(story, says("#0 abortive_close chat impact=none"));
}

// A capture that reorders: the data is older than it looks, and "after the last data" would count from 1970.
TEST(AbortiveClose, NoTimeIsToldSinceDataThatCameLate) {
  Story story;
  story.play(R"(
    +0    > S  win 64240 <mss 1460>
    +.02  < S. win 65160 <mss 1460>
    +0    > .
    +.02  < .         ack 40
    +0    > P. 1:40(39)
    +.01  > R.
  )");
  EXPECT_THAT(story, says("#0 abortive_close"));
  EXPECT_THAT(the_finding(findings(story), "abortive_close").narrative.explanation,
              ::testing::Not(::testing::HasSubstr("after the last data")));
}

// Stays silent.

TEST(AbortiveClose, FinIsNotAReset) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(AbortiveClose, UnfinishedResponseIsTruncation) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/a"));
  story.wait(20ms);
  c.server.sends(ok(200'000).substr(0, 20 * kFullSegment));
  c.server.aborts();
  EXPECT_THAT(story, says("#0 abortive_truncation"));
}

TEST(AbortiveClose, UnansweredRequestIsNoHarmlessClose) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.client.sends(get("/b"));
  story.wait(100ms);
  c.server.aborts();
  EXPECT_THAT(story, ::testing::Not(is_silent()));
}

}  // namespace
}  // namespace tcpwhy::tests
