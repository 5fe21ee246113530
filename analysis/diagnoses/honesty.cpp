// What can't be told, said plainly.

#include <fmt/format.h>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// A request that the reset answered, in plain sight.
bool request_visibly_lost(const Reading& reading) {
  return reading.lost_request != nullptr && reading.reset_by(Side::server) &&
         reading.lost_request->begin.frame < reading.reset->segment.at.frame && !reading.wants_no_answer(*reading.lost_request);
}

Verdict open_verdict(const Reading& reading) {
  Verdict verdict;
  verdict.confidence = Confidence::possible;
  verdict.reset_by = sent_by(reading.reset);
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::unknown;
  verdict.impact = request_visibly_lost(reading) ? Impact::request_lost : Impact::unknown;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  verdict.provoked_by = reading.reset->provoked_by;
  verdict.lost_bytes = reading.unacknowledged(other(reading.reset->by));
  return verdict;
}

std::string facts(const Reading& reading) {
  const Reset& reset = *reading.reset;
  const Portrait& segment = reset.segment;
  std::string text = fmt::format("RST{} with seq {}, window {}", segment.has(kAck) ? "+ACK" : "", segment.seq.raw(),
                                 segment.window);
  if (segment.ttl_known) text += fmt::format(", TTL {}", segment.ttl);
  if (segment.ip_id_known) text += fmt::format(", IP ID {}", segment.ip_id);
  if (reading.at.last_data()) {
    text += fmt::format("; {} after the last data ({}, from the {})",
                        duration(segment.at.time - reading.at.last_data().time), frame(reading.at.last_data()),
                        name(reading.at.last_data_side));
  }
  return text;
}

// --------------------------------------------------------------------------------------- capture_too_short

std::optional<Verdict> capture_too_short(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || reading.whole()) return {};
  Verdict verdict = open_verdict(reading);
  verdict.severity = verdict.impact == Impact::request_lost ? Severity::error : Severity::note;
  return verdict;
}

Narrative narrate_capture_too_short(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  Narrative narrative;
  narrative.explanation =
      fmt::format("The connection was reset ({}; {}), but too little of it was captured to tell why.{}",
                  describe_reset(reading), facts(reading),
                  verdict.impact == Impact::request_lost
                      ? fmt::format(" A {} ({}) was lost with it.", name(*reading.lost_request),
                                    frame(reading.lost_request->begin))
                      : "");
  narrative.fix = "Capture again from before the connection opens until after it dies, both directions, without a filter on "
                  "flags; if this file is one of a rotated set, merge the set (mergecap) and look again.";
  narrative.blind_spot = missing_from_capture(reading);
  narrative.ruled_out = {"any cause that needs a FIN, an idle gap or the handshake: it may be in the part that is missing"};
  return narrative;
}

// --------------------------------------------------------------------------------------------- unexplained

std::optional<Verdict> unexplained(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr) return {};
  Verdict verdict = open_verdict(reading);
  verdict.severity = Severity::warn;
  return verdict;
}

Narrative narrate_unexplained(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  Narrative narrative;
  narrative.explanation = fmt::format(
      "The connection was reset ({}), all of it was captured, and nothing that tcpwhy knows fits. The odd facts: {}; {} "
      "exchanged; client FIN: {}; server FIN: {}; {} of the other side unacknowledged.",
      describe_reset(reading), facts(reading), plural(reading.at.exchanges, "request and answer"),
      reading.at.half(Side::client).fin() ? frame(reading.at.half(Side::client).fin()) : std::string("none"),
      reading.at.half(Side::server).fin() ? frame(reading.at.half(Side::server).fin()) : std::string("none"),
      bytes(verdict.lost_bytes));
  narrative.fix = fmt::format("Look into the log of {} at that second, and report the capture to tcpwhy if you can share it.",
                              name(reading.connection, reading.reset->by));
  narrative.blind_spot = "The reason is inside the host that sent the reset: on Linux 6.10 and later the tracepoint "
                         "tcp:tcp_send_reset records it.";
  for (std::string& line : rule_out_forgery(reading)) narrative.ruled_out.push_back(std::move(line));
  return narrative;
}

constexpr Diagnosis kHonestyDiagnoses[] = {
    {"capture_too_short", Question::ending, Severity::error,
     "too little of the connection was captured to tell why it was reset",
     "The start, one direction, or a part in the middle is missing from the capture, and what is missing would "
     "decide.",
     R"(client                                server
  |        ... not captured ...         |
  | ------------- request ------------> |
  | <------------ RST ----------------- |)",
     "unexplained: there all was captured. Causes that the part at hand proves are named in spite of what is missing.",
     "Capture again on the host itself, all of the connection: `tcpdump -i any -s 0 -B 65536 -w whole.pcap 'host "
     "PEER and tcp port PORT'`. At its end tcpdump says how many packets the kernel dropped.",
     "Capture from before the connection opens until after it dies, in both directions, without a filter on flags; "
     "merge rotated files (`mergecap -w whole.pcap part*.pcap`).",
     {}, capture_too_short, narrate_capture_too_short},
    {"unexplained", Question::ending, Severity::warn,
     "a reset that fits nothing that tcpwhy knows",
     "All of the connection was captured and no known mechanism fits.",
     R"(client                                server
  | <------------ RST, why? ----------> |)",
     "capture_too_short: there something is missing.",
     "On the host that reset, as it happens again: the reason that `tcp:tcp_send_reset` prints, and what rises in "
     "`nstat -asz 'TcpExtTCPAbort*' TcpOutRsts`. If neither does, the reset is not that host's own.",
     "Look into the log of the host that sent the reset, at that second, and report the capture to tcpwhy if you can "
     "share it.",
     {}, unexplained, narrate_unexplained},
};

}  // namespace

std::span<const Diagnosis> honesty_diagnoses() { return kHonestyDiagnoses; }

}  // namespace tcpwhy
