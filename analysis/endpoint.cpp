#include "endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

namespace tcpwhy {

Address ipv4(std::uint32_t host_order) {
  Address address;
  address.length = 4;
  for (int i = 0; i < 4; ++i) {
    address.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.length == 4 || address.length == 16) {
    inet_ntop(address.length == 4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
  }
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  return endpoint.address.length == 16 ? fmt::format("[{}]:{}", to_string(endpoint.address), endpoint.port)
                                       : fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
}

namespace {

/// The finaliser of MurmurHash3: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

/// Both halves of an address, and what tells it from others with the same, in one word.
std::uint64_t folded(const Address& address, std::uint64_t more) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes.data(), 8);
  std::memcpy(&low, address.bytes.data() + 8, 8);
  return high ^ low * 0x9e3779b97f4a7c15ULL ^ (more << 8 | address.length) * 0xd6e8feb86659fd93ULL;
}

}  // namespace

std::uint64_t hash_of(const Address& address) { return mix(folded(address, 0)); }

std::uint64_t hash_of(const Endpoint& endpoint) { return mix(folded(endpoint.address, std::uint64_t{endpoint.port} + 1)); }

}  // namespace tcpwhy
