// Idle connections and keep-alive: a request meets a close, or a connection that somebody has forgotten.
//
// The ack number of the request decides between a race and a blind reuse, not the order of the packets: at the
// client the request comes before the FIN, at the server after it, in the middle it can be either. A FIN with
// number F is covered by an ack of F+1.

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"
#include "families.h"
#include "hearsay.h"
#include "reading.h"

namespace tcpwhy {
namespace {

// ------------------------------------------------------------------------------- what the signatures share

/// A request that the server's close met.
struct Meeting {
  const Turn* request = nullptr;
  bool covers_fin = false;   ///< The client had acknowledged the FIN by then.
  bool abort = false;        ///< The close was a reset, with a FIN just before it or without.
  const Reset* answer = nullptr;   ///< The RST that answers the request, or null.
  FrameNumber acked = 0;     ///< Or else the server's ACK for it.
};

/// The server's RST that fits a request with this ack number: a reply repeats that number as its own.
const Reset* reply_to(const Reading& reading, const Turn& request) {
  if (reading.broken == nullptr) return nullptr;
  for (std::size_t i = 0; i < reading.broken->kept; ++i) {
    const Reset& reset = reading.broken->resets[i];
    if (reset.by == Side::server && !reset.abort && reset.segment.seq == request.ack) return &reset;
  }
  return nullptr;
}

std::optional<Meeting> find_meeting(const Reading& reading) {
  if (reading.lost_request == nullptr || !reading.server.fin()) return std::nullopt;
  const Turn& request = *reading.lost_request;
  if (reading.wants_no_answer(request) || (reading.client.fin() && reading.client.fin().frame < request.begin.frame)) {
    return std::nullopt;
  }
  Meeting meeting;
  meeting.request = &request;
  meeting.covers_fin = reading.server.fin_covered_by(request.ack);
  // What the FIN acknowledged, the server had when it closed: then no request met the close, it was ignored.
  if (!meeting.covers_fin && reading.server.fin_ack().after(request.seq)) return std::nullopt;
  meeting.answer = reply_to(reading, request);
  if (reading.reset != nullptr) {
    if (reading.reset->by == Side::client) return std::nullopt;
    meeting.abort = !reading.reset->reply;
    if (meeting.answer == nullptr) meeting.answer = reading.reset;
  } else {
    const bool acknowledged = reading.server.ack_known && !reading.server.ack.before(request.end);
    if (!acknowledged || !request.acked || request.acked < reading.server.fin().frame) return std::nullopt;
    meeting.acked = request.acked;
  }
  return meeting;
}

/// Whether the request came to a connection that had come to rest: the exchange before it was complete.
bool was_at_rest(const Reading& reading, const Meeting& meeting) {
  if (reading.was_conversing()) return true;
  // Opened in advance and never used before: its silence must have been long enough to be called idle.
  return reading.now.exchanges == 0 && reading.server.bytes == 0 && !meeting.request->follows_unanswered &&
         meeting.request->gap >= reading.evidence.settings.smallest_idle_gap;
}

/// A close and data that come at once after the last exchange are no idle close: a half-close, a handshake that the
/// server gave up, a session that it ended before the first request, a conversation that the client goes on with as soon
/// as it has the answer, the FIN right behind it (write_after_close). A readable request is a request all the same, and so
/// is what comes after the client's kernel had acknowledged the FIN for itself.
bool met_an_idle_close(const Reading& reading, const Meeting& meeting) {
  const Settings& settings = reading.evidence.settings;
  const Nanoseconds smallest = settings.smallest_idle_gap;
  const PayloadFacts& payload = meeting.request->payload;
  const bool handshaking = payload.kind == PayloadKind::tls_handshake ||
                           reading.server.turn.payload.kind == PayloadKind::tls_handshake;
  const bool readable = payload.kind == PayloadKind::http_request ||
                        (payload.kind == PayloadKind::tls_data && payload.tls_record > kControlRecord && !handshaking);
  const bool goes_on = payload.kind == PayloadKind::other && reading.server.fin_gap() <= settings.rtt_margin &&
                       meeting.request->gap <= reading.round_trip() + settings.rtt_margin;
  const bool fin_acknowledged = meeting.covers_fin && reading.server.fin_acked().frame != meeting.request->begin.frame &&
                                !handshaking && !goes_on;
  return (meeting.answer != nullptr && (readable || fin_acknowledged)) || reading.server.fin_gap() >= smallest || meeting.request->gap >= smallest;
}

Severity loudness_of_lost_request(const Reading& reading) {
  const auto& retry = reading.evidence.around.request_retry;
  return retry && retry->recognised && retry->succeeded ? Severity::warn : Severity::error;
}

/// Whether it was a request can be told: by what it says, or, of an unknown protocol, by taking turns. What follows a
/// response of HTTP and is no request line is the rest of a body; and of what was not captured nothing is known.
bool is_surely_a_request(const Reading& reading, const Turn& turn) {
  const bool http = reading.server.turn.payload.kind == PayloadKind::http_response;
  return turn.payload.kind != PayloadKind::none && (turn.payload.kind != PayloadKind::other || !http);
}

Verdict lost_request_verdict(const Reading& reading, const Meeting& meeting) {
  Verdict verdict;
  verdict.confidence = is_surely_a_request(reading, *meeting.request) ? reading.surest() : Confidence::likely;
  verdict.impact = Impact::request_lost;
  verdict.severity = loudness_of_lost_request(reading);
  verdict.lost_bytes = meeting.request->bytes();
  verdict.reset_by = sent_by(meeting.answer);
  verdict.reset_kind = kind_of(meeting.answer);
  verdict.deciding_frame = meeting.answer != nullptr ? meeting.answer->segment.at.frame : meeting.acked;
  if (meeting.answer != nullptr) verdict.provoked_by = meeting.request->begin.frame;
  return verdict;
}

std::string lost_request_blind_spot(const Reading& reading) {
  std::string text = missing_from_capture(reading);
  if (reading.evidence.around.idle_closes == 0) {
    if (!text.empty()) text += ' ';
    text += "No other idle close of this server is in the capture, so whether its timeout is fixed, and how long, "
            "rests on this one; a longer capture shows it.";
  }
  return text;
}

/// How long the server keeps idle connections, as a clause: from this close, and from others if they agree.
std::string idle_limit(const Reading& reading) {
  const Surroundings& around = reading.evidence.around;
  const std::string here = duration(reading.server.fin_gap());
  if (around.idle_closes == 0) return fmt::format("after {} of silence", here);
  const std::string shortest = duration(around.shortest_idle_close);
  const std::string longest = duration(around.longest_idle_close);
  const std::string others = plural(around.idle_closes, "other stream");
  if (shortest == here && longest == here) return fmt::format("after {} of silence, here and on {}", here, others);
  return fmt::format("after {} of silence here, and after {}{}{} on {}", here, shortest,
                     shortest == longest ? "" : " to ", shortest == longest ? "" : longest, others);
}

/// What a client has of the server's own announcement, if that is true.
std::string heed_announcement(const Reading& reading, Nanoseconds limit) {
  if (announced_last_response(reading)) return " Open a new connection after a response that says `Connection: close`.";
  const Nanoseconds announced = announced_timeout(reading);
  if (announced == 0 || announced > limit) return {};
  return fmt::format(" A pool that heeds the server's `Keep-Alive: timeout={}` does so by itself.", announced / kSecond);
}

std::string align_timeouts(const Reading& reading, Nanoseconds limit) {
  const Nanoseconds margin = reading.round_trip() + kSafetyBelowTimeout;
  std::string target = limit > 2 * margin
                           ? fmt::format("below {} ({} less a round trip and half a second)", duration(limit - margin),
                                         duration(limit))
                           : fmt::format("well below {}", duration(limit));
  return fmt::format(
      "Set the idle (keep-alive) timeout of {}'s connection pool {}, or raise the keep-alive timeout of {} above "
      "the longest time that the client keeps connections: the side that sends requests must give up first. "
      "Retry a request that is safe to repeat when a reused connection dies without a response.{}",
      to_string(reading.connection.endpoint(Side::client).address), target, name(reading.connection, Side::server),
      heed_announcement(reading, limit));
}

// ----------------------------------------------------------------------------------------- keepalive_race

/// The server closed an idle connection, and a request met that close without either having acknowledged the other; or the
/// server's kernel had the request, nobody read it, and close() turned into an abort (__tcp_close, RFC 2525 section 2.17) or,
/// where the server drains its sockets, went on as a FIN.
struct UnreadClose {
  const Reset* reset = nullptr;   ///< Null where the close was a FIN only.
  Mark at;
  bool received = false;          ///< The close acknowledges the request.
};

std::optional<UnreadClose> find_unread_close(const Reading& reading) {
  const HalfConnection& server = reading.server;
  if (reading.reset_by(Side::server) && !reading.reset->reply) {
    const Portrait& segment = reading.reset->segment;
    if (!segment.has(kAck)) return {};
    return UnreadClose{reading.reset, segment.at, segment.ack.after(reading.lost_request->seq)};
  }
  const bool drained = server.fin() && server.fin_ack().after(reading.lost_request->seq) && !reading.reset_by(Side::client);
  if (!drained) return {};
  return UnreadClose{nullptr, server.fin(), true};
}

/// Whether the server closes after this silence as a rule: its other idle closes say so, or other streams on which the
/// same happened.
bool is_its_usual_time(const Reading& reading, Nanoseconds silence) {
  const Surroundings& around = reading.evidence.around;
  const Nanoseconds slack = reading.round_trip() + reading.evidence.settings.rtt_margin + silence / 50;
  const bool like_idle_closes = around.idle_closes > 0 && silence >= around.shortest_idle_close - slack &&
                                silence <= around.longest_idle_close + slack;
  return like_idle_closes || around.closed_after_same_quiet > 0;
}

std::optional<Verdict> unread_race(const Reading& reading) {
  const Turn* request = reading.lost_request;
  if (request == nullptr || !reading.was_conversing() || reading.wants_no_answer(*request)) return {};
  const Settings& settings = reading.evidence.settings;
  if (request->gap < settings.smallest_idle_gap || reading.client_closed_first()) return {};
  const auto close = find_unread_close(reading);
  if (!close) return {};
  const Nanoseconds before = close->at.time - request->begin.time;
  const Nanoseconds trip = reading.round_trip_to(Side::server) * 3 / 2 + settings.rtt_margin;
  const bool usual = is_its_usual_time(reading, close->at.time - reading.server_last_spoke().time);
  if (close->received) {
    if (before < 0 || before > (usual ? reading.round_trip() + kSecond : trip)) return {};
    // Short words of an unknown protocol, read and then closed upon, may have been a goodbye.
    const bool unknown = request->payload.kind == PayloadKind::other || request->payload.kind == PayloadKind::none;
    if (close->reset == nullptr && unknown && request->bytes() <= kGoodbyeBytes) return {};
  } else if (before > trip || -before > reading.round_trip_to(Side::client) * 3 / 2 + settings.rtt_margin) {
    return {};
  }
  if (read_forgery(reading).weight() >= 2) return {};
  Verdict verdict;
  verdict.variant = !close->received ? "crossing" : close->reset != nullptr ? "unread" : "discarded";
  verdict.confidence = usual || !close->received ? Confidence::likely : Confidence::possible;
  verdict.fault = Fault::server;
  verdict.impact = Impact::request_lost;
  verdict.severity = loudness_of_lost_request(reading);
  verdict.lost_bytes = request->bytes();
  verdict.reset_by = close->reset != nullptr ? ResetBy::server : ResetBy::none;
  verdict.reset_kind = kind_of(close->reset);
  // Where the request passed after the reset, the next reset shows that it did.
  const bool reset_first = close->reset != nullptr && close->at.frame < request->begin.frame && reading.broken->kept > 1;
  verdict.deciding_frame = reset_first ? reading.broken->resets[1].segment.at.frame : close->at.frame;
  if (close->reset != nullptr) verdict.provoked_by = request->begin.frame;
  return verdict;
}

std::optional<Verdict> keepalive_race(const Evidence& evidence) {
  const Reading reading(evidence);
  const auto meeting = find_meeting(reading);
  if (!meeting) return unread_race(reading);
  if (meeting->covers_fin || !was_at_rest(reading, *meeting)) return {};
  if (!met_an_idle_close(reading, *meeting)) return {};
  Verdict verdict = lost_request_verdict(reading, *meeting);
  verdict.variant = meeting->answer != nullptr ? "crossing" : "discarded";
  verdict.fault = Fault::server;
  return verdict;
}

Narrative narrate_keepalive_race(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = *reading.lost_request;
  const HalfConnection& server = reading.server;
  Narrative narrative;
  std::string& text = narrative.explanation;
  const std::string sent = fmt::format("{} ({}) sent {} after the last data", name(request), frame(request.begin),
                                       duration(request.gap));
  const bool met_unread = !find_meeting(reading);
  if (met_unread) {
    const UnreadClose close = *find_unread_close(reading);
    text = fmt::format(
        "{}. {} was closing the idle connection at that moment: {} ({}) {} {}.", sent,
        name(reading.connection, Side::server),
        !close.received          ? "its reset and the request passed each other"
        : close.reset != nullptr ? "its kernel took the request, nobody read it, and the close became a reset"
                                 : "its kernel took the request, nobody read it, and it closed with a FIN",
        close.reset != nullptr ? describe_reset(reading) : frame(close.at),
        duration(std::abs(close.at.time - request.begin.time)),
        close.at.time >= request.begin.time ? "later" : "before it passed here");
  } else {
    const bool fin_first = server.fin().frame < request.begin.frame;
    const Nanoseconds apart = fin_first ? request.begin.time - server.fin().time : server.fin().time - request.begin.time;
    text = fmt::format(
        "{}, {} {} the server's FIN ({}) passed here; its ack does not cover that FIN, so the client could not have "
        "known. {} closes idle connections ({}), this client keeps them longer.",
        sent, duration(apart), fin_first ? "after" : "before", frame(server.fin()),
        name(reading.connection, Side::server), idle_limit(reading));
    if (verdict.variant == "discarded") {
      text += fmt::format(" The server's kernel acknowledged the request ({}), and nobody answered it: no RST.",
                          frame(verdict.deciding_frame));
    } else {
      text += fmt::format(" The request got no answer ({}).", describe_reset(reading));
    }
  }
  const Nanoseconds limit = met_unread ? request.gap : server.fin_gap();
  text += announced_close(reading, (met_unread ? "; the request came after " : " and closes after ") + duration(limit));
  text += describe_retry(reading);
  narrative.fix = align_timeouts(reading, limit);
  narrative.blind_spot = lost_request_blind_spot(reading);
  if (met_unread) {
    narrative.ruled_out.push_back("idle_state_lost: the close carries what only the live socket knew");
    if (verdict.confidence == Confidence::possible) {
      narrative.ruled_out.push_back(
          "server_abort: not ruled out; a server that crashes on this very request looks the same. Other idle closes "
          "of this server, or its log at that second, decide");
    }
  } else {
    narrative.ruled_out.push_back(fmt::format(
        "stale_reuse: the request's ack number does not cover the FIN, so the client had not seen it"));
  }
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

constexpr Variant kRaceVariants[] = {
    {"crossing", "the request and the close passed each other; after a FIN the RST repeats its number"},
    {"unread", "the request arrived as the server was closing: RST+ACK that covers the request, no FIN"},
    {"discarded", "the server's kernel acknowledged the request, if only in its FIN, and nobody answered it; no RST"},
};

// -------------------------------------------------------------------------------------------- stale_reuse

std::optional<Verdict> stale_reuse(const Evidence& evidence) {
  const Reading reading(evidence);
  const auto meeting = find_meeting(reading);
  if (!meeting || !meeting->covers_fin || !was_at_rest(reading, *meeting)) return {};
  if (!met_an_idle_close(reading, *meeting)) return {};
  Verdict verdict = lost_request_verdict(reading, *meeting);
  // The application had the time between the FIN's arrival at the client and its own write.
  const HalfConnection& server = reading.server;
  const bool first_to_acknowledge = server.fin_acked().frame == meeting->request->begin.frame;
  const Nanoseconds reaction =
      meeting->request->begin.time - server.fin().time - reading.round_trip_to(Side::client);
  if (first_to_acknowledge && reaction <= evidence.settings.rtt_margin) {
    verdict.variant = "photo_finish";
    verdict.confidence = Confidence::likely;
  } else {
    verdict.variant = meeting->answer != nullptr ? "reset" : "discarded";
  }
  verdict.fault = Fault::client;
  return verdict;
}

Narrative narrate_stale_reuse(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = *reading.lost_request;
  const HalfConnection& server = reading.server;
  Narrative narrative;
  std::string& text = narrative.explanation;
  text = fmt::format("{} closed the connection {} (FIN, {}).", name(reading.connection, Side::server),
                     idle_limit(reading), frame(server.fin()));
  if (server.fin_acked() && server.fin_acked().frame != request.begin.frame) {
    text += fmt::format(" The client's kernel acknowledged that FIN in {}.", frame(server.fin_acked()));
  }
  text += fmt::format(" {} later the client sent a {} ({}) on it, whose ack covers the FIN",
                      duration(request.begin.time - server.fin().time), name(request), frame(request.begin));
  text += verdict.variant == "photo_finish"
              ? ": its kernel knew, its application hardly could have."
              : ": the client's pool did not look whether the connection was still open.";
  if (reading.broken != nullptr) {
    text += fmt::format(" The request got no answer ({}).", describe_reset(reading));
  } else {
    text += fmt::format(" The server's kernel acknowledged it ({}), and nobody answered it: no RST.",
                        frame(verdict.deciding_frame));
  }
  text += announced_close(reading, fmt::format(" and closes after {}", duration(server.fin_gap())));
  text += describe_retry(reading);
  narrative.fix =
      verdict.variant == "photo_finish"
          ? align_timeouts(reading, server.fin_gap())
          : fmt::format("Make the client drop a pooled connection as soon as the server's FIN is readable (test idle "
                        "sockets before reuse). {}",
                        align_timeouts(reading, server.fin_gap()));
  narrative.blind_spot = lost_request_blind_spot(reading);
  narrative.ruled_out.push_back("keepalive_race: the request's ack number covers the FIN, so the client's kernel had it");
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

constexpr Variant kStaleVariants[] = {
    {"reset", "the server's kernel answered the request with a RST that repeats the FIN's number plus one"},
    {"discarded", "the request was acknowledged, or ignored, and never answered; no RST"},
    {"photo_finish", "the request is the first segment to acknowledge the FIN, so soon after it that the "
                     "application could hardly have known"},
};

// ----------------------------------------------------------------------------------------- dead_keepalive

std::optional<Verdict> dead_keepalive(const Evidence& evidence) {
  const Reading reading(evidence);
  const Turn* request = reading.lost_request;
  if (request == nullptr || request->gap < evidence.settings.smallest_idle_gap || !reading.was_conversing()) return {};
  // A process that dies takes its busy connections along with the idle ones, in one moment.
  if (evidence.around.closed_together > 1) return {};
  if (evidence.around.exchanges == 0 || request->gap <= evidence.around.longest_answered_gap) return {};
  const bool acknowledged = reading.server.ack_known && reading.server.ack.after(request->seq);
  if (!acknowledged || reading.wants_no_answer(*request)) return {};
  Mark end;
  Verdict verdict;
  if (reading.reset_by(Side::server) && !reading.server.fin()) {
    end = reading.reset->segment.at;
    verdict.variant = "reset";
    if (reading.reset->reply) return {};
  } else if (reading.reset == nullptr && reading.server.fin() && reading.server.fin_ack().after(request->seq)) {
    end = reading.server.fin();
    verdict.variant = "closed";
  } else {
    return {};
  }
  // Sooner than this, the close was under way when the request came: keepalive_race.
  if (end.time - request->last.time < reading.round_trip() + kSecond) return {};
  verdict.confidence = Confidence::likely;
  verdict.fault = Fault::server;
  verdict.impact = Impact::request_lost;
  verdict.severity = loudness_of_lost_request(reading);
  verdict.lost_bytes = request->bytes();
  verdict.reset_by = sent_by(reading.reset);
  verdict.reset_kind = kind_of(reading.reset);
  verdict.deciding_frame = end.frame;
  return verdict;
}

Narrative narrate_dead_keepalive(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = *reading.lost_request;
  const Mark& end = verdict.variant == "reset" ? reading.reset->segment.at : reading.server.fin();
  const Surroundings& around = evidence.around;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "After {} of silence the client reused the connection: {} ({}). {}'s kernel acknowledged it, its application "
      "never answered, and {} later the connection was {} ({}). The longest silence after which this server still "
      "answered is {} ({} in all): its application had given the connection up before the request came, and nobody "
      "had told the client.{}{}",
      duration(request.gap), name(request), frame(request.begin), name(reading.connection, Side::server),
      duration(end.time - request.begin.time), verdict.variant == "reset" ? "reset" : "closed", frame(end),
      duration(around.longest_answered_gap), plural(around.exchanges, "answered request"),
      announced_close(reading, fmt::format("; the request came after {}", duration(request.gap))), describe_retry(reading));
  narrative.fix = fmt::format(
      "Make {} close idle connections with a FIN when it stops serving them, instead of {} after the next request; "
      "until then set the idle timeout of the client's pool below {}, the longest silence that survived{}.",
      name(reading.connection, Side::server), duration(end.time - request.begin.time),
      duration(std::max(around.longest_answered_gap, evidence.settings.smallest_idle_gap)),
      reading.lost_request->gap > around.longest_answered_gap ? fmt::format(" (the dead one was {})", duration(request.gap))
                                                              : "");
  narrative.blind_spot =
      "The wire shows that the server's kernel took the request and its application did not read or answer it; why not "
      "(a worker gone, a session table that expired, a device in front that keeps only its own side alive) stands in "
      "the server's log or in a capture behind the device.";
  add_missing(reading, narrative);
  narrative.ruled_out = {
      "keepalive_race: the server sent no FIN near the request",
      fmt::format("response_timeout: requests that came after shorter silences were answered; only the silence of {} "
                  "sets this one apart",
                  duration(request.gap)),
      "idle_state_lost: the request was acknowledged, so the far end still knew the connection",
  };
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

constexpr Variant kDeadVariants[] = {
    {"reset", "the server reset the connection, seconds after the request"},
    {"closed", "the server closed it with a FIN, seconds after the request"},
};

// ---------------------------------------------------------------------------------------- idle_state_lost

/// The first segment after a silence, if a RST is the answer to it and to nothing else.
struct Awakening {
  Mark at;
  Nanoseconds silence = 0;
  bool probe = false;
};

std::optional<Awakening> find_awakening(const Reading& reading) {
  if (reading.reset == nullptr) return {};
  const HalfConnection& waker = reading.at.half(other(reading.reset->by));
  const HalfConnection& answerer = reading.at.half(reading.reset->by);
  if (answerer.fin() || waker.fin()) return {};
  const auto unanswered_since = [&](const Mark& mark) { return answerer.last().frame < mark.frame; };
  if (waker.probes > 0 && unanswered_since(waker.first_probe())) {
    return Awakening{waker.first_probe(), waker.probe_silence(), true};
  }
  if (waker.turn && waker.turn.answered == 0 && unanswered_since(waker.turn.begin)) {
    return Awakening{waker.turn.begin, waker.turn.silence, false};
  }
  return {};
}

/// What a NAT lets out after its entry has expired is a stream of its own to whoever looks: data without a beginning, in
/// the numbers of another stream that had been idle.
std::optional<Verdict> leaked_after_idling(const Reading& reading) {
  const auto& original = reading.evidence.around.original;
  if (!original || original->silence < reading.evidence.settings.smallest_idle_gap) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.variant = "middlebox";
  verdict.fault = Fault::middlebox;
  verdict.impact = reading.reset->by == Side::server ? Impact::request_lost : Impact::response_lost;
  verdict.lost_bytes = reading.unacknowledged(other(reading.reset->by));
  return verdict;
}

std::optional<Verdict> idle_state_lost(const Evidence& evidence) {
  const Reading reading(evidence);
  if (const auto leaked = leaked_after_idling(reading)) return leaked;
  const auto awakening = find_awakening(reading);
  if (!awakening || awakening->silence < evidence.settings.smallest_idle_gap || reading.reset->abort) return {};
  // Where longer silences survive, or busy streams are forgotten too, silence was not the reason.
  if (!reading.outlasts_survivors(awakening->silence) || reading.server_forgets_busy_streams()) return {};
  const Reset& reset = *reading.reset;
  if (!reset.segment.has(kAck) && reset.provoked_by == 0) return {};
  const ForgerySigns signs = read_forgery(reading);
  if (signs.volley) return {};
  Verdict verdict;
  verdict.reset_by = sent_by(&reset);
  if (signs.never_sent || signs.too_fast || signs.other_ttl || signs.near_ttl) {
    verdict.variant = "middlebox";
    verdict.reset_by = ResetBy::middlebox;
    verdict.confidence = signs.weight() >= 3 ? Confidence::certain : Confidence::likely;
  } else {
    const bool same_ttl = reset.segment.ttl_known && reading.at.half(reset.by).ttl_known();
    verdict.variant = same_ttl ? "peer" : "unknown";
    verdict.confidence = evidence.around.exchanges > 0 ? Confidence::likely : Confidence::possible;
  }
  if (!reading.whole()) verdict.confidence = std::max(verdict.confidence, Confidence::likely);
  // A kernel never forgets an idle connection; a device on the way has a table and a timer.
  verdict.fault = Fault::middlebox;
  const Side waker = other(reset.by);
  verdict.impact = awakening->probe       ? Impact::none
                   : waker == Side::client ? Impact::request_lost
                                           : Impact::response_lost;
  verdict.severity = awakening->probe ? Severity::warn : loudness_of_lost_request(reading);
  verdict.reset_kind = kind_of(&reset);
  verdict.lost_bytes = reading.unacknowledged(waker);
  verdict.deciding_frame = reset.segment.at.frame;
  verdict.provoked_by = awakening->at.frame;
  return verdict;
}

/// Where the idle timeout of the forgetful device lies by this capture.
std::string idle_bracket(const Reading& reading, Nanoseconds silence) {
  const Nanoseconds survived = reading.evidence.around.longest_answered_silence;
  return fmt::format("between {} and {}", survived > 0 ? duration(survived) : std::string("0 s"), duration(silence));
}

Narrative narrate_leak(const Reading& reading) {
  const LeakedFrom& original = *reading.evidence.around.original;
  const Side sender = other(reading.reset->by);
  Narrative narrative;
  narrative.explanation = fmt::format(
      "{} sent data without a handshake ({}), in the very numbers of stream {}, which had been silent for {}: a NAT had "
      "dropped its entry and let the segment out {}. {} knows no such connection and reset it ({}).",
      name(reading.connection, sender), frame(reading.at.half(sender).turn.begin), original.stream,
      duration(original.silence), original.same_address ? "through another port" : "untranslated",
      name(reading.connection, reading.reset->by), describe_reset(reading));
  narrative.fix = fmt::format(
      "Send TCP keep-alives (or application pings) more often than the NAT's idle timeout, which is below {}, or raise that "
      "timeout (Linux: net.netfilter.nf_conntrack_tcp_timeout_established); set nf_conntrack_tcp_loose=0 and reject what it "
      "does not know.",
      duration(original.silence));
  narrative.blind_spot = fmt::format("What stream {} lost is seen at its own ends.", original.stream);
  narrative.ruled_out = {"conntrack_invalid: the connection had been idle, its entry had expired",
                         "peer_lost_state: the numbers are another stream's, so the peer never knew this one"};
  return narrative;
}

Narrative narrate_idle_state_lost(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  if (leaked_after_idling(reading)) return narrate_leak(reading);
  const Awakening awakening = *find_awakening(reading);
  const Reset& reset = *reading.reset;
  const Side waker = other(reset.by);
  const Surroundings& around = evidence.around;
  Narrative narrative;
  std::string& text = narrative.explanation;
  text = fmt::format("Nothing passed for {}, no FIN and no RST. Then the {} sent {} ({}), and {} later came a RST ({}).",
                     duration(awakening.silence), name(waker),
                     awakening.probe ? "a keep-alive probe" : fmt::format("a {}", name(reading.at.half(waker).turn)),
                     frame(awakening.at), duration(reset.segment.at.time - awakening.at.time), describe_reset(reading));
  if (verdict.variant == "middlebox") {
    text += fmt::format(" It names the {}, but did not come from it:", name(reset.by));
    text += describe_forgery(reading);
    text.back() = '.';
    text += " A device on the way forgets idle connections and rejects what it does not know.";
  } else {
    text += " Somebody had forgotten the connection while it was idle.";
  }
  if (around.exchanges > 0 && around.longest_answered_silence > 0) {
    text += fmt::format(" Elsewhere at this server a silence of {} survived.", duration(around.longest_answered_silence));
  }
  text += describe_retry(reading);
  const Nanoseconds floor = around.longest_answered_silence;
  narrative.fix = fmt::format(
      "Send TCP keep-alives (or application pings) more often than the device's idle timeout, which lies {} by this "
      "capture, or set the idle timeout of the client's pool below {}; or raise the timeout on the device (firewall, NAT, "
      "load balancer).",
      idle_bracket(reading, awakening.silence), duration(floor > 0 ? floor : awakening.silence / 2));
  narrative.blind_spot =
      read_forgery(reading).never_sent
          ? std::string(kBetweenBothPlaces)
          : fmt::format("From here it can't be seen whether {} ever got the {}. A capture there at the same time decides: if "
                        "the {} does not arrive, a device on the way dropped it.",
                        name(reading.connection, reset.by), awakening.probe ? "probe" : "request",
                        awakening.probe ? "probe" : "request");
  add_missing(reading, narrative);
  narrative.ruled_out = {
      "keepalive_race, stale_reuse: no FIN was seen before the request",
      fmt::format("peer_lost_state: the silence of {} is longer than any that survived; a crash would not wait for one",
                  duration(awakening.silence)),
  };
  if (verdict.variant != "middlebox") {
    narrative.ruled_out.push_back(
        "injected_reset: the RST has the TTL of that host, or none was known, and took a full round trip");
  }
  return narrative;
}

constexpr Variant kLostVariants[] = {
    {"middlebox", "the RST did not come from the host that it names: its TTL or its speed betray a device"},
    {"peer", "the RST came from the host that it names"},
    {"unknown", "nothing shows who sent the RST"},
};

// ----------------------------------------------------------------------------------------- idle_blackhole

/// Who spoke first after a silence, repeats itself, and hears nothing.
std::optional<Side> find_unheard_after_idling(const Reading& reading) {
  for (const Side side : {Side::client, Side::server}) {
    const HalfConnection& sender = reading.now.half(side);
    const HalfConnection& peer = reading.now.half(other(side));
    const Turn& turn = sender.turn;
    if (!turn || turn.answered != 0 || !peer.seen || peer.fin() || peer.last().frame > turn.begin.frame) continue;
    if (turn.silence < reading.evidence.settings.smallest_idle_gap || !reading.outlasts_survivors(turn.silence)) continue;
    if (!sender.last_retransmission() || sender.retransmissions < kBlackholeRetransmissions) continue;
    if (sender.last_retransmission().time - turn.begin.time >= kBlackholeSpan) return side;
  }
  return {};
}

/// Others to this server, which had been busy, are unheard as well, and nobody has heard of it since: no silence made that.
bool died_with_busy_ones(const Reading& reading) {
  const Surroundings& around = reading.evidence.around;
  // By value: marks are packed, and no reference may be bound to what lies between words.
  const Nanoseconds since = std::min<Nanoseconds>({around.latest_unheard.time, reading.client.turn.begin.time});
  const bool heard_since = around.latest_heard.time > since;
  return around.latest_unheard && !heard_since;
}

std::optional<Verdict> idle_blackhole(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.broken != nullptr) return {};
  const auto side = find_unheard_after_idling(reading);
  if (!side) return {};
  const HalfConnection& sender = reading.now.half(*side);
  const Mark& alive = *side == Side::client ? evidence.around.latest_heard : evidence.around.latest_established;
  if (*side == Side::client && died_with_busy_ones(reading)) return {};
  Verdict verdict;
  verdict.confidence = *side == Side::client && never_arrived(reading) ? Confidence::certain
                       : alive.time > sender.turn.begin.time           ? Confidence::likely
                                                                       : Confidence::possible;
  verdict.fault = Fault::middlebox;
  verdict.impact = *side == Side::client ? Impact::request_lost : Impact::response_lost;
  verdict.severity = loudness_of_lost_request(reading);
  verdict.lost_bytes = reading.unacknowledged(*side);
  verdict.deciding_frame = sender.last_retransmission().frame;
  return verdict;
}

Narrative narrate_idle_blackhole(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Side side = *find_unheard_after_idling(reading);
  const HalfConnection& sender = reading.now.half(side);
  const Turn& turn = sender.turn;
  const Surroundings& around = evidence.around;
  const Mark& alive = side == Side::client ? around.latest_heard : around.latest_established;
  const bool others_live = alive.time > turn.begin.time;
  const bool proven = verdict.confidence == Confidence::certain;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "Nothing passed for {}; then the {} sent {} ({}) and repeated it {} within {} (last: {}). Nothing came back "
      "at all: no ACK, no RST. {}{}{}",
      duration(turn.silence), name(side), side == Side::client ? fmt::format("a {}", name(turn)) : std::string("data"),
      frame(turn.begin), plural(sender.retransmissions, "time"),
      duration(sender.last_retransmission().time - turn.begin.time), frame(verdict.deciding_frame),
      others_live ? fmt::format("The path and both hosts live: another connection between them worked meanwhile ({}).",
                                frame(alive))
                  : std::string("Whether the other end was alive can't be told: no other connection to it worked meanwhile."),
      proven ? describe_vanishing(reading) : std::string(),
      describe_retry(reading));
  narrative.fix = fmt::format(
      "Send TCP keep-alives (or application pings) more often than the idle timeout of the device that dropped the "
      "connection, which lies {} by this capture; or set the idle timeout of the client's pool below that; or raise the "
      "device's timeout, and let it reject instead of dropping.",
      idle_bracket(reading, turn.silence));
  narrative.blind_spot =
      proven ? std::string(kBetweenBothPlaces)
             : fmt::format("Where the segments vanish can't be seen from here. A capture at {} at the same time decides: if "
                           "they do not arrive, a device on the way dropped them.",
                           name(reading.connection, other(side)));
  narrative.ruled_out = {"idle_state_lost: no RST came back"};
  if (others_live) {
    narrative.ruled_out.push_back("retransmission_timeout: the silence before it, and the other connections, set it apart "
                                  "from plain packet loss");
  } else {
    narrative.ruled_out.push_back("retransmission_timeout: not ruled out; the path or the other end may have died in the "
                                  "same silence. A connect between the same hosts at that time decides");
  }
  return narrative;
}

// --------------------------------------------------------------------------------------------- idle_reset

/// Each end was reset in the other's name at one instant: only a device between them can.
bool both_ends_at_once(const Reading& reading) {
  if (reading.broken->kept < 2) return false;
  const Reset& first = reading.broken->resets[0];
  const Reset& second = reading.broken->resets[1];
  return first.by != second.by && !first.reply && !second.reply && first.segment.has(kAck) && second.segment.has(kAck) &&
         second.segment.at.time - first.segment.at.time <= kSameMoment;
}

std::optional<Verdict> idle_reset(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || reading.reset->reply || reading.lost_request != nullptr) return {};
  const HalfConnection& client = reading.at.half(Side::client);
  const HalfConnection& server = reading.at.half(Side::server);
  if (client.fin() || server.fin() || client.probes > 1 || server.probes > 1 || client.oldest_unacked || server.oldest_unacked) {
    return {};
  }
  const Nanoseconds silence = reading.reset->segment.at.time - reading.at.last().time;
  if (silence < evidence.settings.smallest_idle_gap || response_completeness(reading) == Completeness::incomplete) return {};
  Verdict verdict;
  verdict.reset_by = sent_by(reading.reset);
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::nobody;
  verdict.impact = Impact::none;
  verdict.severity = Severity::note;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  if (both_ends_at_once(reading)) {
    verdict.variant = "both_ends";
    verdict.confidence = Confidence::likely;
    verdict.reset_by = ResetBy::middlebox;
    return verdict;
  }
  if (evidence.around.closed_alike == 0) return {};
  verdict.variant = "one_end";
  verdict.confidence = Confidence::likely;
  // Nothing drew it, so that it can't be a reply, and no socket of that host made it: a device told this end.
  const ForgerySigns signs = read_forgery(reading);
  if (signs.never_sent || ((signs.other_ttl || signs.near_ttl) && !reading.reset->abort)) verdict.reset_by = ResetBy::middlebox;
  return verdict;
}

Narrative narrate_idle_reset(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Nanoseconds silence = reading.reset->segment.at.time - reading.at.last().time;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "Nothing was outstanding. After {} of silence the connection was reset ({}).{}", duration(silence),
      describe_reset(reading),
      verdict.variant == "both_ends"
          ? " Both ends were told in the same moment, each in the other's name: a device on the way cleared its table."
          : fmt::format(" {} of this server ended after the same silence: it is a timer{}.",
                        plural(evidence.around.closed_alike, "other stream"),
                        verdict.reset_by == ResetBy::middlebox
                            ? fmt::format(" of a device on the way:{} the RST names the {} and isn't from it",
                                          describe_forgery(reading), name(reading.reset->by))
                            : ""));
  narrative.fix = fmt::format(
      "Keep idle connections shorter than {} at the client, or send keep-alives more often; a request that crosses such a "
      "reset is lost.",
      duration(silence));
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {"abortive_close: the reset came at the end of an idle period, not at the end of an exchange",
                         "keepalive_probe_timeout: no probes were sent"};
  return narrative;
}

constexpr Variant kIdleResetVariants[] = {
    {"one_end", "one end reset it, at the end of an idle period that repeats"},
    {"both_ends", "a device told both ends at once"},
};

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kIdleDiagnoses[] = {
    {"keepalive_race", Question::ending, Severity::error,
     "a request crossed the server's close of an idle connection",
     "A pooled connection came to rest, and the server (or a balancer) closed it by its idle timer in the same "
     "moment in which the client sent the next request on it. Neither side did anything wrong; their timeouts do not "
     "fit. The close may be a FIN or a reset; and where the server's kernel already had the request as the "
     "application closed, even the FIN acknowledges it.",
     R"(client                                server
  | <------------ response ------------ |
  |        ... both idle for T ...      |
  | ---- request, ack=F --\  /--------- |  FIN, seq=F    its timer fires
  |                        \/           |
  |                        /\           |
  | <---------------------/  \--------> |
  | <------------- RST, seq=F --------- |  (or: ACK, and no answer ever)
  or: the request came first, and nobody read it:
  | ------------- request ------------> |
  | <------------ RST+ACK, or FIN ----- |  its ack covers the request)",
     "stale_reuse: there the request's ack covers the FIN (F+1), and so does the RST's seq. dead_keepalive: there "
     "the close comes seconds after the request. unread_close: there the connection was not idle. idle_state_lost: "
     "there the server closed nothing. The order of FIN and request in the file says nothing.",
     "On the server: `tcp:tcp_send_reset` says TCP_ABORT_ON_DATA for crossing (the socket was in FIN_WAIT1), "
     "TCP_ABORT_ON_CLOSE for unread; `nstat -asz TcpExtTCPAbortOnData TcpExtTCPAbortOnClose`; nothing counts "
     "discarded. On the side that asks: 502 at once, `upstream prematurely closed connection` (nginx), `SH` "
     "(HAProxy), `UC` (Envoy), `socket hang up` (Node), NoHttpResponseException (Apache HttpClient), "
     "RemoteDisconnected (Python).",
     "Set the idle timeout of the side that sends requests below that of the side that answers, by a round trip and "
     "a second. Who answers: Node server.keepAliveTimeout (5 s; new versions close after 6), gunicorn --keep-alive "
     "(2), uvicorn --timeout-keep-alive (5), Apache KeepAliveTimeout (5), nginx keepalive_timeout (75), Tomcat "
     "keepAliveTimeout (20 as shipped), Go Server.IdleTimeout, HAProxy `timeout http-keep-alive`, Envoy "
     "common_http_protocol_options idle_timeout (1 h). Who asks: nginx upstream keepalive_timeout (60), ALB "
     "idle_timeout.timeout_seconds (60), Google Cloud's ALB (600, fixed), Go Transport.IdleConnTimeout (90), undici "
     "keepAliveTimeout (4), OkHttp keepAliveDuration (300), Apache HttpClient setConnectionTimeToLive, AWS SDK for "
     "Java connectionMaxIdleTime (60), HikariCP maxLifetime (1800). Retry what is safe to repeat: nginx "
     "proxy_next_upstream (POST only with non_idempotent), HAProxy `retry-on conn-failure empty-response` with "
     "`option redispatch`, Envoy `retry_on: reset`, urllib3 Retry with allowed_methods.",
     kRaceVariants, keepalive_race, narrate_keepalive_race, SpellEnd::met_close},
    {"stale_reuse", Question::ending, Severity::error,
     "a request was sent on a connection that the server had already closed",
     "The server closed an idle connection, the client's kernel acknowledged the FIN, and some time later the "
     "client's pool handed the connection out again without looking.",
     R"(client                                server
  | <-------- FIN, seq=F -------------- |  its timer fires
  | --------- ACK F+1 ----------------> |
  |        ... some time ...            |
  | --------- request, ack=F+1 -------> |
  | <-------- RST, seq=F+1 ------------ |  (or: ACK, and no answer ever))",
     "keepalive_race: there the request's ack does not cover the FIN. write_after_close: there data was in flow, or "
     "the server never answers on this stream. late_data_after_close: there the late bytes are a farewell.",
     "On the client: `ss -tnp state close-wait` shows the connections that the pool still holds, and who holds them. "
     "On the server `tcp:tcp_send_reset` says TCP_TIMEWAIT_SOCKET within 60 s of the FIN, then TCP_FLAGS (the port "
     "listens) or NO_SOCKET; for photo_finish TCP_ABORT_ON_DATA (the socket was in FIN_WAIT2).",
     "Make the client's pool test a connection before it reuses it (a readable idle socket is a closed one): Apache "
     "HttpClient setValidateAfterInactivity and evictIdleConnections, SQLAlchemy pool_pre_ping, HikariCP "
     "keepaliveTime, reactor-netty maxIdleTime with evictInBackground, agentkeepalive freeSocketTimeout. Keep its "
     "idle timeout below the server's: HikariCP maxLifetime and pgbouncer server_idle_timeout below the database's "
     "limit (MySQL wait_timeout), SQLAlchemy pool_recycle; for HTTP the settings of keepalive_race. Retry what is "
     "safe to repeat (urllib3 Retry, boto3 `retries`, nginx proxy_next_upstream).",
     kStaleVariants, stale_reuse, narrate_stale_reuse, SpellEnd::met_close},
    {"dead_keepalive", Question::ending, Severity::error,
     "a request on a long idle connection was acknowledged, never answered, and the connection ended seconds later",
     "The server's kernel still knew the connection, its application no longer did: the request waits unread until "
     "somebody closes the socket, and unread data turns that close into a reset.",
     R"(client                                server
  | <------------ response ------------ |
  |        ... idle, longer than any    |
  |            silence that survived... |
  | ------------- request ------------> |
  | <------------ ACK ----------------- |  the kernel has it, nobody reads it
  |        ... seconds ...              |
  | <------------ RST+ACK (or FIN) ---- |)",
     "keepalive_race: there the close comes within a round trip of the request. unread_close and response_timeout: "
     "there the request is no different from others that were answered; here its idle gap is longer than any that "
     "survived. idle_state_lost: there nobody acknowledges the request.",
     "On the server: `ss -tnp sport = :PORT` shows a Recv-Q that nobody reads, and whose it is; then "
     "`tcp:tcp_send_reset` says TCP_ABORT_ON_CLOSE and `nstat -asz TcpExtTCPAbortOnClose` rises.",
     "Make the server close idle connections with a FIN when it stops serving them (a session table, a worker, a "
     "proxy's other leg that has gone), and keep the client's pool timeout below that time, with the settings of "
     "keepalive_race. In front of a proxy in TCP mode: give both legs one idle time (HAProxy `timeout client`, "
     "`timeout server` and `timeout tunnel`; nginx stream proxy_timeout, 600 s).",
     kDeadVariants, dead_keepalive, narrate_dead_keepalive, SpellEnd::met_close},
    {"idle_state_lost", Question::ending, Severity::error,
     "the first segment after a silence was answered by a reset: somebody had forgotten the connection",
     "A firewall, NAT or balancer drops idle connections from its table without telling anybody. The next segment "
     "meets no entry and is rejected, by the device or by a host that never knew the connection: a NAT may even let "
     "it out under another port, or untranslated.",
     R"(client                 device                 server
  | <------------ response ------------------- |
  |     ... idle; the entry expires ...        |
  | -------- request ----> |                   |
  | <------- RST --------- |                   |  seq = the request's ack
  or, let out under another port or address:
  | -------- request ----> | ----------------> |  the server knows no such connection
  | <------- RST --------- | <---------------- |)",
     "keepalive_race and stale_reuse: there the server closed with a FIN. peer_lost_state: there busy connections "
     "die too. injected_reset: there no silence came before. idle_blackhole: there nothing comes back. "
     "dead_keepalive: there the request is acknowledged.",
     "At the far end, while the client is being reset: `ss -tno dport = :PORT` (the client's port) still shows the "
     "connection, and `tcp:tcp_send_reset` says nothing (middlebox), or TCP_FLAGS or NO_SOCKET (peer). On a Linux "
     "gateway: `conntrack -L -p tcp --dport PORT` has no entry, `sysctl "
     "net.netfilter.nf_conntrack_tcp_timeout_established`; IPVS: `ipvsadm -L --timeout`; AWS NLB: "
     "TCP_ELB_Reset_Count in CloudWatch.",
     "Send TCP keep-alives more often than the device's idle timeout: net.ipv4.tcp_keepalive_time=60 where the "
     "application sets SO_KEEPALIVE (HAProxy `option clitcpka` and `option srvtcpka`, nginx `listen ... "
     "so_keepalive=on` and proxy_socket_keepalive, Envoy upstream_connection_options tcp_keepalive, libpq "
     "keepalives_idle, pgjdbc tcpKeepAlive, HikariCP keepaliveTime, boto3 `Config(tcp_keepalive=True)`). Or keep the "
     "pool's idle timeout below it, or raise the device's: AWS NLB tcp.idle_timeout.seconds (350 s), AWS NAT gateway "
     "350 s (fixed), Azure Load Balancer idleTimeoutInMinutes (4), Linux IPVS (900 s), Cisco ASA `timeout conn` (1 "
     "h), PAN-OS TCP timeout (1 h), FortiGate session-ttl (1 h), nf_conntrack_tcp_timeout_established (5 days). On a "
     "Linux NAT that lets strays out: net.netfilter.nf_conntrack_tcp_loose=0.",
     kLostVariants, idle_state_lost, narrate_idle_state_lost, SpellEnd::forgotten},
    {"idle_blackhole", Question::ending, Severity::error,
     "after a silence nothing gets through any more, while new connections work",
     "A device dropped the idle connection from its table and now drops its segments without a word. Whoever speaks "
     "first, client or server, retransmits until it gives up, a quarter of an hour later on Linux.",
     R"(client                 device                 server
  | <------------ response ------------------- |
  |     ... idle; the entry expires ...        |
  | -------- request ----> X                   |
  | --- retransmission --> X                   |  0.2 s, 0.4 s, 0.8 s ...
  | -------- new SYN ------------------------> |  works
  or, where the server speaks first:
  |                        X <------- data --- |)",
     "idle_state_lost: there a RST comes back. retransmission_timeout: there no silence came before, or nothing else "
     "gets through either. keepalive_probe_timeout: there only probes went unanswered. Captures of both ends, merged "
     "(mergecap), prove it: the request shows at one end only.",
     "On the side that speaks: `ss -tnoi dport = :PORT` (`sport` on the server) shows `timer:(on,...)` with a "
     "growing backoff; `nstat -asz TcpExtTCPTimeouts TcpRetransSegs`, and TcpExtTCPAbortOnTimeout when it gives up, "
     "without a RST. On a Linux gateway `conntrack -L -p tcp --dport PORT` has no entry.",
     "Send TCP keep-alives more often than the device's idle timeout, or keep the pool's idle timeout below it, or "
     "raise the device's (settings and defaults: idle_state_lost), and let it reject instead of dropping: Azure Load "
     "Balancer enableTcpReset, Cisco ASA `set connection timeout idle ... reset`. To find out sooner than "
     "net.ipv4.tcp_retries2 (15: some 15 minutes) does: TCP_USER_TIMEOUT (libpq tcp_user_timeout, HAProxy tcp-ut).",
     {}, idle_blackhole, narrate_idle_blackhole, SpellEnd::forgotten},
    {"idle_reset", Question::ending, Severity::note,
     "an idle connection was reset by a timer, with nothing outstanding",
     "A server, a proxy or a device ends idle connections with a RST instead of a FIN. Nobody was hurt; the next "
     "request that crosses such a reset will be.",
     R"(client                                server
  | <------------ response ------------ |
  |        ... both idle for T ...      |
  | <------------ RST+ACK ------------- |  or, from a device, one to each end)",
     "abortive_close: there the reset ends an exchange, or no period repeats. keepalive_probe_timeout: there probes "
     "went unanswered. keepalive_race: there a request was lost.",
     "On the host that the reset names: `tcp:tcp_send_reset` says TCP_STATE (a close with linger 0) and `nstat -asz "
     "TcpExtTCPAbortOnData` rises. If it says nothing and both ends report `tcp:tcp_receive_reset`, a device told "
     "them.",
     "Keep the client's idle limit below it (settings: keepalive_race), or send keep-alives more often, or raise it "
     "where it is: Azure Load Balancer idleTimeoutInMinutes with enableTcpReset, F5 TCP profile idle-timeout with "
     "Reset on Timeout, Cisco ASA `set connection timeout idle ... reset`, Akka and Pekko HTTP server.idle-timeout "
     "(60 s).",
     kIdleResetVariants, idle_reset, narrate_idle_reset},
};

}  // namespace

std::span<const Diagnosis> idle_diagnoses() { return kIdleDiagnoses; }

}  // namespace tcpwhy
