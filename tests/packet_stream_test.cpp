// Packets come in their order, taken apart and numbered, whichever thread did it.
#include "batch/packet_stream.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "packet/decoder.h"

namespace tcpwhy::batch {
namespace {

using Helper = PacketStream::Helper;

/// Every capture of the project, as one.
std::vector<std::string> everything() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::path(TCPWHY_SOURCE_DIR) / "captures")) {
    if (entry.path().filename().string().starts_with("capture.pcap")) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string to_text(const Slot& slot, const Sighting* sighting) {
  if (sighting == nullptr) return fmt::format("{} at {}: no TCP", slot.packet.frame, slot.packet.time);
  const PayloadFacts facts = facts_of(sighting->read);
  return fmt::format("{} at {}: kind {}, stream {}, {} > {}, seq {}, {} bytes of kind {}, {}", slot.packet.frame,
                     slot.packet.time, static_cast<int>(sighting->kind), sighting->stream, to_string(sighting->read.source),
                     to_string(sighting->read.destination), sighting->read.seq.raw(), sighting->read.length,
                     static_cast<int>(facts.kind), facts.fingerprint);
}

std::vector<std::string> in_one_thread() {
  CaptureSet captures(everything());
  StreamNumbers streams;
  std::vector<std::string> packets;
  Sighting sighting;
  for (Slot slot; captures.next(slot);) {
    const bool shows_tcp = decode(slot.packet, sighting);
    const auto stream = shows_tcp ? streams.number(sighting) : std::nullopt;
    sighting.stream = stream.value_or(0);
    packets.push_back(to_text(slot, stream ? &sighting : nullptr));
  }
  return packets;
}

std::vector<std::string> through(Helper helper) {
  CaptureSet captures(everything());
  PacketStream stream(captures, helper);
  std::vector<std::string> packets;
  for (Batch batch = stream.next(); batch.size() > 0; batch = stream.next()) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      packets.push_back(to_text(batch.slots[i], batch.shows_tcp[i] != 0 ? &batch.sightings[i] : nullptr));
    }
  }
  return packets;
}

TEST(PacketStream, SaysOfEachPacketWhatOneThreadWould) {
  const std::vector<std::string> expected = in_one_thread();
  ASSERT_GT(expected.size(), 10'000U) << "many times what the ring holds";
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(through(Helper::no), expected);
    EXPECT_EQ(through(Helper::yes), expected);
  }
}

TEST(PacketStream, HasAHelperWhereThereIsAThirdProcessor) {
  EXPECT_EQ(PacketStream::helper_for(0), Helper::no) << "how many there are isn't known";
  EXPECT_EQ(PacketStream::helper_for(2), Helper::no);
  EXPECT_EQ(PacketStream::helper_for(3), Helper::yes);
}

TEST(PacketStream, MayBeLeftInTheMiddle) {
  for (const Helper helper : {Helper::no, Helper::yes}) {
    for (const std::size_t batches : {0U, 1U, 7U}) {
      CaptureSet captures(everything());
      PacketStream stream(captures, helper);
      for (std::size_t i = 0; i < batches; ++i) EXPECT_GT(stream.next().size(), 0U);
    }
  }
}

TEST(PacketStream, EndsWhereTheReadingIsStopped) {
  for (const Helper helper : {Helper::no, Helper::yes}) {
    CaptureSet captures(everything());
    PacketStream stream(captures, helper);
    std::size_t count = stream.next().size();
    captures.stop();
    for (Batch batch = stream.next(); batch.size() > 0; batch = stream.next()) count += batch.size();
    EXPECT_LT(count, 10'000U);
    EXPECT_EQ(stream.next().size(), 0U) << "asked again";
  }
}

}  // namespace
}  // namespace tcpwhy::batch
