// Laws that hold for every capture, tried on every story of the book, on distorted stories and on garbage.
//
// The same numbers every time; TCPWHY_SEED=<n> tries others, TCPWHY_ROUNDS=<n> tries longer.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include <fmt/format.h>

#include "catalogue.h"
#include "support/payloads.h"
#include "support/story.h"
#include "support/story_book.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {

/// GoogleTest names a failing story by this.
static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// A generator of random numbers for one test, that says its seed when the test fails.
class Dice {
 public:
  Dice() : seed_(number_from_environment("TCPWHY_SEED", 20'260'101)), engine_(seed_) {}
  /// 0 … sides - 1.
  std::uint32_t roll(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }
  std::uint32_t any() { return static_cast<std::uint32_t>(engine_()); }
  template <typename Values>
  auto one_of(const Values& values) {
    return *(std::begin(values) + roll(static_cast<std::uint32_t>(std::size(values))));
  }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] static int rounds(int usual) {
    return static_cast<int>(number_from_environment("TCPWHY_ROUNDS", static_cast<std::uint64_t>(usual)));
  }

 private:
  std::uint64_t seed_;
  std::mt19937_64 engine_;
};

std::string everything(const Capture& capture) {
  std::string text;
  for (const Finding& finding : findings(capture)) text += to_text(finding);
  return text;
}

/// Cause and variant by stream: what stays when frames are counted otherwise.
std::multiset<std::string> causes(const Capture& capture) {
  std::multiset<std::string> all;
  for (const Finding& finding : findings(capture)) {
    all.insert(fmt::format("#{} {}/{}", finding.stream, finding.verdict.diagnosis->id, finding.verdict.variant));
  }
  return all;
}

/// A verdict without stream and frame numbers.
std::string judgement(const Finding& finding) {
  const std::string line = to_line(finding);
  const std::size_t begin = line.find(' ') + 1;
  return line.substr(begin, line.find(" @") - begin) + fmt::format(" {} proofs", finding.proofs.size());
}

Capture truncated_after(Capture capture, FrameNumber last) {
  capture.packets.resize(std::min<std::size_t>(last, capture.packets.size()));
  return capture;
}

class EveryStory : public ::testing::TestWithParam<BookStory> {
 protected:
  Capture capture_ = GetParam().tell();
  Dice dice_;
  ::testing::ScopedTrace seed_{__FILE__, __LINE__, fmt::format("TCPWHY_SEED={}", dice_.seed())};
};
INSTANTIATE_TEST_SUITE_P(Book, EveryStory, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

TEST_P(EveryStory, IsWhatItSays) {
  std::set<std::string_view> said;
  for (const Finding& finding : findings(capture_)) said.insert(finding.verdict.diagnosis->id);
  if (GetParam().cause.empty()) {
    EXPECT_THAT(capture_, says_nothing());
  } else {
    EXPECT_THAT(said, ::testing::Contains(GetParam().cause)) << verdicts(capture_);
  }
}

TEST_P(EveryStory, IsReadTheSameTwice) {
  EXPECT_EQ(everything(capture_), everything(capture_));
}

TEST_P(EveryStory, IsVisitedInAnyOrder) {
  Analyzer analyzer{Settings{}};
  feed(analyzer, capture_);
  analyzer.finish();
  std::map<StreamNumber, std::vector<Finding>> first;
  analyzer.for_each_finding([&](const Finding& finding) { first[finding.stream].push_back(finding); });
  const auto streams = static_cast<std::uint32_t>(analyzer.stream_count());
  ASSERT_GT(streams, 0U);
  for (int visit = 0; visit < 50; ++visit) {
    const StreamNumber stream = dice_.roll(streams);
    EXPECT_EQ(analyzer.findings(stream), first[stream]);
    EXPECT_EQ(analyzer.has_findings(stream), !first[stream].empty());
  }
  analyzer.finish();
  EXPECT_EQ(analyzer.findings(0), first[0]) << "finishing twice changes nothing";
}

TEST_P(EveryStory, GivesEachResetOneRole) {
  Analyzer analyzer{Settings{}};
  std::vector<FrameNumber> with_role;
  feed(analyzer, capture_, [&](FrameNumber frame, const Remarks& remarks) {
    if (remarks.role != ResetRole::none) with_role.push_back(frame);
  });
  analyzer.finish();
  std::vector<FrameNumber> resets;
  std::vector<FrameNumber> with_role_afterwards;
  for (FrameNumber frame = 1; frame <= capture_.packets.size(); ++frame) {
    const Packet& packet = capture_.packets[frame - 1];
    if (packet.has(kRst) && !packet.icmp) resets.push_back(frame);
    if (analyzer.reset_role(frame) != ResetRole::none) with_role_afterwards.push_back(frame);
  }
  EXPECT_EQ(with_role, resets);
  EXPECT_EQ(with_role_afterwards, resets);
}

TEST_P(EveryStory, SaysNothingBeforeItIsSealed) {
  Analyzer analyzer{Settings{}};
  feed(analyzer, capture_);
  EXPECT_FALSE(analyzer.finished());
  EXPECT_TRUE(analyzer.findings(0).empty());
  analyzer.finish();
  EXPECT_TRUE(analyzer.finished());
}

TEST_P(EveryStory, StandsOnItsFrames) {
  const auto frames = static_cast<FrameNumber>(capture_.packets.size());
  for (const Finding& finding : findings(capture_)) {
    const Verdict& verdict = finding.verdict;
    SCOPED_TRACE(to_text(finding));
    EXPECT_GE(verdict.deciding_frame, 1U);
    EXPECT_LE(verdict.deciding_frame, frames);
    EXPECT_LE(verdict.provoked_by, frames);
    const auto by_frame = [](const Proof& a, const Proof& b) { return a.frame < b.frame; };
    EXPECT_TRUE(std::is_sorted(finding.proofs.begin(), finding.proofs.end(), by_frame));
    EXPECT_TRUE(std::any_of(finding.proofs.begin(), finding.proofs.end(),
                            [&](const Proof& proof) { return proof.frame == verdict.deciding_frame; }));
    for (const Proof& proof : finding.proofs) EXPECT_FALSE(proof.part.empty());
    EXPECT_FALSE(finding.narrative.explanation.empty());
    EXPECT_FALSE(finding.narrative.fix.empty());
    EXPECT_LE(static_cast<int>(verdict.severity), static_cast<int>(verdict.diagnosis->loudest));
    if (!verdict.variant.empty()) {
      EXPECT_TRUE(std::any_of(verdict.diagnosis->variants.begin(), verdict.diagnosis->variants.end(),
                              [&](const Variant& variant) { return variant.word == verdict.variant; }));
    }
  }
}

TEST_P(EveryStory, IsDecidedOnItsLastFrameAsWhenItIsSealed) {
  for (const Finding& whole : findings(capture_)) {
    const Capture cut = truncated_after(capture_, whole.verdict.deciding_frame);
    const auto last = static_cast<FrameNumber>(cut.packets.size());
    std::vector<std::string> remarked;
    Analyzer analyzer{Settings{}};
    feed(analyzer, cut, [&](FrameNumber frame, const Remarks& remarks) {
      if (frame != last) return;
      for (const Finding& finding : remarks.findings) remarked.push_back(to_line(finding));
    });
    analyzer.finish();
    for (const Finding& sealed : analyzer.findings(whole.stream)) {
      if (sealed.verdict.deciding_frame != last) continue;
      EXPECT_THAT(remarked, ::testing::Contains(to_line(sealed))) << "on the last frame, nothing follows";
    }
  }
}

TEST_P(EveryStory, IsTheSameAtAnyTime) {
  const std::string lines = verdicts(capture_);
  for (const Nanoseconds shift : {-kOnceUponATime, -3'600 * kSecond, Nanoseconds{1}, 999'999'999 * kSecond}) {
    EXPECT_EQ(verdicts(shifted_in_time(capture_, shift)), lines) << shift;
  }
}

TEST_P(EveryStory, IsTheSameWhereverTheNumbersBegin) {
  if (GetParam().cause == "conntrack_invalid") GTEST_SKIP() << "one stream speaks in the numbers of another";
  const std::string lines = verdicts(capture_);
  std::set<std::pair<std::string, std::size_t>> speakers;
  for (std::size_t i = 0; i < capture_.packets.size(); ++i) {
    const Packet& packet = capture_.packets[i];
    const std::string name = to_string(packet.source);
    const auto known =
        std::any_of(speakers.begin(), speakers.end(), [&](const auto& one) { return one.first == name; });
    if (!known) speakers.emplace(name, i);
  }
  for (int round = 0; round < Dice::rounds(20); ++round) {
    Capture shifted = capture_;
    for (const auto& [name, first] : speakers) {
      // So that the wrap lies within the first few thousand bytes, or anywhere.
      const Packet& begin = capture_.packets[first];
      const std::uint32_t to_wrap = 0U - begin.seq.raw() - dice_.roll(4'000);
      shifted = shifted_in_sequence(std::move(shifted), begin.source, round % 2 == 0 ? to_wrap : dice_.any());
    }
    EXPECT_EQ(verdicts(shifted), lines);
  }
}

TEST_P(EveryStory, HasTheSameCausesOnAMirrorPort) {
  const Capture twice = mirrored(capture_);
  EXPECT_EQ(causes(twice), causes(capture_)) << verdicts(twice) << "\nwhere once it is\n" << verdicts(capture_);
}

/// How long the server took to answer the first SYN.
Nanoseconds time_to_answer(const Capture& capture) {
  const auto& packets = capture.packets;
  const auto answer = std::find_if(packets.begin(), packets.end(), [](const Packet& p) { return p.has(kSyn) && p.has(kAck); });
  return answer == packets.end() ? 0 : answer->time - packets.front().time;
}

/// The second place is nearer to the server where there is room for it, else nearer to the client. Both may tell more (who sent a
/// reset), but no other cause.
TEST_P(EveryStory, HasTheSameCausesWhereItIsSeenTwice) {
  for (const Nanoseconds apart : {20 * kMicrosecond, 300 * kMicrosecond}) {
    const bool has_room = time_to_answer(capture_) > 4 * apart;
    const Capture merged = seen_at_two_places(capture_, capture_.packets.front().destination.port, has_room ? apart : -apart);
    EXPECT_EQ(causes(merged), causes(capture_)) << verdicts(merged) << "\nwhere once it is\n" << verdicts(capture_);
  }
}

TEST_P(EveryStory, AsksEachQuestionOnce) {
  std::set<std::pair<StreamNumber, Question>> answered;
  for (const Finding& finding : findings(capture_)) {
    EXPECT_TRUE(answered.emplace(finding.stream, finding.verdict.diagnosis->question).second) << verdicts(capture_);
  }
}

// Several stories in one file.

/// The story among other hosts.
Capture at_hosts(Capture capture, std::uint8_t offset) {
  for (Packet& packet : capture.packets) {
    for (Endpoint* endpoint : {&packet.source, &packet.destination}) {
      endpoint->address.bytes[endpoint->address.length - 2U] = offset;
    }
  }
  return capture;
}

TEST(ManyStories, DoNotDisturbEachOther) {
  Dice dice;
  SCOPED_TRACE(fmt::format("TCPWHY_SEED={}", dice.seed()));
  for (int round = 0; round < Dice::rounds(20); ++round) {
    Capture merged;
    std::map<std::uint8_t, std::multiset<std::string>> alone;  // by whose hosts they are
    std::uint8_t hosts = 0;
    for (const BookStory& story : story_book()) {
      ++hosts;
      if (dice.roll(3) == 0) continue;
      const Nanoseconds later = static_cast<Nanoseconds>(dice.roll(90'000)) * kMillisecond;
      const Capture own = shifted_in_time(at_hosts(story.tell(), hosts), later);
      std::multiset<std::string>& said = alone[hosts];
      for (const Finding& finding : findings(own)) said.insert(judgement(finding));
      merged.packets.insert(merged.packets.end(), own.packets.begin(), own.packets.end());
    }
    std::stable_sort(merged.packets.begin(), merged.packets.end(),
                     [](const Packet& a, const Packet& b) { return a.time < b.time; });
    std::map<StreamNumber, std::uint8_t> owners;
    for (const Segment& segment : to_segments(merged)) {
      const Address& address = segment.source.address;
      owners[segment.stream] = address.bytes[address.length - 2U];
    }
    auto together = alone;
    for (auto& [owner, said] : together) said.clear();
    for (const Finding& finding : findings(merged)) together[owners[finding.stream]].insert(judgement(finding));
    for (const auto& [owner, said] : alone) EXPECT_EQ(together[owner], said) << story_book()[owner - 1U].id;
  }
}

// Healthy stories, badly captured.

class HealthyStory : public EveryStory {
 protected:
  void SetUp() override {
    if (!GetParam().cause.empty()) GTEST_SKIP() << "not a healthy one";
  }
  static void expect_no_accusation(const Capture& capture, const std::string& what) {
    for (const Finding& finding : findings(capture)) {
      EXPECT_LE(static_cast<int>(finding.verdict.severity), static_cast<int>(Severity::note))
          << what << ": " << to_line(finding);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Book, HealthyStory, ::testing::ValuesIn([] {
                           std::vector<BookStory> healthy;
                           std::copy_if(story_book().begin(), story_book().end(), std::back_inserter(healthy),
                                        [](const BookStory& story) { return story.cause.empty(); });
                           return healthy;
                         }()),
                         [](const auto& test) { return std::string(test.param.id); });

TEST_P(HealthyStory, StaysSoFromAnyFrameOn) {
  for (FrameNumber first = 2; first <= capture_.packets.size(); ++first) {
    expect_no_accusation(starting_at_frame(capture_, first), fmt::format("from frame {}", first));
  }
}

TEST_P(HealthyStory, StaysSoUpToAnyFrame) {
  for (FrameNumber last = 1; last < capture_.packets.size(); ++last) {
    expect_no_accusation(truncated_after(capture_, last), fmt::format("up to frame {}", last));
  }
}

TEST_P(HealthyStory, StaysSoWithAFrameLost) {
  for (std::size_t lost = 0; lost < capture_.packets.size(); ++lost) {
    Capture holed = capture_;
    holed.packets.erase(holed.packets.begin() + static_cast<std::ptrdiff_t>(lost));
    expect_no_accusation(holed, fmt::format("without frame {}", lost + 1));
  }
}

TEST_P(HealthyStory, StaysSoInOneDirection) {
  for (const Endpoint& speaker : {capture_.packets[0].source, capture_.packets[0].destination}) {
    expect_no_accusation(without(capture_, [&](const Packet& packet) { return packet.source == speaker; }),
                         "without " + to_string(speaker));
  }
}

TEST_P(HealthyStory, StaysSoWhereTheClockSteps) {
  for (const Nanoseconds step : {-65'536 * kSecond, -5 * kSecond, 5 * kSecond, 3'600 * kSecond, 65'536 * kSecond}) {
    for (FrameNumber at = 2; at <= capture_.packets.size(); ++at) {
      expect_no_accusation(with_clock_step(capture_, at, step), fmt::format("{} ns at frame {}", step, at));
    }
  }
}

TEST_P(HealthyStory, StaysSoWithoutAnyClock) {
  Capture timeless = capture_;
  for (Packet& packet : timeless.packets) packet.time = 0;
  expect_no_accusation(timeless, "all at once");
}

TEST_P(HealthyStory, StaysSoWhereFramesAreCut) {
  for (const std::uint32_t snaplen : {54U, 60U, 64U, 68U, 96U, 128U}) {
    expect_no_accusation(cut_to(capture_, snaplen), fmt::format("snaplen {}", snaplen));
  }
}

TEST_P(HealthyStory, StaysSoOnAMirrorPort) {
  expect_no_accusation(mirrored(capture_), "mirrored");
}

TEST_P(HealthyStory, StaysSoWhereNeighboursSwap) {
  for (std::size_t i = 0; i + 1 < capture_.packets.size(); ++i) {
    Capture swapped = capture_;
    std::swap(swapped.packets[i], swapped.packets[i + 1]);
    std::swap(swapped.packets[i].time, swapped.packets[i + 1].time);
    expect_no_accusation(swapped, fmt::format("frames {} and {} swapped", i + 1, i + 2));
  }
}

// Anything at all.

void expect_sane(const Capture& capture) {
  std::set<std::pair<StreamNumber, Question>> answered;
  const auto frames = static_cast<FrameNumber>(capture.packets.size());
  for (const Finding& finding : findings(capture)) {
    ASSERT_NE(finding.verdict.diagnosis, nullptr);
    EXPECT_TRUE(answered.emplace(finding.stream, finding.verdict.diagnosis->question).second) << to_line(finding);
    EXPECT_GE(finding.verdict.deciding_frame, 1U) << to_line(finding);
    EXPECT_LE(finding.verdict.deciding_frame, frames) << to_line(finding);
    for (const Proof& proof : finding.proofs) {
      EXPECT_GE(proof.frame, 1U) << to_text(finding);
      EXPECT_LE(proof.frame, frames) << to_text(finding);
    }
  }
  EXPECT_EQ(everything(capture), everything(capture));
}

/// Packets of two hosts with three ports, with numbers that often fit and often don't.
Capture garbage(Dice& dice) {
  constexpr std::uint8_t kFlagSets[] = {kSyn,        kSyn | kAck, kAck,        kAck | kPsh, kFin | kAck, kRst,
                                        kRst | kAck, 0,           kSyn | kRst, kFin,        0x3f,        kAck | kUrg};
  constexpr std::uint32_t kNumbers[] = {0, 1, 2, 100, 1'461, 0xffff'ffff, 0x7fff'ffff, 0x8000'0000};
  Capture capture;
  Nanoseconds now = kOnceUponATime;
  const std::uint32_t count = dice.roll(60) + 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    now += static_cast<Nanoseconds>(dice.roll(5) == 0 ? dice.any() : dice.roll(3'000'000));
    if (dice.roll(40) == 0) now -= 3'600 * kSecond;
    Packet packet;
    packet.time = now;
    packet.source = {ipv4(0x0a000001), static_cast<std::uint16_t>(dice.roll(3))};
    packet.destination = {ipv4(0x0a000002), 80};
    if (dice.roll(2) == 0) std::swap(packet.source, packet.destination);
    packet.flags = dice.one_of(kFlagSets);
    packet.seq = SequenceNumber(dice.one_of(kNumbers) + dice.roll(3));
    packet.ack = SequenceNumber(dice.one_of(kNumbers) + dice.roll(3));
    packet.window = static_cast<std::uint16_t>(dice.any());
    packet.ttl = dice.one_of(std::array<std::uint8_t, 4>{64, 63, 255, 0});
    packet.ip_id = static_cast<std::uint16_t>(dice.roll(4));
    if (dice.roll(2) == 0) packet.payload.assign(dice.roll(1'461), 'x');
    if (dice.roll(4) == 0) packet.payload = dice.roll(2) == 0 ? get("/a") : ok(dice.roll(5'000));
    packet.options.resize(dice.roll(11) * 4UL);
    for (std::uint8_t& byte : packet.options) byte = static_cast<std::uint8_t>(dice.roll(12));
    if (dice.roll(3) == 0)
      packet.options =
          encode({.mss = 1460, .sack_permitted = true, .window_shift = 7, .timestamps = true, .tsval = dice.any()});
    if (dice.roll(30) == 0) packet.icmp = IcmpEnvelope{ipv4(0x0a000003), 3, static_cast<std::uint8_t>(dice.roll(16))};
    capture.packets.push_back(std::move(packet));
  }
  return capture;
}

TEST(Garbage, IsSurvived) {
  Dice dice;
  SCOPED_TRACE(fmt::format("TCPWHY_SEED={}", dice.seed()));
  for (int round = 0; round < Dice::rounds(2'000); ++round) expect_sane(garbage(dice));
}

TEST(Garbage, AbsurdStreamNumbersAreSurvived) {
  Analyzer analyzer{Settings{}};
  const Capture capture = story_book().front().tell();
  std::vector<Segment> segments = to_segments(capture);
  constexpr StreamNumber kFar[] = {0, 0xffff'ffff, 0x7fff'ffff, 1, 0xffff'fffe};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].stream = kFar[i % std::size(kFar)];
    analyzer.observe(segments[i]);
  }
  analyzer.finish();
  for (const StreamNumber stream : kFar) (void)analyzer.findings(stream);
}

TEST(Garbage, NothingAtAllIsAnAnswerToo) {
  Analyzer analyzer{Settings{}};
  analyzer.finish();
  EXPECT_EQ(analyzer.stream_count(), 0U);
  EXPECT_TRUE(analyzer.findings(0).empty());
  EXPECT_FALSE(analyzer.has_findings(7));
  EXPECT_EQ(analyzer.idle_gap(1), 0);
}

/// Stories with frames lost, doubled, swapped, and bits flipped.
Capture distorted(Capture capture, Dice& dice) {
  for (std::uint32_t i = dice.roll(4) + 1; i > 0 && !capture.packets.empty(); --i) {
    const std::uint32_t at = dice.roll(static_cast<std::uint32_t>(capture.packets.size()));
    const auto here = capture.packets.begin() + at;
    switch (dice.roll(6)) {
      case 0:
        capture.packets.erase(here);
        break;
      case 1:
        capture.packets.insert(here, Packet(*here));
        break;
      case 2:
        std::swap(*here, capture.packets.front());
        break;
      case 3:
        here->flags ^= static_cast<std::uint8_t>(1U << dice.roll(6));
        break;
      case 4:
        here->seq = SequenceNumber(here->seq.raw() ^ (1U << dice.roll(32)));
        break;
      default:
        here->ack = SequenceNumber(here->ack.raw() ^ (1U << dice.roll(32)));
        break;
    }
  }
  return capture;
}

TEST(Garbage, DistortedStoriesAreSurvived) {
  Dice dice;
  SCOPED_TRACE(fmt::format("TCPWHY_SEED={}", dice.seed()));
  for (int round = 0; round < Dice::rounds(30); ++round) {
    for (const BookStory& story : story_book()) expect_sane(distorted(story.tell(), dice));
  }
}

// A state of the endpoint's other streams, but never of its own: no stream testifies to itself.

TEST(IdleGap, StandsOnTheFirstDataAfterASilence) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(2s);
  const Sent later = c.client.sends(get("/b"));
  story.wait(21ms);
  c.server.sends(ok());
  const Capture capture = story.capture();
  Analyzer analyzer{Settings{}};
  std::map<FrameNumber, Nanoseconds> gaps;
  feed(analyzer, capture, [&](FrameNumber frame, const Remarks& remarks) {
    if (remarks.idle_gap != 0) gaps[frame] = remarks.idle_gap;
  });
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps.begin()->first, story.frame(later));
  EXPECT_NEAR(static_cast<double>(gaps.begin()->second), 2e9, 1e6);
  EXPECT_EQ(analyzer.idle_gap(story.frame(later)), gaps.begin()->second) << "before finish()";
  analyzer.finish();
  EXPECT_EQ(analyzer.idle_gap(story.frame(later)), gaps.begin()->second) << "and after";
}

TEST(IdleGap, SmallestIsASetting) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(2s);
  const Sent later = c.client.sends(get("/b"));
  const Capture capture = story.capture();
  Settings settings;
  settings.smallest_idle_gap = 3 * kSecond;
  Analyzer analyzer(settings);
  feed(analyzer, capture);
  EXPECT_EQ(analyzer.idle_gap(story.frame(later)), 0);
}

TEST(IdleGap, ProbesAndAcknowledgmentsAreNoData) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(2s);
  const Sent probe = c.client.sends_keepalive_probe();
  Analyzer analyzer{Settings{}};
  const Capture capture = story.capture();
  feed(analyzer, capture);
  EXPECT_EQ(analyzer.idle_gap(story.frame(probe)), 0);
}

}  // namespace
}  // namespace tcpwhy::tests
