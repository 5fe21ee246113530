// Reads a dissected frame's TCP headers: epan in, the core's values out.
//
// Model: Wireshark's own TCP dissector has done the work, and two ways lead to what it knows.
//   With taps running (one-pass tshark, Wireshark as it loads or captures) it hands over its tcp_info_t for every
//   header: stream, addresses, ports, numbers, flags, length. No tree is built for it.
//   Without (the first pass of `tshark -2`, sharkd) the headers are looked for in the frame's bytes, and believed if
//   TCP just filed this very frame under the conversation that they name; the conversation tells the stream.
// What a tcp_info_t lacks (TTL, IP ID, raw window, options, payload) is always read from the bytes.
// Limits: where the bytes can't be found (a tunnel that Wireshark doesn't expose) the optional facts stay empty, and
// without taps the segment isn't seen. Payload is what one frame holds; nothing is reassembled.
// No function here lets go of an epan exception: lengths are checked before any access that could throw.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "epan_compat.h"
#include "header_finder.h"
#include "packet/sighting.h"
#include "segment.h"

namespace tcpwhy::plugin {

class SegmentReader {
 public:
  /// REQUIRES: all protocols have registered.
  SegmentReader();

  /// Turns to the next frame: the stream of its first TCP header, before anything is read of it; nothing where no tap
  /// told. REQUIRES: called by a post-dissector, on a frame that is dissected for the first time.
  std::optional<StreamNumber> fetch();

  /// The frame's TCP headers, outermost first; valid until the next call. More than kMost in a frame are not read.
  /// REQUIRES: fetch() on this frame.
  [[nodiscard]] std::span<const Sighting> read(tvbuff_t* tvb, packet_info* pinfo);

  static constexpr std::size_t kMost = 8;

 private:
  /// Where TCP stands among the frame's protocols.
  struct Layers {
    unsigned tcp = 0;           ///< How often.
    std::uint32_t quoted = 0;   ///< Bit i: an ICMP message precedes the i-th.
    std::uint32_t sampled = 0;  ///< Bit i: sFlow carries the i-th.
  };
  [[nodiscard]] Layers layers_of(const packet_info* pinfo) const;

  void read_tapped(const tcp_info_t& tapped, unsigned index, tvbuff_t* tvb, packet_info* pinfo);
  void read_untapped(const Layers& layers, tvbuff_t* tvb, packet_info* pinfo);
  bool read_untapped_at(const Bytes& bytes, const IpHeader& ip, const Layers& layers, packet_info* pinfo);
  [[nodiscard]] const tcp_analysis* conversation_of(const Bytes& bytes, const IpHeader& ip, bool quoted,
                                                    packet_info* pinfo) const;
  Sighting* next_sighting();

  int tcp_tap_;
  int tcp_;
  int icmp_;
  int icmpv6_;
  int sflow_;
  HeaderFinder finder_;
  OffsetMemory ip_offsets_;
  std::array<const tcp_info_t*, kMost> tapped_{};
  unsigned tapped_count_ = 0;
  std::array<Sighting, kMost> sightings_;
  std::size_t count_ = 0;
};

}  // namespace tcpwhy::plugin
