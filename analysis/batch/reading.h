// One reading of a capture: every packet through the core, in order.
//
// Limits: of frames on which something was seen, time and place are kept of the first quarter of a million; findings on later
// ones are told without.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "analyzer.h"
#include "packet_stream.h"

namespace tcpwhy::batch {

/// A frame on which something was seen.
struct Landmark {
  FrameNumber frame = 0;
  Nanoseconds time = 0;
  Place place;
};

class Reading {
 public:
  Reading(const Settings& settings, CaptureSet& captures) : captures_(captures), analyzer_(settings, kConnectionMemory, Analyzer::Revisits::none) {}

  struct Watch {
    /// What a frame decides, as it is read. Provisional.
    std::function<void(const Landmark&, std::span<const Finding>)> finding;
    /// Now and then: frames and bytes so far.
    std::function<void(std::uint64_t frames, std::uint64_t bytes)> progress;
  };

  /// Reads all there is, and seals the findings. Once.
  void run(const Watch& watch);

  [[nodiscard]] const Analyzer& analyzer() const { return analyzer_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// Null for a frame of which nothing is known.
  [[nodiscard]] const Landmark* landmark(FrameNumber frame) const;

 private:
  void observe(const Batch& batch, const Watch& watch);
  void note(const Landmark& landmark);

  static constexpr std::size_t kLandmarks = std::size_t{1} << 18;

  CaptureSet& captures_;
  Analyzer analyzer_;
  std::uint64_t frames_ = 0;
  std::vector<Landmark> landmarks_;
};

}  // namespace tcpwhy::batch
