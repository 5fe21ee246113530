#include "ip_header.h"

#include <algorithm>
#include <cstring>

#include "network_order.h"

namespace tcpwhy {
namespace {

using Captured = std::span<const std::uint8_t>;

/// By a length that is known here: a copy of one or two registers. REQUIRES: has(bytes, at, length).
template <std::size_t length>
void put_address(Captured bytes, std::size_t at, Address& to) {
  if constexpr (length < 16) to.bytes = {};
  std::memcpy(to.bytes.data(), bytes.data() + at, length);
  to.length = length;
}

/// What IP says that follows it, in the bounds of what there is. A length of 0 is that of a segment which the host
/// left to its network card to cut: it ends with the frame.
std::size_t payload_of(const Bytes& bytes, std::size_t begin, std::size_t end, std::size_t claimed) {
  const std::size_t there = bytes.on_wire > end ? bytes.on_wire - end : 0;
  if (claimed == 0) return there;
  const std::size_t headers = end - begin;
  return claimed > headers ? std::min(claimed - headers, there) : 0;
}

}  // namespace

bool read_ipv4_header(const Bytes& bytes, std::size_t offset, IpHeader& into) {
  const Captured captured = bytes.captured;
  if (!has(captured, offset, kIpv4Minimum) || captured[offset] >> 4 != 4) return false;
  const std::size_t length = std::size_t{captured[offset] & 0x0fU} * 4;
  if (length < kIpv4Minimum || !has(captured, offset, length)) return false;
  const std::uint16_t fragmentation = be16(captured, offset + 6);
  if ((fragmentation & 0x1fffU) != 0) return false;  // A later fragment has no header of what it carries.
  into.offset = offset;
  into.end = offset + length;
  into.payload = payload_of(bytes, offset, into.end, be16(captured, offset + 2));
  into.protocol = captured[offset + 9];
  into.fragment = (fragmentation & 0x2000U) != 0;
  put_address<4>(captured, offset + 12, into.source);
  put_address<4>(captured, offset + 16, into.destination);
  into.ttl = captured[offset + 8];
  into.id = be16(captured, offset + 4);
  return true;
}

bool read_ipv6_header(const Bytes& bytes, std::size_t offset, IpHeader& into) {
  enum NextHeader : std::uint8_t { kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kOptions = 60 };
  const Captured captured = bytes.captured;
  if (!has(captured, offset, kIpv6Fixed) || captured[offset] >> 4 != 6) return false;
  std::size_t end = offset + kIpv6Fixed;
  std::uint8_t next = captured[offset + 6];
  bool fragment = false;
  for (bool extended = true; extended;) {
    std::size_t length = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kOptions:
      case kAuthentication:
      case kFragment: {
        if (!has(captured, end, 8) || end - offset > kIpv6Fixed + kMostExtensions) return false;
        const std::size_t units = captured[end + 1];
        length = (units + 1) * 8;
        if (next == kAuthentication) length = (units + 2) * 4;  // RFC 4302 section 2.2
        if (next == kFragment) {
          if ((be16(captured, end + 2) & 0xfff8U) != 0) return false;
          fragment = (captured[end + 3] & 1U) != 0;
          length = 8;
        }
        break;
      }
      default:
        extended = false;
        continue;
    }
    next = captured[end];
    end += length;
    if (!has(captured, end, 0)) return false;
  }
  const std::size_t claimed = be16(captured, offset + 4);
  into.offset = offset;
  into.end = end;
  into.payload = payload_of(bytes, offset, end, claimed == 0 ? 0 : claimed + kIpv6Fixed);
  into.protocol = next;
  into.fragment = fragment;
  put_address<16>(captured, offset + 8, into.source);
  put_address<16>(captured, offset + 24, into.destination);
  into.ttl = captured[offset + 7];
  into.id = {};
  return true;
}

std::optional<IpHeader> read_ip_header(const Bytes& bytes, std::size_t offset) {
  // Tried at every byte of a frame: what can't be one is told without a header being made.
  if (!has(bytes.captured, offset, 1)) return {};
  const std::uint8_t version = bytes.captured[offset] >> 4;
  if (version != 4 && version != 6) return {};
  IpHeader ip;
  const bool read = version == 4 ? read_ipv4_header(bytes, offset, ip) : read_ipv6_header(bytes, offset, ip);
  if (!read || ip.protocol != kProtocolTcp) return {};
  return ip;
}

std::optional<IpHeader> next_ip_header(const Bytes& bytes, std::size_t from) {
  for (std::size_t offset = from; has(bytes.captured, offset, kIpv4Minimum); ++offset) {
    if (auto ip = read_ip_header(bytes, offset)) return ip;
  }
  return {};
}

}  // namespace tcpwhy
