// The law of parts: however a capture is split, by file, by host, by share of its connections, and in however many steps the parts
// are merged, what is said is what is said of the whole.
#include "batch/part.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include <gmock/gmock.h>

#include "batch/capture_file.h"
#include "batch/reading.h"
#include "batch/wtap_compat.h"
#include "packet/decoder.h"
#include "payload.h"
#include "settings.h"
#include "support/capture_reader.h"
#include "support/pcapng_writer.h"
#include "support/story_book.h"

namespace tcpwhy::batch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::filesystem::path kCaptures = std::filesystem::path(TCPWHY_SOURCE_DIR) / "captures";

std::vector<std::string> all_captures() {
  std::vector<std::string> files;
  for (const auto& file : tests::captures_in(kCaptures)) files.push_back(file.string());
  return files;
}

std::string capture(const std::string& name) {
  const auto file = kCaptures / name / "capture.pcap";
  return std::filesystem::exists(file) ? file.string() : file.string() + "ng";
}

/// All that a report is made of.
struct Outcome {
  std::vector<Finding> findings;
  std::vector<std::pair<std::string, FrameNumber>> places;  ///< Of the deciding frames.
  std::vector<Nanoseconds> times;                            ///< Of these.
  std::vector<std::tuple<std::string, std::string, std::string, IdleTimeout>> idle_timeouts;
  std::uint64_t frames = 0;
  std::size_t streams = 0;
  std::vector<std::pair<std::string, std::string>> problems;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(CaptureSet& captures) {
  Outcome outcome;
  Reading reading(Settings{}, captures);
  reading.run({});
  outcome.frames = reading.frames();
  outcome.streams = reading.analyzer().stream_count();
  reading.analyzer().for_each_finding([&](const Finding& finding) {
    outcome.findings.push_back(finding);
    const Landmark* landmark = reading.landmark(finding.verdict.deciding_frame);
    if (landmark == nullptr) return;
    outcome.places.emplace_back(captures.files()[landmark->place.file], landmark->place.frame);
    outcome.times.push_back(landmark->time);
  });
  for (const NamedTimeout& timeout : reading.analyzer().idle_timeouts()) {
    outcome.idle_timeouts.emplace_back(timeout.client, timeout.server, timeout.match, timeout.timeout);
  }
  for (const Problem& problem : captures.problems()) outcome.problems.emplace_back(problem.file, problem.what);
  return outcome;
}

Outcome outcome_of(const std::vector<std::string>& names) {
  CaptureSet captures(names);
  return outcome_of(captures);
}

Outcome outcome_of(const Parts& parts) {
  CaptureSet captures(parts);
  return outcome_of(captures);
}

void expect_same(const Outcome& merged, const Outcome& whole) {
  EXPECT_EQ(merged.frames, whole.frames);
  EXPECT_EQ(merged.streams, whole.streams);
  ASSERT_EQ(merged.findings.size(), whole.findings.size());
  for (std::size_t i = 0; i < whole.findings.size(); ++i) {
    EXPECT_EQ(merged.findings[i].narrative.explanation, whole.findings[i].narrative.explanation);
    EXPECT_TRUE(merged.findings[i] == whole.findings[i]) << whole.findings[i].verdict.diagnosis->id;
  }
  EXPECT_EQ(merged.places, whole.places);
  EXPECT_EQ(merged.times, whole.times);
  EXPECT_TRUE(merged.idle_timeouts == whole.idle_timeouts);
  EXPECT_EQ(merged.problems, whole.problems);
}

class PartTest : public ::testing::Test {
 protected:
  PartTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpwhy-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~PartTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// The parts of a capture, so many shares.
  std::vector<std::string> split(const std::vector<std::string>& names, std::uint32_t count) {
    std::vector<std::string> parts;
    for (std::uint32_t shard = 0; shard < count; ++shard) {
      parts.push_back(path("part-" + std::to_string(++written_)));
      CaptureSet captures(names);
      write_part(captures, parts.back(), shard, count);
    }
    return parts;
  }
  /// A larger part.
  std::string merge(const std::vector<std::string>& parts) {
    std::string merged = path("merged-" + std::to_string(++written_));
    CaptureSet captures(Parts{parts});
    write_part(captures, merged);
    return merged;
  }
  /// A capture, split by a packet's place in it: one file a host.
  std::vector<std::string> split_by_host(const std::string& name) {
    CaptureSet captures({name});
    std::map<std::string, std::unique_ptr<CaptureWriter>> hosts;
    std::vector<std::string> files;
    for (Slot slot; captures.next(slot);) {
      const auto& bytes = slot.packet.bytes.captured;
      std::string host = std::to_string(slot.packet.interface);
      if (slot.packet.link == LinkLayer::ethernet && bytes.size() > 11) host.append(bytes.begin() + 6, bytes.begin() + 12);
      auto& writer = hosts[host];
      if (!writer) {
        files.push_back(path("host-" + std::to_string(++written_)));
        writer = std::make_unique<CaptureWriter>(files.back());
      }
      writer->write(slot, captures.interfaces());
    }
    for (const auto& [host, writer] : hosts) writer->close();
    return files;
  }

  std::filesystem::path folder_;
  int written_ = 0;
};

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

auto problem(const std::string& file, const std::string& what) {
  return AllOf(Field("file", &Problem::file, HasSubstr(file)), Field("what", &Problem::what, HasSubstr(what)));
}

/// Whether the core gets the same from a packet and from what a part keeps of it.
void expect_nothing_lost(const Packet& packet) {
  Sighting whole;
  Sighting kept;
  const bool shows_tcp = decode(packet, whole);
  Packet reduced = packet;
  reduced.bytes.captured = packet.bytes.captured.first(bytes_needed(packet, shows_tcp ? &whole : nullptr));
  ASSERT_EQ(decode(reduced, kept), shows_tcp);
  if (!shows_tcp) return;
  ASSERT_EQ(kept.kind, whole.kind);
  ASSERT_EQ(kept.stub, whole.stub);
  const Segment& a = kept.read;
  const Segment& b = whole.read;
  EXPECT_TRUE(a.source == b.source && a.destination == b.destination && a.seq == b.seq && a.ack == b.ack && a.flags == b.flags &&
              a.length == b.length && a.window == b.window && a.ttl == b.ttl && a.ip_id == b.ip_id && a.point == b.point);
  EXPECT_EQ(a.options.known, b.options.known);
  EXPECT_EQ(a.options.tsval, b.options.tsval);
  EXPECT_EQ(a.payload.empty(), b.payload.empty());
  EXPECT_TRUE(std::ranges::equal(a.note, b.note));
  const PayloadFacts facts_a = read_payload(a.payload);
  const PayloadFacts facts_b = read_payload(b.payload);
  EXPECT_EQ(std::memcmp(&facts_a, &facts_b, sizeof facts_a), 0);
  EXPECT_EQ(is_tls_goodbye(a.payload, a.length), is_tls_goodbye(b.payload, b.length));
  EXPECT_EQ(a.payload.size() == a.length && ends_chunked_message(a.payload),
            b.payload.size() == b.length && ends_chunked_message(b.payload));
  EXPECT_TRUE(!b.has(kRst) || std::ranges::equal(a.payload, b.payload));
  EXPECT_EQ(kept.error.type, whole.error.type);
  EXPECT_EQ(kept.error.mtu, whole.error.mtu);
}

TEST_F(PartTest, OfEveryPacketTheCoreGetsTheSame) {
  CaptureSet captures(all_captures());
  for (Slot slot; captures.next(slot);) {
    expect_nothing_lost(slot.packet);
    // And where a snapshot length cut it.
    for (const std::size_t snapshot : {std::size_t{54}, std::size_t{68}, std::size_t{96}, std::size_t{200}}) {
      Packet cut = slot.packet;
      cut.bytes.captured = cut.bytes.captured.first(std::min(snapshot, cut.bytes.captured.size()));
      expect_nothing_lost(cut);
    }
    ASSERT_FALSE(HasFailure()) << slot.packet.frame << " of " << captures.files()[slot.place.file];
  }
}

TEST_F(PartTest, EveryCaptureIsSplitIntoSharesAndSaysTheSame) {
  for (const std::string& file : all_captures()) {
    SCOPED_TRACE(file);
    const Outcome whole = outcome_of(std::vector{file});
    for (const std::uint32_t count : {1U, 2U, 3U, 7U}) {
      SCOPED_TRACE(count);
      expect_same(outcome_of(Parts{split({file}, count)}), whole);
    }
  }
}

TEST_F(PartTest, EveryStoryIsSplitIntoSharesAndSaysTheSame) {
  for (const tests::BookStory& story : tests::story_book()) {
    SCOPED_TRACE(story.id);
    const std::string file = path("story.pcapng");
    tests::write_pcapng(file, story.tell());
    const Outcome whole = outcome_of(std::vector{file});
    for (const std::uint32_t count : {1U, 3U}) expect_same(outcome_of(Parts{split({file}, count)}), whole);
  }
}

TEST_F(PartTest, ARingBufferIsSplitByFileByShareAndByBoth) {
  const std::vector<std::string> ring = {capture("rotated_part_1"), capture("rotated_part_2"), capture("rotated_part_3")};
  const Outcome whole = outcome_of(ring);
  ASSERT_THAT(whole.findings, ::testing::Not(IsEmpty()));
  const std::vector<std::string> first = split({ring[0]}, 1);
  const std::vector<std::string> second = split({ring[1]}, 3);
  const std::vector<std::string> third = split({ring[2]}, 2);
  expect_same(outcome_of(Parts{first + second + third}), whole);
  expect_same(outcome_of(Parts{third + first + second}), whole);
  for (const std::uint32_t count : {1U, 2U, 3U, 7U}) expect_same(outcome_of(Parts{split(ring, count)}), whole);
}

TEST_F(PartTest, MergingInStepsIsMergingAtOnce) {
  const std::vector<std::string> ring = {capture("rotated_part_1"), capture("rotated_part_2"), capture("rotated_part_3")};
  const Outcome whole = outcome_of(ring);
  const std::vector<std::string> a = split({ring[0]}, 2);
  const std::vector<std::string> b = split({ring[1]}, 1);
  const std::vector<std::string> c = split({ring[2]}, 3);
  const std::string ab = merge(a + b);
  const std::string bc = merge(b + c);
  expect_same(outcome_of(Parts{{ab, c[2], c[0], c[1]}}), whole);
  expect_same(outcome_of(Parts{a + std::vector{bc}}), whole);
  expect_same(outcome_of(Parts{{merge({ab, merge(c)})}}), whole);
  // Of one capture shares merge, too, whatever is missing yet.
  const std::vector<std::string> shares = split(ring, 3);
  expect_same(outcome_of(Parts{{merge({shares[2], shares[0]}), shares[1]}}), whole);
}

TEST_F(PartTest, HostsThatAreReadSideBySideAreSplitByHost) {
  for (const char* name : {"both_ends_blackhole", "both_ends_idle_state_lost", "both_ends_injected_reset", "idle_reset_both_ends",
                           "conntrack_invalid_dnat"}) {
    SCOPED_TRACE(name);
    const std::vector<std::string> hosts = split_by_host(capture(name));
    ASSERT_GT(hosts.size(), 1U);
    const Outcome whole = outcome_of(hosts);
    std::vector<std::string> parts;
    for (const std::string& host : hosts) parts = parts + split({host}, 2);
    expect_same(outcome_of(Parts{parts}), whole);
    std::reverse(parts.begin(), parts.end());
    expect_same(outcome_of(Parts{{merge(parts)}}), whole);
    expect_same(outcome_of(Parts{split(hosts, 3)}), whole);
  }
}

TEST_F(PartTest, AllCapturesTogetherAreOne) {
  const Outcome whole = outcome_of(all_captures());
  expect_same(outcome_of(Parts{split(all_captures(), 3)}), whole);
  std::vector<std::string> parts;
  for (const std::string& file : all_captures()) parts = parts + split({file}, 1);
  expect_same(outcome_of(Parts{parts}), whole);
}

TEST_F(PartTest, AClockThatStepsBackStepsBackInPartsToo) {
  const std::string file = path("stepping.pcapng");
  auto story = tests::story_book().front().tell();
  const auto half = static_cast<FrameNumber>(story.packets.size() / 2);
  tests::write_pcapng(file, tests::with_clock_step(story, half, -2 * kSecond));
  const std::string other = path("other.pcapng");
  tests::write_pcapng(other, tests::shifted_in_time(story, 10 * kMillisecond));
  const Outcome whole = outcome_of(std::vector{file, other});
  expect_same(outcome_of(Parts{split({file}, 2) + split({other}, 1)}), whole);
  expect_same(outcome_of(Parts{split({file, other}, 3)}), whole);
}

TEST_F(PartTest, WhatIsWrongWithAFileIsToldByItsPartsOnce) {
  const std::string file = path("cut.pcap");
  std::filesystem::copy(capture("keepalive_race_server_side"), file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 10);
  const Outcome whole = outcome_of(std::vector{file});
  EXPECT_THAT(whole.problems, ::testing::SizeIs(1));
  expect_same(outcome_of(Parts{split({file}, 3)}), whole);
  expect_same(outcome_of(Parts{{merge(split({file}, 3))}}), whole);
}

TEST_F(PartTest, SharesFromOtherMountPointsAreOfTheSameFile) {
  std::filesystem::create_directories(path("elsewhere"));
  std::filesystem::copy(capture("keepalive_race_apache"), path("elsewhere/capture.pcap"));
  const std::vector<std::string> here = split({capture("keepalive_race_apache")}, 2);
  const std::vector<std::string> there = split({path("elsewhere/capture.pcap")}, 2);
  expect_same(outcome_of(Parts{{here[0], there[1]}}), outcome_of(std::vector{capture("keepalive_race_apache")}));
}

TEST_F(PartTest, NothingIsCountedTwice) {
  const std::string file = capture("keepalive_race_apache");
  const Outcome whole = outcome_of(std::vector{file});
  const std::vector<std::string> halves = split({file}, 2);
  const std::vector<std::string> thirds = split({file}, 3);
  std::filesystem::copy(halves[0], path("again"));
  CaptureSet captures(Parts{{halves[0], path("again"), halves[1], thirds[1], split({file, capture("syn_scan")}, 1)[0]}});
  Outcome merged = outcome_of(captures);
  EXPECT_THAT(captures.problems(), ElementsAre(problem("again", "counted once"), problem(thirds[1], "not counted"),
                                               problem("part-6", "not counted")));
  merged.problems.clear();
  expect_same(merged, whole);
}

TEST_F(PartTest, OtherFilesOfTheSameNameAreOthers) {
  const Outcome whole = outcome_of(std::vector{capture("rotated_part_1"), capture("syn_scan")});
  expect_same(outcome_of(Parts{split({capture("rotated_part_1")}, 1) + split({capture("syn_scan")}, 1)}), whole);
}

TEST_F(PartTest, AShareThatIsMissingIsAProblemAndTheOthersKeepTheirNumbers) {
  const std::string file = capture("keepalive_race_apache");
  const std::vector<std::string> parts = split({file}, 3);
  CaptureSet some(Parts{{parts[0], parts[2]}});
  CaptureSet whole({file});
  std::vector<FrameNumber> numbers;
  for (Slot slot; some.next(slot);) numbers.push_back(slot.packet.frame);
  EXPECT_THAT(some.problems(), ElementsAre(problem(parts[0], "share 2 of 3 of")));
  std::vector<FrameNumber> expected;
  Sighting sighting;
  for (Slot slot; whole.next(slot);) {
    if (shard_of(decode(slot.packet, sighting) ? &sighting : nullptr, 3) != 1) expected.push_back(slot.packet.frame);
  }
  EXPECT_EQ(numbers, expected);
}

TEST_F(PartTest, SharesOfSeveralCapturesMergeToNoLargerPartWhileSomeAreMissing) {
  const std::string a = split({capture("rotated_part_1")}, 2)[0];
  const std::string b = split({capture("rotated_part_2")}, 1)[0];
  CaptureSet captures(Parts{{a, b}});
  EXPECT_THROW(write_part(captures, path("larger")), WriteError);
  EXPECT_FALSE(std::filesystem::exists(path("larger")));
}

TEST_F(PartTest, APartThatIsCutIsAProblemAndGivesWhatItHas) {
  const std::string part = split({capture("keepalive_race_apache")}, 1)[0];
  const auto size = std::filesystem::file_size(part);
  for (const auto cut : {size - 2, size / 2}) {
    std::filesystem::resize_file(part, cut);
    CaptureSet captures(Parts{{part}});
    std::size_t count = 0;
    for (Slot slot; captures.next(slot);) ++count;
    EXPECT_GT(count, 0U);
    EXPECT_THAT(captures.problems(), ElementsAre(problem(part, "cut short")));
  }
}

TEST_F(PartTest, APartThatIsCutMergesToNoLargerOneThatWouldHideIt) {
  const std::string part = split({capture("keepalive_race_apache")}, 1)[0];
  const std::string other = split({capture("syn_scan")}, 1)[0];
  const auto size = std::filesystem::file_size(part);
  for (const auto cut : {size - 5, size / 2, std::uintmax_t{15}, std::uintmax_t{0}}) {
    SCOPED_TRACE(cut);
    std::filesystem::resize_file(part, cut);
    for (const auto& names : {std::vector{part, other}, std::vector{other, part}}) {
      CaptureSet captures(Parts{names});
      EXPECT_THROW(write_part(captures, path("larger")), WriteError);
      EXPECT_FALSE(std::filesystem::exists(path("larger")));
      EXPECT_THAT(captures.problems(), ElementsAre(problem(part, "")));
    }
  }
}

TEST_F(PartTest, ALargerPartHoldsAllOrIsNotWritten) {
  const std::string part = split({capture("keepalive_race_apache")}, 1)[0];
  const std::vector<std::string> halves = split({capture("keepalive_race_apache")}, 2);
  for (const std::string& other : {path("missing"), capture("syn_scan"), halves[0]}) {
    SCOPED_TRACE(other);
    CaptureSet captures(Parts{{part, other}});
    EXPECT_THROW(write_part(captures, path("larger")), WriteError);
    EXPECT_FALSE(std::filesystem::exists(path("larger")));
  }
  // The same once more is nothing new.
  std::filesystem::copy(part, path("again"));
  expect_same(outcome_of(Parts{{merge({part, path("again")})}}), outcome_of(std::vector{capture("keepalive_race_apache")}));
}

TEST_F(PartTest, PartsOfMorePacketsThanCanBeNumberedMergeToNoLargerOne) {
  const std::vector<std::string> parts = split({capture("rotated_part_1")}, 1) + split({capture("rotated_part_2")}, 1);
  CaptureSet captures(Parts{parts}, 20);
  EXPECT_THROW(write_part(captures, path("larger")), WriteError);
  EXPECT_THAT(captures.problems(), ElementsAre(problem("rotated_part_1", "more than 20 packets")));
  // The same of one part with two files.
  CaptureSet group(Parts{split({capture("rotated_part_2"), capture("rotated_part_1")}, 1)}, 20);
  EXPECT_THROW(write_part(group, path("larger")), WriteError);
  EXPECT_THAT(group.problems(), ElementsAre(problem("rotated_part_1", "more than 20 packets")));
}

TEST_F(PartTest, NoPartOfWhatWasNotReadToItsEnd) {
  std::ofstream(path("part")) << "what stood there before";
  CaptureSet captures({capture("keepalive_race_apache")});
  Slot slot;
  ASSERT_TRUE(captures.next(slot));
  captures.stop();
  EXPECT_THROW(write_part(captures, path("part")), WriteError);
  EXPECT_EQ(std::filesystem::file_size(path("part")), 23U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator{}), 1);
}

TEST_F(PartTest, WhatCanNotBeOpenedHasAPartThatSaysSo) {
  const std::string good = capture("keepalive_race_apache");
  std::ofstream(path("empty.pcap"));
  std::ofstream(path("text.pcap")) << "nothing";
  const std::vector<std::string> bad = {path("empty.pcap"), path("text.pcap"), path("missing.pcap")};
  const Outcome whole = outcome_of(std::vector{good} + bad);
  ASSERT_THAT(whole.problems, ::testing::SizeIs(3));
  expect_same(outcome_of(Parts{split(std::vector{good} + bad, 2)}), whole);
  std::vector<std::string> parts = split({good}, 1);
  for (const std::string& file : bad) parts = parts + split({file}, 1);
  expect_same(outcome_of(Parts{parts}), whole);
  expect_same(outcome_of(Parts{{merge({merge({parts[0], parts[1]}), merge({parts[2], parts[3]})})}}), whole);
}

TEST_F(PartTest, APartIsNoCapture) {
  const std::string part = split({capture("syn_scan")}, 1)[0];
  std::filesystem::create_directory(path("folder"));
  std::filesystem::copy(part, path("folder/a"));
  for (const auto& names : {std::vector{part}, std::vector{part, capture("syn_scan")}, std::vector{path("folder")}}) {
    CaptureSet captures(names);
    Slot slot;
    while (captures.next(slot)) EXPECT_EQ(captures.files()[slot.place.file], capture("syn_scan"));
    EXPECT_THAT(captures.problems(), ::testing::Contains(problem("", "tcpwhy merge reads it")));
  }
  // Nor has it shares.
  CaptureSet captures({part});
  EXPECT_EQ(write_part(captures, path("share"), 0, 2).frames, 0U);
  EXPECT_THAT(captures.problems(), ElementsAre(problem(part, "tcpwhy merge reads it")));
}

TEST_F(PartTest, LinksToPartsAreParts) {
  const std::vector<std::string> ring = {capture("rotated_part_1"), capture("rotated_part_2"), capture("rotated_part_3")};
  std::filesystem::create_directory(path("links"));
  for (const std::string& file : ring) {
    const std::string part = split({file}, 1)[0];
    std::filesystem::create_symlink(part, path("links/" + std::filesystem::path(part).filename().string()));
  }
  const Outcome whole = outcome_of(ring);
  expect_same(outcome_of(Parts{{path("links")}}), whole);
  EXPECT_THAT(whole.places, ::testing::Contains(::testing::Pair(HasSubstr("rotated_part"), ::testing::_)));
  std::filesystem::remove(path("part-2"));
  CaptureSet captures(Parts{{path("links")}});
  EXPECT_THAT(captures.problems(), ElementsAre(problem("links/part-2", "No such file")));
}

TEST_F(PartTest, WhatIsNoPartIsSaid) {
  std::filesystem::create_directory(path("folder"));
  std::ofstream(path("folder/text")) << "nothing";
  std::ofstream(path("text")) << "nothing";
  CaptureSet captures(Parts{{capture("syn_scan"), path("text"), path("folder"), path("missing")}});
  Slot slot;
  EXPECT_FALSE(captures.next(slot));
  EXPECT_THAT(captures.problems(),
              ElementsAre(problem("syn_scan", "not a part"), problem("text", "not a part"),
                          problem("folder", "a folder without parts"), problem("missing", "No such file")));
}

TEST_F(PartTest, InAFolderWhatIsNoPartIsPassedOver) {
  std::filesystem::create_directory(path("folder"));
  const std::string part = split({capture("syn_scan")}, 1)[0];
  std::filesystem::rename(part, path("folder/a"));
  std::ofstream(path("folder/log")) << "done";
  expect_same(outcome_of(Parts{{path("folder")}}), outcome_of(std::vector{capture("syn_scan")}));
}

TEST_F(PartTest, ACaptureOfNothingHasAPart) {
  tests::write_pcapng(path("a.pcapng"), {});
  tests::write_pcapng(path("b.pcapng"), {});
  const std::vector<std::string> parts = split({path("a.pcapng")}, 2) + split({path("b.pcapng")}, 1);
  expect_same(outcome_of(Parts{parts}), outcome_of(std::vector{path("a.pcapng"), path("b.pcapng")}));
}

TEST_F(PartTest, FilesOfNothingThatBearOneNameAreNotOneCountedTwice) {
  for (const char* host : {"a", "b"}) {
    std::filesystem::create_directory(path(host));
    tests::write_pcapng(path(host) + "/ring.pcapng", {});
  }
  const std::vector<std::string> parts = split({path("a/ring.pcapng")}, 2) + split({path("b/ring.pcapng")}, 2);
  expect_same(outcome_of(Parts{parts}), outcome_of(std::vector{path("a/ring.pcapng"), path("b/ring.pcapng")}));
}

TEST_F(PartTest, AShareIsReadAgainAsItWas) {
  CaptureSet captures(Parts{split({capture("keepalive_race_apache"), capture("syn_scan")}, 3)});
  const Outcome first = outcome_of(captures);
  captures.rewind();
  EXPECT_TRUE(outcome_of(captures) == first);
}

TEST_F(PartTest, CompressedItIsMuchSmallerThanItsCaptureAndSaysTheSame) {
  // Of packets that a snapshot length had cut to their headers already a half stays.
  const std::vector<std::pair<const char*, std::uintmax_t>> expected = {
      {"cancelled_downloads", 2}, {"nolinger_truncates", 4}, {"healthy_lossy_path", 4}, {"healthy_plain_mix", 4}};
  for (const auto& [name, factor] : expected) {
    const std::string whole = capture(name);
    const std::string part = path("compressed.part.gz");
    CaptureSet captures({whole});
    write_part(captures, part);
    EXPECT_LT(std::filesystem::file_size(part) * factor, std::filesystem::file_size(whole)) << name;
    expect_same(outcome_of(Parts{{part}}), outcome_of(Parts{split({whole}, 1)}));
  }
}

TEST_F(PartTest, AnyWiresharkOpensAPart) {
  const std::string part = split({capture("keepalive_race_apache")}, 1)[0];
  Failure failure;
  const File file = open_file(part, failure);
  ASSERT_NE(file, nullptr);
  std::size_t count = 0;
  std::size_t segments = 0;
  Sighting sighting;
  for (Record record; record.read(file.get(), failure.error, failure.details); ++count) {
    const wtap_packet_header& header = record.header().rec_header.packet_header;
    const Packet packet{.link = link_layer(header.pkt_encap), .bytes = {{record.bytes(), header.caplen}, header.len}};
    segments += decode(packet, sighting) ? 1 : 0;
  }
  EXPECT_EQ(failure.error, 0);
  EXPECT_GT(segments, 0U);
  EXPECT_EQ(count, outcome_of(std::vector{capture("keepalive_race_apache")}).frames + 1) << "and one that ends it";
}

}  // namespace
}  // namespace tcpwhy::batch
