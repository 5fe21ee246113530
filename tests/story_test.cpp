// The story teller is believed by every other test, so it is tested first: what its two kernels do, packet by packet.
#include "support/story.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "support/packet_script.h"
#include "support/payloads.h"

namespace tcpwhy::tests {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// "> P. 1:40(39) ack 1": direction, flags, numbers.
std::vector<std::string> outline(const Capture& capture) {
  std::vector<std::string> lines;
  std::istringstream all(to_lines(capture));
  for (std::string line; std::getline(all, line);) {
    const std::size_t begin = line.find_first_of("<>", 16);
    lines.push_back(line.substr(begin, line.find(" win ") - begin));
  }
  return lines;
}

TEST(Story, HandshakeExchangeClose) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok());
  c.closes_cleanly();
  EXPECT_THAT(outline(story.capture()), ElementsAre("> S 0:0(0)", "< S. 0:0(0) ack 1", "> . 1:1(0) ack 1",  //
                                                    "> P. 1:39(38) ack 1", "< . 1:1(0) ack 39",             //
                                                    "< P. 1:60(59) ack 39", "> . 39:39(0) ack 60",          //
                                                    "> F. 39:39(0) ack 60", "< . 60:60(0) ack 40",
                                                    "< F. 60:60(0) ack 40", "> . 40:40(0) ack 61"));
}

TEST(Story, SegmentsNoLongerThanTheMss) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok(5'000));
  for (const Packet& packet : story.capture().packets) EXPECT_LE(packet.payload.size(), 1448U);
  c.server.sends_offloaded(bytes(20'000));
  EXPECT_EQ(story.capture().packets.back().ack, story.capture().packets.end()[-2].end());
  EXPECT_EQ(story.capture().packets.end()[-2].payload.size(), 20'000U);
}

TEST(Story, AcksCoverOnlyWhatHasArrived) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get(), ok());
  c.client.idles_for(5'920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(6s);
  c.server.closes();
  EXPECT_THAT(outline(story.capture()), Contains("< R 60:60(0)")) << "the request doesn't acknowledge the FIN";
}

TEST(Story, OrderDependsOnTheVantage) {
  const auto first_of_both = [](Vantage vantage) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    const Connection c = story.connect();
    c.exchange(get(), ok());
    c.client.idles_for(5'920ms);
    const Sent request = c.client.sends(get("/b"));
    c.server.idles_for(6s);
    const Sent fin = c.server.closes();
    return story.frame(request) < story.frame(fin) ? "request" : "FIN";
  };
  EXPECT_STREQ(first_of_both(Vantage::client), "request");
  EXPECT_STREQ(first_of_both(Vantage::server), "FIN");
}

TEST(Story, RoundTripAsSeenFromEachEnd) {
  for (const Vantage vantage : {Vantage::client, Vantage::middle, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 100ms});
    (void)story.connect();
    const std::vector<Packet> packets = story.capture().packets;
    const Nanoseconds to_server = packets[1].time - packets[0].time;
    const Nanoseconds to_client = packets[2].time - packets[1].time;
    const Nanoseconds beyond = vantage == Vantage::client ? 100 : vantage == Vantage::middle ? 50 : 0;
    EXPECT_NEAR(static_cast<double>(to_server), static_cast<double>(beyond * kMillisecond), 20e3);
    EXPECT_NEAR(static_cast<double>(to_server + to_client), 100e6, 40e3);
  }
}

TEST(Story, TtlTellsHowFar) {
  Story story({.vantage = Vantage::client, .hops = 3});
  (void)story.connect();
  EXPECT_EQ(story.capture().packets[0].ttl, 64);
  EXPECT_EQ(story.capture().packets[1].ttl, 61);
}

TEST(Story, IpIdsOfLinux) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok());
  story.wait(1s);
  c.server.aborts();
  story.settle();
  c.client.aborts();  // the client's kernel knows of the reset: nothing to abort
  const std::vector<Packet> packets = story.capture().packets;
  EXPECT_EQ(packets[1].ip_id, 0) << "SYN-ACK";
  EXPECT_EQ(packets[3].ip_id, packets[0].ip_id + 2) << "the client's counter";
  EXPECT_TRUE(packets.back().has(kRst));
  EXPECT_EQ(packets.back().ip_id, packets[5].ip_id + 1) << "an abort continues the socket's counter";
  EXPECT_NE(packets.back().window, 0);
  EXPECT_TRUE(read_options(packets.back().options, true).timestamps);
}

TEST(Story, ReplyIsMadeOfTheSegmentAlone) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok());
  story.wait(1s);
  c.server.forgets();
  c.client.sends(get("/b"));
  const std::vector<Packet> packets = story.capture().packets;
  const Packet& reset = packets.back();
  EXPECT_EQ(reset.flags, kRst);
  EXPECT_EQ(reset.seq, packets.end()[-2].ack);
  EXPECT_EQ(reset.ip_id, 0);
  EXPECT_EQ(reset.window, 0);
  EXPECT_TRUE(reset.options.empty());
}

TEST(Story, RefusedConnect) {
  Story story;
  (void)story.connect({.listening = false});
  EXPECT_THAT(outline(story.capture()), ElementsAre("> S 0:0(0)", "< R. 0:0(0) ack 1"));
}

TEST(Story, UnreadDataMakesCloseAReset) {
  Story story;
  const Connection c = story.connect();
  c.server.stops_reading();
  c.client.sends(get());
  story.wait(50ms);
  c.server.closes();
  EXPECT_THAT(outline(story.capture()).back(), HasSubstr("< R. 1:1(0) ack 39"));
}

TEST(Story, TimeWaitRefusesALowerIsnAndTheSecondSynGetsThrough) {
  Story story;
  story.connect({.client_port = 50'000, .client_isn = 1'000'000, .client_timestamps = false})
      .closes_cleanly(Side::server);
  story.begins_capturing();
  story.connect({.client_port = 50'000, .client_isn = 5, .client_timestamps = false}).exchange(get(), ok());
  const std::vector<Packet> packets = story.capture().packets;
  EXPECT_EQ(packets[1].flags, kAck);
  EXPECT_EQ(packets[1].ack, SequenceNumber(1'000'002));
  EXPECT_EQ(packets[1].ip_id, 0) << "TIME_WAIT answers with ID 0";
  EXPECT_EQ(packets[2].flags, kRst);
  EXPECT_EQ(packets[2].seq, packets[1].ack);
  EXPECT_EQ(packets[3].flags, kSyn);
  EXPECT_NEAR(static_cast<double>(packets[3].time - packets[2].time), 10e6, 20e3);
  EXPECT_EQ(packets[4].flags, kSyn | kAck);
}

TEST(Story, TimeWaitAcceptsAHigherIsnWithAnIsnOfItsOwn) {
  Story story;
  story.connect({.client_port = 50'000, .client_isn = 5, .server_isn = 700}).closes_cleanly(Side::server);
  story.begins_capturing();
  (void)story.connect({.client_port = 50'000, .client_isn = 1'000});
  EXPECT_EQ(story.capture().packets[1].seq, SequenceNumber(700 + 2 + 65'537));
}

TEST(Story, HalfOpenConnectionChallengesWithItsOwnIpId) {
  Story story;
  const Connection old = story.connect({.client_port = 50'000, .client_isn = 1'000'000});
  old.exchange(get(), ok());
  const std::uint16_t last_id = story.capture().packets.end()[-2].ip_id;
  old.client.forgets();
  story.begins_capturing();
  (void)story.connect({.client_port = 50'000, .client_isn = 5});
  EXPECT_EQ(story.capture().packets[1].ip_id, last_id + 1);
  EXPECT_EQ(story.capture().packets[1].flags, kAck);
}

TEST(Story, UnansweredDataIsRetransmittedWithBackoff) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get(), ok());
  c.path.drops();
  c.client.sends(get("/b"));
  const std::vector<Packet> packets = story.capture().packets;
  ASSERT_EQ(packets.size(), 7U + 8U);
  EXPECT_NEAR(static_cast<double>(packets[8].time - packets[7].time), 220e6, 20e3);
  EXPECT_NEAR(static_cast<double>(packets[9].time - packets[8].time), 440e6, 20e3);
  EXPECT_EQ(packets[14].payload, packets[7].payload);
  EXPECT_EQ(packets[14].seq, packets[7].seq);
}

TEST(Story, DeviceAnswersFromWhereItStands) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get(), ok());
  c.path.rejects();
  c.client.sends(get("/b"));
  const std::vector<Packet> packets = story.capture().packets;
  EXPECT_EQ(packets.back().ttl, 63) << "the server's packets arrive with 62";
  EXPECT_LT(packets.back().time - packets.end()[-2].time, 100 * kMillisecond);
}

TEST(Story, StrippedOnOneSideOfTheDevice) {
  Story story({.vantage = Vantage::both_sides_of_device});
  const Connection c = story.dials();
  c.path.strips_timestamps_from(Side::client);
  const std::vector<Segment> segments = to_segments(story.capture());
  EXPECT_TRUE(segments[0].options.timestamps);
  EXPECT_FALSE(segments[1].options.timestamps);
  EXPECT_EQ(segments[1].options.longest_nop_run, 11);
  EXPECT_EQ(segments[0].seq, segments[1].seq);
}

TEST(Story, WrapIsNoSpecialCase) {
  const auto tell = [](std::uint32_t client_isn, std::uint32_t server_isn) {
    Story story;
    const Connection c = story.connect({.client_isn = client_isn, .server_isn = server_isn});
    c.exchange(get(), ok(5'000));
    c.closes_cleanly();
    return outline(story.capture());
  };
  EXPECT_EQ(tell(0xffff'fff0, 0xffff'ff00), tell(1'000, 2'000));
}

TEST(Story, KeepaliveProbeIsAnswered) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok());
  story.wait(10s);
  c.client.sends_keepalive_probe();
  const std::vector<std::string> lines = outline(story.capture());
  EXPECT_EQ(lines.end()[-2], "> . 38:38(0) ack 60");
  EXPECT_EQ(lines.end()[-1], "< . 60:60(0) ack 39");
}

TEST(Story, NobodyRunsBackwards) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get(), ok());
  story.wait(10s);
  EXPECT_THROW(c.client.idles_for(5s), std::logic_error);
}

TEST(Story, NobodySendsOnWhatHeClosed) {
  Story story;
  const Connection c = story.connect();
  c.client.closes();
  EXPECT_THROW(c.client.sends(get()), std::logic_error);
}

TEST(Capture, MirroredDirectionalCut) {
  Story story;
  story.connect().exchange(get(), ok());
  const Capture whole = story.capture();
  EXPECT_EQ(mirrored(whole).packets.size(), 2 * whole.packets.size());
  const std::vector<Segment> cut = to_segments(cut_to(whole, 60));
  EXPECT_EQ(cut[3].length, 38U) << "the length is the wire's";
  EXPECT_TRUE(cut[3].payload.empty());
  EXPECT_FALSE(cut[3].options.known);
}

// Packet scripts.

ScriptCast cast() {
  return {0, {ipv4(0x0a00000a), 40'000}, {ipv4(0x0a000014), 80}, SequenceNumber(0xffff'fff0), SequenceNumber(77)};
}

TEST(Script, LineByLine) {
  const std::vector<Packet> packets = parse_script(R"(
    // a handshake, a request, and nobody there
    +0     > S                  win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
    +.02   < S.                 win 65160 <mss 1460,nop,nop,sackOK> id 0 ttl 62
    +0     > .
    +1.5   > P. "GET / HTTP/1.1\r\n"
    +.000000001 < R 1:1(0)
  )",
                                                   cast());
  ASSERT_EQ(packets.size(), 5U);
  EXPECT_EQ(packets[0].seq, SequenceNumber(0xffff'fff0));
  EXPECT_EQ(packets[1].ack, SequenceNumber(0xffff'fff1));
  EXPECT_EQ(packets[1].ttl, 62);
  EXPECT_EQ(packets[1].time, 20 * kMillisecond);
  EXPECT_EQ(packets[3].payload, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(packets[3].seq, SequenceNumber(0xffff'fff1));
  EXPECT_EQ(packets[4].time, 1'520 * kMillisecond + 1);
  EXPECT_EQ(packets[4].window, 0);
  EXPECT_EQ(packets[4].seq, SequenceNumber(78));
}

TEST(Script, ReadsWhatItWrites) {
  Story story;
  const Connection c = story.connect({.client_isn = 0xffff'ff00, .server_isn = 5});
  c.exchange(get(), ok(3'000));
  c.server.aborts();
  const std::vector<Packet> told = story.capture().packets;
  const ScriptCast cast{0, told[0].source, told[0].destination, told[0].seq, told[1].seq};
  std::string script;
  Nanoseconds last = 0;
  for (const Packet& packet : told) {
    script += fmt::format("+{}.{:09} {}\n", (packet.time - last) / kSecond, (packet.time - last) % kSecond,
                          to_line(packet, cast));
    last = packet.time;
  }
  std::vector<Packet> read = parse_script(script, cast);
  ASSERT_EQ(read.size(), told.size());
  for (std::size_t i = 0; i < read.size(); ++i) read[i].payload = told[i].payload;  // lines hold no payload
  EXPECT_EQ(read, told) << script;
}

std::string complaint(const char* script) {
  try {
    (void)parse_script(script, cast());
  } catch (const ScriptError& error) {
    return error.what();
  }
  return "no complaint";
}

TEST(Script, ComplaintsNameTheLine) {
  EXPECT_EQ(complaint("+0 > S\n\n+.1 < X."), "line 3: 'X' is no flag; S F R P U . or - are");
  EXPECT_EQ(complaint("+0 > P. 1:10(5)"), "line 1: 1:10 is not 5 bytes");
  EXPECT_EQ(complaint("0 > S"), "line 1: '+' expected before '0 > S'");
  EXPECT_EQ(complaint("+0 S"), "line 1: '<' expected before 'S'");
  EXPECT_EQ(complaint("+0 > S win 70000"), "line 1: 70000 is more than 65535");
  EXPECT_EQ(complaint("+0 > S <mss 1460,foo>"),
            "line 1: an option expected: mss, wscale, sackOK, TS val … ecr …, nop or eol");
  EXPECT_EQ(complaint("+0 > S <mss 1460"), "line 1: '>' expected before ''");
  EXPECT_EQ(complaint("+0 > P. \"GET"), "line 1: the payload has no closing quote");
  EXPECT_EQ(complaint("+0 > P. 1:4(3) \"GETT\""), "line 1: the payload has 4 bytes, not 3");
  EXPECT_EQ(complaint("+0 > . foo"), "line 1: 'foo' is not understood");
}

}  // namespace
}  // namespace tcpwhy::tests
