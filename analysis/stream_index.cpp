#include "stream_index.h"

namespace tcpwhy {

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
  if (found == nullptr) found = &entries_.emplace(key, Entry{low, high, next_++, {}, {}})->second;

  bool& seen = from_low ? found->low_seen : found->high_seen;
  bool& syn = from_low ? found->low_syn : found->high_syn;
  SequenceNumber& isn = from_low ? found->low_isn : found->high_isn;
  if (segment.has(kSyn) && !segment.has(kAck)) {
    if (seen && (!syn || isn != segment.seq)) {
      *found = Entry{low, high, next_++, {}, {}};
    }
    syn = true;
    isn = segment.seq;
  }
  seen = true;
  return found->stream;
}

}  // namespace tcpwhy
