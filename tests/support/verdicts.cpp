#include "support/verdicts.h"

#include <algorithm>

#include <fmt/format.h>

#include "analyzer.h"
#include "catalogue.h"
#include "support/packet_script.h"

namespace tcpwhy::tests {
namespace {

/// Takes the text before the next separator off the front.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t length = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return taken;
}

/// "keepalive_race" stands for any of its variants.
bool is_word(std::string_view said, std::string_view expected) {
  if (said == expected) return true;
  return said.size() > expected.size() && said.starts_with(expected) && said[expected.size()] == '/';
}

/// The key of "fault=client|server" holds for every alternative.
bool is_one_of(std::string_view said, std::string_view expected) {
  std::string_view key;
  if (const std::size_t equals = expected.find('='); equals != std::string_view::npos) {
    key = expected.substr(0, equals + 1);
    if (!said.starts_with(key)) return false;
    said.remove_prefix(key.size());
    expected.remove_prefix(key.size());
  }
  while (!expected.empty()) {
    if (is_word(said, take(expected, '|'))) return true;
  }
  return false;
}

}  // namespace

std::string to_line(const Finding& finding) {
  const Verdict& verdict = finding.verdict;
  std::string line = fmt::format("#{} {}", finding.stream, verdict.diagnosis != nullptr ? verdict.diagnosis->id : "?");
  if (!verdict.variant.empty()) line += fmt::format("/{}", verdict.variant);
  line += fmt::format(" {} {} fault={}", to_string(verdict.confidence), to_string(verdict.severity),
                      to_string(verdict.fault));
  if (verdict.reset_by != ResetBy::none) line += fmt::format(" reset_by={}", to_string(verdict.reset_by));
  if (verdict.reset_kind != ResetKind::none) line += fmt::format(" kind={}", to_string(verdict.reset_kind));
  line += fmt::format(" impact={}", to_string(verdict.impact));
  if (verdict.lost_bytes != 0) line += fmt::format(" lost={}", verdict.lost_bytes);
  line += fmt::format(" @{}", verdict.deciding_frame);
  if (verdict.provoked_by != 0) line += fmt::format(" provoked_by={}", verdict.provoked_by);
  return line;
}

std::string to_text(const Finding& finding) {
  std::string text = to_line(finding) + '\n';
  for (const Proof& proof : finding.proofs) text += fmt::format("  frame {}: {}\n", proof.frame, proof.part);
  text += fmt::format("  why: {}\n  fix: {}\n  blind spot: {}\n", finding.narrative.explanation, finding.narrative.fix,
                      finding.narrative.blind_spot);
  for (const std::string& line : finding.narrative.ruled_out) text += fmt::format("  not: {}\n", line);
  return text;
}

std::vector<Finding> findings(const Capture& capture, const Settings& settings) {
  Analyzer analyzer(settings);
  feed(analyzer, capture);
  analyzer.finish();
  std::vector<Finding> all;
  analyzer.for_each_finding([&all](const Finding& finding) { all.push_back(finding); });
  return all;
}

std::vector<Finding> findings(const Story& story, const Settings& settings) {
  return findings(story.capture(), settings);
}

void PrintTo(const Capture& capture, std::ostream* out) {
  constexpr std::size_t kHead = 50;
  constexpr std::size_t kTail = 20;
  const std::string text = to_lines(capture);
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) lines.push_back(take(rest, '\n'));
  *out << "the story\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i >= kHead && i + kTail < lines.size()) {
      if (i == kHead) *out << "...\n";
      continue;
    }
    *out << lines[i] << '\n';
  }
}
void PrintTo(const Story& story, std::ostream* out) {
  PrintTo(story.capture(), out);
}

Finding the_finding(const std::vector<Finding>& findings, std::string_view cause) {
  const auto is_it = [cause](const Finding& finding) { return finding.verdict.diagnosis->id == cause; };
  const auto found = std::find_if(findings.begin(), findings.end(), is_it);
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(), is_it), 1) << "findings of " << cause;
  return found == findings.end() ? Finding{} : *found;
}

bool line_has_words(std::string_view line, std::string_view expected) {
  while (!expected.empty()) {
    const std::string_view word = take(expected, ' ');
    if (word.empty()) continue;
    bool said = false;
    for (std::string_view rest = line; !rest.empty();) said |= is_one_of(take(rest, ' '), word);
    if (!said) return false;
  }
  return true;
}

bool lines_match(std::string_view lines, std::string_view expected) {
  while (!lines.empty() && !expected.empty()) {
    if (!line_has_words(take(lines, '\n'), take(expected, '\n'))) return false;
  }
  return lines.empty() && expected.empty();
}

}  // namespace tcpwhy::tests
