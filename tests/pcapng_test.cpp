// The stories' files, read by the program that they are for: what a story told is what tshark sees.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "support/tshark_version.h"
#include "support/packet_script.h"
#include "support/pcapng_writer.h"
#include "support/story_book.h"

namespace tcpwhy::tests {

static void PrintTo(const BookStory& story, std::ostream* out) {
  *out << story.id;
}

namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[65'536];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, got);
  return pclose(pipe) == 0 ? out : "";
}

TEST(Pcapng, BlocksAreWholeAndLittleEndian) {
  const Capture capture = story_book().front().tell();
  const std::string file = to_pcapng(capture, "a story");
  EXPECT_EQ(file.substr(0, 4), "\x0a\x0d\x0d\x0a");
  const auto number = [&file](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(file[at + i])) << (8 * i);
    return value;
  };
  std::size_t blocks = 0;
  for (std::size_t at = 0; at < file.size(); ++blocks) {
    ASSERT_LE(at + 12, file.size());
    const std::uint32_t length = number(at + 4);
    EXPECT_EQ(length % 4, 0U);
    ASSERT_LE(at + length, file.size());
    EXPECT_EQ(number(at + length - 4), length);
    at += length;
  }
  EXPECT_EQ(blocks, 2 + capture.packets.size());
}

TEST(Pcapng, SameStorySameBytes) {
  for (const BookStory& story : story_book()) EXPECT_EQ(to_pcapng(story.tell()), to_pcapng(story.tell())) << story.id;
}

class ThroughTshark : public ::testing::TestWithParam<BookStory> {
 protected:
  void SetUp() override {
    if (output_of("tshark --version 2>/dev/null").empty()) GTEST_SKIP() << "tshark is not installed";
    file_ = fs::temp_directory_path() / fmt::format("tcpwhy-{}-{}.pcapng", GetParam().id, getpid());
  }
  void TearDown() override { fs::remove(file_); }
  fs::path file_;
};
INSTANTIATE_TEST_SUITE_P(Book, ThroughTshark, ::testing::ValuesIn(story_book().begin(), story_book().end()),
                         [](const auto& test) { return std::string(test.param.id); });

/// tshark's words for a frame, and ours; to tshark nothing is malformed, and each checksum is right.
TEST_P(ThroughTshark, SeesWhatTheCoreSees) {
  const Capture capture = GetParam().tell();
  write_pcapng(file_, capture);
  const bool numbered_otherwise = std::string_view(GetParam().id).ends_with("_retried") &&
                                  opens_stream_after_reset(output_of("tshark --version 2>/dev/null"));
  constexpr std::string_view kGood = "1";  // Wireshark's word for a checksum that it has verified.
  std::string ours;
  std::size_t next = 0;
  const std::vector<Segment> segments = to_segments(capture);
  FrameNumber frame = 0;
  for (const Packet& packet : capture.packets) {
    ++frame;
    if (packet.icmp) continue;
    const Segment& segment = segments[next++];
    const std::string option_words = segment.options.timestamps ? fmt::format("{}", segment.options.tsval) : "";
    ours += fmt::format("{}\t{}.{:09}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", frame, packet.time / kSecond,
                        packet.time % kSecond, numbered_otherwise ? "" : fmt::format("{}", segment.stream), packet.source.port, packet.seq.raw(), packet.ack.raw(),
                        packet.payload.size(), packet.flags, packet.ttl, packet.ip_id, option_words);
  }
  std::istringstream theirs(
      output_of(fmt::format("tshark -n -r '{}' -T fields -E occurrence=f -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE "
                            "-e frame.number -e frame.time_epoch -e tcp.stream -e tcp.srcport -e tcp.seq_raw -e tcp.ack_raw "
                            "-e tcp.len -e tcp.flags -e ip.ttl -e ip.id -e tcp.options.timestamp.tsval -e icmp.type "
                            "-e _ws.malformed -e ip.checksum.status -e tcp.checksum.status -e icmp.checksum.status 2>/dev/null",
                            file_.string())));
  std::string said;
  std::size_t frames = 0;
  for (std::string line; std::getline(theirs, line); ++frames) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    cells.resize(16);
    const bool icmp = !cells[11].empty();
    EXPECT_EQ(cells[12], "") << line;
    EXPECT_EQ(cells[13], kGood) << line;
    EXPECT_EQ(cells[icmp ? 15 : 14], kGood) << line;
    if (icmp) continue;
    cells.resize(11);
    if (numbered_otherwise) cells[2].clear();
    for (const std::size_t hexadecimal : {7UL, 9UL})
      cells[hexadecimal] = fmt::format("{}", std::stoul(cells[hexadecimal], nullptr, 16));
    std::string joined;
    for (const std::string& cell : cells) joined += (joined.empty() ? "" : "\t") + cell;
    said += joined + "\n";
  }
  EXPECT_EQ(frames, capture.packets.size());
  EXPECT_EQ(said, ours);
}

}  // namespace
}  // namespace tcpwhy::tests
