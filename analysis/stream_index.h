// Numbers streams as Wireshark does, for readers that have no Wireshark to ask.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "segment.h"

namespace tcpwhy {

/// Gives each segment its tcp.stream: by 4-tuple, and a new number when a SYN (without ACK) opens a new incarnation,
/// that is, carries another sequence number than the stream began with. Where the beginning was not captured it is told
/// from the first number that was, or from its acknowledgment, so that a SYN that was captured late is no new stream
/// (packet-tcp.c, base_seq).
class StreamIndex {
 public:
  /// Returns the number and remembers what it needs. `segment.stream` is ignored.
  StreamNumber number(const Segment& segment);

 private:
  struct Entry {
    Endpoint low, high;
    StreamNumber stream;
    std::optional<SequenceNumber> low_base, high_base;
  };
  std::unordered_multimap<std::uint64_t, Entry> entries_;
  StreamNumber next_ = 0;
};

}  // namespace tcpwhy
