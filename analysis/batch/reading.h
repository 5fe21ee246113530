// One reading of a capture: every packet through the core, in order.
//
// Limits: time and place are kept of the first quarter of a million frames on which something was seen, and of as many FINs:
// what only the end of the capture tells stands on one of those. Findings on later ones are told without.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "analyzer.h"
#include "packet_stream.h"

namespace tcpwhy::batch {

/// A frame on which a finding may stand.
struct Landmark {
  FrameNumber frame = 0;
  Nanoseconds time = 0;
  Place place;
};

/// The first landmarks of one kind, found by their frame.
class Landmarks {
 public:
  /// REQUIRES: no frame before those that were noted.
  void note(const Landmark& landmark);
  /// Null for a frame that was not noted.
  [[nodiscard]] const Landmark* find(FrameNumber frame) const;

 private:
  static constexpr std::size_t kLimit = std::size_t{1} << 18;

  std::vector<Landmark> landmarks_;
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

  CaptureSet& captures_;
  Analyzer analyzer_;
  std::uint64_t frames_ = 0;
  Landmarks remarked_;
  Landmarks closes_;
};

}  // namespace tcpwhy::batch
