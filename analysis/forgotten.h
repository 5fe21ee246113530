// What is said of connections that had to be forgotten: the core keeps within its memory (limits.h) by evicting some,
// and owns up to it. A verdict that was made before stays, in general words: the particulars went with the connection.
// A reset that comes later is capture_too_short, and all else of such a stream is met with silence.
#pragma once

#include <cstdint>
#include <string>

#include "finding.h"

namespace tcpwhy {

/// What had to be forgotten to keep within the bounds of limits.h: all zero for all but enormous captures.
struct Forgotten {
  std::uint64_t closed = 0;      ///< Connections that were over.
  std::uint64_t unanswered = 0;  ///< Those of which one side had not spoken.
  std::uint64_t idle = 0;        ///< Others, that had been silent longest.
  std::uint64_t segments = 0;    ///< Of streams beyond kStreams: not observed.
  std::uint64_t findings = 0;    ///< Beyond kFindings: made, and not kept.

  [[nodiscard]] bool any() const { return (closed | unanswered | idle | segments | findings) != 0; }
  [[nodiscard]] std::uint64_t connections() const { return closed + unanswered + idle; }
  friend bool operator==(const Forgotten&, const Forgotten&) = default;
};

/// The verdict on a reset of a stream whose connection was evicted before.
[[nodiscard]] Verdict verdict_on_forgotten(FrameNumber reset);

/// A verdict in words, where the connection that it is about is no longer there.
[[nodiscard]] Finding explain_forgotten(StreamNumber stream, const Verdict& verdict);

/// "tcpwhy forgot 12 connections ...": all of it in a sentence; "" where nothing was.
[[nodiscard]] std::string to_string(const Forgotten& forgotten);

}  // namespace tcpwhy
