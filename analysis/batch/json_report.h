// A report for programs, as JSON (RFC 8259): one object, or, line by line, one object a finding and an idle timeout (NDJSON).
// docs/output.md describes both, docs/schema/ says it in JSON Schema.
//
// Model: keys are the display filters' names. Texts that are no UTF-8 get U+FFFD for what is wrong in them.
// Limits: what is made of a report at a time is one finding, so that memory doesn't grow with their number.
#pragma once

#include <iosfwd>
#include <string>

#include "report.h"

namespace tcpwhy::batch {

/// The whole report as one object, with a newline behind it.
void render_json(const Report& report, std::ostream& out);

/// The whole report in lines: the findings, the idle timeouts, and a summary as the last one.
void render_ndjson(const Report& report, std::ostream& out);

/// A finding that later frames may still amend, as such a line with its newline: for who reads along while somebody captures.
/// It says "provisional": true; no line of render_ndjson does.
[[nodiscard]] std::string ndjson_line(const ReportedFinding& finding);

}  // namespace tcpwhy::batch
