// Profiles add: what the parts of a capture show, put together, is what the whole shows; in whatever order silences come.
#include "profile.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyzer.h"
#include "profile_file.h"
#include "stream_index.h"
#include "support/capture_reader.h"
#include "support/endpoint_world.h"
#include "support/packet.h"
#include "support/payloads.h"
#include "support/story.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::SizeIs;

/// Every silence of a capture: whose, how it ended, when, and how long it was, to a hundredth of a second: the round trip
/// that is taken off a client's is the shortest that was seen, and a part has seen fewer.
std::multiset<std::string> silences(const Profiles& profiles) {
  std::multiset<std::string> all;
  profiles.for_each_route([&](const Route& route, const EndpointProfile& profile) {
    for (const SpellEnd end : kSpellEnds) {
      for (const IdleSpell& spell : profile.of(end).spells()) {
        all.insert(fmt::format("{} {} {} {} {}", to_string(route.client), to_string(route.server), static_cast<int>(end),
                               spell.ended, (spell.length + 5 * kMillisecond) / (10 * kMillisecond)));
      }
    }
  });
  return all;
}

std::multiset<std::string> timeouts(const Profiles& profiles) {
  std::multiset<std::string> all;
  profiles.for_each_server([&](const Endpoint& server, const EndpointProfile&) {
    if (const auto timeout = profiles.server_timeout(server)) {
      all.insert(fmt::format("{} {} {} {} {} {}", to_string(server), to_string(timeout->by), timeout->value, timeout->low,
                             timeout->high, timeout->samples));
    }
  });
  return all;
}

/// What one has and the other hasn't, a line each.
std::string difference(const std::multiset<std::string>& parts, const std::multiset<std::string>& whole) {
  std::vector<std::string> only;
  std::string text;
  std::set_difference(parts.begin(), parts.end(), whole.begin(), whole.end(), std::back_inserter(only));
  for (const std::string& line : std::exchange(only, {})) text += "only in the parts: " + line + "\n";
  std::set_difference(whole.begin(), whole.end(), parts.begin(), parts.end(), std::back_inserter(only));
  for (const std::string& line : only) text += "only in the whole: " + line + "\n";
  return text;
}

Profiles profiles_of(const Capture& capture) {
  Analyzer analyzer{Settings{}};
  feed(analyzer, capture);
  analyzer.finish();
  return analyzer.profiles();
}

Profiles profiles_of_file(const char* name) {
  const fs::path folder = fs::path(TCPWHY_SOURCE_DIR) / "captures" / name;
  Analyzer analyzer{Settings{}};
  StreamIndex streams;
  FrameNumber number = 0;
  const auto frames = read_capture(fs::exists(folder / "capture.pcap") ? folder / "capture.pcap" : folder / "capture.pcapng");
  for (const Frame& frame : frames) {
    ++number;
    auto sight = read_sight(frame);
    if (!sight) continue;
    sight->segment.stream = streams.number(sight->segment);
    sight->segment.frame = number;
    analyzer.observe(sight->segment);
  }
  analyzer.finish();
  return analyzer.profiles();
}

TEST(Profiles, ThreePartsOfARotatedCaptureGiveWhatTheWholeGives) {
  Profiles parts = profiles_of_file("rotated_part_1");
  parts.append(profiles_of_file("rotated_part_2"), Settings{}.smallest_idle_gap);
  parts.append(profiles_of_file("rotated_part_3"), Settings{}.smallest_idle_gap);
  const Profiles whole = profiles_of_file("rotated_merged");
  EXPECT_EQ(difference(silences(parts), silences(whole)), "");
  EXPECT_EQ(difference(timeouts(parts), timeouts(whole)), "");
  EXPECT_THAT(timeouts(whole), SizeIs(1));
}

/// But for the exchange that a cut goes through the middle of: its request is in one half and what became of it in the other.
TEST(Profiles, TwoHalvesOfAWorldGiveWhatTheWholeGives) {
  std::mt19937 dice(7);
  std::size_t all = 0;
  std::size_t astray = 0;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    const Capture world = make_endpoint_world(seed, 40).capture;
    const auto cut = static_cast<std::ptrdiff_t>(dice() % world.packets.size());
    Capture first = world;
    Capture second = world;
    first.packets.erase(first.packets.begin() + cut, first.packets.end());
    second.packets.erase(second.packets.begin(), second.packets.begin() + cut);
    Profiles parts = profiles_of(first);
    parts.append(profiles_of(second), Settings{}.smallest_idle_gap);
    const std::multiset<std::string> whole = silences(profiles_of(world));
    const std::string different = difference(silences(parts), whole);
    const auto lines = static_cast<std::size_t>(std::count(different.begin(), different.end(), '\n'));
    EXPECT_LE(lines, 2U) << "world " << seed << ", cut at " << cut << "\n" << different;
    astray += lines;
    all += whole.size();
  }
  EXPECT_LE(astray * 500, all) << astray << " of " << all;
}

TEST(ProfileFile, IsReadAsItWasWritten) {
  const Profiles whole = profiles_of(make_endpoint_world(3, 30).capture);
  const std::string text = to_text(whole);
  const Profiles again = profiles_from(text);
  EXPECT_EQ(difference(silences(again), silences(whole)), "");
  EXPECT_EQ(difference(timeouts(again), timeouts(whole)), "");
  EXPECT_EQ(to_text(profiles_from(text)), to_text(again));
}

TEST(ProfileFile, SaysWhatIsWrong) {
  const auto problem = [](std::string_view text) -> std::string {
    try {
      static_cast<void>(profiles_from(text));
    } catch (const ProfileError& error) {
      return error.what();
    }
    return "";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(problem("GIF89a"), HasSubstr("no profile"));
  EXPECT_THAT(problem(""), HasSubstr("no version"));
  EXPECT_THAT(problem("[tcpwhy profile]\nversion=2\n"), HasSubstr("version 2"));
  const std::string head = "[tcpwhy profile]\nversion=1\n[route 1]\nclient=10.0.0.1\n";
  EXPECT_THAT(problem(head + "server=nonsense\n"), HasSubstr("no address"));
  EXPECT_THAT(problem(head + "server=[2001:db8::1]:80\nanswered=1,2,three,4,5,6;\n"), HasSubstr("no silence"));
  EXPECT_THAT(problem(head + "server=10.0.0.2:80\nanswered=9223372036854775807,1,1,1,1,1;\n"), HasSubstr("no silence"));
  EXPECT_EQ(problem(head + "server=[2001:db8::1]:80\nanswered=5,5,3,-1,0,0;\nsomething_new=1\n"), "");
}

IdleSpell spell(Nanoseconds length, Nanoseconds ended) {
  IdleSpell made;
  made.length = made.silence = length;
  made.ended = ended;
  return made;
}

TEST(SpellSample, KeepsTheSameInWhateverOrderTheyCome) {
  std::mt19937 dice(1);
  for (const SpellSample::Keep keep : {SpellSample::Keep::longest, SpellSample::Keep::shortest, SpellSample::Keep::any}) {
    std::vector<IdleSpell> spells;
    for (int i = 0; i < 200; ++i) spells.push_back(spell(static_cast<Nanoseconds>(dice() % 50) * kSecond, i));
    const auto kept = [&] {
      SpellSample sample(keep, 16);
      for (const IdleSpell& one : spells) sample.add(one);
      std::set<Nanoseconds> ends;
      for (const IdleSpell& one : sample.spells()) ends.insert(one.ended);
      EXPECT_EQ(sample.count(), 200U);
      EXPECT_FALSE(sample.complete());
      return ends;
    };
    const std::set<Nanoseconds> once = kept();
    EXPECT_THAT(once, SizeIs(16));
    std::shuffle(spells.begin(), spells.end(), dice);
    EXPECT_EQ(kept(), once);
  }
}

TEST(SpellSample, OfTheLongestTheLongestStay) {
  SpellSample sample(SpellSample::Keep::longest, 2);
  for (const int seconds : {3, 9, 1, 7}) sample.add(spell(seconds * kSecond, seconds));
  std::set<Nanoseconds> lengths;
  for (const IdleSpell& one : sample.spells()) lengths.insert(one.length / kSecond);
  EXPECT_EQ(lengths, (std::set<Nanoseconds>{7, 9}));
}

/// A client that keeps one connection to each of `servers` for 4 s, but for the last one, that it keeps for `last`.
Profiles client_of(int servers, Duration last) {
  Story story({.round_trip = 20ms});
  for (int server = 0; server < servers; ++server) {
    const Connection c = story.connect({.server_host = static_cast<std::uint8_t>(20 + server)});
    c.exchange(get("/a"), ok());
    story.wait(1s);
    c.exchange(get("/a"), ok());
    c.client.idles_for(server + 1 < servers ? 4s : last);
    c.closes_cleanly(Side::client);
  }
  Analyzer analyzer(Settings{});
  const Capture capture = story.capture();
  feed(analyzer, capture);
  analyzer.finish();
  return analyzer.profiles();
}

TEST(Profiles, ClientKeepsConnectionsToAllServersAlike) {
  const Address client = ipv4(0x0a00000a);
  const auto timeout = client_of(3, 4s).client_timeout(client);
  ASSERT_TRUE(timeout);
  EXPECT_EQ(timeout->by, IdleTimeout::By::client);
  EXPECT_NEAR(static_cast<double>(timeout->value), 4e9, 3e7);
  EXPECT_EQ(timeout->samples, 3U);
  // Two of them, or three that disagree, show nothing.
  EXPECT_FALSE(client_of(2, 4s).client_timeout(client));
  EXPECT_FALSE(client_of(3, 9s).client_timeout(client));
}

TEST(Profiles, ClientThatTellsOfOneServerIsNotToldTwice) {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    story.wait(1s);
    c.exchange(get("/a"), ok());
    c.client.idles_for(4s);
    c.closes_cleanly(Side::client);
  }
  Analyzer analyzer(Settings{});
  const Capture capture = story.capture();
  std::vector<NamedTimeout> told;
  feed(analyzer, capture, [&](FrameNumber, const Remarks& remarks) {
    if (!remarks.idle_timeouts.empty()) told = remarks.idle_timeouts;
  });
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].server, "10.0.0.20:80");
}

}  // namespace
}  // namespace tcpwhy::tests
