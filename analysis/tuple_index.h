// Which stream was the latest on a 4-tuple: eight bytes an entry, in one table with open addressing (linear probing,
// deletion by shifting back: Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R). It knows
// hashes only; whether an entry is the wanted tuple is asked of whoever knows the stream, so that no collision joins
// two tuples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "prefetch.h"
#include "segment.h"

namespace tcpwhy {

class TupleIndex {
 public:
  /// Notes `stream` as the latest on its tuple, and returns the one before it. `is_same(stream)`: whether a stream that
  /// was noted earlier has the same tuple.
  template <typename IsSame>
  std::optional<StreamNumber> put(std::uint64_t hash, StreamNumber stream, IsSame is_same) {
    if ((size_ + 1) * 4 > entries_.size() * 3) grow();
    const auto key = static_cast<std::uint32_t>(hash);
    std::size_t at = home(key);
    for (; entries_[at].stream != kNone; at = next(at)) {
      if (entries_[at].key == key && is_same(entries_[at].stream)) return std::exchange(entries_[at].stream, stream);
    }
    entries_[at] = {key, stream};
    ++size_;
    return std::nullopt;
  }

  static constexpr std::size_t kEntry = 8;  ///< Bytes.

  /// Fetches what the next look at this tuple will touch into the cache.
  void expect(std::uint64_t hash) const {
    prefetch(entries_[home(static_cast<std::uint32_t>(hash))]);
  }

  /// Forgets `stream`, if it is still the latest on its tuple.
  void erase(std::uint64_t hash, StreamNumber stream);

 private:
  static constexpr StreamNumber kNone = 0xffffffff;
  struct Entry {
    std::uint32_t key = 0;
    StreamNumber stream = kNone;
  };
  static_assert(sizeof(Entry) == kEntry);

  [[nodiscard]] std::size_t home(std::uint32_t key) const { return key & (entries_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }
  void grow();

  /// Room made at once: growing step by step costs more than the table itself. A power of two, at most 3/4 full.
  std::vector<Entry> entries_ = std::vector<Entry>(std::size_t{1} << 15);
  std::size_t size_ = 0;
};

}  // namespace tcpwhy
