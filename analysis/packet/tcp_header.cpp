#include "tcp_header.h"

#include <algorithm>

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
    segment.options =
        read_options(bytes.captured.subspan(options, std::min(payload, end) - options), /*complete=*/payload <= end);
  }
  if (payload < end) {
    segment.payload = bytes.captured.subspan(payload, std::min<std::size_t>(segment.length, end - payload));
  }
  const std::size_t behind = payload + segment.length;
  if (segment.has(kRst) && behind < end) segment.note = f5_reset_cause(bytes.captured.subspan(behind));
}

std::optional<Segment> read_segment(const Bytes& bytes, const IpHeader& ip) {
  const auto header_length = tcp_header_length(bytes, ip.end);
  if (!header_length || ip.fragment || *header_length > ip.payload) return {};
  Segment segment;
  segment.source = {ip.source, be16(bytes.captured, ip.end)};
  segment.destination = {ip.destination, be16(bytes.captured, ip.end + 2)};
  segment.seq = SequenceNumber(be32(bytes.captured, ip.end + 4));
  segment.ack = SequenceNumber(be32(bytes.captured, ip.end + 8));
  segment.flags = bytes.captured[ip.end + 13];
  segment.length = static_cast<std::uint32_t>(ip.payload - *header_length);
  read_tcp_details(bytes, ip.end, *header_length, segment);
  if (ip.end != 0) {
    segment.ttl = ip.ttl;
    segment.ip_id = ip.id;
  }
  return segment;
}

std::optional<IcmpError> read_icmp_error(const Bytes& bytes, std::size_t quoted_ip) {
  constexpr std::size_t kIcmpHeader = 8;
  if (quoted_ip < kIcmpHeader || !has(bytes.captured, quoted_ip, 1)) return {};
  IcmpError error;
  error.v6 = bytes.captured[quoted_ip] >> 4 == 6;
  error.type = bytes.captured[quoted_ip - kIcmpHeader];
  error.code = bytes.captured[quoted_ip - kIcmpHeader + 1];
  // RFC 792 and RFC 4443: those that quote. An echo that carries an IP header as its data is none.
  const bool quotes =
      error.v6 ? error.type >= 1 && error.type <= 4
               : error.type == 3 || error.type == 4 || error.type == 5 || error.type == 11 || error.type == 12;
  if (!quotes) return {};
  const std::size_t mtu = quoted_ip - kIcmpHeader + 4;  // Of 16 bits in ICMP, of 32 in ICMPv6.
  if (error.too_big()) error.mtu = error.v6 ? be32(bytes.captured, mtu) : be16(bytes.captured, mtu + 2);
  return error;
}

}  // namespace tcpwhy
