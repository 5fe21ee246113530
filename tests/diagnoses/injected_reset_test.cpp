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

/// A capture on `any` tells of each packet who sent it on last: who forges has another address, at the same place.
TEST(InjectedReset, OfANeighbourShowsInACookedCaptureToo) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(300ms);
  c.path.drops([](Side, const Packet& packet) { return !packet.has(kRst); });
  c.client.sends(get("/forbidden"));
  story.wait(5ms);
  c.path.forges_reset(Side::server, 113);
  Capture capture = cooked(story.capture());
  for (Packet& packet : capture.packets) packet.eye = packet.has(kRst) ? 1 : 0;
  EXPECT_THAT(capture, says("#0 injected_reset error fault=middlebox reset_by=middlebox"));
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

/// A request at the server's capture, and what follows it in the client's name, whose host counts its packets.
void asks_and(Story& story, std::string_view what_follows, bool timestamps = true) {
  const auto stamp = [&](int val, int ecr) {
    return timestamps ? fmt::format("<nop,nop,TS val {} ecr {}>", val, ecr) : std::string();
  };
  story.play(fmt::format(R"(
    +0     > S  win 64240 <mss 1460,{0}nop,wscale 7> ttl 62
    +0     < S. win 65160 <mss 1460,{1}nop,wscale 7> id 0
    +.03   > .             {2} ttl 62
    +0     > P. 1:40(39)   {2} ttl 62
    +.0001 < .             {3}
    +.001  < P. 1:100(99)  {3}
    +.03   > .             {4} ttl 62
    +.1    > P. 40:90(50)  {4} ttl 62
    {5}
  )",
                         timestamps ? "sackOK,TS val 100 ecr 0," : "nop,nop,sackOK,",
                         timestamps ? "sackOK,TS val 700 ecr 100," : "nop,nop,sackOK,", stamp(130, 700), stamp(730, 130),
                         stamp(161, 731), what_follows));
}

TEST(InjectedReset, HeaderThatNoSocketOfThatHostSendsRightBehindARequest) {
  Story story;
  asks_and(story, "+.00002 > R. 90:90(0) win 0 id 0 ttl 59");
  EXPECT_THAT(story, says("#0 injected_reset likely error fault=middlebox reset_by=middlebox impact=request_lost"));
}

TEST(InjectedReset, ServerThatAnswersFasterThanTheDevice) {
  Story story;
  asks_and(story, R"(+.0003 < P. 100:199(99) <nop,nop,TS val 862 ecr 261>
    +.001  > R. 90:90(0) ack 100 win 0 id 0 ttl 59
    +.03   > R  90:90(0) win 0 id 0 ttl 62)");
  EXPECT_THAT(story, says("#0 injected_reset likely error fault=middlebox reset_by=middlebox impact=response_lost"));
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

/// Each of these is an ordinary abort of some stack, or a cancel that a device passes on in its own words.
TEST(InjectedReset, OneOfItsLooksIsMissing) {
  for (const std::string_view honest : {
           "+.00002 > R. 90:90(0) win 0 ttl 59",                                       // it goes on counting
           "+.00002 > R. 90:90(0) win 0 id 0 ttl 62",                                  // from the same place
           "+.00002 > R. 90:90(0) win 0 id 0 ttl 61",                                  // but for a change of route
           "+.00002 > R. 90:90(0) win 502 id 0 ttl 59",                                // with a window
           "+.00002 > R. 90:90(0) win 0 id 0 ttl 59 <nop,nop,TS val 161 ecr 731>",     // with timestamps
           "+.3     > R. 90:90(0) win 0 id 0 ttl 59",                                  // not at once
       }) {
    Story story;
    asks_and(story, honest);
    EXPECT_THAT(story, says("#0 client_abort/request note")) << honest;
  }
  Story story;
  asks_and(story, "+.00002 > R. 90:90(0) win 0 id 0 ttl 59", false);  // no timestamps to miss
  EXPECT_THAT(story, says("#0 client_abort/request note"));
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
