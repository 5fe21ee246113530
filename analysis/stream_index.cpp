#include "stream_index.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace tcpwhy {

bool StreamIndex::number(const Segment& segment, const Key& key, Sight sight, StreamNumber& stream) {
  Entry& place = place_of(key.tuple);
  const bool is_new = place.used == 0;
  if (is_new && sight == Sight::stub) return false;
  Entry& entry = is_new ? add(key.tuple) : place;
  entry.recent = 1;
  stream = entry.stream;
  if (sight == Sight::stub) return true;
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
    stream = entry.stream = next_++ & kStreamBits;
    entry.base_known = 0;
    entry.ended = 0;
  }
  if (sight == Sight::whole) {
    const bool answers = segment.has(kSyn) && segment.has(kAck);
    if (!base_known(sender) || answers) set_base(sender, segment.has(kSyn) ? segment.seq : segment.seq - 1);
    if (segment.has(kAck) && !base_known(receiver)) set_base(receiver, segment.ack - 1);
  }
  const bool ends = segment.has(kRst) || (segment.has(kFin) && segment.has(kAck));
  if (ends && !is_new) entry.ended = 1;
  return true;
}

StreamIndex::Entry& StreamIndex::add(std::uint64_t key) {
  if (is_full()) make_room();
  Entry& entry = place_of(key);
  ++used_;
  entry.low = static_cast<std::uint32_t>(key);
  entry.high = key >> 32 & 0xfffffffU;
  entry.used = 1;
  entry.stream = next_++ & kStreamBits;
  return entry;
}

/// Clears out what is over and was heard longest ago, until half of what the table may hold is free. Room grows where that
/// isn't enough, for what is alive; for what is over no further than to kRoomForEnded.
void StreamIndex::make_room() {
  const auto alive = static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.used != 0 && entry.ended == 0; }));
  if (entries_.size() < kMostRoom && (entries_.size() < kRoomForEnded || alive > half_of(entries_.size()))) grow();
  const std::size_t half = half_of(entries_.size());
  const std::size_t room_for_ended = half - std::min(half, alive);
  const std::uint32_t least_youth = used_ - alive > room_for_ended ? youth_of_ended(room_for_ended) : 0;
  // No room left for all that is alive: who was silent must go, too.
  const bool only_heard = alive > half;
  forget_if([&](const Entry& entry) {
    return entry.ended == 0 ? only_heard && entry.recent == 0 : youth_of(entry) < least_youth;
  });
  // Everybody was heard: of so many none is told apart by that.
  if (used_ > half + half / 2) forget_if([](const Entry&) { return true; });
  for (Entry& entry : entries_) entry.recent = 0;
}

void StreamIndex::grow() {
  const Table old = std::exchange(entries_, Table(entries_.size() * 2));
  for (const Entry& entry : old) {
    if (entry.used == 0) continue;
    std::size_t at = home(entry.low);
    while (entries_[at].used != 0) at = next(at);
    entries_[at] = entry;
  }
}

/// In place, for a second table would be as large as the first one. From a free place on, of which there are always some: no
/// entry moves across it.
template <typename Predicate>
void StreamIndex::forget_if(Predicate is_to_go) {
  const auto free = std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.used == 0; });
  std::size_t at = static_cast<std::size_t>(free - entries_.begin());
  for (std::size_t seen = 0; seen < entries_.size(); ++seen, at = next(at)) {
    while (entries_[at].used != 0 && is_to_go(entries_[at])) erase(at);
  }
}

/// Closes the gap, so that whoever is looked for from its home on is found: what stands behind moves up, unless it would come to
/// stand before its home.
void StreamIndex::erase(std::size_t gap) {
  for (std::size_t at = next(gap); entries_[at].used != 0; at = next(at)) {
    const std::size_t from_home = (at - home(entries_[at].low)) & (entries_.size() - 1);
    const std::size_t from_gap = (at - gap) & (entries_.size() - 1);
    if (from_home < from_gap) continue;
    entries_[gap] = entries_[at];
    gap = at;
  }
  entries_[gap] = Entry{};
  --used_;
}

/// The youth of the `count`th youngest of those that ended; above all for 0.
std::uint32_t StreamIndex::youth_of_ended(std::size_t count) const {
  if (count == 0) return ~std::uint32_t{0};
  std::vector<std::uint32_t> youths;
  for (const Entry& entry : entries_) {
    if (entry.used != 0 && entry.ended != 0) youths.push_back(youth_of(entry));
  }
  const auto nth = youths.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(youths.begin(), nth, youths.end(), std::greater<>());
  return *nth;
}

}  // namespace tcpwhy
