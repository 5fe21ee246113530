// The rules of the house: what every entry of the catalogue must have, and that what is generated is current.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "catalogue.h"
#include "pages.h"
#include "support/pcapng_writer.h"
#include "support/story_book.h"

namespace tcpwhy {
/// GoogleTest names a failing entry by this.
static void PrintTo(const Diagnosis* diagnosis, std::ostream* out) {
  *out << diagnosis->id;
}
}  // namespace tcpwhy

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = TCPWHY_SOURCE_DIR;

std::string contents(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// A fix begins with one of these. A new verb is welcome; a noun is not.
constexpr std::array<std::string_view, 41> kVerbs = {
    "Align", "Allow", "Ask",    "Capture", "Check",  "Close",   "Compare", "Configure", "Drain", "Drop", "Enable",
    "Find",  "Fix",   "Give",   "Ignore",  "Keep",   "Leave",   "Let",     "Look",      "Lower", "Make", "Narrow",
    "Open",  "Raise", "Read",   "Remove",  "Report", "Restart", "Retry",   "Send",      "Set",   "Shut", "Spread",
    "Start", "Stop",  "Switch", "Test",    "Treat",  "Turn",    "Use",     "Widen"};

bool begins_with_a_verb(std::string_view text) {
  const std::string_view first = text.substr(0, text.find(' '));
  return std::find(kVerbs.begin(), kVerbs.end(), first) != kVerbs.end();
}

/// Whether a file says so; the file itself is no part of the complaint.
bool says(const std::string& file, std::string_view text) {
  return file.find(text) != std::string::npos;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

class HouseRules : public ::testing::TestWithParam<const Diagnosis*> {
 protected:
  const Diagnosis& diagnosis_ = *GetParam();
};
INSTANTIATE_TEST_SUITE_P(Catalogue, HouseRules, ::testing::ValuesIn(catalogue().begin(), catalogue().end()),
                         [](const auto& test) { return std::string(test.param->id); });

TEST_P(HouseRules, IdIsAWord) {
  EXPECT_TRUE(is_word(diagnosis_.id));
  EXPECT_EQ(find_diagnosis(diagnosis_.id), &diagnosis_);
}

TEST_P(HouseRules, TitleIsOneLineWithoutAFullStop) {
  EXPECT_FALSE(diagnosis_.title.empty());
  EXPECT_FALSE(diagnosis_.title.ends_with('.'));
  EXPECT_EQ(diagnosis_.title.find('\n'), std::string_view::npos);
}

TEST_P(HouseRules, HasAllItsWords) {
  EXPECT_TRUE(diagnosis_.meaning.ends_with('.')) << diagnosis_.meaning;
  EXPECT_FALSE(diagnosis_.wire.empty());
  EXPECT_FALSE(diagnosis_.wire.ends_with('\n')) << "the page adds it";
  EXPECT_FALSE(diagnosis_.told_from.empty());
  EXPECT_FALSE(diagnosis_.confirm.empty());
  const bool is_habit = diagnosis_.question == Question::habit;
  EXPECT_EQ(diagnosis_.signature == nullptr, is_habit);
  EXPECT_EQ(diagnosis_.narrate == nullptr, is_habit);
  EXPECT_EQ(diagnosis_.habit == nullptr, !is_habit);
  EXPECT_EQ(diagnosis_.narrate_habit == nullptr, !is_habit);
}

TEST_P(HouseRules, FixBeginsWithAVerb) {
  EXPECT_TRUE(begins_with_a_verb(diagnosis_.fix)) << diagnosis_.fix;
}

TEST_P(HouseRules, VariantsAreDifferentWords) {
  std::set<std::string_view> words;
  for (const Variant& variant : diagnosis_.variants) {
    EXPECT_TRUE(is_word(variant.word)) << variant.word;
    EXPECT_TRUE(words.insert(variant.word).second) << variant.word << " twice";
    EXPECT_FALSE(variant.meaning.empty()) << variant.word;
  }
}

TEST_P(HouseRules, ACaptureFiresIt) {
  std::set<std::string_view> missing;
  for (const Variant& variant : diagnosis_.variants) {
    // What can't be told from a frame can be told from every frame that a file holds; a test has to do.
    if (variant.word != "unknown") missing.insert(variant.word);
  }
  bool fires = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(kSource / "captures")) {
    std::istringstream golden(contents(entry.path() / "expected"));
    for (std::string line; std::getline(golden, line);) {
      std::istringstream words(line);
      std::string stream;
      std::string cause;
      words >> stream >> cause;
      if (cause.substr(0, cause.find('/')) != diagnosis_.id) continue;
      fires = true;
      if (const std::size_t slash = cause.find('/'); slash != std::string::npos) missing.erase(cause.substr(slash + 1));
    }
  }
  EXPECT_TRUE(fires) << "no captures/*/expected has a line of it";
  EXPECT_THAT(missing, ::testing::IsEmpty()) << "variants that no capture shows";
}

TEST_P(HouseRules, TestShowsWhereItStaysSilentAndWhoWinsNextDoor) {
  const fs::path file = kSource / "tests" / "diagnoses" / fmt::format("{}_test.cpp", diagnosis_.id);
  ASSERT_TRUE(fs::exists(file)) << file;
  const std::string test = contents(file);
  EXPECT_TRUE(says(test, "// Stays silent.")) << file;
  EXPECT_TRUE(says(test, "// Nearest neighbour")) << file;
  for (const Variant& variant : diagnosis_.variants) {
    EXPECT_TRUE(says(test, fmt::format("{}/{}", diagnosis_.id, variant.word))) << file << ": " << variant.word;
  }
}

TEST(Catalogue, IdsAreUnique) {
  std::set<std::string_view> ids;
  for (const Diagnosis* diagnosis : catalogue()) EXPECT_TRUE(ids.insert(diagnosis->id).second) << diagnosis->id;
  EXPECT_EQ(find_diagnosis("no_such_thing"), nullptr);
}

TEST(Catalogue, HonestyComesLast) {
  ASSERT_FALSE(catalogue().empty());
  EXPECT_EQ(catalogue().back()->id, "unexplained");
}

TEST(Docs, DiagnosesAreCurrent) {
  EXPECT_EQ(contents(kSource / "docs/diagnoses.md"), docs::diagnoses_page())
      << "the build target `docs` refreshes them";
}

TEST(Docs, FieldsAreCurrent) {
  EXPECT_EQ(contents(kSource / "docs/fields.md"), docs::fields_page()) << "the build target `docs` refreshes them";
}

TEST(Docs, KnownTimeoutsAreCurrent) {
  EXPECT_EQ(contents(kSource / "docs/known_timeouts.md"), docs::timeouts_page())
      << "the build target `docs` refreshes them";
}

TEST(Captures, HaveAStoryEach) {
  for (const fs::directory_entry& entry : fs::directory_iterator(kSource / "captures")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(fs::exists(entry.path() / "README.md")) << entry.path() << ": a capture without its story";
    EXPECT_TRUE(is_word(entry.path().filename().string())) << entry.path();
  }
}

TEST(Captures, HealthyOnesAccuseNobody) {
  for (const fs::directory_entry& entry : fs::directory_iterator(kSource / "captures")) {
    if (!entry.path().filename().string().starts_with("healthy_")) continue;
    const std::string golden = contents(entry.path() / "expected");
    EXPECT_EQ(golden.find(" warn "), std::string::npos) << entry.path();
    EXPECT_EQ(golden.find(" error "), std::string::npos) << entry.path();
  }
}

TEST(Captures, GeneratedOnesAreCurrent) {
  for (const BookStory& story : story_book()) {
    if (!story.in_captures) continue;
    const fs::path file = kSource / "captures" / story.id / "capture.pcapng";
    EXPECT_TRUE(contents(file) == to_pcapng(story.tell(), story.id))
        << file << ": the build target `captures` refreshes it";
  }
}

}  // namespace
}  // namespace tcpwhy::tests
