// Every capture of captures/ through the real tshark with the freshly built plugin, in one pass and in two, against
// what it has to say (captures/README.md describes the layout).
//
//   TCPWHY_UPDATE_GOLDEN=1 ctest -L golden     writes `expected` anew; read the difference before you commit it
//
// A line a finding, on the frame that decides it, in frame order. A wording may change without a golden changing; a
// verdict, a frame or a number may not. In the same run the statistics count each of these incidents once.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalogue.h"
#include "support/captures.h"
#include "support/printed_statistics.h"
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

bool tshark_is_missing() { return run_tshark("--version").status == kNotInstalled; }

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

/// What all streams together show, as `expected.endpoints` has it; the fields of each kind of line.
constexpr std::array kTimeoutFields = {"idle_timeout.by",  "idle_timeout.client", "idle_timeout.server",  "idle_timeout",
                                       "idle_timeout.low", "idle_timeout.high",   "idle_timeout.samples", "idle_timeout.advertised"};
constexpr std::array kRetryFields = {"client", "server", "retry", "retry.delay", "retry.attempt", "retry.stream"};

/// All that one frame says, by field: its values, joined by commas.
class Frame {
 public:
  void add(const std::string& field, const std::string& value) {
    const auto [found, first] = values_.emplace(field, value);
    if (!first) found->second += "," + value;
  }
  [[nodiscard]] std::string value(const std::string& field) const {
    const auto found = values_.find("tcpwhy." + field);
    return found == values_.end() ? "" : found->second;
  }
  template <typename Fields>
  [[nodiscard]] std::string values(const Fields& fields) const {
    std::vector<std::string> cells;
    for (const char* field : fields) cells.push_back(value(field));
    return fmt::format("{}", fmt::join(cells, " "));
  }

 private:
  std::map<std::string, std::string> values_;
};

/// What tshark says of a capture.
struct Said {
  /// A line a finding, on the frame that decides it, in frame order.
  std::string findings;
  /// A line each: timeouts that are in force, retries, events.
  std::set<std::string> endpoints;
  /// Each incident once, as it was decided last: what the statistics have to count.
  Counts incidents;
};

/// PDML has a line for each field, in the order of the tree: a cause, and below it what belongs to it.
Said read(const std::string& pdml) {
  Said said;
  std::string number;
  std::string stream;
  std::vector<Row> rows;
  Frame frame;
  std::map<std::pair<std::string, Question>, std::tuple<std::string, std::string, std::size_t>> last_words;
  std::istringstream in(pdml);
  for (std::string line; std::getline(in, line);) {
    const std::string name = attribute(line, "name");
    const std::string value = attribute(line, "show");
    if (name == "frame.number") {
      number = value;
    } else if (name == "tcp.stream") {
      stream = value;
    } else if (name.starts_with("tcpwhy.")) {
      frame.add(name, value);
      if (name == "tcpwhy.cause") rows.emplace_back();
      if (rows.empty()) continue;
      if (name == "tcpwhy.proof") {
        rows.back().proofs.push_back(value);
      } else {
        rows.back().fields[name] = value;
      }
    } else if (line.find("</packet>") != std::string::npos) {
      for (const Row& row : rows) {
        if (row.field("deciding_frame") != number) continue;
        said.findings += to_line(row, stream);
        last_words.insert_or_assign({stream, find_diagnosis(row.field("cause"))->question},
                                    std::tuple(row.field("cause"), row.field("impact"), std::stoul(row.field("severity"))));
      }
      if (!frame.value("idle_timeout").empty()) said.endpoints.insert("timeout " + frame.values(kTimeoutFields));
      if (!frame.value("retry.stream").empty()) said.endpoints.insert("retry " + frame.values(kRetryFields));
      if (const std::string event = frame.value("event"); event.find_first_not_of(',') != std::string::npos) {
        said.endpoints.insert("event " + event);
      }
      rows.clear();
      stream.clear();
      frame = {};
    }
  }
  for (const auto& [incident, words] : last_words) {
    const auto& [cause, impact, severity] = words;
    ++said.incidents[{cause, impact}][3 - severity];
  }
  return said;
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

/// The file that holds for this Wireshark, which is asked only where it matters: tshark takes longer to start than to read.
fs::path in_force(const fs::path& file) {
  return fs::exists(since_4_4(file)) && numbers_as_4_4() ? since_4_4(file) : file;
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
  void SetUp() override { ASSERT_FALSE(capture_.empty()) << folder_ << " holds no capture.pcap or capture.pcapng"; }

  /// Nothing where there is no tshark.
  [[nodiscard]] std::optional<Said> read_in(Passes passes) const {
    const Outcome outcome = run_tshark(fmt::format(
        "{} -n -r '{}' -Y '{} || tcpwhy.idle_timeout || tcpwhy.retry.stream || tcpwhy.event != \"\"' -T pdml "
        "-J 'frame tcp tcpwhy' -z tcpwhy -z tcpwhy,endpoints -z tcpwhy,tree",
        passes == Passes::two ? "-2" : "", capture_.string(), deciding_frames()));
    if (outcome.status == kNotInstalled) return std::nullopt;
    EXPECT_EQ(outcome.status, 0) << outcome.out.substr(0, 2'000);
    const Said said = read(outcome.out);
    EXPECT_EQ(counted(outcome.out), said.incidents);
    unsigned incidents = 0;
    for (const auto& [what, counts] : said.incidents) incidents += std::accumulate(counts.begin(), counts.end(), 0U);
    const std::size_t tree = outcome.out.find("\nIncidents ");
    if (tree == std::string::npos) {
      ADD_FAILURE() << "no tree";
    } else {
      EXPECT_EQ(std::stoul(outcome.out.substr(tree + 11)), incidents) << "the tree counts the same";
    }
    return said;
  }
  static bool updating() {
    const char* update = std::getenv("TCPWHY_UPDATE_GOLDEN");
    return update != nullptr && std::string_view(update) == "1";
  }

  fs::path folder_ = kCaptures / GetParam();
  fs::path capture_ = capture_in(folder_);
  fs::path expected_ = folder_ / "expected";
  fs::path expected_one_pass_ = folder_ / "expected.one-pass";
  fs::path expected_endpoints_ = folder_ / "expected.endpoints";
};

TEST_P(Golden, TwoPasses) {
  const std::optional<Said> said = read_in(Passes::two);
  if (!said) GTEST_SKIP() << kMissing;
  const std::string& findings = said->findings;
  if (updating()) update(expected_, findings);
  ASSERT_TRUE(fs::exists(in_force(expected_))) << "TCPWHY_UPDATE_GOLDEN=1 writes it";
  EXPECT_EQ(findings, contents(in_force(expected_)));

  // Where the streams together show nothing, there is no file.
  std::string endpoints;
  for (const std::string& row : said->endpoints) endpoints += row + "\n";
  if (updating()) {
    if (!endpoints.empty()) {
      update(expected_endpoints_, endpoints);
    } else if (!numbers_as_4_4()) {
      fs::remove(expected_endpoints_);
    }
  }
  const fs::path in_force_endpoints = in_force(expected_endpoints_);
  EXPECT_EQ(endpoints, fs::exists(in_force_endpoints) ? contents(in_force_endpoints) : "");
}

/// A live capture, or tshark without -2, knows no later proofs; where it says something else, too,
/// `expected.one-pass` has it.
TEST_P(Golden, OnePass) {
  const std::optional<Said> said = read_in(Passes::one);
  if (!said) GTEST_SKIP() << kMissing;
  const std::string findings = as_known_then(said->findings);
  if (updating()) {
    if (!numbers_as_4_4()) fs::remove(expected_one_pass_);
    if (findings != as_known_then(read_in(Passes::two).value().findings)) update(expected_one_pass_, findings);
    return;
  }
  const bool differs = fs::exists(in_force(expected_one_pass_));
  ASSERT_TRUE(differs || fs::exists(expected_)) << "TCPWHY_UPDATE_GOLDEN=1 writes it";
  EXPECT_EQ(findings, differs ? contents(in_force(expected_one_pass_)) : as_known_then(contents(in_force(expected_))));
}

INSTANTIATE_TEST_SUITE_P(KnownAtOnce, Golden, ::testing::ValuesIn(capture_ids(kCaptures, Known::at_once)), [](const auto& test) { return test.param; });
INSTANTIATE_TEST_SUITE_P(KnownLater, Golden, ::testing::ValuesIn(capture_ids(kCaptures, Known::later)), [](const auto& test) { return test.param; });

/// docs/fields.md and the plugin's registrations, name by name.
TEST(Fields, DocumentedAreTheRegistered) {
  if (tshark_is_missing()) GTEST_SKIP() << kMissing;
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
  if (tshark_is_missing()) GTEST_SKIP() << kMissing;
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
  if (tshark_is_missing()) GTEST_SKIP() << kMissing;
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
