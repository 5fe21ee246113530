// IP headers, read from a frame's bytes: what a TCP header stands behind, or one in a tunnel.
//
// Limits: IPv4, and IPv6 with extension headers other than ESP. Knows no Wireshark, and trusts no byte: all reads are checked
// against what was captured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "segment.h"

namespace tcpwhy {

constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::size_t kIpv4Minimum = 20;
constexpr std::size_t kIpv6Fixed = 40;
/// Extension headers longer than this in sum are not looked through. Real ones take 8 to 64 bytes.
constexpr std::size_t kMostExtensions = 256;

/// A frame, or a datagram that was put together or decrypted from several.
struct Bytes {
  std::span<const std::uint8_t> captured;
  std::size_t on_wire = 0;  ///< At least what was captured.
};

/// An IP header, and where what it carries begins.
struct IpHeader {
  std::size_t offset = 0;
  std::size_t end = 0;      ///< Where the next protocol begins: past the options or extension headers.
  std::size_t payload = 0;  ///< Bytes on the wire past `end`, padding of the frame excluded.
  std::uint8_t protocol = 0;  ///< What is carried: an Internet protocol number.
  bool fragment = false;    ///< First of several: `payload` ends before the segment does.
  Address source;
  Address destination;  ///< Where a source route ends, if there is one: what TCP knows (RFC 1122 section 3.2.1.8, RFC 8200 section 8.1).
  std::uint8_t ttl = 0;
  std::optional<std::uint16_t> id;
};

/// Reads the IPv4 header at `offset` if there is one, whole, of an unfragmented or first fragment, whatever it carries.
[[nodiscard]] bool read_ipv4_header(const Bytes& bytes, std::size_t offset, IpHeader& into);
/// The same of IPv6: its extension headers, whole, are part of it.
[[nodiscard]] bool read_ipv6_header(const Bytes& bytes, std::size_t offset, IpHeader& into);

/// Reads the IP header at `offset` if there is one, whole, of an unfragmented or first fragment, with TCP next.
[[nodiscard]] std::optional<IpHeader> read_ip_header(const Bytes& bytes, std::size_t offset);

/// The first IP header that TCP follows, at `from` or later.
[[nodiscard]] std::optional<IpHeader> next_ip_header(const Bytes& bytes, std::size_t from);

}  // namespace tcpwhy
