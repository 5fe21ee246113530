// StreamIndex numbers as Wireshark's tcp.stream does; differential_test.cpp asks tshark itself.
#include "stream_index.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "support/payloads.h"
#include "support/story.h"

namespace tcpwhy::tests {
namespace {

std::vector<StreamNumber> numbers(const Capture& capture) {
  std::vector<StreamNumber> streams;
  for (const Segment& segment : to_segments(capture)) {
    if (streams.empty() || streams.back() != segment.stream) streams.push_back(segment.stream);
  }
  return streams;
}

TEST(StreamIndex, BothDirectionsAreOneStream) {
  Story story;
  story.connect().exchange(get(), ok());
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
}

TEST(StreamIndex, EachTupleItsOwn) {
  Story story;
  story.connect({.server_port = 80}).closes_cleanly();
  story.connect({.server_port = 81}).closes_cleanly();
  story.connect({.server_host = 21}).closes_cleanly();
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0, 1, 2}));
}

TEST(StreamIndex, NewIsnIsNewIncarnation) {
  Story story;
  story.connect({.client_port = 50'000}).closes_cleanly();
  story.wait(61s);
  story.connect({.client_port = 50'000}).closes_cleanly();
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0, 1}));
}

TEST(StreamIndex, RetransmittedSynIsNot) {
  Story story;
  story.play(R"(
    +0   > S
    +1   > S 0:0(0)
    +2   > S 0:0(0)
    +.02 < S.
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
}

TEST(StreamIndex, SynWithTheSameIsnAfterAResetIsStillTheStream) {
  Story story;
  story.play(R"(
    +0   > S
    +.02 < R. 0:0(0) ack 1
    +20  > S 0:0(0)
    +.02 < S.
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
}

TEST(StreamIndex, SynWithTheSameIsnAfterAResetIsNewSinceWireshark44) {
  Story story;
  story.play(R"(
    +0   > S
    +1   > S 0:0(0)
    +.02 < R. 0:0(0) ack 1
    +20  > S 0:0(0)
    +.02 < S.
  )");
  StreamIndex index(StreamIndex::Rule::by_number_or_end);
  std::vector<StreamNumber> streams;
  for (const Segment& segment : to_segments(story.capture())) streams.push_back(index.number(segment));
  EXPECT_EQ(streams, std::vector<StreamNumber>({0, 0, 0, 1, 1}));
}

Segment segment_of(std::uint32_t client, std::uint8_t flags) {
  Segment segment;
  segment.source = {ipv4(client), 40'000};
  segment.destination = {ipv4(0xc0a80001), 80};
  segment.seq = SequenceNumber(client);
  segment.flags = flags;
  return segment;
}

TEST(StreamIndex, KeepsItsNumberWhileItIsHeardHoweverManyOthersCome) {
  StreamIndex index;
  const StreamNumber living = index.number(segment_of(1, kSyn));
  constexpr std::uint32_t kOthers = 3'000'000;
  for (std::uint32_t other = 2; other < kOthers; ++other) {
    ASSERT_EQ(index.number(segment_of(other, kSyn)), other - 1);
    if (other % 100'000 == 0) {
      ASSERT_EQ(index.number(segment_of(1, kAck)), living);
    }
  }
}

/// A pool's idle connections, while millions of others come and go.
TEST(StreamIndex, KeepsTheNumberOfWhoIsSilentAndDidNotEnd) {
  StreamIndex index;
  constexpr std::uint32_t kIdle = 10'000;
  constexpr std::uint32_t kAll = 3'000'000;
  for (std::uint32_t client = 0; client < kAll; ++client) {
    ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
    if (client >= kIdle) index.number(segment_of(client, kFin | kAck));
  }
  for (std::uint32_t client = 0; client < kIdle; ++client) ASSERT_EQ(index.number(segment_of(client, kAck)), client);
}

/// The same ports again and again, as a busy host's: what is heard again isn't what is alive.
TEST(StreamIndex, RoomFollowsWhatIsAliveAndNotHowLongTheCaptureIs) {
  StreamIndex index;
  constexpr std::uint32_t kPorts = 600'000;
  constexpr std::uint32_t kConnections = 2'500'000;
  for (std::uint32_t connection = 0; connection < kConnections; ++connection) {
    Segment segment = segment_of(connection % kPorts, kSyn);
    segment.seq = SequenceNumber(connection);
    ASSERT_EQ(index.number(segment), connection);
    segment.flags = kFin | kAck;
    ASSERT_EQ(index.number(segment), connection);
  }
  EXPECT_LE(index.room(), 524'288U);
}

/// What crosses a close comes within seconds, when other connections have ended since.
TEST(StreamIndex, KeepsTheNumbersOfThoseThatEndedLast) {
  StreamIndex index;
  constexpr std::uint32_t kAll = 1'500'000;
  constexpr std::uint32_t kLately = 150'000;
  for (std::uint32_t client = 0; client < kAll; ++client) {
    ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
    ASSERT_EQ(index.number(segment_of(client, kFin | kAck)), client);
    if (client >= kLately) {
      ASSERT_EQ(index.number(segment_of(client - kLately, kRst)), client - kLately);
    }
  }
}

/// A connection that was there from the beginning, too: how old its stream is doesn't matter.
TEST(StreamIndex, KeepsTheNumberOfAnOldConnectionThatEndedLately) {
  StreamIndex index;
  constexpr std::uint32_t kAll = 1'000'000;
  for (std::uint32_t client = 0; client < kAll; ++client) {
    ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
    if (client > 0) index.number(segment_of(client, kFin | kAck));
  }
  ASSERT_EQ(index.number(segment_of(0, kFin | kAck)), 0U);
  for (std::uint32_t client = kAll; client < kAll + 150'000; ++client) {
    ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
    index.number(segment_of(client, kFin | kAck));
  }
  EXPECT_EQ(index.number(segment_of(0, kRst)), 0U);
}

TEST(StreamIndex, StaysWithinItsRoomWhoeverFloodsIt) {
  StreamIndex index;
  constexpr std::uint32_t kSyns = 5'000'000;
  for (std::uint32_t client = 0; client < kSyns; ++client) ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
  EXPECT_EQ(index.number(segment_of(kSyns - 1, kAck)), kSyns - 1);
  EXPECT_EQ(index.number(segment_of(1, kAck)), kSyns) << "forgotten";
}

TEST(StreamIndex, AStubIsAboutTheStreamThatIsThereOrAboutNone) {
  StreamIndex index;
  const Segment syn = segment_of(1, kSyn);
  EXPECT_EQ(index.number(syn, StreamIndex::key_of(syn), StreamIndex::Sight::stub), std::nullopt);
  EXPECT_EQ(index.number(syn), 0U);
  EXPECT_EQ(index.number(syn, StreamIndex::key_of(syn), StreamIndex::Sight::stub), 0U);
}

TEST(StreamIndex, AQuotationOpensAStreamButBeginsNoNumbers) {
  StreamIndex index;
  Segment quoted = segment_of(1, kSyn);
  quoted.seq = SequenceNumber(4711);
  EXPECT_EQ(index.number(quoted, StreamIndex::key_of(quoted), StreamIndex::Sight::unmeasured), 0U);
  EXPECT_EQ(index.number(segment_of(1, kSyn)), 0U) << "whatever its number is, it is the first that counts";
}

TEST(StreamIndex, SynAfterAMiddleIsNew) {
  Story story;
  story.play(R"(
    +0   > P. 5000:5100(100)
    +.02 < .
    +9   > S  90000000:90000000(0)
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0, 1}));
}

TEST(StreamIndex, SynThatWasCapturedLateIsNot) {
  Story story;
  story.play(R"(
    +0   < S. 0:0(0) ack 1
    +0   > S  0:0(0)
    +0   > .  1:1(0)
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
  Story later;
  later.play(R"(
    +0   > P. 1:40(39) ack 1
    +0   > S  0:0(0)
  )");
  EXPECT_EQ(numbers(later.capture()), std::vector<StreamNumber>({0}));
}

TEST(StreamIndex, SynAfterTheOtherSidesMiddleIsNew) {
  Story story;
  story.play(R"(
    +0   < P. 5000:5100(100) ack 700
    +9   > S  90000000:90000000(0)
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0, 1}));
}

TEST(StreamIndex, SynAckOpensNothing) {
  Story story;
  story.play(R"(
    +0   < S. 0:0(0) ack 1
    +.02 > . 1:1(0)
  )");
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
}

TEST(StreamIndex, SamePortsAtBothEnds) {
  Story story;
  story.connect({.client_port = 179, .server_port = 179}).exchange(get(), ok());
  EXPECT_EQ(numbers(story.capture()), std::vector<StreamNumber>({0}));
}

}  // namespace
}  // namespace tcpwhy::tests
