// Neighbouring signatures against each other, on every story and every capture: where two fit one incident, the finding is
// the one that rests on the more specific facts, and the other one was not certain.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "analyzer.h"
#include "catalogue.h"
#include "support/capture_reader.h"
#include "support/packet_script.h"
#include "support/story_book.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

std::string to_string(const Verdict& verdict) {
  return fmt::format("{} {}", verdict.diagnosis->id, tcpwhy::to_string(verdict.confidence));
}

/// What is wrong with how the signatures agree about a stream; "" if nothing is.
std::string quarrel(const Analyzer& analyzer, StreamNumber stream) {
  const std::vector<Verdict> contenders = analyzer.contenders(stream);
  const std::vector<Finding> findings = analyzer.findings(stream);
  for (const Finding& finding : findings) {
    const Question question = finding.verdict.diagnosis->question;
    if (question == Question::habit) continue;  // Of a client and a server, not of the stream on which it is said.
    std::vector<Verdict> rivals;
    std::copy_if(contenders.begin(), contenders.end(), std::back_inserter(rivals),
                 [&](const Verdict& verdict) { return verdict.diagnosis->question == question; });
    if (rivals.empty() || rivals.front() != finding.verdict) {
      return fmt::format("#{}: {} is not its first answer", stream, to_string(finding.verdict));
    }
    const auto certain = [](const Verdict& verdict) { return verdict.confidence == Confidence::certain; };
    if (std::count_if(rivals.begin(), rivals.end(), certain) > 1) {
      std::string words;
      for (const Verdict& rival : rivals) words += fmt::format("{}{}", words.empty() ? "" : ", ", to_string(rival));
      return fmt::format("#{}: {}", stream, words);
    }
  }
  return {};
}

std::vector<std::string> quarrels(const Analyzer& analyzer) {
  std::vector<std::string> all;
  for (std::size_t stream = 0; stream < analyzer.stream_count(); ++stream) {
    if (std::string words = quarrel(analyzer, static_cast<StreamNumber>(stream)); !words.empty()) all.push_back(std::move(words));
  }
  return all;
}

TEST(Contenders, NoStoryHasTwoCertainCauses) {
  for (const BookStory& story : story_book()) {
    SCOPED_TRACE(story.id);
    Analyzer analyzer{Settings{}};
    feed(analyzer, story.tell());
    analyzer.finish();
    EXPECT_THAT(quarrels(analyzer), ::testing::IsEmpty());
  }
}

/// TCPWHY_CAPTURES=<folder> judges others than those of the repository.
TEST(Contenders, NoCaptureHasTwoCertainCauses) {
  const char* others = std::getenv("TCPWHY_CAPTURES");
  const std::vector<fs::path> files =
      captures_in(others != nullptr ? fs::path(others) : fs::path(TCPWHY_SOURCE_DIR) / "captures");
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    Analyzer analyzer{Settings{}};
    feed(analyzer, read_capture(file));
    analyzer.finish();
    EXPECT_THAT(quarrels(analyzer), ::testing::IsEmpty());
  }
  EXPECT_GT(files.size(), others != nullptr ? 0U : 50U);
}

}  // namespace
}  // namespace tcpwhy::tests
