// The idle timeout of an endpoint, told from how silences ended: what shows a timer, a sweep, a bracket, and what must not. In
// the end, thousands of endpoints whose truth is known.
#include "idle_timeout.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

#include "analyzer.h"
#include "known_timeouts.h"
#include "profile.h"
#include "support/endpoint_world.h"

namespace tcpwhy::tests {
namespace {

using ::testing::AllOf;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Optional;
using ::testing::StartsWith;

constexpr auto kServer = IdleTimeout::By::server;
constexpr auto kClient = IdleTimeout::By::client;

/// Silences of so many milliseconds, each of a stream of its own, that ended ten seconds apart.
std::vector<IdleSpell> silences(std::initializer_list<int> milliseconds) {
  std::vector<IdleSpell> spells;
  for (const int length : milliseconds) {
    IdleSpell spell;
    spell.length = spell.silence = length * kMillisecond;
    spell.stream = static_cast<StreamNumber>(spells.size());
    spell.ended = (1'000 + 10 * static_cast<Nanoseconds>(spells.size())) * kSecond;
    spell.age = spell.length + 60 * kSecond * static_cast<Nanoseconds>(spells.size() + 1);
    spells.push_back(spell);
  }
  return spells;
}

/// All of them at one moment.
std::vector<IdleSpell> at_once(std::vector<IdleSpell> spells) {
  Nanoseconds delay = 0;
  for (IdleSpell& spell : spells) spell.ended = 1'000 * kSecond + (delay += 20 * kMicrosecond);
  return spells;
}

auto about(Nanoseconds value) {
  return AllOf(Field(&IdleTimeout::value, AllOf(Ge(value - 10 * kMillisecond), Le(value + 10 * kMillisecond))),
               Field(&IdleTimeout::low, Le(value)), Field(&IdleTimeout::high, Ge(value)));
}

// ------------------------------------------------------------------------------------------------- timers

TEST(IdleTimeout, ThreeClosesThatAgreeShowATimer) {
  EXPECT_THAT(timer_behind(silences({6'000, 6'001, 6'003}), {}, kServer), Optional(about(6 * kSecond)));
}

TEST(IdleTimeout, TwoDoNot) { EXPECT_FALSE(timer_behind(silences({6'000, 6'001}), {}, kServer)); }

TEST(IdleTimeout, ClosesAfterOtherSilencesShowNone) {
  EXPECT_FALSE(timer_behind(silences({1'200, 3'400, 9'000, 31'000, 4'200}), {}, kServer));
}

TEST(IdleTimeout, AFewOtherClosesDoNotHideATimer) {
  EXPECT_THAT(timer_behind(silences({5'000, 5'001, 700, 5'002, 5'001, 2'400}), {}, kServer), Optional(about(5 * kSecond)));
}

TEST(IdleTimeout, MoreSamplesNarrowIt) {
  const auto few = timer_behind(silences({5'000, 5'004, 5'008}), {}, kServer);
  const auto many = timer_behind(silences({5'000, 5'001, 5'002, 5'003, 5'004, 5'005, 5'006, 5'007, 5'008}), {}, kServer);
  ASSERT_TRUE(few && many);
  EXPECT_GT(few->high - few->low, many->high - many->low);
}

TEST(IdleTimeout, AServerThatAnswersAfterLongerSilencesHasNoSuchTimer) {
  EXPECT_FALSE(timer_behind(silences({5'000, 5'001, 5'002}), silences({8'000, 9'000, 7'000}), kServer));
}

TEST(IdleTimeout, AClientThatGoesOnAfterThatSilencePausesAndHasNoTimer) {
  const auto closes = silences({1'000, 1'001, 1'002});
  const auto pauses = silences({1'001, 1'000, 1'003});
  EXPECT_FALSE(timer_behind(closes, pauses, kClient));
  EXPECT_TRUE(timer_behind(closes, silences({400, 600}), kClient));
}

// ------------------------------------------------------------------------------------ what looks like a timer

TEST(IdleTimeout, ClosesOfOneMomentAfterOtherSilencesAreAnEvent) {
  const auto closes = at_once(silences({2'600, 2'630, 2'640, 2'900, 2'650}));
  EXPECT_FALSE(timer_behind(closes, {}, kServer));
  ASSERT_EQ(events_among(closes).size(), 1U);
  EXPECT_EQ(events_among(closes)[0].size(), 5U);
}

TEST(IdleTimeout, ClosesOfOneMomentAfterTheSameSilenceAreATimer) {
  const auto closes = at_once(silences({6'000, 6'000, 6'001, 6'000}));
  EXPECT_THAT(events_among(closes), IsEmpty());
  EXPECT_THAT(timer_behind(closes, {}, kServer), Optional(about(6 * kSecond)));
}

TEST(IdleTimeout, ClosesAtOneAgeAreALifetime) {
  auto closes = silences({4'001, 4'020, 4'011});
  for (IdleSpell& close : closes) close.age = 30 * kSecond;
  EXPECT_FALSE(timer_behind(closes, {}, kServer));
}

// ------------------------------------------------------------------------------------------------- sweeps

TEST(IdleTimeout, ASweepClosesAfterTheTimeoutOrSomewhatLater) {
  const auto timeout =
      timer_behind(silences({121'000, 128'000, 139'000, 147'000, 124'000, 133'000, 149'000, 126'000}), {}, kServer);
  ASSERT_TRUE(timeout);
  EXPECT_TRUE(timeout->swept);
  EXPECT_LE(timeout->low, 120 * kSecond);
  EXPECT_GE(timeout->high, 120 * kSecond);
}

// ------------------------------------------------------------------------------------------------ brackets

TEST(IdleTimeout, WhatForgetsIsBracketed) {
  const auto bracket = bracket_of(silences({8'000, 12'000}), silences({1'000, 3'000, 2'000}));
  ASSERT_TRUE(bracket);
  EXPECT_EQ(bracket->by, IdleTimeout::By::middlebox);
  EXPECT_EQ(bracket->low, 3 * kSecond);
  EXPECT_EQ(bracket->high, 8 * kSecond);
  EXPECT_EQ(bracket->value, 3 * kSecond) << "the longest silence that is known to be safe";
}

TEST(IdleTimeout, WhatSurvivedLongerElsewhereIsNoBracket) {
  EXPECT_FALSE(bracket_of(silences({8'000, 8'500}), silences({9'000})));
  EXPECT_FALSE(bracket_of(silences({8'000, 8'500}), {}));
  EXPECT_FALSE(bracket_of({}, silences({9'000})));
}

TEST(IdleTimeout, OneLostConnectionMayHaveMetAReboot) {
  EXPECT_FALSE(bracket_of(silences({8'000}), silences({1'000, 3'000})));
}

// --------------------------------------------------------------------------------------------------- names

std::string named(IdleTimeout::By by, Nanoseconds value, Nanoseconds low, Nanoseconds high) {
  IdleTimeout timeout;
  timeout.by = by;
  timeout.value = value;
  timeout.low = low;
  timeout.high = high;
  return name_candidates(candidates_for(timeout));
}

TEST(KnownTimeouts, AreTriedOnWhoClosed) {
  EXPECT_THAT(named(kServer, 6 * kSecond, 6 * kSecond, 6 * kSecond), StartsWith("Node.js"));
  EXPECT_THAT(named(kClient, 4 * kSecond, 4 * kSecond, 4 * kSecond), HasSubstr("undici"));
  EXPECT_EQ(named(kClient, 6 * kSecond, 6 * kSecond, 6 * kSecond), "");
}

TEST(KnownTimeouts, AreNeverOneWhereSeveralFit) {
  const std::string names = named(kServer, 5 * kSecond, 4'990 * kMillisecond, 5'010 * kMillisecond);
  EXPECT_THAT(names, AllOf(HasSubstr("Node.js"), HasSubstr("Apache httpd"), HasSubstr("uvicorn"), HasSubstr("more")));
}

TEST(KnownTimeouts, OfWhatForgetsAreThoseInTheBracket) {
  const std::string names = named(IdleTimeout::By::middlebox, 300 * kSecond, 300 * kSecond, 412 * kSecond);
  EXPECT_THAT(names, AllOf(HasSubstr("AWS NLB"), HasSubstr("AWS NAT Gateway")));
  EXPECT_EQ(names.find("Azure"), std::string::npos);
}

TEST(KnownTimeouts, EachSaysWhereItWasRead) {
  for (const KnownTimeout& known : known_timeouts()) {
    EXPECT_FALSE(known.product.empty());
    EXPECT_FALSE(known.setting.empty()) << known.product;
    EXPECT_FALSE(known.source.empty()) << known.product;
    EXPECT_GT(known.milliseconds, 0U) << known.product;
  }
}

// ---------------------------------------------------------------------------------------------- simulation

struct Tally {
  std::uint32_t endpoints = 0;
  std::uint32_t told = 0;
  std::uint32_t right = 0;
};

/// What the whole core, fed with packets, says of endpoints whose habits are known.
TEST(IdleTimeoutSimulation, TheTruthIsWithinTheSpreadAndNobodyGetsATimeoutThatHasNone) {
  using Habit = EndpointTruth::Habit;
  constexpr std::uint32_t kWorlds = 10;
  constexpr std::uint32_t kEndpoints = 400;
  std::map<Habit, Tally> tallies;
  for (std::uint32_t seed = 1; seed <= kWorlds; ++seed) {
    const EndpointWorld world = make_endpoint_world(seed, kEndpoints);
    Analyzer analyzer({});
    feed(analyzer, world.capture);
    analyzer.finish();
    for (const EndpointTruth& truth : world.endpoints) {
      Tally& tally = tallies[truth.habit];
      ++tally.endpoints;
      const auto timeout = analyzer.profiles().server_timeout(truth.server);
      if (!timeout) continue;
      ++tally.told;
      if (truth.timeout && timeout->low <= *truth.timeout && *truth.timeout <= timeout->high) ++tally.right;
    }
  }
  Tally with;
  Tally without;
  for (const auto& [habit, tally] : tallies) {
    const bool has_timeout = habit == Habit::timer || habit == Habit::sweep || habit == Habit::forgets;
    Tally& sum = has_timeout ? with : without;
    sum.endpoints += tally.endpoints;
    sum.told += tally.told;
    sum.right += tally.right;
    RecordProperty(fmt::format("habit_{}", static_cast<int>(habit)),
                   fmt::format("{} endpoints, {} told, {} right", tally.endpoints, tally.told, tally.right));
    if (has_timeout) {
      EXPECT_GE(tally.right * 100, tally.told * 95)
          << "habit " << static_cast<int>(habit) << ": " << tally.right << " right of " << tally.told;
    }
  }
  EXPECT_GE(with.right * 100, with.told * 95) << with.right << " right of " << with.told;
  EXPECT_LE(without.told * 100, without.endpoints) << without.told << " of " << without.endpoints << " have none";
  EXPECT_GE(tallies[Habit::timer].told * 2, tallies[Habit::timer].endpoints) << "Silence is no answer either";
}

}  // namespace
}  // namespace tcpwhy::tests
