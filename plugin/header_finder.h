// Finds the IP and TCP headers of a segment in the bytes of a frame, below whatever encapsulation.
//
// Model: Wireshark took the encapsulations apart and says what the innermost headers hold, but not where they are. A
// header is believed to be that segment's when the bytes say the same: the ports and numbers of the TCP header, and for
// TTL and IP ID the addresses and the protocol of an IP header that ends exactly where the TCP header begins. Frames of
// one capture mostly look alike, so that the place that was right last time is tried first.
// Limits: knows IPv4, and IPv6 with extension headers other than ESP. Knows no Wireshark, and trusts no byte: all reads are
// checked against what was captured.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "packet/ip_header.h"
#include "segment.h"

namespace tcpwhy::plugin {

/// Where it was found.
struct Found {
  std::size_t tcp = 0;    ///< Offset of the TCP header; at least its first 14 bytes were captured.
  bool verified = false;  ///< The IP header before it has the wanted addresses; else nothing below counts.
  std::size_t ip = 0;     ///< Its offset.
  std::uint8_t ttl = 0;
  std::optional<std::uint16_t> ip_id{};
};

/// The last few offsets that were right, the latest first: a capture mixes IPv4 with IPv6, or tagged with untagged.
class OffsetMemory {
 public:
  [[nodiscard]] std::span<const std::size_t> recent() const { return {offsets_.data(), count_}; }
  void remember(std::size_t offset) {
    if (count_ == 0 || offsets_[0] != offset) learn(offset);
  }

 private:
  void learn(std::size_t offset);

  std::array<std::size_t, 4> offsets_{};
  std::size_t count_ = 0;
};

/// Finds TCP headers, learning from one frame for the next.
class HeaderFinder {
 public:
  /// Looks for the TCP header that holds the endpoints, numbers (ack: also without the ACK flag) and flags of `wanted`
  /// and is `header_length` bytes long, options included. Where several fit, the first with a verified IP header, else
  /// the innermost.
  [[nodiscard]] std::optional<Found> find(const Bytes& bytes, const Segment& wanted, std::size_t header_length);

 private:
  [[nodiscard]] std::optional<Found> search(const Bytes& bytes, const Segment& wanted, std::size_t header_length);

  OffsetMemory memory_;
};

}  // namespace tcpwhy::plugin
