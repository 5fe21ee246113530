// What a BIG-IP writes behind each frame that it captures (`tcpdump -i 0.0:nn` and more): of that, why it reset a connection.
//
// Model: two forms, both lists of blocks. Up to version 13: type, length less two, version, a byte each (F5 K411: noise low,
// medium and high). Since then: a header with the magic number F5 DE B0 F5, then blocks with provider, type, length and version
// of two bytes each, big-endian. The cause stands at the end of the medium block: its length, a byte of version and whether it
// is the peer's, eight bytes of where in the source, and text.
// Limits: knows no Wireshark, and trusts no byte.
#pragma once

#include <cstdint>
#include <span>

namespace tcpwhy {

/// The text of the cause; empty where there is none. `behind`: what was captured behind the IP datagram: padding, trailers, FCS.
/// Points into it.
[[nodiscard]] std::span<const std::uint8_t> f5_reset_cause(std::span<const std::uint8_t> behind);

}  // namespace tcpwhy
