#include "header_finder.h"

#include <algorithm>
#include <cstring>

#include "packet/network_order.h"

namespace tcpwhy::plugin {
namespace {

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

/// By a length that is known here: a comparison of one or two registers.
template <std::size_t length>
bool is_address_at(Captured bytes, std::size_t at, const Address& address) {
  return std::memcmp(bytes.data() + at, address.bytes.data(), length) == 0;
}

/// Whether the IP header at `ip` has the wanted addresses and ends where TCP begins, for one that carries more than its fixed part.
bool leads_to(const Bytes& bytes, std::size_t ip, const Segment& wanted, std::size_t tcp) {
  const auto header = read_ip_header(bytes, ip);
  return header && header->end == tcp && header->source == wanted.source.address &&
         header->destination == wanted.destination.address;
}

/// Completes `found` from the IP header that ends where the TCP header begins, if that has the wanted addresses. On the
/// path of every frame: compares in place and copies nothing.
bool verify(const Bytes& bytes, const Segment& wanted, Found& found) {
  const Captured captured = bytes.captured;
  if (wanted.source.address.length == 4) {
    for (std::size_t length = kIpv4Minimum; length <= 60 && length <= found.tcp; length += 4) {
      const std::size_t ip = found.tcp - length;
      if (captured[ip] != (0x40U | length / 4) || captured[ip + 9] != kProtocolTcp ||
          !is_address_at<4>(captured, ip + 12, wanted.source.address)) {
        continue;
      }
      if (length == kIpv4Minimum ? !is_address_at<4>(captured, ip + 16, wanted.destination.address)
                                 : !leads_to(bytes, ip, wanted, found.tcp)) {
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
          !leads_to(bytes, ip, wanted, found.tcp)) {
        continue;
      }
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
