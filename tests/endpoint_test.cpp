#include "endpoint.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

namespace tcpwhy {
namespace {

Address ipv6(std::initializer_list<std::uint16_t> groups) {
  Address address;
  address.length = 16;
  std::size_t at = 0;
  for (const std::uint16_t group : groups) {
    address.bytes[at++] = static_cast<std::uint8_t>(group >> 8);
    address.bytes[at++] = static_cast<std::uint8_t>(group & 0xff);
  }
  return address;
}

TEST(Address, Ipv4) {
  EXPECT_EQ(to_string(ipv4(0x0a000001)), "10.0.0.1");
  EXPECT_EQ(to_string(ipv4(0)), "0.0.0.0");
  EXPECT_EQ(to_string(ipv4(0xffffffff)), "255.255.255.255");
}

// The examples of RFC 5952.
TEST(Address, Ipv6) {
  EXPECT_EQ(to_string(ipv6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})), "2001:db8::1");
  EXPECT_EQ(to_string(ipv6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1})), "2001:db8::1:0:0:1");
  EXPECT_EQ(to_string(ipv6({0x2001, 0, 0, 1, 0, 0, 0, 1})), "2001:0:0:1::1");
  EXPECT_EQ(to_string(ipv6({0x2001, 0xdb8, 0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 1})),
            "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1");
  EXPECT_EQ(to_string(ipv6({0, 0, 0, 0, 0, 0, 0, 0})), "::");
}

TEST(Address, NeitherIsNotShownAsOne) {
  EXPECT_EQ(to_string(Address{}), "?");
}

TEST(Endpoint, BracketsAroundIpv6Only) {
  EXPECT_EQ(to_string(Endpoint{ipv4(0x0a000014), 3000}), "10.0.0.20:3000");
  EXPECT_EQ(to_string(Endpoint{ipv6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}), 443}), "[2001:db8::1]:443");
}

TEST(Endpoint, EqualOnlyWithPortAndFamily) {
  const Endpoint endpoint{ipv4(0x0a000001), 80};
  EXPECT_EQ(endpoint, (Endpoint{ipv4(0x0a000001), 80}));
  EXPECT_NE(endpoint, (Endpoint{ipv4(0x0a000001), 81}));
  EXPECT_NE(endpoint, (Endpoint{ipv4(0x0a000002), 80}));
  EXPECT_NE(ipv4(0), ipv6({0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Endpoint, NeighboursHashApart) {
  std::set<std::uint64_t> hashes;
  constexpr std::uint32_t kHosts = 32;
  constexpr std::uint16_t kPorts = 256;
  for (std::uint32_t host = 0; host < kHosts; ++host) {
    for (std::uint16_t port = 0; port < kPorts; ++port) hashes.insert(hash_of(Endpoint{ipv4(0x0a000000 + host), port}));
  }
  EXPECT_EQ(hashes.size(), kHosts * kPorts);
}

TEST(Side, OtherOfOther) {
  EXPECT_EQ(other(Side::client), Side::server);
  EXPECT_EQ(other(other(Side::client)), Side::client);
}

}  // namespace
}  // namespace tcpwhy
