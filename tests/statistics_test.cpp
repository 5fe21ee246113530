// tcpwhy's statistics and its tap, through the real tshark: what their tables hold, and that docs/statistics.md shows what is
// printed. That they count each incident of each capture once is among what golden_test.cpp reads.
//
//   TCPWHY_UPDATE_GOLDEN=1 ctest -R Statistics     writes the outputs of docs/statistics.md anew
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "support/captures.h"
#include "support/printed_statistics.h"
#include "support/tshark.h"
#include "support/tshark_version.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = TCPWHY_SOURCE_DIR;

Outcome tshark(const std::string& arguments) {
  return run_tshark_of(TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR, arguments);
}

const Outcome& version() {
  static const Outcome said = tshark("--version");
  return said;
}

/// As tshark says until 4.4, and from 4.6 on.
bool has_lua() {
  return version().out.find("with Lua") != std::string::npos || version().out.find("+Lua") != std::string::npos;
}

fs::path capture(const std::string& id) { return capture_in(kSource / "captures" / id); }

class Statistics : public ::testing::Test {
 protected:
  void SetUp() override {
    if (version().status == kNotInstalled) GTEST_SKIP() << kMissing;
  }
};

/// A black hole is told anew at each retransmission.
TEST_F(Statistics, AnIncidentThatIsDecidedAnewIsNotCountedTwice) {
  const Outcome outcome = tshark(fmt::format("-q -n -r '{}' -z tcpwhy", capture("retransmission_timeout_data").string()));
  const auto rows = rows_of(outcome.out, "TCP Why Causes");
  ASSERT_EQ(rows.size(), 1U) << outcome.out;
  EXPECT_EQ(rows[0][0], "retransmission_timeout");
  EXPECT_EQ(rows[0][6], "1");
  EXPECT_NE(outcome.out.find("1 incident in 1 stream:"), std::string::npos) << outcome.out;
}

TEST_F(Statistics, TheLoudestComesFirst) {
  const Outcome outcome = tshark(fmt::format("-2 -q -n -r '{}' -z tcpwhy", capture("keepalive_race_client_side").string()));
  const auto rows = rows_of(outcome.out, "TCP Why Causes");
  ASSERT_EQ(rows.size(), 3U) << outcome.out;
  EXPECT_EQ(rows[0][0], "keepalive_race");
  EXPECT_EQ(rows[0][2], "17");
  EXPECT_EQ(rows[1][0], "stale_reuse");
  EXPECT_EQ(rows[1][2], "13");
  EXPECT_EQ(rows[2][0], "keepalive_mismatch");
  EXPECT_EQ(rows[2][4], "1");
}

TEST_F(Statistics, AFilterLeavesWhatItMatches) {
  const Outcome outcome = tshark(fmt::format("-2 -q -n -r '{}' -z 'tcpwhy,tcpwhy.cause == \"stale_reuse\"'",
                                             capture("keepalive_race_client_side").string()));
  const auto rows = rows_of(outcome.out, "TCP Why Causes");
  ASSERT_GE(rows.size(), 1U) << outcome.out;
  for (const auto& row : rows) EXPECT_NE(row[0], "keepalive_race") << outcome.out;
  const Outcome other = tshark(fmt::format("-2 -q -n -r '{}' -z 'tcpwhy,endpoints,ip.src == 10.99.0.1'",
                                           capture("keepalive_race_client_side").string()));
  EXPECT_TRUE(rows_of(other.out, "TCP Why Endpoints").empty()) << other.out;
}

TEST_F(Statistics, AnEndpointHasItsIncidentsAndItsIdleTimeout) {
  const Outcome outcome =
      tshark(fmt::format("-2 -q -n -r '{}' -z tcpwhy,endpoints", capture("keepalive_race_client_side").string()));
  bool server = false;
  bool client = false;
  for (const auto& row : rows_of(outcome.out, "TCP Why Endpoints")) {
    if (row[0] == "10.1.0.20:3000" && row[1] == "server") {
      server = true;
      EXPECT_EQ(row[2], "30") << "errors";
      EXPECT_EQ(row[7], "6.00 s, says 5 s");
      EXPECT_TRUE(row[9].starts_with("Node.js")) << row[9];
    }
    if (row[0] == "10.1.0.10" && row[1] == "client") {
      client = true;
      EXPECT_EQ(row[2], "30") << "errors";
      EXPECT_EQ(row[7], "") << "nobody knows how long it keeps them";
    }
  }
  EXPECT_TRUE(server && client) << outcome.out;
}

TEST_F(Statistics, OfACaptureWithoutIncidentsTheySaySo) {
  const Outcome outcome = tshark(
      fmt::format("-2 -q -n -r '{}' -z tcpwhy -z tcpwhy,endpoints -z tcpwhy,tree", capture("healthy_half_close").string()));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(rows_of(outcome.out, "TCP Why Causes").empty()) << outcome.out;
  EXPECT_NE(outcome.out.find("\nNo incidents.\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\nNo incidents, and no idle timeouts that show.\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\nIncidents "), std::string::npos) << outcome.out;
}

TEST_F(Statistics, ABadFilterIsRefusedInTsharksWords) {
  for (const char* statistic : {"tcpwhy", "tcpwhy,endpoints", "tcpwhy,tree"}) {
    const Outcome outcome =
        tshark(fmt::format("-q -n -r '{}' -z '{},tcpwhy.cause =='", capture("stale_reuse_node").string(), statistic));
    EXPECT_NE(outcome.status, -1) << "a signal ended it";
    EXPECT_LT(outcome.status, 128) << "a signal ended it";
    EXPECT_NE(outcome.err.find("Filter \"tcpwhy.cause ==\" is invalid"), std::string::npos) << statistic << ": " << outcome.err;
  }
}

/// Without the protocol nothing is tapped, and nothing is missed.
TEST_F(Statistics, AreEmptyWithTheProtocolSwitchedOff) {
  const Outcome outcome = tshark(
      fmt::format("--disable-protocol tcpwhy -2 -q -n -r '{}' -z tcpwhy", capture("keepalive_race_client_side").string()));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(rows_of(outcome.out, "TCP Why Causes").empty()) << outcome.out;
}

/// docs/examples/lua/incidents.lua, as its head says.
TEST_F(Statistics, ALuaScriptHearsEachIncident) {
  if (!has_lua()) GTEST_SKIP() << "this tshark has no Lua";
  const Outcome outcome =
      tshark(fmt::format("-2 -q -n -r '{}' -X 'lua_script:{}'", capture("keepalive_race_client_side").string(),
                         (kSource / "docs/examples/lua/incidents.lua").string()));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const auto lines = split(outcome.out, '\n');
  EXPECT_EQ(
      std::count_if(lines.begin(), lines.end(),
                    [](const std::string& line) { return line.find("keepalive_race, request_lost") != std::string::npos; }),
      17)
      << outcome.out << outcome.err;
  EXPECT_NE(std::find(lines.begin(), lines.end(), "frame 370: keepalive_race, request_lost, 10.1.0.10 -> 10.1.0.20:3000"),
            lines.end())
      << outcome.out;
  ASSERT_FALSE(lines.empty()) << outcome.err;
  EXPECT_EQ(lines.back(), "requests lost by 10.1.0.20:3000: 30");
}

/// Each block of the page that begins with a command has its output.
std::string refreshed(const std::string& page) {
  constexpr std::string_view kCommand = "$ tshark ";
  std::string fresh;
  std::size_t at = 0;
  for (std::size_t command; (command = page.find(kCommand, at)) != std::string::npos;) {
    const std::size_t line_end = page.find('\n', command);
    fresh += page.substr(at, line_end + 1 - at);
    fresh += run(fmt::format("cd '{}' && TCPWHY_BUILD='{}' scripts/{}", TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR,
                             page.substr(command + 2, line_end - command - 2)))
                 .out;
    at = page.find("```", line_end);
  }
  return fresh + page.substr(at);
}

TEST_F(Statistics, ArePrintedAsTheDocumentationShowsThem) {
  if (opens_stream_after_reset(version().out)) GTEST_SKIP() << "this Wireshark draws its tables in another way";
  if (!has_lua()) GTEST_SKIP() << "this tshark has no Lua";
  const fs::path file = kSource / "docs/statistics.md";
  const std::string page = contents(file);
  const std::string fresh = refreshed(page);
  const char* update = std::getenv("TCPWHY_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    std::ofstream(file, std::ios::binary) << fresh;
    return;
  }
  EXPECT_EQ(page, fresh) << "TCPWHY_UPDATE_GOLDEN=1 writes it anew";
}

}  // namespace
}  // namespace tcpwhy::tests
