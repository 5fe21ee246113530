#include "ip_header.h"

#include <algorithm>

#include "network_order.h"

namespace tcpwhy {
namespace {

using Captured = std::span<const std::uint8_t>;

Address address_at(Captured bytes, std::size_t at, std::uint8_t length) {
  Address address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, address.bytes.begin());
  address.length = length;
  return address;
}

/// What IP says that follows it, in the bounds of what there is. A length of 0 is that of a segment which the host
/// left to its network card to cut: it ends with the frame.
std::size_t payload_of(const Bytes& bytes, std::size_t begin, std::size_t end, std::size_t claimed) {
  const std::size_t there = bytes.on_wire > end ? bytes.on_wire - end : 0;
  if (claimed == 0) return there;
  const std::size_t headers = end - begin;
  return claimed > headers ? std::min(claimed - headers, there) : 0;
}

std::optional<IpHeader> read_ipv4(const Bytes& bytes, std::size_t offset) {
  const Captured captured = bytes.captured;
  if (!has(captured, offset, kIpv4Minimum)) return {};
  const std::size_t length = std::size_t{captured[offset] & 0x0fU} * 4;
  if (length < kIpv4Minimum || !has(captured, offset, length)) return {};
  if (captured[offset + 9] != kProtocolTcp) return {};
  const std::uint16_t fragmentation = be16(captured, offset + 6);
  if ((fragmentation & 0x1fffU) != 0) return {};  // A later fragment has no TCP header.
  IpHeader ip;
  ip.offset = offset;
  ip.end = offset + length;
  ip.payload = payload_of(bytes, offset, ip.end, be16(captured, offset + 2));
  ip.fragment = (fragmentation & 0x2000U) != 0;
  ip.source = address_at(captured, offset + 12, 4);
  ip.destination = address_at(captured, offset + 16, 4);
  ip.ttl = captured[offset + 8];
  ip.id = be16(captured, offset + 4);
  return ip;
}

std::optional<IpHeader> read_ipv6(const Bytes& bytes, std::size_t offset) {
  enum NextHeader : std::uint8_t { kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kOptions = 60 };
  const Captured captured = bytes.captured;
  if (!has(captured, offset, kIpv6Fixed)) return {};
  IpHeader ip;
  ip.offset = offset;
  ip.end = offset + kIpv6Fixed;
  std::uint8_t next = captured[offset + 6];
  while (next != kProtocolTcp) {
    if (!has(captured, ip.end, 8) || ip.end - offset > kIpv6Fixed + kMostExtensions) return {};
    const std::size_t units = captured[ip.end + 1];
    std::size_t length = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kOptions:
        length = (units + 1) * 8;
        break;
      case kAuthentication:
        length = (units + 2) * 4;  // RFC 4302 section 2.2
        break;
      case kFragment:
        if ((be16(captured, ip.end + 2) & 0xfff8U) != 0) return {};
        ip.fragment = (captured[ip.end + 3] & 1U) != 0;
        length = 8;
        break;
      default:
        return {};
    }
    next = captured[ip.end];
    ip.end += length;
    if (!has(captured, ip.end, 0)) return {};
  }
  const std::size_t claimed = be16(captured, offset + 4);
  ip.payload = payload_of(bytes, offset, ip.end, claimed == 0 ? 0 : claimed + kIpv6Fixed);
  ip.source = address_at(captured, offset + 8, 16);
  ip.destination = address_at(captured, offset + 24, 16);
  ip.ttl = captured[offset + 7];
  return ip;
}

}  // namespace

std::optional<IpHeader> read_ip_header(const Bytes& bytes, std::size_t offset) {
  if (!has(bytes.captured, offset, 1)) return {};
  switch (bytes.captured[offset] >> 4) {
    case 4:
      return read_ipv4(bytes, offset);
    case 6:
      return read_ipv6(bytes, offset);
    default:
      return {};
  }
}

std::optional<IpHeader> next_ip_header(const Bytes& bytes, std::size_t from) {
  for (std::size_t offset = from; has(bytes.captured, offset, kIpv4Minimum); ++offset) {
    if (auto ip = read_ip_header(bytes, offset)) return ip;
  }
  return {};
}

}  // namespace tcpwhy
