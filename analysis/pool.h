// Room for many values of one type that come and go. Growing moves nothing, and each value costs its own size and no
// more; what one leaves the next one takes, while it is still in the cache. Room is never given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "slabs.h"

namespace tcpwhy {

template <typename Value>
class Pool {
 public:
  using Index = std::uint32_t;

  template <typename... Arguments>
  Index add(Arguments&&... arguments) {
    ++size_;
    if (!free_.empty()) {
      const Index index = free_.back();
      free_.pop_back();
      (*this)[index] = Value(std::forward<Arguments>(arguments)...);
      return index;
    }
    values_.emplace_back(std::forward<Arguments>(arguments)...);
    return static_cast<Index>(values_.size() - 1);
  }

  /// The value's own room is kept for the next one; what it had allocated is freed.
  void remove(Index index) {
    [[maybe_unused]] const Value gone = std::move((*this)[index]);
    free_.push_back(index);
    --size_;
  }

  [[nodiscard]] Value& operator[](Index index) { return values_[index]; }
  [[nodiscard]] const Value& operator[](Index index) const { return values_[index]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlab = 128;

  Slabs<Value, kSlab> values_;
  std::vector<Index> free_;
  std::size_t size_ = 0;
};

}  // namespace tcpwhy
