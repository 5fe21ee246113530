#include "stream_index.h"

namespace tcpwhy {
namespace {

enum class Direction : std::uint8_t { sender, receiver };

}  // namespace

StreamNumber StreamIndex::number(const Segment& segment) {
  const std::uint64_t from = hash_of(segment.source);
  const std::uint64_t to = hash_of(segment.destination);
  const bool from_low = from < to || (from == to && segment.source.port <= segment.destination.port);
  const Endpoint& low = from_low ? segment.source : segment.destination;
  const Endpoint& high = from_low ? segment.destination : segment.source;
  const std::uint64_t key = from_low ? from * 31 + to : to * 31 + from;

  Entry* found = nullptr;
  const auto [begin, end] = entries_.equal_range(key);
  for (auto entry = begin; entry != end; ++entry) {
    if (entry->second.low == low && entry->second.high == high) found = &entry->second;
  }
  const auto base = [&](Direction direction) -> std::optional<SequenceNumber>& {
    return (direction == Direction::sender) == from_low ? found->low_base : found->high_base;
  };
  const bool opens = segment.has(kSyn) && !segment.has(kAck);
  if (found == nullptr) {
    found = &entries_.emplace(key, Entry{low, high, next_++, {}, {}})->second;
  } else if (opens && base(Direction::sender) && *base(Direction::sender) != segment.seq) {
    *found = Entry{low, high, next_++, {}, {}};
  }
  if (!base(Direction::sender)) base(Direction::sender) = segment.has(kSyn) ? segment.seq : segment.seq - 1;
  if (segment.has(kAck) && !base(Direction::receiver)) base(Direction::receiver) = segment.ack - 1;
  return found->stream;
}

}  // namespace tcpwhy
