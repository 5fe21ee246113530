// Tapes: captures in a few bytes a packet, for a fuzzer to bend. Every string of bytes is a tape, and a changed byte
// changes one fact of one packet: numbers are told from what their sender is expected to say next, times from the
// packet before, so that the rest still fits.
//
// A tape holds events. The first byte of one says what it is (bits 4-5: segment, the sender's latest segment again,
// ICMP error, or something else), on which of eight lines (bits 0-2: a pair of endpoints), who of both speaks (bit 3)
// and how much later (bits 6-7); tape.cpp has the rest. A line has endpoints from the start, among them all that are
// odd; a tape can lay it between others.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "segment.h"
#include "support/capture_reader.h"
#include "support/packet.h"

namespace tcpwhy::tests {

/// What a tape asks of its listener.
struct TapeEvent {
  enum Kind : std::uint8_t {
    segment,
    icmp_error,
    question,  ///< Ask the analyzer something, in the middle of the capture.
  };
  Kind kind = question;
  Segment read;  ///< Valid until the listener returns. Frame and stream are told too.
  IcmpError error;
  std::uint8_t asked = 0;  ///< What.
};

/// Plays a tape to its end, or to the most events that are of any use.
void play_tape(std::span<const std::uint8_t> tape, const std::function<void(const TapeEvent&)>& listener);

/// The tape that plays what was seen. Of payloads the first bytes are kept, of streams all.
[[nodiscard]] std::vector<std::uint8_t> record_tape(std::span<const Sight> sights);
[[nodiscard]] std::vector<std::uint8_t> record_tape(const Capture& capture);

}  // namespace tcpwhy::tests
