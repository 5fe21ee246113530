#include "tuple_index.h"

namespace tcpwhy {

void TupleIndex::erase(std::uint64_t hash, StreamNumber stream) {
  std::size_t hole = home(static_cast<std::uint32_t>(hash));
  while (entries_[hole].stream != stream) {
    if (entries_[hole].stream == kNone) return;
    hole = next(hole);
  }
  --size_;
  // What stands behind may have been pushed there by what leaves: it moves up unless that would put it before its home.
  for (std::size_t at = next(hole); entries_[at].stream != kNone; at = next(at)) {
    const std::size_t mask = entries_.size() - 1;
    if (((at - home(entries_[at].key)) & mask) < ((at - hole) & mask)) continue;
    entries_[hole] = entries_[at];
    hole = at;
  }
  entries_[hole] = {};
}

void TupleIndex::grow() {
  std::vector<Entry> old = std::exchange(entries_, std::vector<Entry>(entries_.size() * 2));
  for (const Entry& entry : old) {
    if (entry.stream == kNone) continue;
    std::size_t at = home(entry.key);
    while (entries_[at].stream != kNone) at = next(at);
    entries_[at] = entry;
  }
}

}  // namespace tcpwhy
