#include "part.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "interfaces.h"
#include "packet/decoder.h"
#include "part_format.h"
#include "payload.h"

namespace tcpwhy::batch {
namespace {

/// FNV-1a.
std::uint64_t share_hash(const Endpoint& endpoint) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (std::size_t i = 0; i < endpoint.address.length; ++i) add(endpoint.address.bytes[i]);
  add(static_cast<std::uint8_t>(endpoint.port >> 8));
  add(static_cast<std::uint8_t>(endpoint.port & 0xff));
  return hash;
}

/// The interfaces of the packets in a part. Each source's are its own, however alike they look: only whoever merges knows whether
/// there are several sources, of which they are one.
class PartInterfaces {
 public:
  PartInterfaces() = default;
  ~PartInterfaces() {
    for (wtap_block_t block : blocks_) wtap_block_unref(block);
  }
  PartInterfaces(const PartInterfaces&) = delete;
  PartInterfaces& operator=(const PartInterfaces&) = delete;

  std::uint32_t number_of(const Slot& slot, const std::vector<wtap_block*>& interfaces) {
    const auto [known, is_new] =
        numbers_.try_emplace({slot.place.file, slot.own_interface, slot.interface}, static_cast<std::uint32_t>(blocks_.size()));
    if (is_new) {
      const bool is_packet = slot.interface != Slot::kNoInterface;
      wtap_block_t original = is_packet ? wtap_block_ref(interfaces[slot.interface]) : make_interface(WTAP_ENCAP_ETHERNET);
      blocks_.push_back(make_part_interface(original, slot.own_interface));
      wtap_block_unref(original);
    }
    return known->second;
  }
  [[nodiscard]] const std::vector<wtap_block*>& blocks() const { return blocks_; }

 private:
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> numbers_;
  std::vector<wtap_block*> blocks_;
};

/// Leaves of a record what the core needs.
void reduce(Slot& slot, std::size_t bytes, const PartNumbers& numbers, bool several_sources) {
  wtap_rec& record = slot.record().header();
  if (record.rec_type != REC_TYPE_PACKET) become_packet(record, WTAP_ENCAP_ETHERNET);
  if ((record.presence_flags & WTAP_HAS_TS) == 0) {
    record.ts = {};
    record.presence_flags |= WTAP_HAS_TS;
  }
  wtap_packet_header& header = record.rec_header.packet_header;
  if (bytes == 0) slot.record().put_one_byte();
  header.len = std::max(header.len, header.caplen);
  if (bytes != 0) header.caplen = static_cast<std::uint32_t>(bytes);
  put_numbers(record, numbers, several_sources);
}

/// The record that says that nothing is missing.
void write_end(CaptureWriter& writer, Slot& slot, PartInterfaces& interfaces, const CaptureSet& captures) {
  wtap_rec& record = slot.record().header();
  become_packet(record, WTAP_ENCAP_ETHERNET);
  slot.record().put_one_byte();
  record.rec_header.packet_header.len = 1;
  record.presence_flags |= WTAP_HAS_TS;
  if (record.block != nullptr) wtap_block_unref(record.block);
  record.block = wtap_block_create(WTAP_BLOCK_PACKET);
  add_comment(slot, to_end(captures.problems_of_sources()));
  slot.place = {};
  slot.own_interface = 0;
  slot.interface = Slot::kNoInterface;
  slot.interface = interfaces.number_of(slot, captures.interfaces());
  writer.write(slot, interfaces.blocks());
}

/// A larger part has no way to say that a part of it was cut.
void refuse_if_lost(const CaptureSet& captures, const std::string& file) {
  if (!captures.lost()) return;
  throw WriteError(fmt::format("cannot write {}: it would hide that something of {} is missing", file, *captures.lost()));
}

}  // namespace

std::uint32_t shard_of(const Sighting* tcp, std::uint32_t count) {
  if (tcp == nullptr) return 0;
  std::uint64_t hash = share_hash(tcp->read.source) + share_hash(tcp->read.destination);
  hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9U;
  return static_cast<std::uint32_t>((hash >> 32) % count);
}

std::size_t bytes_needed(const Packet& packet, const Sighting* tcp) {
  if (tcp == nullptr) return 0;
  const std::size_t all = packet.bytes.captured.size();
  const Segment& segment = tcp->read;
  // A reset may carry a text, and have another one behind it.
  if (tcp->kind != Sighting::segment || segment.has(kRst) || segment.payload.empty()) return all;
  const auto payload = static_cast<std::size_t>(segment.payload.data() - packet.bytes.captured.data());
  return payload + payload_needed(segment.payload, segment.length);
}

PartCount write_part(CaptureSet& captures, const std::string& file, std::uint32_t shard, std::uint32_t count,
                     const PartProgress& progress) {
  constexpr std::uint64_t kNowAndThen = 4'096;
  PartHeader header{captures.sources(), {{shard}, count}};
  const bool merging = captures.is_of_parts();
  if (merging) {
    refuse_if_lost(captures, file);
    const auto share = captures.share();
    if (!share) throw WriteError(fmt::format("cannot write {}: shares of several captures are missing", file));
    header.share = *share;
  }
  if (header.sources.size() > kMostSources) throw WriteError(fmt::format("cannot write {}: too many files", file));
  const bool several = header.sources.size() > 1;
  CaptureWriter writer(file, "tcpwhy " TCPWHY_VERSION, to_comments(header));
  PartInterfaces interfaces;
  PartCount done;
  Slot slot;
  Sighting sighting;
  while (captures.next(slot)) {
    ++done.frames;
    if (progress && done.frames % kNowAndThen == 0) progress(done.frames, captures.bytes_read());
    const Sighting* tcp = decode(slot.packet, sighting) ? &sighting : nullptr;
    if (!merging && shard_of(tcp, count) != shard) continue;
    const PartNumbers numbers{slot.packet.frame, slot.place.frame, slot.place.file};
    slot.interface = interfaces.number_of(slot, captures.interfaces());
    reduce(slot, bytes_needed(slot.packet, tcp), numbers, several);
    writer.write(slot, interfaces.blocks());
    ++done.written;
  }
  if (captures.stopped()) throw WriteError(fmt::format("cannot write {}: stopped before all was read", file));
  refuse_if_lost(captures, file);
  write_end(writer, slot, interfaces, captures);
  writer.close();
  return done;
}

}  // namespace tcpwhy::batch
