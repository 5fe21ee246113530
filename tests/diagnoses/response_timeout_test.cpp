// response_timeout: a fresh request was acknowledged and, some time later, cut off: somebody's timeout is shorter than
// the work.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A request that is being worked on for `wait`, after one that was answered.
Connection waits(Story& story, Duration wait) {
  const Connection c = story.connect();
  c.exchange(get("/quick"), ok());
  story.wait(100ms);
  c.client.sends(get("/slow"));
  story.wait(wait);
  return c;
}

TEST(ResponseTimeout, ClientGivesUp) {
  Story story({.round_trip = 20ms});
  waits(story, 30s).client.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error fault=client reset_by=client kind=abort impact=response_lost"));
}

/// RFC 9110 section 15.2: "100 Continue" asks for the body, and answers nothing.
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// Sends the head, waits for "100 Continue", and sends the body.
void uploads(const Story& story, const Connection& c) {
  const std::string request = post("/object", 8'000);
  const std::size_t body = request.find("\r\n\r\n") + 4;
  c.client.sends(request.substr(0, body));
  story.wait(15ms);
  c.server.sends(kContinue);
  story.wait(15ms);
  c.client.sends(request.substr(body));
}

TEST(ResponseTimeout, UploadThatWasOnlyToldToContinue) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect();
    uploads(story, c);
    story.wait(2s);
    c.client.aborts();
    EXPECT_THAT(story, says("#0 response_timeout error fault=client impact=response_lost"));
  }
}

TEST(ResponseTimeout, ServersWatchdogGivesUp) {
  Story story({.round_trip = 20ms});
  waits(story, 30s).server.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error fault=server reset_by=server impact=response_lost|request_lost"));
}

TEST(ResponseTimeout, ProxyAnswers504) {
  Story story({.round_trip = 20ms});
  const Connection c = waits(story, 2s);
  c.server.sends(response(504));
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 response_timeout error impact=response_lost"));
}

/// The same in a protocol that is not known here.
Connection queries(Story& story, Duration wait) {
  const Connection c = story.connect({.server_port = 3'306});
  c.exchange(bytes(30), bytes(300));
  story.wait(100ms);
  c.client.sends(bytes(33));
  story.wait(wait);
  return c;
}

TEST(ResponseTimeout, DatabaseAnswersWhenTheClientHasGone) {
  Story story({.round_trip = 20ms});
  const Connection c = queries(story, 2s);
  c.client.closes();
  story.wait(2s);
  c.server.sends(bytes(308));
  EXPECT_THAT(story, says("#0 response_timeout error fault=client impact=response_lost"));
}

/// They may have been words that want no answer, too.
TEST(ResponseTimeout, InAProtocolThatNobodyReadsItIsPossible) {
  for (const bool resets : {false, true}) {
    Story story({.round_trip = 20ms});
    const Connection c = queries(story, 30s);
    if (resets) {
      c.server.aborts();
      EXPECT_THAT(story, says("#0 response_timeout possible error fault=server reset_by=server impact=response_lost"));
    } else {
      c.server.closes();
      EXPECT_THAT(story, says("#0 response_timeout possible error fault=server impact=response_lost"));
    }
  }
}

TEST(ResponseTimeout, ClientGivesUpWithAFin) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    waits(story, 5s).client.closes();
    EXPECT_THAT(story, says("#0 response_timeout error fault=client impact=response_lost"));
  }
}

TEST(ResponseTimeout, AnswerComesToAClientThatHasGivenUp) {
  Story story({.round_trip = 20ms});
  const Connection c = waits(story, 5s);
  c.client.closes();
  story.wait(2s);
  c.server.sends(ok());
  EXPECT_THAT(story, says("#0 response_timeout error fault=client reset_by=client impact=response_lost"));
}

// Stays silent.

TEST(ResponseTimeout, UploadThatIsAnsweredAfterContinue) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  uploads(story, c);
  story.wait(100ms);
  c.server.sends(ok());
  story.wait(100ms);
  c.closes_cleanly();
  EXPECT_THAT(story, says(""));
}

/// The client did not wait for it: it comes in one segment with the answer, or right before it.
TEST(ResponseTimeout, ContinueThatComesWithTheAnswer) {
  for (const bool at_once : {true, false}) {
    Story story({.round_trip = 20ms});
    const Connection c = story.connect();
    c.client.sends(post("/object", 800));
    story.wait(15ms);
    c.server.sends(at_once ? std::string(kContinue) + ok() : std::string(kContinue));
    if (!at_once) c.server.sends(ok());
    story.wait(100ms);
    c.client.aborts();
    EXPECT_THAT(story, says("#0 abortive_close"));
  }
}

TEST(ResponseTimeout, SlowAnswerIsAnAnswer) {
  Story story({.round_trip = 20ms});
  const Connection c = waits(story, 30s);
  c.server.sends(ok());
  story.wait(1s);
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(ResponseTimeout, HalfCloseWaitsForItsAnswer) {
  Story story({.round_trip = 20ms});
  const Connection c = waits(story, 2s);
  c.client.shuts_down();
  story.wait(2s);
  c.server.sends(ok());
  c.server.closes();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

/// A switch tells its controller what happens, and wants no answer.
TEST(ResponseTimeout, WhoGoesOnWithoutAnAnswerWaitsForNone) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 6'633});
  c.exchange(bytes(8), bytes(16));
  c.exchange(bytes(128), bytes(24));
  for (int i = 0; i < 2; ++i) {
    story.wait(1500ms);
    c.client.sends(bytes(137));
  }
  story.wait(2s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, is_silent());
}

TEST(ResponseTimeout, AfterTheFirstByteOfTheResponseItIsAClientAbort) {
  Story story({.round_trip = 20ms});
  const Connection c = waits(story, 3s);
  c.server.sends(ok(200'000).substr(0, 30 * kFullSegment));
  story.wait(3s);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 client_abort/response note"));
}

TEST(ResponseTimeout, WhereOnlyAGapSetsItApartTheConnectionWasDead) {
  Story story({.round_trip = 20ms});
  const Connection other = story.connect();
  other.exchange(get("/a"), ok());
  other.client.idles_for(4s);
  other.exchange(get("/a"), ok());
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(1s);
  c.server.stops_reading();
  c.client.idles_for(8s);
  c.client.sends(get("/b"));
  story.wait(10s);
  c.server.closes();
  EXPECT_THAT(story, says("#1 dead_keepalive/reset"));
}

}  // namespace
}  // namespace tcpwhy::tests
