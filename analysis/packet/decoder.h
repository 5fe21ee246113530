// Takes a captured packet apart, from its link layer to TCP.
//
// Limits: nothing is put together again (fragments, tunnels of which a packet holds a part), nothing is decrypted. Knows no
// Wireshark, and trusts no byte: a header may be cut anywhere, its lengths may lie, and headers may be nested without end.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "packet/ip_header.h"
#include "packet/sighting.h"

namespace tcpwhy {

/// How the bytes of a packet begin.
enum class LinkLayer : std::uint8_t {
  unknown,   ///< Nothing is read of it.
  ethernet,
  sll,       ///< Linux cooked capture, version 1.
  sll2,      ///< Version 2.
  raw_ip,    ///< An IP header, of the version that its first nibble tells.
  null,      ///< BSD loopback: the address family in the byte order of whoever captured.
  loop,      ///< OpenBSD loopback: the same in network byte order.
  ppp,       ///< With or without the HDLC-like framing of RFC 1662.
};

/// One packet of a capture.
struct Packet {
  FrameNumber frame = 0;
  Nanoseconds time = 0;
  std::uint32_t interface = 0;  ///< As the capture numbers them: for `capture_point`.
  LinkLayer link = LinkLayer::unknown;
  Bytes bytes;
};

class Decoder {
 public:
  /// The packet's TCP headers, outermost first; valid until the next call, and payloads as long as the packet's bytes. More than
  /// kMost in a packet are not read. Streams are not numbered (StreamIndex does it); `read` holds what is known of the header
  /// whatever the kind: endpoints, and of a quotation numbers and flags as far as they were quoted.
  [[nodiscard]] std::span<const Sighting> decode(const Packet& packet);

  static constexpr std::size_t kMost = 8;

 private:
  std::array<Sighting, kMost> sightings_;
  std::size_t count_ = 0;
};

}  // namespace tcpwhy
