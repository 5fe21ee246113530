// request_timeout: the server cut off a request that was still arriving.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// Half of an upload, and then nothing for `pause`.
Connection stalls(Story& story, Duration pause) {
  const Connection c = story.connect();
  c.client.sends(std::string_view(post("/upload", 10'000)).substr(0, 5'000));
  story.wait(pause);
  return c;
}

TEST(RequestTimeout, AnsweredAndClosed) {
  Story story({.round_trip = 20ms});
  const Connection c = stalls(story, 2s);
  c.server.sends(response(408));
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 request_timeout error fault=client|server impact=request_lost"));
}

TEST(RequestTimeout, WhatComesLaterIsReset) {
  Story story({.round_trip = 20ms});
  const Connection c = stalls(story, 2s);
  c.server.sends(response(408));
  c.server.closes();
  story.wait(2s);
  c.client.sends(bytes(2'000));
  EXPECT_THAT(story, says("#0 request_timeout error reset_by=server kind=reply impact=request_lost"));
}

TEST(RequestTimeout, CutOffWithoutAWord) {
  Story story({.round_trip = 20ms});
  stalls(story, 5s).server.aborts();
  EXPECT_THAT(story, says("#0 request_timeout error reset_by=server kind=abort impact=request_lost"));
}

/// Body in pieces of `size` bytes, one in 200 ms, until the server aborts.
Story cut_off_in_flow(std::size_t size, int pieces) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  const std::string upload = post("/upload", 200'000);
  for (int i = 0; i < pieces; ++i) {
    c.client.sends(std::string_view(upload).substr(static_cast<std::size_t>(i) * size, size));
    story.wait(200ms);
  }
  c.server.aborts();
  return story;
}

TEST(RequestTimeout, UploadThatTrickles) {
  const Story story = cut_off_in_flow(400, 13);
  EXPECT_THAT(story, says("#0 request_timeout possible error fault=server reset_by=server kind=abort impact=request_lost"));
  EXPECT_THAT(the_finding(findings(story), "request_timeout").narrative.explanation,
              ::testing::HasSubstr("It had been arriving for 2.61 s"));
}

TEST(RequestTimeout, UploadThatHadJustBegunHasNotTrickled) {
  EXPECT_THAT(cut_off_in_flow(400, 3), ::testing::Not(says("#0 request_timeout")));
}

TEST(RequestTimeout, TheServersOwnWordIsEnough) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends("POST /upload HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n");
  story.wait(3s);
  c.server.sends(response(408));
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 request_timeout error fault=server impact=request_lost"));
}

// Stays silent.

TEST(RequestTimeout, UploadThatGoesOn) {
  Story story({.round_trip = 20ms});
  const std::string upload = post("/upload", 10'000);
  const Connection c = story.connect();
  c.client.sends(std::string_view(upload).substr(0, 5'000));
  story.wait(2s);
  c.client.sends(std::string_view(upload).substr(5'000));
  story.wait(50ms);
  c.server.sends(response(201));
  story.wait(50ms);
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(RequestTimeout, CompleteRequestWaitsForItsResponse) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(post("/upload", 3'000));
  story.wait(5s);
  c.server.aborts();
  EXPECT_THAT(story, says("#0 response_timeout"));
}

TEST(RequestTimeout, WhileTheBodyIsFlowingItIsUnread) {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  const Connection c = story.connect();
  const std::string upload = post("/upload", 40'000);
  c.server.stops_reading();
  c.client.sends(std::string_view(upload).substr(0, 20'000));
  story.wait(30ms);
  c.client.sends(std::string_view(upload).substr(20'000, 10'000));
  story.wait(25ms);
  c.server.sends(response(413));
  story.wait(55ms);
  c.client.sends(std::string_view(upload).substr(30'000));
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close"));
}

}  // namespace
}  // namespace tcpwhy::tests
