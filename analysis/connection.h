// One incarnation of a connection as seen from the capture point: two halves, how they took turns, and how it
// ended. Stateful: `observe` sees each segment once, in capture order. What it keeps is bounded and holds no
// payload. Trouble (a reset, an odd handshake) is kept apart, so that healthy connections stay small.
//
// Limits: it sees what a bystander sees. "Acknowledged" means that the peer's kernel had it, not that the
// application read it. Where no SYN was captured, client and server are a guess.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "half_connection.h"
#include "limits.h"
#include "packed_connection.h"
#include "prefetch.h"
#include "settings.h"

namespace tcpwhy {

/// A proxy says that what is behind it failed (RFC 9110 sections 15.6.3 to 15.6.5): 502, 503 or 504, and the request that
/// it answers.
struct GatewayFailure {
  Mark request;
  Mark answer;
  Nanoseconds wait = 0;
  std::uint16_t status = 0;
};

/// A fatal TLS alert that could be read.
struct TlsAlert {
  Mark at;
  Side by = Side::client;
  std::uint8_t description = 0;  ///< RFC 8446 section 6.
};

/// What is kept of the incarnation before this one on the same 4-tuple.
struct Incarnation {
  StreamNumber stream = 0;
  Mark last;
  Mark closed;                     ///< The later of both FINs.
  std::array<SequenceNumber, 2> next;   ///< These three by side.
  std::array<std::uint32_t, 2> tsval{};
  std::array<std::uint16_t, 2> ip_id{};
  std::uint32_t next_tsval = 0;    ///< Of the SYN that met it, if that has timestamps.
  Side first_closer = Side::client;
  bool both_fins = false;
  bool reset = false;
  bool start_seen = false;
  bool timestamps = false;

  /// As it is to an incarnation whose client was its server.
  [[nodiscard]] Incarnation turned() const;
};

/// The packets of one direction were captured at two places of their way: both ends' captures merged, a router's interfaces.
/// Each shows where its sender is nearer, and once more behind. What shows at one of them alone was made, or lost, between.
struct TwoPoints {
  CapturePoint near = 0;        ///< Where they show first. Both are 0 where there is one place, or none is known.
  CapturePoint far = 0;
  std::uint8_t hops = 0;        ///< Routers between both.
  std::uint8_t both = 0;        ///< Packets that were seen at both; saturates.
  std::uint16_t resets_ahead = 0;  ///< Seen near, not yet behind.
  bool misses_near = false;     ///< Some were seen only behind: the first capture has gaps.
  bool arrived_known = false;
  SequenceNumber arrived;       ///< What follows the highest byte that was seen behind; valid if known.
  Mark first_sight;             ///< The latest packet that was seen at both: its frames.
  Mark second_sight;

  explicit operator bool() const { return near != far; }
  /// Enough of them to tell what a packet that was seen once means.
  [[nodiscard]] bool reliable() const { return both >= kFewestAtBothPoints && !misses_near; }
};

/// What few connections have.
struct Oddities {
  TlsAlert tls_alert;              ///< The first fatal one.
  GatewayFailure gateway_failure;  ///< The first one.
  Mark timestamps_one_way;         ///< By here one side had used timestamps and the other had not.
  Mark began_with_reset;           ///< The reset that was captured first of all.
  Incarnation previous;            ///< Valid if `last`.
  std::array<TwoPoints, 2> points; ///< By the sender's side.
};

/// The live picture, copied whole when a reset freezes it. As with a half, what few have is read as if all had it.
struct ConnectionState {
  std::array<HalfConnection, 2> halves;
  OnDemand<Oddities> odd;
  Lapse longest_answered_gap;
  Lapse longest_answered_silence;
  Mark established;               ///< First segment after SYN and SYN-ACK.
  std::uint32_t exchanges = 0;    ///< Client turns that were answered.
  Side first_side = Side::client;      ///< Whose segment was captured first,
  Side last_side = Side::client;       ///< and whose last.
  Side last_data_side = Side::client;
  bool server_speaks_unasked = false;  ///< The server began a turn that answers nothing: a stream of news, a subscription.
  bool clock_stepped = false;     ///< The capture's clock ran backwards, or jumped while a host's stood still.

  [[nodiscard]] HalfConnection& half(Side side) { return halves[index(side)]; }
  [[nodiscard]] const HalfConnection& half(Side side) const { return halves[index(side)]; }
  [[nodiscard]] const Mark& first() const { return odd->began_with_reset ? odd->began_with_reset : half(first_side).first; }
  [[nodiscard]] const Mark& last() const { return half(last_side).seen ? half(last_side).last() : first(); }
  [[nodiscard]] const Mark& last_data() const { return half(last_data_side).turn.last; }
  [[nodiscard]] const TlsAlert& tls_alert() const { return odd->tls_alert; }
  [[nodiscard]] const GatewayFailure& gateway_failure() const { return odd->gateway_failure; }
  [[nodiscard]] const Mark& timestamps_one_way() const { return odd->timestamps_one_way; }
  [[nodiscard]] const TwoPoints& points(Side sender) const { return odd->points[index(sender)]; }
  /// Fetches what few connections have into the cache.
  void prefetch() const {
    for (const HalfConnection& half_connection : halves) {
      tcpwhy::prefetch(*half_connection.seldom);
    }
  }
  [[nodiscard]] std::size_t held() const { return halves[0].seldom.held() + halves[1].seldom.held() + odd.held(); }
  [[nodiscard]] bool handshake_seen() const { return half(Side::client).syn() && half(Side::server).syn(); }
  [[nodiscard]] bool one_sided() const { return !half(Side::client).seen || !half(Side::server).seen; }
};

/// A RST and what its header says.
struct Reset {
  Portrait segment;
  Side by = Side::client;          ///< Whom it names as its sender.
  bool abort = false;              ///< A socket decided.
  bool reply = false;              ///< A segment met no socket. Neither: can't be told.
  FrameNumber provoked_by = 0;     ///< For a reply.
};

/// A SYN that was not answered by a SYN-ACK: the answer, and what became of the connect.
struct OddHandshake {
  Portrait answer;                 ///< A bare ACK whose number does not cover the SYN: the first one.
  SequenceNumber latest_ack;       ///< What the latest of them expects.
  std::uint8_t answers = 0;
  Mark reset;                      ///< The client's RST with that number as its seq.
  SequenceNumber isn;              ///< Of the SYN that drew the answer.
  Mark syn;
  Mark next_syn;                   ///< The SYN that followed the reset, if any.
};

/// A RST that answered a SYN (RFC 9293 section 3.10.7.1).
struct Refusal {
  Reset reset;
  Mark syn;
  std::uint8_t count = 0;
};

/// The moment of the first reset of an established connection, and what came after it.
struct Break {
  ConnectionState at;              ///< Before the reset.
  std::array<Reset, kResetsKept> resets;
  std::size_t kept = 0;
  std::uint32_t count = 0;         ///< Of all RST frames, copies not counted.
  Mark last_reset;
};

/// The first reset answers a segment that lies farther ahead of all before it than what can be in flight. A host that knows the
/// connection answers that with an ACK and never with a reset (RFC 9293 section 3.10.7.4).
[[nodiscard]] bool answers_out_of_window(const Break& broken);

/// The printable text that a RST carries as its payload (RFC 9293 section 3.5.3), or that a device noted about it: F5 puts its
/// cause there.
struct ResetText {
  FrameNumber frame = 0;           ///< 0: none had any.
  std::uint8_t length = 0;
  std::array<char, kLongestResetText> characters = {};

  [[nodiscard]] std::string_view text() const { return {characters.data(), length}; }
};

struct Trouble {
  OddHandshake odd_handshake;
  Refusal refusal;
  Break broken;                    ///< Valid if count > 0.
  ResetText reset_text;            ///< Of the first reset that has one.
  Mark icmp;                       ///< The first ICMP error of any kind.
  IcmpError rejection;             ///< The first one that rejects; its frame is 0 where there is none,
  IcmpError too_big;               ///< and the first one that says so.
};

/// What a RST frame is to its incident: one failure often shows as several.
enum class ResetRole : std::uint8_t {
  none,   ///< No RST.
  cause,  ///< The first of the incident.
  echo,   ///< It follows from the same incident: an answer to the next segment that met no socket, a second try.
  copy,   ///< The same packet, captured again.
};

/// tcpwhy.role; "" for none.
[[nodiscard]] std::string_view to_string(ResetRole role);

/// What a segment did, for whoever watches across streams.
struct Observation {
  bool copy = false;               ///< A duplicate of a packet already seen; nothing was counted.
  bool arrived = false;            ///< It is the second sight of that packet, at the farther of two places.
  Nanoseconds idle_gap = 0;        ///< Not zero on the first data segment after an idle gap.
  bool turn_began = false;         ///< This segment's new data began a turn of `side`.
  bool answered = false;           ///< This segment is the first answer to the other side's turn.
  bool deciding = false;           ///< Something about the connection may now be decided.
  bool gateway_failed = false;     ///< A response with 502, 503 or 504.
  bool ended_spell = false;        ///< A close that ended a silence; the Tracker says so.
  ResetRole role = ResetRole::none;
  Side side = Side::client;
};

/// Goes through the fields of a connection that is packed or unpacked (packed_connection.cpp).
template <typename Bytes>
class Walk;

class Connection {
 public:
  /// `settings` must outlive the connection.
  Connection(const Segment& first, const Settings& settings);

  /// As it was when `pack` wrote `packed`, in every field. REQUIRES: it did, in this process.
  Connection(std::span<const std::byte> packed, const Settings& settings);

  /// Nothing about it is out of the ordinary that has no packed form.
  [[nodiscard]] bool can_be_packed() const;
  /// Writes it to `room`, with a note of whoever keeps it, and returns the bytes that it took. Changes nothing, but goes the way
  /// by which fields are read, too. REQUIRES: can_be_packed().
  std::span<const std::byte> pack(PackingRoom& room, std::uint32_t note);

  /// Takes the next segment of this stream, the first one included. `seen`: a new one.
  void observe(const Segment& segment, Observation& seen);
  void observe(const IcmpError& error);

  [[nodiscard]] StreamNumber stream() const { return stream_; }
  [[nodiscard]] const Endpoint& endpoint(Side side) const { return endpoints_[index(side)]; }
  /// No SYN was seen, so that the sides are a guess.
  [[nodiscard]] bool client_is_guessed() const { return client_is_guessed_; }
  [[nodiscard]] const ConnectionState& now() const { return now_; }
  [[nodiscard]] const Trouble* trouble() const { return trouble_.get(); }
  [[nodiscard]] const Break* broken() const {
    return trouble_ && trouble_->broken.count > 0 ? &trouble_->broken : nullptr;
  }
  /// Bytes that it has allocated, beyond its own size.
  [[nodiscard]] std::size_t held() const {
    return now_.held() + (trouble_ ? sizeof(Trouble) + kAllocation + trouble_->broken.at.held() : 0);
  }
  /// The state at the first reset, or now.
  [[nodiscard]] const ConnectionState& decisive() const { return broken() ? broken()->at : now_; }
  /// Whether any signature could have something to say; false is final only once the stream is over.
  [[nodiscard]] bool is_remarkable() const;
  /// Both FINs were seen and acknowledged, and no reset.
  [[nodiscard]] bool closed_cleanly() const;
  /// The server reset it straight after the handshake, and had taken nothing in by then.
  [[nodiscard]] bool reset_after_handshake() const;
  [[nodiscard]] const Incarnation* previous() const { return now_.odd->previous.last ? &now_.odd->previous : nullptr; }
  /// The connection before this one on the same 4-tuple may still matter: it was not closed, or it may be in TIME_WAIT.
  [[nodiscard]] bool meets_previous() const;
  void follows(const Incarnation& previous) { now_.odd.write().previous = previous; }
  /// What the next incarnation on this tuple has to know, if it has the same client.
  [[nodiscard]] Incarnation remember() const;

 private:
  [[nodiscard]] Side side_of(const Segment& segment) const;
  void guess_sides(const Segment& first);
  void correct_guess(const Segment& segment);
  void swap_sides();
  [[nodiscard]] bool is_copy(const Segment& segment, Side side) const;
  [[nodiscard]] bool is_second_sight(const Segment& segment, Side side) const;
  [[nodiscard]] bool is_foreign(const Segment& segment, Side side) const;
  void note_copy(const Segment& segment, Observation& seen);
  void note_second_sight(const Segment& segment, Observation& seen);
  void check_clock(const Segment& segment, const HalfConnection& sender);
  void observe_syn(const Segment& segment, Side side);
  bool observe_odd_answer(const Segment& segment, Side side);
  [[nodiscard]] ResetRole observe_reset(const Segment& segment, Side side);
  void keep_text(const Segment& reset);
  [[nodiscard]] Reset read_reset(const Segment& segment, Side side) const;
  [[nodiscard]] FrameNumber provocation(const Segment& reset, Side side) const;
  void observe_data(const Segment& segment, Side side, Observation& seen);
  [[nodiscard]] bool continues_body(const Segment& segment, Side side) const;
  void note_answer(const Segment& segment, Side side, Observation& seen);
  static void forget_retransmissions(HalfConnection& half);
  static void skip_to(HalfConnection& sender, SequenceNumber number);
  static bool fill_hole(const Segment& segment, HalfConnection& sender);
  void begin_turn(const Segment& segment, Side side, SequenceNumber from, Nanoseconds gap);
  void observe_acknowledgment(const Segment& segment, Side side, Observation& seen);
  void observe_fin(const Segment& segment, Side side);
  [[nodiscard]] bool is_probe(const Segment& segment, const HalfConnection& sender) const;
  void identify(const Segment& segment, HalfConnection& sender);
  void remember_segment(const Segment& segment, Side side);
  [[nodiscard]] Nanoseconds elapsed(const Mark& since, const Segment& segment) const;
  Trouble& make_trouble();
  template <typename Bytes>
  void go_through(Walk<Bytes>& walk);

  const Settings* settings_;
  std::array<Endpoint, 2> endpoints_;
  StreamNumber stream_;
  bool client_is_guessed_ = true;
  bool clock_jumped_ = false;  ///< This very segment comes after a step of the capture's clock.
  ConnectionState now_;
  std::unique_ptr<Trouble> trouble_;
};

}  // namespace tcpwhy
