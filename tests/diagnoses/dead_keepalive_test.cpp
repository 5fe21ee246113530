// dead_keepalive: a request after a long idle gap is acknowledged, never answered, and the connection ends seconds
// later, while requests after shorter gaps were answered.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Terms kTls = {.server_port = 443};

/// Gaps of 2 and 4 s survive at this server.
void others_are_answered(Story& story) {
  for (const Duration gap : {2s, 4s}) {
    const Connection c = story.connect(kTls);
    c.exchange(client_hello(), server_hello());
    c.exchange(tls_data(), tls_data());
    c.client.idles_for(gap);
    c.exchange(tls_data(), tls_data());
    c.closes_cleanly();
  }
}

TEST(DeadKeepalive, Reset) {
  Story story;
  others_are_answered(story);
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(1s);
  c.server.stops_reading();
  c.client.idles_for(8s);
  c.client.sends(tls_data());
  story.wait(10s);
  c.server.closes();
  EXPECT_THAT(story, says("#2 dead_keepalive/reset error fault=server reset_by=server kind=abort impact=request_lost"));
  EXPECT_THAT(the_finding(findings(story), "dead_keepalive").narrative.explanation, ::testing::HasSubstr("10"));
}

TEST(DeadKeepalive, WhatTheServerHadAnnounced) {
  Story story;
  for (const Duration gap : {2s, 4s}) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.client.idles_for(gap);
    c.exchange(get("/b"), ok());
    c.closes_cleanly();
  }
  const Connection c = story.connect();
  c.exchange(get("/a"), ok_with("Keep-Alive: timeout=5"));
  c.client.idles_for(8s);
  c.client.sends(get("/b"));
  story.wait(10s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#2 dead_keepalive/closed"));
  EXPECT_THAT(the_finding(findings(story), "dead_keepalive").narrative.explanation,
              ::testing::HasSubstr("had announced `Keep-Alive: timeout=5`"));
}

TEST(DeadKeepalive, Closed) {
  Story story;
  others_are_answered(story);
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.client.idles_for(8s);
  c.client.sends(tls_data());
  story.wait(10s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#2 dead_keepalive/closed error fault=server impact=request_lost"));
}

// Stays silent.

TEST(DeadKeepalive, SlowAnswerAfterALongGapIsHealthy) {
  Story story;
  others_are_answered(story);
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.client.idles_for(8s);
  c.exchange(tls_data(), tls_data(), 10s);
  c.closes_cleanly();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(DeadKeepalive, WithoutAGapItIsSomethingElse) {
  Story story;
  others_are_answered(story);
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.sends(tls_data());
  story.wait(10s);
  c.server.closes();
  EXPECT_THAT(story, says("#2 response_timeout|unread_close error"));
}

TEST(DeadKeepalive, WhereLongerGapsSurviveTheGapIsNotToBlame) {
  Story story;
  const Connection patient = story.connect(kTls);
  patient.exchange(client_hello(), server_hello());
  patient.client.idles_for(30s);
  patient.exchange(tls_data(), tls_data());
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(1s);
  c.server.stops_reading();
  c.client.idles_for(8s);
  c.client.sends(tls_data());
  story.wait(10s);
  c.server.closes();
  EXPECT_THAT(story, says("#1 response_timeout|unread_close error"));
}

TEST(DeadKeepalive, ResetWithinARoundTripIsARace) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(5'950ms);
  c.client.sends(get("/b"));
  c.server.idles_for(6s);
  c.server.closes();
  EXPECT_THAT(story, says("#0 keepalive_race"));
}

/// Who dialled serves: what it says is an answer, and the end of it is nobody's loss.
TEST(DeadKeepalive, AnswersWaitForNoAnswer) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 8'855});
  c.client.sends("hello");
  story.wait(300ms);
  for (const Duration silence : {Duration{1s}, Duration{2s}, Duration{4s}}) {
    c.server.sends(get("/a"));
    story.wait(silence);
    c.client.sends(ok(400));
    story.wait(30ms);
  }
  story.wait(4s);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, is_silent());
}

}  // namespace
}  // namespace tcpwhy::tests
