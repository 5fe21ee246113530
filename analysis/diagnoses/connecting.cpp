// How connections are opened, when that is the whole story: refused, probed, dropped, or stuck in the TLS handshake.

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

// -------------------------------------------------------------------------------------- connection_refused

/// Who says by an ICMP error that the SYN goes nowhere: RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1;
/// RFC 4443 section 3.1.
enum class Refuser : std::uint8_t {
  rule,         ///< Administratively prohibited, policy.
  host,         ///< The host itself has no such protocol or port; or a rule: a host refuses TCP with a RST.
  last_router,  ///< The host doesn't answer the last router's ARP or neighbour solicitation, or doesn't exist.
  router,       ///< There is no way there.
};

Refuser refuser(const IcmpError& error) {
  if (error.v6) {
    switch (error.code) {
      case 1: case 5: case 6: return Refuser::rule;
      case 3: return Refuser::last_router;
      case 4: return Refuser::host;
      default: return Refuser::router;
    }
  }
  switch (error.code) {
    case 9: case 10: case 13: case 14: case 15: return Refuser::rule;
    case 2: case 3: return Refuser::host;
    case 1: case 7: case 8: return Refuser::last_router;
    default: return Refuser::router;
  }
}

Fault fault_of(Refuser refuser) {
  switch (refuser) {
    case Refuser::rule: return Fault::middlebox;
    case Refuser::host: return Fault::server;
    case Refuser::last_router: return Fault::server;
    case Refuser::router: return Fault::path;
  }
  return Fault::unknown;
}

std::optional<Verdict> connection_refused(const Evidence& evidence) {
  const Reading reading(evidence);
  const Trouble* trouble = reading.connection.trouble();
  if (trouble == nullptr) return {};
  Verdict verdict;
  verdict.confidence = Confidence::certain;
  verdict.fault = Fault::server;
  verdict.impact = Impact::connect_failed;
  verdict.severity = Severity::error;
  if (trouble->refusal.count > 0) {
    verdict.variant = "reset";
    verdict.reset_by = ResetBy::server;
    verdict.reset_kind = kind_of(&trouble->refusal.reset);
    verdict.deciding_frame = trouble->refusal.reset.segment.at.frame;
    verdict.provoked_by = trouble->refusal.syn.frame;
    if (reading.server.syn()) {
      // The SYN-ACK is another SYN's answer: the client dialled again, and somebody listened by then. Else: injected_reset.
      const bool dialled_again = !reading.client.syn() || reading.client.last_syn().frame > verdict.deciding_frame;
      if (!dialled_again) return {};
      verdict.impact = Impact::connect_delayed;
      verdict.severity = Severity::warn;
    }
    if (!reading.client.syn()) verdict.confidence = Confidence::likely;
    return verdict;
  }
  if (!reading.client.syn() || reading.server.syn() || trouble->rejection.frame < reading.client.syn().frame) return {};
  verdict.variant = "icmp";
  verdict.fault = fault_of(refuser(trouble->rejection));
  if (verdict.fault != Fault::middlebox) verdict.confidence = Confidence::likely;
  verdict.deciding_frame = trouble->rejection.frame;
  verdict.provoked_by = reading.client.syn().frame;
  return verdict;
}

Narrative narrate_connection_refused(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Trouble& trouble = *reading.connection.trouble();
  const Incarnation* previous = reading.connection.previous();
  Narrative narrative;
  if (verdict.variant == "icmp") {
    narrative.explanation = fmt::format(
        "The SYN ({}) to {} was rejected by an ICMP error ({}, type {} code {}) that quotes it.",
        frame(reading.client.syn()), name(reading.connection, Side::server), frame(trouble.rejection.frame),
        trouble.rejection.type, trouble.rejection.code);
    const std::string server = to_string(reading.connection.endpoint(Side::server));
    const std::string host = to_string(reading.connection.endpoint(Side::server).address);
    switch (refuser(trouble.rejection)) {
      case Refuser::rule:
        narrative.explanation += " That code is a rule's.";
        narrative.fix = fmt::format("Look for the rule that rejects {} on the host that sent the ICMP error (frame {}).",
                                    server, trouble.rejection.frame);
        break;
      case Refuser::host:
        narrative.explanation += " It says that there is no such port or protocol. A host refuses TCP with a RST, so it may be "
                                 "a rule's (iptables REJECT sends it, unless told otherwise).";
        narrative.fix = fmt::format("Look for the rule that rejects {} on the host that sent the ICMP error (frame {}); if "
                                    "there is none, start the service, or correct the address that the client was given.",
                                    server, trouble.rejection.frame);
        break;
      case Refuser::last_router:
        narrative.explanation += " That is no rule's code: the last router found nobody there to give it to.";
        narrative.fix = fmt::format("Check that {} is up, in that network and answers ARP or neighbour solicitations, or "
                                    "correct the address that the client was given.",
                                    host);
        break;
      case Refuser::router:
        narrative.explanation += " That is no rule's code: the router knows no way there.";
        narrative.fix = fmt::format("Look for the route to {} on the router that sent the ICMP error (frame {}), or correct "
                                    "the address that the client was given.",
                                    host, trouble.rejection.frame);
        break;
    }
    narrative.ruled_out = {"retransmission_timeout: the SYN was answered"};
  } else {
    const Mark& syn = trouble.refusal.syn;
    narrative.explanation = fmt::format(
        "The SYN{} to {} was answered by a RST ({}){}: nothing listens on that port{}.{}",
        syn ? fmt::format(" ({})", frame(syn)) : ", which was not captured,", name(reading.connection, Side::server),
        frame(verdict.deciding_frame),
        syn ? fmt::format(" after {}", duration(trouble.refusal.reset.segment.at.time - syn.time)) : "",
        trouble.refusal.count > 1 ? fmt::format(" ({} SYNs were refused)", trouble.refusal.count) : "",
        reading.server.syn() ? fmt::format(" A later SYN from the same port was accepted ({}).", frame(reading.server.syn()))
                             : "");
    narrative.fix = fmt::format("Start the service on {}, or correct the address or port that the client uses.",
                                to_string(reading.connection.endpoint(Side::server)));
    narrative.blind_spot =
        "A firewall that rejects with a RST on the server's host sends the same bytes as a closed port: `ss -ltn` there "
        "and its rules decide.";
    if (previous != nullptr && !previous->both_fins && !previous->reset) {
      narrative.ruled_out.push_back(fmt::format(
          "an orphan in FIN_WAIT2: not ruled out; stream {} on the same ports was not closed by both sides, and Linux "
          "resets a SYN that meets it for 60 s",
          previous->stream));
    }
    if (reading.server.seen) {
      narrative.ruled_out.push_back("a filter: the server's other segments come the same way");
    }
  }
  return narrative;
}

constexpr Variant kRefusedVariants[] = {
    {"reset", "the SYN was answered by a RST"},
    {"icmp", "the SYN was answered by an ICMP error that quotes it"},
};

// ---------------------------------------------------------------------------------------- handshake_probe

/// The server closed, and the client was still there, or had sent what was not captured: one that had reset before has no socket
/// left, and its kernel answers the FIN so.
bool closed_on_somebody(const Reading& reading) {
  const Mark& fin = reading.at.half(Side::server).fin();
  if (!fin) return false;
  return !reading.reset->reply || reading.reset->provoked_by < fin.frame || !reading.whole();
}

/// A scanner that makes its own segments: its kernel resets what it never asked for, and the scanner speaks all the same. What
/// comes within a round trip had been sent before the reset, and the capture has them in another order.
bool speaks_behind_its_kernel(const Reading& reading) {
  if (!reading.reset_by(Side::client) || !reading.client.turn || !reading.client.syn()) return false;
  const Mark& reset = reading.reset->segment.at;
  const Nanoseconds trip = std::min(reading.round_trip(), reset.time - reading.client.syn().time);
  return reading.client.turn.begin.time - reset.time > trip + reading.evidence.settings.rtt_margin;
}

std::optional<Verdict> handshake_probe(const Evidence& evidence) {
  const Reading reading(evidence);
  const ConnectionState& at = reading.at;
  if (reading.reset == nullptr || !at.half(Side::server).syn() || closed_on_somebody(reading)) return {};
  // A server that gives up on an answer to its SYN-ACK: nobody wanted more than that.
  const bool unanswered = reading.reset->abort && at.half(Side::server).syns > 1 &&
                          (!at.half(Side::client).seen || at.half(Side::client).last().frame == at.half(Side::client).syn().frame);
  if (reading.reset_by(Side::server) && !unanswered) return {};
  if (at.half(Side::client).bytes > 0 || at.half(Side::server).bytes > 0 || at.half(Side::client).fin()) return {};
  if (reading.client.bytes > 0 && !speaks_behind_its_kernel(reading)) return {};
  if (reading.connection.trouble()->refusal.count > 0) return {};
  const bool its_own_handshake = !at.half(Side::client).syn() || reading.server.syn().frame > reading.client.syn().frame;
  if (!its_own_handshake) return {};
  // Data that was acknowledged was sent, captured or not.
  if (reading.client.unseen_bytes() > 0 || reading.server.unseen_bytes() > 0) return {};
  Verdict verdict = harmless_verdict(reading);
  if (at.half(Side::server).fin()) verdict.confidence = Confidence::likely;
  return verdict;
}

Narrative narrate_handshake_probe(const Evidence& evidence, const Verdict&) {
  const Reading reading(evidence);
  Narrative narrative;
  if (reading.reset_by(Side::server)) {
    narrative.explanation = fmt::format(
        "{} answered a SYN ({}) and repeated its SYN-ACK {}; nobody took it up, and after {} it gave up with a RST ({}): a "
        "half-open scan, a forged address, or a path that loses SYN-ACKs.",
        name(reading.connection, Side::server), frame(reading.client.syn()),
        plural(reading.server.syns - 1U, "time"), duration(reading.reset->segment.at.time - reading.server.syn().time),
        describe_reset(reading));
    narrative.fix = "Leave it, unless clients complain that they can't connect: then look for what drops SYN-ACKs on the way.";
    narrative.blind_spot = missing_from_capture(reading);
    narrative.ruled_out = {"retransmission_timeout: the client did not dial again"};
    return narrative;
  }
  if (const Mark& fin = reading.at.half(Side::server).fin()) {
    narrative.explanation = fmt::format(
        "{} connected (SYN {}, SYN-ACK {}) and sent no byte. When {} closed {} later ({}), nobody knew the connection any more "
        "({}): a health check whose own reset was lost on the way, or a client that had gone. Nothing was lost.",
        name(reading.connection, Side::client), frame(reading.client.syn()), frame(reading.server.syn()),
        name(reading.connection, Side::server), duration(fin.time - reading.server.syn().time), frame(fin), describe_reset(reading));
    narrative.fix = "Leave it; to keep it out of the server's log, let the check send a request and close with a FIN.";
    narrative.blind_spot = "How the client ended it was not captured; a capture at the client shows it.";
    narrative.ruled_out = {"peer_lost_state: nothing was outstanding, and the server was closing"};
    return narrative;
  }
  narrative.explanation = fmt::format(
      "{} connected (SYN {}, SYN-ACK {}) and reset the connection {} later without sending a byte ({}): a health check, a "
      "port scan, or the loser of a race between two addresses.",
      name(reading.connection, Side::client), frame(reading.client.syn()), frame(reading.server.syn()),
      duration(reading.reset->segment.at.time - reading.server.syn().time), describe_reset(reading));
  narrative.fix = "Leave it; to keep it out of the server's log, let the check send a request and close with a FIN.";
  if (reading.client.bytes > 0) {
    narrative.explanation += fmt::format(
        " {} later it spoke all the same ({}): a scanner that makes its own segments, behind the back of its kernel, which reset.",
        duration(reading.client.turn.begin.time - reading.reset->segment.at.time), frame(reading.client.turn.begin));
    narrative.fix = "Leave it: no client of yours does that.";
  }
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {"accept_overflow: the client reset, not the server",
                         "client_abort: no request had been sent"};
  return narrative;
}

// ---------------------------------------------------------------------------------------- accept_overflow

/// SYNs that nobody answered, though the port showed signs of life to others at that time. Where the same SYNs are seen on their
/// way on, that other stream tells what became of them.
bool syns_were_dropped(const Reading& reading) {
  if (reading.client.syns < kBlockedSyns || reading.server.seen || reading.connection.trouble() != nullptr) return false;
  const Surroundings& around = reading.evidence.around;
  if (reading.connection.meets_previous() || around.beyond_nat) return false;
  const Nanoseconds patience = reading.client.last_syn().time + kSecond;
  const bool heard_soon = around.latest_heard.time > reading.client.syn().time && around.latest_heard.time <= patience;
  return around.heard_while_dialling || heard_soon;
}

/// Nothing that the client sent after the handshake was ever acknowledged, however often it was repeated: its ACK was dropped, or
/// answered a SYN cookie, and there is no socket.
bool was_never_taken_in(const Reading& reading) {
  const HalfConnection& server = reading.server;
  return server.last().frame == server.last_syn().frame && reading.client.last_retransmission();
}

/// A connection that the kernel completed and nobody accepted: its first request was never answered, and others found no room at
/// the same port while it waited.
bool was_never_served(const Reading& reading) {
  const Turn& request = reading.client.turn;
  const HalfConnection& server = reading.server;
  if (!request || request.answered != 0 || reading.now.exchanges > 0 || server.bytes > 0 || !reading.now.handshake_seen()) {
    return false;
  }
  const Surroundings& around = reading.evidence.around;
  if (!server.ack_known || server.fin() || around.latest_turned_away.time <= request.begin.time) return false;
  if (server.ack.after(request.seq)) return reading.client.fin() || (reading.reset != nullptr && !reading.reset->reply);
  // That the port was heard meanwhile tells it from a path that loses everything.
  return was_never_taken_in(reading) && reading.reset != nullptr && around.latest_heard.time > request.begin.time;
}

/// A socket of the server's reset the connection before it had the first request, which was on its way.
bool crossed_first_request(const Reading& reading) {
  const Reset& reset = *reading.reset;
  const Turn* request = reading.lost_request;
  if (!reset.abort || request == nullptr || !reset.segment.has(kAck) || reset.segment.ack != request->seq) return false;
  return request->begin.time - reset.segment.at.time <= reading.round_trip() + reading.evidence.settings.rtt_margin;
}

std::optional<Verdict> accept_overflow(const Evidence& evidence) {
  const Reading reading(evidence);
  Verdict verdict;
  verdict.confidence = Confidence::possible;
  verdict.fault = Fault::server;
  verdict.impact = Impact::connect_failed;
  verdict.severity = Severity::error;
  if (syns_were_dropped(reading)) {
    verdict.variant = "dropped";
    verdict.deciding_frame = reading.client.last_syn().frame;
    return verdict;
  }
  if (was_never_served(reading)) {
    verdict = reset_verdict(reading);
    if (was_never_taken_in(reading)) verdict.confidence = Confidence::possible;
    verdict.fault = Fault::server;
    verdict.variant = "unserved";
    verdict.impact = Impact::request_lost;
    verdict.lost_bytes = reading.client.turn.bytes();
    if (reading.reset == nullptr) verdict.deciding_frame = reading.client.fin().frame;
    return verdict;
  }
  // A reply straight after the handshake: the listener had no room for the connection (tcp_check_req).
  if (!reading.connection.reset_after_handshake()) return {};
  const bool without_socket = reading.reset->reply;
  if (!without_socket && !crossed_first_request(reading)) return {};
  if (read_forgery(reading).weight() >= 2) return {};
  verdict.variant = "reset";
  verdict.reset_by = ResetBy::server;
  verdict.reset_kind = kind_of(reading.reset);
  verdict.confidence = without_socket && evidence.around.latest_established ? Confidence::likely : Confidence::possible;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  verdict.provoked_by = reading.reset->provoked_by;
  verdict.lost_bytes = reading.client.bytes;
  return verdict;
}

Narrative narrate_accept_overflow(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  Narrative narrative;
  if (verdict.variant == "dropped") {
    narrative.explanation = fmt::format(
        "{} SYNs ({} to {}, {}) to {} got no answer, while that port talked to others ({}): its accept queue was full, or "
        "a rate limit dropped these.",
        reading.client.syns, frame(reading.client.syn()), frame(reading.client.last_syn()),
        duration(reading.client.last_syn().time - reading.client.syn().time), name(reading.connection, Side::server),
        frame(evidence.around.heard_while_dialling ? evidence.around.heard_while_dialling : evidence.around.latest_heard));
    narrative.ruled_out = {"retransmission_timeout: not ruled out; these SYNs may have been lost on the way. "
                           "TcpExtListenDrops on the server decides"};
  } else if (verdict.variant == "unserved") {
    const Turn& request = reading.client.turn;
    const bool by_server = reading.reset_by(Side::server);
    const Mark& end = reading.reset != nullptr ? reading.reset->segment.at : reading.client.fin();
    const bool taken_in = !was_never_taken_in(reading);
    narrative.explanation = fmt::format(
        "{}'s kernel completed the handshake and {} a {} ({}), and nobody ever served it; others found no room at the port "
        "meanwhile ({}), so its accept queue was full. After {} {} ({}).{}",
        name(reading.connection, Side::server), taken_in ? "acknowledged" : "never acknowledged", name(request),
        frame(request.begin), frame(evidence.around.latest_turned_away), duration(end.time - request.begin.time),
        by_server ? "the listener was closed, which resets all that waits in its queue" : "the client gave up", frame(end),
        describe_retry(reading));
    narrative.ruled_out = {"response_timeout: the connection was never accepted; the port had no room for others at the same time",
                           "server_abort: no byte was ever served on this connection"};
    if (!taken_in) {
      narrative.ruled_out.push_back(
          fmt::format("retransmission_timeout: not ruled out; the request may have been lost on the way, though the port was heard "
                      "meanwhile ({}). TcpExtListenOverflows on the server decides",
                      frame(evidence.around.latest_heard)));
    }
  } else if (verdict.reset_kind == ResetKind::abort) {
    narrative.explanation = fmt::format(
        "{} sent its SYN-ACK ({}) and reset the connection {} after the handshake was complete ({}), while a {} ({}) was on its "
        "way: the listener was closed with the connection in its queue, or the application took it and dropped it unread.",
        name(reading.connection, Side::server), frame(reading.server.syn()),
        duration(reading.reset->segment.at.time - reading.at.established.time), describe_reset(reading),
        name(*reading.lost_request), frame(reading.lost_request->begin));
    narrative.ruled_out = {"connection_refused: the SYN was answered by a SYN-ACK",
                           "server_abort: not ruled out; an application that accepts and resets at once, by decision or for want of "
                           "a worker, sends the same bytes. Its log decides"};
  } else {
    narrative.explanation = fmt::format(
        "{} sent its SYN-ACK ({}) and, {} after the handshake was complete, a RST ({}), as if it had never known the "
        "connection: the listener had no room for it, or was closed at that moment.",
        name(reading.connection, Side::server), frame(reading.server.syn()),
        duration(reading.reset->segment.at.time - reading.at.established.time), describe_reset(reading));
    narrative.ruled_out = {"connection_refused: the SYN was answered by a SYN-ACK",
                           "server_abort: the reset is a reply without a socket, not a decision of one"};
  }
  narrative.fix = fmt::format(
      "Raise the listen backlog on {} (the application's own and net.core.somaxconn), or make it accept faster.",
      name(reading.connection, Side::server));
  narrative.blind_spot = "The queue's length can't be seen on the wire: `nstat TcpExtListenOverflows TcpExtListenDrops` and "
                         "`ss -ltn` (Recv-Q against Send-Q) on the server show it.";
  add_missing(reading, narrative);
  return narrative;
}

constexpr Variant kOverflowVariants[] = {
    {"reset", "a reset straight after the handshake"},
    {"dropped", "silence to SYNs while the port talks to others"},
    {"unserved", "a request was never served, while others found no room at the port"},
};

// --------------------------------------------------------------------------------------- syn_ack_rejected

std::optional<Verdict> syn_ack_rejected(const Evidence& evidence) {
  const Reading reading(evidence);
  const HalfConnection& client = reading.at.half(Side::client);
  const HalfConnection& server = reading.at.half(Side::server);
  if (!reading.reset_by(Side::client) || !server.syn() || reading.reset->abort || server.bytes > 0) return {};
  const bool unasked = !client.seen || (client.syn() && server.recent[0].ack != client.isn + 1);
  if (!unasked || server.last().frame != server.last_syn().frame) return {};
  Verdict verdict = harmless_verdict(reading);
  verdict.confidence = Confidence::likely;
  verdict.severity = Severity::note;
  verdict.provoked_by = server.last_syn().frame;
  return verdict;
}

Narrative narrate_syn_ack_rejected(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  Narrative narrative;
  narrative.explanation = fmt::format(
      "{} got a SYN-ACK ({}) that answers no SYN of its own, and its kernel reset it ({}): an old duplicate, a path that "
      "takes the SYN another way, or somebody who forges its address.",
      name(reading.connection, Side::client), frame(verdict.provoked_by), describe_reset(reading));
  narrative.fix = "Check whether the SYN takes another path than the SYN-ACK; if neither host sent it, somebody forges the "
                  "address (backscatter), and there is nothing to change here.";
  narrative.blind_spot = "Whether the SYN went by another way can't be seen from here.";
  narrative.ruled_out = {"handshake_probe: no SYN of that number was captured"};
  add_missing(reading, narrative);
  return narrative;
}

// -------------------------------------------------------------------------------------------- tls_failure

/// A ClientHello that is answered in plain text, or a handshake whose last word is a sealed alert: a client certificate was
/// missing or not believed (in TLS 1.3 the server says so after the client has gone on to its request).
std::optional<Verdict> answered_in_another_tongue(const Reading& reading) {
  const PayloadFacts& hello = reading.client.turn.payload;
  const Turn& answer = reading.server.turn;
  // With the client's request unread, the close is a reset.
  const bool aborted = !reading.server.fin() && reading.reset_by(Side::server) && reading.reset->abort;
  if (!reading.server.fin() && !aborted) return {};
  const Mark& end = aborted ? reading.reset->segment.at : reading.server.fin();
  if (hello.kind != PayloadKind::tls_handshake || !answer || reading.client.turn.goodbye) return {};
  const FrameNumber answered = reading.client.turn.answered;
  const bool in_order = answered == 0 || answered == answer.begin.frame;
  const bool plain = hello.client_hello && (answer.payload.kind == PayloadKind::http_response);
  const bool sealed_alert = !hello.client_hello && answer.goodbye && answer.begin.frame == answer.last.frame &&
                            answer.begin.frame > reading.client.turn.begin.frame && end.frame > answer.last.frame &&
                            end.time - answer.last.time <= reading.evidence.settings.rtt_margin;
  if (!in_order || (!plain && !sealed_alert) || reading.client_closed_first()) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.confidence = plain ? Confidence::likely : Confidence::possible;
  verdict.fault = Fault::client;
  verdict.impact = Impact::connect_failed;
  verdict.deciding_frame = end.frame;
  verdict.provoked_by = 0;
  return verdict;
}

/// The server's FIN came with, or behind, its own words of the handshake, and had nothing of the client but the ClientHello: no
/// handshake is complete without the client's Finished (RFC 8446 section 4.4.4, RFC 5246 section 7.4.9).
bool closed_in_mid_handshake(const Reading& reading) {
  const Turn& said = reading.client.turn;
  const HalfConnection& server = reading.server;
  return server.fin() && !reading.client_closed_first() && server.turn.payload.kind == PayloadKind::tls_handshake &&
         said.payload.kind == PayloadKind::tls_handshake && !said.payload.client_hello && !server.fin_ack().after(said.seq) &&
         reading.now.exchanges == 1;
}

std::optional<Verdict> tls_failure(const Evidence& evidence) {
  const Reading reading(evidence);
  const TlsAlert& alert = reading.now.tls_alert();
  Verdict verdict;
  verdict.impact = Impact::connect_failed;
  verdict.severity = Severity::error;
  verdict.reset_by = sent_by(reading.reset);
  verdict.reset_kind = kind_of(reading.reset);
  if (alert.at) {
    verdict.confidence = Confidence::certain;
    // Who complains is seldom who has to change something.
    verdict.fault = alert.by == Side::client ? Fault::server : Fault::client;
    verdict.deciding_frame = alert.at.frame;
    return verdict;
  }
  if (const auto refused = answered_in_another_tongue(reading)) return refused;
  if (closed_in_mid_handshake(reading)) {
    verdict.confidence = Confidence::possible;
    verdict.fault = Fault::server;
    verdict.deciding_frame = reading.server.fin().frame;
    return verdict;
  }
  // A ClientHello, and the server ends it without a word.
  const HalfConnection& server = reading.at.half(Side::server);
  if (!reading.client.turn.payload.client_hello || server.bytes > 0 || reading.now.exchanges > 0) return {};
  const bool was_reset = reading.reset_by(Side::server) && !reading.reset->reply && !read_forgery(reading).too_fast;
  const bool closed_first = reading.server.fin() && (!reading.client.fin() || reading.server.fin().frame < reading.client.fin().frame);
  // Whoever has closed resets what the client says to that: its alert, its FIN.
  const bool only_echoes = reading.reset == nullptr || (reading.reset_by(Side::server) && reading.reset->reply && server.fin());
  const bool was_closed = only_echoes && closed_first && reading.server.fin_ack().after(reading.client.turn.seq);
  if (!was_reset && !was_closed) return {};
  verdict.confidence = Confidence::possible;
  verdict.fault = Fault::server;
  verdict.deciding_frame = was_reset ? reading.reset->segment.at.frame : reading.server.fin().frame;
  verdict.provoked_by = was_reset ? reading.client.turn.begin.frame : 0;
  return verdict;
}

Narrative narrate_tls_failure(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const TlsAlert& alert = reading.now.tls_alert();
  Narrative narrative;
  if (alert.at) {
    const std::string_view known = alert_name(alert.description);
    narrative.explanation = fmt::format(
        "{} ended the TLS handshake with a fatal alert, {} ({}), {} after the connection began.{}",
        name(reading.connection, alert.by),
        known.empty() ? fmt::format("number {}", alert.description) : fmt::format("{} ({})", known, alert.description),
        frame(alert.at), duration(alert.at.time - reading.now.first().time),
        reading.reset != nullptr ? fmt::format(" The reset ({}) is only its end.", describe_reset(reading)) : "");
    narrative.fix = alert.by == Side::client
                        ? fmt::format("Check the certificate chain, names and TLS versions that {} offers; the client does not "
                                      "accept them.",
                                      name(reading.connection, Side::server))
                        : fmt::format("Check the TLS versions, ciphers, server name and client certificate that {} offers; the "
                                      "server does not accept them.",
                                      name(reading.connection, Side::client));
  } else if (answered_in_another_tongue(reading)) {
    const bool plain = reading.server.turn.payload.kind == PayloadKind::http_response;
    narrative.explanation = fmt::format(
        "{} began a TLS handshake ({}), and {} answered it {} ({}) and closed.", name(reading.connection, Side::client),
        frame(reading.client.turn.begin), name(reading.connection, Side::server),
        plain ? "in plain HTTP" : "with a sealed record of the length of an alert", frame(reading.server.turn.begin));
    narrative.fix = plain ? fmt::format("Use the port of {} that speaks TLS, or plain HTTP on this one.",
                                        to_string(reading.connection.endpoint(Side::server).address))
                          : fmt::format("Check which client certificate {} demands, and whether it trusts that of {}.",
                                        name(reading.connection, Side::server), name(reading.connection, Side::client));
    if (!plain) {
      narrative.ruled_out.push_back("a close_notify: not ruled out by its length; but the client's first request was not answered");
    }
  } else if (closed_in_mid_handshake(reading)) {
    narrative.explanation = fmt::format(
        "{} closed the connection in the middle of the TLS handshake (FIN, {}): behind its own words ({}), and before the "
        "client's Finished ({}), {} after the connection began.",
        name(reading.connection, Side::server), frame(reading.server.fin()), frame(reading.server.turn.begin),
        frame(reading.client.turn.begin), duration(reading.server.fin().time - reading.now.first().time));
    narrative.fix = fmt::format("Look into the log of {}: a handshake timeout, a shutdown, or an alert that is sealed in its last "
                                "record.",
                                name(reading.connection, Side::server));
  } else {
    const bool closed = reading.server.fin() && verdict.deciding_frame == reading.server.fin().frame;
    narrative.explanation = fmt::format(
        "{} {} the connection on the ClientHello ({}), without an alert or a byte of its own.{}",
        name(reading.connection, Side::server), closed ? "closed" : "reset", frame(reading.client.turn.begin),
        closed && reading.reset != nullptr
            ? fmt::format(" What the client said to that met no socket any more ({}).", describe_reset(reading))
            : "");
    narrative.fix = fmt::format("Check that {} speaks TLS on this port and has a certificate for the name that is asked for; "
                                "look into its log.",
                                name(reading.connection, Side::server));
    narrative.ruled_out.push_back("injected_reset: not ruled out; a filter that reads the server name ends connections here "
                                  "too. A capture at the server decides");
  }
  narrative.blind_spot = "Alerts inside TLS 1.3 are encrypted; the log of the side that complains says more.";
  add_missing(reading, narrative);
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kConnectingDiagnoses[] = {
    {"connection_refused", Question::opening, Severity::error,
     "the SYN was rejected: nothing listens there, or a rule says no",
     "A SYN that finds no listener draws a RST from the kernel; a reject rule sends the same RST or an ICMP error. "
     "The last router sends one, too, of another code, where nobody has that address any more.",
     R"(client                                server
  | ------------- SYN, seq=x ---------> |
  | <------------ RST+ACK, ack=x+1 ---- |  or: ICMP unreachable that quotes the SYN)",
     "half_open_collision and time_wait_collision: there the answer is an ACK. accept_overflow: there the port "
     "listens, and other connects succeed. retransmission_timeout: there nothing comes back. A half-closed "
     "connection on the same ports (FIN_WAIT2, for 60 s) draws the same RST; the finding names it where it was seen.",
     "On the server: `ss -ltnp sport = :PORT` is empty, or listens on another address; `tcp:tcp_send_reset` says "
     "NO_SOCKET. If it says nothing, a rule rejects: `nft list ruleset | grep reject`, `iptables-save | grep "
     "REJECT`, also on the way. On the client: `nstat -asz TcpAttemptFails`.",
     "Start the service, or correct the address it listens on (127.0.0.1 is not 0.0.0.0), the port that is asked "
     "for, or the rule that rejects. For restarts: keep the listening socket open (systemd socket activation, `nginx "
     "-s reload`), and let the proxy try another server: HAProxy retries with `option redispatch`, nginx "
     "proxy_next_upstream, Envoy `retry_on: connect-failure`; Kubernetes: a readinessProbe, and a preStop pause "
     "before the process ends.",
     kRefusedVariants, connection_refused, narrate_connection_refused},
    {"syn_ack_rejected", Question::ending, Severity::note,
     "a client's kernel reset a SYN-ACK that it had not asked for",
     "An old duplicate, an asymmetric path or a forged address: the SYN-ACK belongs to no SYN of that host.",
     R"(client                                server
  | <------------ SYN-ACK ------------- |  no SYN of that number was seen
  | ------------- RST, seq=its ack ---> |)",
     "handshake_probe: there the client's own SYN was seen, and the SYN-ACK fits it. half_open_collision: there a "
     "bare ACK answers the SYN.",
     "On the client: `tcp:tcp_send_reset` says NO_SOCKET, or TCP_INVALID_ACK_SEQUENCE (state SYN_SENT) where it had "
     "dialled with another number. `ip route get SERVER` on both hosts shows which way they take.",
     "Check for asymmetric paths (two gateways, direct server return, a balancer that answers for the server) and "
     "make both directions pass the same stateful device. Backscatter of forged SYNs needs nothing.",
     {}, syn_ack_rejected, narrate_syn_ack_rejected},
    {"handshake_probe", Question::ending, Severity::chat,
     "a handshake and a reset, without data: a health check or a scan",
     "A balancer's TCP check, or a scanner, only wants to know whether the port answers. A reset after the SYN-ACK "
     "is the cheapest way to end it. Some scanners speak on all the same: it was their kernel that reset.",
     R"(client                                server
  | ------------- SYN ----------------> |
  | <------------ SYN-ACK ------------- |
  | ------------- RST or RST+ACK -----> |  with or without an ACK before it)",
     "syn_ack_rejected: there the client had sent no such SYN. accept_overflow: there the server resets. "
     "abortive_close: there data was exchanged.",
     "On the server: accept() gives a connection whose first read fails with ECONNRESET, or nothing at all. On the "
     "client: `tcp:tcp_send_reset` says TCP_STATE (a check with linger 0), or NO_SOCKET (a scanner that makes its "
     "own SYNs).",
     "Leave it. To keep it out of the server's log, let the check send a request: HAProxy `option httpchk` (on "
     "frontends: `option dontlognull`), AWS target groups with HealthCheckProtocol HTTP, Kubernetes httpGet instead "
     "of tcpSocket.",
     {}, handshake_probe, narrate_handshake_probe},
    {"accept_overflow", Question::ending, Severity::error,
     "the listener had no room for the connection",
     "The application accepts too slowly and its accept queue is full. The kernel then drops SYNs; connections that "
     "it had completed before wait in the queue, acknowledged and unserved, until the client gives up or the "
     "listener is closed; a few are reset.",
     R"(client                                server
  | ------------- SYN ----------------> |  dropped: the queue is full
  | ------------- SYN ----------------> |  1 s later, and so on
  or, where there was room for the handshake:
  | ------------- SYN ----------------> |
  | <------------ SYN-ACK ------------- |
  | ------------- ACK, request -------> |  no room
  | <------------ RST ----------------- |  or: ACK, and nobody ever reads it)",
     "connection_refused: there the SYN itself is rejected. retransmission_timeout: there nobody else gets through. "
     "response_timeout: there nobody else was turned away while the request waited. handshake_probe: there "
     "the client resets.",
     "On the server: `ss -ltn sport = :PORT`: Recv-Q (waiting) above Send-Q (room) is a full queue; `nstat -asz "
     "TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop` rises. `tcp:tcp_send_reset` says INVALID_SYN "
     "for a reset of tcp_abort_on_overflow, TCP_STATE for what was in the queue when the listener was closed.",
     "Raise the backlog at both places, for the smaller one counts: net.core.somaxconn (4096 since Linux 5.4, "
     "before: 128) and the application's own: nginx `listen ... backlog=` (511), Apache ListenBacklog (511), HAProxy "
     "backlog, Tomcat acceptCount (100), gunicorn and uvicorn --backlog (2048), Node server.listen backlog (511), "
     "Redis tcp-backlog (511); then restart the listener. A queue that stays full needs more workers, not more room. "
     "Leave net.ipv4.tcp_abort_on_overflow at 0: silence lets the client try again.",
     kOverflowVariants, accept_overflow, narrate_accept_overflow},
    {"tls_failure", Question::ending, Severity::error,
     "the TLS handshake failed",
     "A certificate, a version, a cipher or a name did not suit one side, which ended the connection with a fatal "
     "alert, or closed it before the handshake was complete.",
     R"(client                                server
  | ------------- ClientHello --------> |
  | <------------ alert, FIN ---------- |  or: RST, or the client's own alert)",
     "late_data_after_close: a close_notify is no failure. injected_reset: there the RST comes from elsewhere; a "
     "filter that reads the server's name acts on the ClientHello, too.",
     "From the client: `openssl s_client -connect HOST:PORT -servername NAME -showcerts`, once more with `-tls1_2`. "
     "On the server: nginx error_log at level info (`SSL_do_handshake() failed`), HAProxy's log (`SSL handshake "
     "failure`); Java: `-Djavax.net.debug=ssl:handshake` on either side.",
     "Check the certificate chain (leaf first, then the intermediates), its names and dates, and the TLS versions "
     "and ciphers of both sides: nginx ssl_certificate, ssl_protocols, ssl_ciphers, ssl_verify_client; HAProxy "
     "`crt`, ssl-min-ver, verify; Apache SSLCertificateFile, SSLProtocol; Java jdk.tls.disabledAlgorithms; Go "
     "tls.Config MinVersion.",
     {}, tls_failure, narrate_tls_failure},
};

}  // namespace

std::span<const Diagnosis> connecting_diagnoses() { return kConnectingDiagnoses; }

}  // namespace tcpwhy
