// Nobody can tell which connections are packed: not the connection itself, which goes on as if nothing had been, and not who
// listens to an analyzer that has hardly room for one unpacked.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "analyzer.h"
#include "packed_pool.h"
#include "profile_file.h"
#include "support/capture_reader.h"
#include "support/story_book.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {

static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

namespace fs = std::filesystem;

std::string to_text(const NamedTimeout& named) {
  return fmt::format("{} {} {} {}..{} {}\n", named.client, named.server, named.match, named.timeout.low, named.timeout.high,
                     named.timeout.samples);
}

/// All that an analyzer says, as it reads and at the end, a line or more for each thing said.
using Play = std::function<void(Analyzer&, const RemarkVisitor&)>;
std::string transcript(const Play& play, std::size_t hot_connections) {
  Analyzer analyzer(Settings{}, kConnectionMemory, Analyzer::Revisits::any, hot_connections);
  std::string text;
  play(analyzer, [&](FrameNumber frame, const Remarks& remarks) {
    if (remarks.empty()) return;
    text += fmt::format("{}: {} {}\n", frame, remarks.idle_gap, to_string(remarks.role));
    for (const Finding& finding : remarks.findings) text += tests::to_text(finding);
    for (const NamedTimeout& named : remarks.idle_timeouts) text += to_text(named);
  });
  analyzer.finish();
  for (std::size_t i = 0; i < analyzer.stream_count(); ++i) {
    const auto stream = static_cast<StreamNumber>(i);
    for (const Finding& finding : analyzer.findings(stream)) text += tests::to_text(finding);
    for (const Verdict& verdict : analyzer.contenders(stream)) text += fmt::format("{}, ", verdict.diagnosis->id);
    for (const NamedTimeout& named : analyzer.idle_timeouts(stream, 0)) text += to_text(named);
  }
  for (const NamedTimeout& named : analyzer.idle_timeouts()) text += to_text(named);
  text += to_text(analyzer.profiles());
  for (const CutBeginning& cut : analyzer.profiles().edges().beginnings) {
    text += fmt::format("{} {} {}\n", to_string(cut.client), to_string(cut.server), cut.spell.ended);
  }
  for (const CutEnd& cut : analyzer.profiles().edges().ends) {
    text += fmt::format("{} {} {} {} {} {}\n", to_string(cut.client), to_string(cut.server), cut.asked.length, cut.last_data,
                        cut.reaction[0], cut.reaction[1]);
  }
  return text;
}

void expect_same_with_few_unpacked(const Play& play) {
  const std::string all = transcript(play, kHotConnections);
  EXPECT_EQ(transcript(play, 0), all) << "each is packed between any two of its segments";
  EXPECT_EQ(transcript(play, 1), all);
}

class EveryStoryPacked : public ::testing::TestWithParam<BookStory> {
 protected:
  Capture capture_ = GetParam().tell();
};
INSTANTIATE_TEST_SUITE_P(Book, EveryStoryPacked, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

TEST_P(EveryStoryPacked, SaysTheSame) {
  for (const Capture& capture : {capture_, cut_to(capture_, 60), mirrored(capture_),
                                 starting_at_frame(capture_, static_cast<FrameNumber>(capture_.packets.size() / 2 + 1))}) {
    expect_same_with_few_unpacked([&](Analyzer& analyzer, const RemarkVisitor& remark) { feed(analyzer, capture, remark); });
  }
}

/// What the connection says of its next segment.
std::string remark_of(tcpwhy::Connection& connection, const Segment& segment) {
  Observation seen;
  connection.observe(segment, seen);
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", seen.copy, seen.arrived, seen.idle_gap, seen.turn_began, seen.answered,
                     seen.deciding, seen.gateway_failed, seen.ended_spell, to_string(seen.role), index(seen.side));
}

/// Its bytes, which name each field once.
std::vector<std::byte> packed(tcpwhy::Connection& connection) {
  PackingRoom room;
  const auto bytes = connection.pack(room, 0);
  return {bytes.begin(), bytes.end()};
}

/// Each connection twice: the one is packed and unpacked before every segment.
TEST_P(EveryStoryPacked, EachConnectionGoesOnAsIfNothingHadBeen) {
  const Settings settings;
  std::map<StreamNumber, std::pair<std::unique_ptr<tcpwhy::Connection>, std::unique_ptr<tcpwhy::Connection>>> connections;
  for (const Segment& segment : to_segments(capture_)) {
    auto& [plain, often_packed] = connections[segment.stream];
    if (!plain) {
      plain = std::make_unique<tcpwhy::Connection>(segment, settings);
      often_packed = std::make_unique<tcpwhy::Connection>(segment, settings);
    }
    if (often_packed->can_be_packed()) {
      const std::vector<std::byte> bytes = packed(*often_packed);
      ASSERT_EQ(bytes, packed(*plain));
      EXPECT_EQ(head_of(bytes).stream, segment.stream);
      EXPECT_EQ(head_of(bytes).last.frame, plain->now().last().frame);
      EXPECT_EQ(endpoints_of(bytes)[1], plain->endpoint(Side::server));
      often_packed = std::make_unique<tcpwhy::Connection>(bytes, settings);
      ASSERT_EQ(packed(*often_packed), bytes);
    }
    ASSERT_EQ(remark_of(*often_packed, segment), remark_of(*plain, segment));
    ASSERT_EQ(often_packed->can_be_packed(), plain->can_be_packed());
    ASSERT_EQ(often_packed->is_remarkable(), plain->is_remarkable());
    ASSERT_EQ(often_packed->held(), plain->held());
  }
}

TEST(Packed, EveryCaptureSaysTheSame) {
  std::size_t captures = 0;
  for (const fs::path& file : captures_in(fs::path(TCPWHY_SOURCE_DIR) / "captures")) {
    SCOPED_TRACE(file);
    ++captures;
    const std::vector<Frame> frames = read_capture(file);
    expect_same_with_few_unpacked([&](Analyzer& analyzer, const RemarkVisitor& remark) { feed(analyzer, frames, remark); });
  }
  EXPECT_GT(captures, 50U);
}

/// Numbers and times at the edges of what they can be.
TEST(Packed, ExtremesComeBack) {
  const Settings settings;
  Segment segment;
  segment.source = {ipv4(1), 40'000};
  segment.destination = {ipv4(2), 80};
  segment.options.known = true;
  segment.options.timestamps = true;
  std::unique_ptr<tcpwhy::Connection> connection;
  for (const Nanoseconds time : {kEarliestTime, kLatestTime, Nanoseconds{0}, Nanoseconds{-1}, kLatestTime}) {
    for (const FrameNumber frame : {1U, 0xffff'ffffU, 0x8000'0000U}) {
      for (const std::uint32_t number : {0U, 0x8000'0000U, 0xffff'ffffU, 1U}) {
        std::swap(segment.source, segment.destination);
        segment.time = time;
        segment.frame = frame;
        segment.seq = SequenceNumber(number);
        segment.ack = SequenceNumber(~number);
        segment.length = number;
        segment.flags = frame == 1U ? kSyn : kAck;
        segment.options.tsval = number;
        segment.ip_id = static_cast<std::uint16_t>(number);
        if (!connection) connection = std::make_unique<tcpwhy::Connection>(segment, settings);
        Observation seen;
        connection->observe(segment, seen);
        if (!connection->can_be_packed()) continue;
        const std::vector<std::byte> bytes = packed(*connection);
        tcpwhy::Connection back(bytes, settings);
        EXPECT_EQ(packed(back), bytes);
        for (const Side side : {Side::client, Side::server}) {
          const HalfConnection& half = connection->now().half(side);
          const HalfConnection& same = back.now().half(side);
          EXPECT_EQ(same.last().time, half.last().time);
          EXPECT_EQ(same.last().frame, half.last().frame);
          EXPECT_EQ(same.recent[1].at.time, half.recent[1].at.time);
          EXPECT_EQ(same.recent[1].seq, half.recent[1].seq);
          EXPECT_EQ(same.recent[0].ack, half.recent[0].ack);
          EXPECT_EQ(same.next, half.next);
          EXPECT_EQ(same.ack, half.ack);
          EXPECT_EQ(same.bytes, half.bytes);
          EXPECT_EQ(same.turn.end, half.turn.end);
          EXPECT_EQ(same.turn.payload.message_size, half.turn.payload.message_size);
          EXPECT_EQ(same.response_time, half.response_time);
          EXPECT_EQ(same.unseen_bytes(), half.unseen_bytes());
        }
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------ the pool

std::vector<std::byte> bytes_of(std::size_t size, unsigned what) {
  return std::vector<std::byte>(size, static_cast<std::byte>(what));
}

TEST(PackedPool, KeepsStringsOfAllSizesApart) {
  PackedPool pool;
  std::vector<PackedPool::Index> places;
  for (unsigned i = 0; i < 5'000; ++i) places.push_back(pool.add(bytes_of(1 + i % PackedPool::kLargest, i % 251)));
  EXPECT_EQ(pool.size(), 5'000U);
  for (unsigned i = 0; i < 5'000; ++i) {
    const std::vector<std::byte> expected = bytes_of(1 + i % PackedPool::kLargest, i % 251);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pool[places[i]].begin())) << i;
  }
}

TEST(PackedPool, TheLastOneTakesThePlaceOfWhoLeaves) {
  PackedPool pool;
  const PackedPool::Index first = pool.add(bytes_of(20, 1));
  const PackedPool::Index second = pool.add(bytes_of(24, 2));
  EXPECT_TRUE(pool.remove(first));
  EXPECT_EQ(pool[first][0], std::byte{2});
  EXPECT_FALSE(pool.remove(first)) << "none is left of this size";
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_EQ(pool.bytes(), 0U);
  EXPECT_EQ(pool.add(bytes_of(17, 3)), first);
  EXPECT_EQ(pool.add(bytes_of(17, 4)), second);
}

TEST(PackedPool, HoldsNoMoreThanWhatIsInIt) {
  PackedPool pool;
  const PackedPool::Index first = pool.add(bytes_of(100, 1));
  for (unsigned i = 1; i < 3'000; ++i) (void)pool.add(bytes_of(100, 1));
  EXPECT_EQ(pool.bytes(), 3'000U * 104);
  while (pool.size() > 0) (void)pool.remove(first);
  EXPECT_EQ(pool.bytes(), 0U);
}

}  // namespace
}  // namespace tcpwhy::tests
