#include "connection.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace tcpwhy {
namespace {

/// Larger than any window (RFC 7323 section 2.3), so no living connection jumps this far.
constexpr std::int32_t kImpossibleJump = 1 << 30;

/// Linux gives clients ports from 32768 up (ip_local_port_range); only ever used for a guess.
constexpr std::uint16_t kFirstEphemeralPort = 32768;

/// Where no SYN told the MSS: IPv6's smallest MTU leaves 1,220 bytes (RFC 8200 section 5).
constexpr std::uint32_t kUsualSegment = 1200;

template <typename Integer>
void count_one(Integer& counter) {
  if (counter < std::numeric_limits<Integer>::max()) ++counter;
}

Mark mark_of(const Segment& segment) { return {segment.frame, segment.time}; }

/// Of options that were cut, the MSS alone would mislead: the timestamps that it makes room for stand behind it.
std::uint16_t offered_mss(const HalfConnection& sender, const HalfConnection& receiver) {
  return std::min(sender.syn_options.mss, receiver.syn_options.mss);
}

}  // namespace

bool fills_segments(const HalfConnection& sender, const HalfConnection& receiver, std::uint32_t length) {
  const std::uint32_t offered = offered_mss(sender, receiver);
  if (offered == SynOptions::kNoMss) return length >= kUsualSegment && length == sender.seldom->longest;
  const std::uint32_t usable = offered - (sender.with_timestamps > 0 ? 12U : 0U);  // RFC 7323 appendix A
  return usable > 0 && length >= usable && length % usable == 0;
}

Glimpse::Glimpse(const Segment& segment)
    : at(mark_of(segment)),
      seq(segment.seq),
      ack(segment.ack),
      length(segment.length),
      ip_id(segment.ip_id.value_or(0)),
      flags(segment.flags),
      ip_id_known(segment.ip_id.has_value()) {}

Portrait::Portrait(const Segment& segment)
    : Glimpse(segment),
      window(segment.window),
      ttl(segment.ttl.value_or(0)),
      mptcp_reset(segment.options.mptcp_reset),
      mptcp_fastclose(segment.options.mptcp_fastclose),
      ttl_known(segment.ttl.has_value()),
      timestamps(segment.options.timestamps),
      point(segment.point) {}

SynOptions::SynOptions(const Options& options)
    : mss(options.known ? options.mss.value_or(kNoMss) : kNoMss),
      longest_nop_run(options.longest_nop_run),
      known(options.known),
      timestamps(options.timestamps) {}

bool answers_out_of_window(const Break& broken) {
  const Reset& reset = broken.resets[0];
  const HalfConnection& sender = broken.at.half(other(reset.by));
  const Glimpse& latest = sender.recent[0];
  if (!reset.reply || !latest.has(kAck) || latest.ack != reset.segment.seq || latest.seq != sender.hole_end()) return false;
  return sender.hole_end().since(sender.hole_begin()) > kLargestWindowInFlight;
}

std::string_view to_string(ResetRole role) {
  constexpr std::array<std::string_view, 4> kWords = {"", "cause", "echo", "copy"};
  return kWords[static_cast<std::size_t>(role)];
}

Connection::Connection(const Segment& first, const Settings& settings)
    : settings_(&settings), stream_(first.stream) {
  guess_sides(first);
  now_.first_side = side_of(first);
  if (first.has(kRst)) now_.odd.write().began_with_reset = mark_of(first);
}

// ---------------------------------------------------------------------------------------------- who is who

void Connection::guess_sides(const Segment& first) {
  bool sender_is_client = true;
  if (first.has(kSyn)) {
    sender_is_client = !first.has(kAck);
    client_is_guessed_ = false;
  } else if (const bool from_ephemeral = first.source.port >= kFirstEphemeralPort;
             from_ephemeral != (first.destination.port >= kFirstEphemeralPort)) {
    sender_is_client = from_ephemeral;
  }
  endpoints_[index(Side::client)] = sender_is_client ? first.source : first.destination;
  endpoints_[index(Side::server)] = sender_is_client ? first.destination : first.source;
}

/// A guess gives way to what the bytes say: a handshake, an HTTP request, a ClientHello.
void Connection::correct_guess(const Segment& segment) {
  if (!client_is_guessed_ || broken() != nullptr) return;
  const Side sender = side_of(segment);
  if (segment.has(kSyn)) {
    client_is_guessed_ = false;
    if (sender != (segment.has(kAck) ? Side::server : Side::client)) swap_sides();
    return;
  }
  if (segment.length == 0 || now_.exchanges > 1) return;
  const PayloadFacts facts = facts_of(segment);
  const bool by_client = facts.kind == PayloadKind::http_request || facts.client_hello;
  const bool by_server = facts.kind == PayloadKind::http_response;
  if ((by_client && sender == Side::server) || (by_server && sender == Side::client)) swap_sides();
}

void Connection::swap_sides() {
  std::swap(endpoints_[0], endpoints_[1]);
  std::swap(now_.halves[0], now_.halves[1]);
  if (now_.odd) std::swap(now_.odd.write().points[0], now_.odd.write().points[1]);
  for (Side* side : {&now_.first_side, &now_.last_side, &now_.last_data_side}) *side = other(*side);
}

/// The ports tell, unless both ends use the same one.
Side Connection::side_of(const Segment& segment) const {
  const Endpoint& client = endpoints_[index(Side::client)];
  const Endpoint& server = endpoints_[index(Side::server)];
  const bool from_client = client.port != server.port ? segment.source.port == client.port
                                                      : segment.source.address == client.address;
  return from_client ? Side::client : Side::server;
}

// --------------------------------------------------------------------------------------- copies and clocks

bool Connection::is_copy(const Segment& segment, Side side) const {
  const auto repeats = [&](const Glimpse& earlier) {
    if (!earlier.at || earlier.seq != segment.seq || earlier.length != segment.length ||
        earlier.flags != segment.flags || (segment.has(kAck) && earlier.ack != segment.ack)) {
      return false;
    }
    const Nanoseconds apart = std::abs(segment.time - earlier.at.time);
    if (earlier.ip_id_known && segment.ip_id && (earlier.ip_id != 0 || *segment.ip_id != 0)) {
      return earlier.ip_id == *segment.ip_id && apart <= kCopyWindowWithIpId;
    }
    return apart <= kCopyWindow;
  };
  const bool second_sight = is_second_sight(segment, side);
  if (segment.has(kRst)) {
    if (!trouble_) return false;
    // Replies look alike, one for each segment that meets no socket; a copy has no segment of the peer before it.
    const FrameNumber last_of_peer = second_sight ? 0 : now_.half(other(side)).recent[0].at.frame;
    const Break& broken = trouble_->broken;
    if (second_sight && broken.count > broken.kept && now_.points(side).resets_ahead > 0) return true;
    return std::any_of(broken.resets.begin(), broken.resets.begin() + static_cast<std::ptrdiff_t>(broken.kept),
                       [&](const Reset& reset) {
                         return reset.by == side && reset.segment.at.frame > last_of_peer && repeats(reset.segment);
                       }) ||
           repeats(trouble_->refusal.reset.segment);
  }
  const auto& recent = now_.half(side).recent;
  return second_sight || std::any_of(recent.begin(), recent.end(), repeats);
}

/// At the farther of two places everything was seen before that isn't new. Of a reset only that it comes from there.
bool Connection::is_second_sight(const Segment& segment, Side side) const {
  const TwoPoints& points = now_.points(side);
  if (!points || segment.point != points.far) return false;
  const HalfConnection& sender = now_.half(side);
  const bool new_bytes = sender.next_known && segment.end().after(sender.next);
  const bool new_ack = segment.has(kAck) && sender.ack_known && segment.ack.after(sender.ack);
  return segment.has(kRst) || (!new_bytes && !new_ack);
}

/// Once both sides have closed, what has numbers that neither ever used is a late segment of another connection that had these
/// ports, or what a NAT let out by them; the RST that answers it repeats such a number.
bool Connection::is_foreign(const Segment& segment, Side side) const {
  const HalfConnection& sender = now_.half(side);
  const HalfConnection& receiver = now_.half(other(side));
  if (segment.has(kSyn) || !now_.handshake_seen() || !sender.fin_acked() || !receiver.fin_acked()) return false;
  const auto unused = [](SequenceNumber number, const HalfConnection& half) {
    const std::int64_t ahead = number.since(half.next);
    const auto used = static_cast<std::int64_t>(half.bytes + half.unseen_bytes());
    return ahead > kLargestWindowInFlight || -ahead > used + kLargestWindowInFlight;
  };
  return unused(segment.seq, sender) && (!segment.has(kAck) || unused(segment.ack, receiver));
}

/// Two sightings of one packet on both sides of a device show what the device did to it.
void Connection::note_copy(const Segment& segment, Observation& seen) {
  HalfConnection& sender = now_.half(seen.side);
  seen.copy = true;
  if (segment.has(kRst)) seen.role = ResetRole::copy;
  note_second_sight(segment, seen);
  if (!segment.has(kSyn) || sender.syn_copies_disagree) return;
  const SynOptions copy(segment.options);
  const SynOptions& first = sender.syn_options;
  if (!(copy.timestamps && first.lack_timestamps()) && !(first.timestamps && copy.lack_timestamps())) return;
  sender.syn_copies_disagree = true;
  sender.seldom.write().syn_copy = mark_of(segment);
  seen.deciding = true;
}

void Connection::note_second_sight(const Segment& segment, Observation& seen) {
  const HalfConnection& sender = now_.half(seen.side);
  const Glimpse& original = sender.recent[0];
  if (!now_.points(seen.side)) {
    const bool follows = now_.last_side == seen.side && original.seq == segment.seq && !segment.has(kRst);
    // A TTL that grew on the way tells of two clocks that disagree: then nobody knows which place is nearer.
    const bool backwards = segment.ttl && sender.ttl_known() && *segment.ttl > sender.ttl_low;
    if (!follows || backwards || sender.point == 0 || segment.point == 0 || segment.point == sender.point) return;
    TwoPoints& found = now_.odd.write().points[index(seen.side)];
    found.near = sender.point;
    found.far = segment.point;
    if (segment.ttl && sender.ttl_known()) found.hops = static_cast<std::uint8_t>(sender.ttl_low - *segment.ttl);
  }
  TwoPoints& points = now_.odd.write().points[index(seen.side)];
  if (segment.has(kRst) && segment.point == points.near) {
    // The clocks disagree by a little: it had left its sender after all.
    for (Reset& reset : trouble_->broken.resets) {
      if (reset.by == seen.side && reset.segment.seq == segment.seq) reset.segment.point = points.near;
    }
  }
  if (segment.point != points.far) return;
  seen.arrived = true;
  if (segment.has(kRst) && points.resets_ahead > 0) --points.resets_ahead;
  count_one(points.both);
  if (!points.arrived_known || segment.end().after(points.arrived)) points.arrived = segment.end();
  points.arrived_known = true;
  if (original.seq == segment.seq) {
    points.first_sight = original.at;
    points.second_sight = mark_of(segment);
  }
}

Nanoseconds Connection::elapsed(const Mark& since, const Segment& segment) const {
  if (!since || clock_jumped_) return 0;
  return std::max<Nanoseconds>(0, segment.time - since.time);
}

/// A silence in which the sender's own timestamp clock stood still did not happen.
void Connection::check_clock(const Segment& segment, const HalfConnection& sender) {
  clock_jumped_ = false;
  if (now_.last() && now_.last().time - segment.time > kMillisecond) now_.clock_stepped = true;
  if (!segment.options.timestamps || !sender.tsval_known) return;
  const Nanoseconds gap = segment.time - sender.last().time;
  const auto ticks = static_cast<std::int32_t>(segment.options.tsval - sender.tsval);
  if (gap > 4 * kSlowestTimestampTick && ticks >= 0 && ticks < gap / kSlowestTimestampTick / 2) {
    clock_jumped_ = true;
    now_.clock_stepped = true;
  }
}

// ------------------------------------------------------------------------------------------------- observe

void Connection::observe(const Segment& segment, Observation& seen) {
  correct_guess(segment);
  seen.side = side_of(segment);
  HalfConnection& sender = now_.half(seen.side);
  const HalfConnection& peer = now_.half(other(seen.side));

  if (is_copy(segment, seen.side)) {
    note_copy(segment, seen);
    return;
  }
  if (is_foreign(segment, seen.side)) {
    if (segment.has(kRst)) seen.role = ResetRole::echo;
    return;
  }
  if (now_.points(seen.side) && segment.point == now_.points(seen.side).far && !segment.has(kRst)) {
    now_.odd.write().points[index(seen.side)].misses_near = true;
  }
  check_clock(segment, sender);

  if (segment.has(kRst)) {
    seen.role = observe_reset(segment, seen.side);
    seen.deciding = true;
    return;
  }
  if (observe_odd_answer(segment, seen.side)) {
    seen.deciding = true;
    return;
  }
  if (segment.has(kSyn)) observe_syn(segment, seen.side);

  if (is_probe(segment, sender)) {
    if (sender.probes == 0) {
      sender.seldom.write().first_probe = mark_of(segment);
      sender.seldom.write().probe_silence = {elapsed(now_.last(), segment)};
    }
    count_one(sender.probes);
    sender.seldom.write().last_probe = mark_of(segment);
  } else if (segment.length > 0) {
    observe_data(segment, seen.side, seen);
  }
  observe_acknowledgment(segment, seen.side, seen);
  if (segment.has(kFin)) observe_fin(segment, seen.side);

  if (!now_.established && now_.handshake_seen() && !segment.has(kSyn)) {
    now_.established = mark_of(segment);
    seen.deciding = true;
  }
  identify(segment, sender);
  remember_segment(segment, seen.side);
  const bool closing = sender.fin() || peer.fin();
  seen.deciding = seen.deciding || segment.has(kSyn) || closing || now_.tls_alert().at.frame == segment.frame ||
                  now_.timestamps_one_way().frame == segment.frame ||
                  sender.retransmissions >= kBlackholeRetransmissions;
}

void Connection::observe(const IcmpError& error) {
  Trouble& trouble = make_trouble();
  if (!trouble.icmp) trouble.icmp = {error.frame, error.time};
  if (error.rejects() && trouble.rejection.frame == 0) trouble.rejection = error;
  if (error.too_big() && trouble.too_big.frame == 0) trouble.too_big = error;
}

Trouble& Connection::make_trouble() {
  if (!trouble_) trouble_ = std::make_unique<Trouble>();
  return *trouble_;
}

// ------------------------------------------------------------------------------------------------- opening

void Connection::observe_syn(const Segment& segment, Side side) {
  HalfConnection& sender = now_.half(side);
  if (!sender.syn()) {
    if (sender.seen) {
      sender.seldom.write().late_syn = mark_of(segment);
    } else {
      sender.first = mark_of(segment);
      sender.syn_first = true;
    }
    sender.isn = segment.seq;
    sender.syn_options = SynOptions(segment.options);
    sender.netscaler = segment.window == kNetScalerWindow;
    sender.next = segment.seq + 1;
    sender.next_known = true;
    sender.oldest_unacked = mark_of(segment);
    if (side == Side::client && previous() != nullptr) now_.odd.write().previous.next_tsval = segment.options.tsval;
  } else {
    count_one(sender.retransmissions);
    sender.seldom.write().last_syn = mark_of(segment);
  }
  count_one(sender.syns);
  if (trouble_ && trouble_->odd_handshake.reset && !trouble_->odd_handshake.next_syn && side == Side::client) {
    trouble_->odd_handshake.next_syn = sender.last_syn();
  }
}

/// Before a SYN-ACK, whatever else the server sends is about another connection: TIME_WAIT or a socket that is
/// still established answers a SYN with a bare ACK of its own numbers (tcp_timewait_state_process;
/// RFC 5961 section 4). Late segments of the old connection are none of ours either.
bool Connection::observe_odd_answer(const Segment& segment, Side side) {
  const HalfConnection& client = now_.half(Side::client);
  if (!client.syn() || now_.half(Side::server).syn() || segment.has(kSyn)) return false;
  if (side == Side::client) return segment.seq != client.isn + 1;
  // What acknowledges the client's numbers is about this connection: its SYN-ACK was not captured.
  // Its number may be a little ahead, where the capture disturbs the order; that of a stranger is anywhere.
  const std::int32_t ahead = segment.ack.since(client.isn);
  if (!segment.has(kAck) || (ahead > 0 && (ahead <= kDisorder || !segment.ack.after(client.next)))) return false;
  if (segment.length > 0 || segment.has(kFin)) return true;
  OddHandshake& odd = make_trouble().odd_handshake;
  count_one(odd.answers);
  odd.latest_ack = segment.ack;
  if (!odd.reset) {
    odd.answer = Portrait(segment);
    odd.isn = client.isn;
    odd.syn = client.last_syn();
  }
  return true;
}

// -------------------------------------------------------------------------------------------------- resets

ResetRole Connection::observe_reset(const Segment& segment, Side side) {
  const HalfConnection& client = now_.half(Side::client);
  const bool connecting = client.syn() && !now_.half(Side::server).syn();
  Trouble& trouble = make_trouble();
  keep_text(segment);
  OddHandshake& odd = trouble.odd_handshake;
  if (connecting && side == Side::client && odd.answers > 0 && segment.seq == odd.latest_ack) {
    if (odd.reset) return ResetRole::echo;
    odd.reset = mark_of(segment);
    return ResetRole::cause;
  }
  // Who went on after the SYN had its SYN-ACK, captured or not.
  const bool still_dialling = client.last().frame == client.last_syn().frame && !now_.half(Side::server).seen;
  const bool answers_syn = connecting && still_dialling && segment.has(kAck) && segment.ack.after(client.isn) &&
                           !segment.ack.after(client.next);
  // The RST that answers a SYN has the number 0 (RFC 9293 section 3.10.7.1): where only one direction was captured.
  const bool answers_unseen = !client.seen && !now_.half(Side::server).seen && segment.has(kAck) && segment.seq.raw() == 0 &&
                              segment.window == 0;
  if (side == Side::server && (answers_syn || answers_unseen)) {
    count_one(trouble.refusal.count);
    if (trouble.refusal.count > 1) return ResetRole::echo;
    trouble.refusal.reset = read_reset(segment, side);
    trouble.refusal.syn = client.last_syn();
    return ResetRole::cause;
  }
  Break& broken = trouble.broken;
  const Reset reset = read_reset(segment, side);
  if (broken.count == 0) broken.at = now_;
  if (now_.points(side) && segment.point == now_.points(side).near) count_one(now_.odd.write().points[index(side)].resets_ahead);
  if (broken.kept < broken.resets.size()) broken.resets[broken.kept++] = reset;
  count_one(broken.count);
  broken.last_reset = mark_of(segment);
  return broken.count == 1 ? ResetRole::cause : ResetRole::echo;
}

/// A device's note about it or, where there is none, its payload: but a message of the application is no text about a reset.
void Connection::keep_text(const Segment& reset) {
  ResetText& kept = trouble_->reset_text;
  if (kept.frame != 0) return;
  const bool noted = !reset.note.empty();
  if (!noted && facts_of(reset).kind != PayloadKind::other) return;
  const std::span<const std::uint8_t> bytes = noted ? reset.note : reset.payload;
  const auto printable = [](std::uint8_t byte) { return byte >= ' ' && byte <= '~'; };
  const auto end = std::find_if_not(bytes.begin(), bytes.end(), printable);
  const auto length = static_cast<std::size_t>(end - bytes.begin());
  if (length < kShortestResetText) return;
  kept.frame = reset.frame;
  kept.length = static_cast<std::uint8_t>(std::min(length, kept.characters.size()));
  std::copy_n(bytes.begin(), kept.length, kept.characters.begin());
}

/// Linux: tcp_send_active_reset (an abort) against tcp_v4_send_reset (a reply); RFC 9293 section 3.5.2. Other
/// stacks zero the window of an abort, so there the running IP ID decides, or nothing does.
Reset Connection::read_reset(const Segment& segment, Side side) const {
  const HalfConnection& sender = now_.half(side);
  Reset reset;
  reset.segment = Portrait(segment);
  reset.by = side;
  if (!segment.has(kAck)) {
    reset.provoked_by = provocation(segment, side);
    // A kernel answers at once; what comes long after anything that could have drawn it was somebody's decision.
    const Mark& stimulus = now_.half(other(side)).last();
    const Nanoseconds trip = sender.response_time_known() ? sender.response_time : Nanoseconds{0};
    const bool at_once = stimulus && segment.time - stimulus.time <= 2 * trip + kSecond;
    if (!at_once) reset.provoked_by = 0;
    reset.reply = reset.provoked_by != 0 || (segment.window == 0 && (at_once || !sender.seen));
    reset.abort = !reset.reply && segment.window != 0;
    return reset;
  }
  if (!sender.seen && now_.half(Side::client).syn() && side == Side::server) {
    reset.reply = segment.window == 0;
    reset.provoked_by = now_.half(Side::client).last_syn().frame;
    return reset;
  }
  const bool id_runs_on = segment.ip_id && *segment.ip_id != 0 && sender.ip_id_known &&
                          static_cast<std::uint16_t>(*segment.ip_id - sender.ip_id - 1U) < kIpIdStep;
  reset.abort = segment.window != 0 || segment.options.timestamps || id_runs_on;
  return reset;
}

/// The segment that a reply answers: one of the peer's, not answered by a RST yet, whose ack number the RST carries as
/// its own sequence number.
FrameNumber Connection::provocation(const Segment& reset, Side side) const {
  const HalfConnection& peer = now_.half(other(side));
  FrameNumber answered = 0;
  if (const Break* before = broken()) {
    for (std::size_t i = 0; i < before->kept; ++i) {
      if (before->resets[i].by == side) answered = std::max(answered, before->resets[i].provoked_by);
    }
  }
  // A request that nothing answered is what a socket-less host answers; an ACK before it would have drawn its own.
  const Turn& turn = peer.turn;
  const HalfConnection& sender = now_.half(side);
  const bool received = sender.ack_known && !sender.ack.before(turn.end);
  if (turn && !turn.answered && !received && turn.begin.frame > answered && turn.ack == reset.seq) return turn.begin.frame;
  FrameNumber found = 0;
  for (const bool with_data : {true, false}) {
    for (const Glimpse& recent : peer.recent) {
      const bool has_data = recent.length > 0 || recent.has(kFin);
      if (!recent.has(kAck) || recent.ack != reset.seq || recent.at.frame <= answered || has_data != with_data) continue;
      if (found == 0 || recent.at.frame < found) found = recent.at.frame;
    }
    if (found != 0) break;
  }
  return found;
}

// ---------------------------------------------------------------------------------------------------- data

bool Connection::is_probe(const Segment& segment, const HalfConnection& sender) const {
  if (segment.length > 1 || segment.has(kSyn) || segment.has(kFin) || !segment.has(kAck)) return false;
  return sender.next_known && !sender.oldest_unacked && segment.seq == sender.next - 1 && sender.seen;
}

void Connection::observe_data(const Segment& segment, Side side, Observation& seen) {
  HalfConnection& sender = now_.half(side);
  HalfConnection& peer = now_.half(other(side));
  const SequenceNumber begin = segment.has(kSyn) ? segment.seq + 1 : segment.seq;
  const SequenceNumber end = begin + segment.length;
  if (!sender.next_known) {
    sender.next = begin;
    sender.next_known = true;
  }
  if (std::abs(static_cast<std::int64_t>(end.since(sender.next))) >= kImpossibleJump) return;
  if (!end.after(sender.next)) {
    if (fill_hole(segment, sender)) {
      note_answer(segment, side, seen);
      return;
    }
    const bool unacknowledged = !peer.ack_known || peer.ack.before(end);
    const Mark& last_try = sender.last_retransmission() ? sender.last_retransmission() : sender.oldest_unacked;
    if (unacknowledged && elapsed(last_try, segment) > kCopyWindow) {
      count_one(sender.retransmissions);
      sender.seldom.write().last_retransmission = mark_of(segment);
    }
    return;
  }
  const bool jumped = begin.after(sender.next);
  const SequenceNumber from = jumped ? begin : sender.next;
  if (jumped) skip_to(sender, begin);

  // What the other side said by itself after a silence (a request, a farewell) had not reached this side yet, if it isn't
  // acknowledged: to this side the silence went on.
  const bool spoke_by_itself = side == Side::client ? peer.turn.unasked && sender.turn.answered != 0
                                                    : peer.turn && sender.turn && peer.turn.answered == 0 &&
                                                          peer.turn.gap >= settings_->smallest_idle_gap;
  const bool crossed = spoke_by_itself && now_.last_data_side != side && segment.has(kAck) && segment.ack == peer.turn.seq;
  const Nanoseconds gap = crossed ? peer.turn.gap + elapsed(peer.turn.begin, segment)
                                  : elapsed(now_.last_data() ? now_.last_data() : now_.first(), segment);
  const bool saw_reply = !segment.has(kAck) || segment.ack.after(peer.turn.seq) || crossed;
  const bool size_known = sender.turn.payload.message_size != PayloadFacts::kUnknownSize;
  const bool message_open = size_known && sender.turn.bytes() < sender.turn.payload.message_size;
  const bool flowing = message_open || (!size_known && fills_segments(sender, peer, sender.last_length));
  const bool replied = now_.last_data_side != side && peer.turn && saw_reply && !flowing;
  const bool idle = gap >= settings_->smallest_idle_gap;
  const bool after_interim = is_interim(sender.turn.payload) && !message_open;
  if (!sender.turn || after_interim || ((replied || (idle && !message_open)) && !continues_body(segment, side))) {
    begin_turn(segment, side, from, gap);
    sender.disordered = sender.disordered || jumped;
    seen.turn_began = true;
  }
  if (idle) seen.idle_gap = gap;
  Turn& turn = sender.turn;
  turn.end = end;
  turn.last = mark_of(segment);
  turn.acked = 0;
  turn.goodbye = is_tls_goodbye(segment.payload, segment.length);
  // What was cut may hold anything: then the end hasn't been seen.
  turn.message_ended =
      turn.payload.chunked && segment.payload.size() == segment.length && ends_chunked_message(segment.payload);

  note_answer(segment, side, seen);
  if (peer.fin() && segment.has(kAck) && peer.fin_covered_by(segment.ack) && !sender.data_past_fin()) {
    sender.seldom.write().data_past_fin = mark_of(segment);
  }
  sender.bytes += static_cast<std::uint32_t>(end.since(from));
  sender.next = end;
  if (segment.length >= kUsualSegment && offered_mss(sender, peer) == SynOptions::kNoMss) {
    Seldom& seldom = sender.seldom.write();
    seldom.longest = std::max(seldom.longest, segment.length);
  }
  sender.last_length = segment.length;
  if (!sender.oldest_unacked) {
    sender.oldest_unacked = mark_of(segment);
    forget_retransmissions(sender);
  }
  now_.last_data_side = side;
}

/// Of a request whose length is unknown: all that follows it and is no request itself, even after an early answer.
bool Connection::continues_body(const Segment& segment, Side side) const {
  const PayloadFacts& request = now_.half(side).turn.payload;
  if (request.kind != PayloadKind::http_request || request.message_size != PayloadFacts::kUnknownSize) return false;
  return has_body(request) && now_.half(other(side)).turn.payload.status != kSwitchingProtocols &&
         facts_of(segment).kind != PayloadKind::http_request;
}

/// This side's data is an answer if it was sent after some of the other side's turn had arrived.
void Connection::note_answer(const Segment& segment, Side side, Observation& seen) {
  const Turn& turn = now_.half(side).turn;
  Turn& asked = now_.half(other(side)).turn;
  if (!asked || asked.answered || !segment.has(kAck) || !segment.ack.after(asked.seq)) return;
  // Whoever closes answers nothing, nor does who only says that he will.
  if (is_tls_goodbye(segment.payload, segment.length) || is_interim(turn.payload)) return;
  asked.answered = segment.frame;
  asked.wait = {elapsed(asked.last, segment)};
  seen.answered = true;
  if (side == Side::client) return;
  count_one(now_.exchanges);
  now_.longest_answered_gap = {std::max<Nanoseconds>(now_.longest_answered_gap, asked.gap)};
  now_.longest_answered_silence = {std::max<Nanoseconds>(now_.longest_answered_silence, asked.silence)};
  const bool gateway_failed = turn.payload.status >= 502 && turn.payload.status <= 504;
  if (!gateway_failed) return;
  seen.gateway_failed = true;
  seen.deciding = true;
  if (!now_.gateway_failure().answer) {
    now_.odd.write().gateway_failure = {asked.begin, mark_of(segment), asked.wait, turn.payload.status};
  }
}

/// What was unacknowledged got through, or new data took its place.
void Connection::forget_retransmissions(HalfConnection& half) {
  half.retransmissions = 0;
  if (half.last_retransmission()) half.seldom.write().last_retransmission = {};
}

/// What lies before `number` was sent and not captured, or comes later: a lossy or reordering capture.
void Connection::skip_to(HalfConnection& sender, SequenceNumber number) {
  Seldom& seldom = sender.seldom.write();
  seldom.hole_begin = sender.next;
  seldom.hole_end = number;
  seldom.unseen_bytes += static_cast<std::uint32_t>(number.since(sender.next));
  sender.next = number;
}

/// Whether the segment brings what had been missing, from either edge of the latest hole.
bool Connection::fill_hole(const Segment& segment, HalfConnection& sender) {
  if (sender.hole_begin() == sender.hole_end()) return false;
  const SequenceNumber end = segment.seq + segment.length;
  if (segment.seq.before(sender.hole_begin()) || end.after(sender.hole_end())) return false;
  Seldom& seldom = sender.seldom.write();
  seldom.unseen_bytes -= std::min(seldom.unseen_bytes, segment.length);
  sender.bytes += segment.length;
  if (segment.seq == seldom.hole_begin) {
    seldom.hole_begin = end;
  } else {
    seldom.hole_end = segment.seq;
  }
  return true;
}

void Connection::begin_turn(const Segment& segment, Side side, SequenceNumber from, Nanoseconds gap) {
  Turn& turn = now_.half(side).turn;
  const bool follows_unanswered = turn && !turn.answered;
  const PayloadFacts before = turn && turn.answered ? turn.payload : PayloadFacts{};
  turn = {};
  turn.begin = mark_of(segment);
  turn.seq = from;
  turn.ack = segment.ack;
  turn.gap = {gap};
  turn.silence = {elapsed(now_.last(), segment)};
  turn.payload = facts_of(segment);
  if (turn.payload.kind == PayloadKind::other &&
      segment.payload.size() < std::min<std::size_t>(segment.length, kRecognisable)) {
    turn.payload.kind = PayloadKind::none;
  }
  turn.follows_unanswered = follows_unanswered;
  const bool plain = before.kind == PayloadKind::other || before.kind == PayloadKind::none;
  turn.repeated = plain && turn.payload.kind == before.kind && turn.payload.fingerprint == before.fingerprint &&
                  !segment.payload.empty();
  const Turn& asked = now_.half(Side::client).turn;
  const bool nothing_asked = asked.answered != 0 || (asked && segment.has(kAck) && segment.ack == asked.seq);
  turn.unasked = side == Side::server && nothing_asked && gap >= settings_->smallest_idle_gap;
  now_.server_speaks_unasked = now_.server_speaks_unasked || turn.unasked;
  if (turn.payload.fatal_alert != 0 && !now_.tls_alert().at) {
    now_.odd.write().tls_alert = {mark_of(segment), side, static_cast<std::uint8_t>(turn.payload.fatal_alert - 1)};
  }
}

void Connection::observe_acknowledgment(const Segment& segment, Side side, Observation& seen) {
  HalfConnection& sender = now_.half(side);
  HalfConnection& peer = now_.half(other(side));
  peer.probes = 0;
  if (!segment.has(kAck)) return;
  const bool progress = !sender.ack_known || segment.ack.after(sender.ack);
  if (!progress) return;
  if (peer.next_known) {
    const std::int32_t beyond = segment.ack.since(peer.next);
    if (beyond >= kImpossibleJump) return;
    if (beyond > 0) {
      skip_to(peer, segment.ack);
      peer.disordered = true;
    }
  } else {
    peer.next = segment.ack;
    peer.next_known = true;
  }
  sender.ack = segment.ack;
  sender.ack_known = true;

  if (peer.oldest_unacked) {
    const Nanoseconds taken = elapsed(peer.oldest_unacked, segment);
    const bool timed = peer.retransmissions == 0 && !peer.left_over && taken <= kLongestRoundTrip;
    if (timed) sender.response_time = std::min(sender.response_time, taken);
    peer.left_over = segment.ack != peer.next;
    peer.oldest_unacked = peer.left_over ? mark_of(segment) : Mark{};
  }
  forget_retransmissions(peer);
  if (peer.turn && peer.turn.acked == 0 && !segment.ack.before(peer.turn.end)) {
    peer.turn.acked = segment.frame;
    seen.deciding = seen.deciding || sender.fin();
  }
  if (!peer.fin_acked() && peer.fin_covered_by(segment.ack)) peer.seldom.write().fin_acked = mark_of(segment);
}

void Connection::observe_fin(const Segment& segment, Side side) {
  HalfConnection& sender = now_.half(side);
  if (sender.fin()) return;
  const SequenceNumber number = segment.seq + segment.length;
  if (sender.next_known && std::abs(static_cast<std::int64_t>(number.since(sender.next))) >= kImpossibleJump) return;
  Seldom& closing = sender.seldom.write();
  closing.fin = mark_of(segment);
  closing.fin_seq = number;
  closing.fin_ack = segment.ack;
  // Data that the FIN does not acknowledge hadn't reached the closer: to it, the silence went on.
  const Turn& theirs = now_.half(other(side)).turn;
  const bool unaware = theirs && segment.has(kAck) && !segment.ack.after(theirs.seq) && sender.turn;
  const Mark& last_data = unaware ? sender.turn.last : now_.last_data();
  closing.fin_gap = {elapsed(last_data ? last_data : now_.first(), segment)};
  // A farewell of its own (close_notify, "terminating idle connection") is part of the close: the silence was before it.
  const bool said_farewell = sender.turn.unasked && sender.turn.bytes() <= kFarewellBytes &&
                             (unaware || now_.last_data_side == side);
  if (said_farewell) closing.fin_gap = {closing.fin_gap + sender.turn.gap};
  if (sender.next_known && number.after(sender.next)) {
    skip_to(sender, number);
    sender.disordered = true;
  }
  if (!sender.next_known || (number + 1).after(sender.next)) sender.next = number + 1;
  sender.next_known = true;
  if (!sender.oldest_unacked) sender.oldest_unacked = mark_of(segment);
}

// ------------------------------------------------------------------------------------------------ identity

void Connection::identify(const Segment& segment, HalfConnection& sender) {
  if (segment.ttl) {
    sender.ttl_low = std::min(sender.ttl_low, *segment.ttl);
    sender.ttl_high = std::max(sender.ttl_high, *segment.ttl);
  }
  if (segment.ip_id && *segment.ip_id != 0) {
    sender.ip_id = *segment.ip_id;
    sender.ip_id_known = true;
  }
  if (!segment.options.known) return;
  if (segment.options.timestamps) {
    sender.tsval = segment.options.tsval;
    sender.tsval_known = true;
    sender.echoes = sender.echoes || segment.options.tsecr > 1;
  }
  if (segment.has(kSyn) || sender.probes > 0) return;
  count_one(segment.options.timestamps ? sender.with_timestamps : sender.without_timestamps);
  const HalfConnection& client = now_.half(Side::client);
  const HalfConnection& server = now_.half(Side::server);
  // Who echoes the other's clock has seen it (TSecr is 0 or a constant where a device made the option up).
  const auto always = [](const HalfConnection& half) {
    return half.with_timestamps >= 2 && half.without_timestamps == 0 && half.echoes;
  };
  const auto never = [](const HalfConnection& half) { return half.without_timestamps >= 2 && half.with_timestamps == 0; };
  if (!now_.timestamps_one_way() && ((always(client) && never(server)) || (always(server) && never(client)))) {
    now_.odd.write().timestamps_one_way = mark_of(segment);
  }
}

void Connection::remember_segment(const Segment& segment, Side side) {
  HalfConnection& sender = now_.half(side);
  sender.recent[1] = sender.recent[0];
  // Made where it stays, and each mark from the segment: what was just written in small pieces and is read again in
  // large ones makes the processor wait.
  std::construct_at(&sender.recent[0], segment);
  sender.seen = true;
  if (!sender.first) sender.first = mark_of(segment);
  sender.point = segment.point;
  now_.last_side = side;
}

// ------------------------------------------------------------------------------------------------- summary

bool Connection::closed_cleanly() const {
  return !trouble_ && now_.half(Side::client).fin_acked() && now_.half(Side::server).fin_acked();
}

bool Connection::reset_after_handshake() const {
  const Break* incident = broken();
  if (incident == nullptr || !now_.handshake_seen()) return false;
  const Reset& reset = incident->resets[0];
  const HalfConnection& server = incident->at.half(Side::server);
  if (reset.by != Side::server || reset.segment.seq != server.isn + 1) return false;
  if (server.bytes > 0 || server.fin() || server.last().frame != server.syn().frame) return false;
  const Mark& completed = incident->at.established;
  if (!completed || incident->at.half(Side::client).fin()) return false;
  Nanoseconds limit = kSecond;
  for (const HalfConnection& half : now_.halves) {
    if (half.response_time_known()) limit += half.response_time;
  }
  return reset.segment.at.time - completed.time <= limit;
}

bool Connection::meets_previous() const {
  const Incarnation* before = previous();
  if (before == nullptr || before->reset || !now_.half(Side::client).syn()) return false;
  const Nanoseconds age = now_.half(Side::client).syn().time - (before->both_fins ? before->closed : before->last).time;
  return age >= 0 && age <= settings_->time_wait;
}

bool Connection::is_remarkable() const {
  if (trouble_ || meets_previous()) return true;
  const HalfConnection& client = now_.half(Side::client);
  const HalfConnection& server = now_.half(Side::server);
  const Turn& request = client.turn;
  // A client that asked, waited, and closed before the answer came, if one did.
  const auto gave_up = [&] {
    return request && client.fin().frame > request.last.frame &&
           (request.answered == 0 || request.answered > client.fin().frame);
  };
  // A server that closes while somebody waits for an answer, before it has all of a request, or in the middle of its answer.
  // Or the first words after the handshake are answered by a farewell: TLS 1.3 hides its alerts.
  const auto failed = [&] {
    const PayloadFacts& answer = server.turn.payload;
    const bool tls_refused =
        request.payload.kind == PayloadKind::tls_handshake && answer.kind != PayloadKind::tls_handshake;
    return (request && request.answered == 0) || request.is_partial_at(server.fin_ack()) ||
           server.turn.is_partial_at(server.turn.end) || answer.status == kRequestTimeout || tls_refused;
  };
  const auto stripped = [](const HalfConnection& half) {
    return half.syn_copies_disagree || half.syn_options.longest_nop_run >= kBlankedTimestampNops;
  };
  const bool timestamps_odd = now_.handshake_seen() && client.syn_options.timestamps != server.syn_options.timestamps;
  return (server.fin() && failed()) || (client.fin() && gave_up()) || stripped(client) || stripped(server) || timestamps_odd ||
         now_.tls_alert().at || now_.gateway_failure().answer || now_.timestamps_one_way() ||
         client.retransmissions >= kBlackholeRetransmissions || server.retransmissions >= kBlackholeRetransmissions ||
         client.syns >= kBlockedSyns;
}

Incarnation Connection::remember() const {
  Incarnation past;
  past.stream = stream_;
  past.last = now_.last();
  const HalfConnection& client = now_.half(Side::client);
  const HalfConnection& server = now_.half(Side::server);
  past.both_fins = client.fin() && server.fin();
  if (past.both_fins) past.closed = client.fin().time > server.fin().time ? client.fin() : server.fin();
  const bool client_first = client.fin() && (!server.fin() || client.fin().frame < server.fin().frame);
  past.first_closer = client_first ? Side::client : Side::server;
  past.reset = broken() != nullptr;
  past.start_seen = now_.handshake_seen();
  past.timestamps = client.with_timestamps > 0 && server.with_timestamps > 0;
  for (const Side side : {Side::client, Side::server}) {
    past.next[index(side)] = now_.half(side).next;
    past.tsval[index(side)] = now_.half(side).tsval;
    past.ip_id[index(side)] = now_.half(side).ip_id;
  }
  return past;
}

Incarnation Incarnation::turned() const {
  Incarnation turned = *this;
  turned.first_closer = other(first_closer);
  std::swap(turned.next[0], turned.next[1]);
  std::swap(turned.tsval[0], turned.tsval[1]);
  std::swap(turned.ip_id[0], turned.ip_id[1]);
  return turned;
}

}  // namespace tcpwhy
