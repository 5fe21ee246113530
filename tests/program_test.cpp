// The program tcpwhy as people and scripts use it. What it says of each capture is what the plugin says (differential_test.cpp), how
// it says it is the renderers' business (report_test.cpp): here it is about files, pipes, signals and exit statuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/captures.h"
#include "support/command.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kProgram = TCPWHY_BUILD_DIR "/analysis/batch/tcpwhy";

std::string capture(const std::string& id) {
  return capture_in(fs::path(TCPWHY_SOURCE_DIR) / "captures" / id).string();
}

Outcome tcpwhy(const std::string& arguments) { return run(fmt::format("{} {}", kProgram, arguments)); }

/// The findings of a JSON report, without where in which file they stand.
std::vector<Json> findings(const std::string& report) {
  std::vector<Json> findings = Json::parse(report).at("findings");
  for (Json& finding : findings) {
    for (auto field = finding.begin(); field != finding.end();) {
      field = field.key().starts_with("tcpwhy.") || field.key() == "tcp.stream" ? std::next(field) : finding.erase(field);
    }
  }
  return findings;
}

// ---------------------------------------------------------------------------------------------- exit status

TEST(Program, ExitsWithWhatScriptsWantToKnow) {
  EXPECT_EQ(tcpwhy(capture("healthy_plain_mix")).status, 0);
  EXPECT_EQ(tcpwhy(capture("stale_reuse_node")).status, 1);
  EXPECT_EQ(tcpwhy("").status, 2);
  EXPECT_EQ(tcpwhy("--format sonnet " + capture("stale_reuse_node")).status, 2);
  EXPECT_EQ(tcpwhy("/no/such/file").status, 3);
}

TEST(Program, FindingsThatAreFilteredOutDoNotCount) {
  EXPECT_EQ(tcpwhy("--filter cause=stale_reuse " + capture("stale_reuse_node")).status, 1);
  EXPECT_EQ(tcpwhy("--filter cause=injected_reset " + capture("stale_reuse_node")).status, 0);
  EXPECT_EQ(tcpwhy("--filter 'severity<=note' " + capture("stale_reuse_node")).status, 2) << "there is no such comparison";
}

TEST(Program, NamesTheWordThatAFilterDoesNotKnow) {
  const Outcome outcome = tcpwhy("--filter cause=stale_reuze " + capture("stale_reuse_node"));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("stale_reuze"));
  EXPECT_THAT(outcome.err, HasSubstr("stale_reuse"));
}

TEST(Program, HelpAndVersionAreNoErrors) {
  const Outcome help = tcpwhy("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("--filter"));
  EXPECT_THAT(help.err, IsEmpty());
  EXPECT_EQ(tcpwhy("--version").status, 0);
  EXPECT_EQ(tcpwhy("merge --help").status, 0);
}

// ------------------------------------------------------------------------------------------------- bad input

TEST(Program, ReadsWhatItCanAndListsWhatItCanNot) {
  const Outcome outcome = tcpwhy(fmt::format("/no/such/file {} /etc", capture("stale_reuse_node")));
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.out, HasSubstr("7 errors"));
  EXPECT_THAT(outcome.err, HasSubstr("tcpwhy: /no/such/file: "));
}

TEST(Program, SaysAtWhichPacketAFileWasCut) {
  const Scratch scratch;
  const fs::path cut = scratch.path() / "cut.pcap";
  fs::copy_file(capture("stale_reuse_node"), cut);
  fs::resize_file(cut, fs::file_size(cut) - 10);
  const Outcome outcome = tcpwhy(cut.string());
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.out, HasSubstr("in 376 frames"));
  EXPECT_THAT(outcome.err, HasSubstr("cut short in the middle of packet 377"));
}

// ------------------------------------------------------------------------------------------------ many files

TEST(Program, TakesARingBufferForOneCaptureWhateverItsOrder) {
  const std::string together = tcpwhy("--format json " + capture("rotated_merged")).out;
  const std::string apart =
      tcpwhy(fmt::format("--format json {} {} {}", capture("rotated_part_3"), capture("rotated_part_1"), capture("rotated_part_2")))
          .out;
  ASSERT_FALSE(findings(together).empty());
  EXPECT_EQ(findings(apart), findings(together));
}

TEST(Program, ReadsFoldersAndGlobs) {
  const Scratch scratch;
  for (const int part : {1, 2, 3}) {
    fs::copy_file(capture(fmt::format("rotated_part_{}", part)), scratch.path() / fmt::format("ring-{}.pcapng", part));
  }
  const std::string by_folder = tcpwhy("--format json " + scratch.path().string()).out;
  const std::string by_glob = tcpwhy(fmt::format("--format json '{}/ring-*.pcapng'", scratch.path().string())).out;
  EXPECT_EQ(findings(by_folder), findings(by_glob));
  EXPECT_EQ(findings(by_folder), findings(tcpwhy("--format json " + capture("rotated_merged")).out));
}

TEST(Program, TellsInWhichFileAFrameStands) {
  const std::string report =
      tcpwhy(fmt::format("{} {} {}", capture("rotated_part_1"), capture("rotated_part_2"), capture("rotated_part_3"))).out;
  EXPECT_THAT(report, HasSubstr(", frame "));
  EXPECT_THAT(report, HasSubstr("3 files"));
}

// ------------------------------------------------------------------------------------------- while it happens

/// A capture whose end is long in coming: what was decided by then has been said within a second.
TEST(Program, ExplainsAResetAsItHappens) {
  const Scratch scratch;
  const std::string out = (scratch.path() / "out").string();
  const Outcome outcome = run(fmt::format(
      "(head -c -200 {}; sleep 3) | {} --format ndjson - >{} &\nsleep 1\ncat {}; wait", capture("stale_reuse_node"), kProgram,
      out, out));
  EXPECT_THAT(outcome.out, HasSubstr("\"stale_reuse\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"provisional\":true"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\"summary\"")));
  EXPECT_THAT(contents(out), HasSubstr("\"summary\"")) << "at the end";
}

TEST(Program, ReportsWhatItReadBeforeCtrlC) {
  const Outcome outcome = run(fmt::format(
      "(cat {}; sleep 3) | timeout --foreground --signal INT --kill-after 5 1 {} -", capture("stale_reuse_node"), kProgram));
  EXPECT_THAT(outcome.out, HasSubstr("standard input: 7 errors"));
}

// --------------------------------------------------------------------------------------------------- carving

TEST(Program, CarvesTheStreamsWithIncidents) {
  const Scratch scratch;
  const std::string carved = (scratch.path() / "incidents.pcapng").string();
  EXPECT_EQ(tcpwhy(fmt::format("-w {} {}", carved, capture("stale_reuse_node"))).status, 1);
  const Json report = Json::parse(tcpwhy("--format json " + carved).out);
  EXPECT_LT(report.at("frames"), 377);
  std::multiset<std::string> causes;
  for (const Json& finding : report.at("findings")) causes.insert(finding.at("tcpwhy.cause"));
  EXPECT_EQ(causes.count("stale_reuse"), 7);
}

TEST(Program, CarvesNeighboursToo) {
  const Scratch scratch;
  const auto frames_of = [&](const std::string& how) {
    const std::string carved = (scratch.path() / "carved.pcapng").string();
    tcpwhy(fmt::format("--filter cause=stale_reuse {} -w {} {}", how, carved, capture("stale_reuse_node")));
    return Json::parse(tcpwhy("--format json " + carved).out).at("frames").get<int>();
  };
  EXPECT_LT(frames_of(""), frames_of("--neighbours"));
}

TEST(Program, CarvesFromAPipe) {
  const Scratch scratch;
  const std::string carved = (scratch.path() / "incidents.pcapng").string();
  const Outcome outcome = run(fmt::format("cat {} | {} -w {} -", capture("stale_reuse_node"), kProgram, carved));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("standard input: 7 errors"));
  EXPECT_TRUE(fs::exists(carved));
}

TEST(Program, LeavesNothingBehindWhereItCanNotWrite) {
  const Outcome outcome = tcpwhy(fmt::format("-w /no/such/folder/x.pcapng {}", capture("stale_reuse_node")));
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.out, HasSubstr("7 errors")) << "the report is there all the same";
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/folder/x.pcapng"));
}

// ----------------------------------------------------------------------------------------------------- parts

TEST(Program, MergesTheReportOfAllFromParts) {
  const Scratch scratch;
  std::string captures;
  for (const int number : {1, 2, 3}) {
    const std::string file = capture(fmt::format("rotated_part_{}", number));
    captures += " " + file;
    const Outcome part = tcpwhy(fmt::format("profile -o {}/{}.part {}", scratch.path().string(), number, file));
    EXPECT_EQ(part.status, 0);
    EXPECT_THAT(part.out + part.err, IsEmpty());
  }
  for (const char* format : {"text", "json", "ndjson", "csv"}) {
    const Outcome whole = tcpwhy(fmt::format("--format {}{}", format, captures));
    const Outcome merged = tcpwhy(fmt::format("merge --format {} {}", format, scratch.path().string()));
    EXPECT_EQ(merged.status, whole.status);
    EXPECT_EQ(merged.out, whole.out);
  }
}

TEST(Program, MergesTheReportOfAllFromShares) {
  const Scratch scratch;
  for (const int share : {1, 2, 3}) {
    const std::string part = (scratch.path() / fmt::format("{}.part", share)).string();
    EXPECT_EQ(tcpwhy(fmt::format("profile --shard {}/3 -o {} {}", share, part, capture("stale_reuse_node"))).status, 0);
  }
  const std::string larger = (scratch.path() / "larger").string();
  EXPECT_EQ(tcpwhy(fmt::format("merge -o {} {}/*.part", larger, scratch.path().string())).status, 0);
  const Outcome whole = tcpwhy("--format json " + capture("stale_reuse_node"));
  for (const std::string& parts : {larger, "'" + (scratch.path() / "*.part").string() + "'"}) {
    const Outcome merged = tcpwhy("merge --format json " + parts);
    EXPECT_EQ(merged.status, 1);
    EXPECT_EQ(merged.out, whole.out);
  }
}

/// However the writing of a part ends before its time: as a shell says it, after a second in which the program reads a pipe.
/// (In the foreground timeout sends its signal once, else to the process and to its group: a second one ends tcpwhy at once.)
class WhatEndsAPart : public ::testing::TestWithParam<const char*> {};

TEST_P(WhatEndsAPart, LeavesNoneThatLooksWhole) {
  const Scratch scratch;
  const std::string part = (scratch.path() / "part").string();
  const std::string pipe = (scratch.path() / "pipe").string();
  const Outcome outcome =
      run(fmt::format("mkfifo {1}; (cat {2}; exec sleep 3) >{1} 2>&- &\n{0} {3} profile -o {4} {1}", GetParam(), pipe,
                      capture("stale_reuse_node"), kProgram, part));
  EXPECT_NE(outcome.status, 0);
  EXPECT_FALSE(fs::exists(part));
}

INSTANTIATE_TEST_SUITE_P(Program, WhatEndsAPart,
                         ::testing::Values("timeout --foreground --preserve-status -s INT 1",
                                           "timeout --foreground --preserve-status -s TERM 1",
                                           "timeout --foreground -s KILL 1"));

TEST(Program, SaysThatAPartWasStoppedAndRemovesIt) {
  const Scratch scratch;
  const Outcome outcome = run(
      fmt::format("cd {}; (cat {}; exec sleep 3) | timeout --foreground --preserve-status -s TERM 1 {} profile -o part -",
                  scratch.path().string(), capture("stale_reuse_node"), kProgram));
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("cannot write part: stopped"));
  EXPECT_TRUE(fs::is_empty(scratch.path())) << "nor what was begun";
}

/// A file that may not grow further fails as one on a full disk does.
TEST(Program, WritesNoPartWhereTheDiskIsFull) {
  const Scratch scratch;
  for (const char* command : {"profile", "merge"}) {
    const std::string from = command == std::string_view("merge") ? "whole.part" : capture("healthy_plain_mix");
    const Outcome outcome = run(fmt::format("cd {0}; trap '' XFSZ; (ulimit -f 64; {1} {2} -o part {3}); status=$?; "
                                            "{1} profile -o whole.part {4} && exit $status",
                                            scratch.path().string(), kProgram, command, from, capture("healthy_plain_mix")));
    EXPECT_EQ(outcome.status, 3);
    EXPECT_THAT(outcome.err, HasSubstr("cannot write part"));
    EXPECT_EQ(std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator{}), 1) << "the whole one";
  }
}

TEST(Program, ReportsWhatACutPartHasAndMakesNoLargerOneOfIt) {
  const Scratch scratch;
  const std::string cut = (scratch.path() / "cut.part").string();
  const std::string other = (scratch.path() / "other.part").string();
  const std::string larger = (scratch.path() / "larger.part").string();
  tcpwhy(fmt::format("profile -o {} {}", cut, capture("healthy_plain_mix")));
  tcpwhy(fmt::format("profile -o {} {}", other, capture("stale_reuse_node")));
  fs::resize_file(cut, fs::file_size(cut) - fs::file_size(cut) / 4);

  const Outcome report = tcpwhy(fmt::format("merge --format json {} {}", cut, other));
  EXPECT_EQ(report.status, 3);
  const auto frames = [](const std::string& text) { return Json::parse(text).at("frames").get<int>(); };
  EXPECT_GT(frames(report.out), 377 + 1000) << "something of both";
  EXPECT_LT(frames(report.out), 377 + frames(tcpwhy("--format json " + capture("healthy_plain_mix")).out));
  EXPECT_THAT(report.err, HasSubstr(fmt::format("tcpwhy: {}: cut short", cut)));

  const Outcome merged = tcpwhy(fmt::format("merge -o {} {} {}", larger, cut, other));
  EXPECT_EQ(merged.status, 3);
  EXPECT_THAT(merged.err, HasSubstr(fmt::format("cannot write {}: it would hide that something of {} is missing", larger, cut)));
  EXPECT_THAT(merged.err, HasSubstr(fmt::format("tcpwhy: {}: cut short", cut)));
  EXPECT_FALSE(fs::exists(larger));
}

TEST(Program, WhatCanNotBeReadHasAPartThatSaysItAgain) {
  const Scratch scratch;
  const std::string good = (scratch.path() / "good.part").string();
  const std::string bad = (scratch.path() / "bad.part").string();
  const std::string empty = (scratch.path() / "empty.pcap").string();
  std::ofstream{empty};
  tcpwhy(fmt::format("profile -o {} {}", good, capture("stale_reuse_node")));
  for (const std::string& unreadable : {empty, std::string("/no/such/file")}) {
    const Outcome part = tcpwhy(fmt::format("profile -o {} {}", bad, unreadable));
    EXPECT_EQ(part.status, 3);
    EXPECT_THAT(part.err, HasSubstr("tcpwhy: " + unreadable + ": "));
    const Outcome merged = tcpwhy(fmt::format("merge {} {}", good, bad));
    const Outcome whole = tcpwhy(fmt::format("{} {}", capture("stale_reuse_node"), unreadable));
    EXPECT_EQ(merged.status, 3);
    EXPECT_EQ(merged.out, whole.out);
    EXPECT_EQ(merged.err, whole.err);
  }
}

TEST(Program, SaysWhichCommandReadsWhat) {
  const Scratch scratch;
  const std::string part = (scratch.path() / "a.part").string();
  const std::string other = (scratch.path() / "b.part").string();
  tcpwhy(fmt::format("profile -o {} {}", part, capture("stale_reuse_node")));
  const std::string no_capture = part + ": a part that tcpwhy profile wrote, no capture; tcpwhy merge reads it\n";
  const std::string profile = fmt::format("profile -o {}", other);
  for (const std::string& how : {std::string(), profile, profile + " --shard 1/2"}) {
    const Outcome outcome = tcpwhy(how + " " + part);
    EXPECT_EQ(outcome.status, 3);
    EXPECT_THAT(outcome.err, HasSubstr(no_capture));
  }
  EXPECT_THAT(run(fmt::format("{} - <{}", kProgram, part)).err, HasSubstr("standard input: a part"));
  EXPECT_THAT(run(fmt::format("cat {} | {} -", part, kProgram)).err, HasSubstr("standard input: a part"));
  EXPECT_THAT(run(fmt::format("cat {} | {} merge -", part, kProgram)).err,
              HasSubstr("standard input: a pipe; parts are read from files"));
  const Outcome captures = tcpwhy("merge " + capture("stale_reuse_node"));
  EXPECT_EQ(captures.status, 3);
  EXPECT_THAT(captures.err, HasSubstr(capture("stale_reuse_node") + ": not a part that tcpwhy profile wrote\n"));
}

// ---------------------------------------------------------------------------------------------------- looks

TEST(Program, ShowsColoursOnlyWhereTheyAreWanted) {
  EXPECT_THAT(tcpwhy(capture("stale_reuse_node")).out, Not(HasSubstr("\x1b[")));
  EXPECT_THAT(tcpwhy("--colour always " + capture("stale_reuse_node")).out, HasSubstr("\x1b["));
}

TEST(Program, ListsTheCausesThatAFilterTakes) {
  std::istringstream causes(tcpwhy("--list-causes").out);
  int count = 0;
  for (std::string line; std::getline(causes, line); ++count) {
    const std::string cause = line.substr(0, line.find('\t'));
    EXPECT_EQ(tcpwhy(fmt::format("--filter cause={} {}", cause, capture("healthy_plain_mix"))).status, 0) << cause;
  }
  EXPECT_GT(count, 30);
}

}  // namespace
}  // namespace tcpwhy::tests
