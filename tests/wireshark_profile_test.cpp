// The profile "TCP Why" (plugin/profile) in the real tshark: its filters, colours and columns, and how it gets
// installed.
//
// tshark reads the colours and the columns of a profile; the buttons, the saved filters and the graphs are Wireshark's
// alone, so of these the files are read here, and their filters given to tshark.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "finding.h"
#include "support/captures.h"
#include "support/tshark.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const fs::path kProfile = TCPWHY_SOURCE_DIR "/plugin/profile/TCP Why";

/// A filter of the profile, and what it is called there.
struct Named {
  std::string name;
  std::string filter;
};

Outcome run_tshark(const std::string& arguments) {
  return run_tshark_of(TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR, arguments);
}

/// For a shell; no filter here has a single quote.
std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

std::vector<fs::path> captures(bool healthy) {
  std::vector<fs::path> files;
  const fs::path folder = TCPWHY_SOURCE_DIR "/captures";
  for (const std::string& id : capture_ids(folder)) {
    if (id.starts_with("healthy_") == healthy) files.push_back(capture_in(folder / id));
  }
  return files;
}

/// Where something broke, and where nothing did.
std::vector<fs::path> outages() {
  return captures(false);
}
std::vector<fs::path> healthy_captures() {
  return captures(true);
}

/// The lines of a file of the profile that say something.
std::vector<std::string> lines_of(const char* file) {
  std::vector<std::string> lines;
  std::ifstream in(kProfile / file);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

/// The fields of a row of a table of Wireshark's: "…","…", with \x22 for a quote.
std::vector<std::string> row_of(const std::string& line) {
  std::vector<std::string> fields;
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      inside = !inside;
      if (inside) fields.emplace_back();
    } else if (inside && line.compare(i, 2, "\\x") == 0) {
      fields.back() += static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else if (inside) {
      fields.back() += line[i];
    }
  }
  return fields;
}

/// @name@filter@[background][foreground]
std::vector<Named> colours() {
  std::vector<Named> all;
  for (const std::string& line : lines_of("colorfilters")) {
    const std::size_t name = line.find('@', 1);
    const std::size_t filter = line.find('@', name + 1);
    all.push_back({line.substr(1, name - 1), line.substr(name + 1, filter - name - 1)});
  }
  return all;
}

/// Those that nobody can overlook.
bool is_loud(const Named& colour) {
  return colour.name.starts_with("TCP Why: ") && colour.name != "TCP Why: a reset that harmed nobody";
}

std::vector<Named> buttons() {
  std::vector<Named> all;
  for (const std::string& line : lines_of("dfilter_buttons")) {
    const std::vector<std::string> row = row_of(line);
    all.push_back({row.at(1), row.at(2)});
  }
  return all;
}

std::vector<Named> saved_filters() {
  std::vector<Named> all;
  for (const std::string& line : lines_of("dfilters")) {
    const std::size_t end = line.find('"', 1);
    all.push_back({line.substr(1, end - 1), line.substr(end + 2)});
  }
  return all;
}

std::vector<Named> graphs() {
  std::vector<Named> all;
  for (const std::string& line : lines_of("io_graphs")) {
    const std::vector<std::string> row = row_of(line);
    if (!row.at(2).empty()) all.push_back({row.at(1), row.at(2)});
  }
  return all;
}

std::vector<Named> everything() {
  std::vector<Named> all;
  for (const std::vector<Named>& some : {colours(), buttons(), saved_filters(), graphs()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// "(a) || (b)"
std::string any_of(const std::vector<Named>& filters) {
  std::string all;
  for (const Named& one : filters) all += (all.empty() ? "(" : " || (") + one.filter + ")";
  return all;
}

/// How many frames each of these filters lets through, in two passes over a capture. All in one run of tshark: its
/// protocol hierarchy, of which there may be several, takes a filter with commas, counts, and says the filter again.
std::map<std::string, unsigned> frames_of(const fs::path& capture, const std::vector<std::string>& filters) {
  std::string arguments = "-q -2 -r " + quoted(capture);
  for (const std::string& filter : filters) arguments += " -z " + quoted("io,phs," + filter);
  const Outcome outcome = run_tshark(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;

  std::map<std::string, unsigned> frames;
  std::string filter;
  std::istringstream in(outcome.out);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Filter: ")) {
      filter = line.substr(8);
      frames[filter] = 0;
    } else if (const std::size_t count = line.find(" frames:"); count != std::string::npos && line[0] != ' ') {
      // The outermost layer: "frame", or "sll" of a capture of all interfaces.
      frames[filter] += static_cast<unsigned>(std::stoul(line.substr(count + 8)));
    }
  }
  return frames;
}

class WiresharkProfile : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool missing = run_tshark("--version").status == kNotInstalled;
    if (missing) GTEST_SKIP() << kMissing;
  }
};

TEST_F(WiresharkProfile, HasFiltersInEachOfItsFiles) {
  EXPECT_THAT(colours(), Not(IsEmpty()));
  EXPECT_THAT(buttons(), Not(IsEmpty()));
  EXPECT_THAT(saved_filters(), Not(IsEmpty()));
  EXPECT_THAT(graphs(), Not(IsEmpty()));
}

TEST_F(WiresharkProfile, HasNoFilterThatTsharkRefuses) {
  const std::string capture = quoted(outages().front());
  if (run_tshark("-c 1 -r " + capture + " -Y " + quoted(any_of(everything()))).status == 0) return;
  for (const Named& one : everything()) {
    const Outcome outcome = run_tshark("-c 1 -r " + capture + " -Y " + quoted(one.filter));
    EXPECT_EQ(outcome.status, 0) << one.name << ": " << outcome.err;
  }
  if (!HasFailure()) ADD_FAILURE() << "each compiles, but not all of them together";
}

TEST_F(WiresharkProfile, HasAColourAndAButtonForEverythingThatCostSomethingAndNoFilterInVain) {
  std::vector<Named> loud;
  for (const Named& colour : colours()) {
    if (is_loud(colour)) loud.push_back(colour);
  }
  // By filter, what has let no frame through yet: the profile's own, and one an impact.
  std::map<std::string, std::string> unseen;
  for (const Named& one : everything()) unseen.emplace(one.filter, one.name);
  // None of captures/ holds a datagram of UDP; the colour is there for the captures of others.
  unseen.erase("udp");
  for (int i = static_cast<int>(Impact::none) + 1; i <= static_cast<int>(Impact::unknown); ++i) {
    const std::string impact(to_string(static_cast<Impact>(i)));
    unseen.emplace("tcpwhy.deciding_frame == frame.number && tcpwhy.impact == \"" + impact + "\"", impact);
  }
  const std::string missed =
      fmt::format("tcpwhy.deciding_frame == frame.number && tcpwhy.impact != \"{}\" && !(({}) && ({}))",
                  to_string(Impact::none), any_of(loud), any_of(buttons()));
  for (const fs::path& capture : outages()) {
    std::vector<std::string> filters = {missed};
    for (const auto& [filter, name] : unseen) filters.push_back(filter);
    for (const auto& [filter, frames] : frames_of(capture, filters)) {
      if (frames > 0) unseen.erase(filter);
      if (filter == missed) {
        EXPECT_EQ(frames, 0U) << capture << ": without a colour, or in no button: " << missed;
      }
    }
  }
  for (const auto& [filter, name] : unseen) ADD_FAILURE() << name << ": no frame of captures/ passes " << filter;
}

TEST_F(WiresharkProfile, LeavesAHealthyCaptureQuiet) {
  std::vector<std::string> loud;
  for (const Named& colour : colours()) {
    if (is_loud(colour)) loud.push_back(colour.name);
  }
  ASSERT_THAT(healthy_captures(), Not(IsEmpty()));
  for (const fs::path& capture : healthy_captures()) {
    const Outcome outcome =
        run_tshark("-C 'TCP Why' -2 --color -T fields -e frame.coloring_rule.name -r " + quoted(capture));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    for (const std::string& name : loud) EXPECT_THAT(outcome.out, Not(HasSubstr(name))) << capture;
  }
}

TEST_F(WiresharkProfile, ColoursTheDecidingFrameStrongAndItsStreamPale) {
  const Outcome outcome =
      run_tshark("-C 'TCP Why' -2 --color -T fields -e frame.coloring_rule.name -r " TCPWHY_SOURCE_DIR
                 "/captures/keepalive_race_client_side/capture.pcap -Y 'frame.number == 369 || frame.number == 370'");
  EXPECT_EQ(outcome.out,
            "TCP Why: a request or response is lost\n"
            "TCP Why: decides, a request or response is lost\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(WiresharkProfile, HasColumnsForTheCauseItsCostAndWhoHasToAct) {
  const Outcome outcome = run_tshark("-C 'TCP Why' -2 -r " TCPWHY_SOURCE_DIR
                                     "/captures/keepalive_race_client_side/capture.pcap -Y 'frame.number == 369'");
  EXPECT_THAT(outcome.out, AllOf(HasSubstr(" keepalive_race request_lost server 5.92"), HasSubstr("GET /api/items")));
  EXPECT_EQ(outcome.err, "");
}

TEST_F(WiresharkProfile, HasAWidthForEachColumn) {
  const std::string widths = contents(kProfile / "recent");
  std::istringstream columns(contents(kProfile / "preferences"));
  int count = 0;
  for (std::string line; std::getline(columns, line);) {
    const std::size_t format = line.find("\"%");
    if (format == std::string::npos) continue;
    ++count;
    // Without the occurrence and the way to show it, which is how Wireshark writes it there.
    const std::size_t end = line.starts_with("\t") ? line.find_first_of("\"", format + 1) : std::string::npos;
    std::string name = line.substr(format + 1, end - format - 1);
    if (name.starts_with("%Cus:")) name = "\"" + name.substr(0, name.find(':', 5)) + "\"";
    EXPECT_THAT(widths, HasSubstr("\t" + name + ", ")) << line;
  }
  EXPECT_GT(count, 0);
}

// ---------------------------------------------------------------- installing

constexpr uid_t kNobody = 65534;

/// cmake --install of the profile as somebody who isn't root, with these variables of the environment.
Outcome install_as_a_person(const std::string& environment) {
  // Keeps the one capability that opens any file: the build may lie where root alone may look.
  const std::string person = geteuid() != 0 ? ""
                                            : "setpriv --reuid=65534 --regid=65534 --clear-groups "
                                              "--inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override ";
  return run(fmt::format(
      "env -u XDG_CONFIG_HOME -u WIRESHARK_CONFIG_DIR -u DESTDIR {} {}'{}' --install '{}' --component profile",
      environment, person, TCPWHY_CMAKE, TCPWHY_BUILD_DIR));
}

/// Names and contents.
std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    files[entry.path().filename().string()] = contents(entry.path());
  }
  return files;
}

class InstalledProfile : public ::testing::Test {
 protected:
  void SetUp() override {
    // CMake asks for permissions as access() does, which no capability helps.
    if (geteuid() == 0) {
      ASSERT_EQ(chown(home_.path().c_str(), kNobody, kNobody), 0);
    }
    if (geteuid() == 0 && run("setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_override "
                              "--ambient-caps=-all,+dac_override true")
                                  .status != 0) {
      GTEST_SKIP() << "root can't become somebody else here";
    }
  }

  [[nodiscard]] std::string home() const { return "HOME='" + home_.path().string() + "'"; }
  [[nodiscard]] fs::path path(const char* below) const { return home_.path() / below; }

 private:
  Scratch home_;
};

TEST_F(InstalledProfile, LiesInThePersonalFolder) {
  const Outcome outcome = install_as_a_person(home());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(files_in(path(".config/wireshark/profiles/TCP Why")), files_in(kProfile));
}

TEST_F(InstalledProfile, IsAllThatItsComponentInstalls) {
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path(""))) {
    if (entry.is_regular_file()) ++files;
  }
  EXPECT_EQ(files, files_in(kProfile).size());
}

TEST_F(InstalledProfile, LiesWhereWiresharkWasToldToLook) {
  ASSERT_EQ(install_as_a_person(home() + " WIRESHARK_CONFIG_DIR='" + path("elsewhere").string() + "'").status, 0);
  EXPECT_EQ(files_in(path("elsewhere/profiles/TCP Why")), files_in(kProfile));
  ASSERT_EQ(install_as_a_person(home() + " XDG_CONFIG_HOME='" + path("xdg").string() + "'").status, 0);
  EXPECT_EQ(files_in(path("xdg/wireshark/profiles/TCP Why")), files_in(kProfile));
  EXPECT_FALSE(fs::exists(path(".config")));
}

TEST_F(InstalledProfile, LiesInTheOldFolderOfWhoStillHasThatOne) {
  fs::create_directory(path(".wireshark"));
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  EXPECT_EQ(files_in(path(".wireshark/profiles/TCP Why")), files_in(kProfile));
  EXPECT_FALSE(fs::exists(path(".config")));
}

TEST_F(InstalledProfile, LiesInTheNewFolderOfWhoHasBoth) {
  fs::create_directory(path(".wireshark"));
  fs::create_directories(path(".config/wireshark"));
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  EXPECT_EQ(files_in(path(".config/wireshark/profiles/TCP Why")), files_in(kProfile));
}

TEST_F(InstalledProfile, KeepsWhatAPersonChanged) {
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  const fs::path mine = path(".config/wireshark/profiles/TCP Why/dfilters");
  std::ofstream(mine, std::ios::app) << "\"mine\" tcp.port == 4711\n";
  const std::string before = contents(mine);

  const Outcome outcome = install_as_a_person(home());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(contents(mine), before);
  EXPECT_THAT(outcome.out, HasSubstr("Kept: " + mine.string()));
  EXPECT_THAT(outcome.out, Not(HasSubstr("Kept: " + (mine.parent_path() / "colorfilters").string())));
}

TEST_F(InstalledProfile, ComesBackWhereAFileWasDeleted) {
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  const fs::path folder = path(".config/wireshark/profiles/TCP Why");
  fs::remove(folder / "colorfilters");
  ASSERT_EQ(install_as_a_person(home()).status, 0);
  EXPECT_EQ(files_in(folder), files_in(kProfile));
}

TEST_F(InstalledProfile, LiesInWiresharksFolderForEverybodyWhereAPackageIsMade) {
  ASSERT_EQ(run(fmt::format("DESTDIR='{}' '{}' --install '{}' --component profile", path("").string(), TCPWHY_CMAKE,
                            TCPWHY_BUILD_DIR))
                .status,
            0);
  EXPECT_EQ(files_in(path("") / fs::path(TCPWHY_WIRESHARK_DATA).relative_path() / "profiles/TCP Why"),
            files_in(kProfile));
}

}  // namespace
}  // namespace tcpwhy::tests
