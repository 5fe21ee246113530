// The public fields, tcpwhy.<name>: one table, from which the plugin registers them and docs/fields.md is written.
// Names don't change once shipped.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tcpwhy {

enum class FieldType : std::uint8_t {
  text,
  number,
  severity,  ///< A number that has a name.
  frame,     ///< A link to a frame.
  time,      ///< Seconds, with nanoseconds.
};

/// In the order of the documentation, which is that of `kFields`.
enum class FieldId : std::uint8_t {
  cause,
  variant,
  confidence,
  severity,
  fault,
  impact,
  lost_bytes,
  reset_by,
  reset_kind,
  provoked_by,
  deciding_frame,
  provisional,
  proof,
  explanation,
  fix,
  blind_spot,
  ruled_out,
  client,
  server,
  event,
  retry,
  retry_delay,
  retry_attempt,
  retry_stream,
  role,
  idle_gap,
  idle_timeout,
  idle_timeout_low,
  idle_timeout_high,
  idle_timeout_by,
  idle_timeout_samples,
  idle_timeout_advertised,
  idle_timeout_match,
  idle_timeout_client,
  idle_timeout_server,
  line,
};

struct Field {
  FieldId id;
  std::string_view name;   ///< Without "tcpwhy.".
  const char* title;       ///< What a tree calls it.
  FieldType type;
  const char* meaning;     ///< One sentence without a full stop.
};

inline constexpr std::array<Field, 36> kFields = {{
    {FieldId::cause, "cause", "Cause", FieldType::text, "Why: an id of tcpwhy's diagnoses"},
    {FieldId::variant, "variant", "Variant", FieldType::text,
     "Which shape of the cause; empty where it has one only"},
    {FieldId::confidence, "confidence", "Confidence", FieldType::text,
     "How sure: certain (the bytes prove it), likely (nothing else fits what was seen) or possible (something else fits "
     "too, and is named)"},
    {FieldId::severity, "severity", "Severity", FieldType::severity,
     "How loud: 0 chat, 1 note, 2 warn, 3 error; follows the impact, not the word RST"},
    {FieldId::fault, "fault", "Fault", FieldType::text,
     "Who has to change something: client, server, middlebox, path, nobody or unknown"},
    {FieldId::impact, "impact", "Impact", FieldType::text,
     "What it cost: none, connect_failed, connect_delayed, request_lost, response_lost, response_truncated or unknown"},
    {FieldId::lost_bytes, "lost_bytes", "Lost bytes", FieldType::number,
     "Sent before the reset and never acknowledged, or past the break"},
    {FieldId::reset_by, "reset_by", "Reset by", FieldType::text,
     "Who sent the reset: client, server, middlebox or unknown; empty where there was none"},
    {FieldId::reset_kind, "reset_kind", "Kind of reset", FieldType::text,
     "What the RST's own header says: abort (a socket decided), reply (a segment met no socket) or unknown; empty where "
     "there was none"},
    {FieldId::provoked_by, "provoked_by", "Provoked by", FieldType::frame, "The segment that drew the reset"},
    {FieldId::deciding_frame, "deciding_frame", "Deciding frame", FieldType::frame,
     "The frame on which the expert info stands"},
    {FieldId::provisional, "provisional", "Provisional", FieldType::text,
     "That later frames may still change the finding; absent once all were read"},
    {FieldId::proof, "proof", "Proof", FieldType::frame, "A frame on which the finding rests; several"},
    {FieldId::explanation, "explanation", "What happened", FieldType::text,
     "What happened, in order, with this capture's frames and numbers"},
    {FieldId::fix, "fix", "Fix", FieldType::text, "What to change, who has to, and to what value"},
    {FieldId::blind_spot, "blind_spot", "Blind spot", FieldType::text,
     "What can't be seen from here, and which capture would show it"},
    {FieldId::ruled_out, "ruled_out", "Ruled out", FieldType::text,
     "What else it could have been, and why it is not; several"},
    {FieldId::client, "client", "Client", FieldType::text, "The address of the stream's client"},
    {FieldId::server, "server", "Server", FieldType::text, "The address and port of its server"},
    {FieldId::event, "event", "Event", FieldType::text,
     "What its server closed in the same moment, in words that are the same on all these streams; empty where it is no event"},
    {FieldId::retry, "retry", "Retry", FieldType::text,
     "What the client does about a lost request, or a failed connect: none, immediate, fixed (after the same pause each time) or "
     "backoff (pauses that grow or vary), told from all that failed for it at this server; empty where a repetition can't be told"},
    {FieldId::retry_delay, "retry.delay", "After", FieldType::time,
     "From the failure to the next attempt, in seconds"},
    {FieldId::retry_attempt, "retry.attempt", "Attempt", FieldType::number, "2 is the first repetition"},
    {FieldId::retry_stream, "retry.stream", "On stream", FieldType::number, "The tcp.stream that the next attempt went to"},
    {FieldId::role, "role", "Role", FieldType::text,
     "On a RST frame: cause (it broke the connection), echo (it follows from the same incident) or copy (the same packet "
     "again); count the causes, and you count failures"},
    // A time, not a floating-point number: `tcpwhy.idle_gap > 5` and `> 0.5` work as for tcp.time_delta.
    {FieldId::idle_gap, "idle_gap", "Idle gap", FieldType::time,
     "On the first data after a silence: how long it was, in seconds"},
    {FieldId::idle_timeout, "idle_timeout", "Idle timeout", FieldType::time,
     "How long an endpoint of this stream keeps idle connections, told from all its streams, in seconds: the value of its "
     "timer, or the longest silence that was survived where something forgets without closing; on the frames of streams with "
     "a finding, and on closes after a silence"},
    {FieldId::idle_timeout_low, "idle_timeout.low", "At least", FieldType::time,
     "The true timeout is longer than this, in seconds"},
    {FieldId::idle_timeout_high, "idle_timeout.high", "At most", FieldType::time,
     "The true timeout is no longer than this, in seconds"},
    {FieldId::idle_timeout_by, "idle_timeout.by", "Kept by", FieldType::text,
     "Whose timeout it is: server, client, or middlebox (something on the way, or the server, that forgets without closing)"},
    {FieldId::idle_timeout_samples, "idle_timeout.samples", "Samples", FieldType::number,
     "Closes, or lost connections, that it is told from"},
    {FieldId::idle_timeout_advertised, "idle_timeout.advertised", "Advertised", FieldType::number,
     "What the server says of itself in `Keep-Alive: timeout=`, in seconds; 0 where it says nothing"},
    {FieldId::idle_timeout_match, "idle_timeout.match", "Known defaults", FieldType::text,
     "Products whose default it is, the likeliest first; a value is shared by many"},
    {FieldId::idle_timeout_client, "idle_timeout.client", "Client", FieldType::text,
     "The address of the client of the connections that were closed"},
    {FieldId::idle_timeout_server, "idle_timeout.server", "Server", FieldType::text, "The address and port of their server; empty where a client keeps its connections to all servers alike"},
    {FieldId::line, "line", "Line", FieldType::text,
     "A text that is longer than a line of Wireshark's tree, continued; not for filters"},
}};

static_assert([] {
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (static_cast<std::size_t>(kFields[i].id) != i) return false;
  }
  return true;
}());

/// The one expert info that is about no stream but about tcpwhy: what it had to forget (forgotten.h). Its severity is note.
constexpr const char* kForgottenFilter = "tcpwhy.forgotten";
constexpr const char* kForgottenTitle = "tcpwhy forgot connections to keep within its memory";

}  // namespace tcpwhy
