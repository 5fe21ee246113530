// Who talks: addresses, endpoints, and the two sides of a connection.
#pragma once

#include <array>
#include <cstdint>
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

[[nodiscard]] std::uint64_t hash_of(const Address& address);
[[nodiscard]] std::uint64_t hash_of(const Endpoint& endpoint);

/// The two ends of a connection. The client sent the SYN; where none was captured it is the best guess
/// (`Connection::client_is_guessed`).
enum class Side : std::uint8_t { client, server };

[[nodiscard]] constexpr Side other(Side side) { return side == Side::client ? Side::server : Side::client; }
[[nodiscard]] constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

}  // namespace tcpwhy
