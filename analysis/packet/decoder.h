// Takes a captured packet apart, from its link layer to TCP.
//
// Model: a loop over layers. Each reads its header where the one before ended and says what comes next; an inner header can't reach
// beyond what the outer one says it carries. What a layer carries is told as Wireshark tells it: by types and protocol numbers,
// below UDP by the registered port of a tunnel, and below MPLS, which says nothing, by the first nibble (RFC 4928 section 3).
// Limits: nothing is put together again: of a segment in fragments only the ports and numbers are read, and of a packet in a tunnel
// whose own packets are fragments what the first one holds. Nothing is decrypted or decompressed, and what sFlow samples is not
// looked at. Knows no Wireshark, and trusts no byte: a header may be cut anywhere, its
// lengths may lie, and headers may be nested without end: so many are taken apart and no more.
#pragma once

#include <cstdint>

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
  ppp,       ///< With or without the HDLC-like framing of RFC 1662, or Cisco's HDLC.
};

/// One packet of a capture.
struct Packet {
  FrameNumber frame = 0;
  Nanoseconds time = 0;
  std::uint32_t interface = 0;  ///< As the capture numbers them: for `capture_point`.
  LinkLayer link = LinkLayer::unknown;
  Bytes bytes;
};

/// Finds the packet's TCP header, of which a packet has one at most: nothing carries TCP but IP, and TCP carries nothing that is
/// looked into. Returns whether there is one of which at least the ports and seq were captured.
///
/// The stream is not numbered (StreamIndex does it). `read` holds what is known of the header whatever the kind: endpoints, and of
/// a quotation numbers and flags as far as they were quoted. Its payload lives as long as the packet's bytes.
[[nodiscard]] bool decode(const Packet& packet, Sighting& sighting);

}  // namespace tcpwhy
