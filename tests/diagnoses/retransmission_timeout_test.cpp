// retransmission_timeout: data or SYNs, repeated without an answer until the sender gave up; not after an idle gap.
#include <algorithm>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

Connection busy(Story& story) {
  const Connection c = story.connect();
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(100ms);
  }
  return c;
}

TEST(RetransmissionTimeout, RequestInMidConversation) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.path.drops();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 retransmission_timeout likely|certain error fault=path impact=request_lost lost=39"));
}

TEST(RetransmissionTimeout, ResponseToAClientThatIsGone) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = busy(story);
  c.client.sends(get("/b"));
  story.wait(11ms);
  c.client.vanishes();
  c.server.sends(ok(100));
  EXPECT_THAT(story, says("#0 retransmission_timeout error fault=path impact=response_lost"));
}

TEST(RetransmissionTimeout, Syns) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    story.dials().path.drops();
    EXPECT_THAT(story, says("#0 retransmission_timeout likely error fault=path impact=connect_failed"));
  }
}

TEST(RetransmissionTimeout, ThreeTimesAndThenNothingWhileTheCaptureGoesOn) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(2s);
  c.client.forgets();
  story.wait(10s);
  const Connection elsewhere = story.connect({.server_host = 40});
  elsewhere.exchange(get("/a"), ok());
  elsewhere.closes_cleanly();
  EXPECT_THAT(story, says("#0 retransmission_timeout likely error fault=path impact=request_lost lost=39"));
}

TEST(RetransmissionTimeout, SynAckThatNeverReachesTheClient) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.dials({.syn_retries = 4});
  c.path.drops([](Side sender, const Packet&) { return sender == Side::server; });
  EXPECT_THAT(story, says("#0 retransmission_timeout likely error fault=path impact=connect_failed"));
}

// Too big for the path.

constexpr std::string_view kBlackHole = "path-MTU black hole";

/// A response of two full-size segments, which a router drops.
Connection too_big(Story& story) {
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.path.drops([](Side, const Packet& packet) { return packet.payload.size() > 1'300; });
  c.client.sends(get("/large"));
  story.wait(11ms);
  constexpr std::size_t kFullSize = 1'460 - 12;  // with timestamps
  c.server.sends(ok(2 * kFullSize - (ok(2'000).size() - 2'000)));
  return c;
}

/// The router's ICMP error, right behind the first packet that it drops.
Capture with_icmp_error(Capture capture, std::uint16_t mtu) {
  const auto dropped = std::find_if(capture.packets.begin(), capture.packets.end(),
                                    [](const Packet& packet) { return packet.payload.size() > 1'300; });
  if (dropped == capture.packets.end()) return capture;
  Packet error = *dropped;
  error.icmp = IcmpEnvelope{ipv4(0x0a0000fe), 3, 4, mtu};
  error.time += 1'000;
  capture.packets.insert(dropped + 1, error);
  return capture;
}

TEST(RetransmissionTimeout, FragmentationNeededIsAPathMtuBlackHole) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  too_big(story);
  const Capture capture = with_icmp_error(story.capture(), 1'400);
  EXPECT_THAT(capture, says("#0 retransmission_timeout error fault=path impact=response_lost"));
  const Narrative told = the_finding(findings(capture), "retransmission_timeout").narrative;
  EXPECT_THAT(told.explanation, ::testing::AllOf(::testing::HasSubstr(std::string(kBlackHole)), ::testing::HasSubstr("1,400 bytes"),
                                                 ::testing::HasSubstr("no smaller")));
  EXPECT_THAT(told.fix, ::testing::HasSubstr("clamp-mss-to-pmtu"));
}

TEST(RetransmissionTimeout, ErrorAboutLargerSegmentsIsAboutOthers) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  too_big(story);
  const Capture capture = with_icmp_error(story.capture(), 1'500);
  EXPECT_THAT(the_finding(findings(capture), "retransmission_timeout").narrative.explanation,
              ::testing::Not(::testing::HasSubstr("1,500 bytes")));
}

TEST(RetransmissionTimeout, OnlyFullSizeSegmentsAreLost) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  too_big(story);
  const Narrative told = the_finding(findings(story), "retransmission_timeout").narrative;
  EXPECT_THAT(told.explanation, ::testing::HasSubstr(std::string(kBlackHole)));
  EXPECT_THAT(told.fix, ::testing::HasSubstr("MSS"));
}

TEST(RetransmissionTimeout, SmallSegmentsAreNotTooBig) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.path.drops();
  c.client.sends(get("/b"));
  EXPECT_THAT(the_finding(findings(story), "retransmission_timeout").narrative.explanation,
              ::testing::Not(::testing::HasSubstr(std::string(kBlackHole))));
}

TEST(RetransmissionTimeout, FullSizeSegmentsThatOnceGotThroughAreNotTooBig) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok(20'000));
  story.wait(100ms);
  c.path.drops();
  c.server.sends(ok(20'000));
  EXPECT_THAT(the_finding(findings(story), "retransmission_timeout").narrative.explanation,
              ::testing::Not(::testing::HasSubstr(std::string(kBlackHole))));
}

// Stays silent.

TEST(RetransmissionTimeout, LossThatHeals) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(1s);
  c.path.carries();
  story.settle();
  c.server.sends(ok());
  story.wait(1s);
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(RetransmissionTimeout, SynThatGetsThroughAtLast) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  c.path.drops();
  story.wait(10s);
  c.path.carries();
  story.settle();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, is_silent());
}

TEST(RetransmissionTimeout, CaptureThatEndsTooSoonToTell) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(2s);
  story.stops_capturing();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(RetransmissionTimeout, AfterASilenceItIsABlackHole) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(60s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(5s);
  const Connection later = story.connect();
  later.exchange(get("/c"), ok());
  later.closes_cleanly();
  EXPECT_THAT(story, says("#0 idle_blackhole"));
}

TEST(RetransmissionTimeout, WhereOthersConnectTheListenerIsFull) {
  Story story({.round_trip = 20ms});
  story.dials().server.vanishes();
  story.wait(5s);
  story.connect().closes_cleanly();
  EXPECT_THAT(story, says("#0 accept_overflow/dropped"));
}

TEST(RetransmissionTimeout, SynThatIsRejectedIsARefusal) {
  Story story({.round_trip = 20ms});
  story.dials().path.rejects_with_icmp(3, 13);
  EXPECT_THAT(story, says("#0 connection_refused/icmp"));
}

TEST(RetransmissionTimeout, SynAfterSynIntoTimeWaitIsACollision) {
  constexpr std::uint16_t kPort = 50'000;
  Story story({.round_trip = 20ms});
  const Connection old = story.connect({.client_port = kPort, .client_isn = 2'000'000'000, .client_timestamps = false});
  old.exchange(get("/a"), ok());
  old.closes_cleanly(Side::server);
  story.wait(2s);
  const Connection c = story.dials({.client_port = kPort, .client_isn = 1'000'000, .client_timestamps = false});
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.flags == kAck; });
  story.wait(50s);
  c.client.vanishes();
  EXPECT_THAT(story, says("#1 time_wait_collision/blocked"));
}

TEST(RetransmissionTimeout, AcknowledgedRequestIsAResponseTimeout) {
  Story story({.round_trip = 20ms});
  const Connection c = busy(story);
  c.client.sends(get("/slow"));
  story.wait(30s);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 response_timeout"));
}

}  // namespace
}  // namespace tcpwhy::tests
