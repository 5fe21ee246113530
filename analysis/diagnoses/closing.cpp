// How connections are closed: with a reset where a FIN belonged, with data still to deliver, with data unread.

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// Bytes of the peer that came after `closer` had closed: past what its FIN, or its reset, acknowledged.
std::uint64_t late_bytes(const Reading& reading, Side closer) {
  const HalfConnection& half = reading.now.half(closer);
  const HalfConnection& peer = reading.now.half(other(closer));
  const Portrait& reset = reading.reset->segment;
  const SequenceNumber known = half.fin() ? half.fin_ack() : reset.has(kAck) ? reset.ack : reading.at.half(closer).ack;
  if (!peer.next_known) return 0;
  std::int32_t late = peer.next.since(known);
  if (peer.fin() && late > 0) --late;
  return late > 0 ? static_cast<std::uint64_t>(late) : 0;
}

/// The other side's FIN drew one of the resets.
bool late_fin_provoked(const Reading& reading, Side closer) {
  const FrameNumber fin = reading.now.half(other(closer)).fin().frame;
  const Break& broken = *reading.broken;
  return fin != 0 && std::any_of(broken.resets.begin(), broken.resets.begin() + static_cast<std::ptrdiff_t>(broken.kept),
                                 [fin](const Reset& reset) { return reset.provoked_by == fin; });
}

/// Nobody waited for anything: the last request was answered, or what came last was a goodbye, or the server never
/// answers on this stream and the client, who had all of it acknowledged, did not wait before it closed.
bool client_was_answered(const Reading& reading) {
  const HalfConnection& client = reading.at.half(Side::client);
  const HalfConnection& server = reading.at.half(Side::server);
  const Turn& request = client.turn;
  if (!request || request.answered || reading.wants_no_answer(request)) return true;
  const bool delivered = server.ack_known && !server.ack.before(client.next);
  const bool waited = reading.reset->segment.at.time - request.last.time >= reading.evidence.settings.smallest_idle_gap;
  const bool was_done = client.fin() || (reading.reset->by == Side::client && !waited);
  // Who speaks to a side that has closed, and ends it before anything comes back, had seen himself that it is in vain.
  const bool spoke_to_a_close = reading.reset->by == Side::client && reading.reset->abort && !waited &&
                                server.fin_covered_by(request.ack) && request.payload.kind == PayloadKind::other;
  if (spoke_to_a_close) return true;
  return server.bytes == 0 && request.payload.kind != PayloadKind::http_request && delivered && was_done;
}

// ------------------------------------------------------------------------------------ late_data_after_close

std::optional<Verdict> late_data_after_close(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr) return {};
  const Side closer = reading.reset->by;
  const HalfConnection& half = reading.at.half(closer);
  if (!half.fin() || reading.reset->abort || reading.now.one_sided()) return {};
  if (closer == Side::server) {
    const Turn* last_words = reading.lost_request;
    const bool farewell = last_words != nullptr && reading.wants_no_answer(*last_words);
    const bool nothing_but_fin = last_words == nullptr && late_bytes(reading, closer) == 0;
    if (!farewell && !nothing_but_fin) return {};
  } else {
    if (!client_was_answered(reading)) return {};
    if (response_completeness(reading) == Completeness::incomplete) return {};
    if (late_bytes(reading, closer) > kFarewellBytes) return {};
  }
  Verdict verdict = harmless_verdict(reading);
  // A bare ACK draws no RST from a socket that has closed: what came late was not captured.
  const bool late_seen = late_bytes(reading, closer) > 0 || late_fin_provoked(reading, closer);
  if (!late_seen) verdict.confidence = Confidence::likely;
  return verdict;
}

Narrative narrate_late_data(const Evidence& evidence, const Verdict&) {
  const Reading reading(evidence);
  const Side closer = reading.reset->by;
  const HalfConnection& half = reading.at.half(closer);
  Narrative narrative;
  const std::uint64_t late = late_bytes(reading, closer);
  narrative.explanation = fmt::format(
      "Every request had been answered, and {} had closed (FIN, {}). {} of the {} arrived after that, and a socket that "
      "is gone answers with a RST ({}). Nothing was lost that anybody waited for.",
      name(reading.connection, closer), frame(half.fin()), late > 0 ? fmt::format("{} (a farewell)", bytes(late)) : "A segment",
      name(other(closer)), describe_reset(reading));
  narrative.fix = "Ignore it: this is the ordinary end of a connection whose farewells crossed.";
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {
      fmt::format("write_after_close: the late bytes ({}) are a farewell, not data that was in flow", late),
      "abortive_close: the RST came after a FIN of the same side, in answer to a segment",
  };
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

// ---------------------------------------------------------------------------------------- abortive_close

std::optional<Verdict> abortive_close(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || !client_was_answered(reading)) return {};
  const Side closer = reading.reset->by;
  const HalfConnection& half = reading.at.half(closer);
  const HalfConnection& peer = reading.at.half(other(closer));
  // Somebody who had stopped hearing from the other side did not close by habit.
  if (reading.now.one_sided() || half.probes > 1 || half.retransmissions > 1) return {};
  if (reading.reset->reply && reading.last_words_unseen(closer)) return {};
  // A request that came after the reset was lost: no harmless close.
  const Turn* later = reading.lost_request;
  if (later != nullptr && closer == Side::server && !reading.wants_no_answer(*later)) return {};
  const Completeness response = response_completeness(reading);
  if (response == Completeness::incomplete || late_bytes(reading, closer) > kFarewellBytes) return {};
  if (closer == Side::server) {
    if (half.bytes == 0 && reading.now.exchanges == 0 && !peer.fin()) return {};
    // A reply without a close before it: something met no socket, and that is another story.
    if (reading.reset->reply && !half.fin() && !peer.fin()) return {};
    if (response == Completeness::looks_cut && !half.fin() && !peer.fin()) return {};
  } else {
    if (half.bytes == 0 && peer.bytes == 0) return {};
    // Data in mid-conversation met no socket. (With a live window the RST is somebody's own decision.)
    const bool met_data = reading.reset->reply && reading.reset->provoked_by != 0 && reading.reset->segment.window == 0 &&
                          half.ack_known && half.ack.before(peer.next);
    if (met_data && !half.fin() && !peer.fin()) return {};
    // The response was still flowing.
    if (response == Completeness::looks_cut && !peer.fin()) return {};
  }
  Verdict verdict = harmless_verdict(reading);
  // Before any close, a reset without the marks of a socket's decision: something may have drawn it. A probe that nothing
  // answered, a request that was still coming: there may have been a reason other than habit.
  const bool no_socket = !reading.reset->abort && !half.fin() && !peer.fin();
  const bool unfinished = is_known_incomplete(reading.client.turn);
  const bool left_unanswered = reading.client.turn && !reading.client.turn.answered;
  // Closed in order first, and then something arrived.
  const bool drawn = half.fin() && !reading.reset->abort;
  if (no_socket || unfinished || left_unanswered || drawn || half.probes > 0) verdict.confidence = Confidence::likely;
  return verdict;
}

Narrative narrate_abortive_close(const Evidence& evidence, const Verdict&) {
  const Reading reading(evidence);
  const Side closer = reading.reset->by;
  const HalfConnection& half = reading.at.half(closer);
  const HalfConnection& peer = reading.at.half(other(closer));
  Narrative narrative;
  std::string how;
  if (half.fin()) {
    how = fmt::format("sent a FIN ({}) and, {} later, a RST", frame(half.fin()),
                      duration(reading.reset->segment.at.time - half.fin().time));
  } else if (peer.fin()) {
    how = fmt::format("answered the {}'s FIN ({}) with a RST", name(other(closer)), frame(peer.fin()));
  } else {
    how = "closed with a RST where a FIN belonged";
    // Data that was captured after its acknowledgment has no time of its own.
    if (reading.at.last_data()) {
      how += fmt::format(", {} after the last data", duration(reading.reset->segment.at.time - reading.at.last_data().time));
    }
  }
  const Turn& last_words = reading.client.turn;
  const bool left_unanswered = last_words && !last_words.answered;
  narrative.explanation =
      fmt::format("{}. Then {} {} ({}). Nothing was lost{}: it saves a TIME_WAIT, or a proxy or linger 0 (`option nolinger`) "
                  "does so by habit.",
                  left_unanswered
                      ? fmt::format("The client's last words ({}) were not answered, and it closed without waiting any longer",
                                    frame(last_words.begin))
                      : fmt::format("Every request had been answered ({})", plural(reading.at.exchanges, "exchange")),
                  name(reading.connection, closer), how, describe_reset(reading),
                  left_unanswered ? " that it waited for" : "");
  narrative.fix = fmt::format(
      "Leave it, or, to have clean closes in captures and counters, remove linger 0 (HAProxy: `option nolinger`) on the "
      "{}. It turns into abortive_truncation as soon as a response is larger than the socket buffers.",
      name(closer));
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {
      "abortive_truncation: the last response was complete, as far as its bytes show",
      "server_abort, client_abort: nothing was outstanding",
  };
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

// ----------------------------------------------------------------------------------- abortive_truncation

/// Bytes of the response that the client never had, as far as Content-Length tells; else what the server's kernel
/// still held for retransmission when it was told to forget: the replies to late ACKs show where it stood.
std::uint64_t truncated_bytes(const Reading& reading) {
  const HalfConnection& server = reading.at.half(Side::server);
  const Turn& response = server.turn;
  if (response.payload.message_size != PayloadFacts::kUnknownSize && response.payload.message_size > response.bytes()) {
    return response.payload.message_size - response.bytes();
  }
  for (std::size_t i = 1; i < reading.broken->kept; ++i) {
    const Reset& later = reading.broken->resets[i];
    if (later.by != Side::server || later.abort) continue;
    const std::int32_t unacknowledged = reading.reset->segment.seq.since(later.segment.seq);
    return unacknowledged > 0 ? static_cast<std::uint64_t>(unacknowledged) : 0;
  }
  const HalfConnection& client = reading.at.half(Side::client);
  const std::int32_t outstanding = client.ack_known ? reading.reset->segment.seq.since(client.ack) : 0;
  return outstanding > 0 ? static_cast<std::uint64_t>(outstanding) : 0;
}

std::optional<Verdict> abortive_truncation(const Evidence& evidence) {
  const Reading reading(evidence);
  if (!reading.reset_by(Side::server) || reading.reset->reply || reading.server.fin()) return {};
  if (!reading.at.half(Side::server).turn || !client_was_answered(reading)) return {};
  if (read_forgery(reading).weight() >= 2) return {};
  const Completeness response = response_completeness(reading);
  if (response != Completeness::incomplete && response != Completeness::looks_cut) return {};
  // A cut in the middle of the flow, not after a pause: a stalled response is somebody's timeout or death.
  const Nanoseconds since_data = reading.reset->segment.at.time - reading.at.last_data().time;
  if (since_data > 2 * reading.round_trip() + evidence.settings.rtt_margin) return {};
  // The exception on an endpoint that closes well otherwise is a crash (server_abort); a habit is a setting.
  const Surroundings& around = evidence.around;
  if (around.orderly_closes > 0 && around.abortive_closes == 0) return {};
  Verdict verdict;
  verdict.confidence = response == Completeness::incomplete ? reading.surest() : Confidence::likely;
  verdict.reset_by = ResetBy::server;
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::server;
  verdict.impact = Impact::response_truncated;
  verdict.severity = Severity::error;
  verdict.lost_bytes = truncated_bytes(reading);
  verdict.deciding_frame = reading.reset->segment.at.frame;
  return verdict;
}

Narrative narrate_abortive_truncation(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const HalfConnection& server = reading.at.half(Side::server);
  const Turn& response = server.turn;
  const Turn& request = reading.at.half(Side::client).turn;
  const bool size_known = response.payload.message_size != PayloadFacts::kUnknownSize;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "{} ({}) was being answered: {} of the response had come, the last segment a full one ({}). {} later {} reset the "
      "connection ({}) instead of finishing. ",
      name(request), frame(request.begin), bytes(response.bytes()), frame(response.last),
      duration(reading.reset->segment.at.time - response.last.time), name(reading.connection, Side::server),
      describe_reset(reading));
  if (size_known) {
    narrative.explanation += fmt::format("Its header announced {}: {} never arrived.",
                                         bytes(response.payload.message_size), bytes(verdict.lost_bytes));
  } else {
    narrative.explanation += fmt::format(
        "At least {} were not acknowledged yet when it did so, and what its application had still to send never arrived.",
        bytes(verdict.lost_bytes));
  }
  narrative.fix = fmt::format(
      "Remove linger 0 from {} (HAProxy: `option nolinger` on the frontend; SO_LINGER with a time of 0 in servers): close() "
      "must send what is queued, then a FIN. Until then, let clients treat a short body as an error and retry.",
      name(reading.connection, Side::server));
  narrative.blind_spot =
      size_known ? "" : "Content-Length could not be read (encrypted, or cut by the snaplen), so that the response was "
                        "unfinished rests on its ending in a full segment without a FIN; capture with a larger snaplen.";
  add_missing(reading, narrative);
  narrative.ruled_out = {
      "abortive_close: the response was not complete",
      fmt::format("server_abort: resetting is this endpoint's habit (it reset {} and closed {} in order)",
                  plural(evidence.around.abortive_closes, "other stream"), evidence.around.orderly_closes),
  };
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

// -------------------------------------------------------------------------------------- write_after_close

std::optional<Verdict> write_after_close(const Evidence& evidence) {
  const Reading reading(evidence);
  if (!reading.reset_by(Side::server) || !reading.at.half(Side::server).fin()) return {};
  const Turn& data = reading.client.turn;
  if (!data || reading.wants_no_answer(data) || reading.client.last().frame < reading.server.fin().frame) return {};
  const std::uint64_t late = late_bytes(reading, Side::server);
  if (late == 0 || data.payload.kind == PayloadKind::tls_handshake || reading.client_closed_first()) return {};
  Verdict verdict;
  // Whose data doesn't acknowledge the FIN, or comes right behind it, hardly knew.
  const Mark& past = reading.client.data_past_fin();
  const bool knew = past && past.time - reading.server.fin().time > reading.round_trip() + evidence.settings.rtt_margin;
  // What began after the close of a stream of exchanges, and what the server answered or cut off, was in no flow.
  const bool in_flow = data.answered == 0 && !is_known_incomplete(data) &&
                       (reading.at.exchanges == 0 || data.begin.frame < reading.server.fin().frame);
  verdict.confidence = knew && in_flow ? reading.surest() : Confidence::likely;
  verdict.reset_by = ResetBy::server;
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::client;
  verdict.impact = Impact::request_lost;
  verdict.severity = Severity::error;
  verdict.lost_bytes = late;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  verdict.provoked_by = reading.reset->provoked_by;
  return verdict;
}

Narrative narrate_write_after_close(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const HalfConnection& server = reading.server;
  const Mark& past = reading.client.data_past_fin() ? reading.client.data_past_fin() : reading.client.turn.last;
  // Nothing was in flow: the client began to speak again after the close, at once.
  const bool began_anew = reading.at.exchanges > 0 && reading.client.turn.begin.frame > server.fin().frame;
  std::string noticed;
  if (server.fin_acked()) {
    noticed = server.fin_acked().frame == past.frame
                  ? "; what the client sent next acknowledges that"
                  : fmt::format("; the client's kernel acknowledged that in {}", frame(server.fin_acked()));
  }
  Narrative narrative;
  narrative.explanation = fmt::format(
      "{} closed its side (FIN, {}) {}{}. {}, and {} that arrived after the close got lost ({}).",
      name(reading.connection, Side::server), frame(server.fin()),
      began_anew ? fmt::format("{} after the last data", duration(server.fin_gap())) : "while the client was sending", noticed,
      past.frame < server.fin().frame
          ? fmt::format("What the client had sent ({}) passed that on the way", frame(past))
          : fmt::format("{} later the client sent on ({})", duration(past.time - server.fin().time), frame(past)),
      bytes(verdict.lost_bytes), describe_reset(reading));
  narrative.fix = fmt::format(
      "Make the client watch for the server's close while it sends (read the socket, handle EOF), then reconnect and send "
      "again what was not confirmed; and find out why {} closed (a limit on messages or age, a restart).",
      name(reading.connection, Side::server));
  narrative.blind_spot = "What the client had sent before that was acknowledged by the server's kernel; whether its "
                         "application read it can't be seen.";
  narrative.ruled_out = {
      began_anew                 ? "stale_reuse: no silence came before the close, nor before what the client said after it"
      : reading.at.exchanges > 0 ? "stale_reuse: data was in flow when the server closed"
                                 : "stale_reuse: the server never answers on this stream, so no exchange was complete",
      "late_data_after_close: the late bytes are data, not a farewell"};
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------- unread_close

std::optional<Verdict> unread_close(const Evidence& evidence) {
  const Reading reading(evidence);
  if (!reading.reset_by(Side::server)) return {};
  const Turn& request = reading.client.turn;
  const Turn& response = reading.at.half(Side::server).turn;
  if (!request || read_forgery(reading).weight() >= 4) return {};
  const Reset& reset = *reading.reset;
  Verdict verdict;
  verdict.reset_by = ResetBy::server;
  verdict.reset_kind = kind_of(&reset);
  verdict.fault = Fault::server;
  verdict.deciding_frame = reset.segment.at.frame;
  verdict.provoked_by = reset.provoked_by;
  verdict.lost_bytes = reading.unacknowledged(Side::client);

  // An answer that comes after the upload stalled is a timeout's, not a refusal's.
  const bool incomplete = is_known_incomplete(request);
  const bool unfinished = request.last.frame > response.begin.frame || response.ack.before(request.end) || incomplete;
  // A few bytes and the FIN behind them say goodbye to a client that sends all the time.
  const bool farewell = request.answered == response.begin.frame && response.payload.kind == PayloadKind::other &&
                        response.bytes() <= kFarewellRecord && reading.server.fin() &&
                        reading.server.fin().time - response.begin.time <= evidence.settings.rtt_margin;
  const bool early_response = response && response.begin.frame > request.begin.frame && unfinished && !farewell &&
                              !request.payload.client_hello &&
                              request.wait < reading.round_trip() + kSecond;
  // The application closes; what it had not read, or what is still coming, draws the resets.
  const bool unread = (reset.abort && (incomplete || late_bytes(reading, Side::server) > 0)) || (reading.at.half(Side::server).fin() && reset.reply);
  if (early_response && unread) {
    // Lost is a response that the client, a round trip later, still does not acknowledge. What left before the
    // reset arrives before it.
    const bool arrived = reading.client.ack_known && reading.client.ack.after(response.seq);
    const bool had_time = reading.client.last().time - response.last.time >
                          reading.round_trip_to(Side::client) + evidence.settings.rtt_margin;
    const bool delivered = arrived || !had_time;
    verdict.confidence = reading.surest();
    verdict.impact = delivered ? Impact::none : Impact::response_lost;
    verdict.severity = delivered ? Severity::warn : Severity::error;
    return verdict;
  }
  // A request that the kernel had and nobody read.
  // A close that comes long after it is a timer's; one that takes other streams along is a process's end.
  const bool at_once = reset.segment.at.time - request.last.time < reading.round_trip() + kSecond;
  // Linux sends the FIN of a shutdown first, where there was one, and the reset of the close right behind it.
  const bool in_one_go = !reading.server.fin() ||
                         reset.segment.at.time - reading.server.fin().time <= evidence.settings.rtt_margin;
  const bool readable = request.payload.kind == PayloadKind::http_request;
  const bool expected_more = !reading.wants_no_answer(request) &&
                             (readable || (!reading.client_closed_first() && !reading.now.server_speaks_unasked));
  const bool nobody_answered = !request.answered && expected_more && reset.abort && in_one_go &&
                               at_once && evidence.around.closed_together <= 1 &&
                               reading.now.handshake_seen() && reset.segment.ack.after(request.seq) &&
                               request.begin.frame < reset.segment.at.frame;
  if (!nobody_answered || read_forgery(reading).weight() >= 2) return {};
  verdict.confidence = Confidence::possible;
  verdict.impact = Impact::request_lost;
  // A single byte is a keystroke or a flag, which may want no answer.
  verdict.severity = request.bytes() > 1 ? Severity::error : Severity::warn;
  verdict.lost_bytes = request.bytes();
  verdict.provoked_by = request.begin.frame;
  return verdict;
}

/// What spares a client the early answer, or the body that it sends in vain.
std::string_view advice_on_early_answer(std::uint16_t status) {
  switch (status) {
    case 401:
    case 407: return "let clients send their credentials with the first request, or ask by `Expect: 100-continue` before large bodies";
    case 413: return "let clients ask by `Expect: 100-continue` before large bodies, or raise the server's limit for them";
    case 431: return "let clients send smaller headers, or raise the server's limit for them";
    default: return "let clients send `Expect: 100-continue` before large bodies";
  }
}

Narrative narrate_unread_close(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = reading.client.turn;
  const Turn& response = reading.at.half(Side::server).turn;
  Narrative narrative;
  if (verdict.impact == Impact::request_lost) {
    narrative.explanation = fmt::format(
        "{}'s kernel acknowledged a {} ({}), nobody answered it, and {} after it the socket was closed with that data "
        "unread, which makes the close a reset ({}).{}",
        name(reading.connection, Side::server), name(request), frame(request.begin),
        duration(reading.reset->segment.at.time - request.begin.time), describe_reset(reading), describe_retry(reading));
    narrative.fix = fmt::format(
        "Look into the log of {} at that second: it closed, or died, with a request in its socket. Drain connections "
        "before a worker exits.",
        name(reading.connection, Side::server));
    narrative.ruled_out = {
        "keepalive_race: the close did not come at the end of an idle period",
        "server_abort, response_timeout: not ruled out; a killed process and a timer that fires before the work is done "
        "close with unread data too. The server's log, or the same delay on other streams, decides",
    };
  } else {
    narrative.explanation = fmt::format(
        "{} answered{} ({}) while the {} ({}) was still arriving, and closed without reading the rest: what came later "
        "was reset ({}). The client {} the response.",
        name(reading.connection, Side::server),
        response.payload.status != 0 ? fmt::format(" with status {}", response.payload.status) : "", frame(response.begin),
        name(request), frame(request.begin), describe_reset(reading),
        verdict.impact == Impact::none ? "had acknowledged" : "never acknowledged");
    narrative.fix = fmt::format(
        "Read the rest of the request, or shut down only the sending side and drain for a while, on {} (nginx: "
        "lingering_close always); {}.",
        name(reading.connection, Side::server), advice_on_early_answer(response.payload.status));
    narrative.ruled_out = {
        "injected_reset: several RSTs with different numbers look forged, but each repeats the ack of a segment that was "
        "in flight",
    };
  }
  narrative.blind_spot =
      "Whether the client's application saw the response can't be told: Windows discards received data at a reset, Linux "
      "and macOS deliver it first.";
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kClosingDiagnoses[] = {
    {"late_data_after_close", Question::ending, Severity::chat,
     "a reset for something that arrived after a complete close",
     "One side had closed its socket for good when the other's last words arrived: a TLS close_notify, a GOAWAY, a "
     "FIN that crossed. A kernel without a socket answers with a RST. All was delivered.",
     R"(client                                server
  | ------------- FIN ----------------> |
  | <------------ close_notify -------- |
  | ------------- RST ----------------> |)",
     "write_after_close: there the late bytes were data that somebody still wanted to send. client_abort: there most "
     "of the response came late. abortive_close: there the RST came by itself.",
     "On the host that reset: `tcp:tcp_send_reset` says TCP_ABORT_ON_DATA (the socket was in FIN_WAIT2), "
     "TCP_TIMEWAIT_SOCKET, or NO_SOCKET when that was over.",
     "Ignore it, and let no alarm rest on TcpOutRsts alone, which rises with each of them.",
     {}, late_data_after_close, narrate_late_data},
    {"unread_close", Question::ending, Severity::error,
     "the server closed with received data unread",
     "A server that answers early (413, 401, 503) and closes while the request is still arriving has unread data in "
     "its socket, and then close() must send a RST (RFC 2525 section 2.17). Each segment still in flight draws "
     "another one, each with another sequence number: it looks forged and is honest. A server that closes on a "
     "request without a word does the same.",
     R"(client                                server
  | ------------- body, body, ... ----> |
  | <------------ 413, FIN ------------ |
  | <------------ RST+ACK ------------- |  unread data
  | ------------- body in flight -----> |
  | <------------ RST, seq=its ack ---- |  once for each)",
     "injected_reset: there the TTL, the speed or the sender's next segments betray it; here every seq is an ack "
     "that was in flight. keepalive_race: there the connection was idle. request_timeout: there the upload had "
     "stalled. server_abort: there a response broke off, or other connections ended in the same moment.",
     "On the server: `tcp:tcp_send_reset` says TCP_ABORT_ON_CLOSE, then TCP_FLAGS (the port listens) or NO_SOCKET "
     "for each segment in flight; TCP_ABORT_ON_DATA where a FIN came first. `nstat -asz TcpExtTCPAbortOnClose "
     "TcpExtTCPAbortOnData`.",
     "Read the rest of the request before closing, or shut down the sending side and drain: nginx lingering_close "
     "always, with lingering_time (30 s) and lingering_timeout (5 s); Envoy delayed_close_timeout (1 s); Tomcat "
     "maxSwallowSize (2 MB). If the body is welcome, raise the limit that refused it (nginx client_max_body_size, "
     "Tomcat maxPostSize). Let clients send `Expect: 100-continue` before large bodies (curl does; Apache HttpClient "
     "setExpectContinueEnabled).",
     {}, unread_close, narrate_unread_close},
    {"write_after_close", Question::ending, Severity::error,
     "the server had closed its side, and the client went on sending",
     "A log shipper or a stream of messages: the receiver closed, the sender did not look, and what it wrote "
     "afterwards is lost.",
     R"(client                                server
  | ------------- data ---------------> |
  | <------------ FIN ----------------- |
  | ------------- ACK, data ----------> |
  | <------------ RST ----------------- |)",
     "stale_reuse: there the last exchange was complete and answered, and the connection at rest. unread_close: there the "
     "server had answered early. late_data_after_close: there only a farewell came late.",
     "On the client: `ss -tnp state close-wait`; the write after next fails with EPIPE. On the server "
     "`tcp:tcp_send_reset` says TCP_ABORT_ON_DATA (the socket was in FIN_WAIT1 or FIN_WAIT2) or TCP_TIMEWAIT_SOCKET; "
     "`nstat -asz TcpExtTCPAbortOnData`.",
     "Make the sender watch for the receiver's close (read the socket, handle EOF), reconnect, and send again what "
     "was not confirmed; use a protocol that confirms: rsyslog omrelp instead of omfwd, Fluentd's forward output "
     "with require_ack_response. And find out why the receiver closes (a limit on age or messages, a restart).",
     {}, write_after_close, narrate_write_after_close},
    {"abortive_truncation", Question::ending, Severity::error,
     "the server reset the connection with a response still to deliver",
     "close() with SO_LINGER 0 throws away what the kernel had not sent yet. A small response survives, one that is "
     "larger than the socket buffers is cut short.",
     R"(client                                server
  | ------------- request ------------> |
  | <------------ data, data, data ---- |  full segments
  | <------------ RST+ACK, no FIN ----- |  the rest is gone
  | ------------- ACK ----------------> |
  | <------------ RST, seq=that ack --- |)",
     "abortive_close: there the response was complete. server_abort: there the endpoint's other responses end well. "
     "client_abort: there the client reset.",
     "On the server: `tcp:tcp_send_reset` says TCP_STATE (the socket was ESTABLISHED) and `nstat -asz "
     "TcpExtTCPAbortOnData` rises: that is how linger 0 is recorded; TCP_ABORT_ON_LINGER means TCP_LINGER2 below 0 "
     "and is another matter. Who sets it: `strace -f -e trace=setsockopt -p PID` shows SO_LINGER with l_linger=0; "
     "`grep -rn nolinger /etc/haproxy`.",
     "Remove linger 0: HAProxy `option nolinger` on frontends, nginx reset_timedout_connection, SO_LINGER with time "
     "0 in servers (Java setSoLinger(true, 0), Tomcat socket.soLingerTime, Go SetLinger(0), Node "
     "socket.resetAndDestroy()). Let clients check Content-Length and retry: boto3's standard retries do not repeat "
     "a body that was cut short.",
     {}, abortive_truncation, narrate_abortive_truncation},
    {"abortive_close", Question::ending, Severity::chat,
     "a reset where a FIN belonged, after everything was delivered",
     "The connection had done its work, and one side closed it with a RST: linger 0, a proxy that saves ports, or "
     "the answer to a FIN by a socket that was going away. Nothing was lost.",
     R"(client                                server
  | ------------- request ------------> |
  | <------------ response ------------ |
  | ------------- ACK ----------------> |
  | ------------- RST+ACK ------------> |  either side)",
     "abortive_truncation: there the response was not complete. idle_reset: there an idle period that repeats on "
     "this endpoint came before. late_data_after_close: there the RST answered a segment that came after the close.",
     "On the host that reset: `tcp:tcp_send_reset` says TCP_STATE (linger 0, or `ss -K`; `nstat -asz "
     "TcpExtTCPAbortOnData`), or TCP_ABORT_ON_CLOSE where it left data unread (TcpExtTCPAbortOnClose).",
     "Leave it. HAProxy does so towards its servers by design. If counters or logs must be clean, remove linger 0 "
     "(HAProxy `option nolinger`, nginx reset_timedout_connection, SO_LINGER in the application).",
     {}, abortive_close, narrate_abortive_close},
};

}  // namespace

std::span<const Diagnosis> closing_diagnoses() { return kClosingDiagnoses; }

}  // namespace tcpwhy
