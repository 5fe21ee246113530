// Numbers as headers have them: big-endian (RFC 791 appendix B), at any offset.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tcpwhy {

/// `length` bytes at `at` were captured.
[[nodiscard]] inline bool has(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t length) {
  return at <= bytes.size() && bytes.size() - at >= length;
}

/// Read at once, and turned round where the machine counts from the other end: half the instructions of bytes put together.
template <typename Number>
[[nodiscard]] inline Number big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  if constexpr (std::endian::native == std::endian::big) return number;
  if constexpr (sizeof number == 2) {
    return __builtin_bswap16(number);
  } else {
    return __builtin_bswap32(number);
  }
}

/// REQUIRES: has(bytes, at, 2).
[[nodiscard]] inline std::uint16_t be16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return big_endian<std::uint16_t>(bytes, at);
}

/// REQUIRES: has(bytes, at, 4).
[[nodiscard]] inline std::uint32_t be32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return big_endian<std::uint32_t>(bytes, at);
}

}  // namespace tcpwhy
