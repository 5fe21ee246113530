// Room for many values of one type that come and go. Growing moves nothing, and each value costs its own size and no
// more; what one leaves the next one takes, while it is still in the cache. Room is never given back.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tcpwhy {

template <typename Value>
class Pool {
 public:
  using Index = std::uint32_t;

  Pool() = default;
  ~Pool() {
    for (Index index = 0; index < size_ + free_.size(); ++index) {
      if (slabs_[index / kSlab]->taken[index % kSlab]) std::destroy_at(&(*this)[index]);
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Made where it stays.
  template <typename... Arguments>
  Index add(Arguments&&... arguments) {
    if (free_.empty()) {
      if (size_ % kSlab == 0) slabs_.push_back(std::make_unique_for_overwrite<Slab>());
      free_.push_back(static_cast<Index>(size_));
    }
    const Index index = free_.back();
    std::construct_at(&(*this)[index], std::forward<Arguments>(arguments)...);
    slabs_[index / kSlab]->taken.set(index % kSlab);
    free_.pop_back();
    ++size_;
    return index;
  }

  void remove(Index index) {
    std::destroy_at(&(*this)[index]);
    slabs_[index / kSlab]->taken.reset(index % kSlab);
    free_.push_back(index);
    --size_;
  }

  [[nodiscard]] Value& operator[](Index index) {
    return *reinterpret_cast<Value*>(&slabs_[index / kSlab]->room[index % kSlab * sizeof(Value)]);
  }
  [[nodiscard]] const Value& operator[](Index index) const {
    return *reinterpret_cast<const Value*>(&slabs_[index / kSlab]->room[index % kSlab * sizeof(Value)]);
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlab = 128;

  struct Slab {
    alignas(Value) std::array<std::byte, kSlab * sizeof(Value)> room;
    std::bitset<kSlab> taken;
  };
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<Index> free_;
  std::size_t size_ = 0;
};

}  // namespace tcpwhy
