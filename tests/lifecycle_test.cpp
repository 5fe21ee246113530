// The plugin over time, in the real programs: live captures, files that are opened one after the other, preferences that change,
// frames that are read in another way the second time. What it says must be about the capture at hand, and its memory must not
// follow the clock. Under the sanitizers the same runs show that it keeps no pointer for too long and loses none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "support/tshark.h"

namespace tcpwhy::tests {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kRace = TCPWHY_SOURCE_DIR "/captures/keepalive_race_client_side/capture.pcap";
constexpr const char* kHealthy = TCPWHY_SOURCE_DIR "/captures/healthy_ingress/capture.pcap";
/// In kRace: the first frame that decides something.
constexpr int kFirstDeciding = 370;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // Slow, and its memory is its own.
#else
constexpr bool kSanitized = false;
#endif

class Lifecycle : public ::testing::Test {
 protected:
  void SetUp() override {
    if (tshark("--version").status == kNotInstalled) GTEST_SKIP() << kMissing;
  }
  static Outcome tshark(const std::string& arguments) {
    return run_tshark_of(TCPWHY_SOURCE_DIR, TCPWHY_BUILD_DIR, arguments);
  }
  /// What sharkd, Wireshark without its windows, answers to these requests (JSON, a line each), one after the other.
  static std::string sharkd(const std::vector<std::string>& requests) {
    std::string script;
    for (const std::string& request : requests) {
      script += fmt::format(R"({{"jsonrpc":"2.0","id":{},{}}})", &request - requests.data() + 1, request) + "\n";
    }
    return run(fmt::format("printf '%s' '{}' | TCPWHY_PROGRAM=sharkd TCPWHY_BUILD='{}' '{}/scripts/tshark' - 2>&1", script,
                           TCPWHY_BUILD_DIR, TCPWHY_SOURCE_DIR))
        .out;
  }
  static std::string load(const std::string& file) {
    return fmt::format(R"("method":"load","params":{{"file":"{}"}})", file);
  }
  /// The frames that a filter lets through. `asked`: how often before; sharkd remembers an answer, for another file, too.
  static std::string frames(const std::string& filter, int asked) {
    return fmt::format(R"("method":"frames","params":{{"filter":"{} && frame.number != {}"}})", filter, 1'000'000 + asked);
  }
  static std::string incidents(int asked) { return frames("tcpwhy.severity >= 2", asked); }
  /// The numbers of the frames in the answer to request `id`.
  static std::vector<int> frames_of(const std::string& answers, int id) {
    const std::size_t begin = answers.find(fmt::format("\"id\":{},", id));
    if (begin == std::string::npos) return {-1};
    const std::string answer = answers.substr(begin, answers.find('\n', begin) - begin);
    constexpr std::string_view kNumber = "\"num\":";
    std::vector<int> frames;
    for (std::size_t at = answer.find(kNumber); at != std::string::npos; at = answer.find(kNumber, at + 1)) {
      frames.push_back(std::stoi(answer.substr(at + kNumber.size())));
    }
    return frames;
  }
  /// Stream, cause, cost and deciding frame of all that is said of the frames that `arguments` let through.
  static std::string verdicts(const std::string& arguments) {
    const Outcome outcome =
        tshark(fmt::format("-n {} -Y tcpwhy.severity -T fields -E occurrence=a -e tcp.stream -e tcpwhy.cause -e tcpwhy.impact "
                           "-e tcpwhy.lost_bytes",
                           arguments));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  }

  Scratch scratch_;
};

/// A capture of which the frames up to the first deciding one arrive, and no more: it is said before anything else comes. On a
/// machine with nothing else to do that takes half a second, which is how often dumpcap hands packets over; a busy one gets three.
TEST_F(Lifecycle, ALiveCaptureIsExplainedAsItHappens) {
  if (kSanitized) GTEST_SKIP() << "dumpcap, which tshark starts, doesn't run with a sanitizer's library loaded into it";
  const std::string at = scratch_.path().string();
  const Outcome outcome = run(fmt::format(
      R"(set -e
cd '{0}'
editcap -F pcap -r '{1}' begin.pcap 1-{2}
editcap -F pcap -r '{1}' end.pcap {3}-9999
{{ cat begin.pcap; until [ -e go ]; do sleep 0.1; done; tail -c +25 end.pcap; }} |
  TCPWHY_BUILD='{4}' '{5}/scripts/tshark' -n -l -i - -Y tcpwhy.severity -T fields -e frame.number -e tcpwhy.cause \
    -e tcpwhy.provisional >said 2>complaints &
for i in $(seq 300); do ! grep -q Capturing complaints 2>/dev/null || break; sleep 0.1; done
for i in $(seq 30); do [ ! -s said ] || break; sleep 0.1; done
cat said
: >go
wait)",
      at, kRace, kFirstDeciding, kFirstDeciding + 1, TCPWHY_BUILD_DIR, TCPWHY_SOURCE_DIR));
  EXPECT_THAT(outcome.out, ::testing::StartsWith(fmt::format("{}\tkeepalive_race\tlater frames may", kFirstDeciding)))
      << contents(scratch_.path() / "complaints");
}

/// What was provisional is settled once all was read.
TEST_F(Lifecycle, NothingIsProvisionalAfterTheEnd) {
  EXPECT_THAT(tshark(fmt::format("-n -r '{}' -Y tcpwhy.provisional", kRace)).out, Not(IsEmpty()));
  EXPECT_THAT(tshark(fmt::format("-2 -n -r '{}' -Y tcpwhy.provisional", kRace)).out, IsEmpty());
}

/// Of two files that are opened in turn each has its own findings, and the first one the same again.
TEST_F(Lifecycle, AnotherFileIsAnotherCapture) {
  const std::string said =
      sharkd({load(kRace), incidents(1), load(kHealthy), incidents(2), load(kRace), incidents(3)});
  if (said.find("jsonrpc") == std::string::npos) GTEST_SKIP() << "sharkd is not installed";
  EXPECT_THAT(frames_of(said, 2), Contains(kFirstDeciding));
  EXPECT_THAT(frames_of(said, 4), IsEmpty());
  EXPECT_EQ(frames_of(said, 6), frames_of(said, 2));
}

TEST_F(Lifecycle, APreferenceThatChangesChangesTheNextReading) {
  const auto set = [](const std::string& milliseconds) {
    return fmt::format(R"("method":"setconf","params":{{"name":"tcpwhy.smallest_idle_gap","value":"{}"}})", milliseconds);
  };
  const auto silences = [](int asked) { return frames("tcpwhy.idle_gap", asked); };
  const std::string said = sharkd({set("100000"), load(kRace), silences(1), set("500"), load(kRace), silences(2), set("100000"),
                                   load(kRace), silences(3)});
  if (said.find("jsonrpc") == std::string::npos) GTEST_SKIP() << "sharkd is not installed";
  EXPECT_THAT(frames_of(said, 3), IsEmpty()) << "none is that long";
  EXPECT_THAT(frames_of(said, 6), Not(IsEmpty()));
  EXPECT_THAT(frames_of(said, 9), IsEmpty());
}

/// What the payload is taken for is no business of the connection's.
TEST_F(Lifecycle, DecodingAsSomethingElseChangesNoVerdict) {
  const std::string as_usual = verdicts(fmt::format("-2 -r '{}'", kRace));
  EXPECT_THAT(as_usual, HasSubstr("keepalive_race"));
  EXPECT_EQ(verdicts(fmt::format("-2 -r '{}' -d tcp.port==3000,tls", kRace)), as_usual);
}

/// A read filter (`-2 -R`) takes frames away between the passes: what is left has its findings, and they are the right ones.
TEST_F(Lifecycle, AReadFilterLeavesTheVerdictsOfWhatIsLeft) {
  const std::string all = verdicts(fmt::format("-2 -r '{}' -Y 'tcp.stream == 12 && tcpwhy.severity'", kRace));
  const std::string left = verdicts(fmt::format("-2 -R 'tcp.stream == 12' -r '{}'", kRace));
  EXPECT_THAT(left, HasSubstr("keepalive_race"));
  EXPECT_THAT(all, HasSubstr("keepalive_race"));
}

/// The same verdicts with times that are shown in another way, and from a capture whose clock was moved.
TEST_F(Lifecycle, AShiftOfTimeChangesNoVerdict) {
  const std::string shifted = (scratch_.path() / "shifted.pcap").string();
  ASSERT_EQ(run(fmt::format("editcap -t -86400.5 '{}' '{}'", kRace, shifted)).status, 0);
  EXPECT_EQ(verdicts(fmt::format("-2 -r '{}'", shifted)), verdicts(fmt::format("-2 -r '{}' -t ud", kRace)));
}

TEST_F(Lifecycle, SwitchedOffItSaysNothingAndFailsNothing) {
  const Outcome outcome = tshark(fmt::format("-2 -n -r '{}' --disable-protocol tcpwhy -Y tcpwhy", kRace));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, IsEmpty());
}

/// What the plugin adds to the memory that scripts/tshark takes at most, run with these words before and behind it, in bytes.
std::int64_t memory_added(const std::string& before, const std::string& arguments) {
  const auto most = [&](const char* plugin) -> std::int64_t {
    const std::string command = fmt::format("export TCPWHY_PLUGIN={} TCPWHY_BUILD='{}' {}; exec '{}/scripts/tshark' {} >/dev/null 2>&1",
                                            plugin, TCPWHY_BUILD_DIR, before, TCPWHY_SOURCE_DIR, arguments);
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(kNotInstalled);
    }
    int status = 0;
    rusage usage{};
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return -1;
    return std::int64_t{usage.ru_maxrss} * 1024;
  };
  const std::int64_t with = most("on");
  const std::int64_t without = most("off");
  EXPECT_GT(with, 0) << arguments;
  EXPECT_GT(without, 0) << arguments;
  return with - without;
}

constexpr std::int64_t kNoise = 2'000'000;  // Of an allocator that keeps a page here and there.

/// A day of capture, shortened: what the plugin adds to tshark grows by the four bytes a frame that tell its stream (and which
/// Wireshark's own record of a frame exceeds twentyfold), and not with the connections that came and went.
TEST_F(Lifecycle, ADayOfTrafficTakesFourBytesAFrame) {
  if (kSanitized) GTEST_SKIP();
  constexpr std::int64_t kFew = 50'000;
  constexpr std::int64_t kMany = 250'000;
  const auto added_by = [&](std::int64_t frames) {
    const std::string file = (scratch_.path() / "traffic.pcap").string();
    EXPECT_EQ(run(fmt::format("'{}/tests/http_traffic' {} '{}'", TCPWHY_BUILD_DIR, frames, file)).status, 0);
    return memory_added("", fmt::format("-n -r '{}' -Y tcp.flags.reset==1", file));
  };
  EXPECT_LE(added_by(kMany) - added_by(kFew), (kMany - kFew) * 4 + kNoise);
}

/// Whoever reads the same file forty times more has no more of ours than after the first.
TEST_F(Lifecycle, WhatWasReadBeforeIsGone) {
  if (kSanitized) GTEST_SKIP();
  if (sharkd({load(kRace)}).find("jsonrpc") == std::string::npos) GTEST_SKIP() << "sharkd is not installed";
  const auto added_by = [&](int times) {
    const std::string requests = (scratch_.path() / "requests").string();
    std::ofstream out(requests);
    for (int i = 1; i <= times; ++i) out << fmt::format(R"({{"jsonrpc":"2.0","id":{},{}}})", i, load(kRace)) << '\n';
    out.close();
    return memory_added("TCPWHY_PROGRAM=sharkd", fmt::format("- <'{}'", requests));
  };
  EXPECT_LE(added_by(42) - added_by(2), kNoise);
}

}  // namespace
}  // namespace tcpwhy::tests
