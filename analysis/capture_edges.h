// What the edges of a capture cut: silences that had begun before its first packet, and silences that outlast its last. Kept
// so that the profiles of two captures, the one right after the other, give what one capture of both would.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "endpoint.h"
#include "idle_spell.h"
#include "sequence.h"

namespace tcpwhy {

/// The first thing that was seen on a connection whose beginning was not: what a silence ended with, if it was one.
struct CutBeginning {
  Endpoint client;
  Endpoint server;
  IdleSpell spell;              ///< Without its length.
  SequenceNumber acknowledged;  ///< By a close.
  bool answers_earlier = false; ///< The server spoke first: what it answers was asked before the capture.

  friend bool operator==(const CutBeginning&, const CutBeginning&) = default;
};

/// A connection that was not over when the capture ended.
struct CutEnd {
  Endpoint client;
  Endpoint server;
  IdleSpell asked;              ///< The silence before a request that was not answered yet; of no length where there is none.
  SequenceNumber asked_seq;     ///< Of that request.
  Nanoseconds last_data = 0;    ///< 0: none was captured.
  Nanoseconds last = 0;         ///< Of any segment.
  Side last_speaker = Side::server;
  std::array<Nanoseconds, 2> reaction{};  ///< Of each side: HalfConnection::response_time; 0 where it isn't known.
  std::uint16_t advertised = 0; ///< As in IdleSpell.
  bool conversed = false;       ///< A request had been answered.
  bool server_closed = false;   ///< The server had sent its FIN.

  friend bool operator==(const CutEnd&, const CutEnd&) = default;
};

struct CaptureEdges {
  std::vector<CutBeginning> beginnings;
  std::vector<CutEnd> ends;
};

}  // namespace tcpwhy
