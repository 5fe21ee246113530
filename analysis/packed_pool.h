// Room for many strings of some hundred bytes that come and go, without what malloc adds to each. Those of one size (rounded
// up to 8) stand side by side without a gap: what stood last moves to where one leaves. So it holds what is in it and no more,
// but for one slab of each size.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace tcpwhy {

class PackedPool {
 public:
  using Index = std::uint32_t;  ///< Below 2^29.

  static constexpr std::size_t kLargest = 512;  ///< Bytes of one of them.

  /// REQUIRES: 0 < bytes.size() <= kLargest, and fewer than 2^23 of this size.
  Index add(std::span<const std::byte> bytes) {
    const std::size_t size_class = (bytes.size() + kGranule - 1) / kGranule - 1;
    Shelf& shelf = shelves_[size_class];
    const std::size_t number = shelf.size++;
    if (number / per_slab(size_class) == shelf.slabs.size()) {
      shelf.slabs.push_back(std::make_unique_for_overwrite<std::byte[]>(kSlab));
    }
    std::memcpy(at(size_class, number), bytes.data(), bytes.size());
    bytes_ += size_of(size_class);
    ++size_;
    return static_cast<Index>(size_class << kNumberBits | number);
  }

  /// Another one may stand there afterwards: then true is returned.
  bool remove(Index index) {
    const std::size_t size_class = index >> kNumberBits;
    const std::size_t number = index & kNumberMask;
    Shelf& shelf = shelves_[size_class];
    const std::size_t last = --shelf.size;
    if (number != last) std::memcpy(at(size_class, number), at(size_class, last), size_of(size_class));
    // One that is empty may be wanted again at once; two are not.
    const std::size_t needed = last / per_slab(size_class) + 1;
    if (shelf.slabs.size() > needed) shelf.slabs.pop_back();
    bytes_ -= size_of(size_class);
    --size_;
    return number != last;
  }

  /// It, and some bytes more. Valid until something is added or removed.
  [[nodiscard]] std::span<const std::byte> operator[](Index index) const {
    const std::size_t size_class = index >> kNumberBits;
    return {at(size_class, index & kNumberMask), size_of(size_class)};
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// All of them together.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kGranule = 8;
  static constexpr std::size_t kSizes = kLargest / kGranule;
  static constexpr std::size_t kSlab = std::size_t{1} << 13;
  static constexpr unsigned kNumberBits = 23;
  static constexpr std::size_t kNumberMask = (std::size_t{1} << kNumberBits) - 1;
  static_assert(kSizes << kNumberBits <= std::size_t{1} << 29);

  struct Shelf {
    std::vector<std::unique_ptr<std::byte[]>> slabs;
    std::size_t size = 0;
  };

  [[nodiscard]] static constexpr std::size_t size_of(std::size_t size_class) { return (size_class + 1) * kGranule; }
  [[nodiscard]] static constexpr std::size_t per_slab(std::size_t size_class) { return kSlab / size_of(size_class); }
  [[nodiscard]] std::byte* at(std::size_t size_class, std::size_t number) const {
    return &shelves_[size_class].slabs[number / per_slab(size_class)][number % per_slab(size_class) * size_of(size_class)];
  }

  std::array<Shelf, kSizes> shelves_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;

 public:
  /// What it may take beyond `bytes()`: two slabs of each size that aren't full, and a list of them.
  static constexpr std::size_t kSlack = 2 * kSizes * kSlab;
};

}  // namespace tcpwhy
