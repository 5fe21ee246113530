// What TCP and ICMP headers say, read from a frame's bytes once it is known where they begin (header_finder.h).
//
// Model: bytes in, the core's values out. Knows no Wireshark, and trusts no byte: a header may be cut anywhere, and
// its lengths may lie.
#pragma once

#include <cstddef>
#include <optional>

#include "ip_header.h"
#include "network_order.h"
#include "segment.h"

namespace tcpwhy {

/// Ports, numbers, data offset and flags: a header that was cut behind them still says what the segment is.
constexpr std::size_t kTcpEssential = 14;
constexpr std::size_t kTcpMinimum = 20;
/// Of so much of a header Wireshark tells the stream (packet-tcp.c: up to the window). What was cut before belongs to none.
constexpr std::size_t kTcpFiled = 16;
constexpr std::size_t kIcmpHeader = 8;

/// The length of the TCP header at `tcp`, options included; nothing where it was cut too early or can't be one.
[[nodiscard]] std::optional<std::size_t> tcp_header_length(const Bytes& bytes, std::size_t tcp);

/// Adds what only the bytes tell to a segment whose length is known: window, options, payload, and what stands behind it.
/// REQUIRES: `header_length` is at least 20, and at least kTcpEssential bytes of it were captured.
void read_tcp_details(const Bytes& bytes, std::size_t tcp, std::size_t header_length, Segment& segment);

/// Reads the segment behind an IP header, all but frame, stream, time and point, into an empty one. Nothing where its length
/// can't be told: the first of several fragments, or a data offset that points outside. A guessed length would put every later
/// segment of the stream in the wrong place, so that none is the lesser harm.
[[nodiscard]] bool read_segment(const Bytes& bytes, const IpHeader& ip, Segment& into);
/// The same as a value.
[[nodiscard]] std::optional<Segment> read_segment(const Bytes& bytes, const IpHeader& ip);

/// Of that only endpoints and seq, and ack and flags where they were captured. REQUIRES: 8 bytes were captured at `ip.end`.
inline void read_tcp_essentials(std::span<const std::uint8_t> captured, const IpHeader& ip, Segment& into) {
  into.source.address = ip.source;
  into.source.port = be16(captured, ip.end);
  into.destination.address = ip.destination;
  into.destination.port = be16(captured, ip.end + 2);
  into.seq = SequenceNumber(be32(captured, ip.end + 4));
  if (has(captured, ip.end, 12)) into.ack = SequenceNumber(be32(captured, ip.end + 8));
  if (has(captured, ip.end, kTcpEssential)) into.flags = captured[ip.end + 13];
}

/// Whether ICMP or ICMPv6 messages of this type quote what they are about (RFC 792, RFC 4443). An echo that carries an IP
/// header as its data is none.
[[nodiscard]] bool is_icmp_error(bool v6, std::uint8_t type);

/// The ICMP header that stands before a quoted IP header, without frame, stream and time; nothing if it is no error's.
[[nodiscard]] std::optional<IcmpError> read_icmp_error(const Bytes& bytes, std::size_t quoted_ip);

}  // namespace tcpwhy
