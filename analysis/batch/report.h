// What is said of a capture, as values: made once, rendered in any format (text_report, json_report, csv_report).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture_set.h"
#include "finding.h"
#include "known_timeouts.h"

namespace tcpwhy::batch {

/// A finding, and where it stands in the files that the capture is made of.
struct ReportedFinding {
  Finding finding;
  Nanoseconds time = 0;       ///< Of the deciding frame, since 1970; 0 where it isn't known any more.
  std::string file;           ///< Of the deciding frame, and
  FrameNumber file_frame = 0;  ///< its number there; "" and 0 where the capture is one file.
};

struct Report {
  std::string name;                      ///< Of the capture: a file, "3 files", "standard input".
  std::uint64_t frames = 0;
  std::uint64_t streams = 0;
  std::vector<ReportedFinding> findings;  ///< Those that the filter lets through, by stream.
  std::uint64_t kept_back = 0;           ///< Findings that the filter doesn't let through.
  std::vector<NamedTimeout> idle_timeouts;  ///< That are in force, each once.
  std::string forgotten;                 ///< What tcpwhy had to forget (Forgotten in words); "" for nothing.
  std::vector<Problem> problems;
};

}  // namespace tcpwhy::batch
