// Waiting and giving up: somebody's timer was shorter than somebody's silence.

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"
#include "families.h"
#include "hearsay.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// Sooner than this, an unanswered end is somebody's decision; later, somebody's timer.
Nanoseconds patience(const Reading& reading) { return reading.round_trip() + kSecond; }

// --------------------------------------------------------------------------------- keepalive_probe_timeout

std::optional<Verdict> keepalive_probe_timeout(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || reading.reset->reply) return {};
  const HalfConnection& prober = reading.at.half(reading.reset->by);
  if (prober.probes < 2) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = reading.surest();
  verdict.fault = Fault::path;
  verdict.impact = Impact::unknown;
  return verdict;
}

Narrative narrate_keepalive_probe_timeout(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Side by = reading.reset->by;
  const HalfConnection& prober = reading.at.half(by);
  const Nanoseconds interval = (prober.last_probe().time - prober.first_probe().time) / std::max(1, prober.probes - 1);
  Narrative narrative;
  narrative.explanation = fmt::format(
      "The connection was idle. {} sent {} TCP keep-alive probes ({} to {}, {} apart) and heard nothing; {} after the last "
      "one it gave up and reset the connection ({}). It is the victim: the {} had vanished, or the path to it.",
      name(reading.connection, by), prober.probes, frame(prober.first_probe()), frame(prober.last_probe()), duration(interval),
      duration(reading.reset->segment.at.time - prober.last_probe().time), frame(verdict.deciding_frame), name(other(by)));
  narrative.fix = fmt::format(
      "Find out what happened to {}, or to the path to it, between {} and {}: it did not answer any more.",
      name(reading.connection, other(by)), frame(prober.first_probe()), frame(verdict.deciding_frame));
  narrative.blind_spot = fmt::format(
      "Whether the probes were lost on the way or reached a dead host can't be seen from here; a capture at {} decides.",
      name(reading.connection, other(by)));
  narrative.ruled_out = {"idle_reset: the reset came after probes that nobody answered",
                         "idle_state_lost: nobody rejected the probes"};
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------ request_timeout

/// When the server stopped waiting for the rest of a request, and how much of it it had.
struct CutOff {
  Mark at;
  SequenceNumber received;
  Nanoseconds stall = 0;  ///< Since the client's last data before it.
};

std::optional<CutOff> find_cut_off(const Reading& reading) {
  const Turn& request = reading.client.turn;
  const HalfConnection& server = reading.server;
  if (request.answered && server.turn.begin.frame == request.answered) {
    return CutOff{server.turn.begin, server.turn.ack, request.wait};
  }
  if (request.answered) return {};
  if (reading.reset_by(Side::server) && !reading.reset->reply) {
    const Mark& at = reading.reset->segment.at;
    const Turn& then = reading.at.half(Side::client).turn;
    if (then.begin.frame != request.begin.frame) return {};
    return CutOff{at, reading.reset->segment.ack, at.time - then.last.time};
  }
  if (server.fin()) return CutOff{server.fin(), server.fin_ack(), server.fin_gap()};
  return {};
}

/// The request never stalled, but came in bits and pieces, for longer than anybody's patience.
bool trickled(const Reading& reading, const CutOff& cut) {
  const Turn& request = reading.client.turn;
  return request.answered == 0 && cut.stall < patience(reading) && cut.at.time - request.begin.time >= patience(reading) &&
         !fills_segments(reading.client, reading.server, reading.client.last_length);
}

/// The server answered, or closed, while it still waited for the rest of a request that had stalled.
std::optional<Verdict> request_timeout(const Evidence& evidence) {
  const Reading reading(evidence);
  const Turn& request = reading.client.turn;
  const HalfConnection& server = reading.server;
  if (!request || reading.client_closed_first() || (reading.reset == nullptr && !server.fin())) return {};
  const auto cut = find_cut_off(reading);
  if (!cut) return {};
  const std::int32_t arrived = cut->received.since(request.seq);
  if (arrived <= 0) return {};
  const std::uint64_t size = request.payload.message_size;
  const bool size_known = size != PayloadFacts::kUnknownSize;
  const bool incomplete = request.is_partial_at(cut->received);
  // Where no length could be read: the server's own word for it, or a body that goes on after the close.
  const bool told = request.answered != 0 && server.turn.payload.status == kRequestTimeout;
  const bool went_on = !size_known && has_body(request.payload) && request.answered == 0 && request.last.frame > cut->at.frame;
  const bool slow = trickled(reading, *cut);
  if (!told && (!(incomplete || went_on) || (cut->stall < patience(reading) && !slow))) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = slow && !told ? Confidence::possible : told || incomplete ? reading.surest() : Confidence::likely;
  verdict.fault = Fault::server;
  verdict.impact = Impact::request_lost;
  verdict.lost_bytes = incomplete ? size - static_cast<std::uint64_t>(arrived) : request.bytes() - static_cast<std::uint32_t>(arrived);
  if (verdict.deciding_frame == 0) verdict.deciding_frame = server.fin() ? server.fin().frame : cut->at.frame;
  return verdict;
}

Narrative narrate_request_timeout(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Turn& request = reading.client.turn;
  const Turn& response = reading.server.turn;
  Narrative narrative;
  const bool answered = request.answered != 0;
  const CutOff cut = *find_cut_off(reading);
  const std::uint64_t size = request.payload.message_size;
  narrative.explanation = fmt::format(
      "{} ({}) {}. {} after the client's last word {} {}.", name(request), frame(request.begin),
      size != PayloadFacts::kUnknownSize
          ? fmt::format("announced {}; {} of them had not arrived", bytes(size), bytes(verdict.lost_bytes))
          : fmt::format("was still arriving: {} of it had come", bytes(static_cast<std::uint64_t>(cut.received.since(request.seq)))),
      duration(cut.stall), name(reading.connection, Side::server),
      answered ? fmt::format("answered{} ({}) and closed", response.payload.status != 0
                                                             ? fmt::format(" with status {}", response.payload.status)
                                                             : "",
                             frame(response.begin))
               : fmt::format("cut it off ({})", frame(cut.at)));
  const bool slow = trickled(reading, cut);
  if (slow) {
    narrative.explanation += fmt::format(" It had been arriving for {}, in small pieces.", duration(cut.at.time - request.begin.time));
  }
  if (reading.reset != nullptr) {
    narrative.explanation += fmt::format(" What the client sent after that was reset ({}).", describe_reset(reading));
  }
  narrative.fix = fmt::format(
      "Raise the request (body) timeout of {} above the longest pause of its clients (HAProxy `timeout client`, nginx "
      "client_body_timeout, Node requestTimeout), or find out why the client paused.",
      name(reading.connection, Side::server));
  narrative.blind_spot = "Whether the client paused by itself, or waited for something behind it, can't be seen from here.";
  narrative.ruled_out = {"response_timeout: the request was not complete"};
  if (slow) {
    narrative.ruled_out.push_back("unread_close, server_abort: not ruled out; the server's log says whether a timer fired, it "
                                  "refused the request, or it died");
  } else {
    narrative.ruled_out.push_back("unread_close: the answer came after a stall, not while the request was flowing");
  }
  add_missing(reading, narrative);
  return narrative;
}

// ----------------------------------------------------------------------------------------- response_timeout

/// The client asked, waited, and closed before the first byte of an answer. Only of a request that can be read: other
/// protocols end with words that want no answer.
std::optional<Verdict> closed_while_waiting(const Reading& reading) {
  const Turn& request = reading.client.turn;
  const Mark& fin = reading.client.fin();
  if (!fin || !request || is_known_incomplete(request)) return {};
  // Of another protocol it was a request if an answer came all the same, when the client had gone.
  const bool answered_late = request.answered > fin.frame && !reading.now.server_speaks_unasked;
  if (request.payload.kind != PayloadKind::http_request && !answered_late) return {};
  if (request.answered != 0 ? request.answered < fin.frame : reading.lost_request == nullptr) return {};
  if (reading.server.fin() && reading.server.fin().frame < fin.frame) return {};
  if (reading.broken != nullptr && reading.reset->segment.at.frame < fin.frame) return {};
  const bool acknowledged = reading.server.ack_known && reading.server.ack.after(request.seq);
  if (!acknowledged || fin.time - request.last.time < patience(reading)) return {};
  // An answer after the FIN is welcome where only one half was closed; a reset shows that nobody was there any more.
  if (request.answered != 0 && !reading.reset_by(Side::client)) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.fault = Fault::client;
  verdict.impact = Impact::response_lost;
  verdict.deciding_frame = fin.frame;
  verdict.provoked_by = 0;
  if (!reading.reset_by(Side::client)) {
    verdict.reset_by = ResetBy::none;
    verdict.reset_kind = ResetKind::none;
  }
  return verdict;
}

std::optional<Verdict> response_timeout(const Evidence& evidence) {
  const Reading reading(evidence);
  const GatewayFailure& gateway = reading.now.gateway_failure();
  if (gateway.status == 504 && gateway.wait >= patience(reading)) {
    Verdict verdict = reset_verdict(reading);
    verdict.reset_by = ResetBy::none;
    verdict.reset_kind = ResetKind::none;
    verdict.provoked_by = 0;
    const Turn& request = reading.client.turn;
    const bool cut_short = request.answered == gateway.answer.frame && request.is_partial_at(reading.server.turn.ack);
    verdict.confidence = cut_short ? Confidence::likely : Confidence::certain;
    verdict.fault = Fault::server;
    verdict.impact = Impact::response_lost;
    verdict.deciding_frame = gateway.answer.frame;
    return verdict;
  }
  if (const auto gave_up = closed_while_waiting(reading)) return gave_up;
  const Turn* request = reading.lost_request;
  if (request == nullptr || is_known_incomplete(*request) || reading.wants_no_answer(*request)) return {};
  // Who closes first waits for nothing; and where the server speaks unasked, or the client goes on without an answer,
  // silence is no missing answer.
  if (reading.client_closed_first()) return {};
  if (reading.now.server_speaks_unasked && request->payload.kind != PayloadKind::http_request) return {};
  const bool other_protocol = request->payload.kind == PayloadKind::other;
  if (other_protocol && request->follows_unanswered) return {};
  // Who takes others along in the same moment had no timer for this request.
  if (evidence.around.closed_together > 1) return {};
  // A protocol without answers waits for none.
  if (reading.now.exchanges == 0 && request->payload.kind != PayloadKind::http_request) return {};
  const bool acknowledged = reading.server.ack_known && reading.server.ack.after(request->seq);
  if (!acknowledged) return {};
  Verdict verdict = reset_verdict(reading);
  Mark end;
  if (reading.reset != nullptr && !reading.reset->reply) {
    end = reading.reset->segment.at;
    verdict.fault = reading.reset->by == Side::client ? Fault::client : Fault::server;
  } else if (reading.reset == nullptr && reading.server.fin() && reading.server.fin_ack().after(request->seq)) {
    end = reading.server.fin();
    verdict.fault = Fault::server;
    verdict.deciding_frame = end.frame;
    // It may have waited for the rest of the request, which came later.
    if (request->is_partial_at(reading.server.fin_ack())) verdict.confidence = std::max(verdict.confidence, Confidence::likely);
  } else {
    return {};
  }
  if (end.frame < request->begin.frame || end.time - request->last.time < patience(reading)) return {};
  // Words of an unknown protocol may have wanted no answer.
  if (other_protocol) verdict.confidence = Confidence::possible;
  verdict.impact = Impact::response_lost;
  return verdict;
}

Narrative narrate_response_timeout(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const GatewayFailure& gateway = reading.now.gateway_failure();
  Narrative narrative;
  const bool by_gateway = gateway.answer && gateway.answer.frame == verdict.deciding_frame;
  if (by_gateway) {
    narrative.explanation = fmt::format(
        "The request in {} was answered with 504 after {} ({}): {} waited that long for whoever does the work behind it, and "
        "no longer.",
        frame(gateway.request), duration(gateway.wait), frame(gateway.answer), name(reading.connection, Side::server));
    narrative.fix = fmt::format(
        "Raise the response timeout of {} (HAProxy `timeout server`, nginx proxy_read_timeout, a balancer's idle timeout) "
        "above {}, or make the work behind it faster.",
        name(reading.connection, Side::server), duration(gateway.wait));
    if (!evidence.around.other_leg) narrative.blind_spot = "Which server behind the proxy took so long is on its other leg; capture there too.";
    narrative.ruled_out = {"server_abort: the proxy answered in order"};
    return narrative;
  }
  const bool gave_up = reading.client.fin() && verdict.deciding_frame == reading.client.fin().frame;
  const Turn& request = reading.client.turn;
  const bool by_client = gave_up || reading.reset_by(Side::client);
  const Mark& end = gave_up                    ? reading.client.fin()
                    : reading.reset != nullptr ? reading.reset->segment.at
                                               : reading.server.fin();
  const Side ender = by_client ? Side::client : Side::server;
  narrative.explanation = fmt::format(
      "{} ({}) was acknowledged, and not answered for {}; then {} ended the connection ({}).", name(request),
      frame(request.begin), duration(end.time - request.last.time), name(reading.connection, ender), frame(end));
  narrative.explanation += by_client ? " The client's timeout is shorter than the work takes."
                                     : " The server's own timeout, or its worker's, is shorter than the work takes.";
  narrative.explanation += describe_retry(reading);
  narrative.fix = fmt::format(
      "Raise the response timeout of {} above {}, or find out why {} took longer for this request.",
      name(reading.connection, ender), duration(end.time - request.last.time), name(reading.connection, Side::server));
  narrative.blind_spot = "Whether the server was still working, waiting for another one, or stuck stands in its log.";
  if (verdict.confidence == Confidence::possible) {
    narrative.blind_spot +=
        " Nor is the protocol known here: if these words wanted no answer, an idle connection was closed, and nothing was lost.";
  }
  narrative.ruled_out = {"retransmission_timeout: the request was acknowledged",
                         "dead_keepalive: no silence before the request sets it apart from those that were answered"};
  add_missing(reading, narrative);
  return narrative;
}

// ---------------------------------------------------------------------------------- retransmission_timeout

/// Whether nothing of the peer was captured while the sender repeated itself. What came within a round trip of the first try
/// had been on its way, or answers what got through; and the peer may have spoken again later.
bool was_silent(const Reading& reading, const HalfConnection& sender, const HalfConnection& peer) {
  const Nanoseconds grace = 2 * reading.round_trip() + reading.evidence.settings.rtt_margin;
  return std::all_of(peer.recent.begin(), peer.recent.end(), [&](const Glimpse& glimpse) {
    return !glimpse.at || glimpse.at.frame < sender.oldest_unacked.frame ||
           glimpse.at.time - sender.oldest_unacked.time <= grace || glimpse.at.frame > sender.last_retransmission().frame;
  });
}

/// Who repeats itself without hearing anything, or nothing. A sender doubles its waits (RFC 6298 section 5.5), so that one
/// who has repeated itself for a time t is heard again within another t, unless he has given up.
std::optional<Side> find_unheard(const Reading& reading) {
  for (const Side side : {Side::client, Side::server}) {
    const HalfConnection& sender = reading.at.half(side);
    const HalfConnection& peer = reading.at.half(other(side));
    const Mark& last = sender.last_retransmission();
    if (!sender.turn || !last || sender.retransmissions < kBlackholeRetransmissions || !sender.oldest_unacked) continue;
    if (!was_silent(reading, sender, peer)) continue;
    const Nanoseconds tried = last.time - sender.oldest_unacked.time;
    const bool long_enough = sender.retransmissions >= kGivenUpRetransmissions && tried >= kGivenUpSpan;
    const bool fell_silent = tried >= kBlackholeSpan && reading.evidence.around.capture_end - last.time > 2 * tried;
    if (long_enough || fell_silent) return side;
  }
  return {};
}

/// SYN after SYN, and nothing that the client took for an answer: silence, or a SYN-ACK that never reached it.
bool dialled_in_vain(const Reading& reading) {
  const HalfConnection& client = reading.client;
  const HalfConnection& server = reading.server;
  if (!client.syn() || client.syns < kBlockedSyns || client.last().frame != client.last_syn().frame) return false;
  if (client.last_syn().time - client.syn().time < kBlackholeSpan || reading.broken != nullptr) return false;
  if (!server.seen) return reading.connection.trouble() == nullptr;
  return server.syn() && server.last().frame == server.last_syn().frame && client.last_syn().frame > server.syn().frame;
}

std::optional<Verdict> retransmission_timeout(const Evidence& evidence) {
  const Reading reading(evidence);
  Verdict verdict = reset_verdict(reading);
  verdict.fault = Fault::path;
  const HalfConnection& client = reading.client;
  // What is left of the connection before it explains the silence better.
  if (reading.connection.meets_previous() && !reading.server.seen) return {};
  if (dialled_in_vain(reading)) {
    verdict.confidence = Confidence::likely;
    verdict.impact = Impact::connect_failed;
    verdict.deciding_frame = client.last_syn().frame;
    return verdict;
  }
  const auto unheard = find_unheard(reading);
  if (!unheard || reading.now.one_sided()) return {};
  if (reading.reset != nullptr && reading.reset->reply) return {};
  verdict.impact = *unheard == Side::client ? Impact::request_lost : Impact::response_lost;
  verdict.lost_bytes = reading.unacknowledged(*unheard);
  // Nobody misses a farewell.
  const HalfConnection& sender = reading.at.half(*unheard);
  if (sender.fin() && verdict.lost_bytes <= kFarewellBytes && sender.turn.payload.kind != PayloadKind::http_request) {
    verdict.impact = Impact::none;
    verdict.severity = Severity::note;
  }
  const bool after_silence = client.turn.silence >= evidence.settings.smallest_idle_gap;  // Then idle_blackhole is the rival.
  if (*unheard == Side::client && never_arrived(reading) && !after_silence) verdict.confidence = Confidence::certain;
  if (reading.reset == nullptr) verdict.deciding_frame = reading.at.half(*unheard).last_retransmission().frame;
  return verdict;
}

Narrative narrate_retransmission_timeout(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const HalfConnection& client = reading.client;
  Narrative narrative;
  if (verdict.impact == Impact::connect_failed) {
    narrative.explanation = fmt::format(
        "{} sent {} SYNs to {} within {} ({} to {}) and got no answer{}.", name(reading.connection, Side::client),
        client.syns, name(reading.connection, Side::server), duration(client.last_syn().time - client.syn().time),
        frame(client.syn()), frame(client.last_syn()),
        reading.server.syn() ? fmt::format(": the SYN-ACKs that passed here ({} and later) never reached it",
                                           frame(reading.server.syn()))
                             : " of any kind");
    narrative.fix = fmt::format("Check that {} is up and reachable, and which rule on the way drops SYNs to it.",
                                to_string(reading.connection.endpoint(Side::server)));
    narrative.ruled_out = {"connection_refused: nothing rejected the SYN",
                           "accept_overflow: not ruled out; a full listener is silent too. Other connects to this port decide"};
    if (const auto beyond = evidence.around.beyond_nat) {
      narrative.explanation += fmt::format(" A NAT passed them on: stream {} is the same SYN behind it.", *beyond);
      narrative.fix = fmt::format("Read stream {}: what the server answered there, if anything, is what did not come back here.", *beyond);
      narrative.ruled_out.back() = fmt::format("accept_overflow: stream {} tells", *beyond);
    }
  } else {
    const Side side = *find_unheard(reading);
    const HalfConnection& sender = reading.at.half(side);
    const bool with_busy_ones = evidence.around.latest_unheard && sender.turn.silence >= evidence.settings.smallest_idle_gap;
    narrative.explanation = fmt::format(
        "{} sent data ({}) and repeated it {} within {} (last: {}) without any answer: {} were never acknowledged. {}",
        name(reading.connection, side), frame(sender.turn.begin), plural(sender.retransmissions, "time"),
        duration(sender.last_retransmission().time - sender.oldest_unacked.time), frame(sender.last_retransmission()),
        bytes(verdict.lost_bytes),
        with_busy_ones ? fmt::format("Connections to this server that had been busy died in the same way ({}), and nothing was "
                                     "heard of it since.",
                                     frame(evidence.around.latest_unheard))
                       : "Nothing had been idle before.");
    narrative.fix = fmt::format("Find out what happened to {}, or to the path to it, at {}.",
                                name(reading.connection, other(side)), frame(sender.turn.begin));
    if (verdict.confidence == Confidence::certain) {
      narrative.explanation += describe_vanishing(reading);
      narrative.fix = fmt::format("Find the device between both places that drops what {} sends, at {}.",
                                  name(reading.connection, side), frame(sender.turn.begin));
    }
    narrative.ruled_out = {with_busy_ones ? "idle_blackhole: connections that had been busy died with it"
                                          : "idle_blackhole: no silence came before it"};
    if (const std::string suspicion = suspect_path_mtu(reading, side); !suspicion.empty()) {
      narrative.explanation += suspicion;
      narrative.fix = fmt::format(
          "Lower the MSS to what the path carries (Linux on a router: iptables TCPMSS --clamp-mss-to-pmtu; on {}: "
          "net.ipv4.tcp_mtu_probing=1), and let ICMP type 3 code 4 and ICMPv6 type 2 through to it. `ping -M do -s SIZE` "
          "finds the size.",
          name(reading.connection, side));
    }
  }
  narrative.blind_spot = verdict.confidence == Confidence::certain
                             ? std::string(kBetweenBothPlaces)
                             : "Where the segments vanish can't be seen from here; a capture at the other end decides.";
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kWaitingDiagnoses[] = {
    {"keepalive_probe_timeout", Question::ending, Severity::error,
     "TCP keep-alive probes went unanswered, and the prober reset the connection",
     "An idle connection was probed, nobody answered, and after the configured number of probes the kernel gave the "
     "connection up with a reset. The one who sends that reset is the victim.",
     R"(client                                server
  | ------------- probe --------------> X  one byte below the next number
  | ------------- probe --------------> X  the interval, again and again
  | ------------- RST+ACK ------------> X)",
     "idle_reset: there no probes went unanswered. idle_state_lost: there the probe is rejected. idle_blackhole and "
     "retransmission_timeout: there data is retransmitted (with data outstanding, keep-alive does not run).",
     "On the prober: `tcp:tcp_send_reset` says TCP_KEEPALIVE_TIMEOUT; `nstat -asz TcpExtTCPKeepAlive "
     "TcpExtTCPAbortOnTimeout`; before it gives up, `ss -tno` shows `timer:(keepalive,...)` and the probes sent.",
     "Find out what took the peer, or the path to it, away: a host that sleeps or was switched off, a link, a "
     "firewall that forgot the connection. How soon it is noticed is set by net.ipv4.tcp_keepalive_time, "
     "tcp_keepalive_intvl and tcp_keepalive_probes (7200 s, 75 s, 9), or by the application: PostgreSQL and libpq "
     "(tcp_)keepalives_idle, _interval and _count, Redis tcp-keepalive (300), nginx `listen ... "
     "so_keepalive=60s:10s:6`.",
     {}, keepalive_probe_timeout, narrate_keepalive_probe_timeout},
    {"request_timeout", Question::ending, Severity::error,
     "the server cut off a request that was still arriving",
     "An upload stalled, or crept, for longer than the server or a proxy in front of it waits for a request.",
     R"(client                                server
  | ------------- half a body --------> |
  |        ... stall ...                |
  | <------------ 408 or 504, FIN ----- |  its timer fires
  | ------------- more body ----------> |
  | <------------ RST ----------------- |)",
     "unread_close: there the answer comes while the body is flowing. response_timeout: there the request was "
     "complete. client_abort: there the client ends it.",
     "In the server's or proxy's log at that second: 408 or 504; `cR` or `cD` (HAProxy), `client timed out (110: "
     "Connection timed out)` (nginx, level info), `WORKER TIMEOUT` (gunicorn). Its resets: `tcp:tcp_send_reset` says "
     "TCP_ABORT_ON_DATA or TCP_TIMEWAIT_SOCKET for data after the close, TCP_STATE with nginx "
     "reset_timedout_connection.",
     "Raise the request timeout above the longest pause of the clients, or find out why they pause: nginx "
     "client_body_timeout and client_header_timeout (60 s), HAProxy `timeout http-request` and `timeout client`, "
     "Apache RequestReadTimeout, Node server.requestTimeout (300 s) and headersTimeout (60 s), Go "
     "Server.ReadTimeout, gunicorn --timeout (30 s, sync workers), Tomcat connectionUploadTimeout with "
     "disableUploadTimeout=\"false\", Envoy request_timeout and stream_idle_timeout (5 min).",
     {}, request_timeout, narrate_request_timeout},
    {"response_timeout", Question::ending, Severity::error,
     "a request was cut off because its answer took longer than somebody waits",
     "A complete request was acknowledged and not answered in time. Whoever waits (the client, a proxy, a server's "
     "own watchdog) gave up: with a 504, a reset or a close. In a protocol that tcpwhy can't read it is only possible: the "
     "words may have wanted no answer.",
     R"(client                                server
  | ------------- request ------------> |
  | <------------ ACK ----------------- |
  |        ... a constant time ...      |
  | ------------- RST+ACK or FIN -----> |  or: <--- 504, or: <--- RST or FIN)",
     "dead_keepalive: there only requests after a long silence go unanswered. accept_overflow: there SYNs to the "
     "port went unanswered meanwhile. client_abort: there the response had begun, or nobody waited. request_timeout: "
     "there the request was not complete. server_abort: there the server did not wait, or other connections ended in "
     "the same moment.",
     "In the log of whoever gave up: 504 and `sH` (HAProxy), `upstream timed out (110: Connection timed out)` "
     "(nginx), `UT` (Envoy), 504 or 460 (ALB), `WORKER TIMEOUT` (gunicorn). A reset by the server: "
     "`tcp:tcp_send_reset` there says TCP_ABORT_ON_CLOSE (nobody had read the request) or TCP_STATE (linger 0).",
     "Raise the timeout of whoever gave up above what the work takes, or make the work faster: HAProxy `timeout "
     "server`, nginx proxy_read_timeout (60 s), Apache ProxyTimeout, ALB idle_timeout.timeout_seconds (60 s), "
     "Envoy's route timeout (15 s), gunicorn --timeout (30 s), php-fpm request_terminate_timeout, Go "
     "Server.WriteTimeout and Client.Timeout, requests `timeout=`, boto3 read_timeout (60 s). Align them: each one "
     "further from the client a little shorter.",
     {}, response_timeout, narrate_response_timeout},
    {"retransmission_timeout", Question::ending, Severity::error,
     "segments were repeated without any answer until the sender gave up",
     "The peer is gone, or the path swallows what is sent: SYNs or data are repeated with growing pauses and nothing "
     "comes back. Where only full-size segments vanish, they are too big for the path, and the ICMP errors that would "
     "say so are filtered (a path-MTU black hole, RFC 2923 section 2.1).",
     R"(client                                server
  | ------------- data or SYN --------> X
  | ------------- again --------------> X  0.2 s, 0.4 s, 0.8 s ... (SYN: 1 s, 2 s ...)
  |        ... gives up, silently ...   |)",
     "idle_blackhole: there a silence came before, and new connections work. accept_overflow: there other connects "
     "to the same port succeed. connection_refused: there something answers. time_wait_collision: there the server "
     "had just closed a connection on the same ports.",
     "On the sender: `ss -tnoi dport = :PORT` shows `timer:(on,...)` and backoff (for SYNs `ss -tno state "
     "syn-sent`); `nstat -asz TcpExtTCPTimeouts TcpExtTCPSynRetrans TcpExtTCPAbortOnTimeout`. It gives up without a "
     "RST, so `tcp:tcp_send_reset` says nothing.",
     "Find out what took the peer, or the path to it, away; for SYNs, which rule drops them (a security group, a "
     "firewall, a route back); for full-size segments, lower the MSS and let ICMP through. Linux tries for 2 minutes (net.ipv4.tcp_syn_retries=6) or 15 (tcp_retries2=15); to "
     "notice sooner and go elsewhere: HAProxy `timeout connect` with retries and `option redispatch`, nginx "
     "proxy_connect_timeout (60 s) with proxy_next_upstream, Envoy connect_timeout (5 s), TCP_USER_TIMEOUT (libpq "
     "tcp_user_timeout, HAProxy tcp-ut).",
     {}, retransmission_timeout, narrate_retransmission_timeout},
};

}  // namespace

std::span<const Diagnosis> waiting_diagnoses() { return kWaitingDiagnoses; }

}  // namespace tcpwhy
