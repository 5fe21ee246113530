#include "header_finder.h"

#include <algorithm>
#include <cstring>

#include "network_order.h"

namespace tcpwhy::plugin {
namespace {

constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::size_t kIpv4Minimum = 20;
constexpr std::size_t kIpv6Fixed = 40;
/// Extension headers longer than this in sum are not looked through. Real ones take 8 to 64 bytes.
constexpr std::size_t kMostExtensions = 256;
/// Ports, numbers, data offset and flags: what must be there to believe a header.
constexpr std::size_t kBelievable = 14;

using Captured = std::span<const std::uint8_t>;

void put_be16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}

void put_be32(std::uint8_t* to, std::uint32_t value) {
  put_be16(to, static_cast<std::uint16_t>(value >> 16));
  put_be16(to + 2, static_cast<std::uint16_t>(value));
}

Address address_at(Captured bytes, std::size_t at, std::uint8_t length) {
  Address address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, address.bytes.begin());
  address.length = length;
  return address;
}

/// By a length that is known here: a comparison of one or two registers.
template <std::size_t length>
bool is_address_at(Captured bytes, std::size_t at, const Address& address) {
  return std::memcmp(bytes.data() + at, address.bytes.data(), length) == 0;
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

/// Completes `found` from the IP header that ends where the TCP header begins, if that has the wanted addresses. On the
/// path of every frame: compares in place and copies nothing.
bool verify(const Bytes& bytes, const Segment& wanted, Found& found) {
  const Captured captured = bytes.captured;
  if (wanted.source.address.length == 4) {
    for (std::size_t words = 5; words <= 15 && words * 4 <= found.tcp; ++words) {
      const std::size_t ip = found.tcp - words * 4;
      if (captured[ip] != (0x40U | words) || captured[ip + 9] != kProtocolTcp ||
          !is_address_at<4>(captured, ip + 12, wanted.source.address) ||
          !is_address_at<4>(captured, ip + 16, wanted.destination.address)) {
        continue;
      }
      found.verified = true;
      found.ip = ip;
      found.ttl = captured[ip + 8];
      found.ip_id = be16(captured, ip + 4);
      return true;
    }
  } else if (wanted.source.address.length == 16) {
    for (std::size_t back = kIpv6Fixed; back <= kIpv6Fixed + kMostExtensions && back <= found.tcp; back += 4) {
      const std::size_t ip = found.tcp - back;
      if (captured[ip] >> 4 != 6 || !is_address_at<16>(captured, ip + 8, wanted.source.address) ||
          !is_address_at<16>(captured, ip + 24, wanted.destination.address)) {
        continue;
      }
      if (const auto header = read_ipv6(bytes, ip); !header || header->end != found.tcp) continue;
      found.verified = true;
      found.ip = ip;
      found.ttl = captured[ip + 7];
      return true;
    }
  }
  return false;
}

bool is_tcp_at(Captured captured, std::size_t at, const Segment& wanted, std::size_t header_length) {
  return has(captured, at, kBelievable) && be16(captured, at) == wanted.source.port &&
         be16(captured, at + 2) == wanted.destination.port && be32(captured, at + 4) == wanted.seq.raw() &&
         be32(captured, at + 8) == wanted.ack.raw() && (captured[at + 12] >> 4) * std::size_t{4} == header_length &&
         captured[at + 13] == wanted.flags;
}

/// Ports, seq and ack: what a header that may be anywhere is searched by.
std::array<std::uint8_t, 12> identity_of(const Segment& wanted) {
  std::array<std::uint8_t, 12> identity;
  put_be16(identity.data(), wanted.source.port);
  put_be16(identity.data() + 2, wanted.destination.port);
  put_be32(identity.data() + 4, wanted.seq.raw());
  put_be32(identity.data() + 8, wanted.ack.raw());
  return identity;
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

void OffsetMemory::learn(std::size_t offset) {
  auto end = offsets_.begin() + static_cast<std::ptrdiff_t>(count_);
  auto at = std::find(offsets_.begin(), end, offset);
  if (at == end) {
    if (count_ < offsets_.size()) {
      ++count_;
    } else {
      --at;  // The oldest makes room.
    }
    *at = offset;
  }
  std::rotate(offsets_.begin(), at, at + 1);
}

std::optional<Found> HeaderFinder::find(const Bytes& bytes, const Segment& wanted, std::size_t header_length) {
  const Captured captured = bytes.captured;
  for (const std::size_t offset : memory_.recent()) {
    if (!is_tcp_at(captured, offset, wanted, header_length)) continue;
    Found found{.tcp = offset};
    if (verify(bytes, wanted, found)) {
      memory_.remember(offset);
      return found;
    }
  }
  return search(bytes, wanted, header_length);
}

/// Where no place of before fits: anywhere.
std::optional<Found> HeaderFinder::search(const Bytes& bytes, const Segment& wanted, std::size_t header_length) {
  const Captured captured = bytes.captured;
  const auto identity = identity_of(wanted);
  std::optional<Found> innermost;
  for (std::size_t from = 0; has(captured, from, kBelievable);) {
    const void* hit = memmem(captured.data() + from, captured.size() - from, identity.data(), identity.size());
    if (hit == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - captured.data());
    from = at + 1;
    if (!is_tcp_at(captured, at, wanted, header_length)) continue;
    innermost = Found{.tcp = at};
    if (verify(bytes, wanted, *innermost)) {
      memory_.remember(at);
      return innermost;
    }
  }
  return innermost;
}

}  // namespace tcpwhy::plugin
