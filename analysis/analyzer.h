// The façade, and the only header a front needs: observe every segment once, in capture order; finish;
// then ask for findings, any number of times, in any order.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "catalogue.h"
#include "connection.h"
#include "finding.h"
#include "forgotten.h"
#include "known_timeouts.h"
#include "limits.h"
#include "profile.h"
#include "segment.h"
#include "settings.h"

namespace tcpwhy {

/// What can be said on a frame as it is read.
struct Remarks {
  Nanoseconds idle_gap = 0;       ///< Silence before this data segment; 0 where it isn't one or it wasn't idle.
  ResetRole role = ResetRole::none;  ///< If this frame is a RST.
  std::vector<Finding> findings;  ///< What this frame decides. Provisional: later frames may amend it.
  std::vector<NamedTimeout> idle_timeouts;  ///< Of the endpoints, so far, where this frame says something.

  [[nodiscard]] bool empty() const {
    return idle_gap == 0 && role == ResetRole::none && findings.empty() && idle_timeouts.empty();
  }
};

/// Reads one capture. Not thread-safe; independent instances are independent.
class Analyzer {
 public:
  /// Whether somebody may come back to a frame: then what was said of single frames is noted.
  enum class Revisits : std::uint8_t { none, any };

  /// `connection_memory`: how many bytes of connections it may hold before it forgets some. `hot_connections`: how many healthy ones
  /// it may keep as they are before it packs some, which costs time and says the same.
  explicit Analyzer(const Settings& settings, std::size_t connection_memory = kConnectionMemory,
                    Revisits revisits = Revisits::any, std::size_t hot_connections = kHotConnections);
  ~Analyzer();
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;

  /// Timeouts of products that tcpwhy doesn't know, to be named as well, and before those that it knows where both fit. Before
  /// the first segment.
  void also_know(std::vector<OwnTimeout> timeouts);

  /// A hint that a segment of this stream comes next: what it touches is fetched into the cache while the caller still
  /// reads the packet.
  void expect(StreamNumber stream) const;
  /// The same for who has read it already, and it may be the first one of its stream.
  void expect(const Segment& segment) const;

  /// Takes the next segment of the capture. Its `stream` must be dense, as Wireshark's tcp.stream is: a number
  /// seen for the first time is at most a few above the largest so far. REQUIRES: finish() was not called.
  Remarks observe(const Segment& segment);

  /// Takes an ICMP error that quotes a segment. REQUIRES: as for a segment.
  Remarks observe(const IcmpError& error);

  /// Seals every finding: from here on the answers below never change. Idempotent.
  void finish();
  [[nodiscard]] bool finished() const;

  /// The sealed findings of one stream, opening before path before ending. Empty before finish().
  [[nodiscard]] std::vector<Finding> findings(StreamNumber stream) const;

  /// The verdict of every signature that fits this stream, in order of precedence: the first one for each question is the
  /// finding, and what it took precedence over comes after it. Empty before finish(), and of streams without findings.
  [[nodiscard]] std::vector<Verdict> contenders(StreamNumber stream) const;

  /// Whether `findings(stream)` is not empty; costs a table look-up.
  [[nodiscard]] bool has_findings(StreamNumber stream) const;

  /// The idle gap that ended on this frame, or 0. Valid before and after finish(); always 0 without revisits.
  [[nodiscard]] Nanoseconds idle_gap(FrameNumber frame) const;

  /// The idle timeouts of the endpoints that this stream connects, and of what is between them: where the stream has findings,
  /// or this frame closed it after a silence. The server's side first. Valid before and after finish(), then sealed.
  [[nodiscard]] std::vector<NamedTimeout> idle_timeouts(StreamNumber stream, FrameNumber frame) const;

  /// What the RST on this frame is to its incident; `none` where it is no RST, or without revisits. Valid before and
  /// after finish().
  [[nodiscard]] ResetRole reset_role(FrameNumber frame) const;

  /// All idle timeouts that endpoints show, each once: a server's is the same for all its clients. Empty before finish().
  [[nodiscard]] std::vector<NamedTimeout> idle_timeouts() const;

  /// Calls `visit` for every sealed finding, by stream number.
  void for_each_finding(const std::function<void(const Finding&)>& visit) const;

  /// What whole endpoints show so far.
  [[nodiscard]] const Profiles& profiles() const;

  /// How many streams were seen.
  [[nodiscard]] std::size_t stream_count() const;

  /// What had to be forgotten so far.
  [[nodiscard]] const Forgotten& forgotten() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tcpwhy
