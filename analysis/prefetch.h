// Asks for memory before it is needed, by who knows what comes next.
#pragma once

#include <cstddef>
#include <span>

namespace tcpwhy {

/// Only a hint: nothing changes but how long the next look at these bytes takes.
inline void prefetch(std::span<const std::byte> bytes) {
  constexpr std::size_t kCacheLine = 64;
  if (bytes.empty()) return;
  for (std::size_t at = 0; at < bytes.size(); at += kCacheLine) __builtin_prefetch(&bytes[at]);
  __builtin_prefetch(&bytes.back());  // They may end in a cache line more than they fill.
  // To GCC a prefetch is no effect: calls of a function that does nothing else would be left out.
  asm volatile("" : : "r"(bytes.data()));
}

}  // namespace tcpwhy
