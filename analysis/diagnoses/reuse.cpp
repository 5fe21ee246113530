// Reused ports: a SYN meets what is left of the connection before it on the same 4-tuple.
//
// Linux's TIME_WAIT takes a new SYN if its sequence number lies above what it expects next, or if both the old
// connection and the SYN carry timestamps and the SYN's is newer (tcp_timewait_state_process, RFC 6191). Else it
// answers with a bare ACK of its old numbers, IP ID 0. A socket that is still established answers alike (a challenge
// ACK, RFC 5961 section 4), but with its own running IP ID. A client's kernel resets either.

#include <fmt/format.h>

#include <cstdlib>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// A TIME_WAIT that is recycled hands out this initial sequence number (tcp_timewait_state_process).
constexpr std::uint32_t kRecycledIsnStep = 65537;

/// Whether the dead end is a TIME_WAIT rather than a living socket, and how sure that is.
struct OldSocket {
  bool time_wait = true;
  Confidence confidence = Confidence::possible;
};

OldSocket read_old_socket(const Reading& reading, const OddHandshake& odd) {
  const Incarnation* previous = reading.connection.previous();
  const Portrait& answer = odd.answer;
  if (previous != nullptr && previous->both_fins) return {true, Confidence::certain};
  if (answer.ip_id_known && answer.ip_id == 0) return {true, Confidence::likely};
  if (previous != nullptr && !previous->reset) {
    const bool counter_runs_on = answer.ip_id_known && previous->ip_id[index(Side::server)] != 0 &&
                                 static_cast<std::uint16_t>(answer.ip_id - previous->ip_id[index(Side::server)] - 1U) < kIpIdStep;
    return {false, counter_runs_on ? Confidence::certain : Confidence::likely};
  }
  if (answer.ip_id_known) return {false, Confidence::likely};
  return {true, Confidence::possible};
}

/// Without any answer: SYNs that vanish while the old connection's TIME_WAIT, or its socket, is still there.
std::optional<OldSocket> read_silent_block(const Reading& reading) {
  const Incarnation* previous = reading.connection.previous();
  if (previous == nullptr || previous->reset || reading.client.syns < kBlockedSyns) return {};
  if (reading.server.seen && reading.server.first.frame < reading.client.last_syn().frame) return {};
  if (!previous->start_seen) return {};
  const Nanoseconds age = reading.client.syn().time - (previous->both_fins ? previous->closed.time : previous->last.time);
  if (age < 0 || age > reading.evidence.settings.time_wait) return {};
  if (previous->both_fins && previous->first_closer == Side::client) return {};
  return OldSocket{previous->both_fins, Confidence::possible};
}

/// The SYN was captured before any router had passed it on (hosts begin with a TTL of 64, 128 or 255), where the port's former
/// user was captured, too: no NAT stands between, it was this host that forgot.
bool forgot_by_itself(const Reading& reading) {
  const HalfConnection& client = reading.client;
  const bool initial = client.ttl_low == 64 || client.ttl_low == 128 || client.ttl_low == 255;
  return initial && client.ttl_low == client.ttl_high && reading.connection.previous() != nullptr;
}

std::optional<Verdict> collision(const Evidence& evidence, bool time_wait) {
  const Reading reading(evidence);
  const Trouble* trouble = reading.connection.trouble();
  const bool answered = trouble != nullptr && trouble->odd_handshake.answers > 0;
  const std::optional<OldSocket> old =
      answered ? read_old_socket(reading, trouble->odd_handshake) : read_silent_block(reading);
  if (!old || old->time_wait != time_wait) return {};
  const auto& retry = evidence.around.connect_retry;
  const bool established = static_cast<bool>(reading.now.established);
  Verdict verdict;
  verdict.confidence = old->confidence;
  verdict.fault = Fault::middlebox;
  verdict.impact = Impact::connect_failed;
  verdict.severity = Severity::error;
  if (answered) {
    const OddHandshake& odd = trouble->odd_handshake;
    const bool was_reset = static_cast<bool>(odd.reset);
    if (!was_reset && !established && reading.client.syns < kBlockedSyns) return {};
    verdict.variant = established ? "retried" : was_reset && odd.answers < kBlockedSyns ? "reset" : "blocked";
    verdict.reset_by = was_reset ? ResetBy::client : ResetBy::none;
    verdict.reset_kind = was_reset ? ResetKind::reply : ResetKind::none;
    verdict.provoked_by = odd.answer.at.frame;
    verdict.deciding_frame = was_reset ? odd.reset.frame : odd.answer.at.frame;
    // Where connects are blocked, somebody ate the answer or the reset.
    if (!time_wait && verdict.variant != "blocked" && forgot_by_itself(reading)) verdict.fault = Fault::client;
  } else {
    verdict.variant = "blocked";
    verdict.deciding_frame = reading.client.last_syn().frame;
  }
  if (established || (retry && retry->succeeded)) {
    verdict.impact = Impact::connect_delayed;
    verdict.severity = Severity::warn;
  }
  return verdict;
}

std::optional<Verdict> time_wait_collision(const Evidence& evidence) { return collision(evidence, true); }
std::optional<Verdict> half_open_collision(const Evidence& evidence) { return collision(evidence, false); }

/// What timestamps had to do with it.
std::string timestamps_part(const Reading& reading) {
  const SynOptions& options = reading.client.syn_options;
  const Incarnation* previous = reading.connection.previous();
  if (!options.known) return "Whether timestamps were on can't be told: the SYN's options were not captured.";
  if (!options.timestamps) {
    if (options.longest_nop_run >= kBlankedTimestampNops) {
      return "A device on the way removed the timestamps from this SYN (NOPs stand in their place): with them, a newer "
             "clock would have let it in whatever its number.";
    }
    return "This SYN carries no timestamps: with them on at both ends, and one clock, a newer TSval would have let it in "
           "whatever its number.";
  }
  if (previous == nullptr) return "The SYN carries timestamps; the old connection's are not in the capture.";
  if (!previous->timestamps) return "The SYN carries timestamps, the old connection had none, so they could not help.";
  const auto ticks = static_cast<std::int32_t>(previous->next_tsval - previous->tsval[index(Side::client)]);
  if (ticks <= 0) {
    return fmt::format("Timestamps made it worse: this SYN's TSval {} is older than the {} that the old connection had "
                       "reached, so TIME_WAIT refuses it whatever its number (PAWS): two clocks behind one address, or a host that "
                       "adds a random offset to each connection's (Linux with net.ipv4.tcp_timestamps=1; 2 adds none).",
                       previous->next_tsval, previous->tsval[index(Side::client)]);
  }
  return fmt::format("Both carry timestamps and the SYN's is newer ({} after {}): Linux would have let it in.",
                     previous->next_tsval, previous->tsval[index(Side::client)]);
}

/// Why TIME_WAIT didn't let the SYN in, as the end of a sentence.
std::string describe_distance(const OddHandshake& odd) {
  const std::int64_t distance = odd.isn.since(odd.answer.ack);
  return fmt::format(": the SYN's number {} lies {} {} the {} that it expects.", odd.isn.raw(),
                     bytes(static_cast<std::uint64_t>(std::abs(distance))), distance < 0 ? "below" : "above",
                     odd.answer.ack.raw());
}

std::string outcome(const Reading& reading) {
  const auto& retry = reading.evidence.around.connect_retry;
  const Mark& syn = reading.client.syn();
  if (reading.now.established) {
    return fmt::format("The SYN was repeated and accepted; the connect took {} instead of a round trip.",
                       duration(reading.now.established.time - syn.time));
  }
  if (retry && retry->succeeded) {
    return fmt::format("The client tried again on stream {} ({}); that one was accepted{}.", retry->stream, frame(retry->at),
                       retry->success ? fmt::format(", {} after the first SYN", duration(retry->success.time - syn.time))
                                      : "");
  }
  if (retry) return fmt::format("The client tried again on stream {} ({}), in vain.", retry->stream, frame(retry->at));
  return "No later attempt succeeded in this capture.";
}

Narrative narrate_collision(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Trouble* trouble = reading.connection.trouble();
  const Incarnation* previous = reading.connection.previous();
  const bool time_wait = verdict.diagnosis->id == "time_wait_collision";
  Narrative narrative;
  std::string& text = narrative.explanation;
  text = fmt::format("{} sent a SYN ({}) from a port that ", name(reading.connection, Side::client),
                     frame(reading.client.syn()));
  if (previous != nullptr && previous->both_fins) {
    text += fmt::format("stream {} had used until {} before ({}): {} still holds that connection in TIME_WAIT.",
                        previous->stream, duration(reading.client.syn().time - previous->closed.time),
                        frame(previous->closed), name(reading.connection, Side::server));
  } else if (previous != nullptr) {
    text += fmt::format("stream {} was using {} before ({}), without a close that was captured: {} still holds that "
                        "connection {}.",
                        previous->stream, duration(reading.client.syn().time - previous->last.time), frame(previous->last),
                        name(reading.connection, Side::server), time_wait ? "in TIME_WAIT" : "open");
  } else {
    text += fmt::format("an older connection had used, which is not in this capture under these addresses: {} still holds "
                        "it{}.",
                        name(reading.connection, Side::server), time_wait ? " in TIME_WAIT" : " open");
  }
  if (trouble != nullptr && trouble->odd_handshake.answers > 0) {
    const OddHandshake& odd = trouble->odd_handshake;
    text += fmt::format(" It answered with a bare ACK of the old numbers ({}{})", frame(odd.answer.at),
                        odd.answer.ip_id_known ? fmt::format(", IP ID {}", odd.answer.ip_id) : "");
    text += time_wait ? describe_distance(odd)
                      : ", as an established socket answers every SYN, whatever its number or timestamp (RFC 5961 section 4).";
    if (odd.reset) {
      text += fmt::format(" The client's kernel had asked for no such thing and reset it ({}, seq = that ack).",
                          frame(odd.reset));
    }
  } else {
    text += fmt::format(" {} SYNs in {} got no answer at all.", reading.client.syns,
                        duration(reading.client.last_syn().time - reading.client.syn().time));
  }
  text += ' ';
  if (time_wait) {
    text += timestamps_part(reading);
    text += ' ';
  }
  text += outcome(reading);
  narrative.fix =
      time_wait
          ? fmt::format(
                "Give the device in front of the client (NAT, load balancer) more source ports or addresses, and let it keep a "
                "port at least {} before it uses it again (as long as the server's TIME_WAIT); keep TCP timestamps on from "
                "end to end, on Linux behind a NAT without random offsets (net.ipv4.tcp_timestamps=2); let the client side close "
                "first.",
                duration(evidence.settings.time_wait))
      : verdict.fault == Fault::client
          ? fmt::format("Find out why {} forgot the connection without closing it (a crash, a power cut), or let it dial "
                        "from another port; set TCP keep-alive on the server so that it notices dead peers.",
                        to_string(reading.connection.endpoint(Side::client).address))
          : std::string("Let whatever frees the client's port (NAT, load balancer, a restarted host) close or reset the old "
                        "connection first; set TCP keep-alive on the server so that it notices dead peers; give the NAT more "
                        "ports.");
  narrative.blind_spot = previous == nullptr
                             ? "The old connection is not in the capture under this address and port: behind a NAT it has "
                               "other addresses on this side. A capture at the server shows both."
                             : "";
  if (trouble != nullptr && trouble->odd_handshake.answers > 0) {
    const Portrait& answer = trouble->odd_handshake.answer;
    if (time_wait) {
      narrative.ruled_out.push_back(
          previous != nullptr && previous->both_fins
              ? fmt::format("half_open_collision: both FINs of stream {} were seen", previous->stream)
          : answer.ip_id_known
              ? std::string("half_open_collision: the ACK's IP ID is 0, as TIME_WAIT sends it, not a running counter")
              : std::string("half_open_collision: not ruled out, for no close of the old connection was seen and IPv6 has no "
                            "IP ID; `ss -tan` on the server decides"));
    } else {
      narrative.ruled_out.push_back(
          previous != nullptr ? fmt::format("time_wait_collision: stream {} was never closed", previous->stream)
                              : fmt::format("time_wait_collision: the ACK's IP ID is {}, a running counter, while TIME_WAIT "
                                            "sends 0",
                                            answer.ip_id));
    }
    narrative.ruled_out.push_back("connection_refused: the answer to the SYN was an ACK, not a RST");
  } else {
    narrative.ruled_out.push_back("retransmission_timeout, accept_overflow: not ruled out; a lost path or a full listener is "
                                  "silent too. Other connects to this port at that time decide");
  }
  return narrative;
}

constexpr Variant kCollisionVariants[] = {
    {"reset", "the connect failed on this stream at the reset"},
    {"retried", "a second SYN of this stream was accepted"},
    {"blocked", "SYN after SYN went unanswered, or was answered like the first"},
};

// ---------------------------------------------------------------------------------------- time_wait_reuse

std::optional<Verdict> time_wait_reuse(const Evidence& evidence) {
  const Reading reading(evidence);
  const Incarnation* previous = reading.connection.previous();
  if (previous == nullptr || !previous->both_fins || previous->reset || !reading.now.handshake_seen()) return {};
  const Nanoseconds age = reading.client.syn().time - previous->closed.time;
  if (age < 0 || age > evidence.settings.time_wait) return {};
  Verdict verdict;
  const bool recycled = reading.server.isn == previous->next[index(Side::server)] + kRecycledIsnStep;
  verdict.confidence = recycled ? Confidence::certain : Confidence::likely;
  verdict.fault = Fault::nobody;
  verdict.impact = Impact::none;
  verdict.severity = Severity::chat;
  verdict.deciding_frame = reading.server.syn().frame;
  return verdict;
}

Narrative narrate_time_wait_reuse(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Incarnation& previous = *reading.connection.previous();
  Narrative narrative;
  narrative.explanation = fmt::format(
      "The same addresses and ports as stream {}, {} after its close ({}): within TIME_WAIT, and accepted (SYN-ACK, {}){}.",
      previous.stream, duration(reading.client.syn().time - previous.closed.time), frame(previous.closed),
      frame(reading.server.syn()),
      verdict.confidence == Confidence::certain
          ? "; its number is the old one plus 65537, which only a recycled TIME_WAIT gives"
          : "");
  narrative.fix = "Leave it; but ports are reused fast here, so watch for time_wait_collision.";
  narrative.ruled_out = {"time_wait_collision: the first SYN was answered by a SYN-ACK"};
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kReuseDiagnoses[] = {
    {"time_wait_collision", Question::opening, Severity::error,
     "a SYN met the TIME_WAIT of the connection before it on the same ports",
     "A NAT or balancer gave a port out again while the server still held its last connection in TIME_WAIT. The "
     "SYN's number lies below what that expects, and no newer timestamp speaks for it (behind a NAT it may "
     "even be older: hosts differ, and Linux adds a random offset), so the server repeats its old ACK, which the client's kernel resets. Between two Linux "
     "hosts that costs milliseconds; it costs the connect where a device eats the ACK or the RST.",
     R"(client                                server (TIME_WAIT)
  | ------------- SYN, seq=x ---------> |
  | <------------ ACK, old numbers ---- |  IP ID 0
  | ------------- RST, seq=that ack --> |  ends TIME_WAIT
  | ------------- SYN, seq=x ---------> |  10 ms later, if nothing ate the RST
  | <------------ SYN-ACK ------------- |)",
     "half_open_collision: there no close was seen and the ACK continues the old socket's IP ID. connection_refused: "
     "there the answer is a RST. time_wait_reuse: there the SYN is accepted at once. retransmission_timeout and "
     "accept_overflow: there the server had not just closed a connection on the same ports.",
     "On the server, within TIME_WAIT: `ss -tan state time-wait dport = :PORT` (the client's port) shows the old "
     "connection; `nstat -asz TcpExtPAWSEstab TcpExtPAWSTimewait TcpExtTCPACKSkippedTimeWait` counts SYNs refused "
     "for their timestamp and ACKs held back. On the client `tcp:tcp_send_reset` says TCP_INVALID_ACK_SEQUENCE "
     "(state SYN_SENT). On a Linux NAT `conntrack -L -p tcp --dport PORT` shows who holds which port.",
     "Let the NAT or balancer keep a port for longer than the server's TIME_WAIT (Linux: 60 s; a Linux NAT keeps it "
     "net.netfilter.nf_conntrack_tcp_timeout_time_wait = 120 s, don't lower that; NetScaler: 40 s), give it more "
     "ports or addresses (net.ipv4.ip_local_port_range on a proxy, more SNAT addresses, AWS NLB: "
     "preserve_client_ip.enabled off), keep TCP timestamps on from end to end, and let the client side close "
     "first. On a proxy net.ipv4.tcp_timestamps=1 will do; behind a NAT that changes ports it takes 2 on the clients, for "
     "1 adds a random offset (by addresses; in new kernels by ports, too), and hosts with different clocks need ports. "
     "Where connects are blocked: let the firewall pass an ACK that answers a SYN (PAN-OS: Allow "
     "arbitrary ACK in response to SYN), and leave net.ipv4.tcp_rfc1337 at 0 on the server, for 1 makes it ignore "
     "the RST. net.ipv4.tcp_tw_reuse there changes nothing: it is for the side that connects.",
     kCollisionVariants, time_wait_collision, narrate_collision},
    {"half_open_collision", Question::opening, Severity::error,
     "a SYN met the old connection on the same ports, still established at the server",
     "The client's side forgot a connection without closing it (a crash, a restarted NAT), and a new one takes its "
     "ports. The server answers the SYN with a challenge ACK from the old socket (RFC 5961), which the client's "
     "kernel resets.",
     R"(client                                server (ESTABLISHED)
  | ------------- SYN, seq=x ---------> |
  | <------------ ACK, old numbers ---- |  the old socket's next IP ID
  | ------------- RST, seq=that ack --> |  ends the old socket
  | ------------- SYN, seq=x ---------> |
  | <------------ SYN-ACK ------------- |)",
     "time_wait_collision: there both FINs were seen, or the ACK's IP ID is 0. connection_refused: there the answer "
     "is a RST.",
     "On the server: `ss -tano dport = :PORT` (the client's port) shows the old connection established; `nstat -asz "
     "TcpExtTCPSYNChallenge TcpExtTCPChallengeACK` rises with every such SYN. On the client `tcp:tcp_send_reset` "
     "says TCP_INVALID_ACK_SEQUENCE (state SYN_SENT).",
     "Let whatever frees the port (a NAT, a balancer, a host that restarts) close or reset the old connection first, "
     "give it more ports, and set TCP keep-alive on the server, so that it notices a dead peer in minutes and not in "
     "net.ipv4.tcp_keepalive_time (7200 s, and only where the application asks for it): nginx `listen ... "
     "so_keepalive=on`, HAProxy `option clitcpka`, PostgreSQL tcp_keepalives_idle, Redis tcp-keepalive. Where "
     "connects are blocked: let the firewall pass an ACK that answers a SYN.",
     kCollisionVariants, half_open_collision, narrate_collision},
    {"time_wait_reuse", Question::opening, Severity::chat,
     "the same ports reused within TIME_WAIT, and accepted",
     "A new connection on the ports of one that had just been closed. The SYN's number, or its timestamp, was newer, "
     "so the server's TIME_WAIT let it in.",
     R"(client                                server (TIME_WAIT)
  | ------------- SYN, newer ---------> |
  | <------------ SYN-ACK ------------- |  ISN = old number + 65537 on Linux)",
     "time_wait_collision: there the SYN is answered by an old ACK.",
     "On the server: `ss -tan dport = :PORT` (the client's port) shows the new connection and no TIME_WAIT beside "
     "it. No counter tells: TcpExtTWRecycled counts clients that reuse a port of their own (net.ipv4.tcp_tw_reuse).",
     "Leave it. It says that ports come round within TIME_WAIT here: widen the port range of the NAT or proxy "
     "(net.ipv4.ip_local_port_range) before time_wait_collision shows up beside it.",
     {}, time_wait_reuse, narrate_time_wait_reuse},
};

}  // namespace

std::span<const Diagnosis> reuse_diagnoses() { return kReuseDiagnoses; }

}  // namespace tcpwhy
