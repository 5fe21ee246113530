// A Segment is one TCP segment as it was seen at the capture point: a value, made once by whoever reads
// the packet (the plugin's segment_reader, the test scripts) and never changed. Nothing here knows Wireshark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "endpoint.h"
#include "payload.h"
#include "sequence.h"

namespace tcpwhy {

using Nanoseconds = std::int64_t;    ///< Capture time, or a difference of two.
using FrameNumber = std::uint32_t;   ///< Wireshark's frame.number; 0 means none.
using StreamNumber = std::uint32_t;  ///< Wireshark's tcp.stream: one incarnation of a connection.

/// Where a packet was captured: what goes one way has the same number at one place, and another one behind a router or on
/// another interface. 0 where it is not known.
using CapturePoint = std::uint16_t;

/// Whose link-layer address it is.
enum class Hop : std::uint8_t { next, last };

/// `interface`: as the capture file numbers them. `address`: the frame's link-layer destination or, where the link layer has
/// none, its source; empty where it has neither.
[[nodiscard]] CapturePoint capture_point(std::uint32_t interface, std::span<const std::uint8_t> address, Hop hop = Hop::next);

/// Whether it goes by who sent the frame: then whoever else sends here, too, seems to be at another place.
[[nodiscard]] constexpr bool goes_by_sender(CapturePoint point) { return (point & 1U) != 0; }

/// No capture was made before 1960 or will be after 2100. What a damaged file claims beyond is brought back to these, so
/// that the difference of any two times, and the sum of two differences, are numbers.
constexpr Nanoseconds kEarliestTime = -315'619'200'000'000'000;
constexpr Nanoseconds kLatestTime = 4'102'444'800'000'000'000;

/// A time stamp of a file, whatever it says.
[[nodiscard]] Nanoseconds capture_time(std::int64_t seconds, std::int64_t nanoseconds);

/// The control bits of RFC 9293 section 3.1, in their wire positions.
enum Flag : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

/// The TCP options that a diagnosis rests on, or quotes (RFC 9293 section 3.2, RFC 7323, RFC 2018, RFC 8684).
struct Options {
  bool known = false;               ///< False where the options were not captured; then nothing below counts.
  bool sack_permitted = false;      ///< Kind 4.
  bool timestamps = false;          ///< Kind 8 present.
  std::uint8_t longest_nop_run = 0; ///< Consecutive NOPs; ten stand where a device blanked the timestamps.
  std::optional<std::uint16_t> mss;          ///< Kind 2, bytes.
  std::optional<std::uint8_t> window_shift;  ///< Kind 3, 0 to 14.
  std::uint8_t mptcp_reset = 0;     ///< Kind 30, MP_TCPRST: its reason + 1; 0: none.
  bool mptcp_fastclose = false;     ///< Kind 30, MP_FASTCLOSE: all subflows end here.
  std::uint32_t tsval = 0;          ///< Sender's clock, in its own ticks; valid if `timestamps`.
  std::uint32_t tsecr = 0;          ///< Echo of the peer's clock; valid if `timestamps`.
};

/// Reads the options of a TCP header. `bytes` is what was captured of them and may be cut or lie about
/// lengths; `complete` says that nothing was cut. Never reads outside `bytes`.
[[nodiscard]] Options read_options(std::span<const std::uint8_t> bytes, bool complete);

/// One TCP segment.
struct Segment {
  FrameNumber frame = 0;
  StreamNumber stream = 0;
  Nanoseconds time = 0;  ///< Of `capture_time`; may run backwards in a damaged capture.
  Endpoint source;
  Endpoint destination;
  SequenceNumber seq;             ///< Raw.
  SequenceNumber ack;             ///< Raw; meaningless without `kAck`.
  std::uint8_t flags = 0;         ///< Bits of `Flag`.
  std::uint32_t length = 0;       ///< Payload bytes on the wire (may exceed any MSS: offload).
  std::uint16_t window = 0;       ///< As in the header, not scaled.
  std::optional<std::uint8_t> ttl;      ///< IPv4 TTL or IPv6 hop limit.
  std::optional<std::uint16_t> ip_id;   ///< IPv4 identification; IPv6 has none.
  CapturePoint point = 0;
  Options options;
  /// What was captured of the payload, at most `length` bytes. Valid only during `observe`.
  std::span<const std::uint8_t> payload;
  /// What its first bytes give away, where whoever made the segment had the time to read them; ask facts_of().
  std::optional<PayloadFacts> facts;
  /// What a device wrote about this packet in its own capture, as text: why it reset (F5). As long valid as the payload.
  std::span<const std::uint8_t> note;

  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
  /// Sequence space used: payload, and one each for SYN and FIN.
  [[nodiscard]] std::uint32_t sequence_length() const {
    return length + (has(kSyn) ? 1U : 0U) + (has(kFin) ? 1U : 0U);
  }
  /// The sequence number that follows this segment.
  [[nodiscard]] SequenceNumber end() const { return seq + sequence_length(); }
};

/// read_payload() of its payload.
[[nodiscard]] PayloadFacts facts_of(const Segment& segment);

/// An ICMP or ICMPv6 error that quotes a segment of a stream. The quotation is not a segment of the stream.
struct IcmpError {
  FrameNumber frame = 0;
  StreamNumber stream = 0;
  Nanoseconds time = 0;
  bool v6 = false;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;  ///< Of the next hop, where it says that the segment is too big; 0: not said.

  /// Fragmentation needed, packet too big: RFC 1191 section 4, RFC 4443 section 3.2.
  [[nodiscard]] bool too_big() const { return v6 ? type == 2 : type == 3 && code == 4; }
  /// Destination unreachable, for good: RFC 1122 section 4.2.3.9; ICMPv6: RFC 4443 section 3.1.
  [[nodiscard]] bool rejects() const { return v6 ? type == 1 : type == 3 && code != 4; }
};

}  // namespace tcpwhy
