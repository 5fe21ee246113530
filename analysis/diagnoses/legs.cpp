// Legs: what a proxy's other connection did shows on this one.

#include <fmt/format.h>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// Who has to change something, seen from this leg: what is behind the proxy is all "the server" here, and what is before
/// it "the client", but for a device or a path.
Fault translate_fault(Fault there, Side from) {
  if (there == Fault::client || there == Fault::server) return from == Side::server ? Fault::server : Fault::client;
  return there;
}

/// Whether this leg lost something by what the other one suffered.
Impact impact_here(const Reading& reading, bool answered_in_order) {
  if (answered_in_order) return Impact::response_lost;
  const Turn& request = reading.at.half(Side::client).turn;
  if (!request) return reading.at.half(Side::server).bytes > 0 ? Impact::response_truncated : Impact::connect_failed;
  return request.answered ? Impact::response_truncated : Impact::request_lost;
}

std::optional<Verdict> propagated(const Evidence& evidence) {
  const Reading reading(evidence);
  const GatewayFailure& gateway = reading.now.gateway_failure();
  const auto& leg = evidence.around.other_leg;
  // A 504 says itself what happened: response_timeout.
  if (gateway.answer && gateway.status != 504) {
    // 503 alone may be the server's own word.
    if (!leg && gateway.status != 502) return {};
    Verdict verdict;
    verdict.confidence = leg ? Confidence::likely : Confidence::possible;
    verdict.fault = leg ? translate_fault(leg->fault, Side::server) : Fault::server;
    verdict.impact = impact_here(reading, true);
    verdict.severity = leg ? leg->severity : Severity::note;
    verdict.deciding_frame = gateway.answer.frame;
    return verdict;
  }
  // A kernel that meets a stray segment passes nothing on.
  if (!leg || gateway.answer || (reading.reset != nullptr && reading.reset->reply)) return {};
  Verdict verdict = reset_verdict(reading);
  const Side from = reading.reset != nullptr ? reading.reset->by : reading.client_closed_first() ? Side::client : Side::server;
  if (reading.reset == nullptr) {
    const Turn& request = reading.client.turn;
    const bool gave_up = from == Side::client && request && !request.answered && !reading.wants_no_answer(request);
    const bool was_left = reading.server.fin() && (reading.lost_request != nullptr || reading.closed_in_mid_response());
    if (from == Side::client ? !gave_up : !was_left) return {};
    verdict.deciding_frame = reading.now.half(from).fin().frame;
  }
  // Nothing of this leg's own was at stake.
  if (reading.reset != nullptr && response_completeness(reading) == Completeness::complete &&
      reading.lost_request == nullptr) {
    return {};
  }
  verdict.fault = translate_fault(leg->fault, from);
  verdict.impact = impact_here(reading, false);
  verdict.severity = leg->severity;
  return verdict;
}

Narrative narrate_propagated(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const GatewayFailure& gateway = reading.now.gateway_failure();
  const auto& leg = evidence.around.other_leg;
  const bool gave_up = reading.reset == nullptr && !gateway.answer && reading.client_closed_first();
  const std::string proxy = name(reading.connection, reading.reset_by(Side::client) || gave_up ? Side::client : Side::server);
  Narrative narrative;
  const bool by_answer = verdict.deciding_frame == gateway.answer.frame && gateway.answer;
  if (by_answer) {
    narrative.explanation = fmt::format("The request in {} was answered with {} ({}): {} could not get it done by what is "
                                        "behind it.",
                                        frame(gateway.request), gateway.status, frame(gateway.answer), proxy);
  } else if (reading.reset != nullptr) {
    narrative.explanation = fmt::format("{} reset this connection ({}).", proxy, describe_reset(reading));
  } else if (gave_up) {
    narrative.explanation = fmt::format("{} closed this connection ({}) while it waited for the answer to {} ({}).", proxy,
                                        frame(reading.client.fin()), name(reading.client.turn), frame(reading.client.turn.begin));
  } else if (reading.lost_request == nullptr) {
    narrative.explanation = fmt::format("{} closed this connection ({}) in the middle of a response ({}): {} of {} had come.", proxy,
                                        frame(reading.server.fin()), frame(reading.server.turn.begin), bytes(reading.server.turn.bytes()),
                                        bytes(reading.server.turn.payload.message_size));
  } else {
    narrative.explanation = fmt::format("{} closed this connection ({}) and never answered the {} ({}).", proxy,
                                        frame(reading.server.fin()), name(*reading.lost_request),
                                        frame(reading.lost_request->begin));
  }
  if (leg) {
    Mark shown = by_answer ? gateway.answer : gave_up ? reading.client.fin() : reading.server.fin();
    if (!by_answer && reading.reset != nullptr) shown = reading.reset->segment.at;
    narrative.explanation += fmt::format(" The cause is on the other leg: stream {} broke {} before ({}, {}).",
                                         leg->stream, duration(shown.time - leg->at.time), leg->cause, frame(leg->at));
    const auto& all = evidence.around.other_legs;
    if (all.size() > 1) {
      narrative.explanation += fmt::format(" It shows {} more on this stream: ", plural(all.size() - 1, "failure"));
      for (std::size_t i = 1; i < all.size(); ++i) {
        narrative.explanation += fmt::format("{}{} from stream {} ({}, {})", i > 1 ? "; " : "", frame(all[i].first),
                                             all[i].second.stream, all[i].second.cause, frame(all[i].second.at));
      }
      narrative.explanation += ".";
    }
    narrative.fix = fmt::format("Look at stream {} (tcpwhy.cause there: {}): what has to change is said there.", leg->stream,
                                leg->cause);
    narrative.ruled_out = {"server_abort, client_abort: the end that reset passed on what it had just been told itself"};
  } else {
    narrative.fix = fmt::format(
        "Capture between {} and the servers behind it at the same time (on that host: `-i any`), and look there: the cause "
        "is on that leg.",
        to_string(reading.connection.endpoint(Side::server)));
    narrative.blind_spot = "The leg behind the proxy is not in this capture, or can't be told from others.";
    narrative.ruled_out = {"response_timeout: not ruled out; some proxies answer 502 where 504 is meant"};
  }
  add_missing(reading, narrative);
  return narrative;
}

constexpr Diagnosis kLegsDiagnoses[] = {
    {"propagated", Question::ending, Severity::error,
     "the other leg of a proxy failed, and this one shows it",
     "A proxy lost the connection behind it, or the client before it, and passed that on: with a 502, a reset, or a "
     "close without an answer. The cause is on the other leg.",
     R"(client                 proxy                  server
  | ------ request ------> | ------ request ------> |
  |                        | <----- FIN or RST ---- |  why? is answered there
  | <----- 502, or RST --- |                        |  within milliseconds
  or, the other way:
  | ---- FIN or RST -----> | ------ RST ----------> |  the client's end, passed on)",
     "response_timeout: a 504 says itself that the proxy's patience ended. server_abort, client_abort: there no "
     "other leg broke in the milliseconds before.",
     "On the proxy, both legs in one file: `tcpdump -i any -s 0 -w legs.pcap tcp`. In its log at that second: "
     "`upstream prematurely closed connection` or `recv() failed (104: Connection reset by peer)` (nginx), `SH`, "
     "`SD`, `SC` or `CD` (HAProxy), `UC`, `UF` or `DC` (Envoy), 502 with target_status_code `-` (ALB).",
     "Look at the stream that is named: its finding says what to change. Where the request is safe to repeat, let "
     "the proxy do it: nginx proxy_next_upstream, HAProxy retry-on with `option redispatch`, Envoy `retry_on: reset`.",
     {}, propagated, narrate_propagated, std::nullopt, true},
};

}  // namespace

std::span<const Diagnosis> legs_diagnoses() { return kLegsDiagnoses; }

}  // namespace tcpwhy
