// What a capture file holds: packets, as they passed the capture point. A Packet knows everything that its
// bytes say, so that the same story can be given to the core (feed) and written to a file (pcapng_writer.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analyzer.h"
#include "segment.h"

namespace tcpwhy::tests {

/// An ICMP error around a segment. The packet that carries it keeps the quoted segment in its TCP fields.
struct IcmpEnvelope {
  Address sender;
  std::uint8_t type = 3;
  std::uint8_t code = 3;
  std::uint16_t mtu = 0;  ///< Of the next hop, where it says that the segment is too big.

  friend bool operator==(const IcmpEnvelope&, const IcmpEnvelope&) = default;
};

struct Packet {
  Nanoseconds time = 0;
  Endpoint source;
  Endpoint destination;
  SequenceNumber seq;
  SequenceNumber ack;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint8_t ttl = 64;
  std::uint16_t ip_id = 0;            ///< IPv4 only.
  std::uint8_t eye = 0;               ///< Which of the capture's places saw it, nearest to the client first.
  std::vector<std::uint8_t> options;  ///< TCP options as on the wire; padded to a multiple of four when written.
  std::string payload;
  std::optional<IcmpEnvelope> icmp;

  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
  [[nodiscard]] std::uint32_t sequence_length() const {
    return static_cast<std::uint32_t>(payload.size()) + (has(kSyn) ? 1U : 0U) + (has(kFin) ? 1U : 0U);
  }
  [[nodiscard]] SequenceNumber end() const { return seq + sequence_length(); }

  friend bool operator==(const Packet&, const Packet&) = default;
};

/// TCP options, before they are bytes. Encoded in the order and with the padding of Linux.
struct OptionList {
  std::optional<std::uint16_t> mss;
  bool sack_permitted = false;
  std::optional<std::uint8_t> window_shift;
  bool timestamps = false;
  std::uint32_t tsval = 0;
  std::uint32_t tsecr = 0;
};
[[nodiscard]] std::vector<std::uint8_t> encode(const OptionList& options);

/// Overwrites the timestamp option with ten NOPs, as iptables TCPOPTSTRIP does. No change where there is none.
void blank_timestamps(std::vector<std::uint8_t>& options);

/// A capture: packets in file order. Frame n is `packets[n - 1]`.
struct Capture {
  std::vector<Packet> packets;
  std::uint32_t snaplen = 262'144;  ///< Bytes kept of each frame.
  bool ip_header_known = true;      ///< False: TTL and IP ID can't be had (reassembled fragments, decrypted tunnels).
  bool cooked = false;              ///< Of each packet it tells the last hop (`-i any`), else the next one.

  friend bool operator==(const Capture&, const Capture&) = default;
};

/// The packet as the core sees it: `payload` points into the packet and ends where the snaplen cut it.
[[nodiscard]] Segment to_segment(const Packet& packet, const Capture& capture);

/// A capture in the core's terms, numbered by a StreamIndex. Points into the capture that it was made from.
[[nodiscard]] std::vector<Segment> to_segments(const Capture& capture);

/// Gives the whole capture to the analyzer, frame by frame, without finishing it. `remark`, where given, is
/// called with what each frame decides.
using RemarkVisitor = std::function<void(FrameNumber, const Remarks&)>;
void feed(Analyzer& analyzer, const Capture& capture, const RemarkVisitor& remark = {});

/// The bytes of the frame: Ethernet, IPv4 or IPv6, TCP (or ICMP), with correct checksums; not cut.
[[nodiscard]] std::string to_bytes(const Packet& packet);

/// What was done to a capture after it was made, or by how it was made.
[[nodiscard]] Capture mirrored(Capture capture);  ///< Every frame twice: a mirror of both ports.
/// Merged with what a second place saw, one router and `apart` nearer to `server_port`; or, if that is negative, farther from it.
[[nodiscard]] Capture seen_at_two_places(const Capture& capture, std::uint16_t server_port, Nanoseconds apart);
[[nodiscard]] Capture without_ip_header(Capture capture);
/// Made on `any`: where a packet's `eye` differs another neighbour sent it.
[[nodiscard]] Capture cooked(Capture capture);
[[nodiscard]] Capture cut_to(Capture capture, std::uint32_t snaplen);
[[nodiscard]] Capture without(Capture capture, const std::function<bool(const Packet&)>& lost);
[[nodiscard]] Capture starting_at_frame(Capture capture, FrameNumber first);
[[nodiscard]] Capture with_clock_step(Capture capture, FrameNumber first_after, Nanoseconds step);
[[nodiscard]] Capture shifted_in_time(Capture capture, Nanoseconds by);
/// Adds a constant to every sequence number that `from` counts, and to the acks of the other side.
[[nodiscard]] Capture shifted_in_sequence(Capture capture, const Endpoint& from, std::uint32_t by);

}  // namespace tcpwhy::tests
