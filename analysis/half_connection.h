// One direction of a connection: what one side has sent, as a bystander saw it. A plain record that
// Connection fills in; copyable, so that the state at a reset can be frozen. Holds no payload.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "payload.h"
#include "segment.h"

namespace tcpwhy {

/// A frame and its time. Frame 0 means "never". Packed into 12 bytes: a connection holds some thirty of them.
struct [[gnu::packed, gnu::aligned(4)]] Mark {
  FrameNumber frame = 0;
  Nanoseconds time = 0;

  explicit operator bool() const { return frame != 0; }
};

/// What is remembered of a single segment.
struct Glimpse {
  Glimpse() = default;
  explicit Glimpse(const Segment& segment);

  Mark at;
  SequenceNumber seq;
  SequenceNumber ack;
  std::uint32_t length = 0;
  std::uint16_t window = 0;
  std::uint16_t ip_id = 0;
  std::uint8_t flags = 0;
  std::uint8_t ttl = 0;
  bool ttl_known = false;
  bool ip_id_known = false;
  bool timestamps = false;

  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
};

/// A run of data in one direction: what a side says until the other one speaks or a silence falls. On a
/// client's side it is a request, on a server's a response.
struct Turn {
  Mark begin;  ///< First new data.
  Mark last;   ///< Latest new data.
  SequenceNumber seq;
  SequenceNumber end;
  SequenceNumber ack;       ///< What its first segment acknowledged: what the sender had seen by then.
  Nanoseconds gap = 0;      ///< Since the last data of either side, or the handshake; never negative.
  Nanoseconds silence = 0;  ///< Since the last segment of any kind; never negative.
  Mark acked;               ///< The first segment of the peer that acknowledged all of it so far.
  Mark answered;            ///< The first data of the peer that was sent after it had received some of this.
  Nanoseconds wait = 0;     ///< From its latest data until it was answered.
  PayloadFacts payload;     ///< Of its first segment.
  bool follows_unanswered = false;  ///< The turn of this side before it had got no answer.
  bool message_ended = false;       ///< A chunked message's last chunk went by.

  explicit operator bool() const { return static_cast<bool>(begin); }
  [[nodiscard]] std::uint32_t bytes() const { return static_cast<std::uint32_t>(end.since(seq)); }
};

/// One direction. What every segment touches stands first and close together: the memory of a connection that hasn't
/// been heard for a while is cold, and its cache lines are what a segment costs most.
struct HalfConnection {
  // Sequence space (RFC 9293 section 3.3.1). `next` is what follows the highest byte seen, or acknowledged.
  bool seen = false;         ///< At least one segment of this side was captured.
  bool next_known = false;   ///< `next` is valid: from a segment of this side, or from an ACK for it.
  bool ack_known = false;
  std::uint8_t probes = 0;   ///< Keep-alive probes (RFC 9293 section 3.8.4) since the peer was last heard.
  std::uint8_t retransmissions = 0;  ///< Of the oldest byte, since the last progress; saturates.
  std::uint8_t ttl_low = 0xff;       ///< Of all segments but resets; low > high when none was known.
  std::uint8_t ttl_high = 0;
  bool ip_id_known = false;
  SequenceNumber next;
  SequenceNumber ack;        ///< Highest acknowledgment sent: RCV.NXT as the peer knows it.
  std::uint16_t ip_id = 0;   ///< Latest that wasn't 0.
  bool tsval_known = false;
  std::uint32_t tsval = 0;
  std::uint16_t with_timestamps = 0;     ///< Segments after the SYN, resets and probes not counted; saturates.
  std::uint16_t without_timestamps = 0;
  Mark last;
  Mark oldest_unacked;       ///< First transmission of the oldest byte not acknowledged yet.
  /// Shortest time in which this side acknowledged something that passed the capture point: the round trip
  /// from here to it, and its reaction.
  Nanoseconds response_time = std::numeric_limits<Nanoseconds>::max();
  std::array<Glimpse, 2> recent;  ///< The latest segments, newest first; without resets.

  // Data and its fate.
  Mark fin;
  SequenceNumber fin_seq;          ///< The FIN's own number, after any data with it.
  SequenceNumber fin_ack;          ///< What the FIN acknowledged.
  Turn turn;
  std::uint64_t bytes = 0;         ///< New data, each byte once.
  std::uint32_t longest = 0;       ///< Longest segment, bytes; offload makes it exceed the MSS.
  std::uint32_t last_length = 0;
  std::uint32_t unseen_bytes = 0;  ///< Acknowledged by the peer, or jumped over, but not captured so far.
  SequenceNumber hole_begin;       ///< The latest stretch of them; empty where both are equal.
  SequenceNumber hole_end;
  Mark last_retransmission;
  Mark data_past_fin;              ///< First new data that acknowledged the peer's FIN.
  Mark first_probe;
  Mark last_probe;
  Nanoseconds probe_silence = 0;   ///< Before the first of them.
  Nanoseconds fin_gap = 0;         ///< Silence before the FIN, as its sender saw it.
  Mark fin_acked;                  ///< First segment of the peer whose ack covers it.

  // The connect.
  Mark first;
  Mark syn;
  Mark last_syn;
  SequenceNumber isn;              ///< Valid if `syn`.
  std::uint8_t syns = 0;           ///< Retransmissions counted, copies not; saturates.
  bool syn_copies_disagree = false;  ///< The same SYN was seen with timestamps and without.
  /// It was acknowledged, closed, or began a turn with bytes before that had not been captured by then: they came later,
  /// or were lost.
  bool disordered = false;
  Mark syn_copy;                   ///< The copy that disagreed.
  Options syn_options;

  [[nodiscard]] bool ttl_known() const { return ttl_low <= ttl_high; }
  [[nodiscard]] bool response_time_known() const {
    return response_time != std::numeric_limits<Nanoseconds>::max();
  }
  /// Whether `other`, a segment's acknowledgment, covers this side's FIN.
  [[nodiscard]] bool fin_covered_by(SequenceNumber acknowledgment) const {
    return fin && acknowledgment.after(fin_seq);
  }
};

/// Whether a segment of this length was cut by the MSS rather than by the end of the application's message.
/// Offload hands over several MSS at once.
[[nodiscard]] bool fills_segments(const HalfConnection& sender, const HalfConnection& receiver, std::uint32_t length);

}  // namespace tcpwhy
