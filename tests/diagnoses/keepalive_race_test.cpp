// keepalive_race: a request and the server's idle close met, and the client could not have known.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

class KeepaliveRace : public ::testing::TestWithParam<Vantage> {};

/// The server closes after 6 s of idleness; the client sends its next request so that it is under way by then.
Connection crossing(const Story& story, const Connection& c, std::string_view request,
                    std::string_view response_before = ok()) {
  c.exchange(get("/a"), response_before);
  c.client.idles_for(5'920ms);
  c.client.sends(request);
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(60ms);
  c.client.closes();
  return c;
}

TEST_P(KeepaliveRace, CrossingFromAnyVantagePoint) {
  Story story({.vantage = GetParam(), .round_trip = 100ms});
  crossing(story, story.connect(), get("/b"));
  EXPECT_THAT(story, says("#0 keepalive_race/crossing certain error fault=client|server reset_by=server kind=reply "
                          "impact=request_lost lost=39"));
}
INSTANTIATE_TEST_SUITE_P(Vantages, KeepaliveRace, ::testing::Values(Vantage::client, Vantage::middle, Vantage::server));

TEST(KeepaliveRace, WhatTheServerHadAnnounced) {
  Story story({.round_trip = 100ms});
  crossing(story, story.connect(), get("/b"), ok_with("Keep-Alive: timeout=5"));
  EXPECT_THAT(story, says("#0 keepalive_race/crossing certain"));
  const Narrative told = the_finding(findings(story), "keepalive_race").narrative;
  EXPECT_THAT(told.explanation, ::testing::HasSubstr("The server had announced `Keep-Alive: timeout=5` (frame 6) and closes after 6.00 s."));
  EXPECT_THAT(told.fix, ::testing::HasSubstr("A pool that heeds the server's `Keep-Alive: timeout=5`"));
}

TEST(KeepaliveRace, AnnouncementThatTheServerDoesNotKeepIsNoAdvice) {
  Story story({.round_trip = 100ms});
  crossing(story, story.connect(), get("/b"), ok_with("Keep-Alive: timeout=60"));
  const Narrative told = the_finding(findings(story), "keepalive_race").narrative;
  EXPECT_THAT(told.explanation, ::testing::HasSubstr("`Keep-Alive: timeout=60`"));
  EXPECT_THAT(told.fix, ::testing::Not(::testing::HasSubstr("heeds")));
}

TEST(KeepaliveRace, ProofsAreTheRequestTheFinAndTheReset) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(5'920ms);
  const Sent request = c.client.sends(get("/b"));
  c.server.idles_for(6s);
  const Sent fin = c.server.closes();
  const Finding finding = the_finding(findings(story), "keepalive_race");
  std::vector<FrameNumber> frames;
  for (const Proof& proof : finding.proofs) frames.push_back(proof.frame);
  EXPECT_THAT(frames,
              ::testing::IsSupersetOf({story.frame(request), story.frame(fin), finding.verdict.deciding_frame}));
  EXPECT_EQ(finding.verdict.provoked_by, story.frame(request));
}

TEST(KeepaliveRace, FinAndResetLeaveTogether) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(1s);
  c.server.shuts_down();
  c.server.aborts();
  EXPECT_THAT(story, says("#0 keepalive_race/crossing error reset_by=server impact=request_lost"));
}

TEST(KeepaliveRace, UnreadWhereTheRequestArrivesAsTheServerCloses) {
  Story story({.round_trip = 100ms});
  // The endpoint's habit: another connection is closed after the same silence.
  const Connection other = story.connect();
  other.exchange(get("/"), ok());
  other.server.idles_for(6s);
  other.closes_cleanly(Side::server);

  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.idles_for(5'898ms);
  c.client.sends(get("/b"));
  story.wait(51ms);  // it has just arrived when the timer fires
  c.server.closes();
  EXPECT_THAT(story, says("#1 keepalive_race/unread error reset_by=server kind=abort impact=request_lost lost=39"));
}

TEST(KeepaliveRace, DiscardedWithoutAnyReset) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(4'920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(5s);
  c.server.shuts_down();  // a lingering close: its kernel still takes what comes
  story.wait(200ms);
  c.client.closes();
  EXPECT_THAT(story, says("#0 keepalive_race/discarded error impact=request_lost lost=39"));
}

TEST(KeepaliveRace, AnsweredRetryMakesItAWarning) {
  Story story({.round_trip = 100ms});
  crossing(story, story.connect(), post("/order", 30));
  story.wait(300ms);
  const Connection retry = story.connect();
  retry.exchange(post("/order", 30), response(201));
  retry.closes_cleanly();
  EXPECT_THAT(story, says("#0 keepalive_race/crossing warn impact=request_lost"));
}

TEST(KeepaliveRace, MirrorPortShowsTheSameRace) {
  Story story({.vantage = Vantage::middle, .round_trip = 100ms});
  crossing(story, story.connect(), get("/b"));
  EXPECT_THAT(mirrored(story.capture()), says("#0 keepalive_race/crossing error impact=request_lost"));
}

TEST(KeepaliveRace, WrapIsNoSpecialCase) {
  Story story({.round_trip = 100ms});
  crossing(story, story.connect({.client_isn = 0xffff'ffd0, .server_isn = 0xffff'ffc4}), get("/b"));
  EXPECT_THAT(story, says("#0 keepalive_race/crossing certain error"));
}

TEST(KeepaliveRace, SaysTheNumbersThatMatter) {
  Story story({.round_trip = 100ms});
  crossing(story, story.connect(), get("/b"));
  const Finding finding = the_finding(findings(story), "keepalive_race");
  EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr("5.92 s")) << "how long it was idle";
  EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr("10.0.0.20:80"));
  EXPECT_THAT(finding.narrative.fix, ::testing::HasSubstr("10.0.0.10"));
}

/// A server's habit: another connection is closed after 6 s of silence.
void closes_after_6s(Story& story) {
  const Connection other = story.connect();
  other.exchange(get("/"), ok());
  other.server.idles_for(6s);
  other.closes_cleanly(Side::server);
}

/// The request is in the server's kernel half a second before its timer fires, and nobody reads it.
Connection unread_for_a_while(Story& story) {
  closes_after_6s(story);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.idles_for(5'500ms);
  c.client.sends(get("/b"));
  story.wait(550ms);
  return c;
}

TEST(KeepaliveRace, UnreadAndClosedLateButAtTheUsualTime) {
  Story story({.round_trip = 100ms});
  unread_for_a_while(story).server.closes();
  EXPECT_THAT(
      story, says("#1 keepalive_race/unread likely error fault=server reset_by=server kind=abort impact=request_lost"));
}

TEST(KeepaliveRace, DiscardedThoughTheFinAcknowledgesTheRequest) {
  Story story({.round_trip = 100ms});
  const Connection c = unread_for_a_while(story);
  c.server.shuts_down();
  story.wait(200ms);
  c.client.closes();
  EXPECT_THAT(story, says("#1 keepalive_race/discarded likely error fault=server impact=request_lost lost=39"));
}

TEST(KeepaliveRace, CrossingAResetWithoutAnyFin) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect({.server_port = 443});
    c.exchange(client_hello(), server_hello());
    c.exchange(tls_data(), tls_data());
    c.client.idles_for(2'920ms);
    c.client.sends(tls_data());
    c.server.idles_for(3s);
    c.server.aborts();
    EXPECT_THAT(story,
                says("#0 keepalive_race/crossing likely error fault=server reset_by=server impact=request_lost"));
  }
}

TEST(KeepaliveRace, CloseNotifyGoesAheadOfTheFin) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect({.server_port = 443});
    c.exchange(client_hello(), server_hello());
    c.exchange(tls_data(), tls_data());
    c.client.idles_for(4'920ms);
    c.client.sends(tls_data());
    c.server.idles_for(5s);
    c.server.sends(close_notify());
    c.server.closes();
    story.wait(60ms);
    c.client.closes();
    EXPECT_THAT(story,
                says("#0 keepalive_race/crossing error fault=client|server reset_by=server impact=request_lost"));
  }
}

TEST(KeepaliveRace, DatabaseSaysFatalAheadOfItsFin) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect({.server_port = 5'432});
    c.exchange(bytes(60), bytes(300));
    c.exchange(bytes(30), bytes(70));
    c.client.idles_for(1'920ms);
    c.client.sends(bytes(30));
    c.server.idles_for(2s);
    c.server.sends(std::string("E\0\0\0\x73SFATAL\0", 12) + bytes(104));
    c.server.closes();
    story.wait(60ms);
    c.client.closes();
    EXPECT_THAT(story,
                says("#0 keepalive_race/crossing error fault=client|server reset_by=server impact=request_lost"));
  }
}

// Stays silent.

TEST(KeepaliveRace, ReuseBeforeTheTimerIsHealthy) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok());
    c.client.idles_for(5'800ms);
  }
  c.closes_cleanly(Side::client);
  EXPECT_THAT(story, says_nothing());
}

TEST(KeepaliveRace, IdleCloseThatMeetsNobodyIsHealthy) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says_nothing());
}

TEST(KeepaliveRace, BothSidesClosingAtOnceIsHealthy) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(5'950ms);
  c.client.closes();
  c.server.idles_for(6s);
  c.server.closes();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(KeepaliveRace, AcknowledgedFinIsStaleReuse) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  c.client.idles_for(6'200ms);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset"));
}

TEST(KeepaliveRace, WithoutAFinSomebodyForgot) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(6s);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_state_lost"));
}

TEST(KeepaliveRace, FarewellThatCrossesIsHarmless) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.client.idles_for(5'950ms);
  c.client.sends(close_notify());
  c.client.closes();
  c.server.idles_for(6s);
  c.server.closes();
  EXPECT_THAT(story, is_silent());
}

TEST(KeepaliveRace, ClientThatClosesFirstWithItsLastWordsLosesNothing) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect({.server_port = 6'379});
    c.exchange(bytes(30), bytes(7));
    c.exchange(bytes(30), bytes(7));
    c.client.idles_for(2'950ms);
    c.client.sends("QUIT\r\n");
    c.client.closes();
    c.server.idles_for(3s);
    c.server.closes();
    EXPECT_THAT(story, is_silent());
  }
}

TEST(KeepaliveRace, WithoutAUsualTimeALateCloseIsADeadConnection) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.idles_for(5'500ms);
  c.client.sends(get("/b"));
  story.wait(5s);
  c.server.closes();
  EXPECT_THAT(story, says("#0 dead_keepalive/reset error reset_by=server"));
}

}  // namespace
}  // namespace tcpwhy::tests
