// Numbers as headers have them: big-endian (RFC 791 appendix B), at any offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tcpwhy {

/// `length` bytes at `at` were captured.
[[nodiscard]] inline bool has(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t length) {
  return at <= bytes.size() && bytes.size() - at >= length;
}

/// REQUIRES: has(bytes, at, 2).
[[nodiscard]] inline std::uint16_t be16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// REQUIRES: has(bytes, at, 4).
[[nodiscard]] inline std::uint32_t be32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

}  // namespace tcpwhy
