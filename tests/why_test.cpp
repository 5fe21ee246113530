// scripts/why, and so the program tcpwhy, on captures that are none, and on a healthy one: a clear line each, and the right exit
// status. What it says about captures in which something died is documented, and the golden runs' business.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/command.h"

namespace {

namespace fs = std::filesystem;

using tcpwhy::tests::Outcome;

class Why : public ::testing::Test {
 protected:
  /// A capture of healthy HTTP, cut to `size` bytes where that is less.
  fs::path http(std::size_t size = std::string::npos) {
    const fs::path file = folder_ / "http.pcap";
    const std::string command = TCPWHY_BUILD_DIR "/tests/http_traffic 2000 " + file.string();
    EXPECT_EQ(std::system(command.c_str()), 0);
    if (size < fs::file_size(file)) fs::resize_file(file, size);
    return file;
  }

  fs::path file_with(const std::string& bytes) {
    const fs::path file = folder_ / "some.pcap";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

  Outcome why(const std::string& arguments) {
    return tcpwhy::tests::run("TCPWHY_BUILD=" TCPWHY_BUILD_DIR " " TCPWHY_SOURCE_DIR "/scripts/why " + arguments);
  }

  /// Expects that `why` says `complaint` about `file` in one line, and nothing else.
  void expect_complaint(const fs::path& file, const std::string& complaint) {
    const Outcome outcome = why(file.string());
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "tcpwhy: " + file.string() + ": " + complaint + "\n");
  }

  tcpwhy::tests::Scratch scratch_;
  fs::path folder_ = scratch_.path();
};

/// What broke and what to set comes first, however much is wrong: on a screen.
TEST_F(Why, BeginsWithWhatFitsOnAScreen) {
  for (const char* capture : {"captures/nolinger_truncates/capture.pcap", "captures/nolinger_idle_race/capture.pcap", "captures/time_wait_collision_nat/capture.pcap", "captures/ingress_502_upstream/capture.pcap", "captures/keepalive_race_client_side/capture.pcap", "captures/dead_keepalive_tls/capture.pcap"}) {
    const std::string report = why(TCPWHY_SOURCE_DIR "/" + std::string(capture)).out;
    const std::size_t head = report.find("\nOne by one\n");
    ASSERT_NE(head, std::string::npos) << capture;
    EXPECT_LE(std::count(report.begin(), report.begin() + static_cast<std::ptrdiff_t>(head), '\n'), 50) << capture;
  }
}

constexpr std::size_t kPcapHeader = 24;

TEST_F(Why, SaysThatAFileIsMissing) {
  expect_complaint(folder_ / "missing.pcap", "can't be opened: No such file or directory");
}

TEST_F(Why, SaysThatAFolderHoldsNoCapture) {
  fs::create_directory(folder_ / "inner");
  expect_complaint(folder_ / "inner", "a folder without files");
}

TEST_F(Why, SaysThatAFileIsEmpty) {
  expect_complaint(file_with(""), "empty");
}

TEST_F(Why, SaysThatAFileIsNoCapture) {
  expect_complaint(file_with(std::string(1000, 'x')), "not a capture file");
}

TEST_F(Why, SaysThatACaptureHoldsNoPackets) {
  expect_complaint(http(kPcapHeader), "no packets in it");
}

TEST_F(Why, ReportsWhatStandsBeforeTheCut) {
  const Outcome outcome = why(http(100'000).string());
  EXPECT_EQ(outcome.status, 3);
  EXPECT_NE(outcome.out.find("all is well"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("http.pcap: cut short"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
}

TEST_F(Why, IsFriendlyAboutAHealthyCapture) {
  const std::string file = http().string();
  for (const std::string& argument : {file, "- <" + file}) {
    const Outcome outcome = why(argument);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.err, "");
    EXPECT_NE(outcome.out.find("all is well: "), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find(" in 2000 frames"), std::string::npos) << outcome.out;
  }
}

TEST_F(Why, GoesOnAfterAFileThatItCanNotRead) {
  const Outcome outcome = why((folder_ / "missing.pcap").string() + " " + http().string());
  EXPECT_EQ(outcome.status, 3);
  EXPECT_NE(outcome.out.find("all is well"), std::string::npos) << outcome.out;
}

TEST_F(Why, ExplainsItsUsage) {
  EXPECT_EQ(why("--help").status, 0);
  EXPECT_EQ(why("").status, 2);
  EXPECT_EQ(why("--no-such-option x").status, 2);
}

}  // namespace
