#include "segment_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <type_traits>

#include "packet/tcp_header.h"
#include "packet/network_order.h"

namespace tcpwhy::plugin {
namespace {

// A frame's facts are plain values: nothing is left behind if epan should throw while they are on the stack.
static_assert(std::is_trivially_destructible_v<Sighting>);

/// The least that RFC 792 lets a router quote: ports and seq.
constexpr std::size_t kLeastQuoted = 8;

Nanoseconds time_of(const packet_info* pinfo) {
  return capture_time(static_cast<std::int64_t>(pinfo->abs_ts.secs), pinfo->abs_ts.nsecs);
}

/// Of the frame that carries it, whatever it carries.
CapturePoint point_of(const packet_info* pinfo) {
  const bool has_next_hop = pinfo->dl_dst.len > 0;
  const address& hop = has_next_hop ? pinfo->dl_dst : pinfo->dl_src;
  const bool numbered = (pinfo->rec->presence_flags & WTAP_HAS_INTERFACE_ID) != 0;
  return capture_point(numbered ? pinfo->rec->rec_header.packet_header.interface_id : 0,
                       {static_cast<const std::uint8_t*>(hop.data), static_cast<std::size_t>(std::max(hop.len, 0))},
                       has_next_hop ? Hop::next : Hop::last);
}

/// Fills in an ICMP error. REQUIRES: the sighting knows its stream.
void quote(IcmpError error, const packet_info* pinfo, Sighting& sighting) {
  error.frame = pinfo->num;
  error.stream = sighting.stream;
  error.time = time_of(pinfo);
  sighting.kind = Sighting::quotation;
  sighting.error = error;
}

/// Written where it stays, by a length that is known here: a copy of one or two registers.
template <std::size_t length>
void put_address(const void* bytes, Address& to) {
  std::memcpy(to.bytes.data(), bytes, length);
  to.length = length;
}

/// REQUIRES: `to` is empty. It stays so where the network layer is neither IPv4 nor IPv6.
void put_address(const address& from, Address& to) {
  if (from.data == nullptr) return;
  if (from.type == AT_IPv4 && from.len == 4) put_address<4>(from.data, to);
  if (from.type == AT_IPv6 && from.len == 16) put_address<16>(from.data, to);
}

address from_address(const Address& from) {
  address to = ADDRESS_INIT_NONE;
  set_address(&to, from.length == 4 ? AT_IPv4 : AT_IPv6, from.length, from.bytes.data());
  return to;
}

Bytes bytes_of(tvbuff_t* tvb) {
  const auto captured = tvb_captured_length(tvb);
  if (captured == 0) return {};  // tvb_get_ptr may throw on an empty buffer.
  return {{tvb_get_ptr(tvb, 0, static_cast<int>(captured)), captured},
          std::max<std::size_t>(captured, tvb_reported_length(tvb))};
}

/// Calls `visit` with the bytes of the frame, then of what was put together or decrypted from it, until it is true.
template <typename Visit>
bool any_bytes(tvbuff_t* tvb, const packet_info* pinfo, Visit visit) {
  if (visit(bytes_of(tvb))) return true;
  for (const GSList* item = pinfo->data_src; item != nullptr; item = item->next) {
    tvbuff_t* other = get_data_source_tvb(static_cast<const data_source*>(item->data));
    if (other != tvb && visit(bytes_of(other))) return true;
  }
  return false;
}

}  // namespace

SegmentReader::SegmentReader()
    : tcp_tap_(find_tap_id("tcp")),
      tcp_(proto_get_id_by_filter_name("tcp")),
      icmp_(proto_get_id_by_filter_name("icmp")),
      icmpv6_(proto_get_id_by_filter_name("icmpv6")),
      sflow_(proto_get_id_by_filter_name("sflow")) {}

SegmentReader::Layers SegmentReader::layers_of(const packet_info* pinfo) const {
  Layers layers;
  bool quoted = false;
  bool sampled = false;
  for (const wmem_list_frame_t* layer = wmem_list_head(pinfo->layers); layer != nullptr;
       layer = wmem_list_frame_next(layer)) {
    const int proto = GPOINTER_TO_INT(wmem_list_frame_data(layer));
    if (proto == tcp_) {
      if (layers.tcp < 32) {
        layers.quoted |= static_cast<std::uint32_t>(quoted) << layers.tcp;
        layers.sampled |= static_cast<std::uint32_t>(sampled) << layers.tcp;
      }
      ++layers.tcp;
    } else if (proto == icmp_ || proto == icmpv6_) {
      quoted = true;
    } else if (proto == sflow_) {
      sampled = true;
    }
  }
  return layers;
}

Sighting* SegmentReader::next_sighting() {
  if (count_ == sightings_.size()) return nullptr;
  Sighting* sighting = &sightings_[count_++];
  sighting->kind = Sighting::unreadable;  // The rest is overwritten if there is something to say.
  return sighting;
}

std::optional<StreamNumber> SegmentReader::fetch() {
  for (tapped_count_ = 0; tapped_count_ < kMost; ++tapped_count_) {
    const void* data = fetch_tapped_data(tcp_tap_, static_cast<int>(tapped_count_));
    if (data == nullptr) break;
    tapped_[tapped_count_] = static_cast<const tcp_info_t*>(data);
  }
  if (tapped_count_ == 0) return std::nullopt;
  return tapped_[0]->th_stream;
}

std::span<const Sighting> SegmentReader::read(tvbuff_t* tvb, packet_info* pinfo) {
  count_ = 0;
  for (unsigned i = 0; i < tapped_count_; ++i) read_tapped(*tapped_[i], i, tvb, pinfo);
  if (tapped_count_ == 0) {
    // If TCP was there all the same, taps aren't running, or the header was cut before TCP came to tap it (a router
    // that quotes eight bytes).
    const Layers layers = layers_of(pinfo);
    if (layers.tcp != 0) read_untapped(layers, tvb, pinfo);
  }
  return {sightings_.data(), count_};
}

void SegmentReader::read_tapped(const tcp_info_t& tapped, unsigned index, tvbuff_t* tvb, packet_info* pinfo) {
  Sighting* sighting = next_sighting();
  if (sighting == nullptr) return;
  sighting->stream = tapped.th_stream;

  Segment& segment = *new (&sighting->read) Segment;  // `Segment()` would zero it first.
  segment.frame = pinfo->num;
  segment.stream = tapped.th_stream;
  segment.time = time_of(pinfo);
  put_address(tapped.ip_src, segment.source.address);
  put_address(tapped.ip_dst, segment.destination.address);
  segment.source.port = tapped.th_sport;
  segment.destination.port = tapped.th_dport;
  segment.seq = SequenceNumber(tapped.th_rawseq);
  segment.ack = SequenceNumber(tapped.th_rawack);
  segment.flags = static_cast<std::uint8_t>(tapped.th_flags);
  segment.length = tapped.th_seglen;
  // Scaled where TCP knows the shift; the header has the raw one, if it can be found.
  segment.window = static_cast<std::uint16_t>(std::min<std::uint32_t>(tapped.th_win, 0xffff));
  segment.point = point_of(pinfo);

  Bytes bytes;
  std::optional<Found> found;
  any_bytes(tvb, pinfo, [&](const Bytes& these) {
    bytes = these;
    found = finder_.find(these, segment, tapped.th_hlen);
    return found.has_value();
  });

  // Before an IP header that begins this early there is no room for another and what it would carry: nobody quotes it.
  // That spares nearly every frame a walk through its layers.
  constexpr std::size_t kRoomToQuote = 28;
  if (!found || !found->verified || found->ip >= kRoomToQuote || index > 0) {
    const Layers layers = layers_of(pinfo);
    if ((layers.sampled >> index & 1U) != 0) return;
    if ((layers.quoted >> index & 1U) != 0) {
      if (!found || !found->verified) return;
      if (const auto error = read_icmp_error(bytes, found->ip)) quote(*error, pinfo, *sighting);
      return;
    }
  }
  // As read_segment: no length is better than a guessed one.
  if (!tapped.th_have_seglen || tapped.th_hlen < kTcpMinimum) return;

  sighting->kind = Sighting::segment;
  if (!found) return;
  read_tcp_details(bytes, found->tcp, tapped.th_hlen, segment);
  if (found->verified) {
    segment.ttl = found->ttl;
    segment.ip_id = found->ip_id;
  }
}

void SegmentReader::read_untapped(const Layers& layers, tvbuff_t* tvb, packet_info* pinfo) {
  const std::size_t wanted = std::min<std::size_t>(layers.tcp, kMost);
  const Bytes frame = bytes_of(tvb);
  any_bytes(tvb, pinfo, [&](const Bytes& bytes) {
    if (wanted == 1) {
      for (const std::size_t offset : ip_offsets_.recent()) {
        const auto ip = read_ip_header(bytes, offset);
        if (ip && read_untapped_at(bytes, *ip, layers, pinfo)) {
          ip_offsets_.remember(offset);
          return true;
        }
      }
    }
    std::size_t from = 0;
    while (count_ < wanted) {
      const auto ip = next_ip_header(bytes, from);
      if (!ip) break;
      if (read_untapped_at(bytes, *ip, layers, pinfo)) {
        ip_offsets_.remember(ip->offset);
        from = ip->end + kLeastQuoted;
      } else {
        from = ip->offset + 1;
      }
    }
    // What IP put together from fragments, or a tunnel decrypted, may come as bare TCP.
    if (count_ == 0 && wanted == 1 && bytes.captured.data() != frame.captured.data() && pinfo->ptype == PT_TCP) {
      IpHeader none;
      none.payload = bytes.on_wire;
      put_address(pinfo->src, none.source);
      put_address(pinfo->dst, none.destination);
      if (none.source.length != 0) read_untapped_at(bytes, none, layers, pinfo);
    }
    return count_ == wanted;
  });
}

/// What TCP knows of the conversation that these headers name, or null if it isn't this frame's.
const tcp_analysis* SegmentReader::conversation_of(const Bytes& bytes, const IpHeader& ip, bool quoted,
                                                   packet_info* pinfo) const {
  const address source = from_address(ip.source);
  const address destination = from_address(ip.destination);
  const std::uint16_t source_port = be16(bytes.captured, ip.end);
  const std::uint16_t destination_port = be16(bytes.captured, ip.end + 2);
  const conversation_t* conversation =
      find_conversation(pinfo->num, &source, &destination, CONVERSATION_TCP, source_port, destination_port, 0);
  if (conversation == nullptr && !quoted && pinfo->ptype == PT_TCP && pinfo->srcport == source_port &&
      pinfo->destport == destination_port && addresses_equal(&pinfo->src, &source) &&
      addresses_equal(&pinfo->dst, &destination)) {
    conversation = conversation_of_frame(pinfo);
  }
  // TCP notes on the conversation each frame that it takes for its segment. This tells the frame's own headers from
  // bytes that look like some.
  if (conversation == nullptr || (!quoted && conversation->last_frame != pinfo->num)) return nullptr;
  return static_cast<const tcp_analysis*>(conversation_get_proto_data(conversation, tcp_));
}

bool SegmentReader::read_untapped_at(const Bytes& bytes, const IpHeader& ip, const Layers& layers, packet_info* pinfo) {
  const bool quoted = (layers.quoted >> count_ & 1U) != 0;
  const bool sampled = (layers.sampled >> count_ & 1U) != 0;
  if (quoted ? !has(bytes.captured, ip.end, kLeastQuoted) : !tcp_header_length(bytes, ip.end)) return false;
  std::optional<IcmpError> error;
  if (quoted && !(error = read_icmp_error(bytes, ip.offset))) return false;
  const tcp_analysis* conversation = conversation_of(bytes, ip, quoted, pinfo);
  if (conversation == nullptr) return false;

  Sighting* sighting = next_sighting();
  if (sighting == nullptr) return false;
  sighting->stream = conversation->stream;
  if (sampled) return true;
  if (quoted) {
    quote(*error, pinfo, *sighting);
    return true;
  }
  const std::optional<Segment> segment = read_segment(bytes, ip);
  if (!segment) return true;
  sighting->kind = Sighting::segment;
  sighting->read = *segment;
  sighting->read.frame = pinfo->num;
  sighting->read.stream = conversation->stream;
  sighting->read.time = time_of(pinfo);
  sighting->read.point = point_of(pinfo);
  return true;
}

}  // namespace tcpwhy::plugin
