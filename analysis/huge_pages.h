// An allocator for large tables that are read at random: in huge pages, where the system has them, so that what a look costs
// is the look and not the way through the page table.
//
// Limits: Linux (madvise), and tables of at least one such page; any other is in pages as usual.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstddef>
#include <new>

namespace tcpwhy {

template <typename Value>
struct HugePages {
  using value_type = Value;

  HugePages() = default;
  template <typename Other>
  explicit(false) HugePages(const HugePages<Other>&) {}

  Value* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(Value);
    if (bytes < kPage) return static_cast<Value*>(::operator new(bytes));
    void* room = ::operator new(bytes, kAligned);
#ifdef MADV_HUGEPAGE
    madvise(room, bytes, MADV_HUGEPAGE);  // A wish: nothing depends on it.
#endif
    return static_cast<Value*>(room);
  }
  void deallocate(Value* room, std::size_t count) {
    if (count * sizeof(Value) < kPage) {
      ::operator delete(room);
    } else {
      ::operator delete(room, kAligned);
    }
  }
  friend bool operator==(const HugePages&, const HugePages&) { return true; }

 private:
  static constexpr std::size_t kPage = std::size_t{2} << 20;
  static constexpr std::align_val_t kAligned{kPage};
};

}  // namespace tcpwhy
