// A connection that nobody has heard for a while, as a string of bytes: a third of its size, and nothing of it is lost. Its
// packed form is written by Connection::pack and read by a constructor of Connection.
//
// Model: a head of fixed size, which tells whose state it is and how long it has been silent; both endpoints; then every field,
// in one order for writing and for reading (packed_connection.cpp has it once). Each takes the bytes that it needs,
// and some bits to say how many: a zero takes only these. Frames and times count from the connection's latest segment, and a mark
// that stood before is said to be that one; numbers count from what follows the highest byte of their direction.
// Limits: what few connections have (Trouble, Oddities) has no packed form. The bytes stay within the process that wrote them:
// they are trusted, and have the byte order of the machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "endpoint.h"
#include "half_connection.h"

namespace tcpwhy {

/// More than any connection takes: two halves of 90 fields, of which none takes more than 9 bytes.
constexpr std::size_t kPackingRoom = 2048;
using PackingRoom = std::array<std::byte, kPackingRoom>;

/// What can be told without unpacking.
struct PackedHead {
  StreamNumber stream = 0;
  std::uint32_t note = 0;  ///< Of whoever keeps it.
  Mark last;               ///< Its latest segment.
};

/// REQUIRES of both: Connection::pack wrote these bytes. What follows them doesn't matter.
[[nodiscard]] PackedHead head_of(std::span<const std::byte> packed);
/// The client's, and the server's.
[[nodiscard]] std::array<Endpoint, 2> endpoints_of(std::span<const std::byte> packed);

}  // namespace tcpwhy
