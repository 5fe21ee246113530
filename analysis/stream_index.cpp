#include "stream_index.h"

#include <algorithm>
#include <utility>

namespace tcpwhy {

StreamIndex::Key StreamIndex::key_of(const Segment& segment) {
  const std::uint64_t from = hash_of(segment.source);
  const std::uint64_t to = hash_of(segment.destination);
  const bool from_low = from < to || (from == to && segment.source.port <= segment.destination.port);
  return {from_low ? from * 31 + to : to * 31 + from, from_low};
}

std::optional<StreamNumber> StreamIndex::number(const Segment& segment, const Key& key, Sight sight) {
  bool made = false;
  Entry* const found = find(key.tuple, sight != Sight::stub, made);
  if (found == nullptr) return std::nullopt;
  Entry& entry = *found;
  if (sight == Sight::stub) return StreamNumber{entry.stream};
  const unsigned sender = key.from_low ? 0 : 1;
  const unsigned receiver = 1 - sender;
  const auto base_known = [&](unsigned side) { return (entry.base_known >> side & 1U) != 0; };
  const auto set_base = [&](unsigned side, SequenceNumber base) {
    entry.base[side] = base;
    entry.base_known = static_cast<StreamNumber>(entry.base_known | 1U << side) & 3U;
  };

  const bool opens = segment.has(kSyn) && !segment.has(kAck) && base_known(sender);
  const bool anew = entry.base[sender] != segment.seq || (rule_ == Rule::by_number_or_end && entry.ended != 0);
  if (opens && anew) {
    entry.stream = next_++ & kStreamBits;
    entry.base_known = 0;
    entry.ended = 0;
  }
  if (sight == Sight::whole) {
    const bool answers = segment.has(kSyn) && segment.has(kAck);
    if (!base_known(sender) || answers) set_base(sender, segment.has(kSyn) ? segment.seq : segment.seq - 1);
    if (segment.has(kAck) && !base_known(receiver)) set_base(receiver, segment.ack - 1);
  }
  const bool ends = segment.has(kRst) || (segment.has(kFin) && segment.has(kAck));
  if (ends && !made) entry.ended = 1;
  return StreamNumber{entry.stream};
}

StreamIndex::Entry* StreamIndex::find(std::uint64_t key, bool make, bool& made) {
  for (std::size_t at = home(static_cast<std::uint32_t>(key));; at = (at + 1) & (entries_.size() - 1)) {
    Entry& entry = entries_[at];
    if (entry.used != 0) {
      if (!is(entry, key)) continue;
      entry.recent = 1;
      return &entry;
    }
    if (!make) return nullptr;
    if (is_full()) {
      make_room();
      return find(key, make, made);
    }
    made = true;
    ++used_;
    entry.low = static_cast<std::uint32_t>(key);
    entry.high = key >> 32 & 0xfffffffU;
    entry.used = 1;
    entry.recent = 1;
    entry.stream = next_++ & kStreamBits;
    return &entry;
  }
}

/// Clears out, or doubles the room where little would be won by it: soon it would be needed again.
void StreamIndex::make_room() {
  const bool at_limit = entries_.size() >= kMostRoom;
  const auto stays = [at_limit](const Entry& entry) {
    return entry.used != 0 && (entry.recent != 0 || (entry.ended == 0 && !at_limit));
  };
  const auto staying = static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), stays));
  const bool clear_out = entries_.size() >= kEnoughRoom && staying * 2 <= used_;
  const Table old = std::exchange(entries_, Table(clear_out || at_limit ? entries_.size() : entries_.size() * 2));
  used_ = 0;
  for (const Entry& entry : old) {
    if (clear_out || at_limit ? !stays(entry) : entry.used == 0) continue;
    std::size_t at = home(entry.low);
    while (entries_[at].used != 0) at = (at + 1) & (entries_.size() - 1);
    entries_[at] = entry;
    entries_[at].recent = 0;
    ++used_;
  }
  // Everybody was heard: of so many none is told apart by that.
  if (is_full()) {
    entries_.assign(entries_.size(), Entry{});
    used_ = 0;
  }
}

}  // namespace tcpwhy
