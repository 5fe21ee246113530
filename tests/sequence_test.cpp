// The laws of modulo-2^32 order. They hold everywhere, so they are checked around every place where a mistake
// would show: zero, the sign bit, the wrap.
#include "sequence.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace tcpwhy {
namespace {

constexpr std::array<std::uint32_t, 9> kPlaces = {0,           1,           0x7fff'fffe, 0x7fff'ffff, 0x8000'0000,
                                                  0x8000'0001, 0xffff'fffe, 0xffff'ffff, 1'460};
constexpr std::array<std::uint32_t, 6> kSteps = {1, 2, 1'460, 65'535, 0x1000'0000, 0x7fff'ffff};

TEST(SequenceNumber, LaterIsAfter) {
  for (const std::uint32_t place : kPlaces) {
    for (const std::uint32_t step : kSteps) {
      const SequenceNumber here(place);
      const SequenceNumber there = here + step;
      EXPECT_TRUE(there.after(here)) << place << " + " << step;
      EXPECT_TRUE(here.before(there)) << place << " + " << step;
      EXPECT_FALSE(here.after(there)) << place << " + " << step;
      EXPECT_EQ(there.since(here), static_cast<std::int32_t>(step));
      EXPECT_EQ(here.since(there), -static_cast<std::int32_t>(step));
    }
  }
}

TEST(SequenceNumber, ThereAndBack) {
  for (const std::uint32_t place : kPlaces) {
    for (const std::uint32_t step : kSteps) {
      EXPECT_EQ(SequenceNumber(place) + step - step, SequenceNumber(place));
    }
  }
}

TEST(SequenceNumber, NeitherBeforeNorAfterItself) {
  for (const std::uint32_t place : kPlaces) {
    const SequenceNumber here(place);
    EXPECT_FALSE(here.before(here));
    EXPECT_FALSE(here.after(here));
    EXPECT_EQ(here.since(here), 0);
  }
}

TEST(SequenceNumber, WrapsLikeTheWire) {
  const SequenceNumber last(0xffff'ffff);
  EXPECT_EQ((last + 1).raw(), 0U);
  EXPECT_EQ((SequenceNumber(0) - 1).raw(), 0xffff'ffffU);
  EXPECT_TRUE((last + 1).after(last));
}

TEST(SequenceNumber, FarthestApartIsDefined) {
  constexpr std::uint32_t kHalf = 0x8000'0000;
  EXPECT_EQ(SequenceNumber(kHalf).since(SequenceNumber(0)), std::numeric_limits<std::int32_t>::min());
}

}  // namespace
}  // namespace tcpwhy
