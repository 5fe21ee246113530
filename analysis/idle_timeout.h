// What is configured, read from how silences ended: the idle timeout of an endpoint, or of something on the way.
//
// Who closes by a timer closes many connections after the same silence: an exact value, with its spread. Who sweeps now and
// then closes them after that silence or somewhat later. Who forgets without a word leaves a bracket: longer than the longest
// silence that was survived, and no longer than the shortest that wasn't. Closes of one moment with other silences are an
// event; closes at one age with other silences, a lifetime; closes right after a response, a limit of requests: no idle
// timeout is told from any of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idle_spell.h"

namespace tcpwhy {

struct IdleTimeout {
  enum class By : std::uint8_t {
    server,
    client,
    middlebox,  ///< Something on the way, or the server itself, that forgets without closing.
  };

  By by = By::server;
  /// The longest silence that is known to be safe, in nanoseconds: the timer's value (the shortest one that a sweep left), or
  /// the longest that was survived.
  Nanoseconds value = 0;
  /// The true value lies between these two: the spread of a timer, the bracket of what forgets.
  Nanoseconds low = 0;
  Nanoseconds high = 0;
  std::uint32_t samples = 0;  ///< Silences that it rests on.
  std::uint16_t advertised = 0;  ///< Seconds of the server's `Keep-Alive: timeout=`, as it said last; 0: it didn't.
  bool swept = false;         ///< Closed by a sweep: after the timeout or later, by up to a period.

  [[nodiscard]] bool exact() const { return by != By::middlebox; }

  friend bool operator==(const IdleTimeout&, const IdleTimeout&) = default;
};

/// "server" · "client" · "middlebox".
[[nodiscard]] std::string_view to_string(IdleTimeout::By by);

/// The timer by which one side closed these connections, or nothing where none shows. `survived`: silences after which the
/// other side was still answered. Three closes that agree to within 1 % show a timer, eight within a period a sweep (limits.h).
[[nodiscard]] std::optional<IdleTimeout> timer_behind(std::span<const IdleSpell> closes, std::span<const IdleSpell> survived,
                                                      IdleTimeout::By by);

/// The bracket around the silence after which something forgets. Nothing where no silence was survived, or a longer one
/// than one that wasn't.
[[nodiscard]] std::optional<IdleTimeout> bracket_of(std::span<const IdleSpell> forgotten, std::span<const IdleSpell> survived);

/// Which of these closes are of one moment and after other silences: an event (a restart, a failover, a push). Each event's
/// closes together, by time.
[[nodiscard]] std::vector<std::vector<IdleSpell>> events_among(std::span<const IdleSpell> closes);

}  // namespace tcpwhy
