// How connections are opened, when that is the whole story: refused, or probed.

#include <fmt/format.h>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

// -------------------------------------------------------------------------------------- connection_refused

std::optional<Verdict> connection_refused(const Evidence& evidence) {
  const Reading reading(evidence);
  const Trouble* trouble = reading.connection.trouble();
  if (trouble == nullptr || !reading.client.syn || reading.server.syn) return {};
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
    return verdict;
  }
  if (!trouble->icmp_rejects || trouble->icmp.frame < reading.client.syn.frame) return {};
  verdict.variant = "icmp";
  verdict.fault = Fault::middlebox;
  verdict.deciding_frame = trouble->icmp.frame;
  verdict.provoked_by = reading.client.syn.frame;
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
        frame(reading.client.syn), name(reading.connection, Side::server), frame(trouble.icmp), trouble.icmp_type,
        trouble.icmp_code);
    narrative.fix = fmt::format(
        "Look for the rule or route that rejects {} on the host that sent the ICMP error (frame {}), or the address that "
        "the client was given.",
        to_string(reading.connection.endpoint(Side::server)), trouble.icmp.frame);
    narrative.ruled_out = {"retransmission_timeout: the SYN was answered"};
  } else {
    narrative.explanation = fmt::format(
        "The SYN ({}) to {} was answered by a RST ({}) after {}: nothing listens on that port{}.",
        frame(trouble.refusal.syn), name(reading.connection, Side::server), frame(verdict.deciding_frame),
        duration(trouble.refusal.reset.segment.at.time - trouble.refusal.syn.time),
        trouble.refusal.count > 1 ? fmt::format(" ({} SYNs were refused)", trouble.refusal.count) : "");
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

std::optional<Verdict> handshake_probe(const Evidence& evidence) {
  const Reading reading(evidence);
  const ConnectionState& at = reading.at;
  if (!reading.reset_by(Side::client) || !at.half(Side::server).syn || at.half(Side::server).fin) return {};
  if (reading.client.bytes > 0 || at.half(Side::server).bytes > 0 || at.half(Side::client).fin) return {};
  const bool its_own_handshake = !at.half(Side::client).syn || reading.server.syn.frame > reading.client.syn.frame;
  if (!its_own_handshake) return {};
  Verdict verdict;
  verdict.confidence = at.half(Side::client).syn ? Confidence::certain : Confidence::likely;
  verdict.reset_by = ResetBy::client;
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::nobody;
  verdict.impact = Impact::none;
  verdict.severity = Severity::chat;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  verdict.provoked_by = reading.reset->provoked_by;
  return verdict;
}

Narrative narrate_handshake_probe(const Evidence& evidence, const Verdict&) {
  const Reading reading(evidence);
  Narrative narrative;
  narrative.explanation = fmt::format(
      "{} connected (SYN {}, SYN-ACK {}) and reset the connection {} later without sending a byte ({}): a health check, a "
      "port scan, or the loser of a race between two addresses.",
      name(reading.connection, Side::client), frame(reading.client.syn), frame(reading.server.syn),
      duration(reading.reset->segment.at.time - reading.server.syn.time), describe_reset(reading));
  narrative.fix = "Leave it; to keep it out of the server's log, let the check send a request and close with a FIN.";
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {"accept_overflow: the client reset, not the server",
                         "client_abort: no request had been sent"};
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kConnectingDiagnoses[] = {
    {"connection_refused", Question::opening, Severity::error,
     "the SYN was rejected: nothing listens there, or a rule says no",
     "A SYN that finds no listener draws a RST from the kernel; a reject rule sends the same RST or an ICMP error.",
     R"(client                                server
  | ------------- SYN, seq=x ---------> |
  | <------------ RST+ACK, ack=x+1 ---- |)",
     "half_open_collision and time_wait_collision: there the answer is an ACK. accept_overflow: there the port listens, "
     "and other connects succeed. retransmission_timeout: there nothing comes back.",
     "On the server: `ss -ltn`; tracepoint tcp:tcp_send_reset with reason NO_SOCKET.",
     "Start the service, or correct the address, the port, or the rule that rejects.",
     kRefusedVariants, connection_refused, narrate_connection_refused},
    {"handshake_probe", Question::ending, Severity::chat,
     "a handshake and a reset, without data: a health check or a scan",
     "A balancer's TCP check, or a scanner, only wants to know whether the port answers. A reset after the SYN-ACK is the "
     "cheapest way to end it.",
     R"(client                                server
  | ------------- SYN ----------------> |
  | <------------ SYN-ACK ------------- |
  | ------------- RST or RST+ACK -----> |)",
     "syn_ack_rejected: there the client had sent no such SYN. abortive_close: there data was exchanged.",
     "On the server: the application sees an accept() followed by an error, or nothing at all.",
     "Leave it; let the check send a request if the server's log must stay clean.",
     {}, handshake_probe, narrate_handshake_probe},
};

}  // namespace

std::span<const Diagnosis> connecting_diagnoses() { return kConnectingDiagnoses; }

}  // namespace tcpwhy
