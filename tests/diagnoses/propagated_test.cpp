// propagated: what the other leg of a proxy suffered shows on this one.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint8_t kProxy = 20;
constexpr std::uint8_t kInside = 21;  // the proxy's address towards the servers, where it has two
constexpr std::uint8_t kBackend = 30;

/// A proxy's two connections: from the client to it, and from it to the server.
struct Legs {
  Connection outer;
  Connection inner;
};

Terms behind(std::uint8_t proxy, std::uint16_t port = 8'080) {
  return {.server_port = port, .client_host = proxy, .server_host = kBackend};
}

/// Both legs are open, and have carried a request and its answer.
Legs connect_both(Story& story, std::uint8_t proxys_inner_address = kProxy) {
  const Legs legs{story.connect(), story.connect(behind(proxys_inner_address))};
  legs.outer.client.sends(get("/a"));
  story.wait(11ms);
  legs.inner.exchange(get("/a"), ok());
  legs.outer.server.sends(ok());
  story.wait(100ms);
  return legs;
}

/// The client asks, and the proxy passes it on.
void asks(const Story& story, const Legs& legs, std::string_view request) {
  legs.outer.client.sends(request);
  story.wait(11ms);
  legs.inner.client.sends(request);
}

/// The server's close of the idle inner leg and the next request meet; the proxy answers 502 as soon as it sees the
/// FIN.
void answers_502_at_the_fin(Story& story, const Legs& legs) {
  legs.inner.server.idles_for(6s);
  legs.outer.client.sends(post("/order", 30));
  story.wait(7ms);
  legs.inner.server.closes();
  story.wait(5ms);
  legs.inner.client.sends(post("/order", 30));
  story.wait(6ms);
  legs.outer.server.sends(response(502));
  legs.inner.client.closes();
  story.wait(100ms);
  legs.outer.closes_cleanly();
}

/// The server behind the proxy resets a request that it hasn't read, and the proxy hears of it.
void server_resets(Story& story, const Legs& legs) {
  legs.inner.server.stops_reading();
  asks(story, legs, get("/b"));
  story.wait(40ms);
  legs.inner.server.closes();
  story.wait(11ms);
}

TEST(Propagated, NginxAnswers502AtTheFinBeforeTheResetComes) {
  Story story({.round_trip = 20ms});
  answers_502_at_the_fin(story, connect_both(story));
  EXPECT_THAT(story, says("#0 propagated likely error fault=server impact=response_lost\n"
                          "#1 keepalive_race/crossing error reset_by=server impact=request_lost"));
}

TEST(Propagated, ProxyWithAnotherAddressOnEachSideIsKnownByTheRequest) {
  Story story({.round_trip = 20ms});
  answers_502_at_the_fin(story, connect_both(story, kInside));
  EXPECT_THAT(story, says("#0 propagated likely error fault=server impact=response_lost\n"
                          "#1 keepalive_race/crossing error"));
}

TEST(Propagated, ResetIsPassedOnAsAReset) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  server_resets(story, legs);
  legs.outer.server.aborts();
  EXPECT_THAT(story, says("#0 propagated likely error fault=server reset_by=server kind=abort impact=request_lost\n"
                          "#1 unread_close"));
}

TEST(Propagated, ResetIsPassedOnAsAFin) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  server_resets(story, legs);
  legs.outer.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 propagated error fault=server impact=request_lost\n#1 unread_close"));
}

TEST(Propagated, ProxyOfBytesClosesTheClientsLegWhenItIsRefused) {
  Story story({.round_trip = 20ms});
  const Connection outer = story.connect({.server_port = 9'001});
  outer.client.sends(bytes(200));
  story.wait(11ms);
  Terms closed_port = behind(kProxy, 9'009);
  closed_port.listening = false;
  (void)story.connect(closed_port);
  outer.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 propagated likely error fault=server impact=request_lost\n"
                          "#1 connection_refused/reset error"));
}

TEST(Propagated, ProxyOfBytesThatHadNotReadYetResetsTheClientsLeg) {
  Story story({.round_trip = 20ms});
  const Connection outer = story.connect({.server_port = 9'001});
  outer.server.stops_reading();
  outer.client.sends(bytes(200));
  story.wait(11ms);
  Terms closed_port = behind(kProxy, 9'009);
  closed_port.listening = false;
  (void)story.connect(closed_port);
  outer.server.closes();
  EXPECT_THAT(story, says("#0 propagated error fault=server reset_by=server kind=abort impact=request_lost\n"
                          "#1 connection_refused/reset error"));
}

TEST(Propagated, ClientThatGivesUpShowsOnTheInnerLeg) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  asks(story, legs, get("/slow"));
  story.wait(5s);
  legs.outer.client.aborts();
  story.wait(11ms);
  legs.inner.client.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error fault=client reset_by=client impact=response_lost\n"
                          "#1 propagated likely error fault=client reset_by=client kind=abort impact=request_lost"));
}

/// Both ends of the proxy close within the millisecond; the client was the first of all.
TEST(Propagated, ClientThatGivesUpWithAFinWasToldNothing) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  asks(story, legs, get("/slow"));
  story.wait(2s);
  legs.outer.client.closes();
  story.wait(11ms);
  legs.inner.client.closes();
  legs.outer.server.closes();
  EXPECT_THAT(story, says("#0 response_timeout error fault=client\n#1 propagated likely error fault=client"));
}

/// HTTP/1.1 says how long the response is: whoever gets less of it and a FIN was cut off.
TEST(Propagated, ResponseThatBreaksOffIsCutShortInFront) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  asks(story, legs, get("/report"));
  story.wait(15ms);
  const std::string part = ok(20'000).substr(0, 10'000);
  legs.inner.server.sends(part);
  story.wait(11ms);
  legs.outer.server.sends(part);
  story.wait(50ms);
  legs.inner.server.aborts();
  story.wait(11ms);
  legs.outer.server.closes();
  story.wait(11ms);
  legs.outer.client.closes();
  EXPECT_THAT(story, says("#0 propagated error fault=server impact=response_truncated\n#1 server_abort|abortive_truncation error"));
}

TEST(Propagated, OfA502AloneThePartBehindTheProxyIsMissing) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), response(502), 40ms);
  story.wait(100ms);
  c.closes_cleanly();
  EXPECT_THAT(story, says("#0 propagated possible note fault=server impact=response_lost"));
  EXPECT_FALSE(the_finding(findings(story), "propagated").narrative.blind_spot.empty());
}

TEST(Propagated, NamesTheOtherStreamAndItsCause) {
  Story story({.round_trip = 20ms});
  answers_502_at_the_fin(story, connect_both(story));
  const Finding finding = the_finding(findings(story), "propagated");
  EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr("stream 1"));
  EXPECT_THAT(finding.narrative.fix, ::testing::HasSubstr("keepalive_race"));
}

// Stays silent.

TEST(Propagated, HealthyProxiedExchange) {
  for (const std::uint8_t inner_address : {kProxy, kInside}) {
    Story story({.round_trip = 20ms});
    const Legs legs = connect_both(story, inner_address);
    asks(story, legs, get("/b"));
    story.wait(40ms);
    legs.inner.server.sends(ok());
    story.wait(11ms);
    legs.outer.server.sends(ok());
    story.wait(50ms);
    legs.outer.closes_cleanly();
    legs.inner.closes_cleanly();
    EXPECT_THAT(story, says_nothing());
  }
}

TEST(Propagated, TwoClientsOfOneServerFailByThemselves) {
  Story story({.round_trip = 20ms});
  const Connection a = story.connect();
  const Connection b = story.connect({.client_host = 11});
  a.exchange(get("/a"), ok());
  b.exchange(get("/a"), ok());
  a.client.sends(get("/slow"));
  b.client.sends(get("/slow"));
  story.wait(5s);
  a.server.aborts();
  b.server.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error\n#1 response_timeout error"));
}

/// A host with two addresses asks two servers for the same; a proxy would have asked the second at once.
TEST(Propagated, SameRequestElsewhereASecondLaterIsNoLeg) {
  Story story({.round_trip = 20ms});
  const Connection one = story.connect({.client_host = 10, .server_host = 20});
  one.client.sends(get("/orders"));
  story.wait(1s);
  const Connection another = story.connect({.client_host = 30, .server_host = 40});
  another.client.sends(get("/orders"));
  story.wait(3s);
  another.server.aborts();
  story.wait(11ms);
  one.server.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error\n#1 response_timeout error"));
}

TEST(Propagated, OneClientThatLosesTwoServersIsNoProxy) {
  Story story({.round_trip = 20ms});
  const Connection a = story.connect();
  const Connection b = story.connect({.server_host = 31});
  a.client.sends(get("/slow"));
  b.client.sends(get("/slow"));
  story.wait(5s);
  a.client.aborts();
  b.client.aborts();
  EXPECT_THAT(story, says("#0 response_timeout error\n#1 response_timeout error"));
}

TEST(Propagated, FailureBehindTheProxyThatWasRepairedShowsNothingInFront) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  server_resets(story, legs);
  const Connection retry = story.connect(behind(kProxy));
  retry.exchange(get("/b"), ok());
  legs.outer.server.sends(ok());
  story.wait(50ms);
  legs.outer.closes_cleanly();
  retry.closes_cleanly();
  EXPECT_THAT(story, says("#1 unread_close"));
}

// Nearest neighbours.

TEST(Propagated, WhereNoOtherLegBrokeTheServerAborted) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  legs.outer.client.sends(get("/large"));
  story.wait(11ms);
  legs.outer.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
  story.wait(500ms);
  legs.outer.server.aborts();
  story.wait(1s);
  legs.inner.closes_cleanly();
  EXPECT_THAT(story, says("#0 server_abort error reset_by=server"));
}

TEST(Propagated, CancelledDownloadIsOneOnBothLegs) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  asks(story, legs, get("/large"));
  story.wait(11ms);
  legs.inner.server.sends(ok(100'000).substr(0, 30 * kFullSegment));
  story.wait(11ms);
  legs.outer.server.sends(ok(100'000).substr(0, 30 * kFullSegment));
  story.wait(11ms);
  legs.outer.client.aborts();
  story.wait(11ms);
  legs.inner.client.aborts();
  EXPECT_THAT(story,
              says("#0 client_abort/response note reset_by=client\n#1 client_abort/response note reset_by=client"));
}

TEST(Propagated, A504SaysItselfWhosePatienceEnded) {
  Story story({.round_trip = 20ms});
  const Legs legs = connect_both(story);
  asks(story, legs, get("/slow"));
  story.wait(2s);
  legs.inner.client.closes();
  legs.outer.server.sends(response(504));
  story.wait(100ms);
  legs.outer.closes_cleanly();
  EXPECT_THAT(story, says("#0 response_timeout error fault=server impact=response_lost\n"
                          "#1 response_timeout error fault=client impact=response_lost"));
}

}  // namespace
}  // namespace tcpwhy::tests
