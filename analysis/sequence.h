// Sequence numbers: the only modulo-2^32 arithmetic of the project (RFC 9293 section 3.4).
#pragma once

#include <cstdint>

namespace tcpwhy {

/// A point in one direction's sequence space.
///
/// Two numbers are ordered only while they are less than 2^31 apart, as they are on any live connection;
/// further apart the answer is arbitrary but never undefined.
class SequenceNumber {
 public:
  constexpr SequenceNumber() = default;
  constexpr explicit SequenceNumber(std::uint32_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr std::uint32_t raw() const { return raw_; }

  /// Signed distance from `other` to this one, in bytes: positive when this one comes later.
  [[nodiscard]] constexpr std::int32_t since(SequenceNumber other) const {
    return static_cast<std::int32_t>(raw_ - other.raw_);
  }
  [[nodiscard]] constexpr bool before(SequenceNumber other) const { return since(other) < 0; }
  [[nodiscard]] constexpr bool after(SequenceNumber other) const { return since(other) > 0; }

  [[nodiscard]] constexpr SequenceNumber operator+(std::uint32_t bytes) const {
    return SequenceNumber(raw_ + bytes);
  }
  [[nodiscard]] constexpr SequenceNumber operator-(std::uint32_t bytes) const {
    return SequenceNumber(raw_ - bytes);
  }
  friend constexpr bool operator==(SequenceNumber, SequenceNumber) = default;

 private:
  std::uint32_t raw_ = 0;
};

}  // namespace tcpwhy
