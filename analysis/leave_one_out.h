// What many streams show together, kept so that any one of them can be left out again: no stream's own incident is
// evidence for its own verdict.
#pragma once

#include <array>
#include <optional>
#include <utility>

#include "half_connection.h"

namespace tcpwhy {

/// The two most extreme samples of distinct streams: enough to leave any one stream out.
template <typename Better>
class TopTwo {
 public:
  void add(Nanoseconds value, StreamNumber stream) {
    const Better better;
    for (Sample& sample : best_) {
      if (sample.valid && sample.stream == stream) {
        if (better(value, sample.value)) sample.value = value;
        if (best_[1].valid && better(best_[1].value, best_[0].value)) std::swap(best_[0], best_[1]);
        return;
      }
    }
    const Sample fresh{value, stream, true};
    if (!best_[0].valid || better(value, best_[0].value)) {
      best_[1] = best_[0];
      best_[0] = fresh;
    } else if (!best_[1].valid || better(value, best_[1].value)) {
      best_[1] = fresh;
    }
  }

  /// The most extreme sample of all streams but this one.
  [[nodiscard]] std::optional<Nanoseconds> without(StreamNumber stream) const {
    for (const Sample& sample : best_) {
      if (sample.valid && sample.stream != stream) return sample.value;
    }
    return std::nullopt;
  }

 private:
  struct Sample {
    Nanoseconds value = 0;
    StreamNumber stream = 0;
    bool valid = false;
  };
  std::array<Sample, 2> best_;
};

/// The latest events of two distinct streams, the newest first.
class LatestTwo {
 public:
  void add(const Mark& at, StreamNumber stream) {
    if (latest_[0].first && latest_[0].second != stream) latest_[1] = latest_[0];
    latest_[0] = {at, stream};
  }

  [[nodiscard]] bool empty() const { return !latest_[0].first; }

  /// The latest event of all streams but this one.
  [[nodiscard]] Mark without(StreamNumber stream) const {
    for (const auto& [at, owner] : latest_) {
      if (at && owner != stream) return at;
    }
    return {};
  }

 private:
  std::array<std::pair<Mark, StreamNumber>, 2> latest_;
};

}  // namespace tcpwhy
