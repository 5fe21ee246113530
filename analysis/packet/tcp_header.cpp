#include "tcp_header.h"

#include <algorithm>
#include <new>

#include "f5_trailer.h"
#include "network_order.h"

namespace tcpwhy {

std::optional<std::size_t> tcp_header_length(const Bytes& bytes, std::size_t tcp) {
  if (!has(bytes.captured, tcp, kTcpEssential)) return {};
  const std::size_t length = (bytes.captured[tcp + 12] >> 4) * std::size_t{4};
  if (length < kTcpMinimum) return {};
  return length;
}

void read_tcp_details(const Bytes& bytes, std::size_t tcp, std::size_t header_length, Segment& segment) {
  if (has(bytes.captured, tcp, 16)) segment.window = be16(bytes.captured, tcp + 14);
  const std::size_t options = tcp + kTcpMinimum;
  const std::size_t payload = tcp + header_length;
  const std::size_t end = bytes.captured.size();
  if (options <= end) {
    // Made where it stays: a copy would read in wide pieces what has just been written in small ones.
    new (&segment.options)
        Options(read_options(bytes.captured.subspan(options, std::min(payload, end) - options), /*complete=*/payload <= end));
  }
  if (payload < end) {
    segment.payload = bytes.captured.subspan(payload, std::min<std::size_t>(segment.length, end - payload));
  }
  const std::size_t behind = payload + segment.length;
  if (segment.has(kRst) && behind < end) segment.note = f5_reset_cause(bytes.captured.subspan(behind));
}

bool read_segment(const Bytes& bytes, const IpHeader& ip, Segment& into) {
  const auto header_length = tcp_header_length(bytes, ip.end);
  if (!header_length || ip.fragment || *header_length > ip.payload) return false;
  read_tcp_essentials(bytes.captured, ip, into);
  into.length = static_cast<std::uint32_t>(ip.payload - *header_length);
  read_tcp_details(bytes, ip.end, *header_length, into);
  if (ip.end != 0) {
    into.ttl = ip.ttl;
    into.ip_id = ip.id;
  }
  return true;
}

std::optional<Segment> read_segment(const Bytes& bytes, const IpHeader& ip) {
  Segment segment;
  if (!read_segment(bytes, ip, segment)) return {};
  return segment;
}

bool is_icmp_error(bool v6, std::uint8_t type) {
  return v6 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

std::optional<IcmpError> read_icmp_error(const Bytes& bytes, std::size_t quoted_ip) {
  if (quoted_ip < kIcmpHeader || !has(bytes.captured, quoted_ip, 1)) return {};
  IcmpError error;
  error.v6 = bytes.captured[quoted_ip] >> 4 == 6;
  error.type = bytes.captured[quoted_ip - kIcmpHeader];
  error.code = bytes.captured[quoted_ip - kIcmpHeader + 1];
  if (!is_icmp_error(error.v6, error.type)) return {};
  const std::size_t mtu = quoted_ip - kIcmpHeader + 4;  // Of 16 bits in ICMP, of 32 in ICMPv6.
  if (error.too_big()) error.mtu = error.v6 ? be32(bytes.captured, mtu) : be16(bytes.captured, mtu + 2);
  return error;
}

}  // namespace tcpwhy
