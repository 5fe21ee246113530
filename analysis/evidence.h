// Evidence: everything that a signature may look at. A view of frozen facts; making a verdict changes nothing,
// so it can be made at any time and any number of times.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "connection.h"
#include "legs.h"
#include "profile.h"
#include "settings.h"

namespace tcpwhy {

/// Another attempt at what failed on this stream.
struct Retry {
  StreamNumber stream = 0;
  Mark at;                 ///< The SYN, or the request's first segment.
  bool succeeded = false;  ///< The handshake completed, or the request was answered.
  Mark success;            ///< When, if it was a connect.
  Nanoseconds delay = 0;   ///< Since the failure showed; 0 where it was sent before.
  std::uint32_t attempt = 2;  ///< 2 is the first repetition.
  /// By its first line, or as the same SYN. Else by its time alone: a connect, where this client had made none to this server for
  /// several times as long before the failure.
  bool recognised = true;
  bool met_stale = false;  ///< It took another connection that had been idle, and was lost there as well.
};

/// What a client does after requests to a server that failed, or after failed connects, over all of them.
struct RetryHabit {
  enum class Pattern : std::uint8_t {
    none,       ///< It gives up.
    immediate,  ///< At once.
    fixed,      ///< After the same pause each time.
    backoff,    ///< After pauses that grow, or that chance varies.
  };

  Pattern pattern = Pattern::none;
  std::uint32_t failures = 0;  ///< Whose repetition would have been noticed.
  std::uint32_t repeated = 0;  ///< Of these.
  Nanoseconds shortest_delay = 0;
  Nanoseconds longest_delay = 0;
};
/// "none" · "immediate" · "fixed" · "backoff".
[[nodiscard]] std::string_view to_string(RetryHabit::Pattern pattern);

/// What a server closed at one moment, after silences of all kinds: a restart, a failover, a push.
struct Event {
  Mark first;
  std::uint32_t streams = 0;
  Nanoseconds span = 0;  ///< From the first of them to the last.
};

/// Another stream whose numbers this one continues, through another address or port: what a NAT let out or in without
/// translating it as before.
struct LeakedFrom {
  StreamNumber stream = 0;
  Nanoseconds silence = 0;    ///< Of that stream, before this one began.
  bool same_address = false;  ///< Only the port differs,
  bool same_ports = false;    ///< or only the address.
};

/// What the other streams of the same server endpoint, or of the same pair of addresses, show. No stream's own
/// incident is in here.
struct Surroundings {
  std::uint32_t exchanges = 0;              ///< Answered requests at this server endpoint.
  Nanoseconds longest_answered_gap = 0;     ///< The longest idle gap after which it still answered.
  Nanoseconds longest_answered_silence = 0; ///< The longest time without any segment after which it still answered.
  Mark latest_established;                  ///< The latest handshake that it completed, on another stream.
  Mark latest_heard;                        ///< The latest sign of life of it on another stream.
  Mark heard_while_dialling;                ///< The same, while this stream's SYNs went unanswered.
  /// The latest packet to the server, on another stream, that was seen at the farther of two places (TwoPoints).
  Mark latest_arrival;
  /// The latest SYN to it that had to be repeated, or its latest reset straight after a handshake, on another stream.
  Mark latest_turned_away;
  /// What was said last on another stream, in the middle of its work, repeated, and never got as much as an ACK.
  Mark latest_unheard;
  /// The shortest silence after which it answered another stream as if it had never known it; 0 in the middle of work.
  std::optional<Nanoseconds> shortest_lost_silence;
  Nanoseconds capture_end = 0;              ///< The latest time of the whole capture so far.
  std::uint32_t idle_closes = 0;            ///< Other streams that it closed while nothing was outstanding.
  Nanoseconds shortest_idle_close = 0;      ///< Idle time at those closes.
  Nanoseconds longest_idle_close = 0;
  std::uint32_t orderly_closes = 0;         ///< Other streams on which it sent a FIN and no reset.
  std::uint32_t abortive_closes = 0;        ///< Other streams that it reset.
  /// Other streams that the server closed in the same moment, uncalled for, with other idle times: no timer of a
  /// single connection does that. A restart, a crash, a sweep.
  std::uint32_t closed_together = 0;
  /// Other streams that the server closed, uncalled for, after the same idle time: a timer.
  std::uint32_t closed_alike = 0;
  /// Other streams on which the server had been quiet for as long when it closed, whatever the client did: a timer, too.
  std::uint32_t closed_after_same_quiet = 0;
  std::optional<Event> event;               ///< That this stream's close is part of.
  bool first_of_pair = false;               ///< The first stream of these two addresses with odd timestamps.
  std::optional<Retry> connect_retry;       ///< The same SYN on another stream.
  std::optional<Retry> dialled_again;       ///< Another connect after a failed one.
  std::optional<StreamNumber> beyond_nat;   ///< Where this stream's SYN is seen once more, behind a NAT.
  std::optional<Retry> request_retry;
  bool gave_up = false;                     ///< Nothing repeated what failed on this stream, though it was looked for long enough.
  std::optional<RetryHabit> retry_habit;    ///< Of this client towards this server, if something of this stream failed.
  std::optional<LeakedFrom> original;       ///< Whose numbers this stream has, without a beginning of its own.
  std::optional<StreamNumber> leak;         ///< The stream that has this one's numbers, if it was reset.
  std::optional<PassedOn> passed_on;        ///< Where this stream's failure showed on another leg of a proxy.
  std::optional<OtherLeg> other_leg;        ///< What this stream's ending follows from, on another leg of a proxy.
  /// All of them, where one connection of a proxy's client shows several failures (a 502 each), and where each showed.
  std::vector<std::pair<Mark, OtherLeg>> other_legs;
};

struct Evidence {
  const Connection& connection;
  Surroundings around;
  const Settings& settings;
};

/// What all streams between a client and a server show together.
struct RouteEvidence {
  const Route& route;
  const EndpointProfile& pair;
  const IdleTimeout& timeout;  ///< The server's, or that of what forgets on the way to it.
  std::string_view match;      ///< Known defaults of that length: name_candidates.
  const Settings& settings;
};

}  // namespace tcpwhy
