// What is written to a file is all there or not there at all, and what is carved is what was asked for.
#include "batch/carver.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "analyzer.h"
#include "batch/interruption.h"
#include "batch/stream_numbers.h"
#include "batch/wtap_compat.h"
#include "settings.h"

namespace tcpwhy::batch {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const std::filesystem::path kCaptures = std::filesystem::path(TCPWHY_SOURCE_DIR) / "captures";
const std::string kRace = (kCaptures / "keepalive_race_server_side/capture.pcap").string();

struct Written {
  std::string bytes;
  Nanoseconds time;
  std::uint32_t interface;
  std::vector<std::string> comments;
};

std::vector<std::string> comments_of(Slot& slot) {
  std::vector<std::string> comments;
  wtap_block_t block = slot.record().header().block;
  char* comment = nullptr;
  for (unsigned i = 0; block != nullptr &&
                       wtap_block_get_nth_string_option_value(block, OPT_COMMENT, i, &comment) == WTAP_OPTTYPE_SUCCESS;
       ++i) {
    comments.emplace_back(comment);
  }
  return comments;
}

std::vector<Written> read_back(const std::vector<std::string>& names) {
  CaptureSet set(names);
  std::vector<Written> all;
  for (Slot slot; set.next(slot);) {
    const auto& captured = slot.packet.bytes.captured;
    all.push_back({{captured.begin(), captured.end()}, slot.packet.time, slot.interface, comments_of(slot)});
  }
  EXPECT_THAT(set.problems(), IsEmpty());
  return all;
}

StreamNumbering numbering() {
  return [streams = StreamNumbers()](const Sighting& sighting) mutable { return streams.number(sighting).value_or(0xffffffff); };
}

class CarverTest : public ::testing::Test {
 protected:
  CarverTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpwhy-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~CarverTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename().string());
    return names;
  }
  /// Copies all packets of captures to a file, which is not closed.
  static void copy(CaptureSet& set, CaptureWriter& writer) {
    for (Slot slot; set.next(slot);) writer.write(slot, set.interfaces());
  }

  std::filesystem::path folder_;
};

TEST_F(CarverTest, WhatIsCopiedIsTheSame) {
  const std::vector<std::string> names = {(kCaptures / "both_ends_idle_state_lost").string(), kRace};
  CaptureSet set(names);
  CaptureWriter writer(path("copy.pcapng"));
  copy(set, writer);
  writer.close();
  const std::vector<Written> before = read_back(names);
  const std::vector<Written> after = read_back({path("copy.pcapng")});
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].bytes, before[i].bytes);
    EXPECT_EQ(after[i].time, before[i].time);
    EXPECT_EQ(after[i].interface, before[i].interface);
  }
}

TEST_F(CarverTest, ANameThatEndsInGzIsCompressed) {
  CaptureSet set({kRace});
  CaptureWriter writer(path("copy.pcapng.gz"));
  copy(set, writer);
  writer.close();
  EXPECT_LT(std::filesystem::file_size(path("copy.pcapng.gz")), std::filesystem::file_size(kRace));
  EXPECT_EQ(read_back({path("copy.pcapng.gz")}).size(), writer.count());
}

TEST_F(CarverTest, CommentsAreAddedToThoseThatAPacketHas) {
  const std::string once = path("once.pcapng");
  const std::string twice = path("twice.pcapng");
  const auto comment_on_all = [](const std::string& from, const std::string& to, const std::string& comment) {
    CaptureSet set({from});
    CaptureWriter writer(to);
    for (Slot slot; set.next(slot);) {
      add_comment(slot, comment);
      writer.write(slot, set.interfaces());
    }
    writer.close();
  };
  comment_on_all(kRace, once, "first");
  comment_on_all(once, twice, "second");
  for (const Written& packet : read_back({twice})) EXPECT_THAT(packet.comments, ElementsAre("first", "second"));
}

TEST_F(CarverTest, NothingStandsUnderTheNameUntilAllIsWritten) {
  CaptureSet set({kRace});
  {
    CaptureWriter writer(path("copy.pcapng"));
    copy(set, writer);
    EXPECT_THAT(files(), ElementsAre(StartsWith(".copy.pcapng.")));
  }
  EXPECT_THAT(files(), IsEmpty());
}

/// The first signal stops reading; who sends a second one won't wait for what follows from that.
TEST_F(CarverTest, WhoIsToldTwiceToEndLeavesNoHalfFile) {
  for (const int impatience : {SIGINT, SIGTERM}) {
    const pid_t child = fork();
    if (child == 0) {
      CaptureSet set({kRace});
      const Interruption interruption(set);
      const CaptureWriter writer(path("copy.pcapng"));
      raise(SIGTERM);
      if (!set.stopped() || files().empty()) _exit(1);
      raise(impatience);
      _exit(2);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    EXPECT_EQ(WTERMSIG(status), impatience);
    EXPECT_THAT(files(), IsEmpty());
  }
}

TEST_F(CarverTest, WhatStoodUnderTheNameStaysUntilAllIsWritten) {
  std::ofstream(path("copy.pcapng")) << "before";
  CaptureSet set({kRace});
  CaptureWriter writer(path("copy.pcapng"));
  copy(set, writer);
  EXPECT_EQ(std::filesystem::file_size(path("copy.pcapng")), 6U);
  writer.close();
  EXPECT_THAT(files(), ElementsAre("copy.pcapng"));
  EXPECT_GT(std::filesystem::file_size(path("copy.pcapng")), 6U);
}

TEST_F(CarverTest, ALinkStaysALink) {
  std::ofstream(path("target")) << "before";
  std::filesystem::create_symlink(path("target"), path("link"));
  CaptureSet set({kRace});
  CaptureWriter writer(path("link"));
  copy(set, writer);
  writer.close();
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_GT(std::filesystem::file_size(path("target")), 6U);
}

TEST_F(CarverTest, WhereNoFileCanBeThatIsSaid) {
  std::filesystem::create_directory(path("folder"));
  for (const std::string& name : {path("missing/copy.pcapng"), path("folder"), std::string("/dev/null")}) {
    try {
      const CaptureWriter writer(name);
      ADD_FAILURE() << name;
    } catch (const WriteError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(name), HasSubstr("cannot write")));
    }
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

/// Runs where files can't grow beyond `limit` bytes: the disk is full. Returns what `write` does in 0 to 255.
int with_full_disk(std::size_t limit, const std::function<int()>& write) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{limit, limit};
    setrlimit(RLIMIT_FSIZE, &none);
    _exit(write());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(CarverTest, WhereTheDiskIsFullThereIsNoFile) {
  for (const char* name : {"copy.pcapng", "copy.pcapng.gz"}) {
    const std::size_t size = [&] {
      CaptureSet set({kRace});
      CaptureWriter writer(path(name));
      copy(set, writer);
      writer.close();
      return std::filesystem::file_size(path(name));
    }();
    std::filesystem::remove(path(name));
    // Within the header, among the packets, and so late that only closing notices.
    for (const std::size_t limit : {std::size_t{0}, std::size_t{10}, size / 2, size - 30, size - 9, size - 8, size - 4, size - 1}) {
      const int result = with_full_disk(limit, [&] {
        try {
          CaptureSet set({kRace});
          CaptureWriter writer(path(name));
          copy(set, writer);
          writer.close();
          return 1;
        } catch (const WriteError& error) {
          return std::string_view(error.what()).find(name) != std::string_view::npos ? 0 : 2;
        }
      });
      EXPECT_EQ(result, 0) << name << " " << limit;
      EXPECT_THAT(files(), IsEmpty());
    }
  }
}

/// All findings of a capture, and how many packets each stream has.
std::vector<Finding> findings_of(CaptureSet& set, std::vector<std::uint64_t>& packets) {
  Analyzer analyzer{Settings{}};
  Sighting sighting;
  const StreamNumbering number = numbering();
  for (Slot slot; set.next(slot);) {
    if (!decode(slot.packet, sighting)) continue;
    sighting.read.stream = sighting.error.stream = number(sighting);
    packets.resize(std::max<std::size_t>(packets.size(), sighting.read.stream + 1));
    ++packets[sighting.read.stream];
    if (sighting.kind == Sighting::segment) analyzer.observe(sighting.read);
    if (sighting.kind == Sighting::quotation) analyzer.observe(sighting.error);
  }
  analyzer.finish();
  std::vector<Finding> findings;
  analyzer.for_each_finding([&](const Finding& finding) { findings.push_back(finding); });
  return findings;
}

TEST_F(CarverTest, AStreamIsCarvedWithWhatIsSaidOfIt) {
  CaptureSet set({kRace});
  std::vector<std::uint64_t> packets;
  const std::vector<Finding> findings = findings_of(set, packets);
  const auto race = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.verdict.diagnosis->id == "keepalive_race";
  });
  ASSERT_NE(race, findings.end());

  CarveOrder order;
  add(*race, order);
  CaptureWriter writer(path("carved.pcapng"));
  EXPECT_EQ(carve(set, order, numbering(), writer), packets[race->stream]);
  writer.close();

  const std::vector<Written> carved = read_back({path("carved.pcapng")});
  std::vector<std::string> comments;
  for (const Written& packet : carved) comments.insert(comments.end(), packet.comments.begin(), packet.comments.end());
  EXPECT_THAT(comments, SizeIs(race->proofs.size()));
  EXPECT_THAT(comments, Contains(AllOf(StartsWith("tcpwhy: keepalive_race ("), HasSubstr(" Fix: "),
                                       HasSubstr("frame " + std::to_string(race->verdict.deciding_frame) + " of the original"),
                                       HasSubstr("its frame " + std::to_string(race->proofs[0].frame) + " is "))));
  EXPECT_THAT(comments, Contains(StartsWith("tcpwhy: stream " + std::to_string(race->stream) + ": ")));
}

TEST(CarveOrderTest, TheRepetitionOfWhatWasLostIsWantedToo) {
  Finding finding;
  finding.stream = 3;
  finding.verdict.diagnosis = catalogue()[0];
  CarveOrder without;
  add(finding, without);
  EXPECT_THAT(without.streams, ElementsAre(3));
  finding.retry.stream = 7;
  finding.retry.frame = 100;
  CarveOrder with;
  add(finding, with);
  EXPECT_THAT(with.streams, UnorderedElementsAre(3, 7));
}

TEST_F(CarverTest, OfSeveralFilesACommentNamesTheOneThatThePacketIsOf) {
  CaptureSet set({(kCaptures / "both_ends_idle_state_lost").string(), kRace});
  Slot slot;
  Sighting sighting;
  while (set.next(slot) && !decode(slot.packet, sighting)) continue;
  const std::string file = std::filesystem::path(set.files()[slot.place.file]).filename().string();
  CarveOrder order;
  order.streams.insert(0);
  order.comments[slot.packet.frame].push_back({"here", {}});
  CaptureWriter writer(path("carved.pcapng"));
  carve(set, order, numbering(), writer);
  writer.close();
  EXPECT_THAT(read_back({path("carved.pcapng")}).at(0).comments,
              ElementsAre("here [frame " + std::to_string(slot.packet.frame) + " of the original, frame " +
                          std::to_string(slot.place.frame) + " of " + file + "]"));
}

TEST_F(CarverTest, WhereNoStreamIsWantedNoPacketIsWritten) {
  CaptureSet set({kRace});
  CaptureWriter writer(path("carved.pcapng"));
  EXPECT_EQ(carve(set, {}, numbering(), writer), 0U);
  writer.close();
  EXPECT_THAT(read_back({path("carved.pcapng")}), IsEmpty());
}

}  // namespace
}  // namespace tcpwhy::batch
