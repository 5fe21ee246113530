// What others already say is quoted, and decides nothing: text in a RST, NetScaler's reason codes, MPTCP's reset reason.
#include <fmt/format.h>

#include "diagnoses/hearsay.h"
#include "limits.h"
#include "packet/tcp_header.h"
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// A request that is answered by a reset with these words: `reset` is the rest of its line.
Capture cut_off(std::string_view reset, std::uint16_t server_window = 65'160) {
  Story story;
  story.play(fmt::format(R"(
    +0    > S   win 64240 <mss 1460>
    +.02  < S.  win {} <mss 1460>
    +0    > .
    +.001 > P.  "GET /a HTTP/1.1\r\n\r\n"
    +.02  < .   win 8190
    +.01  < R.  {}
  )", server_window, reset));
  return story.capture();
}

Narrative story_of(const Capture& capture) {
  const std::vector<Finding> all = findings(capture);
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? Narrative{} : all.front().narrative;
}

/// What is said changes words only.
void expect_same_verdict(const Capture& said, const Capture& unsaid) { EXPECT_EQ(verdicts(said), verdicts(unsaid)); }

// ------------------------------------------------------------------------------------------ the RST's text

TEST(ResetText, IsQuoted) {
  const Capture said = cut_off(R"(win 5000 "BIG-IP: [0x2409f71:1138] No local listener")");
  EXPECT_THAT(story_of(said).explanation,
              HasSubstr("The RST itself (frame 6) says \"BIG-IP: [0x2409f71:1138] No local listener\"."));
  expect_same_verdict(said, cut_off("win 5000"));
}

TEST(ResetText, EndsWithThePrintable) {
  EXPECT_THAT(story_of(cut_off(R"(win 5000 "no listener\r\nsecond line")")).explanation, HasSubstr("says \"no listener\"."));
}

TEST(ResetText, IsBounded) {
  const std::string text = story_of(cut_off(fmt::format("win 5000 \"{}\"", std::string(200, 'x')))).explanation;
  EXPECT_THAT(text, HasSubstr("\"" + std::string(kLongestResetText, 'x') + "…\""));
}

TEST(ResetText, QuotesNothingThatIsNoText) {
  for (const std::string& payload : {std::string("\x01\x02\x03\x04 binary", 11), std::string("ab"), std::string(40, '\0'), ok(),
                                     get("/b"), tls_data()}) {
    Capture capture = cut_off("win 5000");
    capture.packets.back().payload = payload;
    EXPECT_THAT(story_of(capture).explanation, Not(HasSubstr("says \"")));
  }
}

TEST(ResetText, KeepsItsQuotationMarksToItself) {
  Capture capture = cut_off("win 5000");
  capture.packets.back().payload = "closed by \"policy\" {peer}";
  EXPECT_THAT(story_of(capture).explanation, HasSubstr("says \"closed by 'policy' {peer}\"."));
}

TEST(ResetText, CutBySnaplenIsQuotedAsFarAsItGoes) {
  Capture capture = cut_off(R"(win 5000 "No local listener")");
  constexpr std::uint32_t kHeaders = 14 + 20 + 20;
  EXPECT_THAT(story_of(cut_to(capture, kHeaders + 8)).explanation, HasSubstr("says \"No local\"."));
  EXPECT_THAT(story_of(cut_to(capture, kHeaders)).explanation, Not(HasSubstr("says \"")));
}

TEST(ResetText, OfARefusal) {
  Story story;
  story.play(R"(
    +0    > S   win 64240 <mss 1460>
    +.02  < R.  "No local listener"
  )");
  EXPECT_THAT(story, says("#0 connection_refused/reset"));
  EXPECT_THAT(story_of(story.capture()).explanation, HasSubstr("The RST itself (frame 2) says \"No local listener\"."));
}

// ----------------------------------------------------------------------------------------------- NetScaler

TEST(NetScaler, ReasonIsQuoted) {
  const Capture said = cut_off("win 9304", kNetScalerWindow);
  EXPECT_THAT(story_of(said).explanation, AllOf(HasSubstr("shows itself as a NetScaler"), HasSubstr("code 9304"),
                                                HasSubstr("kept its window closed")));
  expect_same_verdict(said, cut_off("win 9304"));
}

TEST(NetScaler, OrdinaryWindowIsNoReason) {
  EXPECT_THAT(story_of(cut_off("win 9300")).explanation, Not(HasSubstr("NetScaler")));
}

TEST(NetScaler, UnknownCodeIsNotMadeUp) {
  for (const int window : {0, 1, 8190, 8195, 9299, 10'100, 65'535}) {
    EXPECT_FALSE(netscaler_reason(static_cast<std::uint16_t>(window))) << window;
    EXPECT_THAT(story_of(cut_off(fmt::format("win {}", window), kNetScalerWindow)).explanation, Not(HasSubstr("NetScaler")));
  }
}

TEST(NetScaler, ContradictionIsListed) {
  EXPECT_THAT(story_of(cut_off("win 9701", kNetScalerWindow)).ruled_out, Contains(HasSubstr("propagated: not ruled out")));
  EXPECT_THAT(story_of(cut_off("win 9300", kNetScalerWindow)).ruled_out, Contains(HasSubstr("idle_reset: not ruled out")));
  EXPECT_THAT(story_of(cut_off("win 9304", kNetScalerWindow)).ruled_out, Not(Contains(HasSubstr("its own account"))));
}

TEST(NetScaler, ReasonsSpeakForDiagnosesThatExist) {
  for (std::uint32_t window = 0; window <= 0xffff; ++window) {
    const auto reason = netscaler_reason(static_cast<std::uint16_t>(window));
    if (!reason) continue;
    EXPECT_FALSE(reason->words.empty()) << window;
    EXPECT_TRUE(reason->speaks_for.empty() || find_diagnosis(reason->speaks_for) != nullptr) << reason->speaks_for;
  }
}

// --------------------------------------------------------------------------------------------------- MPTCP

TEST(Multipath, ResetReasonIsQuoted) {
  const Capture unsaid = cut_off("win 5000");
  Capture said = unsaid;
  said.packets.back().options = {30, 4, 0x80, 2};
  EXPECT_THAT(story_of(said).explanation, HasSubstr("Its MPTCP option gives the reason 2: lack of resources."));
  expect_same_verdict(said, unsaid);
  said.packets.back().options = {30, 4, 0x80, 99};
  EXPECT_THAT(story_of(said).explanation, HasSubstr("Its MPTCP option gives the reason 99."));
}

TEST(Multipath, FastCloseIsQuoted) {
  Capture said = cut_off("win 5000");
  said.packets.back().options = {30, 12, 0x70, 0, 1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_THAT(story_of(said).explanation, HasSubstr("MP_FASTCLOSE"));
}

// --------------------------------------------------------------------------------------------- ICMP's bytes

TEST(IcmpError, NextHopsMtuIsRead) {
  Packet quoted = cut_off("win 5000").packets[3];
  for (const int mtu : {0, 68, 1'400, 65'535}) {
    quoted.icmp = IcmpEnvelope{ipv4(0x0a000063), 3, 4, static_cast<std::uint16_t>(mtu)};
    const std::string frame = to_bytes(quoted);
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size());
    constexpr std::size_t kQuoted = 14 + 20 + 8;
    const auto error = read_icmp_error({bytes, bytes.size()}, kQuoted);
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->too_big());
    EXPECT_FALSE(error->rejects());
    EXPECT_EQ(error->mtu, static_cast<std::uint32_t>(mtu));
  }
}

}  // namespace
}  // namespace tcpwhy::tests
