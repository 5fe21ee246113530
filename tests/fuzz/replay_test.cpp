// What the fuzzers have found, played again, and what they begin with. A new find becomes a file of regressions/tape,
// regressions/frame or regressions/decoder, named for what it broke.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "analyzer.h"
#include "fuzz/laws.h"
#include "fuzz/tape.h"
#include "support/capture_reader.h"
#include "support/pcapng_writer.h"
#include "support/story_book.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {

static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> regressions(const char* of) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(TCPWHY_SOURCE_DIR) / "tests" / "fuzz" / "regressions" / of)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::uint8_t> bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& test) {
  std::string name = test.param.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class TapeRegression : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Found, TapeRegression, ::testing::ValuesIn(regressions("tape")), name_of);
TEST_P(TapeRegression, BreaksNoLaw) {
  EXPECT_EQ(laws_broken_by_tape(bytes_of(GetParam())), "");
}

class FrameRegression : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Found, FrameRegression, ::testing::ValuesIn(regressions("frame")), name_of);
TEST_P(FrameRegression, BreaksNoLaw) {
  EXPECT_EQ(laws_broken_by_frame(bytes_of(GetParam())), "");
}

class PacketRegression : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Found, PacketRegression, ::testing::ValuesIn(regressions("decoder")), name_of);
TEST_P(PacketRegression, BreaksNoLaw) {
  EXPECT_EQ(laws_broken_by_packet(bytes_of(GetParam())), "");
}

/// What the core says of a tape.
std::string verdicts_on_tape(std::span<const std::uint8_t> tape) {
  Analyzer analyzer{Settings{}};
  play_tape(tape, [&](const TapeEvent& event) {
    if (event.kind == TapeEvent::segment) analyzer.observe(event.read);
    if (event.kind == TapeEvent::icmp_error) analyzer.observe(event.error);
  });
  analyzer.finish();
  std::string lines;
  analyzer.for_each_finding([&](const Finding& finding) { lines += (lines.empty() ? "" : "\n") + to_line(finding); });
  return lines;
}

class TapeOfStory : public ::testing::TestWithParam<BookStory> {};
INSTANTIATE_TEST_SUITE_P(Book, TapeOfStory, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

// Else the seeds would say nothing, and the fuzzer would have to find the diagnoses by itself.
TEST_P(TapeOfStory, SaysOnTapeWhatItSays) {
  const Capture capture = GetParam().tell();
  const auto tape = record_tape(capture);
  EXPECT_EQ(verdicts_on_tape(tape), verdicts(capture));
  EXPECT_EQ(laws_broken_by_tape(tape), "");
}

TEST_P(TapeOfStory, IsReadFromItsFileAsItWasTold) {
  const Capture capture = GetParam().tell();
  const std::vector<Frame> frames = read_frames(to_pcapng(capture));
  std::vector<Sight> sights;
  for (const Frame& frame : frames) {
    const auto sight = read_sight(frame);
    ASSERT_TRUE(sight);
    sights.push_back(*sight);
  }
  EXPECT_EQ(record_tape(sights), record_tape(capture));
}

TEST(Tape, AnyBytesAreOne) {
  std::vector<std::uint8_t> tape;
  for (std::uint32_t i = 0; i < 1'000; ++i) tape.push_back(static_cast<std::uint8_t>(i * 167 + i / 256));
  std::uint32_t events = 0;
  play_tape(tape, [&](const TapeEvent&) { ++events; });
  EXPECT_GT(events, 50U);
  EXPECT_EQ(laws_broken_by_tape(tape), "");
}

}  // namespace
}  // namespace tcpwhy::tests
