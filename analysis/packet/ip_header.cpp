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

/// Sets the destination to where a source route ends, if there is one. REQUIRES: the header, [offset, end), was captured.
void follow_route_of_ipv4(Captured bytes, std::size_t offset, std::size_t end, Address& destination) {
  enum Option : std::uint8_t { kEnd = 0, kNop = 1, kLoose = 131, kStrict = 137 };  // RFC 791 section 3.1
  constexpr std::size_t kBeforeRoute = 3;
  for (std::size_t at = offset + kIpv4Minimum; at + kBeforeRoute <= end && bytes[at] != kEnd;) {
    const std::uint8_t kind = bytes[at];
    const std::size_t length = kind == kNop ? 1 : bytes[at + 1];
    if (length == 0 || length > end - at) return;
    // The pointer counts from 1; one that points behind the route says that it was followed to its end.
    if ((kind == kLoose || kind == kStrict) && length >= kBeforeRoute + 4 && bytes[at + 2] < length) {
      put_address<4>(bytes, at + length - 4, destination);
      return;
    }
    at += length;
  }
}

/// The same of a routing header of `length` bytes at `at`. REQUIRES: has(bytes, at, 8).
void follow_route_of_ipv6(Captured bytes, std::size_t at, std::size_t length, Address& destination) {
  enum Type : std::uint8_t { kSource = 0, kMobile = 2, kSegment = 4 };  // RFC 5095, RFC 6275 section 6.4, RFC 8754
  constexpr std::size_t kBeforeRoute = 8;
  if (bytes[at + 3] == 0 || length < kBeforeRoute + 16 || !has(bytes, at, length)) return;  // No segments left.
  switch (bytes[at + 2]) {
    case kSource:
      put_address<16>(bytes, at + length - 16, destination);
      break;
    case kMobile:
    case kSegment:  // The last one first.
      put_address<16>(bytes, at + kBeforeRoute, destination);
      break;
    default:
      break;
  }
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
  if (length > kIpv4Minimum) follow_route_of_ipv4(captured, offset, into.end, into.destination);
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
  put_address<16>(captured, offset + 24, into.destination);
  for (bool extended = true; extended;) {
    std::size_t length = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kOptions:
      case kAuthentication:
      case kFragment: {
        if (!has(captured, end, 8)) return false;
        const std::size_t units = captured[end + 1];
        length = (units + 1) * 8;
        if (next == kRouting) follow_route_of_ipv6(captured, end, length, into.destination);
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
    if (!has(captured, end, 0) || end - offset > kIpv6Fixed + kMostExtensions) return false;
  }
  const std::size_t claimed = be16(captured, offset + 4);
  into.offset = offset;
  into.end = end;
  into.payload = payload_of(bytes, offset, end, claimed == 0 ? 0 : claimed + kIpv6Fixed);
  into.protocol = next;
  into.fragment = fragment;
  put_address<16>(captured, offset + 8, into.source);
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
