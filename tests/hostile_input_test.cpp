// Packets that nobody sends in good faith, or that no capture should hold: floods, lies, clocks and numbers at their
// limits. Nothing may hang or grow, and nobody may be accused of what only the capture did.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "catalogue.h"
#include "packet/ip_header.h"
#include "packet/tcp_header.h"
#include "support/payloads.h"
#include "support/story_book.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {

static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

constexpr std::uint32_t kFlood = 10'000;

Severity loudest(const std::vector<Finding>& findings) {
  Severity loudest = Severity::chat;
  for (const Finding& finding : findings) loudest = std::max(loudest, finding.verdict.severity);
  return loudest;
}

Packet packet_of(const Packet& like, std::uint8_t flags) {
  Packet packet = like;
  packet.flags = flags;
  packet.payload.clear();
  packet.options.clear();
  return packet;
}

/// The story `before`, then as many packets as `next` makes, a tenth of a millisecond apart.
template <typename Next>
Capture flooded(Capture before, Next next) {
  Nanoseconds now = before.packets.empty() ? kOnceUponATime : before.packets.back().time;
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    Packet packet = next(i);
    packet.time = now += 100 * kMicrosecond;
    before.packets.push_back(std::move(packet));
  }
  return before;
}

Capture conversation() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  for (int i = 0; i < 3; ++i) c.exchange(get("/a"), ok());
  return story.capture();
}

// Floods.

Packet syn_of_stranger(const Packet& like, std::uint32_t i) {
  Packet packet = packet_of(like, kSyn);
  packet.source = {ipv4(0xcb007100U + i % 251), static_cast<std::uint16_t>(1'024 + i)};
  packet.seq = SequenceNumber(i * 2'654'435'761U);
  packet.ack = SequenceNumber(0);
  return packet;
}

TEST(SynFlood, IsNobodysFault) {
  const Capture quiet = conversation();
  const Capture capture = flooded(quiet, [&](std::uint32_t i) { return syn_of_stranger(quiet.packets.front(), i); });
  EXPECT_THAT(capture, says_nothing()) << "one SYN without an answer is no connect that failed yet";
}

TEST(SynFlood, AnsweredIsNobodysFaultEither) {
  const Capture quiet = conversation();
  const Capture capture = flooded(quiet, [&](std::uint32_t i) {
    Packet packet = syn_of_stranger(quiet.packets.front(), i / 2);
    if (i % 2 == 0) return packet;
    std::swap(packet.source, packet.destination);
    packet.flags = kSyn | kAck;
    packet.ack = packet.seq + 1;
    packet.seq = SequenceNumber(i * 40'503U);
    return packet;
  });
  EXPECT_LE(loudest(findings(capture)), Severity::note);
}

TEST(SynFlood, OfOnePortLeavesOneAnswerAStream) {
  const Capture quiet = conversation();
  const Capture capture = flooded({}, [&](std::uint32_t i) {
    Packet packet = syn_of_stranger(quiet.packets.front(), 7);
    packet.seq = SequenceNumber(i * 2'654'435'761U);  // A new incarnation each time.
    return packet;
  });
  std::set<std::pair<StreamNumber, Question>> answered;
  for (const Finding& finding : findings(capture)) {
    EXPECT_TRUE(answered.emplace(finding.stream, finding.verdict.diagnosis->question).second) << to_line(finding);
    EXPECT_NE(finding.verdict.confidence, Confidence::certain) << to_line(finding);
  }
}

TEST(RstFlood, IsOneIncident) {
  const Capture quiet = conversation();
  const Packet last = *std::find_if(quiet.packets.rbegin(), quiet.packets.rend(),
                                    [](const Packet& packet) { return packet.source.port == 80; });
  const Capture capture = flooded(quiet, [&](std::uint32_t i) {
    Packet packet = packet_of(last, kRst);
    packet.seq = SequenceNumber(i * 2'654'435'761U);
    packet.ip_id = static_cast<std::uint16_t>(i);
    packet.ttl = static_cast<std::uint8_t>(40 + i % 100);
    return packet;
  });
  const std::vector<Finding> all = findings(capture);
  ASSERT_EQ(all.size(), 1U) << verdicts(capture);
  EXPECT_LE(all[0].proofs.size(), 12U);
  EXPECT_THAT(all[0].narrative.explanation, ::testing::HasSubstr(fmt::format("{}", kFlood))) << "they are counted";
}

TEST(RstFlood, OnStreamsWithoutAStoryIsTooLittleToTell) {
  const Packet like = conversation().packets.front();
  const Capture capture = flooded({}, [&](std::uint32_t i) {
    Packet packet = packet_of(like, kRst);
    packet.source = {ipv4(0xcb007100U + i % 251), static_cast<std::uint16_t>(1'024 + i)};
    return packet;
  });
  const std::vector<Finding> all = findings(capture);
  EXPECT_EQ(all.size(), kFlood);
  for (const Finding& finding : all) {
    ASSERT_EQ(finding.verdict.diagnosis->id, "capture_too_short");
    ASSERT_LE(finding.verdict.severity, Severity::note);
  }
}

TEST(IcmpFlood, SaysNothingOfAConnectionThatLives) {
  const Capture quiet = conversation();
  const Capture capture = flooded(quiet, [&](std::uint32_t i) {
    Packet packet = quiet.packets[i % quiet.packets.size()];
    packet.icmp = IcmpEnvelope{ipv4(0x0a000063), 3, static_cast<std::uint8_t>(i % 16)};
    return packet;
  });
  EXPECT_LE(loudest(findings(capture)), Severity::note) << verdicts(capture);
}

TEST(IcmpFlood, AboutStreamsThatNeverWereIsHeardByNobody) {
  Analyzer analyzer{Settings{}};
  for (std::uint32_t i = 1; i <= kFlood; ++i) {
    const Remarks remarks = analyzer.observe(IcmpError{.frame = i, .stream = i * 65'537U, .type = 3, .code = 3});
    ASSERT_TRUE(remarks.empty());
  }
  analyzer.finish();
  EXPECT_EQ(analyzer.stream_count(), 0U);
}

TEST(RetransmissionFlood, IsCountedAndSaturates) {
  Capture quiet = conversation();
  Packet last = quiet.packets.front();
  for (const Packet& packet : quiet.packets) {
    if (!packet.payload.empty() && packet.destination.port == 80) last = packet;
  }
  last.seq = last.end();
  last.payload = get("/b");
  Capture capture = flooded(quiet, [&](std::uint32_t i) {
    Packet packet = last;
    packet.ip_id = static_cast<std::uint16_t>(1'000 + i);
    return packet;
  });
  // A millisecond or more apart: no copies.
  for (std::size_t i = quiet.packets.size(); i < capture.packets.size(); ++i) {
    capture.packets[i].time += static_cast<Nanoseconds>(i) * 10 * kMillisecond;
  }
  const std::vector<Finding> all = findings(capture);
  ASSERT_EQ(all.size(), 1U) << verdicts(capture);
  EXPECT_LE(all[0].proofs.size(), 12U);
}

// Endpoints.

TEST(OneEndpoint, TalkingToItselfIsSeenFromOneSideOnly) {
  Story story;
  story.play(R"(
    +0    > S  0:0(0)       win 64240 <mss 1460>
    +0    > S. 0:0(0) ack 1 win 64240 <mss 1460>
    +0    > .  1:1(0) ack 1
    +.01  > P. 1:40(39) ack 1
    +.01  > .  40:40(0) ack 40
    +2    > R. 40:40(0) ack 40
  )");
  Capture capture = story.capture();
  for (Packet& packet : capture.packets) packet.source = packet.destination = {ipv4(0x7f000001), 5'000};
  for (const Finding& finding : findings(capture)) {
    EXPECT_NE(finding.verdict.confidence, Confidence::certain) << to_line(finding);
    EXPECT_LE(finding.verdict.severity, Severity::note) << to_line(finding);
  }
}

class BentStory : public ::testing::TestWithParam<BookStory> {
 protected:
  Capture capture_ = GetParam().tell();
};
INSTANTIATE_TEST_SUITE_P(Book, BentStory, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

/// Whether each stream begins with a SYN.
bool has_every_start(const Capture& capture) {
  std::set<StreamNumber> begun;
  for (const Segment& segment : to_segments(capture)) {
    if (begun.insert(segment.stream).second && !segment.has(kSyn)) return false;
  }
  return true;
}

// With one pair of ports in the story, whatever they are changes no stream; with a SYN in it, nothing is guessed from
// them.
TEST_P(BentStory, IsTheSameOnPortZero) {
  std::set<std::uint16_t> ports;
  for (const Packet& packet : capture_.packets) {
    ports.insert(packet.source.port);
    ports.insert(packet.destination.port);
  }
  if (ports.size() != 2 || !has_every_start(capture_)) GTEST_SKIP() << "several connections, or no start";
  for (const std::uint16_t port : ports) {
    Capture renamed = capture_;
    for (Packet& packet : renamed.packets) {
      if (packet.source.port == port) packet.source.port = 0;
      if (packet.destination.port == port) packet.destination.port = 0;
    }
    EXPECT_EQ(verdicts(renamed), verdicts(capture_)) << "port " << port;
  }
}

TEST_P(BentStory, IsTheSameBetweenPortsThatAreEqual) {
  std::set<std::uint16_t> ports;
  for (const Packet& packet : capture_.packets) {
    ports.insert(packet.source.port);
    ports.insert(packet.destination.port);
  }
  if (ports.size() != 2 || !has_every_start(capture_)) GTEST_SKIP() << "several connections, or no start";
  Capture renamed = capture_;
  for (Packet& packet : renamed.packets) packet.source.port = packet.destination.port = 179;
  EXPECT_EQ(verdicts(renamed), verdicts(capture_));
}

// Sequence numbers.

// properties_test.cpp shifts them by chance; here each number of the first connection is once 0, the last before it and
// the first after it.
TEST_P(BentStory, IsTheSameWhereAnyNumberIsZero) {
  if (GetParam().cause == "conntrack_invalid") GTEST_SKIP() << "one stream speaks in the numbers of another";
  const std::string lines = verdicts(capture_);
  const Endpoint client = capture_.packets.front().source;
  const Endpoint server = capture_.packets.front().destination;
  for (const Endpoint& speaker : {client, server}) {
    std::set<std::uint32_t> edges;
    for (const Packet& packet : capture_.packets) {
      if (packet.source != speaker || packet.destination != (speaker == client ? server : client)) continue;
      if (packet.has(kRst) && packet.has(kAck) && packet.seq == SequenceNumber(0)) continue;
      edges.insert(packet.seq.raw());
      edges.insert(packet.end().raw());
    }
    for (const std::uint32_t edge : edges) {
      for (const std::uint32_t beside : {0U, 1U, 0xffff'ffffU}) {
        ASSERT_EQ(verdicts(shifted_in_sequence(capture_, speaker, beside - edge)), lines)
            << to_string(speaker) << ", " << edge << " becomes " << beside;
      }
    }
  }
}

// Time.

TEST_P(BentStory, IsNeverCertainWhereTimeRunsBackwards) {
  Capture backwards = capture_;
  for (Packet& packet : backwards.packets) packet.time = 2 * kOnceUponATime - packet.time;
  for (const Finding& finding : findings(backwards)) {
    SCOPED_TRACE(to_text(finding));
    // A fatal alert was read, whenever.
    const bool needs_a_clock = finding.verdict.diagnosis->id != "tls_failure";
    if (finding.verdict.diagnosis->question == Question::ending && needs_a_clock) {
      EXPECT_NE(finding.verdict.confidence, Confidence::certain);
    }
    if (GetParam().cause.empty()) {
      EXPECT_LE(finding.verdict.severity, Severity::note);
    }
  }
}

TEST(Time, OfABillionSecondsIsASilence) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(30ms);
  Capture capture = story.capture();
  const std::size_t before = capture.packets.size();
  const Sent later = c.client.sends(get("/b"));
  story.wait(11ms);
  c.server.sends(ok());
  story.wait(30ms);
  c.closes_cleanly();
  capture = with_clock_step(story.capture(), static_cast<FrameNumber>(before + 1), 1'000'000'000 * kSecond);
  // Hosts without timestamps: else their clocks would tell that it did not happen.
  for (Packet& packet : capture.packets) packet.options.clear();
  Analyzer analyzer{Settings{}};
  feed(analyzer, capture);
  analyzer.finish();
  EXPECT_EQ(analyzer.idle_gap(story.frame(later)) / kSecond, 1'000'000'000);
  EXPECT_THAT(capture, is_silent());
}

TEST(Time, OfABillionSecondsIsToldAsItIs) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.client_timestamps = false, .server_timestamps = false});
  c.exchange(get("/a"), ok());
  story.wait(30ms);
  const std::size_t before = story.capture().packets.size();
  c.server.forgets();
  c.client.sends(get("/b"));
  const Capture capture =
      with_clock_step(story.capture(), static_cast<FrameNumber>(before + 1), 1'000'000'000 * kSecond);
  ASSERT_THAT(capture, says("#0 idle_state_lost error impact=request_lost"));
  EXPECT_THAT(the_finding(findings(capture), "idle_state_lost").narrative.explanation,
              ::testing::HasSubstr("1000000000 s"));
}

TEST(Time, BeyondAnyCaptureIsBroughtBack) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(capture_time(1'767'225'600, 123'456'789), kOnceUponATime + 123'456'789);
  EXPECT_EQ(capture_time(-1, 999'999'999), -1);
  for (const std::int64_t nanoseconds : {kLeast, std::int64_t{0}, kMost}) {
    EXPECT_NEAR(static_cast<double>(capture_time(kMost, nanoseconds)), kLatestTime, 1e9) << nanoseconds;
    EXPECT_NEAR(static_cast<double>(capture_time(kLeast, nanoseconds)), kEarliestTime, 1e9) << nanoseconds;
  }
  // What the limits are for: twice the longest gap is a number.
  EXPECT_LE(kLatestTime - kEarliestTime, std::numeric_limits<Nanoseconds>::max() / 2);
}

TEST(Time, AtBothItsEndsIsSurvived) {
  for (const BookStory& story : story_book()) {
    Capture capture = story.tell();
    for (std::size_t i = 0; i < capture.packets.size(); ++i) {
      capture.packets[i].time = i % 3 == 0 ? kEarliestTime : kLatestTime;
    }
    for (const Finding& finding : findings(capture)) {
      EXPECT_FALSE(finding.narrative.explanation.empty()) << to_line(finding);
    }
  }
}

// Options.

TEST_P(BentStory, LosesNothingButItsOptionsToOptionsThatLie) {
  // The options of each segment, behind one whose length is a lie.
  const auto lying = [&](std::uint8_t kind, std::uint8_t length) {
    Capture capture = capture_;
    for (Packet& packet : capture.packets) {
      if (packet.options.size() > 36) packet.options.resize(36);
      if (!packet.options.empty()) packet.options.insert(packet.options.begin(), {kind, length, 0, 0});
    }
    return capture;
  };
  Capture bare = capture_;
  for (Packet& packet : bare.packets) packet.options.clear();
  const std::string lines = verdicts(bare);
  for (const std::uint8_t kind : {std::uint8_t{2}, std::uint8_t{8}, std::uint8_t{254}}) {
    for (const std::uint8_t length : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{255}}) {
      EXPECT_EQ(verdicts(lying(kind, length)), lines) << int{kind} << ", " << int{length};
    }
  }
}

// Streams.

TEST_P(BentStory, IsTheSameBesideAbsurdStreams) {
  Analyzer analyzer{Settings{}};
  FrameNumber frame = 0;
  StreamNumber most = 0;
  for (Segment segment : to_segments(capture_)) {
    most = std::max(most, segment.stream);
    frame = segment.frame;
    analyzer.observe(segment);
    for (const StreamNumber absurd : {0xffff'ffffU, 0x7fff'ffffU}) {
      segment.stream = absurd;
      EXPECT_TRUE(analyzer.observe(segment).empty());
      EXPECT_TRUE(
          analyzer.observe(IcmpError{.frame = frame, .stream = absurd, .time = segment.time, .type = 3}).empty());
    }
  }
  analyzer.finish();
  EXPECT_EQ(analyzer.stream_count(), std::size_t{most} + 1);
  std::string lines;
  analyzer.for_each_finding([&](const Finding& finding) { lines += (lines.empty() ? "" : "\n") + to_line(finding); });
  Capture heard = capture_;
  std::erase_if(heard.packets, [](const Packet& packet) { return packet.icmp.has_value(); });
  if (heard.packets.size() == capture_.packets.size()) {
    EXPECT_EQ(lines, verdicts(capture_));
  }
}

// Headers.

/// The frame of a data segment with options, taken apart and put together by hand.
class LyingHeader : public ::testing::Test {
 protected:
  static constexpr std::size_t kIp = 14;
  static constexpr std::size_t kTcp = kIp + 20;

  [[nodiscard]] std::optional<Segment> read() {
    const Bytes bytes{{reinterpret_cast<const std::uint8_t*>(frame_.data()), frame_.size()}, on_wire_};
    const auto ip = read_ip_header(bytes, kIp);
    return ip ? read_segment(bytes, *ip) : std::nullopt;
  }
  void set(std::size_t at, std::uint8_t byte) { frame_[at] = static_cast<char>(byte); }

  Packet packet_ = *std::find_if(whole_.packets.begin(), whole_.packets.end(),
                                 [](const Packet& packet) { return !packet.payload.empty(); });
  std::string frame_ = to_bytes(packet_);
  std::size_t on_wire_ = frame_.size();

 private:
  static inline const Capture whole_ = conversation();
};

TEST_F(LyingHeader, ToldTheTruthIsReadWhole) {
  const auto segment = read();
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->length, packet_.payload.size());
  EXPECT_EQ(segment->payload.size(), packet_.payload.size());
  EXPECT_TRUE(segment->options.timestamps);
}

TEST_F(LyingHeader, DataOffsetThatPointsOutsideIsNoSegment) {
  frame_.resize(kTcp + 32);
  on_wire_ = frame_.size();
  set(kTcp + 12, 0xf0);
  EXPECT_FALSE(read());
}

TEST_F(LyingHeader, DataOffsetWithinTheFixedHeaderIsNoSegment) {
  for (const std::uint8_t words : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{4}}) {
    set(kTcp + 12, static_cast<std::uint8_t>(words << 4));
    EXPECT_FALSE(read()) << int{words};
  }
}

TEST_F(LyingHeader, DataOffsetThatTakesPayloadForOptionsReadsNoneOfIt) {
  set(kTcp + 12, 0xf0);
  const auto segment = read();
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->length, packet_.payload.size() + packet_.options.size() - 40);
  EXPECT_EQ(segment->payload.size(), segment->length);
}

TEST_F(LyingHeader, LengthBeyondTheFrameEndsWithIt) {
  set(kIp + 2, 0xff);
  set(kIp + 3, 0xff);
  const auto segment = read();
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->length, packet_.payload.size());
}

TEST_F(LyingHeader, LengthWithinTheHeadersIsNoSegment) {
  for (const std::uint8_t length : {std::uint8_t{1}, std::uint8_t{19}, std::uint8_t{20}, std::uint8_t{51}}) {
    set(kIp + 2, 0);
    set(kIp + 3, length);
    EXPECT_FALSE(read()) << int{length};
  }
}

TEST_F(LyingHeader, HeaderLengthOfIpThatPointsOutsideIsNoHeader) {
  for (std::uint8_t words = 0; words < 5; ++words) {
    set(kIp, static_cast<std::uint8_t>(0x40 | words));
    EXPECT_FALSE(read()) << int{words};
  }
  frame_.resize(kIp + 30);
  set(kIp, 0x4f);
  EXPECT_FALSE(read());
}

TEST_F(LyingHeader, CutAnywhereIsReadAsFarAsItGoes) {
  const std::string whole = frame_;
  for (std::size_t captured = 0; captured <= whole.size(); ++captured) {
    frame_ = whole.substr(0, captured);
    const auto segment = read();
    ASSERT_EQ(segment.has_value(), captured >= kTcp + kTcpEssential) << captured;
    if (!segment) continue;
    const std::size_t header = kTcp + 20 + packet_.options.size();
    EXPECT_EQ(segment->length, packet_.payload.size()) << captured;
    EXPECT_EQ(segment->options.known, captured >= header) << captured;
    EXPECT_EQ(segment->payload.size(), captured > header ? captured - header : 0) << captured;
  }
}

TEST_F(LyingHeader, OptionLengthsThatLieStayWithinTheHeader) {
  for (std::uint32_t length = 0; length <= 0xff; ++length) {
    set(kTcp + 20, 2);
    set(kTcp + 21, static_cast<std::uint8_t>(length));
    const auto segment = read();
    ASSERT_TRUE(segment);
    EXPECT_TRUE(segment->options.known);
    EXPECT_EQ(segment->payload.size(), packet_.payload.size());
  }
}

}  // namespace
}  // namespace tcpwhy::tests
