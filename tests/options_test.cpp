// read_options: what Linux sends, what devices make of it, and bytes that lie about themselves.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "segment.h"
#include "support/packet.h"

namespace tcpwhy::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Options, SynOfLinux) {
  const Options options = read_options(
      encode({.mss = 1460, .sack_permitted = true, .window_shift = 7, .timestamps = true, .tsval = 100, .tsecr = 0}),
      true);
  EXPECT_TRUE(options.known);
  EXPECT_EQ(options.mss, 1460);
  EXPECT_TRUE(options.sack_permitted);
  EXPECT_EQ(options.window_shift, 7);
  EXPECT_TRUE(options.timestamps);
  EXPECT_EQ(options.tsval, 100U);
  EXPECT_EQ(options.tsecr, 0U);
  EXPECT_EQ(options.longest_nop_run, 1);
}

TEST(Options, SegmentOfAnEstablishedConnection) {
  const Options options = read_options(encode({.mss = {},
                                               .sack_permitted = false,
                                               .window_shift = {},
                                               .timestamps = true,
                                               .tsval = 0xffffffff,
                                               .tsecr = 7}),
                                       true);
  EXPECT_TRUE(options.timestamps);
  EXPECT_EQ(options.tsval, 0xffffffffU);
  EXPECT_EQ(options.tsecr, 7U);
  EXPECT_FALSE(options.mss);
  EXPECT_FALSE(options.window_shift);
  EXPECT_EQ(options.longest_nop_run, 2);
}

TEST(Options, NoneAreKnownToBeNone) {
  const Options options = read_options({}, true);
  EXPECT_TRUE(options.known);
  EXPECT_FALSE(options.timestamps);
  EXPECT_EQ(options.longest_nop_run, 0);
}

TEST(Options, BlankedTimestampsLeaveTenNops) {
  Bytes bytes =
      encode({.mss = 1460, .sack_permitted = true, .window_shift = 7, .timestamps = true, .tsval = 1, .tsecr = 0});
  blank_timestamps(bytes);
  const Options options = read_options(bytes, true);
  EXPECT_FALSE(options.timestamps);
  EXPECT_EQ(options.longest_nop_run, 11) << "ten, and the one before the window shift";
  EXPECT_EQ(options.window_shift, 7);
}

TEST(Options, NopsApartAreNoRun) {
  EXPECT_EQ(read_options(Bytes{1, 1, 4, 2, 1, 1, 1, 3, 3, 7}, true).longest_nop_run, 3);
}

TEST(Options, LongestNopRunFillsTheHeader) {
  EXPECT_EQ(read_options(Bytes(40, 1), true).longest_nop_run, 40);
}

TEST(Options, EndOfListEndsIt) {
  const Options options = read_options(Bytes{2, 4, 5, 180, 0, 4, 2}, true);
  EXPECT_EQ(options.mss, 1460);
  EXPECT_FALSE(options.sack_permitted);
}

TEST(Options, UnknownKindsAreSkipped) {
  EXPECT_TRUE(read_options(Bytes{254, 4, 1, 2, 4, 2}, true).sack_permitted);
}

TEST(Options, CutOptionsAreNotKnown) {
  const Bytes whole = encode({.mss = 1460, .sack_permitted = true, .window_shift = 7, .timestamps = true});
  for (std::size_t kept = 0; kept < whole.size(); ++kept) {
    const Options options = read_options({whole.data(), kept}, false);
    EXPECT_FALSE(options.known) << kept << " bytes";
    EXPECT_FALSE(options.window_shift) << kept << " bytes: the shift stands last";
  }
}

// A length of 0 would never end, 1 would step into itself, and too much points outside.
TEST(Options, LengthsThatLieEndTheList) {
  for (const std::uint8_t length : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{9}, std::uint8_t{255}}) {
    const Options options = read_options(Bytes{2, 4, 5, 180, 8, length, 4, 2}, true);
    EXPECT_EQ(options.mss, 1460) << int{length};
    EXPECT_FALSE(options.timestamps) << int{length};
    EXPECT_FALSE(options.sack_permitted) << int{length};
  }
}

TEST(Options, WrongLengthIsNotTheOption) {
  EXPECT_FALSE(read_options(Bytes{2, 3, 5}, true).mss);
  EXPECT_FALSE(read_options(Bytes{8, 6, 0, 0, 0, 1}, true).timestamps);
  EXPECT_FALSE(read_options(Bytes{3, 4, 7, 7}, true).window_shift);
  EXPECT_FALSE(read_options(Bytes{4, 3, 7}, true).sack_permitted);
}

TEST(Options, MultipathResetSaysWhy) {
  const Options options = read_options(Bytes{30, 4, 0x80, 2}, true);
  EXPECT_EQ(options.mptcp_reset, 3) << "the reason and one";
  EXPECT_FALSE(options.mptcp_fastclose);
  EXPECT_EQ(read_options(Bytes{30, 4, 0x81, 0}, true).mptcp_reset, 1) << "transient, and no reason given";
  EXPECT_EQ(read_options(Bytes{30, 4, 0x80, 255}, true).mptcp_reset, 255);
}

TEST(Options, MultipathFastClose) {
  const Options options = read_options(Bytes{30, 12, 0x70, 0, 1, 2, 3, 4, 5, 6, 7, 8}, true);
  EXPECT_TRUE(options.mptcp_fastclose);
  EXPECT_EQ(options.mptcp_reset, 0);
}

TEST(Options, OtherMultipathSubtypesAndLengthsSayNothing) {
  for (const Bytes& bytes : {Bytes{30, 4, 0x20, 1},                                // DSS
                             Bytes{30, 3, 0x80}, Bytes{30, 5, 0x80, 2, 0},         // a reset of another length
                             Bytes{30, 4, 0x80}, Bytes{30, 12, 0x70, 0, 1, 2, 3},  // cut
                             Bytes{30, 4, 0x70, 0}, Bytes{30, 2}, Bytes{30}}) {
    const Options options = read_options(bytes, true);
    EXPECT_EQ(options.mptcp_reset, 0) << bytes.size();
    EXPECT_FALSE(options.mptcp_fastclose) << bytes.size();
  }
}

TEST(Options, LoneKindAtTheEnd) {
  EXPECT_FALSE(read_options(Bytes{1, 1, 1, 8}, true).timestamps);
}

TEST(Options, ShiftIsNeverMoreThanFourteen) {
  EXPECT_EQ(read_options(Bytes{3, 3, 255}, true).window_shift, 14);  // RFC 7323 section 2.3
}

TEST(Options, AnythingAtAllIsSurvived) {
  std::mt19937 random(20260101);  // NOLINT(cert-msc51-cpp): the same bytes every time
  for (int round = 0; round < 20'000; ++round) {
    Bytes noise(random() % 41);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random() % (round % 2 == 0 ? 256 : 12));
    const Options options = read_options(noise, round % 3 != 0);
    EXPECT_LE(options.longest_nop_run, noise.size());
  }
}

}  // namespace
}  // namespace tcpwhy::tests
