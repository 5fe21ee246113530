// A sequence that only grows, and whose growing moves nothing and never holds everything twice, as a vector's does. A
// deque promises that too, but its blocks are of 512 bytes, and finding one's way among them costs more than what is found.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace tcpwhy {

/// `kSlab`: values that are allocated together, a power of two.
template <typename Value, std::size_t kSlab>
class Slabs {
  static_assert(kSlab != 0 && (kSlab & (kSlab - 1)) == 0);

 public:
  template <typename... Arguments>
  void emplace_back(Arguments&&... arguments) {
    if (size_ % kSlab == 0) slabs_.emplace_back().reserve(kSlab);
    slabs_.back().emplace_back(std::forward<Arguments>(arguments)...);
    ++size_;
  }

  /// Fills up with values of their default until there are `size`.
  void grow_to(std::size_t size) {
    while (size_ < size) emplace_back();
  }

  [[nodiscard]] Value& operator[](std::size_t index) { return slabs_[index / kSlab][index % kSlab]; }
  [[nodiscard]] const Value& operator[](std::size_t index) const { return slabs_[index / kSlab][index % kSlab]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::vector<std::vector<Value>> slabs_;
  std::size_t size_ = 0;
};

}  // namespace tcpwhy
