// Who talks: addresses, endpoints, and the two sides of a connection.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace tcpwhy {

/// An IPv4 or IPv6 address in network byte order; unused bytes are zero, so that equality is bytewise.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t length = 0;  ///< 4, 16, or 0 where the network layer is neither.

  friend bool operator==(const Address&, const Address&) = default;
};

/// An address and a TCP port (host byte order; 0 is legal on the wire).
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Makes an IPv4 address from its value in host byte order: 0x0a000001 is 10.0.0.1.
[[nodiscard]] Address ipv4(std::uint32_t host_order);

/// "10.0.0.1" or "2001:db8::1" (RFC 5952).
[[nodiscard]] std::string to_string(const Address& address);
/// "10.0.0.1:80" or "[2001:db8::1]:80".
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

/// The finaliser of MurmurHash3: every input bit reaches every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

/// Both halves of an address, and what tells it from others with the same, in one word.
[[nodiscard]] inline std::uint64_t folded(const Address& address, std::uint64_t more) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes.data(), 8);
  std::memcpy(&low, address.bytes.data() + 8, 8);
  return high ^ low * 0x9e3779b97f4a7c15ULL ^ (more << 8 | address.length) * 0xd6e8feb86659fd93ULL;
}

// These stand here since each packet asks for two.
[[nodiscard]] inline std::uint64_t hash_of(const Address& address) { return mix(folded(address, 0)); }
[[nodiscard]] inline std::uint64_t hash_of(const Endpoint& endpoint) {
  return mix(folded(endpoint.address, std::uint64_t{endpoint.port} + 1));
}

/// The two ends of a connection. The client sent the SYN; where none was captured it is the best guess
/// (`Connection::client_is_guessed`).
enum class Side : std::uint8_t { client, server };

[[nodiscard]] constexpr Side other(Side side) { return side == Side::client ? Side::server : Side::client; }
[[nodiscard]] constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

}  // namespace tcpwhy
