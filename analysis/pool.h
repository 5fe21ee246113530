// Room for many values of one type that come and go. In slabs, so that growing moves nothing and each value costs its
// own size and no more; what one leaves the next one takes, while it is still in the cache. Room is never given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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
    if (slabs_.empty() || slabs_.back().size() == kSlab) slabs_.emplace_back().reserve(kSlab);
    slabs_.back().emplace_back(std::forward<Arguments>(arguments)...);
    return static_cast<Index>((slabs_.size() - 1) * kSlab + slabs_.back().size() - 1);
  }

  /// The value's own room is kept for the next one; what it had allocated is freed.
  void remove(Index index) {
    [[maybe_unused]] const Value gone = std::move((*this)[index]);
    free_.push_back(index);
    --size_;
  }

  [[nodiscard]] Value& operator[](Index index) { return slabs_[index / kSlab][index % kSlab]; }
  [[nodiscard]] const Value& operator[](Index index) const { return slabs_[index / kSlab][index % kSlab]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlab = 128;

  std::vector<std::vector<Value>> slabs_;
  std::vector<Index> free_;
  std::size_t size_ = 0;
};

}  // namespace tcpwhy
