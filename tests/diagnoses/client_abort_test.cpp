// client_abort: the client gave up in mid-response or in mid-request.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(ClientAbort, CancelledDownloadIsOneIncidentHoweverManyResets) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(500'000).substr(0, 60 * kFullSegment));
  story.wait(11ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 client_abort/response note fault=client|nobody reset_by=client"));
}

TEST(ClientAbort, ClosedTab) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(500'000).substr(0, 30 * kFullSegment));
  story.wait(100ms);
  c.client.closes();  // a FIN, and then nobody for the rest
  story.wait(5ms);
  c.server.sends(bytes(30 * kFullSegment));
  EXPECT_THAT(story, says("#0 client_abort/response note reset_by=client"));
}

TEST(ClientAbort, StoppedUpload) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(std::string_view(post("/upload", 500'000)).substr(0, 30 * kFullSegment));
  story.wait(15ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 client_abort/request note fault=client|nobody reset_by=client"));
}

TEST(ClientAbort, StoppedUploadWithAFin) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect();
    c.client.sends(std::string_view(post("/upload", 500'000)).substr(0, 30 * kFullSegment));
    story.wait(15ms);
    c.closes_cleanly(Side::client);
    EXPECT_THAT(story, says("#0 client_abort/request note fault=client|nobody impact=none"));
  }
}

/// The answer, in several segments and with the server's FIN, meets no socket any more.
TEST(ClientAbort, RequestThatIsAnsweredToNobody) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 60ms});
    const Connection c = story.connect();
    c.client.sends(get("/orders"));
    story.wait(400ms);
    c.client.closes();
    story.wait(600ms);
    c.server.sends(ok(3'000));
    c.server.closes();
    EXPECT_THAT(story, says("#0 client_abort/request note fault=client impact=none"));
  }
}

// Stays silent.

TEST(ClientAbort, DownloadToTheEnd) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/large"), ok(300'000));
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(ClientAbort, WholeResponseIsAnAbortiveClose) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/large"), ok(300'000));
  story.wait(50ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat"));
}

TEST(ClientAbort, NoByteOfTheResponseForLongIsATimeout) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/slow"));
  story.wait(30s);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 response_timeout"));
}

}  // namespace
}  // namespace tcpwhy::tests
