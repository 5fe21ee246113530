// Asks for memory before it is needed, by who knows what comes next.
#pragma once

#include <cstddef>
#include <span>

namespace tcpwhy {

/// What for: memory that another processor has had in its cache comes sooner if it is known that it will be written to.
enum class Access : int { read = 0, write = 1 };

/// Only a hint: nothing changes but how long the next look at these bytes takes.
template <Access access = Access::read, std::size_t extent = std::dynamic_extent>
void prefetch(std::span<const std::byte, extent> bytes) {
  constexpr std::size_t kCacheLine = 64;
  if (bytes.empty()) return;
  for (std::size_t at = 0; at < bytes.size(); at += kCacheLine) __builtin_prefetch(&bytes[at], static_cast<int>(access));
  __builtin_prefetch(&bytes.back(), static_cast<int>(access));  // They may end in a cache line more than they fill.
  // To GCC a prefetch is no effect: calls of a function that does nothing else would be left out.
  asm volatile("" : : "r"(bytes.data()));
}

/// The same of a value, unrolled.
template <Access access = Access::read, typename Value>
void prefetch(const Value& value) {
  prefetch<access>(std::as_bytes(std::span<const Value, 1>(&value, 1)));
}

}  // namespace tcpwhy
