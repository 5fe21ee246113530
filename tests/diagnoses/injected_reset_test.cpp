// injected_reset: the RST did not come from whom it names.
#include <fmt/format.h>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(InjectedReset, ForeignTtlAndTheServerCarriesOn) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.client.sends(get("/forbidden"));
  story.wait(31ms);  // the request has just passed the device
  c.path.forges_reset(Side::server, 113);
  story.wait(20ms);
  c.server.sends(ok(3'000));
  EXPECT_THAT(story, says("#0 injected_reset error fault=middlebox reset_by=middlebox"));
}

TEST(InjectedReset, SenderThatRepeatsItsDataHadNotGivenUp) {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.payload.empty(); });
  c.client.sends(get("/forbidden"));
  story.wait(51ms);  // the request has just arrived
  c.path.forges_reset(Side::client, 113);
  story.wait(2s);
  EXPECT_THAT(story, says("#0 injected_reset error fault=middlebox reset_by=middlebox"));
}

TEST(InjectedReset, InBothNames) {
  Story story({.vantage = Vantage::middle, .round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.client.sends(get("/forbidden"));
  story.wait(31ms);
  c.path.forges_reset(Side::server, 113);
  c.path.forges_reset(Side::client, 113);
  EXPECT_THAT(story, says("#0 injected_reset error reset_by=middlebox"));
}

/// Three resets at once, the later ones ahead of the stream, in answer to a request that comes after `silence`.
void fires_a_volley(Story& story, std::string_view silence) {
  story.play(fmt::format(R"(
    +0     > S  win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +.02   < S. win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62 id 0
    +0     > .
    +.001  > P. 1:40(39)
    +.021  < .                   ttl 62
    +.001  < P. 1:100(99)        ttl 62
    +0     > .
    {}     > P. 40:80(40)
    +.021  < R. 100:100(0)       ttl 62 id 7
    +.0001 < R. 1560:1560(0)     ttl 62 id 7
    +.0001 < R. 4480:4480(0)     ttl 62 id 7
  )",
                         silence));
}

TEST(InjectedReset, VolleyAheadOfTheStream) {
  for (const std::string_view silence : {"+.05", "+60"}) {
    Story story;
    fires_a_volley(story, silence);
    EXPECT_THAT(story, says("#0 injected_reset error fault=middlebox reset_by=middlebox impact=request_lost"));
  }
}

/// A forger who knows the TTL and the number: what gives him away is that the host goes on. `more` segments follow at once.
void goes_on_for(Story& story, int more) {
  std::string script = R"(
    +0     > S  win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +.08   < S. win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62 id 0
    +0     > .
    +.001  > P. 1:40(39)
    +.081  < .  1:1461(1460)     ttl 62
    +.0001 < R. 1461:1461(0) win 0 ttl 62
  )";
  for (int i = 1; i <= more; ++i) {
    script += fmt::format("+.0005 < . {}:{}(1460) ttl 62\n", 1 + i * 1460, 1 + (i + 1) * 1460);
  }
  story.play(script);
}

TEST(InjectedReset, HostThatSendsPastItsOwnReset) {
  Story story;
  goes_on_for(story, 20);
  EXPECT_THAT(story, says("#0 injected_reset certain error fault=middlebox reset_by=middlebox"));
}

TEST(InjectedReset, ResetThatOvertookAFewSegmentsIsNoForgery) {
  Story story;
  goes_on_for(story, 5);
  for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.diagnosis->id, "injected_reset");
}

/// The client is behind a NAT; at the server only the RST is seen, with the number and the looks of the client's own kernel.
constexpr Terms kKnown = {.client_port = 50'000, .client_isn = 1'000'000, .server_isn = 2'000'000};
void is_reset_in_the_clients_name(Story& story, const Connection& c) {
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  story.play("+0 > R 40:40(0) win 0 id 0 ttl 62", kKnown);
}

TEST(InjectedReset, TheNextRequestIsLostWhereTheServerBelievedIt) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect(kKnown);
  is_reset_in_the_clients_name(story, c);
  c.server.forgets();
  story.wait(150ms);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 injected_reset possible error fault=middlebox impact=request_lost lost=39"));
  const Finding finding = the_finding(findings(story), "injected_reset");
  EXPECT_THAT(finding.narrative.explanation, ::testing::Not(::testing::HasSubstr("survived")));
  EXPECT_THAT(finding.narrative.ruled_out, ::testing::Contains(::testing::HasSubstr("conntrack_invalid: not ruled out")));
}

TEST(InjectedReset, WhereTheServerDidNotTheConnectionSurvives) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect(kKnown);
  is_reset_in_the_clients_name(story, c);
  story.wait(150ms);
  c.exchange(get("/b"), ok());
  EXPECT_THAT(story, says("#0 injected_reset possible note impact=none"));
  EXPECT_THAT(the_finding(findings(story), "injected_reset").narrative.explanation, ::testing::HasSubstr("survived"));
}

// Stays silent.

TEST(InjectedReset, RouteChangeIsNoForgery) {
  Story story;
  story.play(R"(
    +0    > S  win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
    +.02  < S. win 65160 <mss 1460,sackOK,TS val 700 ecr 100,nop,wscale 7> ttl 62 id 0
    +0    > .            <nop,nop,TS val 120 ecr 700>
    +.001 > P. 1:40(39)  <nop,nop,TS val 121 ecr 700>
    +.02  < .            <nop,nop,TS val 720 ecr 121> ttl 61
    +.001 < P. 1:100(99) <nop,nop,TS val 721 ecr 121> ttl 61
    +0    > .            <nop,nop,TS val 142 ecr 721>
    +1    > F.           <nop,nop,TS val 1142 ecr 721>
    +.02  < F.           <nop,nop,TS val 1742 ecr 1142> ttl 61
    +0    > .            <nop,nop,TS val 1162 ecr 1742>
  )");
  EXPECT_THAT(story, says_nothing());
}

/// Of a SYN that met the old connection the answer that drew the RST is missing: the client connects on, and sent it itself.
TEST(InjectedReset, ResetOfWhoStillConnectsIsItsOwn) {
  Story story({.vantage = Vantage::client});
  constexpr std::uint16_t kPort = 50'000;
  const Connection old = story.connect({.client_port = kPort, .client_isn = 2'000'000'000});
  old.exchange(get("/a"), ok());
  story.wait(10s);
  old.client.forgets();
  const Connection again = story.dials({.client_port = kPort, .client_isn = 1'000'000});
  story.sees_only(Side::client);
  story.wait(2s);
  again.exchange(get("/b"), ok());
  for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.diagnosis->id, "injected_reset");
}

// Nearest neighbours.

TEST(InjectedReset, AnswerOfADeviceAfterASilenceIsStateLost) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(60s);
  c.path.rejects();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 idle_state_lost/middlebox"));
}

TEST(InjectedReset, ManySequenceNumbersAloneAreHonest) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.server.stops_reading();
  const std::string upload = post("/upload", 60'000);
  c.client.sends(std::string_view(upload).substr(0, 20'000));
  story.wait(60ms);
  c.server.sends(response(413));
  c.client.sends(std::string_view(upload).substr(20'000));
  story.wait(30ms);
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close"));
}

TEST(InjectedReset, MissingTimestampsAloneAreHonest) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset"));
}

}  // namespace
}  // namespace tcpwhy::tests
