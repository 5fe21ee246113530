// What tcpwhy says: the vocabulary of a verdict (docs/diagnoses.md), and the Finding that carries it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segment.h"

namespace tcpwhy {

/// How loud (tcpwhy.severity). Follows the impact, not the word RST.
enum class Severity : std::uint8_t { chat, note, warn, error };

/// How sure: the bytes prove it; nothing else fits what was seen; fits, and so does something else that is named.
enum class Confidence : std::uint8_t { certain, likely, possible };

/// Who sent the reset; `none` where there was none.
enum class ResetBy : std::uint8_t { none, client, server, middlebox, unknown };

/// Who has to change something.
enum class Fault : std::uint8_t { client, server, middlebox, path, nobody, unknown };

/// What the RST's own header says: a socket decided (`abort`), or a segment met no socket (`reply`).
enum class ResetKind : std::uint8_t { none, abort, reply, unknown };

/// What it cost.
enum class Impact : std::uint8_t {
  none,
  connect_failed,
  connect_delayed,
  request_lost,
  response_lost,
  response_truncated,
  unknown,
};

/// The public words: exactly those of the catalogue. "" for `none` of ResetBy and ResetKind.
[[nodiscard]] std::string_view to_string(Severity);
[[nodiscard]] std::string_view to_string(Confidence);
[[nodiscard]] std::string_view to_string(ResetBy);
[[nodiscard]] std::string_view to_string(Fault);
[[nodiscard]] std::string_view to_string(ResetKind);
[[nodiscard]] std::string_view to_string(Impact);

struct Diagnosis;  // catalogue.h

/// What a signature answers: a value without text, cheap to make and compare.
struct Verdict {
  const Diagnosis* diagnosis = nullptr;  ///< The catalogue's entry; never null in a verdict that is given out.
  std::string_view variant;              ///< One of the entry's variants, or "".
  Confidence confidence = Confidence::likely;
  ResetBy reset_by = ResetBy::none;
  Fault fault = Fault::unknown;
  ResetKind reset_kind = ResetKind::none;
  Impact impact = Impact::unknown;
  Severity severity = Severity::note;
  std::uint64_t lost_bytes = 0;     ///< Sent before the reset and never acknowledged, or past the break.
  FrameNumber deciding_frame = 0;   ///< The frame on which the expert info stands.
  FrameNumber provoked_by = 0;      ///< The segment that drew the reset; 0 where none did.

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// A frame that a finding rests on, and its part in the story ("request", "the server's FIN").
struct Proof {
  FrameNumber frame = 0;
  std::string_view part;

  friend bool operator==(const Proof&, const Proof&) = default;
};

/// The words of a finding, for a tired person. Complete sentences, with this capture's frames and numbers.
struct Narrative {
  std::string explanation;               ///< What happened, in order.
  std::string fix;                       ///< Begins with a verb: what to change, by whom, to what value.
  std::string blind_spot;                ///< What can't be seen from here, and which capture would show it.
  std::vector<std::string> ruled_out;    ///< One look-alike a line, and why it was dropped.

  friend bool operator==(const Narrative&, const Narrative&) = default;
};

/// What the client did after the request that was lost, or the connect that failed.
struct RetryNote {
  std::string_view pattern;    ///< "none" · "immediate" · "fixed" · "backoff"; "" where nobody can tell.
  StreamNumber stream = 0;     ///< Of the repetition, and what follows too; valid if `frame`.
  FrameNumber frame = 0;
  Nanoseconds delay = 0;       ///< Since the failure showed.
  std::uint32_t attempt = 0;   ///< 2 is the first repetition.

  friend bool operator==(const RetryNote&, const RetryNote&) = default;
};

/// One incident, explained.
struct Finding {
  StreamNumber stream = 0;
  std::string client;         ///< Its address, and
  std::string server;         ///< its address and port; "" where the connection is no longer known.
  std::optional<std::uint16_t> client_port;  ///< Unknown there, too, and where the finding is about all of a client's streams.
  Verdict verdict;
  std::vector<Proof> proofs;  ///< In frame order; the deciding frame is among them.
  Narrative narrative;
  RetryNote retry;
  std::string event;          ///< What else ended in that moment; the same words on all its streams. "" where nothing did.

  friend bool operator==(const Finding&, const Finding&) = default;
};

}  // namespace tcpwhy
