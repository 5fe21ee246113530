// What a frame shows of TCP.
#pragma once

#include <cstdint>

#include "segment.h"

namespace tcpwhy {

/// One TCP header of a frame.
struct Sighting {
  enum Kind : std::uint8_t {
    segment,     ///< A segment of its stream.
    quotation,   ///< Quoted by an ICMP error.
    unreadable,  ///< Only its stream is known: its length isn't, or a sampling protocol carries it.
  };
  Kind kind = unreadable;
  bool stub = false;  ///< Too little was quoted to open a stream: it is about the one that is there, or about none.
  StreamNumber stream = 0;
  Segment read;     ///< If a segment; its payload lives as long as the frame's bytes.
  IcmpError error;  ///< If quoted.
};

}  // namespace tcpwhy
