// Files of several places and times are read as one capture, and what is wrong with one of them takes nothing from the others.
#include "batch/capture_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "support/capture_reader.h"
#include "support/pcapng_writer.h"

namespace tcpwhy::batch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::filesystem::path kCaptures = std::filesystem::path(TCPWHY_SOURCE_DIR) / "captures";
constexpr Nanoseconds kBegin = 1'700'000'000 * kSecond;

/// A little-endian number of four bytes, as pcapng has them.
std::string number(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

std::string block(std::uint32_t type, std::string body) {
  body.resize((body.size() + 3) / 4 * 4);
  const std::string length = number(static_cast<std::uint32_t>(body.size() + 12));
  return number(type) + length + body + length;
}

/// An interface block of Ethernet, in nanoseconds, with a name.
std::string interface_block(const std::string& name) {
  std::string padded = name;
  padded.resize((name.size() + 3) / 4 * 4);
  return block(1, std::string("\1\0\0\0", 4) + number(262'144) + std::string("\x9\0\1\0\x9\0\0\0", 8) +
                      std::string("\2\0", 2) + static_cast<char>(name.size()) + std::string(1, 0) + padded + number(0));
}

struct Read {
  FrameNumber frame;
  Nanoseconds time;
  std::uint32_t interface;
  std::string bytes;
  std::string file;
  FrameNumber file_frame;

  friend bool operator==(const Read&, const Read&) = default;
};

std::vector<Read> read_rest(CaptureSet& set, Slot& slot) {
  std::vector<Read> all;
  while (set.next(slot)) {
    const auto& captured = slot.packet.bytes.captured;
    all.push_back({slot.packet.frame, slot.packet.time, slot.packet.interface, std::string(captured.begin(), captured.end()),
                   std::filesystem::path(set.files()[slot.place.file]).filename().string(), slot.place.frame});
  }
  return all;
}

std::vector<Read> read_all(CaptureSet& set) {
  Slot slot;
  return read_rest(set, slot);
}

/// "file frame", for each packet.
std::vector<std::string> places(CaptureSet& set) {
  std::vector<std::string> all;
  for (const Read& packet : read_all(set)) all.push_back(packet.file + " " + std::to_string(packet.file_frame));
  return all;
}

class CaptureSetTest : public ::testing::Test {
 protected:
  CaptureSetTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpwhy-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~CaptureSetTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  /// A file with one packet at each of these times, in milliseconds.
  std::string write_packets(const std::string& name, const std::vector<int>& times) const {
    return write(name, tests::to_pcapng(packets_at(times)));
  }
  static tests::Capture packets_at(const std::vector<int>& times) {
    tests::Capture capture;
    for (const int time : times) {
      tests::Packet packet;
      packet.time = kBegin + time * kMillisecond;
      packet.source = {ipv4(0x0a000001), 40'000};
      packet.destination = {ipv4(0x0a000002), 80};
      packet.flags = kAck;
      packet.payload = std::to_string(time);
      capture.packets.push_back(packet);
    }
    return capture;
  }

  std::filesystem::path folder_;
};

auto problem(const std::string& file, const std::string& what, FrameNumber after = 0) {
  return AllOf(Field("file", &Problem::file, HasSubstr(file)), Field("what", &Problem::what, HasSubstr(what)),
               Field("after_frame", &Problem::after_frame, after));
}

TEST_F(CaptureSetTest, EveryCaptureOfTheProjectIsReadAsItsBytesSay) {
  for (const auto& folder : std::filesystem::directory_iterator(kCaptures)) {
    for (const char* name : {"capture.pcap", "capture.pcapng"}) {
      const auto file = folder.path() / name;
      if (!std::filesystem::exists(file)) continue;
      SCOPED_TRACE(file.string());
      CaptureSet set({file.string()});
      const std::vector<Read> read = read_all(set);
      const std::vector<tests::Frame> frames = tests::read_capture(file);
      ASSERT_EQ(read.size(), frames.size());
      for (std::size_t i = 0; i < read.size(); ++i) {
        ASSERT_EQ(read[i].frame, i + 1);
        ASSERT_EQ(read[i].time, frames[i].time);
        ASSERT_EQ(read[i].bytes, frames[i].bytes);
      }
      EXPECT_THAT(set.problems(), IsEmpty());
      EXPECT_EQ(set.bytes_read(), set.bytes_in_all());
    }
  }
}

TEST_F(CaptureSetTest, ARingBufferIsReadInTheOrderOfTimeHoweverItsFilesAreNamed) {
  const std::string second = write_packets("a", {30, 40});
  const std::string first = write_packets("b", {10, 20});
  CaptureSet set({second, first});
  EXPECT_THAT(places(set), ElementsAre("b 1", "b 2", "a 1", "a 2"));
  EXPECT_THAT(set.files(), ElementsAre(first, second));
}

TEST_F(CaptureSetTest, FilesThatOverlapAreReadSideBySide) {
  CaptureSet set({write_packets("a", {10, 30, 50}), write_packets("b", {20, 30, 40})});
  EXPECT_THAT(places(set), ElementsAre("a 1", "b 1", "a 2", "b 2", "b 3", "a 3"));
}

TEST_F(CaptureSetTest, AClockThatStepsBackLeavesTheOrderWithinItsFile) {
  CaptureSet set({write_packets("a", {10, 50, 20, 60}), write_packets("b", {30, 40, 70})});
  EXPECT_THAT(places(set), ElementsAre("a 1", "b 1", "b 2", "a 2", "a 3", "a 4", "b 3"));
}

TEST_F(CaptureSetTest, WhereTimesAreEqualHost2ComesBeforeHost10) {
  write_packets("host-10", {10});
  write_packets("host-2", {10});
  write_packets("host-1", {10});
  CaptureSet set({folder_.string()});
  EXPECT_THAT(places(set), ElementsAre("host-1 1", "host-2 1", "host-10 1"));
}

TEST_F(CaptureSetTest, OnlyFilesWhoseTimeHasComeAreOpen) {
  for (int i = 0; i < 50; ++i) write_packets("part-" + std::to_string(i), {10 * i, 10 * i + 5});
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  CaptureSet set({path("part-*")});
  Slot slot;
  std::size_t count = 0;
  for (; set.next(slot); ++count) EXPECT_LE(open_files(), before + 2);
  EXPECT_EQ(count, 100U);
}

TEST_F(CaptureSetTest, InterfacesThatAreDescribedAlikeAreOne) {
  const std::string section = tests::to_pcapng({}).substr(0, 28);
  const std::string packets = tests::to_pcapng(packets_at({10}));
  const std::string packet = packets.substr(packets.find(block(6, "").substr(0, 4), 28 + 20));
  const auto on = [&](const std::vector<std::string>& names, std::uint32_t number_of_it) {
    std::string file = section;
    for (const std::string& name : names) file += interface_block(name);
    std::string moved = packet;
    return file + moved.replace(8, 4, number(number_of_it));
  };
  CaptureSet set({write("a", on({"eth0", "eth1"}, 1)), write("b", on({"eth1"}, 0)), write("c", on({"eth2"}, 0))});
  const std::vector<Read> read = read_all(set);
  ASSERT_THAT(read, SizeIs(3));
  EXPECT_EQ(read[0].interface, 1U);
  EXPECT_EQ(read[1].interface, 1U);
  EXPECT_EQ(read[2].interface, 2U);
  EXPECT_THAT(set.interfaces(), SizeIs(3));
}

TEST_F(CaptureSetTest, AFileThatIsCutGivesWhatStandsBeforeTheCut) {
  const std::string whole = tests::to_pcapng(packets_at({10, 20, 30}));
  const std::string cut = write("cut", whole.substr(0, whole.size() - 10));
  CaptureSet set({cut, write_packets("whole", {40})});
  EXPECT_THAT(places(set), ElementsAre("cut 1", "cut 2", "whole 1"));
  EXPECT_THAT(set.problems(), ElementsAre(problem("cut", "cut short in the middle of packet 3", 2)));
}

TEST_F(CaptureSetTest, AFileThatIsDamagedGivesWhatStandsBeforeTheDamage) {
  std::string bytes = tests::to_pcapng(packets_at({10, 20, 30}));
  const std::size_t third = bytes.rfind(number(6), bytes.size() - 8);
  bytes.replace(third + 4, 4, number(7));
  CaptureSet set({write("damaged", bytes), write_packets("whole", {40})});
  EXPECT_THAT(places(set), ElementsAre("damaged 1", "damaged 2", "whole 1"));
  EXPECT_THAT(set.problems(), ElementsAre(problem("damaged", "damaged at packet 3", 2)));
}

TEST_F(CaptureSetTest, WhatCannotBeReadIsListedAndTheOthersAreRead) {
  const std::string text = write("text", "Nothing was captured here.\n");
  const std::string empty = write("empty", "");
  std::filesystem::create_directory(path("folder"));
  CaptureSet set({path("missing"), text, write_packets("whole", {10}), empty, path("*.none"), path("folder")});
  EXPECT_THAT(places(set), ElementsAre("whole 1"));
  EXPECT_THAT(set.problems(),
              ElementsAre(problem("missing", "No such file"), problem("text", "not a capture file"), problem("empty", "empty"),
                          problem("*.none", "no file has such a name"), problem("folder", "a folder without files")));
}

TEST_F(CaptureSetTest, WhatElseLiesInAFolderIsPassedOver) {
  write("notes.txt", "See the other file.\n");
  write("report.json", "{\"packets\": [1, 2, 3]}\n");
  write("empty", "");
  write(".whole.partial", tests::to_pcapng(packets_at({10})));
  write_packets("whole", {10});
  CaptureSet set({folder_.string()});
  EXPECT_THAT(places(set), ElementsAre("whole 1"));
  EXPECT_THAT(set.problems(), IsEmpty());
}

TEST_F(CaptureSetTest, AFolderOfOtherThingsOnlyIsAProblem) {
  write("notes.txt", "See elsewhere.\n");
  CaptureSet set({folder_.string()});
  EXPECT_THAT(read_all(set), IsEmpty());
  EXPECT_THAT(set.problems(), ElementsAre(problem(folder_.string(), "a folder without captures")));
}

TEST_F(CaptureSetTest, AnHourWithoutPacketsIsNoProblem) {
  CaptureSet set({write_packets("quiet", {}), write_packets("busy", {10})});
  EXPECT_THAT(places(set), ElementsAre("busy 1"));
  EXPECT_THAT(set.problems(), IsEmpty());
}

TEST_F(CaptureSetTest, AFileThatIsNamedTwiceIsReadOnce) {
  const std::string file = write_packets("a", {10});
  CaptureSet set({file, folder_.string(), path("*")});
  EXPECT_THAT(places(set), ElementsAre("a 1"));
}

TEST_F(CaptureSetTest, ACompressedFileIsReadLikeAnyOther) {
  const std::string file = write_packets("a", {10, 20});
  ASSERT_EQ(std::system(("gzip " + file).c_str()), 0);
  CaptureSet set({file + ".gz"});
  EXPECT_THAT(places(set), ElementsAre("a.gz 1", "a.gz 2"));
  EXPECT_EQ(set.bytes_read(), set.bytes_in_all());
}

TEST_F(CaptureSetTest, ARecordThatIsNoPacketHasANumberToo) {
  const std::string journal = block(9, "__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hello\n");
  const std::string packets = tests::to_pcapng(packets_at({10, 20}));
  const std::size_t second = packets.rfind(number(6), packets.size() - 8);
  CaptureSet set({write("a", packets.substr(0, second) + journal + packets.substr(second))});
  Slot slot;
  ASSERT_TRUE(set.next(slot));
  ASSERT_TRUE(set.next(slot));
  EXPECT_EQ(slot.packet.frame, 2U);
  EXPECT_EQ(slot.packet.link, LinkLayer::unknown);
  EXPECT_THAT(slot.packet.bytes.captured, IsEmpty());
  ASSERT_TRUE(set.next(slot));
  EXPECT_EQ(slot.packet.frame, 3U);
  EXPECT_EQ(slot.packet.link, LinkLayer::ethernet);
}

TEST_F(CaptureSetTest, APacketWithoutATimeFollowsTheOneBeforeIt) {
  const std::string packets = tests::to_pcapng(packets_at({10, 20}));
  const std::size_t second = packets.rfind(number(6), packets.size() - 8);
  const std::string timeless = block(3, number(60) + std::string(60, '\0'));
  CaptureSet set({write("a", packets.substr(0, second) + timeless + packets.substr(second)), write_packets("b", {5, 15})});
  const std::vector<Read> read = read_all(set);
  ASSERT_THAT(read, SizeIs(5));
  EXPECT_EQ(read[2].file, "a");
  EXPECT_EQ(read[2].time, 0);
  EXPECT_EQ(read[3].file, "b");
}

TEST_F(CaptureSetTest, ASecondReadingIsTheFirstOneOverAgain) {
  const std::string growing = write_packets("a", {10, 30});
  CaptureSet set({growing, write_packets("b", {20, 40})});
  const std::vector<Read> first = read_all(set);
  ASSERT_THAT(first, SizeIs(4));
  // Who captures goes on meanwhile.
  std::ofstream(growing, std::ios::binary | std::ios::app) << tests::to_pcapng(packets_at({50}));
  set.rewind();
  EXPECT_EQ(read_all(set), first);
}

TEST_F(CaptureSetTest, ASecondReadingOfWhatWasStoppedEndsWhereTheFirstDid) {
  CaptureSet set({write_packets("a", {10, 30}), write_packets("b", {20, 40})});
  Slot slot;
  ASSERT_TRUE(set.next(slot));
  ASSERT_TRUE(set.next(slot));
  set.stop();
  EXPECT_FALSE(set.next(slot));
  set.rewind();
  EXPECT_THAT(places(set), ElementsAre("a 1", "b 1"));
}

TEST_F(CaptureSetTest, WhereFrameNumbersEndTheRestIsAProblem) {
  const std::string a = write_packets("a", {10, 20});
  const std::string b = write_packets("b", {30, 40, 50});
  CaptureSet enough({a, b}, 5);
  EXPECT_THAT(read_all(enough), SizeIs(5));
  EXPECT_THAT(enough.problems(), IsEmpty());
  CaptureSet set({a, b}, 4);
  EXPECT_THAT(read_all(set), SizeIs(4));
  EXPECT_THAT(set.problems(), ElementsAre(problem("b", "more than 4 packets in all", 2)));
  set.rewind();
  EXPECT_THAT(read_all(set), SizeIs(4));
  EXPECT_THAT(set.problems(), SizeIs(1));
}

/// Somebody who captures into a pipe, and takes his time.
class Pipe {
 public:
  explicit Pipe(const std::string& path) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    fd_ = open(path.c_str(), O_RDWR);
  }
  ~Pipe() { close(); }
  void write(const std::string& bytes) const {
    EXPECT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

TEST_F(CaptureSetTest, APacketFromAPipeIsReadBeforeTheNextOneComes) {
  const std::string packets = tests::to_pcapng(packets_at({10, 20}));
  const std::size_t second = packets.rfind(number(6), packets.size() - 8);
  Pipe pipe(path("pipe"));
  CaptureSet set({path("pipe")});
  EXPECT_TRUE(set.is_live());
  EXPECT_FALSE(set.can_rewind());
  // The next one has come in part: that is told from a file that is cut by its going on.
  pipe.write(packets.substr(0, second + 20));
  Slot slot;
  ASSERT_TRUE(set.next(slot));
  EXPECT_EQ(slot.packet.frame, 1U);
  auto next = std::async(std::launch::async, [&] { return set.next(slot); });
  EXPECT_EQ(next.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  pipe.write(packets.substr(second + 20));
  EXPECT_TRUE(next.get());
  pipe.close();
  EXPECT_FALSE(set.next(slot));
  EXPECT_THAT(set.problems(), IsEmpty());
}

TEST_F(CaptureSetTest, APipeThatBreaksOffWithinAPacketIsCut) {
  const std::string packets = tests::to_pcapng(packets_at({10, 20}));
  Pipe pipe(path("pipe"));
  CaptureSet set({path("pipe")});
  pipe.write(packets.substr(0, packets.size() - 30));
  pipe.close();
  EXPECT_THAT(read_all(set), SizeIs(1));
  EXPECT_THAT(set.problems(), ElementsAre(problem("pipe", "cut short in the middle of packet 2", 1)));
}

TEST_F(CaptureSetTest, StopEndsAReadThatWaits) {
  Pipe pipe(path("pipe"));
  CaptureSet set({path("pipe")});
  const std::string packets = tests::to_pcapng(packets_at({10, 20}));
  pipe.write(packets.substr(0, packets.size() - 30));
  Slot slot;
  ASSERT_TRUE(set.next(slot));
  auto next = std::async(std::launch::async, [&] { return set.next(slot); });
  EXPECT_EQ(next.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  set.stop();
  EXPECT_EQ(next.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_FALSE(next.get());
  EXPECT_THAT(set.problems(), IsEmpty());
}

TEST_F(CaptureSetTest, APipeThatNothingComesFromIsEmpty) {
  Pipe pipe(path("pipe"));
  CaptureSet set({path("pipe")});
  pipe.close();
  EXPECT_THAT(read_all(set), IsEmpty());
  EXPECT_THAT(set.problems(), ElementsAre(problem("pipe", "empty")));
}

}  // namespace
}  // namespace tcpwhy::batch
