// timestamp_declined: offered in the SYN, absent from the SYN-ACK.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Terms kServerWithout = {.server_timestamps = false};

void talks(Story& story, const Terms& terms) {
  const Connection c = story.connect(terms);
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
}

TEST(TimestampDeclined, NoteOnTheFirstStreamOfThePair) {
  Story story;
  talks(story, kServerWithout);
  talks(story, kServerWithout);
  EXPECT_THAT(story, says("#0 timestamp_declined note impact=none\n#1 timestamp_declined chat impact=none"));
}

TEST(TimestampDeclined, SaysWhichCaptureWouldDecide) {
  Story story;
  talks(story, kServerWithout);
  EXPECT_FALSE(the_finding(findings(story), "timestamp_declined").narrative.blind_spot.empty());
}

TEST(TimestampDeclined, SameWordsForADeviceThatCanNotBeSeen) {
  Story story({.vantage = Vantage::client});
  const Connection c = story.dials();
  c.path.strips_timestamps_from(Side::client);
  story.settle();
  c.exchange(get("/a"), ok());
  EXPECT_THAT(story, says("#0 timestamp_declined note"));
}

// Stays silent.

TEST(TimestampDeclined, OnOnBothSides) {
  Story story;
  talks(story, {});
  EXPECT_THAT(story, says_nothing());
}

TEST(TimestampDeclined, NotOfferedIsNotDeclined) {
  Story story;
  talks(story, {.client_timestamps = false, .server_timestamps = true});
  EXPECT_THAT(story, says_nothing());
}

TEST(TimestampDeclined, HandshakeNotSeen) {
  Story story;
  const Connection c = story.connect(kServerWithout);
  story.begins_capturing();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbour.

TEST(TimestampDeclined, NopsInThePlaceOfTheOptionAreAFingerprint) {
  Story story({.vantage = Vantage::server});
  const Connection c = story.dials();
  c.path.strips_timestamps_from(Side::client);
  EXPECT_THAT(story, says("#0 timestamp_stripped/nop_padding"));
}

}  // namespace
}  // namespace tcpwhy::tests
