// The catalogue: every diagnosis, once. Filter names, expert infos, field values, docs and tests are
// derived from it; there is no second list. To add a diagnosis, write its entry and its signature in the
// family file it belongs to (diagnoses/), and nothing else: docs/writing_a_diagnosis.md walks through it.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "finding.h"
#include "idle_spell.h"

namespace tcpwhy {

struct Evidence;       // evidence.h
struct RouteEvidence;  // evidence.h

/// A stream has at most one finding for each question, so that no incident has two causes.
enum class Question : std::uint8_t {
  opening,  ///< What happened to the connect.
  path,     ///< What a device did to the options.
  ending,   ///< Why it died, or lost a request.
  habit,    ///< What its client and its server show over all their streams: said on one of them.
};

/// A verdict on a client and a server, and the stream to say it on.
struct RouteVerdict {
  StreamNumber stream = 0;
  Verdict verdict;
};

/// A word of a diagnosis's `variant`, and what it means.
struct Variant {
  std::string_view word;
  std::string_view meaning;
};

/// One entry of the catalogue.
struct Diagnosis {
  std::string_view id;      ///< Public and final: display filter tcpwhy.<id>, value of tcpwhy.cause.
  Question question;
  Severity loudest;         ///< The highest severity that it can have; its expert info is registered with it.
  std::string_view title;   ///< One line, without a full stop.
  std::string_view meaning; ///< What happened, in general: two or three sentences.
  std::string_view wire;    ///< A ladder diagram in text: how it looks.
  std::string_view told_from;  ///< Its nearest neighbours, and what decides.
  std::string_view confirm; ///< How to see it on the host itself.
  std::string_view fix;     ///< What to change, in general; begins with a verb.
  std::span<const Variant> variants;

  /// Pure: the same evidence gives the same verdict, at any time. Keeps nothing, allocates nothing. Null for a habit.
  std::optional<Verdict> (*signature)(const Evidence&);
  /// Puts a verdict of `signature` on the same evidence into words.
  Narrative (*narrate)(const Evidence&, const Verdict&);

  /// Where a request was lost because of the silence before it: how that silence ended.
  std::optional<SpellEnd> died_of = std::nullopt;

  /// What another leg of a proxy suffered shows here.
  bool of_other_leg = false;

  /// The same two of a habit; null for all others.
  std::optional<RouteVerdict> (*habit)(const RouteEvidence&) = nullptr;
  Narrative (*narrate_habit)(const RouteEvidence&, const Verdict&) = nullptr;
};

/// Every diagnosis, in order of precedence within its question.
[[nodiscard]] std::span<const Diagnosis* const> catalogue();

/// The entry with that id, or null.
[[nodiscard]] const Diagnosis* find_diagnosis(std::string_view id);

}  // namespace tcpwhy
