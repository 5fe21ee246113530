// What became of each stream, and where its state is: four bytes a stream, and none for stretches of streams that are all over and
// forgotten, so that a capture may be as long as it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "segment.h"

namespace tcpwhy {

class Places {
 public:
  enum class Fate : std::uint8_t {
    unknown,            ///< No segment of it was observed.
    live,
    packed,             ///< Live, and not heard for a while: its state is packed.
    retired,            ///< Closed cleanly and folded into a record.
    gone,               ///< The same, and the record was dropped.
    evicted,
    evicted_explained,  ///< A verdict on its ending is kept, or was given.
  };
  /// `at`: the caller's; below 2^29.
  struct Place {
    Place() = default;
    Place(Fate its_fate, std::uint32_t its_index) : fate(its_fate), at(its_index & ((1U << 29) - 1)) {}

    Fate fate : 3 = Fate::unknown;
    std::uint32_t at : 29 = 0;
  };
  static_assert(sizeof(Place) == 4);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Places that take memory.
  [[nodiscard]] std::size_t held() const { return held_; }
  void grow_to(std::size_t size) {
    while (stretches_.size() * kStretch < size) {
      stretches_.push_back({std::vector<Place>(kStretch), kStretch});
      held_ += kStretch;
    }
    size_ = size;
  }

  /// `gone` for a stretch that was given up.
  [[nodiscard]] Place operator[](StreamNumber stream) const {
    const std::vector<Place>& places = stretches_[stream / kStretch].places;
    return places.empty() ? Place{Fate::gone, 0} : places[stream % kStretch];
  }
  /// REQUIRES: it isn't gone yet.
  void set(StreamNumber stream, Place place) {
    Stretch& stretch = stretches_[stream / kStretch];
    stretch.places[stream % kStretch] = place;
    if (place.fate != Fate::gone || --stretch.kept > 0) return;
    stretch.places = std::vector<Place>();  // `= {}` would keep its memory.
    held_ -= kStretch;
  }

  /// Calls `visit(place)` for each that is live, packed or not, in the order of their numbers.
  template <typename Visit>
  void for_each_live(Visit visit) const {
    for (const Stretch& stretch : stretches_) {
      for (const Place& place : stretch.places) {
        if (place.fate == Fate::live || place.fate == Fate::packed) visit(place);
      }
    }
  }

 private:
  static constexpr std::size_t kStretch = 4096;

  struct Stretch {
    std::vector<Place> places;  ///< Empty once all of them are gone.
    std::size_t kept = 0;       ///< Those that aren't gone.
  };
  std::vector<Stretch> stretches_;
  std::size_t size_ = 0;
  std::size_t held_ = 0;
};

}  // namespace tcpwhy
