// A report for spreadsheets, as CSV (RFC 4180): a header of field names, and a row a finding.
//
// Model: the columns are those of Table::findings. What is absent is an empty cell; a list is its elements with " | " between,
// of a proof the frame's number. Control characters are written as escapes, so that a row is one line.
// Limits: one table. The idle timeouts, what was forgotten and the problems are in the other formats.
#pragma once

#include <iosfwd>

#include "report.h"

namespace tcpwhy::batch {

/// Header and rows, with CRLF behind each.
void render_csv(const Report& report, std::ostream& out);

}  // namespace tcpwhy::batch
