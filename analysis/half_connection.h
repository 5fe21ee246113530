// One direction of a connection: what one side has sent, as a bystander saw it. A plain record that
// Connection fills in; copyable, so that the state at a reset can be frozen. Holds no payload.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "limits.h"
#include "payload.h"
#include "segment.h"

namespace tcpwhy {

/// A frame and its time. Frame 0 means "never". Packed into 12 bytes: a connection holds some fifteen of them.
struct [[gnu::packed, gnu::aligned(4)]] Mark {
  FrameNumber frame = 0;
  Nanoseconds time = 0;

  explicit operator bool() const { return frame != 0; }
};

/// Time that passed; packed as a Mark is.
struct [[gnu::packed, gnu::aligned(4)]] Lapse {
  Nanoseconds value = 0;

  constexpr operator Nanoseconds() const { return value; }
};

/// What malloc adds to each allocation (glibc: its size, and rounding up to 16).
constexpr std::size_t kAllocation = 16;

/// A value that most owners never come to: room is made for it when it is first written. Copied with its owner.
template <typename Value>
class OnDemand {
 public:
  OnDemand() = default;
  OnDemand(const OnDemand& other) : value_(other.value_ ? std::make_unique<Value>(*other.value_) : nullptr) {}
  OnDemand(OnDemand&&) noexcept = default;
  OnDemand& operator=(OnDemand other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~OnDemand() = default;

  explicit operator bool() const { return value_ != nullptr; }
  /// A value that nobody wrote, where there is none.
  const Value& operator*() const { return value_ ? *value_ : kUnwritten; }
  const Value* operator->() const { return &**this; }
  /// Bytes that were allocated.
  [[nodiscard]] std::size_t held() const { return value_ ? sizeof(Value) + kAllocation : 0; }
  Value& write() {
    if (!value_) value_ = std::make_unique<Value>();
    return *value_;
  }

 private:
  inline static const Value kUnwritten{};
  std::unique_ptr<Value> value_;
};

/// What is remembered of the latest segments: enough to know a copy, and what drew an answer.
struct Glimpse {
  Glimpse() = default;
  explicit Glimpse(const Segment& segment);

  Mark at;
  SequenceNumber seq;
  SequenceNumber ack;
  std::uint32_t length = 0;
  std::uint16_t ip_id = 0;
  std::uint8_t flags = 0;
  bool ip_id_known = false;

  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
};

/// What is remembered of a segment whose header tells who sent it and why.
struct Portrait : Glimpse {
  Portrait() = default;
  explicit Portrait(const Segment& segment);

  std::uint16_t window = 0;
  std::uint8_t ttl = 0;
  std::uint8_t mptcp_reset = 0;  ///< As in Options.
  bool mptcp_fastclose = false;
  bool ttl_known = false;
  bool timestamps = false;
  CapturePoint point = 0;
};

/// The options of a SYN (as in Options), in four bytes.
struct SynOptions {
  SynOptions() = default;
  explicit SynOptions(const Options& options);

  static constexpr std::uint16_t kNoMss = 0xffff;

  std::uint16_t mss = kNoMss;
  std::uint8_t longest_nop_run = 0;
  bool known : 1 = false;
  bool timestamps : 1 = false;

  /// What was seen was there, even if the rest was cut; what is missing is only known to be where all was captured.
  [[nodiscard]] bool lack_timestamps() const {
    return !timestamps && (known || longest_nop_run >= kBlankedTimestampNops);
  }
};

/// A run of data in one direction: what a side says until the other one speaks or a silence falls. On a
/// client's side it is a request, on a server's a response.
struct Turn {
  Mark begin;  ///< First new data.
  Mark last;   ///< Latest new data.
  SequenceNumber seq;
  SequenceNumber end;
  SequenceNumber ack;       ///< What its first segment acknowledged: what the sender had seen by then.
  Lapse gap;                ///< Since the last data of either side, or the handshake; never negative.
  Lapse silence;            ///< Since the last segment of any kind; never negative.
  Lapse wait;               ///< From its latest data until it was answered.
  FrameNumber acked = 0;    ///< The first segment of the peer that acknowledged all of it so far.
  FrameNumber answered = 0; ///< The first data of the peer that was sent after it had received some of this.
  PayloadFacts payload;     ///< Of its first segment.
  bool follows_unanswered : 1 = false;  ///< The turn of this side before it had got no answer.
  bool message_ended : 1 = false;       ///< A chunked message's last chunk went by.
  bool goodbye : 1 = false;             ///< Its latest segment is a TLS close_notify or another alert.
  bool unasked : 1 = false;             ///< It began after a silence, with nothing of the peer's to answer.
  bool repeated : 1 = false;            ///< The turn before it began with the same bytes, and was answered.

  explicit operator bool() const { return static_cast<bool>(begin); }
  [[nodiscard]] std::uint32_t bytes() const { return static_cast<std::uint32_t>(end.since(seq)); }
  /// Its length is known, and who acknowledged this much had not all of it.
  [[nodiscard]] bool is_partial_at(SequenceNumber acknowledgment) const {
    return payload.message_size != PayloadFacts::kUnknownSize &&
           static_cast<std::uint32_t>(acknowledgment.since(seq)) < payload.message_size;
  }
};

/// What a half comes to as it closes, is probed, loses something, or dials more than once.
struct Seldom {
  Mark fin;
  SequenceNumber fin_seq;          ///< The FIN's own number, after any data with it.
  SequenceNumber fin_ack;          ///< What the FIN acknowledged.
  Lapse fin_gap;                   ///< Silence before the FIN, as its sender saw it.
  Mark fin_acked;                  ///< First segment of the peer whose ack covers it.
  Mark data_past_fin;              ///< First new data that acknowledged the peer's FIN.
  Mark last_retransmission;
  Mark first_probe;
  Mark last_probe;
  Lapse probe_silence;             ///< Before the first of them.
  std::uint32_t unseen_bytes = 0;  ///< Acknowledged by the peer, or jumped over, but not captured so far.
  SequenceNumber hole_begin;       ///< The latest stretch of them; empty where both are equal.
  SequenceNumber hole_end;
  std::uint32_t longest = 0;       ///< Longest segment of at least kUsualSegment bytes, where no SYN told the MSS.
  Mark late_syn;                   ///< A SYN that other segments of this side came before.
  Mark last_syn;                   ///< If there were several.
  Mark syn_copy;                   ///< The copy that disagreed.
};

/// One direction. A million of them have to fit: what only some come to is kept apart (Seldom), and read as if it weren't.
/// What every segment touches stands first: the memory of a connection that hasn't been heard for a while is cold, and
/// its cache lines are what a segment costs most.
struct HalfConnection {
  // Sequence space (RFC 9293 section 3.3.1). `next` is what follows the highest byte seen, or acknowledged.
  bool seen : 1 = false;        ///< At least one segment of this side was captured.
  bool next_known : 1 = false;  ///< `next` is valid: from a segment of this side, or from an ACK for it.
  bool ack_known : 1 = false;
  bool ip_id_known : 1 = false;
  bool tsval_known : 1 = false;
  bool syn_first : 1 = false;   ///< Its first segment was the SYN.
  bool syn_copies_disagree : 1 = false;  ///< The same SYN was seen with timestamps and without.
  /// It was acknowledged, closed, or began a turn with bytes before that had not been captured by then: they came later,
  /// or were lost.
  bool disordered : 1 = false;
  bool echoes : 1 = false;      ///< Its timestamps repeated a clock of the peer's.
  bool left_over : 1 = false;   ///< `oldest_unacked` is when an acknowledgment left its byte over, not when it was sent.
  bool netscaler : 1 = false;   ///< Its SYN has the window of one (kNetScalerWindow).
  std::uint8_t probes = 0;   ///< Keep-alive probes (RFC 9293 section 3.8.4) since the peer was last heard.
  std::uint8_t retransmissions = 0;  ///< Of the oldest byte, since the last progress; saturates.
  std::uint8_t syns = 0;             ///< Retransmissions counted, copies not; saturates.
  std::uint8_t ttl_low = 0xff;       ///< Of all segments but resets; low > high when none was known.
  std::uint8_t ttl_high = 0;
  std::uint8_t with_timestamps = 0;  ///< Segments after the SYN, resets and probes not counted; saturates.
  std::uint8_t without_timestamps = 0;
  std::uint16_t ip_id = 0;   ///< Latest that wasn't 0.
  CapturePoint point = 0;    ///< Of its latest segment, without resets and copies.
  SequenceNumber next;
  SequenceNumber ack;        ///< Highest acknowledgment sent: RCV.NXT as the peer knows it.
  std::uint32_t tsval = 0;
  OnDemand<Seldom> seldom;
  Mark oldest_unacked;       ///< First transmission of the oldest byte not acknowledged yet, or the latest progress before it.
  std::array<Glimpse, 2> recent;   ///< The latest segments, newest first; without resets.
  std::uint32_t last_length = 0;   ///< Of the latest new data.
  Turn turn;
  SequenceNumber isn;              ///< Valid if `syn()`.
  std::uint64_t bytes = 0;         ///< New data, each byte once.
  /// Shortest time in which this side acknowledged something that passed the capture point: the round trip
  /// from here to it, and its reaction.
  Nanoseconds response_time = std::numeric_limits<Nanoseconds>::max();
  Mark first;
  SynOptions syn_options;

  [[nodiscard]] const Mark& last() const { return recent[0].at; }
  [[nodiscard]] const Mark& syn() const { return syn_first ? first : seldom->late_syn; }
  [[nodiscard]] const Mark& last_syn() const { return syns > 1 ? seldom->last_syn : syn(); }
  [[nodiscard]] const Mark& syn_copy() const { return seldom->syn_copy; }
  [[nodiscard]] const Mark& fin() const { return seldom->fin; }
  [[nodiscard]] SequenceNumber fin_ack() const { return seldom->fin_ack; }
  [[nodiscard]] Nanoseconds fin_gap() const { return seldom->fin_gap; }
  [[nodiscard]] const Mark& fin_acked() const { return seldom->fin_acked; }
  [[nodiscard]] const Mark& data_past_fin() const { return seldom->data_past_fin; }
  [[nodiscard]] const Mark& last_retransmission() const { return seldom->last_retransmission; }
  [[nodiscard]] const Mark& first_probe() const { return seldom->first_probe; }
  [[nodiscard]] const Mark& last_probe() const { return seldom->last_probe; }
  [[nodiscard]] Nanoseconds probe_silence() const { return seldom->probe_silence; }
  [[nodiscard]] std::uint32_t unseen_bytes() const { return seldom->unseen_bytes; }
  [[nodiscard]] SequenceNumber hole_begin() const { return seldom->hole_begin; }
  [[nodiscard]] SequenceNumber hole_end() const { return seldom->hole_end; }

  [[nodiscard]] bool ttl_known() const { return ttl_low <= ttl_high; }
  [[nodiscard]] bool response_time_known() const {
    return response_time != std::numeric_limits<Nanoseconds>::max();
  }
  /// Whether `other`, a segment's acknowledgment, covers this side's FIN.
  [[nodiscard]] bool fin_covered_by(SequenceNumber acknowledgment) const {
    return fin() && acknowledgment.after(seldom->fin_seq);
  }
};

/// Whether a segment of this length was cut by the MSS rather than by the end of the application's message.
/// Offload hands over several MSS at once.
[[nodiscard]] bool fills_segments(const HalfConnection& sender, const HalfConnection& receiver, std::uint32_t length);

}  // namespace tcpwhy
