// Two readers, one core: what tshark says with the plugin of each frame of each capture of captures/, and what is said without
// Wireshark's dissection (CaptureSet, decode, StreamIndex, Analyzer), is the same, field by field.
//
// The frames are looked up as the plugin's Session does after the last one: the findings of their stream and its idle timeouts,
// and what was noted of the frame itself.
//
//   TCPWHY_DIFFERENTIAL=FILE:FILE… differential_tests     these files instead
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "analyzer.h"
#include "batch/capture_set.h"
#include "batch/stream_numbers.h"
#include "catalogue.h"
#include "fields.h"
#include "packet/decoder.h"
#include "support/captures.h"
#include "support/tshark.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

/// Between the values of a field: in no text of ours.
constexpr char kBetween = '\x1f';

/// tcp.stream, and the public fields in the order of their table; the last one, `line`, only repeats others.
constexpr std::size_t kColumns = kFields.size();

std::string column_name(std::size_t column) {
  return column == 0 ? "tcp.stream" : fmt::format("tcpwhy.{}", kFields[column - 1].name);
}

/// What is said of one frame: a cell a column, of which the values of several findings follow each other.
class Row {
 public:
  void add(FieldId field, std::string_view value) { put(static_cast<std::size_t>(field) + 1, value); }
  void add(FieldId field, std::uint64_t value) { add(field, fmt::format("{}", value)); }
  void add_time(FieldId field, Nanoseconds time) { add(field, fmt::format("{}.{:09}", time / kSecond, time % kSecond)); }
  void add_stream(StreamNumber stream) { put(0, fmt::format("{}", stream)); }
  /// As tshark printed it.
  void set(std::size_t column, std::string cell) { cells_[column] = std::move(cell); }

  [[nodiscard]] const std::string& cell(std::size_t column) const { return cells_[column]; }

 private:
  void put(std::size_t column, std::string_view value) {
    if (present_[column]) cells_[column] += kBetween;
    cells_[column] += value;
    present_[column] = true;
  }

  std::vector<std::string> cells_ = std::vector<std::string>(kColumns);
  std::vector<bool> present_ = std::vector<bool>(kColumns);
};

/// By frame; frame 0 is none.
using Table = std::vector<Row>;

void add_finding(const Finding& finding, Row& row) {
  const Verdict& verdict = finding.verdict;
  row.add(FieldId::cause, verdict.diagnosis->id);
  row.add(FieldId::variant, verdict.variant);
  row.add(FieldId::confidence, to_string(verdict.confidence));
  row.add(FieldId::severity, static_cast<std::uint64_t>(verdict.severity));
  row.add(FieldId::fault, to_string(verdict.fault));
  row.add(FieldId::impact, to_string(verdict.impact));
  row.add(FieldId::lost_bytes, verdict.lost_bytes);
  row.add(FieldId::reset_by, to_string(verdict.reset_by));
  row.add(FieldId::reset_kind, to_string(verdict.reset_kind));
  if (verdict.provoked_by != 0) row.add(FieldId::provoked_by, verdict.provoked_by);
  row.add(FieldId::deciding_frame, verdict.deciding_frame);
  for (const Proof& proof : finding.proofs) row.add(FieldId::proof, proof.frame);
  row.add(FieldId::explanation, finding.narrative.explanation);
  row.add(FieldId::fix, finding.narrative.fix);
  row.add(FieldId::blind_spot, finding.narrative.blind_spot);
  for (const std::string& line : finding.narrative.ruled_out) row.add(FieldId::ruled_out, line);
  row.add(FieldId::client, finding.client);
  row.add(FieldId::server, finding.server);
  row.add(FieldId::event, finding.event);
  row.add(FieldId::retry, finding.retry.pattern);
  if (finding.retry.frame == 0) return;
  row.add_time(FieldId::retry_delay, finding.retry.delay);
  row.add(FieldId::retry_attempt, finding.retry.attempt);
  row.add(FieldId::retry_stream, finding.retry.stream);
}

void add_idle_timeout(const NamedTimeout& named, Row& row) {
  const IdleTimeout& timeout = named.timeout;
  row.add_time(FieldId::idle_timeout, timeout.value);
  row.add_time(FieldId::idle_timeout_low, timeout.low);
  row.add_time(FieldId::idle_timeout_high, timeout.high);
  row.add(FieldId::idle_timeout_by, to_string(timeout.by));
  row.add(FieldId::idle_timeout_samples, timeout.samples);
  row.add(FieldId::idle_timeout_advertised, timeout.advertised);
  row.add(FieldId::idle_timeout_match, named.match);
  row.add(FieldId::idle_timeout_client, named.client);
  row.add(FieldId::idle_timeout_server, named.server);
}

Table without_wireshark(const fs::path& capture) {
  batch::CaptureSet set({capture.string()});
  batch::Slot slot;
  batch::StreamNumbers streams;
  Analyzer analyzer{Settings{}};
  std::vector<std::optional<StreamNumber>> shown(1);
  Table table(1);
  while (set.next(slot)) {
    Row& row = table.emplace_back();
    shown.emplace_back();
    Sighting sighting;
    if (!decode(slot.packet, sighting)) continue;
    const auto stream = streams.number(sighting);
    if (!stream) continue;
    sighting.read.stream = sighting.error.stream = *stream;
    shown.back() = stream;
    // What was quoted in part is about a stream, but Wireshark doesn't file it there.
    if (!sighting.stub) row.add_stream(*stream);
    if (sighting.kind == Sighting::segment) analyzer.observe(sighting.read);
    if (sighting.kind == Sighting::quotation) analyzer.observe(sighting.error);
  }
  analyzer.finish();
  for (FrameNumber frame = 1; frame < table.size(); ++frame) {
    if (!shown[frame]) continue;
    Row& row = table[frame];
    const bool explained = analyzer.has_findings(*shown[frame]);
    for (const Finding& finding : analyzer.findings(*shown[frame])) add_finding(finding, row);
    if (const ResetRole role = analyzer.reset_role(frame); role != ResetRole::none) row.add(FieldId::role, to_string(role));
    if (const Nanoseconds gap = analyzer.idle_gap(frame); gap != 0) row.add_time(FieldId::idle_gap, gap);
    for (const NamedTimeout& named : analyzer.idle_timeouts(*shown[frame], explained ? 0 : frame)) add_idle_timeout(named, row);
  }
  return table;
}

Outcome run_tshark(const std::string& arguments) {
  return run_tshark_of(TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR, arguments);
}

bool tshark_is_missing() {
  static const bool missing = run_tshark("--version").status == kNotInstalled;
  return missing;
}

/// A row for each frame, or what went wrong.
Table of_tshark(const fs::path& capture) {
  std::string fields;
  for (std::size_t column = 0; column < kColumns; ++column) fields += " -e " + column_name(column);
  const Outcome outcome = run_tshark(
      fmt::format("-2 -n -r '{}' -T fields -E occurrence=a -E 'aggregator={}'{}", capture.string(), kBetween, fields));
  EXPECT_EQ(outcome.status, 0);
  Table table(1);
  std::string_view rest = outcome.out;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    Row& row = table.emplace_back();
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::string_view cell = line.substr(0, line.find('\t'));
      row.set(column, std::string(cell));
      line.remove_prefix(std::min(line.size(), cell.size() + 1));
    }
  }
  return table;
}

std::string readable(std::string cell) {
  std::replace(cell.begin(), cell.end(), kBetween, '|');
  return cell;
}

/// The first few differences, a line each; "" where there are none.
std::string differences(const Table& tshark, const Table& batch) {
  constexpr int kMost = 8;
  std::string lines;
  int found = 0;
  if (tshark.size() != batch.size()) {
    lines += fmt::format("tshark reads {} frames, we {}\n", tshark.size() - 1, batch.size() - 1);
  }
  for (std::size_t frame = 1; frame < std::min(tshark.size(), batch.size()); ++frame) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::string& theirs = tshark[frame].cell(column);
      const std::string& ours = batch[frame].cell(column);
      if (theirs == ours) continue;
      if (++found > kMost) continue;
      lines += fmt::format("frame {} {}:\n  tshark: {}\n  batch:  {}\n", frame, column_name(column), readable(theirs),
                           readable(ours));
    }
  }
  if (found > kMost) lines += fmt::format("and {} more\n", found - kMost);
  return lines;
}

/// What the environment names, or nothing.
std::vector<fs::path> chosen() {
  std::vector<fs::path> files;
  const char* names = std::getenv("TCPWHY_DIFFERENTIAL");
  std::string_view rest = names != nullptr ? names : "";
  while (!rest.empty()) {
    const std::string_view file = rest.substr(0, rest.find(':'));
    if (!file.empty()) files.emplace_back(file);
    rest.remove_prefix(std::min(rest.size(), file.size() + 1));
  }
  return files;
}

/// These captures of captures/, if none are chosen.
std::vector<fs::path> captures(Known known) {
  std::vector<fs::path> files;
  if (!chosen().empty()) return files;
  const fs::path folder = fs::path(TCPWHY_SOURCE_DIR) / "captures";
  for (const std::string& id : capture_ids(folder, known)) files.push_back(capture_in(folder / id));
  return files;
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& test) {
  std::string name = test.param.parent_path().filename().string();
  if (std::getenv("TCPWHY_DIFFERENTIAL") != nullptr) name = fmt::format("{}_{}", test.index, test.param.filename().string());
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class Differential : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Chosen, Differential, ::testing::ValuesIn(chosen()), name_of);
INSTANTIATE_TEST_SUITE_P(KnownAtOnce, Differential, ::testing::ValuesIn(captures(Known::at_once)), name_of);
INSTANTIATE_TEST_SUITE_P(KnownLater, Differential, ::testing::ValuesIn(captures(Known::later)), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Differential);

TEST_P(Differential, PluginAndBatchSayTheSameOfEveryFrame) {
  if (tshark_is_missing()) GTEST_SKIP() << kMissing;
  EXPECT_EQ(differences(of_tshark(GetParam()), without_wireshark(GetParam())), "") << GetParam();
}

/// Else a comparison that compares nothing would pass.
TEST(Differences, AreFoundAndReadable) {
  Table tshark(2);
  Table batch(2);
  batch[1].add(FieldId::cause, "idle_reset");
  batch[1].add(FieldId::cause, "unexplained");
  EXPECT_EQ(differences(tshark, batch), "frame 1 tcpwhy.cause:\n  tshark: \n  batch:  idle_reset|unexplained\n");
  tshark.emplace_back();
  EXPECT_NE(differences(tshark, batch).find("tshark reads 2 frames, we 1"), std::string::npos);
}

}  // namespace
}  // namespace tcpwhy::tests
