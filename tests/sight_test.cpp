// Honest about sight: a capture that shows less than happened makes nobody surer of something else, and accuses nobody
// who is healthy.
//
// Each story of the book is told, and seen badly: in every way, at every place. The same chances every time;
// TCPWHY_SEED=<n> tries others, TCPWHY_ROUNDS=<n> more of them.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "catalogue.h"
#include "fuzz/laws.h"
#include "fuzz/tape.h"
#include "support/payloads.h"
#include "support/story.h"
#include "support/story_book.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {

static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::mt19937_64 dice() {
  return std::mt19937_64(number_from_environment("TCPWHY_SEED", 20'260'101));
}
int rounds() {
  return static_cast<int>(number_from_environment("TCPWHY_ROUNDS", 12));
}

/// What is left of a capture, and how that came.
struct View {
  std::string how;
  Capture capture;
};
using Views = std::vector<View>;

/// The frames of a capture at which something is done to it: all, or so many of a long one.
std::vector<std::size_t> places(const Capture& capture) {
  constexpr std::size_t kMost = 120;
  const std::size_t step = capture.packets.size() / kMost + 1;
  std::vector<std::size_t> all;
  for (std::size_t at = 0; at < capture.packets.size(); at += step) all.push_back(at);
  return all;
}

Capture without_frames(Capture capture, std::size_t first, std::size_t count) {
  const std::size_t end = std::min(first + count, capture.packets.size());
  capture.packets.erase(capture.packets.begin() + static_cast<std::ptrdiff_t>(first),
                        capture.packets.begin() + static_cast<std::ptrdiff_t>(end));
  return capture;
}

Capture sampled(Capture capture, std::uint32_t lost_percent, std::mt19937_64& chance) {
  std::erase_if(capture.packets, [&](const Packet&) { return chance() % 100 < lost_percent; });
  return capture;
}

/// The same packets, one of them some places later, at the times at which packets were captured before. A card with
/// several queues, or the two ports of a mirror, do that to what is close together; what isn't stays.
Capture delayed(Capture capture, std::size_t from, std::size_t by) {
  constexpr Nanoseconds kClose = 10 * kMillisecond;
  std::size_t to = from;
  while (to - from < by && to + 1 < capture.packets.size() &&
         capture.packets[to + 1].time - capture.packets[from].time <= kClose) {
    ++to;
  }
  std::vector<Nanoseconds> times;
  for (const Packet& packet : capture.packets) times.push_back(packet.time);
  const auto begin = capture.packets.begin();
  std::rotate(begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(from) + 1,
              begin + static_cast<std::ptrdiff_t>(to) + 1);
  for (std::size_t i = 0; i < times.size(); ++i) capture.packets[i].time = times[i];
  return capture;
}

/// Some frames twice, the second time up to 0.9 ms later: a mirror that drops.
Capture partly_mirrored(const Capture& capture, std::mt19937_64& chance) {
  Capture doubled = capture;
  for (const Packet& packet : capture.packets) {
    if (chance() % 2 == 0) continue;
    doubled.packets.push_back(packet);
    doubled.packets.back().time += static_cast<Nanoseconds>(chance() % 900) * kMicrosecond;
  }
  std::stable_sort(doubled.packets.begin(), doubled.packets.end(),
                   [](const Packet& a, const Packet& b) { return a.time < b.time; });
  return doubled;
}

std::set<std::pair<std::string, std::string>> directions(const Capture& capture) {
  std::set<std::pair<std::string, std::string>> all;
  for (const Packet& packet : capture.packets)
    all.emplace(to_string(packet.source.address), to_string(packet.destination.address));
  return all;
}

// The ways to see badly.

Views with_a_frame_lost(const Capture& capture) {
  Views views;
  for (const std::size_t at : places(capture)) {
    views.push_back({fmt::format("without frame {}", at + 1), without_frames(capture, at, 1)});
  }
  return views;
}

Views with_a_burst_lost(const Capture& capture) {
  Views views;
  for (const std::size_t at : places(capture)) {
    for (const std::size_t count : {2U, 3U, 5U, 8U}) {
      views.push_back({fmt::format("without frames {} to {}", at + 1, at + count), without_frames(capture, at, count)});
    }
  }
  return views;
}

Views sampled_by_chance(const Capture& capture) {
  Views views;
  std::mt19937_64 chance = dice();
  for (int round = 0; round < rounds(); ++round) {
    for (const std::uint32_t percent : {5U, 20U, 50U}) {
      views.push_back({fmt::format("{} % lost, round {}", percent, round), sampled(capture, percent, chance)});
    }
  }
  return views;
}

Views in_one_direction(const Capture& capture) {
  Views views;
  for (const auto& lost : directions(capture)) {
    views.push_back(
        {fmt::format("without {} to {}", lost.first, lost.second), without(capture, [&](const Packet& packet) {
           return to_string(packet.source.address) == lost.first &&
                  to_string(packet.destination.address) == lost.second;
         })});
  }
  return views;
}

Views from_the_middle_on(const Capture& capture) {
  Views views;
  for (const std::size_t at : places(capture)) {
    views.push_back(
        {fmt::format("from frame {} on", at + 1), starting_at_frame(capture, static_cast<FrameNumber>(at + 1))});
  }
  return views;
}

Views from_the_middle_on_in_one_direction(const Capture& capture) {
  Views views;
  for (const View& half : in_one_direction(capture)) {
    for (const View& late : from_the_middle_on(half.capture))
      views.push_back({half.how + ", " + late.how, late.capture});
  }
  return views;
}

Views with_frames_cut(const Capture& capture) {
  Views views;
  for (const std::uint32_t snaplen : {34U, 54U, 58U, 62U, 66U, 70U, 96U, 128U}) {
    views.push_back({fmt::format("snaplen {}", snaplen), cut_to(capture, snaplen)});
  }
  return views;
}

Views with_duplicates(const Capture& capture) {
  Views views = {{"mirrored", mirrored(capture)},
                 {"mirrored, without IP headers", without_ip_header(mirrored(capture))}};
  std::mt19937_64 chance = dice();
  for (int round = 0; round < rounds(); ++round) {
    views.push_back({fmt::format("some of it mirrored, round {}", round), partly_mirrored(capture, chance)});
  }
  return views;
}

Views reordered(const Capture& capture) {
  Views views;
  for (const std::size_t at : places(capture)) {
    for (const std::size_t by : {1U, 2U, 4U}) {
      views.push_back({fmt::format("frame {} captured {} later", at + 1, by), delayed(capture, at, by)});
    }
  }
  return views;
}

Views mirrored_with_loss(const Capture& capture) {
  Views views;
  std::mt19937_64 chance = dice();
  for (int round = 0; round < rounds(); ++round) {
    views.push_back({fmt::format("mirrored, 30 % lost, round {}", round), sampled(mirrored(capture), 30, chance)});
  }
  return views;
}

class SeenBadly : public ::testing::TestWithParam<BookStory> {
 protected:
  void for_each_view(const std::function<void(const View&)>& visit) const {
    for (const auto& views :
         {with_a_frame_lost, with_a_burst_lost, sampled_by_chance, in_one_direction, from_the_middle_on,
          from_the_middle_on_in_one_direction, with_frames_cut, with_duplicates, reordered, mirrored_with_loss}) {
      for (const View& view : views(capture_)) visit(view);
    }
  }
  Capture capture_ = GetParam().tell();
};
INSTANTIATE_TEST_SUITE_P(Book, SeenBadly, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

/// Whose finding it is, wherever bad sight moves the numbers of streams.
using Ends = std::pair<std::string, std::string>;
std::map<StreamNumber, Ends> ends_by_stream(const Capture& capture) {
  std::map<StreamNumber, Ends> all;
  for (const Segment& segment : to_segments(capture)) {
    Ends ends{to_string(segment.source), to_string(segment.destination)};
    if (ends.second < ends.first) std::swap(ends.first, ends.second);
    all.emplace(segment.stream, std::move(ends));
  }
  return all;
}

/// What is said says less than the truth, but nothing else: idle_reset is abortive_close, and knows whose timer it was.
bool says_less(std::string_view said, std::string_view truth) {
  return said == "abortive_close" && truth == "idle_reset";
}

TEST_P(SeenBadly, IsNeverSurelySomethingElse) {
  std::set<std::pair<Ends, std::string_view>> truth;
  auto ends = ends_by_stream(capture_);
  for (const Finding& finding : findings(capture_)) truth.emplace(ends[finding.stream], finding.verdict.diagnosis->id);
  for_each_view([&](const View& view) {
    ends = ends_by_stream(view.capture);
    for (const Finding& finding : findings(view.capture)) {
      if (finding.verdict.confidence != Confidence::certain) continue;
      EXPECT_TRUE(std::any_of(truth.begin(), truth.end(),
                              [&](const auto& known) {
                                const std::string_view said = finding.verdict.diagnosis->id;
                                return known.first == ends[finding.stream] &&
                                       (known.second == said || says_less(said, known.second));
                              }))
          << view.how << ": " << to_text(finding) << "which in full sight is\n"
          << verdicts(capture_);
    }
  });
}

TEST_P(SeenBadly, IsNotAccusedIfHealthy) {
  if (!GetParam().cause.empty()) GTEST_SKIP() << "not a healthy one";
  for_each_view([](const View& view) {
    for (const Finding& finding : findings(view.capture)) {
      EXPECT_LE(finding.verdict.severity, Severity::note) << view.how << ": " << to_text(finding);
    }
  });
}

TEST_P(SeenBadly, BreaksNoLaw) {
  for_each_view([](const View& view) { EXPECT_EQ(laws_broken_by_tape(record_tape(view.capture)), "") << view.how; });
}

// What each kind of missing sight costs.

/// Whether a finding claims to know for sure why a connection ended. A fatal TLS alert is excepted: who has read it,
/// has read it.
bool is_sure_of_an_end(const Finding& finding) {
  return finding.verdict.diagnosis->question == Question::ending && finding.verdict.confidence == Confidence::certain &&
         finding.verdict.diagnosis->id != "tls_failure";
}

void expect_unsure(const View& view) {
  for (const Finding& finding : findings(view.capture)) {
    EXPECT_FALSE(is_sure_of_an_end(finding)) << view.how << ": " << to_text(finding);
  }
}

class Half : public ::testing::TestWithParam<BookStory> {
 protected:
  Capture capture_ = GetParam().tell();
};
INSTANTIATE_TEST_SUITE_P(Book, Half, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

/// Streams of which both directions were captured.
std::set<StreamNumber> whole_streams(const Capture& capture) {
  std::map<StreamNumber, std::set<std::string>> senders;
  for (const Segment& segment : to_segments(capture)) senders[segment.stream].insert(to_string(segment.source));
  std::set<StreamNumber> whole;
  for (const auto& [stream, names] : senders) {
    if (names.size() == 2) whole.insert(stream);
  }
  return whole;
}

TEST_P(Half, OfBothDirectionsIsNeverSure) {
  for (const View& view : in_one_direction(capture_)) {
    const std::set<StreamNumber> whole = whole_streams(view.capture);
    for (const Finding& finding : findings(view.capture)) {
      if (whole.contains(finding.stream)) continue;  // a proxy's other leg
      EXPECT_FALSE(is_sure_of_an_end(finding)) << view.how << ": " << to_text(finding);
    }
  }
}

/// That somebody else sent a reset isn't told from what is missing.
TEST_P(Half, OfBothDirectionsAccusesNoDeviceThatTheWholeDoesNot) {
  const auto accuses = [](const Finding& finding) {
    return finding.verdict.severity >= Severity::warn && finding.verdict.diagnosis->id == std::string_view("injected_reset");
  };
  const std::vector<Finding> all = findings(capture_);
  if (std::any_of(all.begin(), all.end(), accuses)) return;
  for (const View& view : in_one_direction(capture_)) {
    for (const Finding& finding : findings(view.capture)) EXPECT_FALSE(accuses(finding)) << view.how << ": " << to_text(finding);
  }
}

TEST_P(Half, OfTheFramesIsSureOnlyOfWhatBegan) {
  Capture middle = capture_;
  std::erase_if(middle.packets, [](const Packet& packet) { return packet.has(kSyn); });
  expect_unsure({"without any SYN", middle});
}

TEST_P(Half, AcknowledgedButNeverSeenIsNeverSure) {
  const std::vector<Segment> segments = to_segments(capture_);
  if (segments.size() != capture_.packets.size()) GTEST_SKIP() << "has ICMP errors in it";
  for (const std::size_t at : places(capture_)) {
    const Segment& lost = segments[at];
    if (lost.length == 0) continue;
    bool seen_again = false;
    bool acknowledged = false;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Segment& other = segments[i];
      if (i == at || other.stream != lost.stream) continue;
      const bool same_way = other.source == lost.source;
      seen_again |= same_way && other.length > 0 && other.seq == lost.seq;
      acknowledged |= !same_way && i > at && other.has(kAck) && !other.has(kRst) && !other.ack.before(lost.end());
    }
    if (seen_again || !acknowledged) continue;
    const auto ends = ends_by_stream(capture_)[lost.stream];
    const Capture without = without_frames(capture_, at, 1);
    auto streams = ends_by_stream(without);
    for (const Finding& finding : findings(without)) {
      if (streams[finding.stream] != ends || finding.stream != lost.stream) continue;
      EXPECT_FALSE(is_sure_of_an_end(finding)) << "without frame " << at + 1 << ": " << to_text(finding);
    }
  }
}

/// A request that crosses the server's idle close: certain, if all of it is seen.
Capture race() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok(5'000));
  story.wait(60ms);
  c.client.idles_for(5'920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(60ms);
  c.client.closes();
  return story.capture();
}

std::string blind_spot_of_race(const Capture& capture) {
  return the_finding(findings(capture), "keepalive_race").narrative.blind_spot;
}

/// The place of the n-th frame from that port which the test picks.
template <typename Test>
std::size_t find_frame(const Capture& capture, std::uint16_t port, Test test, std::size_t n = 1) {
  for (std::size_t i = 0; i < capture.packets.size(); ++i) {
    if (capture.packets[i].source.port == port && test(capture.packets[i]) && --n == 0) return i;
  }
  ADD_FAILURE() << "no such frame";
  return 0;
}

const auto has_data = [](const Packet& packet) { return !packet.payload.empty(); };

TEST(Sight, Whole) {
  EXPECT_THAT(race(), says("#0 keepalive_race/crossing certain"));
}

TEST(Sight, WithoutASegmentThatWasAcknowledged) {
  const Capture holed = without_frames(race(), find_frame(race(), 80, has_data, 2), 1);
  ASSERT_THAT(holed, says("#0 keepalive_race/crossing likely"));
  EXPECT_THAT(blind_spot_of_race(holed),
              ::testing::HasSubstr("1,448 bytes of this connection passed without being captured"));
}

TEST(Sight, WithoutTheStart) {
  const Capture late = starting_at_frame(race(), 4);
  ASSERT_THAT(late, says("#0 keepalive_race/crossing likely"));
  EXPECT_THAT(blind_spot_of_race(late), ::testing::HasSubstr("The start of this connection is not in the capture"));
}

TEST(Sight, OfTheClientOnly) {
  const Capture half = without(race(), [](const Packet& packet) { return packet.source.port == 80; });
  EXPECT_THAT(half, says_nothing()) << "nothing that the client sent says why nobody answered";
}

TEST(Sight, OfTheServerOnly) {
  const Capture half = without(race(), [](const Packet& packet) { return packet.source.port != 80; });
  ASSERT_THAT(half, says("#0 capture_too_short possible note"));
  EXPECT_THAT(the_finding(findings(half), "capture_too_short").narrative.blind_spot,
              ::testing::HasSubstr("Only one direction was captured"));
}

TEST(Sight, WithoutPayload) {
  EXPECT_THAT(cut_to(race(), 66), says("#0 keepalive_race/crossing likely")) << "whether it was a request nobody knows";
}

TEST(Sight, WithoutOptions) {
  Story story;
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect({.server_timestamps = false});
    c.exchange(get("/a"), ok());
    c.closes_cleanly();
  }
  ASSERT_THAT(story, says("#0 timestamp_declined\n#1 timestamp_declined"));
  for (const std::uint32_t snaplen : {54U, 58U, 62U, 66U}) {
    EXPECT_THAT(cut_to(story.capture(), snaplen), says_nothing()) << "options of which a part is missing say nothing";
  }
}

TEST(Sight, OfEverythingTwice) {
  EXPECT_THAT(mirrored(race()), says("#0 keepalive_race/crossing certain")) << "copies take nothing away";
}

TEST(Sight, InAnotherOrder) {
  const Capture capture = race();
  const std::size_t request = find_frame(capture, capture.packets[0].source.port, has_data);
  Capture reordered = capture;
  std::swap(reordered.packets[request], reordered.packets[request + 1]);
  std::swap(reordered.packets[request].time, reordered.packets[request + 1].time);
  ASSERT_FALSE(findings(reordered).empty());
  for (const Finding& finding : findings(reordered)) {
    EXPECT_FALSE(is_sure_of_an_end(finding)) << to_text(finding);
    EXPECT_THAT(finding.narrative.blind_spot, ::testing::HasSubstr("not in the order of the wire"));
  }
}

TEST(Sight, WithoutAnAcknowledgment) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(15ms);
  c.server.idles_for(30s);
  c.server.aborts();
  const Capture capture = story.capture();
  ASSERT_THAT(capture, says("#0 abortive_close certain"));
  const Capture holed = without_frames(capture, find_frame(capture, 80, has_data) + 1, 1);
  ASSERT_THAT(holed, says("#0 abortive_close likely"));
  EXPECT_THAT(the_finding(findings(holed), "abortive_close").narrative.blind_spot,
              ::testing::HasSubstr("an acknowledgment is missing"));
}

TEST(Sight, WithoutWhatAResetAcknowledges) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(2s);
  c.server.stops_reading();
  c.client.sends(get("/b"));
  story.wait(10'200us);
  c.server.aborts();
  const Capture capture = story.capture();
  const std::size_t request = find_frame(capture, capture.packets[0].source.port, has_data, 2);
  Capture holed = capture;
  std::erase_if(holed.packets, [&](const Packet& packet) {
    return packet.time >= capture.packets[request].time && !packet.has(kRst);
  });
  ASSERT_FALSE(findings(holed).empty());
  for (const Finding& finding : findings(holed)) {
    EXPECT_FALSE(is_sure_of_an_end(finding)) << to_text(finding);
    EXPECT_THAT(finding.narrative.blind_spot, ::testing::HasSubstr("A reset's numbers are ahead"));
  }
}

TEST(Sight, OfASynAckLess) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 20 * 1448));
  c.server.aborts();
  for (const Finding& finding : findings(without_frames(story.capture(), 1, 1))) {
    EXPECT_NE(finding.verdict.diagnosis->id, "connection_refused") << "it was accepted, else nobody would have sent";
  }
}

}  // namespace
}  // namespace tcpwhy::tests
