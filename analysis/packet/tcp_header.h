// What TCP and ICMP headers say, read from a frame's bytes once it is known where they begin (header_finder.h).
//
// Model: bytes in, the core's values out. Knows no Wireshark, and trusts no byte: a header may be cut anywhere, and
// its lengths may lie.
#pragma once

#include <cstddef>
#include <optional>

#include "ip_header.h"
#include "segment.h"

namespace tcpwhy {

/// Ports, numbers, data offset and flags: a header that was cut behind them still says what the segment is.
constexpr std::size_t kTcpEssential = 14;
constexpr std::size_t kTcpMinimum = 20;

/// The length of the TCP header at `tcp`, options included; nothing where it was cut too early or can't be one.
[[nodiscard]] std::optional<std::size_t> tcp_header_length(const Bytes& bytes, std::size_t tcp);

/// Adds what only the bytes tell to a segment whose length is known: window, options, payload, and what stands behind it.
/// REQUIRES: `header_length` is at least 20, and at least kTcpEssential bytes of it were captured.
void read_tcp_details(const Bytes& bytes, std::size_t tcp, std::size_t header_length, Segment& segment);

/// The segment behind an IP header, without frame, stream and time. Nothing where its length can't be told: the first
/// of several fragments, or a data offset that points outside. A guessed length would put every later segment of the
/// stream in the wrong place, so that none is the lesser harm.
[[nodiscard]] std::optional<Segment> read_segment(const Bytes& bytes, const IpHeader& ip);

/// The ICMP header that stands before a quoted IP header, without frame, stream and time; nothing if it is no error's.
[[nodiscard]] std::optional<IcmpError> read_icmp_error(const Bytes& bytes, std::size_t quoted_ip);

}  // namespace tcpwhy
