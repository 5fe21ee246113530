// stale_reuse: a request on a connection whose FIN the requester had already acknowledged.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// Closed by the server after 6 s, reused by the client `later` than that.
Connection reused(const Story& story, const Connection& c, Duration later) {
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(later);
  c.client.sends(get("/b"));
  return c;
}

/// "get x\r\n", said and answered twice, and once more when the server had closed; the client then closes, too.
Story asks_briefly(std::string_view last_words) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect({.server_port = 11'211});
  for (int i = 0; i < 2; ++i) c.exchange("get sess:42\r\n", "END\r\n");
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(last_words);
  c.client.closes();
  return story;
}

TEST(StaleReuse, ShortRequestThatWasAnsweredBefore) {
  EXPECT_THAT(asks_briefly("get sess:42\r\n"), says("#0 stale_reuse/reset error fault=client impact=request_lost lost=13"));
}

TEST(StaleReuse, ShortPartingWordsAreNoRequest) {
  EXPECT_THAT(asks_briefly("quit\r\n"), is_silent());
}

TEST(StaleReuse, WhoRepeatsItselfAndClosesWaitsForNothing) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(bytes(16), bytes(22));
  c.client.sends(bytes(16));
  c.client.closes();
  story.wait(50ms);
  c.server.aborts();
  EXPECT_THAT(story, is_silent());
}

// The ACK of the farewell leaves the FIN over; the request acknowledges that 4 ms later, which is no round trip.
TEST(StaleReuse, PhotoFinishBehindAFarewellSeenFromTheServer) {
  Story story({.vantage = Vantage::server, .round_trip = 80ms});
  const Connection c = story.connect({.server_port = 5'432});
  c.exchange(bytes(41), bytes(410));
  c.server.idles_for(2s);
  c.server.sends(bytes(116));
  story.wait(2ms);
  c.server.closes();
  story.wait(39ms);  // the client has acknowledged the farewell, and is about to see the FIN
  c.client.acks_after(40ms);
  story.wait(3ms);
  c.client.sends(bytes(28));
  EXPECT_THAT(story, says("#0 stale_reuse/photo_finish likely error fault=client reset_by=server"));
}

TEST(StaleReuse, FarewellForFarewellIsNoRequest) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.exchange(bytes(88), bytes(400));
    c.server.idles_for(6s);
    c.server.sends(bytes(17));  // a GOAWAY of HTTP/2
    c.server.closes();
    story.wait(50ms);
    c.client.sends(bytes(17));
    c.client.closes();
    EXPECT_THAT(story, is_silent());
  }
}

class StaleReuse : public ::testing::TestWithParam<Vantage> {};

TEST_P(StaleReuse, ResetFromAnyVantagePoint) {
  Story story({.vantage = GetParam(), .round_trip = 100ms});
  reused(story, story.connect(), 1s);
  EXPECT_THAT(story, says("#0 stale_reuse/reset certain error fault=client reset_by=server kind=reply "
                          "impact=request_lost lost=39"));
}
INSTANTIATE_TEST_SUITE_P(Vantages, StaleReuse, ::testing::Values(Vantage::client, Vantage::middle, Vantage::server));

TEST(StaleReuse, FinAcknowledgedByTheRequestItselfButLate) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.client.acks_after(40ms);
  reused(story, c, 80ms);  // 30 ms after the FIN reached the client
  EXPECT_THAT(story, says("#0 stale_reuse/reset error fault=client"));
}

TEST(StaleReuse, PhotoFinish) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.client.acks_after(40ms);
  reused(story, c, 51ms);  // 1 ms after the FIN reached the client
  EXPECT_THAT(story, says("#0 stale_reuse/photo_finish likely error impact=request_lost"));
}

TEST(StaleReuse, Discarded) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(5s);
  c.server.shuts_down();
  story.wait(1s);
  c.client.sends(get("/b"));
  story.wait(1s);
  c.client.closes();
  EXPECT_THAT(story, says("#0 stale_reuse/discarded error fault=client impact=request_lost lost=39"));
}

TEST(StaleReuse, AnsweredRetryMakesItAWarning) {
  Story story({.round_trip = 20ms});
  reused(story, story.connect(), 1s);
  story.wait(100ms);
  story.connect().exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#0 stale_reuse/reset warn"));
}

TEST(StaleReuse, OneFailureOneFindingHoweverManyResets) {
  Story story({.round_trip = 100ms});
  const Connection c = reused(story, story.connect(), 1s);
  c.client.sends(get("/b2"));
  c.client.closes();  // each of them draws a RST of its own
  EXPECT_THAT(story, says("#0 stale_reuse/reset error"));
}

TEST(StaleReuse, ServerHadSaidThatItCloses) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok_with("Connection: close"));
  c.server.idles_for(1s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset fault=client"));
  const Narrative told = the_finding(findings(story), "stale_reuse").narrative;
  EXPECT_THAT(told.explanation, ::testing::HasSubstr("had said `Connection: close`"));
  EXPECT_THAT(told.explanation, ::testing::HasSubstr("must not reuse"));
  EXPECT_THAT(told.fix, ::testing::HasSubstr("Open a new connection"));
}

// Stays silent.

TEST(StaleReuse, ClientThatSeesTheFinClosesToo) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says_nothing());
}

TEST(StaleReuse, HalfCloseThatIsAnsweredIsHealthy) {
  Story story;
  const Connection c = story.connect();
  c.client.sends(post("/upload", 2'000));
  c.client.shuts_down();
  story.wait(2s);
  c.server.sends(ok());
  story.wait(100ms);
  c.server.closes();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(StaleReuse, UnacknowledgedFinIsARace) {
  Story story({.round_trip = 100ms});
  reused(story, story.connect(), 10ms);
  EXPECT_THAT(story, says("#0 keepalive_race/crossing"));
}

/// The server closes right behind its answer, and the client, who had more to say, goes on: no pool had kept anything.
TEST(StaleReuse, ConversationThatGoesOnWasNotIdle) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect({.server_port = 30'303});
    c.client.sends(bytes(490));
    story.wait(11ms);
    c.server.sends(bytes(500));
    c.server.closes();
    story.wait(11ms);
    c.client.sends(bytes(240));
    EXPECT_THAT(story, says("#0 write_after_close likely error reset_by=server lost=240"));
  }
}

/// The first request of a TLS session that the server ends behind its Finished.
TEST(StaleReuse, SessionThatWasNeverUsedIsNotReused) {
  Story story({.round_trip = 400ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(finished(), finished());
  c.server.closes();
  story.wait(410ms);
  c.client.sends(tls_data(1'091));
  EXPECT_THAT(story, says("#0 write_after_close likely error reset_by=server lost=1096"));
}

TEST(StaleReuse, FarewellAfterTheFinIsHarmless) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(50ms);
  c.client.sends(close_notify());
  c.client.closes();
  EXPECT_THAT(story, is_silent());
}

TEST(StaleReuse, StreamThatKeepsFlowingIsNotAReusedConnection) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 5'140});
  for (int i = 0; i < 5; ++i) {
    c.client.sends(bytes(80));  // a log shipper: never answered
    story.wait(50ms);
  }
  c.server.closes();
  story.wait(50ms);
  c.client.sends(bytes(80));
  EXPECT_THAT(story, says("#0 write_after_close"));
}

}  // namespace
}  // namespace tcpwhy::tests
