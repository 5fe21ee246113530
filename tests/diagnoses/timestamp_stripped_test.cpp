// timestamp_stripped: a device on the way removed the TCP timestamp option.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A connection through a device that blanks the option in the SYNs of `side`.
void strips(Story& story, Side side) {
  const Connection c = story.dials();
  c.path.strips_timestamps_from(side);
  story.settle();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
}

TEST(TimestampStripped, BothSidesOfTheDeviceSeen) {
  Story story({.vantage = Vantage::both_sides_of_device});
  strips(story, Side::client);
  EXPECT_THAT(story, says("#0 timestamp_stripped/both_sides_seen certain warn fault=middlebox|path impact=none"));
}

TEST(TimestampStripped, NopPaddingAtTheServer) {
  Story story({.vantage = Vantage::server});
  strips(story, Side::client);
  EXPECT_THAT(story, says("#0 timestamp_stripped/nop_padding warn fault=middlebox|path impact=none"));
}

TEST(TimestampStripped, OneDirection) {
  Story story({.vantage = Vantage::server});
  strips(story, Side::server);
  EXPECT_THAT(story, says("#0 timestamp_stripped/one_direction warn fault=middlebox|path"));
}

TEST(TimestampStripped, PropertyOfThePathIsToldOnce) {
  Story story({.vantage = Vantage::server});
  strips(story, Side::client);
  strips(story, Side::client);
  EXPECT_THAT(story, says("#0 timestamp_stripped warn\n#1 timestamp_stripped note"));
}

// Bytes of a frame: Ethernet, IPv4 and TCP are 54, the options of a data segment 12, those of a SYN 20.
constexpr std::uint32_t kWholeTimestamps = 66;
constexpr std::uint32_t kWholeSyn = 74;

TEST(TimestampStripped, OptionsOfTheSynsCutByTheSnaplen) {
  for (std::uint32_t snaplen = kWholeTimestamps; snaplen < kWholeSyn; ++snaplen) {
    Story story({.vantage = Vantage::server});
    strips(story, Side::server);
    EXPECT_THAT(cut_to(story.capture(), snaplen), says("#0 timestamp_stripped/one_direction warn")) << snaplen;
  }
}

// Stays silent.

TEST(TimestampStripped, TimestampsOnBothSides) {
  Story story({.vantage = Vantage::both_sides_of_device});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(TimestampStripped, ClientThatNeverHadThem) {
  Story story({.vantage = Vantage::server});
  const Connection c = story.connect({.client_timestamps = false});
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(TimestampStripped, ReplyWithoutTimestampsProvesNothing) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(1s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse"));
}

TEST(TimestampStripped, CutOptionsProveNothing) {
  Story story({.vantage = Vantage::server});
  strips(story, Side::client);
  EXPECT_THAT(cut_to(story.capture(), 60), is_silent());
}

TEST(TimestampStripped, SnaplenThatCutsTheSynsOptionsAccusesNobody) {
  for (std::uint32_t snaplen = 54; snaplen <= kWholeSyn; ++snaplen) {
    Story story({.vantage = Vantage::server});
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    c.closes_cleanly();
    EXPECT_THAT(cut_to(story.capture(), snaplen), says_nothing()) << snaplen;
  }
  for (std::uint32_t snaplen = 54; snaplen < kWholeTimestamps; ++snaplen) {
    for (const Side side : {Side::client, Side::server}) {
      Story story({.vantage = Vantage::server});
      strips(story, side);
      EXPECT_THAT(cut_to(story.capture(), snaplen), is_silent()) << snaplen;
    }
  }
}

// Nearest neighbour.

TEST(TimestampStripped, FromTheClientItMayBeTheServer) {
  Story story({.vantage = Vantage::client});
  strips(story, Side::client);
  EXPECT_THAT(story, says("#0 timestamp_declined note"));
}

}  // namespace
}  // namespace tcpwhy::tests
