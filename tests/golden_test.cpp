// Every capture of captures/ through the real tshark with the freshly built plugin, in one pass and in two, against
// what it has to say (captures/README.md describes the layout).
//
//   TCPWHY_UPDATE_GOLDEN=1 ctest -L golden     writes `expected` anew; read the difference before you commit it
//
// A line a finding, on the frame that decides it, in frame order. A wording may change without a golden changing; a
// verdict, a frame or a number may not.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalogue.h"
#include "support/captures.h"
#include "support/tshark.h"
#include "support/tshark_version.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kCaptures = TCPWHY_SOURCE_DIR "/captures";

enum class Passes { one, two };

/// With what it complains about, too: a test that fails shows it.
Outcome run_tshark(const std::string& arguments) {
  return run_tshark_of(TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR, arguments + " 2>&1");
}

bool tshark_is_missing() {
  static const bool missing = run_tshark("--version").status == kNotInstalled;
  return missing;
}

/// The frames with an expert info of tcpwhy: those that decide something.
std::string deciding_frames() {
  std::string filter;
  for (const Diagnosis* diagnosis : catalogue()) {
    filter += fmt::format("{}tcpwhy.{}", filter.empty() ? "" : " || ", diagnosis->id);
  }
  return filter;
}

/// What stands between `name="` and the next quote, in a line of PDML; no value here needs unescaping.
std::string attribute(std::string_view line, std::string_view name) {
  const std::string key = fmt::format(" {}=\"", name);
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size();
  return std::string(line.substr(begin, line.find('"', begin) - begin));
}

/// One finding as it stands on one frame.
struct Row {
  std::map<std::string, std::string> fields;
  std::vector<std::string> proofs;

  [[nodiscard]] std::string field(const std::string& name) const {
    const auto found = fields.find("tcpwhy." + name);
    return found == fields.end() ? "" : found->second;
  }
};

std::string to_line(const Row& row, const std::string& stream) {
  constexpr std::array<const char*, 4> kSeverities = {"chat", "note", "warn", "error"};
  const std::string severity = row.field("severity");
  const std::size_t loudness = severity.size() == 1 ? static_cast<std::size_t>(severity[0] - '0') : 9;
  std::string line = fmt::format("#{} {}", stream, row.field("cause"));
  if (!row.field("variant").empty()) line += "/" + row.field("variant");
  line += fmt::format(" {} {} fault={}", row.field("confidence"),
                      loudness < kSeverities.size() ? kSeverities[loudness] : severity, row.field("fault"));
  if (!row.field("reset_by").empty()) line += " reset_by=" + row.field("reset_by");
  if (!row.field("reset_kind").empty()) line += " kind=" + row.field("reset_kind");
  line += " impact=" + row.field("impact");
  if (const std::string lost = row.field("lost_bytes"); !lost.empty() && lost != "0") line += " lost=" + lost;
  line += " @" + row.field("deciding_frame");
  if (!row.field("provoked_by").empty()) line += " provoked_by=" + row.field("provoked_by");
  std::string proofs;
  for (const std::string& proof : row.proofs) proofs += (proofs.empty() ? "" : ",") + proof;
  return line + " proofs=" + proofs + "\n";
}

/// PDML has a line for each field, in the order of the tree: a cause, and below it what belongs to it.
std::string read_findings(const std::string& pdml) {
  std::string lines;
  std::string frame;
  std::string stream;
  std::vector<Row> rows;
  std::istringstream in(pdml);
  for (std::string line; std::getline(in, line);) {
    const std::string name = attribute(line, "name");
    const std::string value = attribute(line, "show");
    if (name == "frame.number") {
      frame = value;
    } else if (name == "tcp.stream") {
      stream = value;
    } else if (name == "tcpwhy.cause") {
      rows.emplace_back().fields[name] = value;
    } else if (name == "tcpwhy.proof" && !rows.empty()) {
      rows.back().proofs.push_back(value);
    } else if (name.starts_with("tcpwhy.") && !rows.empty()) {
      rows.back().fields[name] = value;
    } else if (line.find("</packet>") != std::string::npos) {
      for (const Row& row : rows) {
        if (row.field("deciding_frame") == frame) lines += to_line(row, stream);
      }
      rows.clear();
      stream.clear();
    }
  }
  return lines;
}

/// What can be known of these findings on their deciding frames: proofs that come later are left out.
std::string as_known_then(const std::string& lines) {
  std::string text;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view kProofs = " proofs=";
    const std::size_t proofs = line.find(kProofs);
    const unsigned long deciding = std::stoul(line.substr(line.find(" @") + 2));
    std::string known;
    std::istringstream all(line.substr(proofs + kProofs.size()));
    for (std::string frame; std::getline(all, frame, ',');) {
      if (std::stoul(frame) <= deciding) known += (known.empty() ? "" : ",") + frame;
    }
    text += line.substr(0, proofs + kProofs.size()) + known + "\n";
  }
  return text;
}

/// Where 4.4's other numbering of streams shows, FILE.4.4 holds what is said from then on.
bool numbers_as_4_4() {
  static const bool does = opens_stream_after_reset(run_tshark("--version").out);
  return does;
}

fs::path since_4_4(fs::path file) { return file += ".4.4"; }

/// The file that holds for this Wireshark.
fs::path in_force(const fs::path& file) {
  return numbers_as_4_4() && fs::exists(since_4_4(file)) ? since_4_4(file) : file;
}

void replace(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  ASSERT_TRUE(out.flush()) << "cannot write " << file;
}

/// Writes what is expected of this Wireshark; a newer one leaves alone what it agrees with.
void update(const fs::path& file, const std::string& text) {
  if (!numbers_as_4_4()) return replace(file, text);
  fs::remove(since_4_4(file));
  if (!fs::exists(file) || contents(file) != text) replace(since_4_4(file), text);
}

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (tshark_is_missing()) GTEST_SKIP() << "tshark is not installed, or the plugin not built";
    ASSERT_FALSE(capture_.empty()) << folder_ << " holds no capture.pcap or capture.pcapng";
  }
  /// What tshark says, a line a finding.
  [[nodiscard]] std::string said(Passes passes) const {
    const Outcome outcome =
        run_tshark(fmt::format("{} -n -r '{}' -Y '{}' -T pdml -J 'frame tcp tcpwhy'", passes == Passes::two ? "-2" : "",
                               capture_.string(), deciding_frames()));
    EXPECT_EQ(outcome.status, 0) << outcome.out.substr(0, 2'000);
    return read_findings(outcome.out);
  }
  static bool updating() {
    const char* update = std::getenv("TCPWHY_UPDATE_GOLDEN");
    return update != nullptr && std::string_view(update) == "1";
  }

  fs::path folder_ = kCaptures / GetParam();
  fs::path capture_ = capture_in(folder_);
  fs::path expected_ = folder_ / "expected";
  fs::path expected_one_pass_ = folder_ / "expected.one-pass";
};

TEST_P(Golden, TwoPasses) {
  const std::string lines = said(Passes::two);
  if (updating()) update(expected_, lines);
  ASSERT_TRUE(fs::exists(in_force(expected_))) << "TCPWHY_UPDATE_GOLDEN=1 writes it";
  EXPECT_EQ(lines, contents(in_force(expected_)));
}

/// A live capture, or tshark without -2, knows no later proofs; where it says something else, too,
/// `expected.one-pass` has it.
TEST_P(Golden, OnePass) {
  const std::string lines = as_known_then(said(Passes::one));
  if (updating()) {
    if (!numbers_as_4_4()) fs::remove(expected_one_pass_);
    if (lines != as_known_then(said(Passes::two))) update(expected_one_pass_, lines);
    return;
  }
  const bool differs = fs::exists(in_force(expected_one_pass_));
  ASSERT_TRUE(differs || fs::exists(expected_)) << "TCPWHY_UPDATE_GOLDEN=1 writes it";
  EXPECT_EQ(lines, differs ? contents(in_force(expected_one_pass_)) : as_known_then(contents(in_force(expected_))));
}

/// What all streams together show, a line each: timeouts that are in force, retries, events. Where there is nothing of it,
/// there is no file.
TEST_P(Golden, Endpoints) {
  constexpr std::array<const char*, 15> kFields = {
      "idle_timeout.by",  "idle_timeout.client", "idle_timeout.server",  "idle_timeout",           "idle_timeout.low",
      "idle_timeout.high", "idle_timeout.samples", "idle_timeout.advertised", "client",             "server",
      "retry",            "retry.delay",         "retry.attempt",        "retry.stream",           "event"};
  std::string arguments;
  for (const char* field : kFields) arguments += fmt::format(" -e tcpwhy.{}", field);
  const Outcome outcome = run_tshark(
      fmt::format("-2 -n -r '{}' -Y 'tcpwhy.idle_timeout || tcpwhy.retry.stream || tcpwhy.event != \"\"' -T fields "
                  "-E occurrence=a{}",
                  capture_.string(), arguments));
  EXPECT_EQ(outcome.status, 0) << outcome.out.substr(0, 2'000);
  std::set<std::string> rows;
  std::istringstream in(outcome.out);
  for (std::string row; std::getline(in, row);) {
    std::vector<std::string> cells;
    std::istringstream columns(row);
    for (std::string cell; std::getline(columns, cell, '\t');) cells.push_back(cell);
    cells.resize(kFields.size());
    const auto joined = [&](std::size_t begin, std::size_t end) {
      return fmt::format("{}", fmt::join(cells.begin() + static_cast<std::ptrdiff_t>(begin),
                                         cells.begin() + static_cast<std::ptrdiff_t>(end), " "));
    };
    if (!cells[3].empty()) rows.insert("timeout " + joined(0, 8));
    if (!cells[13].empty()) rows.insert("retry " + joined(8, 14));
    if (cells[14].find_first_not_of(',') != std::string::npos) rows.insert("event " + cells[14]);
  }
  std::string lines;
  for (const std::string& row : rows) lines += row + "\n";
  const fs::path file = folder_ / "expected.endpoints";
  if (updating()) {
    if (!lines.empty()) {
      update(file, lines);
    } else if (!numbers_as_4_4()) {
      fs::remove(file);
    }
  }
  EXPECT_EQ(lines, fs::exists(in_force(file)) ? contents(in_force(file)) : "");
}

INSTANTIATE_TEST_SUITE_P(Captures, Golden, ::testing::ValuesIn(capture_ids(kCaptures)),
                         [](const auto& test) { return test.param; });

/// docs/fields.md and the plugin's registrations, name by name.
TEST(Fields, DocumentedAreTheRegistered) {
  if (tshark_is_missing()) GTEST_SKIP() << "tshark is not installed, or the plugin not built";
  std::set<std::string> registered;
  std::istringstream fields(run_tshark("-G fields").out);
  for (std::string line; std::getline(fields, line);) {
    // F, name, filter, type, …
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    if (cells.size() > 2 && cells[0] == "F" && cells[2].starts_with("tcpwhy.")) registered.insert(cells[2]);
  }
  std::set<std::string> documented;
  std::istringstream page(contents(TCPWHY_SOURCE_DIR "/docs/fields.md"));
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `tcpwhy.")) continue;
    documented.insert(line.substr(3, line.find('`', 3) - 3));
  }
  EXPECT_EQ(documented, registered);
}

/// The frames whose line in the packet list bears a tag.
std::set<std::string> tagged_frames(const std::string& options) {
  std::set<std::string> tagged;
  std::istringstream lines(
      run_tshark(fmt::format("-2 -n -r '{}' {}", (kCaptures / "ingress_502_upstream" / "capture.pcap").string(), options)).out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("[why: ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string number;
    words >> number;
    tagged.insert(number);
  }
  return tagged;
}

TEST(InfoColumn, BearsATagOnFramesThatDecideAndOnNoOther) {
  if (tshark_is_missing()) GTEST_SKIP() << "tshark is not installed, or the plugin not built";
  std::set<std::string> deciding;
  std::istringstream frames(
      run_tshark(fmt::format("-2 -n -r '{}' -Y 'tcpwhy.deciding_frame == frame.number && tcpwhy.severity > 0' -T fields -e frame.number",
                             (kCaptures / "ingress_502_upstream" / "capture.pcap").string()))
          .out);
  for (std::string frame; std::getline(frames, frame);) deciding.insert(frame);
  EXPECT_FALSE(deciding.empty());
  EXPECT_EQ(tagged_frames(""), deciding);
  EXPECT_TRUE(tagged_frames("-o tcpwhy.tag_info_column:FALSE").empty());
}

/// A row that a user added to the table of idle timeouts is named before those that tcpwhy knows; nonsense is refused.
TEST(Preferences, UsersNameTheirOwnIdleTimeouts) {
  if (tshark_is_missing()) GTEST_SKIP() << "tshark is not installed, or the plugin not built";
  const auto names = [](const std::string& row) {
    return run_tshark(fmt::format("-2 -n -r '{}' -o 'uat:tcpwhy_idle_timeouts:{}' -Y tcpwhy.idle_timeout -T fields "
                                  "-e tcpwhy.idle_timeout.match",
                                  (kCaptures / "stale_reuse_node" / "capture.pcap").string(), row));
  };
  EXPECT_TRUE(names(R"("shop","pool.idle","6","server")").out.starts_with("shop (pool.idle, 6.00 s); Node.js"));
  EXPECT_TRUE(names(R"("shop","pool.idle","6","client")").out.starts_with("Node.js")) << "the server closed, not a client";
  const Outcome refused = names(R"("shop","pool.idle","soon","server")");
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.out.find("Seconds: a number"), std::string::npos) << refused.out;
}

}  // namespace
}  // namespace tcpwhy::tests
