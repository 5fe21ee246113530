// Numbers streams as Wireshark does, for readers that have no Wireshark to ask.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "segment.h"

namespace tcpwhy {

/// Gives each segment its tcp.stream: by 4-tuple, and a new number when a SYN (without ACK) opens a new
/// incarnation, that is, carries another sequence number than the stream's own SYN or follows its data
/// (packet-tcp.c, dissect_tcp: the base_seq test).
class StreamIndex {
 public:
  /// Returns the number and remembers what it needs. `segment.stream` is ignored.
  StreamNumber number(const Segment& segment);

 private:
  struct Entry {
    Endpoint low, high;
    StreamNumber stream;
    SequenceNumber low_isn, high_isn;
    bool low_syn = false, high_syn = false;
    bool low_seen = false, high_seen = false;
  };
  std::unordered_multimap<std::uint64_t, Entry> entries_;
  StreamNumber next_ = 0;
};

}  // namespace tcpwhy
