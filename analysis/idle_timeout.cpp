#include "idle_timeout.h"

#include <algorithm>
#include <array>

#include "limits.h"

namespace tcpwhy {
namespace {

bool by_length(const IdleSpell& a, const IdleSpell& b) { return a.length < b.length; }
bool by_time(const IdleSpell& a, const IdleSpell& b) { return a.ended < b.ended; }

/// How far apart two silences may be that one timer ended: its granularity, and the noise of two ways.
Nanoseconds tolerance(Nanoseconds length) { return std::max(kTimerNoise, length / kTimerPrecision); }

/// Largest minus smallest.
template <typename Value>
Nanoseconds range(std::span<const IdleSpell> spells, Value value) {
  const auto [least, most] = std::minmax_element(
      spells.begin(), spells.end(), [&](const IdleSpell& a, const IdleSpell& b) { return value(a) < value(b); });
  return spells.empty() ? 0 : value(*most) - value(*least);
}
Nanoseconds range_of_lengths(std::span<const IdleSpell> spells) {
  return range(spells, [](const IdleSpell& spell) { return spell.length; });
}
Nanoseconds range_of_ends(std::span<const IdleSpell> spells) {
  return range(spells, [](const IdleSpell& spell) { return spell.ended; });
}

/// How far below the smallest of n samples the beginning of a uniform range may lie, in thousandths of their own range, at
/// 98 % confidence: with U of n samples on [a, b], P((min - a) / (max - min) > c) = (1 + c)^-(n-1).
std::int64_t reach(std::size_t samples) {
  constexpr std::array<std::int64_t, 30> kReach = {
      49'000, 49'000, 49'000, 6'071, 2'684, 1'659, 1'187, 919, 749, 631, 545, 479, 427, 385, 351,
      322,    298,    277,    259,   243,   229,   216,   205, 195, 185, 177, 169, 162, 156, 150};
  return samples < kReach.size() ? kReach[samples] : 4'000 / static_cast<std::int64_t>(samples - 1);
}

/// The window of `tolerance` that holds most of them. REQUIRES: sorted by length.
std::span<const IdleSpell> densest(std::span<const IdleSpell> closes) {
  std::span<const IdleSpell> best;
  std::size_t begin = 0;
  for (std::size_t end = 1; end <= closes.size(); ++end) {
    while (closes[end - 1].length - closes[begin].length > tolerance(closes[begin].length)) ++begin;
    if (end - begin > best.size()) best = closes.subspan(begin, end - begin);
  }
  return best;
}

/// Connections that were closed at one age, and after silences that agree less: what is timed is their life.
bool is_lifetime(std::span<const IdleSpell> closes) {
  for (const IdleSpell& close : closes) {
    if (close.age == IdleSpell::kUnknown) return false;
  }
  const Nanoseconds ages = range(closes, [](const IdleSpell& spell) { return spell.age; });
  return ages <= tolerance(closes.front().age) && 2 * ages < range_of_lengths(closes);
}

IdleTimeout timeout_of(std::span<const IdleSpell> closes, IdleTimeout::By by) {
  const Nanoseconds shortest = closes.front().length;
  const Nanoseconds longest = closes.back().length;
  const Nanoseconds below = std::max(kTimerGranularity, (longest - shortest) * reach(closes.size()) / 1'000);
  return {by,
          closes[closes.size() / 2].length,
          std::max<Nanoseconds>(0, shortest - below),
          longest + kTimerGranularity,
          static_cast<std::uint32_t>(closes.size()),
          std::max_element(closes.begin(), closes.end(), by_time)->advertised,
          false};
}

}  // namespace

std::string_view to_string(IdleTimeout::By by) {
  switch (by) {
    case IdleTimeout::By::server: return "server";
    case IdleTimeout::By::client: return "client";
    case IdleTimeout::By::middlebox: return "middlebox";
  }
  return "";
}

std::vector<std::vector<IdleSpell>> events_among(std::span<const IdleSpell> closes) {
  std::vector<IdleSpell> sorted(closes.begin(), closes.end());
  std::sort(sorted.begin(), sorted.end(), by_time);
  std::vector<std::vector<IdleSpell>> events;
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    for (end = begin + 1; end < sorted.size() && sorted[end].ended - sorted[end - 1].ended <= kSameMoment;) ++end;
    const std::span<const IdleSpell> moment(sorted.data() + begin, end - begin);
    // A timer's silences are closer together than what began them.
    const bool unlike = range_of_lengths(moment) > std::max(kTimerNoise, 4 * range_of_ends(moment));
    if (moment.size() >= kFewestOfEvent && unlike) events.emplace_back(moment.begin(), moment.end());
  }
  return events;
}

std::optional<IdleTimeout> timer_behind(std::span<const IdleSpell> closes, std::span<const IdleSpell> survived,
                                        IdleTimeout::By by) {
  if (closes.size() < kFewestOfTimer) return std::nullopt;
  std::vector<IdleSpell> single;  // Closes that are part of no event.
  {
    const auto events = events_among(closes);
    for (const IdleSpell& close : closes) {
      const bool part = std::any_of(events.begin(), events.end(), [&](const std::vector<IdleSpell>& event) {
        return std::find(event.begin(), event.end(), close) != event.end();
      });
      if (!part) single.push_back(close);
    }
  }
  std::sort(single.begin(), single.end(), by_length);
  // A server may still answer within a round trip of its close. A client that takes up a connection after the silence after
  // which it closes others has no timer: it pauses, and goes on or is done.
  const auto outlived = [&](Nanoseconds length) {
    const Nanoseconds limit = by == IdleTimeout::By::client ? length - tolerance(length) : length + tolerance(length);
    return static_cast<std::size_t>(std::count_if(survived.begin(), survived.end(),
                                                  [&](const IdleSpell& spell) { return spell.length > limit; }));
  };
  const auto is_timer = [&](std::span<const IdleSpell> spells) {
    return !is_lifetime(spells) && outlived(spells.back().length) * kSurvivedPerClose <= spells.size();
  };
  const std::span<const IdleSpell> alike = densest(single);
  const auto near = static_cast<std::size_t>(std::count_if(single.begin(), single.end(), [&](const IdleSpell& close) {
    return close.length * kNearDenominator >= alike.front().length * kNearNumerator &&
           close.length * kNearNumerator <= alike.back().length * kNearDenominator;
  }));
  const bool most = alike.size() * kNearDenominator >= single.size() * kNearNumerator && alike.size() * 10 >= near * kNearPerTen;
  if (alike.size() >= kFewestOfTimer && most && is_timer(alike)) return timeout_of(alike, by);
  // A sweep: nearly all of them within a period, at several moments.
  std::vector<IdleSpell> all(closes.begin(), closes.end());
  std::sort(all.begin(), all.end(), by_length);
  const std::size_t strays = all.size() / kStrayOfSweep;
  const std::span<const IdleSpell> swept(all.data() + strays, all.size() - 2 * strays);
  const Nanoseconds period = range_of_lengths(swept);
  if (swept.size() < kFewestOfSweep || period * kNearDenominator > swept.front().length * kNearNumerator || range_of_ends(swept) < 2 * period ||
      !is_timer(swept)) {
    return std::nullopt;
  }
  IdleTimeout timeout = timeout_of(swept, by);
  timeout.value = swept.front().length;
  timeout.high = swept.front().length + kTimerGranularity;
  timeout.swept = true;
  return timeout;
}

std::optional<IdleTimeout> bracket_of(std::span<const IdleSpell> forgotten, std::span<const IdleSpell> survived) {
  const auto by_silence = [](const IdleSpell& a, const IdleSpell& b) { return a.silence < b.silence; };
  const auto shortest = std::min_element(forgotten.begin(), forgotten.end(), by_silence);
  const auto longest = std::max_element(survived.begin(), survived.end(), by_silence);
  if (forgotten.size() < kFewestForgotten || longest == survived.end() || longest->silence >= shortest->silence) return std::nullopt;
  return IdleTimeout{IdleTimeout::By::middlebox, longest->silence, longest->silence, shortest->silence,
                     static_cast<std::uint32_t>(forgotten.size()), 0, false};
}

}  // namespace tcpwhy
