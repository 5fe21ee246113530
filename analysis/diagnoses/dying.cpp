// Dying: a peer that stops in the middle of its work, or comes back without its memory.

#include <fmt/format.h>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

// ------------------------------------------------------------------------------------------- peer_lost_state

/// Whether this host had known the connection: it spoke, or acknowledged more than the handshake.
bool had_known(const HalfConnection& host, const HalfConnection& peer) {
  return host.bytes > 0 || (host.ack_known && peer.syn() && host.ack.after(peer.isn + 1));
}

/// A bare ACK draws a RST from nobody but a host that does not know the connection. Told from a server that resets by
/// itself, with a bare RST, just then: the reply comes a round trip after the ACK.
std::optional<Verdict> reset_answers_an_ack(const Reading& reading) {
  const Reset& reset = *reading.reset;
  const HalfConnection& forgetful = reading.at.half(reset.by);
  const HalfConnection& sender = reading.at.half(other(reset.by));
  const Glimpse& ack = sender.recent[0];
  if (reset.segment.has(kAck) || ack.length > 0 || ack.at.frame != reset.provoked_by || ack.ack != reset.segment.seq) return {};
  if (reset.segment.window != 0 || (reset.segment.ip_id_known && reset.segment.ip_id != 0)) return {};
  if (!reading.now.handshake_seen() || !forgetful.response_time_known()) return {};
  if (forgetful.last().frame > ack.at.frame || read_forgery(reading).weight() >= 3) return {};
  const Nanoseconds took = reset.segment.at.time - ack.at.time;
  const Nanoseconds trip = forgetful.response_time;
  if (took > trip * 3 / 2 + reading.evidence.settings.rtt_margin) return {};
  // No socket of a host that counts its packets sends one without a number (tcp_v4_send_reset).
  const bool no_socket = reset.segment.ip_id_known && forgetful.ip_id_known;
  if (took < trip * 3 / 4 && !no_socket) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = trip >= kMeasurableRoundTrip ? Confidence::likely : Confidence::possible;
  verdict.fault = reset.by == Side::server ? Fault::server : Fault::client;
  verdict.impact = Impact::none;
  verdict.severity = Severity::note;
  return verdict;
}

std::optional<Verdict> peer_lost_state(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || !reading.reset->reply || reading.reset->provoked_by == 0) return {};
  const Side by = reading.reset->by;
  const HalfConnection& forgetful = reading.at.half(by);
  const HalfConnection& sender = reading.at.half(other(by));
  if (forgetful.fin() || sender.fin() || !reading.at.established || !had_known(forgetful, sender)) return {};
  if (reading.last_words_unseen(by)) return {};
  if (const auto answered = reset_answers_an_ack(reading)) return answered;
  // Another host, or one that has just come back, may be nearer than the old one: speed alone doesn't forge.
  if (!sender.turn || reading.reset->provoked_by < sender.turn.begin.frame || read_forgery(reading).weight() >= 3) {
    return {};
  }
  if (reading.reset->segment.has(kAck) || sender.turn.answered) return {};
  // What it had acknowledged, it knew: the reset answers nothing of that.
  if (forgetful.ack_known && !forgetful.ack.before(sender.next)) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.fault = by == Side::server ? Fault::server : Fault::client;
  verdict.impact = by == Side::server ? Impact::request_lost : Impact::response_lost;
  verdict.lost_bytes = reading.unacknowledged(other(by));
  return verdict;
}

Narrative narrate_peer_lost_state(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Side by = reading.reset->by;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "In the middle of the conversation, {} after its last segment ({}), {} answered {} ({}) with a RST that says \"no "
      "such connection\" ({}). It had sent neither FIN nor RST before: it crashed, was restarted, or this is another host "
      "that took over its address.{}",
      duration(reading.reset->segment.at.time - reading.at.half(by).last().time), frame(reading.at.half(by).last()),
      name(reading.connection, by), verdict.impact == Impact::none ? "an ACK" : "data", frame(verdict.provoked_by),
      describe_reset(reading), describe_retry(reading));
  narrative.fix = fmt::format("Look for a reboot, a failover or flushed connection state at {} at that second.",
                              name(reading.connection, by));
  narrative.blind_spot = "A FIN that was lost before this capture point looks the same; a capture at that host decides.";
  narrative.ruled_out = {"stale_reuse: no FIN was seen",
                         reading.server_forgets_busy_streams()
                             ? "idle_state_lost: connections that were in use were forgotten in the same way"
                             : fmt::format("idle_state_lost: silences as long as this one survive here (up to {})",
                                           duration(evidence.around.longest_answered_silence))};
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------------ server_abort

/// The server closed in order, and that cost so many bytes.
Verdict closed_in_order(const Reading& reading, Impact impact, std::uint64_t lost_bytes) {
  Verdict verdict = reset_verdict(reading);
  verdict.fault = Fault::server;
  verdict.impact = impact;
  verdict.lost_bytes = lost_bytes;
  verdict.deciding_frame = reading.server.fin().frame;
  verdict.provoked_by = 0;
  return verdict;
}

/// A request that could be read was acknowledged, and the server closed in order without a word: the process ended, or
/// decided so.
std::optional<Verdict> closed_without_an_answer(const Reading& reading) {
  const Turn* request = reading.lost_request;
  if (reading.reset != nullptr || request == nullptr || request->payload.kind != PayloadKind::http_request) return {};
  const HalfConnection& server = reading.server;
  if (!server.fin() || !server.fin_ack().after(request->seq) || !reading.whole()) return {};
  if (reading.client.fin() && reading.client.fin().frame < server.fin().frame) return {};
  return closed_in_order(reading, Impact::request_lost, request->bytes());
}

std::optional<Verdict> server_abort(const Evidence& evidence) {
  const Reading reading(evidence);
  if (const auto closed = closed_without_an_answer(reading)) return closed;
  if (reading.closed_in_mid_response()) {
    const Turn& cut = reading.server.turn;
    return closed_in_order(reading, Impact::response_truncated, cut.payload.message_size - cut.bytes());
  }
  if (!reading.reset_by(Side::server) || reading.reset->reply || reading.server.fin()) return {};
  const Turn& request = reading.at.half(Side::client).turn;
  if (!request || read_forgery(reading).weight() >= 2) return {};
  const Completeness response = response_completeness(reading);
  const bool broken_off = request.answered && (response == Completeness::incomplete || response == Completeness::looks_cut);
  const bool died_with_others = !request.answered && evidence.around.closed_together > 1 && reading.now.handshake_seen();
  if (!broken_off && !died_with_others) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = response == Completeness::looks_cut && !died_with_others ? Confidence::possible : Confidence::likely;
  verdict.fault = Fault::server;
  verdict.impact = broken_off ? Impact::response_truncated : Impact::request_lost;
  if (!broken_off) verdict.lost_bytes = request.bytes();
  return verdict;
}

Narrative narrate_server_abort(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = reading.at.half(Side::client).turn;
  const Turn& response = reading.at.half(Side::server).turn;
  Narrative narrative;
  if (verdict.impact == Impact::response_truncated && reading.reset == nullptr) {
    narrative.explanation = fmt::format(
        "{} ({}) was being answered ({}): {} of {} had come by {}. {} later {} closed the connection in order ({}), and sent no more.",
        name(request), frame(request.begin), frame(response.begin), bytes(response.bytes()), bytes(response.payload.message_size),
        frame(response.last), duration(reading.server.fin().time - response.last.time), name(reading.connection, Side::server),
        frame(reading.server.fin()));
  } else if (verdict.impact == Impact::response_truncated) {
    narrative.explanation = fmt::format(
        "{} ({}) was being answered: {} of the response had come by {}. {} later {} reset the connection ({}).", name(request),
        frame(request.begin), bytes(response.bytes()), frame(response.last),
        duration(reading.reset->segment.at.time - response.last.time), name(reading.connection, Side::server),
        describe_reset(reading));
  } else if (reading.reset == nullptr) {
    narrative.explanation = fmt::format("{} ({}) was acknowledged; {} later {} closed the connection in order ({}) without "
                                        "a byte of an answer.",
                                        name(request), frame(request.begin),
                                        duration(reading.server.fin().time - request.begin.time),
                                        name(reading.connection, Side::server), frame(reading.server.fin()));
  } else {
    narrative.explanation = fmt::format(
        "{} ({}) was acknowledged and not answered; {} later {} reset the connection ({}).", name(request),
        frame(request.begin), duration(reading.reset->segment.at.time - request.begin.time),
        name(reading.connection, Side::server), describe_reset(reading));
  }
  if (evidence.around.closed_together > 1) {
    narrative.explanation += fmt::format(
        " {} of the same server ended in that very moment, after other idle times: its process ended, not this request.",
        plural(evidence.around.closed_together, "other stream"));
  }
  narrative.explanation += describe_retry(reading);
  narrative.fix = fmt::format(
      "Look for a crash, a kill, a worker timeout or a deployment on {} at that second; drain connections before a process "
      "ends.",
      name(reading.connection, Side::server));
  narrative.blind_spot = "Why the process reset the connection stands in its log, not on the wire.";
  narrative.ruled_out = {fmt::format("abortive_truncation: no habit of this endpoint (it reset {} and closed {} in order)",
                                     plural(evidence.around.abortive_closes, "other stream"),
                                     evidence.around.orderly_closes)};
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------------ client_abort

/// The client closed in order, with less sent than it had announced.
std::optional<Verdict> stopped_uploading(const Reading& reading) {
  const Turn& request = reading.client.turn;
  if (!request || request.answered || !reading.client_closed_first() || !is_known_incomplete(request)) return {};
  if (request.last.frame > reading.client.fin().frame) return {};  // Not in this order; the capture's, then.
  Verdict verdict = reset_verdict(reading);
  verdict.variant = "request";
  verdict.fault = Fault::client;
  verdict.impact = Impact::none;
  verdict.severity = Severity::note;
  verdict.deciding_frame = reading.client.fin().frame;
  return verdict;
}

std::optional<Verdict> client_abort(const Evidence& evidence) {
  const Reading reading(evidence);
  if (const auto stopped = stopped_uploading(reading)) return stopped;
  if (!reading.reset_by(Side::client)) return {};
  const HalfConnection& client = reading.at.half(Side::client);
  const HalfConnection& server = reading.at.half(Side::server);
  const Turn& request = client.turn;
  if (!request || reading.now.one_sided()) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.fault = Fault::client;
  verdict.impact = Impact::none;
  verdict.severity = Severity::note;
  const bool readable = request.payload.kind == PayloadKind::http_request;
  const bool stopped_asking = readable && request.answered != 0 && client.fin() && client.fin().frame < request.answered;
  if (stopped_asking || (!request.answered && !reading.wants_no_answer(request))) {
    // Before the first byte of the response, and after a wait: response_timeout. At once: it changed its mind.
    verdict.variant = "request";
    const bool server_closed = server.fin() && !(client.fin() && client.fin().frame < server.fin().frame);
    if (server_closed || reading.wants_no_answer(request)) return {};
    return verdict;
  }
  const Completeness response = response_completeness(reading);
  const SequenceNumber known = client.fin() ? client.fin_ack() : client.ack;
  const bool still_coming = reading.server.bytes > 0 && reading.server.next.after(known + kFarewellBytes);
  if (response == Completeness::complete && !still_coming) return {};
  if (response == Completeness::looks_complete && !still_coming) return {};
  verdict.variant = "response";
  return verdict;
}

Narrative narrate_client_abort(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const bool by_fin = reading.client.fin() && verdict.deciding_frame == reading.client.fin().frame;
  const Turn& request = by_fin ? reading.client.turn : reading.at.half(Side::client).turn;
  const Turn& response = reading.at.half(Side::server).turn;
  Narrative narrative;
  if (by_fin) {
    narrative.explanation = fmt::format("{} closed the connection ({}) {} after it had sent {} of a {} ({}) that announces {}.",
                                        name(reading.connection, Side::client), frame(reading.client.fin()),
                                        duration(reading.client.fin().time - request.last.time), bytes(request.bytes()),
                                        name(request), frame(request.begin), bytes(request.payload.message_size));
  } else if (verdict.variant == "request") {
    narrative.explanation =
        fmt::format("{} reset the connection ({}) {} after it had sent {} of a {} ({}), before any answer.",
                    name(reading.connection, Side::client), describe_reset(reading),
                    duration(reading.reset->segment.at.time - request.last.time), bytes(request.bytes()), name(request),
                    frame(request.begin));
  } else {
    narrative.explanation = fmt::format(
        "{} stopped in the middle of a response: {} of it had come ({} to {}) when it {} the connection ({}). What was still "
        "on its way drew further resets.",
        name(reading.connection, Side::client), bytes(response.bytes()), frame(response.begin), frame(response.last),
        reading.at.half(Side::client).fin() ? "closed and then reset" : "reset", describe_reset(reading));
  }
  narrative.fix =
      "Leave it if users cancel (a closed tab, a stopped download); otherwise look at the client's own timeout and its log.";
  narrative.blind_spot = "Why the client stopped can't be seen: a person, a timeout and a crash look alike.";
  narrative.ruled_out = {"server_abort: the client reset, not the server"};
  if (verdict.variant == "request") {
    narrative.ruled_out.push_back("response_timeout: it did not wait");
  } else {
    narrative.ruled_out.push_back("abortive_close: the response was not complete");
  }
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  add_missing(reading, narrative);
  return narrative;
}

constexpr Variant kAbortVariants[] = {
    {"response", "in the middle of a response"},
    {"request", "in the middle of a request, or before any answer: with a reset, or with a FIN too early"},
};

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kDyingDiagnoses[] = {
    {"peer_lost_state", Question::ending, Severity::error,
     "data in mid-conversation was answered by a host that does not know the connection",
     "A crash, a reboot, a failover to another host, or flushed connection state: the next segment finds no socket. "
     "Where only an ACK met that, nothing was lost.",
     R"(client                                server
  | <------------ data ---------------- |
  |        ... the server reboots ...   |
  | ------------- data ---------------> |  or a bare ACK
  | <------------ RST, seq=that ack --- |)",
     "stale_reuse: there the server sent a FIN. idle_state_lost: there a silence longer than any that survived came "
     "before, and busy connections live. conntrack_invalid: there a stray of a NAT had killed the socket. "
     "server_abort: there a socket decided (RST+ACK).",
     "On the host that reset: `uptime -s`, `journalctl --list-boots`, the log of keepalived or the cluster; "
     "`tcp:tcp_send_reset` says TCP_FLAGS if the port listens again, NO_SOCKET if not. Kubernetes: `kubectl describe "
     "pod` (Last State), `kubectl get events`.",
     "Look for a reboot, a failover, a moved address or flushed state at that second. Drain before a host goes "
     "(HAProxy `set server ... state drain`, AWS deregistration_delay.timeout_seconds, Kubernetes preStop), hand "
     "connection state over in a failover pair (conntrackd), and retry what is safe to repeat.",
     {}, peer_lost_state, narrate_peer_lost_state},
    {"server_abort", Question::ending, Severity::error,
     "the server stopped in the middle of its work",
     "A process was killed, crashed, ran into its worker timeout, or aborted on purpose, with a response begun or a "
     "request in hand. What it had not read makes a reset of its end; otherwise even a killed process ends with a "
     "FIN.",
     R"(client                                server
  | ------------- request ------------> |
  | <------------ half a response ----- |  or: none
  | <------------ RST+ACK ------------- |  or: FIN, without an answer)",
     "abortive_truncation: there resetting is the endpoint's habit. response_timeout: there it comes after a wait, "
     "and alone. unread_close: there it comes at once, and alone. client_abort: there the client reset. propagated: "
     "there a leg behind it broke just before.",
     "On the server at that second: its log (gunicorn: `WORKER TIMEOUT`), `dmesg -T | grep -iE 'oom|segfault'`, "
     "`coredumpctl list`, `journalctl -u UNIT`. `tcp:tcp_send_reset` says TCP_ABORT_ON_CLOSE (it died with data "
     "unread) or TCP_STATE (linger 0); a FIN leaves no reason.",
     "Look for a crash, a kill, a worker timeout or a deployment; drain connections before a process ends: `nginx -s "
     "quit` and worker_shutdown_timeout, HAProxy hard-stop-after, gunicorn --graceful-timeout (30 s) and --timeout, "
     "uvicorn --timeout-graceful-shutdown, Go Server.Shutdown, Kubernetes preStop and terminationGracePeriodSeconds "
     "(30 s).",
     {}, server_abort, narrate_server_abort},
    {"client_abort", Question::ending, Severity::note,
     "the client gave up in the middle",
     "A cancelled download, a closed tab, a stopped upload: the client closed its socket while data was still "
     "coming, and each segment that arrived afterwards drew a reset. Or it closed with less sent than it had "
     "announced.",
     R"(client                                server
  | <------------ data, data, data ---- |
  | ------------- RST+ACK ------------> |  or: FIN
  | <------------ data in flight ------ |
  | ------------- RST ----------------> |  once for each)",
     "response_timeout: there no byte of the response had come, after a wait. abortive_close: there the response was "
     "complete. late_data_after_close: there only a farewell came late. propagated: there the client is a proxy that "
     "lost its own.",
     "In the server's or proxy's log: 499 (nginx), `CD`, `CH` or `CR` (HAProxy), `DC` (Envoy), 460 (ALB). On the "
     "client `tcp:tcp_send_reset` says TCP_ABORT_ON_CLOSE, then NO_SOCKET for each segment in flight; `nstat -asz "
     "TcpExtTCPAbortOnClose`.",
     "Leave it if users cancel; otherwise look at the client's own timeout (curl --max-time, Go Client.Timeout, a "
     "limit on the whole transfer) and its log. Whether the work behind a proxy then stops: HAProxy `option "
     "abortonclose`, nginx proxy_ignore_client_abort.",
     kAbortVariants, client_abort, narrate_client_abort},
};

}  // namespace

std::span<const Diagnosis> dying_diagnoses() { return kDyingDiagnoses; }

}  // namespace tcpwhy
