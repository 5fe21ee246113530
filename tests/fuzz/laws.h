// What holds for any bytes at all: the fuzzers end on a violation, and the regression tests name it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tcpwhy::tests {

/// Plays a tape into an Analyzer, asks it everything, and says which law was broken; "" where none was.
[[nodiscard]] std::string laws_broken_by_tape(std::span<const std::uint8_t> tape);

/// The same of a frame's bytes and what reads them: the two bytes in front tell where IP is looked for, and by how much
/// the frame on the wire was longer.
[[nodiscard]] std::string laws_broken_by_frame(std::span<const std::uint8_t> input);

/// The same of a whole packet and the decoder: the two bytes in front tell its link layer, and by how much it was longer on the
/// wire.
[[nodiscard]] std::string laws_broken_by_packet(std::span<const std::uint8_t> input);

}  // namespace tcpwhy::tests
