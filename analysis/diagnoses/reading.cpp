#include "reading.h"

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"

namespace tcpwhy {
namespace {

/// Nothing answered it, and no answer can hide in what was not captured.
const Turn* find_lost_request(const ConnectionState& now) {
  const Turn& turn = now.half(Side::client).turn;
  const HalfConnection& server = now.half(Side::server);
  const bool answer_may_hide = server.hole_begin() != server.hole_end() && server.hole_end().after(turn.ack);
  return turn && !turn.answered && !answer_may_hide ? &turn : nullptr;
}

}  // namespace

Reading::Reading(const Evidence& given)
    : evidence(given),
      connection(given.connection),
      now(given.connection.now()),
      at(given.connection.decisive()),
      broken(given.connection.broken()),
      reset(broken != nullptr ? &broken->resets[0] : nullptr),
      client(now.half(Side::client)),
      server(now.half(Side::server)),
      lost_request(find_lost_request(now)) {}

bool Reading::whole() const { return seen_whole() && !resets_know_more(); }

bool Reading::seen_whole() const {
  return now.handshake_seen() && !now.one_sided() && client.unseen_bytes() == 0 && server.unseen_bytes() == 0 &&
         !now.clock_stepped && !out_of_order() && !misses_acknowledgment();
}

bool Reading::closed_in_mid_response() const {
  const Turn& response = server.turn;
  if (reset != nullptr || !server.fin() || response.payload.kind != PayloadKind::http_response || !is_known_incomplete(response)) return false;
  // What answers a HEAD announces what it doesn't send.
  if (client.turn.payload.kind != PayloadKind::http_request || verb_name(client.turn.payload.verb) == "HEAD") return false;
  const bool client_closed_before = client.fin() && client.fin().frame < server.fin().frame;
  return whole() && !client_closed_before;
}

bool Reading::out_of_order() const { return client.disordered || server.disordered; }

bool Reading::misses_acknowledgment() const {
  const bool reset_last = broken != nullptr && broken->last_reset.frame > now.last().frame;
  const Nanoseconds end = reset_last ? broken->last_reset.time : now.last().time;
  const auto stood = [&](const HalfConnection& half) {
    return half.oldest_unacked && half.oldest_unacked.frame != half.fin().frame && half.retransmissions == 0 &&
           end - half.oldest_unacked.time > kLongestFirstTimeout + 2 * round_trip();
  };
  return stood(client) || stood(server);
}

bool Reading::resets_know_more() const {
  if (broken == nullptr || read_forgery(*this).volley) return false;
  return std::any_of(broken->resets.begin(), broken->resets.begin() + static_cast<std::ptrdiff_t>(broken->kept),
                     [&](const Reset& one) {
                       const HalfConnection& sender = now.half(one.by);
                       const HalfConnection& receiver = now.half(other(one.by));
                       return (sender.next_known && one.segment.seq.after(sender.next)) ||
                              (one.segment.has(kAck) && receiver.next_known && one.segment.ack.after(receiver.next));
                     });
}

bool Reading::was_conversing() const {
  const bool answers_before = now.exchanges > 0 || (!now.handshake_seen() && server.ack_known);
  return answers_before && lost_request != nullptr && !lost_request->follows_unanswered;
}

bool Reading::client_closed_first() const {
  const bool before_reset = reset == nullptr || client.fin().frame < reset->segment.at.frame;
  const bool server_said_goodbye = server.turn.goodbye && server.turn.last.frame < client.fin().frame;
  return client.fin() && !server.fin_covered_by(client.fin_ack()) && !server_said_goodbye && before_reset;
}

bool Reading::server_received(const Turn& turn) const {
  if (server.ack_known && !server.ack.before(turn.end)) return true;
  return reset_by(Side::server) && reset->segment.has(kAck) && !reset->segment.ack.before(turn.end);
}

bool Reading::wants_no_answer(const Turn& turn) const {
  const PayloadFacts& payload = turn.payload;
  switch (payload.kind) {
    case PayloadKind::http_request: return false;
    case PayloadKind::http_response: return true;  // Who dialled is the one who serves.
    case PayloadKind::tls_alert: return true;
    case PayloadKind::tls_handshake:
      if (now.exchanges > 0 && turn.bytes() <= kFinishedBytes) return true;
      break;
    case PayloadKind::tls_data:
      if (payload.tls_record <= kControlRecord && turn.bytes() <= 2U * kControlRecord) return true;
      break;
    default: break;
  }
  if (turn.repeated && !client_closed_first()) return false;
  // A few plain bytes to a server that had closed without waiting for anything.
  const bool plain = payload.kind == PayloadKind::other || payload.kind == PayloadKind::none;
  if (plain && now.exchanges == 0 && turn.bytes() <= kGoodbyeBytes && server.fin_covered_by(turn.ack)) return true;
  // Or that said farewell and closed, and is answered in kind at once: GOAWAY for GOAWAY.
  const bool answers_farewell = server.turn.unasked && server.turn.bytes() <= kFarewellBytes &&
                                server.fin_covered_by(turn.ack) &&
                                turn.begin.time - server.fin().time <= round_trip_to(Side::client) + evidence.settings.rtt_margin;
  if (plain && answers_farewell && turn.bytes() <= kGoodbyeBytes) return true;
  const Mark& fin = client.fin();
  if (!fin || fin.frame < turn.last.frame) return false;
  if (!client_closed_first()) {
    // It closes because the server did. What it had sent without knowing was meant; what is short, and no idle close
    // met it, was a parting word.
    const bool closes_behind = fin.time - turn.last.time <= evidence.settings.rtt_margin;
    const bool unaware = !server.fin_covered_by(turn.ack);
    if (!closes_behind || (unaware && server.fin_gap() >= evidence.settings.smallest_idle_gap)) return false;
    return turn.bytes() <= kGoodbyeBytes;
  }
  // Of its own accord: it did not wait, or waits no longer.
  // Who waits, and then closes and resets in one go, had wanted one.
  if (reset_by(Side::client) && reset->abort && fin.time - turn.last.time >= round_trip() + kSecond) return false;
  const bool little = turn.bytes() <= kFarewellBytes || !turn.follows_unanswered;
  return server_received(turn) || (now.exchanges > 0 && little);
}

bool Reading::last_words_unseen(Side side) const {
  const HalfConnection& half = at.half(side);
  return half.unseen_bytes() > 0 && half.hole_end() == half.next && !half.fin();
}

Mark Reading::server_last_spoke() const {
  const Turn& response = at.half(Side::server).turn;
  if (!response) return now.established ? now.established : now.first();
  // A farewell is part of the close.
  return response.unasked ? Mark{response.begin.frame, response.begin.time - response.gap} : response.last;
}

std::uint64_t Reading::unacknowledged(Side sender) const {
  const HalfConnection& half = now.half(sender);
  const HalfConnection& peer = now.half(other(sender));
  if (!half.next_known || !peer.ack_known) return 0;
  std::int32_t outstanding = half.next.since(peer.ack);
  if (half.fin() && outstanding > 0) --outstanding;
  return outstanding > 0 ? static_cast<std::uint64_t>(outstanding) : 0;
}

Nanoseconds Reading::round_trip_to(Side side) const {
  const HalfConnection& half = now.half(side);
  return half.response_time_known() ? half.response_time : 0;
}

Nanoseconds Reading::round_trip() const { return round_trip_to(Side::client) + round_trip_to(Side::server); }

bool Reading::outlasts_survivors(Nanoseconds silence) const {
  return silence > evidence.around.longest_answered_silence + kSameMoment;
}

bool Reading::server_forgets_busy_streams() const {
  const auto& shortest = evidence.around.shortest_lost_silence;
  return shortest && *shortest < evidence.settings.smallest_idle_gap;
}

// ------------------------------------------------------------------------------------------------- forgery

int ForgerySigns::weight() const {
  return (other_ttl ? 2 : 0) + (near_ttl ? 1 : 0) + (too_fast ? 2 : 0) + (sender_carried_on ? 2 : 0) +
         (sender_spoke_later ? 1 : 0) + (ahead_of_sequence ? 1 : 0) + (foreign_ip_id ? 1 : 0) + (volley ? 3 : 0) +
         (sent_past_it ? 3 : 0) + (never_sent ? 4 : 0);
}

/// A device that forges resets sends several at once, the later ones ahead of the stream in case that one comes too late.
/// No host does: each of its resets repeats a number that it or its peer has reached.
bool is_volley(const Reading& reading) {
  const Break& broken = *reading.broken;
  const Reset& first = broken.resets[0];
  const HalfConnection& then = reading.at.half(first.by);
  if (!then.next_known || first.segment.seq.after(then.next)) return false;
  return std::any_of(broken.resets.begin() + 1, broken.resets.begin() + static_cast<std::ptrdiff_t>(broken.kept),
                     [&](const Reset& later) {
                       const SequenceNumber reached = reading.now.half(first.by).next;
                       return later.by == first.by && later.segment.at.time - first.segment.at.time <= kCopyWindow &&
                              later.segment.seq.after(then.next) && later.segment.seq.after(reached);
                     });
}

ForgerySigns read_forgery(const Reading& reading) {
  ForgerySigns signs;
  if (reading.reset == nullptr) return signs;
  const Reset& reset = *reading.reset;
  const Portrait& segment = reset.segment;
  const HalfConnection& then = reading.at.half(reset.by);
  const HalfConnection& after = reading.now.half(reset.by);
  const Nanoseconds margin = reading.evidence.settings.rtt_margin;

  const TwoPoints& points = reading.now.points(reset.by);
  const bool behind = points && segment.point == points.far;
  signs.never_sent = behind && points.reliable();
  // Seen at another place than what that host sent before: TTLs and delays of two places can't be compared. Where a place goes by
  // who sends there, and its packets were seen at one only, it is another sender.
  const bool tells_places = points || !goes_by_sender(segment.point);
  const bool elsewhere = tells_places && !behind && segment.point != 0 && then.point != 0 && segment.point != then.point;
  if (!elsewhere && then.ttl_known()) {
    const int hops = behind ? points.hops : 0;
    signs.ttl_low = then.ttl_low - hops;
    signs.ttl_high = then.ttl_high - hops;
  }
  if (segment.ttl_known && signs.ttl_low <= signs.ttl_high) {
    const int below = signs.ttl_low - segment.ttl;
    const int above = segment.ttl - signs.ttl_high;
    const int off = std::max(below, above);
    signs.other_ttl = off > 1;
    signs.near_ttl = off == 1;
  }
  // Only an answer can be timed, and only if nothing earlier can have drawn it: its ack covers the stimulus, or its
  // number repeats the stimulus's ack and the line had been quiet.
  const HalfConnection& peer = reading.at.half(other(reset.by));
  const Glimpse& stimulus = peer.recent[0];
  const bool timed = !elsewhere && then.response_time_known() && then.response_time >= kMeasurableRoundTrip;
  if (timed && stimulus.at && peer.oldest_unacked) {
    const bool covers = segment.has(kAck) && stimulus.length > 0 && segment.ack.after(stimulus.seq);
    const bool quiet = !peer.recent[1].at || stimulus.at.time - peer.recent[1].at.time > 2 * then.response_time;
    const bool repeats = reset.reply && reset.provoked_by == stimulus.at.frame && quiet;
    signs.too_fast = (covers || repeats) && segment.at.time - stimulus.at.time < then.response_time / 2;
  }
  // A reply repeats an ack that nobody could send before what it acknowledges had passed here.
  const Mark& acknowledged = then.turn ? then.turn.last : then.last_syn();
  if (timed && reset.reply && reading.now.handshake_seen() && acknowledged && !then.fin() && segment.seq == then.next) {
    signs.too_fast = signs.too_fast || segment.at.time - acknowledged.time < then.response_time / 2;
  }
  const bool new_data = after.next.after(then.next) && after.bytes > then.bytes;
  const bool new_ack = after.ack_known && then.ack_known && after.ack.after(then.ack);
  // Who is still connecting resets an ACK of other numbers, seen here or not, and connects on (RFC 9293 section 3.10.7.3).
  const bool still_connects = then.last_syn() && !then.ack_known && then.next_known && segment.seq != then.next;
  // Who gave a connection up repeats nothing of it.
  const bool repeated = after.last_retransmission() && after.last_retransmission().time - segment.at.time > margin;
  signs.sender_carried_on =
      !still_connects && (repeated || ((new_data || new_ack) && after.last().time - segment.at.time > margin));
  // Whoever aborts resets at the end of all that he ever sent (RFC 9293 section 3.10.5: the number is SND.NXT, and what is queued is flushed).
  const bool at_the_end = !reset.reply && segment.has(kAck) && then.next_known && segment.seq == then.next;
  signs.sent_past_it = at_the_end && after.bytes > then.bytes + kDisorder && after.turn.last.time - segment.at.time > kMillisecond;
  signs.sender_spoke_later = new_data && after.turn.last.time - segment.at.time > 2 * reading.round_trip() + margin;
  signs.volley = is_volley(reading);
  signs.ahead_of_sequence = then.next_known && segment.seq.after(then.next);
  signs.foreign_ip_id = segment.has(kAck) && segment.ip_id_known && segment.ip_id != 0 && then.ip_id_known &&
                        static_cast<std::uint16_t>(segment.ip_id - then.ip_id) > 16 * kIpIdStep;
  // What a socket sends continues its IP IDs and, on Linux, has timestamps where they are in use (tcp_send_active_reset);
  // stacks that zero the window of an abort go on counting. Without either it would be a reply, and one to a segment that has
  // an ACK has none itself (RFC 9293 section 3.10.7.1).
  const bool numbers_and_keeps_time = then.ip_id_known && then.with_timestamps >= 2 && then.without_timestamps == 0;
  const bool has_neither = segment.ip_id_known && segment.ip_id == 0 && !segment.timestamps;
  const bool abort_without_window = segment.has(kAck) && segment.window == 0 && segment.seq.raw() != 0;
  signs.other_hand = signs.other_ttl && abort_without_window && numbers_and_keeps_time && has_neither;
  return signs;
}

bool never_arrived(const Reading& reading) {
  const TwoPoints& points = reading.now.points(Side::client);
  const Turn& turn = reading.client.turn;
  if (!turn || reading.now.clock_stepped || !points.reliable() || !points.arrived_known || points.arrived.after(turn.seq)) return false;
  const Mark& elsewhere = reading.evidence.around.latest_arrival;
  return elsewhere && elsewhere.time > turn.begin.time + reading.round_trip() + reading.evidence.settings.rtt_margin;
}

bool proves_by_two_places(const Reading& reading, Side sender) {
  if (reading.reset != nullptr) return reading.reset_by(sender) && read_forgery(reading).never_sent;
  return sender == Side::client && reading.lost_request != nullptr && never_arrived(reading);
}

namespace {

std::string describe_two_points(const Reading& reading, Side sender) {
  const TwoPoints& points = reading.now.points(sender);
  return fmt::format("this capture shows the packets of {} at two places of their way, lastly in {} and {}",
                     name(reading.connection, sender), frame(points.first_sight), frame(points.second_sight));
}

}  // namespace

std::string describe_vanishing(const Reading& reading) {
  return fmt::format(" They never got there: {}, and none of these came to the second, where {} of another stream did.",
                     describe_two_points(reading, Side::client), frame(reading.evidence.around.latest_arrival));
}

std::string describe_forgery(const Reading& reading) {
  const ForgerySigns signs = read_forgery(reading);
  const Reset& reset = *reading.reset;
  std::string text;
  if (signs.never_sent) {
    text += fmt::format(" {}, and this RST was not there at the first of them;", describe_two_points(reading, reset.by));
  }
  if (signs.other_ttl || signs.near_ttl) {
    text += fmt::format(" its TTL is {}, that of the {}'s own segments {};", reset.segment.ttl, name(reset.by),
                        signs.ttl_low == signs.ttl_high ? fmt::format("{}", signs.ttl_low)
                                                        : fmt::format("{} to {}", signs.ttl_low, signs.ttl_high));
  }
  if (signs.sent_past_it) {
    text += fmt::format(" that host went on to send {} beyond the RST's number, until {};",
                        bytes(reading.now.half(reset.by).bytes - reading.at.half(reset.by).bytes),
                        frame(reading.now.half(reset.by).turn.last));
  }
  if (signs.too_fast) {
    const Mark& stimulus = reading.at.half(other(reset.by)).recent[0].at;
    text += fmt::format(" it came {} after {}, and that host never answered in less than {};",
                        duration(reset.segment.at.time - stimulus.time), frame(stimulus),
                        duration(reading.at.half(reset.by).response_time));
  }
  return text;
}

// --------------------------------------------------------------------------------------------- completeness

bool is_known_incomplete(const Turn& turn) {
  return turn.is_partial_at(turn.end);
}

Completeness response_completeness(const Reading& reading) {
  const HalfConnection& server = reading.at.half(Side::server);
  const HalfConnection& client = reading.at.half(Side::client);
  const Turn& response = server.turn;
  if (!response) return Completeness::looks_complete;
  if (response.payload.message_size != PayloadFacts::kUnknownSize) {
    return response.bytes() >= response.payload.message_size ? Completeness::complete : Completeness::incomplete;
  }
  if (response.payload.chunked && response.message_ended) return Completeness::complete;
  if (server.fin()) return Completeness::looks_complete;
  return fills_segments(server, client, server.last_length) ? Completeness::looks_cut : Completeness::looks_complete;
}

// ---------------------------------------------------------------------------------------------------- words

ResetKind kind_of(const Reset* reset) {
  if (reset == nullptr) return ResetKind::none;
  if (reset->abort) return ResetKind::abort;
  return reset->reply ? ResetKind::reply : ResetKind::unknown;
}

ResetBy sent_by(const Reset* reset) {
  if (reset == nullptr) return ResetBy::none;
  return reset->by == Side::client ? ResetBy::client : ResetBy::server;
}

std::vector<std::string> rule_out_forgery(const Reading& reading) {
  std::vector<std::string> lines;
  if (reading.reset == nullptr) return lines;
  const Portrait& segment = reading.reset->segment;
  const ForgerySigns signs = read_forgery(reading);
  if (signs.weight() == 0 && segment.ttl_known && signs.ttl_low <= signs.ttl_high) {
    lines.push_back(fmt::format("injected_reset: the RST's TTL {} is that of the {}'s other segments, and that host "
                                "did not carry on after it",
                                segment.ttl, name(reading.reset->by)));
  }
  return lines;
}

std::string describe_reset(const Reading& reading) {
  if (reading.reset == nullptr) return {};
  const Reset& reset = *reading.reset;
  std::string text = fmt::format("{} from the {}", frame(reset.segment.at), name(reset.by));
  if (reading.broken->count > 1) {
    text += fmt::format(", the first of {} RST frames of this one incident", reading.broken->count);
  }
  return text;
}

std::string missing_from_capture(const Reading& reading) {
  std::string text;
  const auto say = [&](std::string_view sentence) {
    if (!text.empty()) text += ' ';
    text += sentence;
  };
  if (!reading.now.handshake_seen()) {
    say("The start of this connection is not in the capture: who opened it, the round trip and the options are "
        "unknown.");
  }
  const auto silent = [&](Side side) { return !reading.now.half(side).seen && !reading.reset_by(side); };
  if (silent(Side::client) || silent(Side::server)) {
    say("Only one direction was captured; capture where both directions pass, or on the host itself.");
  }
  const std::uint64_t unseen = std::uint64_t{reading.client.unseen_bytes()} + reading.server.unseen_bytes();
  if (unseen > 0 && reading.now.handshake_seen()) {
    say(fmt::format("{} of this connection passed without being captured.", bytes(unseen)));
  }
  if (unseen == 0 && reading.out_of_order()) {
    say("Some of it was captured late: the frames are not in the order of the wire, or were sent twice.");
  }
  if (reading.misses_acknowledgment()) {
    say("Data stood unacknowledged for longer than any host waits before it repeats it: an acknowledgment is missing.");
  }
  if (reading.resets_know_more()) {
    say("A reset's numbers are ahead of all that was captured: segments before it are missing, or it is forged.");
  }
  if (reading.now.clock_stepped) say("The capture's clock stepped, so times across the step are not to be trusted.");
  return text;
}

void add_missing(const Reading& reading, Narrative& narrative) {
  const std::string missing = missing_from_capture(reading);
  if (missing.empty()) return;
  if (!narrative.blind_spot.empty()) narrative.blind_spot += ' ';
  narrative.blind_spot += missing;
}

Verdict reset_verdict(const Reading& reading) {
  Verdict verdict;
  verdict.confidence = Confidence::likely;
  verdict.reset_by = sent_by(reading.reset);
  verdict.reset_kind = kind_of(reading.reset);
  verdict.severity = Severity::error;
  if (reading.reset != nullptr) {
    verdict.deciding_frame = reading.reset->segment.at.frame;
    verdict.provoked_by = reading.reset->provoked_by;
  }
  return verdict;
}

Verdict harmless_verdict(const Reading& reading) {
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = reading.surest();
  verdict.fault = Fault::nobody;
  verdict.impact = Impact::none;
  verdict.severity = Severity::chat;
  return verdict;
}

namespace {

std::string describe_pattern(const RetryHabit& habit) {
  switch (habit.pattern) {
    case RetryHabit::Pattern::none:
    case RetryHabit::Pattern::immediate: return "at once";
    case RetryHabit::Pattern::fixed: return fmt::format("after {} each time", duration(habit.longest_delay));
    case RetryHabit::Pattern::backoff:
      return fmt::format("with backoff ({} to {})", duration(habit.shortest_delay), duration(habit.longest_delay));
  }
  return {};
}

}  // namespace

std::string describe_retry(const Reading& reading) {
  const Surroundings& around = reading.evidence.around;
  const auto& retry = around.request_retry;
  const auto& habit = around.retry_habit;
  std::string text;
  if (retry && !retry->recognised) {
    text = fmt::format(" The client connected to this server again {} later (stream {}, {}): to repeat it, by the time; the request itself "
                       "can't be read.",
                       duration(retry->delay), retry->stream, frame(retry->at));
  } else if (retry) {
    text = fmt::format(" The client sent the same request again {}on stream {} ({}), {}.",
                       retry->delay > 0 ? duration(retry->delay) + " later " : "", retry->stream, frame(retry->at),
                       retry->succeeded ? "where it was answered" : "which was not answered either");
  } else if (habit && around.gave_up) {
    text = " The client didn't send it again.";
  }
  if (retry && retry->met_stale) {
    text += " That was another connection that had been idle: retries that stay within the pool meet the same close.";
  }
  if (!habit || habit->failures < 2) return text;
  if (habit->repeated == 0) return text + fmt::format(" It gave up on all {} requests to this server that failed.", habit->failures);
  return text + fmt::format(" Of its {} requests to this server that failed it repeated {}, {}.", habit->failures, habit->repeated,
                            describe_pattern(*habit));
}

std::string describe_next_connect(const Evidence& evidence) {
  const auto& next = evidence.around.dialled_again;
  const auto& habit = evidence.around.retry_habit;
  std::string text;
  if (next) {
    text = fmt::format(" The client dialled again {} later (stream {}, {}), {}.", duration(next->delay), next->stream,
                       frame(next->at), next->succeeded ? "and got through" : "in vain as well");
  } else if (habit && evidence.around.gave_up) {
    text = " The client didn't dial again.";
  }
  if (!habit || habit->failures < 2 || habit->repeated == 0) return text;
  return text + fmt::format(" Of its {} connects to this server that failed it repeated {}, {}.", habit->failures, habit->repeated,
                            describe_pattern(*habit));
}

}  // namespace tcpwhy
