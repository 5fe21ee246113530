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

TEST(StreamIndex, StaysWithinItsRoomWhoeverFloodsIt) {
  StreamIndex index;
  constexpr std::uint32_t kSyns = 5'000'000;
  for (std::uint32_t client = 0; client < kSyns; ++client) ASSERT_EQ(index.number(segment_of(client, kSyn)), client);
  EXPECT_EQ(index.number(segment_of(kSyns - 1, kAck)), kSyns - 1);
  EXPECT_EQ(index.number(segment_of(1, kAck)), kSyns) << "forgotten";
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
