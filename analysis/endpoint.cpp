#include "endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

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

}  // namespace tcpwhy
