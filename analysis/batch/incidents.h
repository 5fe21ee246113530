// Which streams of a report are worth a file of their own, and which others tell more about them.
#pragma once

#include <cstdint>
#include <string>

#include "capture_set.h"
#include "report.h"

namespace tcpwhy::batch {

/// Writes the streams of the report's findings to `file`, with comments (carver.h): those above chat, with `all` these too.
/// `neighbours`: also what the same client and server said to each other on other connections within 10 s of an incident.
/// Returns how many packets were written. REQUIRES: captures.can_rewind(). Throws WriteError; then there is no such file.
std::uint64_t carve_incidents(const Report& report, CaptureSet& captures, const std::string& file, bool neighbours, bool all);

}  // namespace tcpwhy::batch
