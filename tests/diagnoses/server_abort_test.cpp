// server_abort: the server reset in mid-response; the exception on an endpoint whose other responses end well.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

void others_end_well(Story& story) {
  for (int i = 0; i < 5; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/large"), ok(50'000));
    c.closes_cleanly(Side::server);
  }
}

TEST(ServerAbort, InMidResponse) {
  Story story({.round_trip = 20ms});
  others_end_well(story);
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
  story.wait(500ms);
  c.server.aborts();
  EXPECT_THAT(story, says("#5 server_abort error fault=server reset_by=server kind=abort impact=response_truncated"));
}

TEST(ServerAbort, EverybodyAtOnce) {
  Story story({.round_trip = 20ms});
  std::vector<Connection> working;
  for (int i = 0; i < 4; ++i) {
    working.push_back(story.connect());
    working.back().exchange(get("/a"), ok());
    story.wait(i * 130ms);
    working.back().client.sends(get("/work"));
    story.wait(50ms);
  }
  for (const Connection& c : working) c.server.aborts();
  EXPECT_THAT(story,
              says("#0 server_abort error\n#1 server_abort error\n#2 server_abort error\n#3 server_abort error"));
}

TEST(ServerAbort, ClosesInOrderWithoutAnAnswer) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    story.wait(100ms);
    c.client.sends(get("/crash"));
    story.wait(200ms);
    c.closes_cleanly(Side::server);
    EXPECT_THAT(story, says("#0 server_abort error fault=server impact=request_lost lost=43"));
  }
}

TEST(ServerAbort, ClosesInOrderInTheMiddleOfAResponse) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect();
    c.client.sends(get("/report"));
    story.wait(15ms);
    c.server.sends(ok(20'000).substr(0, 10 * kFullSegment));
    story.wait(200ms);
    c.closes_cleanly(Side::server);
    EXPECT_THAT(story, says("#0 server_abort error fault=server impact=response_truncated"));
  }
}

// Stays silent.

/// RFC 9110 section 9.3.2: what answers a HEAD announces a body and has none.
TEST(ServerAbort, HeadIsAnsweredWithoutABody) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  std::string head = get("/report");
  head.replace(0, 3, "HEAD");
  std::string answer = ok(20'000);
  answer.resize(answer.find("\r\n\r\n") + 4);
  c.exchange(head, answer);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says(""));
}

/// The client has what it wanted and closes; the server stops then.
TEST(ServerAbort, ClientThatClosesFirstIsNotCutOff) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/stream"));
  story.wait(15ms);
  c.server.sends(ok(20'000).substr(0, 10 * kFullSegment));
  story.wait(200ms);
  c.closes_cleanly(Side::client);
  EXPECT_THAT(story, says(""));
}

TEST(ServerAbort, ResponsesThatEndWell) {
  Story story({.round_trip = 20ms});
  others_end_well(story);
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(ServerAbort, HabitIsTruncation) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.connect();
    c.client.sends(get("/large"));
    story.wait(15ms);
    c.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
    c.server.aborts();
    story.settle();
  }
  EXPECT_THAT(story, says("#0 abortive_truncation\n#1 abortive_truncation\n#2 abortive_truncation"));
}

TEST(ServerAbort, CompleteResponseIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  others_end_well(story);
  const Connection c = story.connect();
  c.exchange(get("/small"), ok());
  story.wait(30ms);
  c.server.aborts();
  EXPECT_THAT(story, says("#5 abortive_close chat"));
}

TEST(ServerAbort, AfterALongWaitTheCloseIsATimeout) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.client.sends(get("/slow"));
  story.wait(30s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 response_timeout error fault=server impact=response_lost"));
}

}  // namespace
}  // namespace tcpwhy::tests
