// connection_refused: nobody listens, or somebody on the way says so.
#include <algorithm>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kPortUnreachable = 3;
constexpr std::uint8_t kAdministrativelyProhibited = 13;
constexpr std::uint8_t kUnreachableV6 = 1;
constexpr std::uint8_t kPortUnreachableV6 = 4;
constexpr std::uint8_t kTimeExceeded = 11;

TEST(ConnectionRefused, Reset) {
  Story story;
  (void)story.connect({.server_port = 8'443, .listening = false});
  EXPECT_THAT(story, says("#0 connection_refused/reset error fault=server reset_by=server kind=reply "
                          "impact=connect_failed @2 provoked_by=1"));
}

TEST(ConnectionRefused, ResetOverIpv6) {
  Story story({.ipv6 = true});
  (void)story.connect({.server_port = 8'443, .listening = false});
  EXPECT_THAT(story, says("#0 connection_refused/reset error"));
}

TEST(ConnectionRefused, Icmp) {
  for (const std::uint8_t code : {kPortUnreachable, kAdministrativelyProhibited}) {
    Story story;
    const Connection c = story.dials();
    c.path.rejects_with_icmp(kUnreachable, code);
    EXPECT_THAT(story, says("#0 connection_refused/icmp error impact=connect_failed @2"));
  }
}

TEST(ConnectionRefused, IcmpV6) {
  Story story({.ipv6 = true});
  const Connection c = story.dials();
  c.path.rejects_with_icmp(kUnreachableV6, kPortUnreachableV6);
  EXPECT_THAT(story, says("#0 connection_refused/icmp error impact=connect_failed"));
}

/// Codes of ICMP and ICMPv6 say who knows that the SYN goes nowhere.
TEST(ConnectionRefused, WhoHasToChangeSomethingStandsInTheCode) {
  struct Case {
    bool ipv6;
    std::uint8_t code;
    std::string_view says;
    std::string_view text;
  };
  constexpr std::string_view kRule = "#0 connection_refused/icmp certain error fault=middlebox impact=connect_failed @2";
  constexpr std::string_view kServer = "#0 connection_refused/icmp likely error fault=server impact=connect_failed @2";
  constexpr std::string_view kPath = "#0 connection_refused/icmp likely error fault=path impact=connect_failed @2";
  for (const Case& one : {
           Case{false, 9, kRule, "rule's"}, Case{false, 10, kRule, "rule's"}, Case{false, 13, kRule, "rule's"},
           Case{false, 1, kServer, "nobody there"}, Case{false, 7, kServer, "nobody there"},
           Case{false, 2, kServer, "no such port"}, Case{false, 3, kServer, "no such port"},
           Case{false, 0, kPath, "no way there"},
           Case{true, 1, kRule, "rule's"}, Case{true, 3, kServer, "nobody there"},
           Case{true, 4, kServer, "no such port"}, Case{true, 0, kPath, "no way there"},
       }) {
    Story story({.ipv6 = one.ipv6});
    story.dials().path.rejects_with_icmp(one.ipv6 ? kUnreachableV6 : kUnreachable, one.code);
    EXPECT_THAT(story, says(one.says)) << "code " << int{one.code};
    EXPECT_THAT(the_finding(findings(story), "connection_refused").narrative.explanation,
                ::testing::HasSubstr(std::string(one.text)));
  }
}

TEST(ConnectionRefused, RejectIsNotHiddenByAnEarlierErrorOfAnotherKind) {
  constexpr std::uint8_t kFragmentationNeeded = 4;
  Story story;
  story.dials().path.rejects_with_icmp(kUnreachable, 13);
  Capture capture = story.capture();
  const auto reject = std::find_if(capture.packets.begin(), capture.packets.end(), [](const Packet& packet) { return packet.icmp; });
  ASSERT_NE(reject, capture.packets.end());
  Packet too_big = *reject;
  too_big.icmp->code = kFragmentationNeeded;
  capture.packets.insert(reject, too_big);
  EXPECT_THAT(capture, says("#0 connection_refused/icmp error impact=connect_failed @3"));
}

TEST(ConnectionRefused, EveryAttemptOnItsOwn) {
  Story story;
  for (int i = 0; i < 3; ++i) {
    (void)story.connect({.listening = false});
    story.wait(1s);
  }
  EXPECT_THAT(story, says("#0 connection_refused\n#1 connection_refused\n#2 connection_refused"));
}

// Stays silent.

TEST(ConnectionRefused, AcceptedIsNotRefused) {
  Story story;
  story.connect().closes_cleanly();
  EXPECT_THAT(story, is_silent());
}

TEST(ConnectionRefused, IcmpAboutAnEstablishedConnectionRefusesNothing) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.path.rejects_with_icmp(kTimeExceeded, 0);
  c.client.sends(get("/b"));
  story.wait(50ms);
  c.path.carries();
  story.wait(1s);
  c.server.sends(ok());
  story.wait(1s);
  c.closes_cleanly();
  EXPECT_THAT(story, is_silent());
}

// Nearest neighbours.

TEST(ConnectionRefused, ResetAfterTheHandshakeRefusesNoConnect) {
  Story story;
  const Connection c = story.connect();
  c.client.aborts();
  EXPECT_THAT(story, says("#0 handshake_probe"));
}

TEST(ConnectionRefused, BareAckIsACollision) {
  Story story({.vantage = Vantage::server});
  const Connection old = story.connect({.client_port = 50'000, .client_isn = 9'000'000});
  old.exchange(get(), ok());
  story.wait(1s);
  old.client.forgets();
  (void)story.connect({.client_port = 50'000, .client_isn = 5});
  EXPECT_THAT(story, says("#1 half_open_collision"));
}

}  // namespace
}  // namespace tcpwhy::tests
