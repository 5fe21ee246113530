// conntrack_invalid: a NAT let a segment through untranslated, and the RST that it drew killed the connection.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint16_t kClientPort = 50'000;
constexpr std::uint8_t kBehindTheVip = 30;
constexpr std::uint32_t kClientIsn = 1'000'000;
constexpr std::uint32_t kServerIsn = 2'000'000'000;

/// A connection to a service address, in use. The NAT that translates it stands between the client and the server.
Connection through_a_nat(Story& story) {
  const Connection c = story.connect({.client_port = kClientPort, .client_isn = kClientIsn, .server_isn = kServerIsn});
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok(3'000));
    story.wait(100ms);
  }
  return c;
}

/// What connection tracking calls invalid arrives with the server's own address, and the client's kernel resets it.
constexpr Terms kUntranslated = {
    .client_port = kClientPort, .server_host = kBehindTheVip, .client_isn = kClientIsn, .server_isn = kServerIsn};
void stray(Story& story, std::string_view from, const Terms& untranslated = kUntranslated) {
  story.play(from, untranslated);
}

// The client has sent three requests of 39 bytes, the server three answers of 3,041. What comes is far ahead of that.
constexpr std::string_view kAheadOfTheWindow = R"(
  +0      < P. 90000000:90000500(500) ack 118 ttl 62
  +.00001 > R  118:118(0) win 0 id 0
)";

TEST(ConntrackInvalid, StrayAndTheResetThatItDraws) {
  Story story({.round_trip = 20ms});
  (void)through_a_nat(story);
  stray(story, kAheadOfTheWindow);
  EXPECT_THAT(story,
              says("#1 conntrack_invalid likely error fault=middlebox reset_by=client kind=reply impact=unknown"));
}

TEST(ConntrackInvalid, ResetOfTheStrayHasKilledTheConnection) {
  Story story({.round_trip = 20ms});
  const Connection c = through_a_nat(story);
  stray(story, kAheadOfTheWindow);
  c.server.forgets();  // the RST, translated on its way back, was in its window
  story.wait(150ms);
  c.client.sends(get("/b"));
  EXPECT_THAT(story,
              says("#0 conntrack_invalid error fault=middlebox reset_by=server kind=reply impact=request_lost lost=39\n"
                   "#1 conntrack_invalid error fault=middlebox reset_by=client kind=reply"));
}

TEST(ConntrackInvalid, NatThatTranslatesThePortToo) {
  Story story({.round_trip = 20ms});
  const Connection c = through_a_nat(story);
  Terms another_port = kUntranslated;
  another_port.server_port = 8'080;
  stray(story, kAheadOfTheWindow, another_port);
  c.server.forgets();
  story.wait(150ms);
  c.client.sends(get("/b"));
  EXPECT_THAT(story,
              says("#0 conntrack_invalid error fault=middlebox reset_by=server kind=reply impact=request_lost lost=39\n"
                   "#1 conntrack_invalid likely error fault=middlebox reset_by=client kind=reply impact=unknown"));
  EXPECT_THAT(findings(story).back().narrative.explanation, ::testing::HasSubstr("the same numbers and client's port"));
}

TEST(ConntrackInvalid, LateDuplicateIsAsInvalid) {
  Story story({.round_trip = 20ms});
  (void)through_a_nat(story);
  stray(story, R"(
    +0      < P. 3042:4490(1448) ack 79 ttl 62
    +.00001 > R  79:79(0) win 0 id 0
  )");
  EXPECT_THAT(story, says("#1 conntrack_invalid likely error fault=middlebox"));
}

/// The same connection behind the NAT: the server's own address, and TTLs of that place. The client's last ACK is on its way.
constexpr Terms kBehindTheNat = {.client_port = kClientPort,
                                 .server_port = 8'080,
                                 .server_host = kBehindTheVip,
                                 .client_isn = kClientIsn,
                                 .server_isn = kServerIsn};
constexpr std::string_view kBehind = R"(
  +0    > S  0:0(0)             win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62
  +0    < S. 0:0(0)       ack 1 win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7>
  +.02  > .  1:1(0)       ack 1      ttl 62
  +0    > P. 1:118(117)   ack 1      ttl 62
  +.001 < P. 1:9124(9123) ack 118
)";
constexpr std::string_view kStrayAtTheClientsSide = R"(
  +0      < P. 90000001:90009124(9123) ack 118 ttl 61
  +.00003 > R  118:118(0) win 0 id 0 ttl 64
  +.01    > .  118:118(0) ack 9124 ttl 62
  +.0002  > R  118:118(0) win 0 id 0 ttl 62
)";
constexpr std::string_view kNextRequest = R"(
  +.15    > P. 118:157(39) ack 9124 ttl 62
  +.00003 < R  9124:9124(0) win 0 id 0
)";

TEST(ConntrackInvalid, CapturedOnBothSidesOfTheNat) {
  Story story({.round_trip = 20ms});
  story.play(kBehind, kBehindTheNat);
  const Connection c = through_a_nat(story);
  story.play(kStrayAtTheClientsSide, kBehindTheNat);
  c.server.forgets();
  c.client.sends(get("/b"));
  story.play(kNextRequest, kBehindTheNat);
  EXPECT_THAT(story, says("#0 conntrack_invalid likely error fault=middlebox reset_by=client impact=request_lost lost=39\n"
                          "#1 conntrack_invalid error fault=middlebox reset_by=server impact=request_lost lost=39"));
}

TEST(ConntrackInvalid, WhoCarriesOnKnewTheConnectionByAnotherAddress) {
  Story story;
  for (const std::string_view part : {kBehind, kStrayAtTheClientsSide, kNextRequest}) story.play(part, kBehindTheNat);
  EXPECT_THAT(story, says("#0 conntrack_invalid likely error fault=middlebox reset_by=client kind=reply impact=request_lost "
                          "lost=39 provoked_by=6"));
}

TEST(ConntrackInvalid, ClientBehindTheNatSeenAtTheServer) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  (void)through_a_nat(story);
  const Terms from_inside = {
      .client_port = kClientPort, .client_host = 77, .client_isn = kClientIsn, .server_isn = kServerIsn};
  story.play(R"(
    +0      > P. 90000000:90000100(100) ack 9124 ttl 62
    +.00001 < R  9124:9124(0) win 0 id 0
  )",
             from_inside);
  EXPECT_THAT(story, says("#1 conntrack_invalid error fault=middlebox reset_by=server kind=reply"));
}

TEST(ConntrackInvalid, NamesTheStreamThatItMirrors) {
  Story story({.round_trip = 20ms});
  (void)through_a_nat(story);
  stray(story, kAheadOfTheWindow);
  const Finding finding = the_finding(findings(story), "conntrack_invalid");
  EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr("stream 0"));
  EXPECT_THAT(finding.narrative.fix, ::testing::HasSubstr("invalid"));
}

// Stays silent.

TEST(ConntrackInvalid, StrayOfNothingIsTheMiddleOfSomething) {
  Story story;
  stray(story, kAheadOfTheWindow);
  EXPECT_THAT(story, says("#0 capture_too_short"));
}

TEST(ConntrackInvalid, NumbersOfAnotherConnectionAreNoMirror) {
  Story story({.round_trip = 20ms});
  (void)through_a_nat(story);
  Terms of_another = kUntranslated;
  of_another.server_isn = kServerIsn + 1'500'000'000;
  stray(story, kAheadOfTheWindow, of_another);
  EXPECT_THAT(story, says("#1 capture_too_short"));
}

TEST(ConntrackInvalid, AnotherPortAtBothEndsIsAnotherConnection) {
  Story story({.round_trip = 20ms});
  (void)through_a_nat(story);
  Terms of_another = kUntranslated;
  of_another.client_port = kClientPort + 1;
  of_another.server_port = 8'080;
  stray(story, kAheadOfTheWindow, of_another);
  EXPECT_THAT(story, says("#1 capture_too_short"));
}

/// All clients of a server share its port: a stray from another client's address and port is nobody's in particular.
TEST(ConntrackInvalid, AnotherClientOfTheSameServerIsAnotherConnection) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  (void)through_a_nat(story);
  const Terms another_client = {
      .client_port = kClientPort + 1, .client_host = 77, .client_isn = kClientIsn, .server_isn = kServerIsn};
  story.play(R"(
    +0      > P. 90000000:90000100(100) ack 9124 ttl 62
    +.00001 < R  9124:9124(0) win 0 id 0
  )",
             another_client);
  EXPECT_THAT(story, says("#1 capture_too_short"));
}

/// The capture lost a part of a download that the client then cancels, or that a device ends: it had come all the same.
TEST(ConntrackInvalid, HoleOfTheCaptureIsNoStray) {
  for (const std::string_view after : {"", "+.01 > . 118:118(0) ack 90009124 ttl 62"}) {
    Story story;
    story.play(kBehind, kBehindTheNat);
    story.play("+0      < P. 90000001:90009124(9123) ack 118", kBehindTheNat);
    story.play("+.00003 > R  118:118(0) win 0 id 0 ttl 62", kBehindTheNat);
    story.play(after, kBehindTheNat);
    for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.diagnosis->id, "conntrack_invalid");
  }
}

TEST(ConntrackInvalid, ConnectionThroughANatThatWorks) {
  Story story({.round_trip = 20ms});
  through_a_nat(story).closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(ConntrackInvalid, AfterASilenceTheNatHadForgotten) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  (void)through_a_nat(story);
  story.wait(60s);
  const Terms from_inside = {
      .client_port = kClientPort, .client_host = 77, .client_isn = kClientIsn, .server_isn = kServerIsn};
  story.play(R"(
    +0      > P. 118:157(39) ack 9124 ttl 62
    +.00001 < R  9124:9124(0) win 0 id 0
  )",
             from_inside);
  EXPECT_THAT(story, says("#1 idle_state_lost/middlebox error fault=middlebox reset_by=server impact=request_lost"));
}

TEST(ConntrackInvalid, WithoutAStrayTheServerForgot) {
  Story story({.round_trip = 20ms});
  const Connection c = through_a_nat(story);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 peer_lost_state"));
}

TEST(ConntrackInvalid, ResetThatNothingDrewIsInjected) {
  Story story({.round_trip = 100ms});
  const Connection c = through_a_nat(story);
  c.client.sends(get("/forbidden"));
  story.wait(31ms);
  c.path.forges_reset(Side::server, 113);
  story.wait(20ms);
  c.server.sends(ok(3'000));
  EXPECT_THAT(story, says("#0 injected_reset"));
}

}  // namespace
}  // namespace tcpwhy::tests
