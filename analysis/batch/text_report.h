// A report for a person: what broke and what to set first, then the idle timeouts in force, then each finding in full, and a line
// that says how much was looked at.
//
// Limits: of the streams that one kind of failure struck, the summary names the first few; the findings below it name all. Its
// cost grows with the findings' number as sorting does.
#pragma once

#include <cstddef>
#include <iosfwd>

#include "report.h"

namespace tcpwhy::batch {

struct TextStyle {
  std::size_t width = 100;  ///< Columns of a line; a word that is longer stands alone.
  bool colour = false;      ///< Headings bold, severities coloured: SGR sequences (ECMA-48 section 8.3.117). Without: none.
  bool all = false;         ///< Findings of severity chat in full too; else they are only counted.
};

/// Prints the whole report, with a newline behind its last line; nothing of a capture without frames. `problems` are not in it.
void render_text(const Report& report, const TextStyle& style, std::ostream& out);

/// One finding alone, in full, whatever its severity: for who reads along while somebody captures.
void render_text(const ReportedFinding& finding, const TextStyle& style, std::ostream& out);

}  // namespace tcpwhy::batch
