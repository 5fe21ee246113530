// Findings as strings, to be compared: what the core says of a story, a line a finding.
//
//   #0 keepalive_race/crossing certain error fault=client reset_by=server kind=reply impact=request_lost
//      lost=78 @12 provoked_by=10                                             (all of it on one line)
//
// Words that say nothing (no variant, nothing lost, no reset, nothing provoked it) are left out.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

#include "finding.h"
#include "settings.h"
#include "support/packet.h"
#include "support/story.h"

namespace tcpwhy::tests {

/// The line above.
[[nodiscard]] std::string to_line(const Finding& finding);
/// Every word and every frame of it.
[[nodiscard]] std::string to_text(const Finding& finding);

/// What the core says of a whole capture, by stream number.
[[nodiscard]] std::vector<Finding> findings(const Capture& capture, const Settings& settings = {});
[[nodiscard]] std::vector<Finding> findings(const Story& story, const Settings& settings = {});

/// All of it: a line a finding, no newline at the end. "" where there is nothing to say.
template <typename Input>
[[nodiscard]] std::string verdicts(const Input& input, const Settings& settings = {}) {
  std::string lines;
  for (const Finding& finding : findings(input, settings)) {
    if (!lines.empty()) lines += '\n';
    lines += to_line(finding);
  }
  return lines;
}

/// The only finding of that cause; fails the test, and returns an empty one, where there is none or several.
[[nodiscard]] Finding the_finding(const std::vector<Finding>& findings, std::string_view cause);

/// Whether `line` has every word of `expected`. A word may offer alternatives: "fault=client|server".
[[nodiscard]] bool line_has_words(std::string_view line, std::string_view expected);
/// Whether the lines and the expected lines pair off, in order.
[[nodiscard]] bool lines_match(std::string_view lines, std::string_view expected);

/// A failing test shows the story's packets.
void PrintTo(const Capture& capture, std::ostream* out);
void PrintTo(const Story& story, std::ostream* out);

/// `says("#0 stale_reuse error fault=client")`: these findings and no others, a line each. What a line doesn't name
/// is ignored, so that a test claims what it is about.
MATCHER_P(says, expected, (negation ? "doesn't say " : "says ") + std::string(expected)) {
  const std::string lines = verdicts(arg);
  *result_listener << "which says " << (lines.empty() ? "nothing" : lines);
  return lines_match(lines, expected);
}

/// Nothing above chat: a healthy capture.
MATCHER(is_silent, negation ? "says something" : "says nothing above chat") {
  bool silent = true;
  for (const Finding& finding : findings(arg)) {
    if (finding.verdict.severity == Severity::chat) continue;
    *result_listener << (silent ? "which says " : "; ") << to_line(finding);
    silent = false;
  }
  return silent;
}

/// No finding at all.
MATCHER(says_nothing, negation ? "says something" : "says nothing") {
  const std::string lines = verdicts(arg);
  *result_listener << "which says " << lines;
  return lines.empty();
}

}  // namespace tcpwhy::tests
