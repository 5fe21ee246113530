// The reset cause in the trailer of a BIG-IP: read where it is, never beyond, and quoted.
#include "packet/f5_trailer.h"

#include <string>
#include <string_view>

#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

std::string be16(std::size_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

/// Length, version and peer, place in the source, text.
std::string cause(std::string_view text) {
  return std::string(1, static_cast<char>(text.size() + 9)) + std::string(9, '\0') + std::string(text);
}

std::string newer_block(std::size_t type, std::size_t version, const std::string& body) {
  return be16(1) + be16(type) + be16(body.size() + 8) + be16(version) + body;
}

std::string newer(const std::string& blocks) { return "\xf5\xde\xb0\xf5"s + be16(blocks.size() + 8) + be16(1) + blocks; }

std::string newer_with(std::string_view text) {
  return newer(newer_block(1, 3, std::string(12, 'v')) + newer_block(2, 4, std::string(31, '\0') + cause(text)) +
               newer_block(3, 1, std::string(39, '\0')));
}

std::string older_block(char type, char version, const std::string& body) {
  return std::string{type, static_cast<char>(body.size() + 1), version} + body;
}

std::string older_with(std::string_view text, char version = 2, std::size_t before = 27) {
  return older_block(1, 1, "\0\0\0\5"s + "vip-1"s) + older_block(2, version, std::string(before, '\0') + cause(text)) +
         older_block(3, 0, std::string(39, '\0'));
}

std::string read(std::string_view behind) {
  const auto text = f5_reset_cause({reinterpret_cast<const std::uint8_t*>(behind.data()), behind.size()});
  return {text.begin(), text.end()};
}

TEST(F5Trailer, TellsTheCauseInBothForms) {
  EXPECT_EQ(read(newer_with("No local listener")), "No local listener");
  EXPECT_EQ(read(older_with("Flow expired (sweeper)", 1, 26)), "Flow expired (sweeper)");
  EXPECT_EQ(read(older_with("Flow expired (sweeper)", 2, 27)), "Flow expired (sweeper)");
  EXPECT_EQ(read(older_with("Flow expired (sweeper)", 3, 31)), "Flow expired (sweeper)");
}

TEST(F5Trailer, StandsBehindPaddingAndBeforeAFrameCheckSequence) {
  for (const std::size_t padding : {0U, 2U, 6U}) {
    EXPECT_EQ(read(std::string(padding, '\0') + newer_with("Timeout")), "Timeout") << padding;
    EXPECT_EQ(read(std::string(padding, '\0') + older_with("Timeout") + "\1\2\3\4"), "Timeout") << padding;
  }
}

TEST(F5Trailer, WithoutACauseTellsNothing) {
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read(std::string(6, '\0')), "");
  EXPECT_EQ(read(newer(newer_block(2, 4, std::string(32, '\0')))), "");
  EXPECT_EQ(read(older_block(1, 1, "\0\0\0\5"s + "vip-1"s)), "");
}

/// The bytes have room of their own, so that a sanitizer sees a read behind them.
TEST(F5Trailer, LiesAndCutsAreSurvived) {
  for (const std::string& whole : {newer_with("No local listener"), older_with("No local listener")}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::string cut = read(std::string(whole.data(), length));
      EXPECT_TRUE(cut.empty() || cut == "No local listener");
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char byte : {'\0', '\x01', '\x7f', '\xff'}) {
        std::string lying(whole.data(), whole.size());
        lying[at] = byte;
        EXPECT_LE(read(lying).size(), whole.size());
      }
    }
  }
}

/// A segment's note is quoted as a text in its payload is, and changes words only.
TEST(F5Trailer, NoteOnAResetIsQuoted) {
  const Settings settings;
  const std::string text = "TCP retransmit timeout";
  std::vector<std::string> lines;
  for (const bool noted : {false, true}) {
    Story story;
    const Connection c = story.connect();
    c.exchange("GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    c.server.aborts();
    const Capture capture = story.capture();
    Analyzer analyzer(settings);
    for (Segment segment : to_segments(capture)) {
      if (noted && segment.has(kRst)) segment.note = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
      analyzer.observe(segment);
    }
    analyzer.finish();
    const std::vector<Finding> all = analyzer.findings(0);
    ASSERT_EQ(all.size(), 1U);
    lines.push_back(to_line(all[0]));
    EXPECT_EQ(all[0].narrative.explanation.find("says \"TCP retransmit timeout\"") != std::string::npos, noted);
  }
  EXPECT_EQ(lines[0], lines[1]);
}

}  // namespace
}  // namespace tcpwhy::tests
