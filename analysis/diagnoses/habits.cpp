// What a client and a server show together, over all their streams: timeouts that don't fit each other, whether or not a
// request has died of it yet.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "../words.h"
#include "families.h"

namespace tcpwhy {
namespace {

/// Silences that a client ended with a request, and what became of it.
struct Reuses {
  explicit Reuses(const RouteEvidence& evidence)
      : answered(evidence.pair.answered.spells()),
        met_close(evidence.pair.met_close.spells()),
        forgotten(evidence.pair.forgotten.spells()) {}

  std::span<const IdleSpell> answered;
  std::span<const IdleSpell> met_close;
  std::span<const IdleSpell> forgotten;

  [[nodiscard]] std::size_t lost() const { return met_close.size() + forgotten.size(); }
  [[nodiscard]] std::size_t all() const { return answered.size() + lost(); }

  [[nodiscard]] std::size_t lost_within(Nanoseconds limit) const {
    return count(met_close, limit, false) + count(forgotten, limit, false);
  }
  [[nodiscard]] std::size_t answered_beyond(Nanoseconds limit) const { return count(answered, limit, true); }

 private:
  static std::size_t count(std::span<const IdleSpell> spells, Nanoseconds limit, bool beyond) {
    return static_cast<std::size_t>(std::count_if(
        spells.begin(), spells.end(), [&](const IdleSpell& spell) { return (spell.length > limit) == beyond; }));
  }
};

/// The longest silence after which the client still had the connection.
Nanoseconds longest_kept(const RouteEvidence& evidence) {
  Nanoseconds longest = 0;
  for (const SpellEnd end : {SpellEnd::answered, SpellEnd::met_close, SpellEnd::forgotten, SpellEnd::server_closed}) {
    for (const IdleSpell& spell : evidence.pair.of(end).spells()) longest = std::max(longest, spell.length);
  }
  return longest;
}

/// Requests that met the server within a round trip of its close, and were answered: by luck.
std::vector<IdleSpell> near_misses(const RouteEvidence& evidence) {
  std::vector<IdleSpell> near;
  if (!evidence.timeout.exact()) return near;
  for (const IdleSpell& spell : evidence.pair.answered.spells()) {
    if (spell.length + spell.round_trip + evidence.settings.rtt_margin >= evidence.timeout.value) near.push_back(spell);
  }
  return near;
}

/// What the client's limit should be: a round trip and some below the server's, in whole seconds where it has any.
Nanoseconds advised_limit(const RouteEvidence& evidence) {
  const IdleTimeout& timeout = evidence.timeout;
  // Of a bracket what was survived, in the digits in which it is told.
  if (!timeout.exact()) {
    return timeout.low >= 2 * kSecond ? (timeout.low + timeout.low / 200) / kSecond * kSecond : timeout.low * 9 / 10;
  }
  Nanoseconds round_trip = 0;
  for (const IdleSpell& spell : evidence.pair.server_closed.spells()) round_trip = std::max(round_trip, spell.round_trip);
  const Nanoseconds below = timeout.value - round_trip - kSafetyBelowTimeout;
  return below >= kSecond ? below / kSecond * kSecond : timeout.value / 2 / (100 * kMillisecond) * (100 * kMillisecond);
}

const IdleSpell& earliest(std::span<const IdleSpell> spells) {
  return *std::min_element(spells.begin(), spells.end(),
                           [](const IdleSpell& a, const IdleSpell& b) { return a.frame < b.frame; });
}

std::optional<RouteVerdict> keepalive_mismatch(const RouteEvidence& evidence) {
  const Reuses reuses(evidence);
  const bool server_gives_up_first = !evidence.pair.server_closed.spells().empty() || reuses.lost() > 0;
  if (evidence.timeout.by == IdleTimeout::By::client || !server_gives_up_first || reuses.all() == 0) return {};
  if (longest_kept(evidence) < evidence.timeout.low) return {};
  const std::vector<IdleSpell> near = near_misses(evidence);
  RouteVerdict answer;
  Verdict& verdict = answer.verdict;
  verdict.confidence = Confidence::likely;
  verdict.fault = Fault::client;
  verdict.impact = Impact::none;
  // What died has findings of its own.
  verdict.severity = reuses.lost() == 0 && !near.empty() ? Severity::warn : Severity::note;
  const IdleSpell& shown = !reuses.met_close.empty()   ? earliest(reuses.met_close)
                           : !reuses.forgotten.empty() ? earliest(reuses.forgotten)
                           : !near.empty()             ? earliest(near)
                                                       : earliest(evidence.pair.server_closed.spells());
  answer.stream = shown.stream;
  verdict.deciding_frame = shown.frame;
  return answer;
}

std::string at_least(bool all_counted) { return all_counted ? "" : "at least "; }

Narrative narrate_keepalive_mismatch(const RouteEvidence& evidence, const Verdict& verdict) {
  const Reuses reuses(evidence);
  const IdleTimeout& timeout = evidence.timeout;
  const std::string client = to_string(evidence.route.client);
  const std::string server = to_string(evidence.route.server);
  const bool counted = evidence.pair.answered.complete() && evidence.pair.met_close.complete() && evidence.pair.forgotten.complete();
  const std::vector<IdleSpell> near = near_misses(evidence);
  const Nanoseconds kept = longest_kept(evidence);
  Narrative narrative;
  std::string& text = narrative.explanation;
  text = fmt::format("The side that sends requests must give up first: {} keeps idle connections for {} and more, ", client,
                     duration(kept));
  if (timeout.exact()) {
    text += fmt::format("{} closes them after {}{} ({}, to within {}).", server, duration(timeout.value),
                        timeout.swept ? " or somewhat later, as it sweeps now and then" : "", plural(timeout.samples, "close"),
                        duration(timeout.high - timeout.low));
  } else {
    text += fmt::format("and something on the way to {}, or it itself, forgets them without a word after more than {} and no "
                        "more than {}.",
                        server, duration(timeout.low), duration(timeout.high));
  }
  if (timeout.advertised != 0) {
    const bool true_enough = timeout.advertised * kSecond <= timeout.value;
    text += fmt::format(" The server announces `Keep-Alive: timeout={}`, {}.", timeout.advertised,
                        true_enough ? "and the client doesn't heed it" : "which isn't what is in force");
  }
  text += fmt::format(" Of {}{} after a silence {} lost the request", at_least(counted), plural(reuses.all(), "reuse"),
                      reuses.lost() == 0 ? "none" : std::to_string(reuses.lost()));
  if (!near.empty()) {
    text += fmt::format("; {} within a round trip of the close ({}) got through by luck", near.size(), frame(near.front().frame));
  }
  text += fmt::format("; {} shows it.", frame(verdict.deciding_frame));
  if (!evidence.match.empty()) text += fmt::format(" Known defaults of that length: {}.", evidence.match);
  const Nanoseconds limit = advised_limit(evidence);
  narrative.fix = fmt::format(
      "Set the idle timeout of {}'s connection pool to {}, or {} longer than the client keeps connections. In this capture a "
      "client limit of {} would have meant {}{}{}.",
      client, duration(limit),
      timeout.exact() ? fmt::format("the keep-alive timeout of {} to", server) : "have whatever forgets remember them",
      duration(limit),
      reuses.lost() == 0 ? "" : fmt::format("{} of {} lost, and ", reuses.lost_within(limit), plural(reuses.lost(), "request")),
      at_least(counted), plural(reuses.answered_beyond(limit), "more handshake"));
  narrative.blind_spot = fmt::format("How long {} would keep a connection that nobody closes: none was left to it for longer.",
                                     client);
  return narrative;
}

constexpr Diagnosis kHabits[] = {
    {"keepalive_mismatch", Question::habit, Severity::warn,
     "a client keeps idle connections longer than the server, or something on the way, does",
     "The side that sends requests must be the first to close an idle connection. Here the other side is: it closes, or "
     "forgets, after a silence that its client sits out. Each request that is sent around that moment can be lost "
     "(keepalive_race, stale_reuse, idle_state_lost). Told from all streams of the pair, before anything broke, too.",
     R"(client                                server
  | ------------- request ------------> |
  | <------------ response ------------ |
  |        ... both idle for T ...      |  on several streams: always T
  | <-------------- FIN --------------- |
  on other streams:
  | ------------- request ------------> |  after a silence of nearly T: answered, by luck)",
     "keepalive_race, stale_reuse: those are the requests that died of it. A server that closes after so many requests, at an "
     "age, or everything at one moment has no idle timeout. A client that never sends a request after a silence keeps "
     "nothing.",
     "On the client: `ss -tnpo state close-wait` shows connections that the server has closed and the pool still holds. On both "
     "sides the configuration: the value is in the text, beside the products whose default it is.",
     "Set the idle timeout of the side that sends requests below that of the side that answers, by a round trip and half a "
     "second; the settings of the usual products stand at keepalive_race. Where the other side is a balancer or a firewall that "
     "forgets silently, TCP keep-alive below its timeout keeps the entry alive.",
     {}, nullptr, nullptr, std::nullopt, false, keepalive_mismatch, narrate_keepalive_mismatch},
};

}  // namespace

std::span<const Diagnosis> habit_diagnoses() { return kHabits; }

}  // namespace tcpwhy
