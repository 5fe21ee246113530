#include "support/packet.h"

#include <algorithm>

#include "stream_index.h"

namespace tcpwhy::tests {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpHeader = 20;

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::uint8_t kOptionWindowShift = 3;
constexpr std::uint8_t kOptionSackPermitted = 4;
constexpr std::uint8_t kOptionTimestamps = 8;

constexpr std::uint8_t kProtocolIcmp = 1;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kProtocolIcmpV6 = 58;

void put8(std::string& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value & 0xff));
}
void put16(std::string& out, std::uint32_t value) {
  put8(out, value >> 8);
  put8(out, value);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value);
}
void put_address(std::string& out, const Address& address) {
  out.append(reinterpret_cast<const char*>(address.bytes.data()), address.length);
}
void patch16(std::string& out, std::size_t at, std::uint32_t value) {
  out[at] = static_cast<char>((value >> 8) & 0xff);
  out[at + 1] = static_cast<char>(value & 0xff);
}

/// RFC 1071.
std::uint16_t internet_checksum(std::string_view bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = static_cast<std::uint8_t>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? static_cast<std::uint8_t>(bytes[i + 1]) : std::uint8_t{0};
    sum += static_cast<std::uint64_t>(high) << 8 | low;
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::string pseudo_header(const Address& source, const Address& destination, std::uint8_t protocol,
                          std::size_t length) {
  std::string out;
  put_address(out, source);
  put_address(out, destination);
  if (source.length == 4) {
    put8(out, 0);
    put8(out, protocol);
    put16(out, static_cast<std::uint32_t>(length));
  } else {
    put32(out, static_cast<std::uint32_t>(length));
    put32(out, protocol);
  }
  return out;
}

std::size_t padded_options(const Packet& packet) {
  return (packet.options.size() + 3) / 4 * 4;
}

std::string tcp_bytes(const Packet& packet) {
  std::string out;
  const std::size_t options = padded_options(packet);
  put16(out, packet.source.port);
  put16(out, packet.destination.port);
  put32(out, packet.seq.raw());
  put32(out, packet.ack.raw());
  put8(out, static_cast<std::uint32_t>((kTcpHeader + options) / 4) << 4);
  put8(out, packet.flags);
  put16(out, packet.window);
  put16(out, 0);  // checksum
  put16(out, 0);  // urgent pointer
  out.append(packet.options.begin(), packet.options.end());
  out.append(options - packet.options.size(), static_cast<char>(kOptionEnd));
  out += packet.payload;
  const std::string sum =
      pseudo_header(packet.source.address, packet.destination.address, kProtocolTcp, out.size()) + out;
  patch16(out, 16, internet_checksum(sum));
  return out;
}

std::string ip_bytes(const Address& source, const Address& destination, std::uint8_t protocol, std::uint8_t ttl,
                     std::uint16_t ip_id, const std::string& body) {
  std::string out;
  if (source.length == 4) {
    put16(out, 0x4500);
    put16(out, static_cast<std::uint32_t>(kIpv4Header + body.size()));
    put16(out, ip_id);
    put16(out, 0x4000);  // don't fragment
    put8(out, ttl);
    put8(out, protocol);
    put16(out, 0);
    put_address(out, source);
    put_address(out, destination);
    patch16(out, 10, internet_checksum(out));
  } else {
    put32(out, 0x60000000);
    put16(out, static_cast<std::uint32_t>(body.size()));
    put8(out, protocol);
    put8(out, ttl);
    put_address(out, source);
    put_address(out, destination);
  }
  return out + body;
}

std::string icmp_bytes(const IcmpEnvelope& icmp, const Packet& quoted) {
  constexpr std::size_t kQuotedTcp = 8;  // RFC 792: the first 64 bits
  const bool v4 = icmp.sender.length == 4;
  const std::string original = ip_bytes(quoted.source.address, quoted.destination.address, kProtocolTcp, quoted.ttl,
                                        quoted.ip_id, tcp_bytes(quoted));
  std::string out;
  put8(out, icmp.type);
  put8(out, icmp.code);
  put16(out, 0);
  put32(out, icmp.mtu);
  out += original.substr(0, (v4 ? kIpv4Header : kIpv6Header) + kQuotedTcp);
  const std::string sum =
      v4 ? out : pseudo_header(icmp.sender, quoted.source.address, kProtocolIcmpV6, out.size()) + out;
  patch16(out, 2, internet_checksum(sum));
  return out;
}

/// A locally administered hardware address that ends as the network address does; each place has its own.
std::string hardware_address(const Address& address, std::uint8_t eye) {
  std::string out;
  put16(out, 0x0200U + eye);
  put32(out, static_cast<std::uint32_t>(address.bytes[address.length - 2]) << 8 | address.bytes[address.length - 1]);
  return out;
}

}  // namespace

std::vector<std::uint8_t> encode(const OptionList& options) {
  std::vector<std::uint8_t> out;
  const auto put = [&out](std::initializer_list<std::uint32_t> bytes) {
    for (const std::uint32_t byte : bytes) out.push_back(static_cast<std::uint8_t>(byte));
  };
  // tcp_options_write (net/ipv4/tcp_output.c): MSS, then timestamps with SACK-permitted in place of two NOPs,
  // then the window shift behind a NOP.
  if (options.mss) put({kOptionMss, 4, std::uint32_t{*options.mss} >> 8, std::uint32_t{*options.mss} & 0xff});
  if (options.sack_permitted) {
    if (!options.timestamps) put({kOptionNop, kOptionNop});
    put({kOptionSackPermitted, 2});
  } else if (options.timestamps) {
    put({kOptionNop, kOptionNop});
  }
  if (options.timestamps) {
    put({kOptionTimestamps, 10});
    for (const std::uint32_t stamp : {options.tsval, options.tsecr}) {
      put({stamp >> 24, stamp >> 16 & 0xff, stamp >> 8 & 0xff, stamp & 0xff});
    }
  }
  if (options.window_shift) put({kOptionNop, kOptionWindowShift, 3, *options.window_shift});
  return out;
}

void blank_timestamps(std::vector<std::uint8_t>& options) {
  for (std::size_t at = 0; at < options.size();) {
    if (options[at] == kOptionEnd) return;
    if (options[at] == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size() || options[at + 1] < 2) return;
    const std::size_t length = options[at + 1];
    if (options[at] == kOptionTimestamps) {
      std::fill_n(options.begin() + static_cast<std::ptrdiff_t>(at), std::min(length, options.size() - at), kOptionNop);
      return;
    }
    at += length;
  }
}

Segment to_segment(const Packet& packet, const Capture& capture) {
  const bool v4 = packet.source.address.length == 4;
  const std::size_t kept_of_tcp =
      capture.snaplen -
      std::min<std::size_t>(capture.snaplen, kEthernetHeader + (v4 ? kIpv4Header : kIpv6Header) + kTcpHeader);
  const std::size_t options = padded_options(packet);
  std::vector<std::uint8_t> padded = packet.options;
  padded.resize(options, kOptionEnd);

  Segment segment;
  segment.time = packet.time;
  segment.source = packet.source;
  segment.destination = packet.destination;
  segment.seq = packet.seq;
  segment.ack = packet.ack;
  segment.flags = packet.flags;
  segment.length = static_cast<std::uint32_t>(packet.payload.size());
  segment.window = packet.window;
  const Endpoint& neighbour = capture.cooked ? packet.source : packet.destination;
  const std::string address = hardware_address(neighbour.address, packet.eye);
  segment.point = capture_point(0, {reinterpret_cast<const std::uint8_t*>(address.data()), address.size()},
                                capture.cooked ? Hop::last : Hop::next);
  if (capture.ip_header_known) {
    segment.ttl = packet.ttl;
    if (v4) segment.ip_id = packet.ip_id;
  }
  segment.options = read_options({padded.data(), std::min(options, kept_of_tcp)}, kept_of_tcp >= options);
  const std::size_t kept_of_payload = std::min(packet.payload.size(), kept_of_tcp - std::min(kept_of_tcp, options));
  segment.payload = {reinterpret_cast<const std::uint8_t*>(packet.payload.data()), kept_of_payload};
  return segment;
}

std::vector<Segment> to_segments(const Capture& capture) {
  std::vector<Segment> segments;
  StreamIndex streams;
  FrameNumber frame = 0;
  for (const Packet& packet : capture.packets) {
    ++frame;
    if (packet.icmp) continue;
    Segment segment = to_segment(packet, capture);
    segment.frame = frame;
    segment.stream = streams.number(segment);
    segments.push_back(segment);
  }
  return segments;
}

void feed(Analyzer& analyzer, const Capture& capture, const RemarkVisitor& remark) {
  StreamIndex streams;
  FrameNumber frame = 0;
  for (const Packet& packet : capture.packets) {
    ++frame;
    Segment segment = to_segment(packet, capture);
    segment.frame = frame;
    segment.stream = streams.number(segment);
    const Remarks remarks =
        packet.icmp ? analyzer.observe(IcmpError{frame, segment.stream, packet.time, packet.source.address.length == 16,
                                                 packet.icmp->type, packet.icmp->code, packet.icmp->mtu})
                    : analyzer.observe(segment);
    if (remark) remark(frame, remarks);
  }
}

std::string to_bytes(const Packet& packet) {
  const bool v4 = packet.source.address.length == 4;
  const Address from = packet.icmp ? packet.icmp->sender : packet.source.address;
  const Address to = packet.icmp ? packet.source.address : packet.destination.address;
  std::string out;
  for (const Address& address : {to, from}) out += hardware_address(address, packet.eye);
  put16(out, v4 ? 0x0800 : 0x86dd);
  if (packet.icmp) {
    return out +
           ip_bytes(from, to, v4 ? kProtocolIcmp : kProtocolIcmpV6, packet.ttl, 0, icmp_bytes(*packet.icmp, packet));
  }
  return out + ip_bytes(from, to, kProtocolTcp, packet.ttl, packet.ip_id, tcp_bytes(packet));
}

Capture mirrored(Capture capture) {
  constexpr Nanoseconds kSecondPort = 2 * kMicrosecond;
  std::vector<Packet> doubled;
  for (const Packet& packet : capture.packets) {
    doubled.push_back(packet);
    doubled.push_back(packet);
    doubled.back().time += kSecondPort;
  }
  capture.packets = std::move(doubled);
  return capture;
}

Capture seen_at_two_places(const Capture& capture, std::uint16_t server_port, Nanoseconds apart) {
  Capture merged = capture;
  const int router = apart > 0 ? 1 : -1;
  for (Packet packet : capture.packets) {
    const bool to_server = packet.destination.port == server_port;
    packet.eye = 1;
    packet.time += to_server ? apart : -apart;
    packet.ttl = static_cast<std::uint8_t>(packet.ttl - (to_server ? router : -router));
    merged.packets.push_back(std::move(packet));
  }
  std::stable_sort(merged.packets.begin(), merged.packets.end(),
                   [](const Packet& a, const Packet& b) { return a.time < b.time; });
  return merged;
}

Capture without_ip_header(Capture capture) {
  capture.ip_header_known = false;
  return capture;
}

Capture cooked(Capture capture) {
  capture.cooked = true;
  return capture;
}

Capture cut_to(Capture capture, std::uint32_t snaplen) {
  capture.snaplen = snaplen;
  return capture;
}

Capture without(Capture capture, const std::function<bool(const Packet&)>& lost) {
  std::erase_if(capture.packets, lost);
  return capture;
}

Capture starting_at_frame(Capture capture, FrameNumber first) {
  const std::size_t before = std::min<std::size_t>(first == 0 ? 0 : first - 1, capture.packets.size());
  capture.packets.erase(capture.packets.begin(), capture.packets.begin() + static_cast<std::ptrdiff_t>(before));
  return capture;
}

Capture with_clock_step(Capture capture, FrameNumber first_after, Nanoseconds step) {
  for (std::size_t i = first_after == 0 ? 0 : first_after - 1; i < capture.packets.size(); ++i) {
    capture.packets[i].time += step;
  }
  return capture;
}

Capture shifted_in_time(Capture capture, Nanoseconds by) {
  for (Packet& packet : capture.packets) packet.time += by;
  return capture;
}

Capture shifted_in_sequence(Capture capture, const Endpoint& from, std::uint32_t by) {
  for (Packet& packet : capture.packets) {
    // A reply to a segment without ACK carries seq 0 by definition, and no ACK flag means no ack number.
    const bool numberless = packet.has(kRst) && packet.has(kAck) && packet.seq == SequenceNumber(0);
    if (packet.source == from && !numberless) packet.seq = packet.seq + by;
    if (packet.destination == from && packet.has(kAck)) packet.ack = packet.ack + by;
  }
  return capture;
}

}  // namespace tcpwhy::tests
