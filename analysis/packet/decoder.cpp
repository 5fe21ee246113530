#include "decoder.h"

#include <algorithm>
#include <new>
#include <span>

#include "network_order.h"
#include "tcp_header.h"

namespace tcpwhy {
namespace {

using Captured = std::span<const std::uint8_t>;

/// Real packets have ten at most: Ethernet, two tags, IP, UDP, GTP, IP, GRE, IP, TCP.
constexpr int kMostLayers = 32;

/// RFC 791 section 3.1, RFC 8200 section 3.
constexpr std::size_t kLongestDatagram = 65'535;

/// What the rest of a packet is taken for.
enum class Next : std::uint8_t {
  nothing,  ///< That is known, or that TCP could be in.
  ethernet,
  ethertype,  ///< By `type`: of Ethernet, or a length below which IEEE 802.2 follows.
  llc,
  sll,
  sll2,
  null,
  loop,
  ppp,
  pppoe,
  mpls,
  provider_backbone,
  interface_tag,
  port_extension,
  fabric_path,
  ip,  ///< Of the version that its first nibble tells.
  ipv4,
  ipv6,
  protocol,  ///< What IP carries, by `ip.protocol`.
  authentication,
  ethernet_in_ip,
  udp,
  gre,
  vxlan,
  vxlan_gpe,
  geneve,
  gtp_u,
  nsh,
  icmp,
  icmpv6,
  tcp,
};

enum EtherType : std::uint16_t {
  kTypeIpv4 = 0x0800,
  kTypeVlan = 0x8100,
  kTypeIpv6 = 0x86dd,
  kTypePpp = 0x880b,
  kTypeMpls = 0x8847,
  kTypeMplsUpstream = 0x8848,
  kTypePppoe = 0x8864,
  kTypeProviderBridge = 0x88a8,    ///< IEEE 802.1ad.
  kTypeProviderBackbone = 0x88e7,  ///< IEEE 802.1ah.
  kTypeFabricPath = 0x8903,        ///< Cisco's.
  kTypeVnTag = 0x8926,             ///< Cisco's virtual interfaces.
  kTypePortExtension = 0x893f,     ///< IEEE 802.1BR.
  kTypeNsh = 0x894f,
  kTypeOldQinq = 0x9100,
  kTypeBridged = 0x6558,  ///< Ethernet, in GRE and GENEVE.
  kTypeErspan = 0x88be,   ///< Versions I and II.
  kTypeErspan3 = 0x22eb,
  kTypeWccp = 0x883e,
};

enum Protocol : std::uint8_t {
  kIcmp = 1,
  kIpv4 = 4,
  kUdp = 17,
  kIpv6 = 41,
  kGre = 47,
  kAuthentication = 51,
  kIcmpv6 = 58,
  kEtherIp = 97,
  kMplsInIp = 137,
  kEthernet = 143,
};

Next of_ethertype(std::uint16_t type) {
  switch (type) {
    case kTypeIpv4: return Next::ipv4;
    case kTypeIpv6: return Next::ipv6;
    case kTypeMpls:
    case kTypeMplsUpstream: return Next::mpls;
    case kTypePppoe: return Next::pppoe;
    case kTypePpp: return Next::ppp;
    case kTypeProviderBackbone: return Next::provider_backbone;
    case kTypeVnTag: return Next::interface_tag;
    case kTypePortExtension: return Next::port_extension;
    case kTypeFabricPath: return Next::fabric_path;
    case kTypeBridged: return Next::ethernet;
    case kTypeNsh: return Next::nsh;
    default: return Next::nothing;
  }
}

/// The registered ports of what carries IP or Ethernet (IANA).
Next of_udp_port(std::uint16_t port) {
  switch (port) {
    case 2152: return Next::gtp_u;
    case 4754: return Next::gre;  // RFC 8086
    case 4789: return Next::vxlan;
    case 4790: return Next::vxlan_gpe;
    case 6081: return Next::geneve;
    case 6635: return Next::mpls;  // RFC 7510
    default: return Next::nothing;
  }
}

/// VXLAN-GPE and NSH number alike what follows them (RFC 8300 section 2.2).
Next of_next_protocol(std::uint8_t next) {
  switch (next) {
    case 1: return Next::ipv4;
    case 2: return Next::ipv6;
    case 3: return Next::ethernet;
    case 4: return Next::nsh;
    case 5: return Next::mpls;
    default: return Next::nothing;
  }
}

/// Walks through the layers of one packet.
class Walk {
 public:
  explicit Walk(const Packet& packet)
      : packet_(packet), within_{packet.bytes.captured, std::max(packet.bytes.on_wire, packet.bytes.captured.size())} {}

  bool find_tcp(Sighting& sighting) {
    Next next = first();
    for (int layers = 0; layers < kMostLayers && next != Next::nothing; ++layers) {
      if (next == Next::tcp) return tcp(sighting);
      next = read(next);
    }
    return false;
  }

 private:
  [[nodiscard]] Next first() const {
    switch (packet_.link) {
      case LinkLayer::ethernet: return Next::ethernet;
      case LinkLayer::sll: return Next::sll;
      case LinkLayer::sll2: return Next::sll2;
      case LinkLayer::raw_ip: return Next::ip;
      case LinkLayer::null: return Next::null;
      case LinkLayer::loop: return Next::loop;
      case LinkLayer::ppp: return Next::ppp;
      case LinkLayer::unknown: break;
    }
    return Next::nothing;
  }

  Next read(Next layer) {
    switch (layer) {
      case Next::ethernet: return ethernet();
      case Next::ethertype: return ethertype();
      case Next::llc: return llc();
      case Next::sll: return sll();
      case Next::sll2: return sll2();
      case Next::null: return null();
      case Next::loop: return loop();
      case Next::ppp: return ppp();
      case Next::pppoe: return pppoe();
      case Next::mpls: return mpls();
      case Next::provider_backbone: return provider_backbone();
      case Next::interface_tag: return interface_tag();
      case Next::port_extension: return port_extension();
      case Next::fabric_path: return fabric_path();
      case Next::ip: return ip();
      case Next::ipv4: return ipv4();
      case Next::ipv6: return ipv6();
      case Next::protocol: return protocol();
      case Next::authentication: return authentication();
      case Next::ethernet_in_ip: return ethernet_in_ip();
      case Next::udp: return udp();
      case Next::gre: return gre();
      case Next::vxlan: return vxlan();
      case Next::vxlan_gpe: return vxlan_gpe();
      case Next::geneve: return geneve();
      case Next::gtp_u: return gtp_u();
      case Next::nsh: return nsh();
      case Next::icmp: return icmp();
      case Next::icmpv6: return icmpv6();
      case Next::tcp:
      case Next::nothing: break;
    }
    return Next::nothing;
  }

  // What is at hand, from where the walk stands.
  [[nodiscard]] bool has_next(std::size_t length) const { return has(within_.captured, at_, length); }
  [[nodiscard]] std::uint8_t byte(std::size_t offset) const { return within_.captured[at_ + offset]; }
  [[nodiscard]] std::uint16_t number16(std::size_t offset) const { return be16(within_.captured, at_ + offset); }
  [[nodiscard]] std::uint32_t number32(std::size_t offset) const { return be32(within_.captured, at_ + offset); }

  Next skip(std::size_t length, Next next) {
    at_ += length;
    return next;
  }

  /// What comes is `length` bytes long on the wire, if there is so much.
  void narrow(std::size_t length) {
    within_.on_wire = std::min(within_.on_wire, at_ + length);
    if (within_.captured.size() > within_.on_wire) within_.captured = within_.captured.first(within_.on_wire);
  }

  // The link layer.

  Next ethernet() {
    constexpr std::size_t kAddresses = 12;
    if (!has_next(kAddresses + 2)) return Next::nothing;
    address_ = within_.captured.subspan(at_, 6);
    hop_ = Hop::next;
    at_ += kAddresses;
    return ethertype();
  }

  /// A type, behind tags if there are any.
  Next ethertype() {
    constexpr std::uint16_t kLongestLength = 1500;
    constexpr std::uint16_t kNovell = 0xffff;  // No 802.2 header: IPX.
    for (int tags = 0; tags < kMostLayers; ++tags) {
      if (!has_next(2)) return Next::nothing;
      const std::uint16_t type = number16(0);
      at_ += 2;
      if (type == kTypeIpv4) return Next::ipv4;
      if (type <= kLongestLength) {
        if (has_next(2) && number16(0) == kNovell) return Next::nothing;
        narrow(type);
        return Next::llc;
      }
      if (type != kTypeVlan && type != kTypeProviderBridge && type != kTypeOldQinq) return of_ethertype(type);
      at_ += 2;
    }
    return Next::nothing;
  }

  /// IEEE 802.2, with or without SNAP.
  Next llc() {
    constexpr std::uint8_t kSnap = 0xaa;
    constexpr std::uint8_t kIp = 0x06;
    constexpr std::uint8_t kUnnumbered = 0x03;
    constexpr std::uint32_t kEncapsulatedEthernet = 0x000000;
    constexpr std::uint32_t kCisco90 = 0x0000f8;
    constexpr std::uint32_t kBridged = 0x0080c2;
    if (!has_next(3) || byte(2) != kUnnumbered) return Next::nothing;
    if ((byte(0) & 0xfeU) == kIp) return skip(3, Next::ipv4);
    if ((byte(0) & 0xfeU) != kSnap || !has_next(8)) return Next::nothing;
    const std::uint32_t organization = number32(2) & 0xffffffU;
    const std::uint16_t type = number16(6);
    if (organization == kEncapsulatedEthernet || organization == kCisco90) return skip(6, Next::ethertype);
    // RFC 2684 section 5.1: Ethernet with and without its FCS.
    if (organization == kBridged && (type == 1 || type == 7)) return skip(8, Next::ethernet);
    return Next::nothing;
  }

  /// What the cooked forms of Linux call a protocol: an EtherType, or one of the numbers below of if_ether.h.
  Next cooked(std::uint16_t protocol, std::uint16_t hardware) {
    enum Number : std::uint16_t { kEthernetFrame = 3, kIeee8022 = 4, kPppFrame = 7, kLeastType = 1536 };
    enum Hardware : std::uint16_t { kNetlink = 824, kFrameRelay = 770, kRadiotap = 803 };
    if (hardware == kNetlink || hardware == kFrameRelay || hardware == kRadiotap) return Next::nothing;
    if (protocol == kEthernetFrame) return Next::ethernet;
    if (protocol == kIeee8022) return Next::llc;
    if (protocol == kPppFrame) return Next::ppp;
    return protocol < kLeastType ? Next::nothing : Next::ethertype;
  }

  void cooked_source(std::size_t offset, std::size_t length) {
    if (length != 4 && length != 6) return;
    address_ = within_.captured.subspan(at_ + offset, length);
    hop_ = Hop::last;
  }

  Next sll() {
    constexpr std::size_t kHeader = 16;
    if (!has_next(kHeader)) return Next::nothing;
    cooked_source(6, number16(4));
    const Next next = cooked(number16(kHeader - 2), number16(2));
    return skip(next == Next::ethertype ? kHeader - 2 : kHeader, next);
  }

  Next sll2() {
    constexpr std::size_t kHeader = 20;
    if (!has_next(kHeader)) return Next::nothing;
    cooked_source(12, byte(11));
    const std::uint16_t type = number16(0);
    Next next = cooked(type, number16(8));
    at_ += kHeader;
    if (next != Next::ethertype) return next;
    // The type stands in front, so that what follows a tag is behind it.
    if (type == kTypeVlan || type == kTypeProviderBridge || type == kTypeOldQinq) return skip(2, Next::ethertype);
    return of_ethertype(type);
  }

  /// The address families of all that call something AF_INET6: the BSDs and macOS; Linux and Windows in files that were made
  /// there.
  static Next of_family(std::uint32_t family) {
    switch (family) {
      case 2: return Next::ipv4;
      case 10:
      case 23:
      case 24:
      case 28:
      case 30: return Next::ipv6;
      default: return Next::nothing;
    }
  }

  Next null() {
    if (!has_next(4)) return Next::nothing;
    const std::uint32_t family = number32(0);
    // A family is a small number, so that one that is large was written in the other order.
    return skip(4, of_family(family > 0xffff ? std::uint32_t{byte(3)} << 24 | std::uint32_t{byte(2)} << 16 |
                                                   std::uint32_t{byte(1)} << 8 | byte(0)
                                             : family));
  }

  Next loop() { return has_next(4) ? skip(4, of_family(number32(0))) : Next::nothing; }

  /// RFC 1661 section 2, framed or not, with its protocol field compressed or not; Cisco's HDLC tells itself by the first byte.
  Next ppp() {
    enum Address : std::uint8_t { kCiscoUnicast = 0x0f, kCiscoMulticast = 0x8f };
    if (!has_next(2)) return Next::nothing;
    if (byte(0) == kCiscoUnicast || byte(0) == kCiscoMulticast) return skip(2, Next::ethertype);
    if (number16(0) == 0xff03) at_ += 2;
    if (!has_next(2)) return Next::nothing;
    const bool compressed = (byte(0) & 1U) != 0;
    const std::uint16_t type = compressed ? byte(0) : number16(0);
    at_ += compressed ? 1 : 2;
    switch (type) {
      case 0x0021: return Next::ipv4;
      case 0x0057: return Next::ipv6;
      case 0x0281:
      case 0x0283: return Next::mpls;
      default: return Next::nothing;
    }
  }

  /// RFC 2516 section 4: of a session, code 0.
  Next pppoe() {
    constexpr std::size_t kHeader = 6;
    if (!has_next(kHeader) || byte(1) != 0) return Next::nothing;
    const std::uint16_t length = number16(4);
    at_ += kHeader;
    narrow(length);
    return Next::ppp;
  }

  /// RFC 3032 section 2.1: entries of four bytes, of which the last one says so.
  Next mpls() {
    for (bool last = false; !last; at_ += 4) {
      if (!has_next(4)) return Next::nothing;
      last = (byte(2) & 1U) != 0;
    }
    if (!has_next(1)) return Next::nothing;
    switch (byte(0) >> 4) {
      case 4: return Next::ipv4;
      case 6: return Next::ipv6;
      case 0: return pseudowire();
      default: return Next::ethernet;
    }
  }

  /// An Ethernet frame behind a control word (RFC 4448 section 4.6), or one to an address that begins like one.
  Next pseudowire() {
    constexpr std::size_t kControlWord = 4;
    constexpr std::size_t kType = 12;
    const auto is_ethernet = [this](std::size_t offset) {
      if (!has_next(offset + kType + 2)) return false;
      const std::uint16_t type = number16(offset + kType);
      return type == kTypeVlan || type == kTypeProviderBridge || type == kTypeOldQinq || of_ethertype(type) != Next::nothing;
    };
    if (is_ethernet(kControlWord)) return skip(kControlWord, Next::ethernet);
    return is_ethernet(0) ? Next::ethernet : Next::nothing;
  }

  /// IEEE 802.1ah: an I-TAG, and the customer's frame.
  Next provider_backbone() {
    constexpr std::size_t kTag = 4;
    constexpr std::size_t kAddresses = 12;
    return skip(kTag + kAddresses, Next::ethertype);
  }

  Next interface_tag() { return skip(4, Next::ethertype); }
  Next port_extension() { return skip(6, Next::ethertype); }

  /// A tag, and the frame that it was put before.
  Next fabric_path() { return skip(2, Next::ethernet); }

  // The network layer.

  Next ip() {
    if (!has_next(1)) return Next::nothing;
    const std::uint8_t version = byte(0) >> 4;
    return version == 4 ? Next::ipv4 : version == 6 ? Next::ipv6 : Next::nothing;
  }

  Next ipv4() { return read_ipv4_header(within_, at_, ip_) ? carried() : Next::nothing; }
  Next ipv6() { return read_ipv6_header(within_, at_, ip_) ? carried() : Next::nothing; }

  Next carried() {
    at_ = ip_.end;
    if (ip_.protocol == kProtocolTcp) return Next::tcp;
    narrow(ip_.payload);
    if (ip_.fragment) {
      // What is in a tunnel knows its own length; how far the tunnel's goes on in other fragments, nobody.
      within_.on_wire = unknown_end_ = ip_.end + kLongestDatagram;
    }
    return protocol();
  }

  Next protocol() {
    switch (ip_.protocol) {
      case kIcmp: return Next::icmp;
      case kIpv4: return Next::ipv4;
      case kProtocolTcp: return Next::tcp;
      case kUdp: return Next::udp;
      case kIpv6: return Next::ipv6;
      case kGre: return Next::gre;
      case kAuthentication: return Next::authentication;
      case kIcmpv6: return Next::icmpv6;
      case kEtherIp: return Next::ethernet_in_ip;
      case kMplsInIp: return Next::mpls;
      case kEthernet: return Next::ethernet;
      default: return Next::nothing;
    }
  }

  /// Behind IPv4; IPv6 has it among its extension headers. RFC 4302 section 2.2.
  Next authentication() {
    if (!has_next(12)) return Next::nothing;
    const std::size_t length = (byte(1) + std::size_t{2}) * 4;
    if (!has_next(length)) return Next::nothing;
    ip_.protocol = byte(0);
    at_ += length;
    ip_.end = at_;
    ip_.payload -= std::min(ip_.payload, length);
    authenticated_ = true;
    return Next::protocol;
  }

  /// RFC 3378 section 3.
  Next ethernet_in_ip() { return skip(2, Next::ethernet); }

  /// RFC 792, and RFC 4443 section 2.1: errors quote.
  Next icmp() {
    constexpr std::uint8_t kRedirect = 5;
    constexpr std::size_t kOfDatagram = 8;
    if (!quotes(false)) return Next::nothing;
    const bool redirects = byte(0) == kRedirect;
    at_ += kIcmpHeader;
    // Wireshark takes it at its word, where others may quote more than RFC 792 says.
    if (redirects && has_next(1)) narrow((byte(0) & 0x0fU) * std::size_t{4} + kOfDatagram);
    return Next::ipv4;
  }
  Next icmpv6() { return quotes(true) ? skip(kIcmpHeader, Next::ipv6) : Next::nothing; }

  bool quotes(bool v6) {
    if (!has_next(kIcmpHeader) || !is_icmp_error(v6, byte(0))) return false;
    quoted_ = true;
    return true;
  }

  // Tunnels.

  Next udp() {
    constexpr std::size_t kHeader = 8;
    if (!has_next(kHeader)) return Next::nothing;
    const std::uint16_t low = std::min(number16(0), number16(2));
    const std::uint16_t high = std::max(number16(0), number16(2));
    const std::uint16_t length = number16(4);
    if (length != 0 && length < kHeader) return Next::nothing;
    if (length != 0) narrow(length);
    const Next next = of_udp_port(low);
    return skip(kHeader, next != Next::nothing ? next : of_udp_port(high));
  }

  /// RFC 2784 and 2890, version 0; RFC 2637 (PPTP), version 1; RFC 1701's routing.
  Next gre() {
    enum Bit : std::uint16_t { kChecksum = 0x8000, kRouting = 0x4000, kKey = 0x2000, kSequence = 0x1000, kAck = 0x0080 };
    if (!has_next(4)) return Next::nothing;
    const std::uint16_t bits = number16(0);
    const std::uint16_t type = number16(2);
    const int version = bits & 7;
    if (version > 1) return Next::nothing;
    at_ += 4;
    if ((bits & (kChecksum | kRouting)) != 0) at_ += 4;
    if ((bits & kKey) != 0) at_ += 4;
    if ((bits & kSequence) != 0) at_ += 4;
    if (version == 1 && (bits & kAck) != 0) at_ += 4;
    if ((bits & kRouting) != 0 && !source_routes()) return Next::nothing;
    switch (type) {
      case kTypeErspan: return (bits & kSequence) != 0 ? skip(8, Next::ethernet) : Next::ethernet;
      case kTypeErspan3: return erspan3();
      case kTypeWccp: return wccp();
      case kTypeVlan:
      case kTypeProviderBridge:
      case kTypeOldQinq: return skip(2, Next::ethertype);
      default: return of_ethertype(type);
    }
  }

  /// Entries until one is empty.
  bool source_routes() {
    for (int entries = 0; entries < kMostLayers; ++entries) {
      if (!has_next(4)) return false;
      const std::uint8_t length = byte(3);
      const bool last = number16(0) == 0 && length == 0;
      at_ += std::size_t{4} + length;
      if (last) return true;
    }
    return false;
  }

  /// draft-foschiano-erspan, section 4.3: with a subheader or without.
  Next erspan3() {
    constexpr std::size_t kHeader = 12;
    constexpr std::size_t kSubheader = 8;
    if (!has_next(kHeader)) return Next::nothing;
    const bool has_subheader = (byte(kHeader - 1) & 1U) != 0;
    return skip(has_subheader ? kHeader + kSubheader : kHeader, Next::ethernet);
  }

  /// Redirected packets, since WCCP version 2 behind a header of four bytes that never looks like IPv4.
  Next wccp() {
    if (!has_next(1)) return Next::nothing;
    return byte(0) >> 4 == 4 ? Next::ipv4 : skip(4, Next::ipv4);
  }

  /// RFC 7348 section 5.
  Next vxlan() { return skip(8, Next::ethernet); }

  Next vxlan_gpe() {
    constexpr std::size_t kHeader = 8;
    if (!has_next(kHeader)) return Next::nothing;
    constexpr unsigned kSaysWhat = 0x04;
    const Next next = (byte(0) & kSaysWhat) != 0 ? of_next_protocol(byte(3)) : Next::ethernet;
    return skip(kHeader, next);
  }

  /// RFC 8926 section 3.4.
  Next geneve() {
    constexpr std::size_t kHeader = 8;
    if (!has_next(kHeader)) return Next::nothing;
    const std::size_t options = (byte(0) & 0x3fU) * std::size_t{4};
    return skip(kHeader + options, of_ethertype(number16(2)));
  }

  /// 3GPP TS 29.281 section 5: a G-PDU, behind extension headers.
  Next gtp_u() {
    constexpr std::size_t kHeader = 8;
    constexpr std::uint8_t kGpdu = 255;
    if (!has_next(kHeader) || byte(0) >> 4 != 3 || byte(1) != kGpdu) return Next::nothing;
    const bool extended = (byte(0) & 0x04U) != 0;
    const bool optional_fields = (byte(0) & 0x07U) != 0;
    at_ += kHeader;
    if (!optional_fields) return Next::ip;
    if (!has_next(4)) return Next::nothing;
    std::uint8_t next = extended ? byte(3) : std::uint8_t{0};
    at_ += 4;
    while (next != 0) {
      if (!has_next(1) || byte(0) == 0) return Next::nothing;
      const std::size_t length = byte(0) * std::size_t{4};
      if (!has_next(length)) return Next::nothing;
      next = byte(length - 1);
      at_ += length;
    }
    return Next::ip;
  }

  /// RFC 8300 section 2.2.
  Next nsh() {
    if (!has_next(4)) return Next::nothing;
    const std::size_t length = (byte(1) & 0x3fU) * std::size_t{4};
    return length < 8 ? Next::nothing : skip(length, of_next_protocol(byte(3)));
  }

  // The end of the walk.

  [[nodiscard]] bool tcp(Sighting& sighting) {
    // What a host or router may quote at least: ports and seq (RFC 792).
    constexpr std::size_t kLeastQuoted = 8;
    const std::size_t there = std::min(ip_.payload, within_.captured.size() - ip_.end);
    if (there < (quoted_ ? kLeastQuoted : kTcpFiled)) return false;
    Segment& segment = *new (&sighting.read) Segment;  // `Segment()` would zero it first.
    segment.frame = packet_.frame;
    segment.time = packet_.time;
    segment.point = capture_point(packet_.interface, address_, hop_);
    sighting.kind = Sighting::unreadable;
    sighting.stream = 0;
    sighting.stub = false;
    if (quoted_) {
      read_tcp_essentials(within_.captured.first(ip_.end + there), ip_, segment);
      quote(sighting);
      sighting.stub = there < kTcpFiled;
    } else if (is_whole() && read_segment(unknown_end_ != 0 ? within_ : packet_.bytes, ip_, segment)) {
      sighting.kind = Sighting::segment;
      if (authenticated_) {
        segment.ttl = {};
        segment.ip_id = {};
      }
    } else {
      read_tcp_essentials(packet_.bytes.captured, ip_, segment);
    }
    return true;
  }

  /// The end of the segment is known, even if it is in another fragment.
  [[nodiscard]] bool is_whole() const { return unknown_end_ == 0 || ip_.end + ip_.payload < unknown_end_; }

  /// What is in a tunnel that was quoted is nobody's: the error is about the tunnel.
  void quote(Sighting& sighting) const {
    const auto error = read_icmp_error(packet_.bytes, ip_.offset);
    if (!error) return;
    sighting.kind = Sighting::quotation;
    sighting.error = *error;
    sighting.error.frame = packet_.frame;
    sighting.error.time = packet_.time;
  }

  const Packet& packet_;
  Bytes within_;                 ///< The packet up to where the layer ends that is being read.
  std::size_t at_ = 0;           ///< Where the next one begins.
  std::size_t unknown_end_ = 0;  ///< What stands for the end of a layer that goes on in other fragments; 0: none does.
  std::span<const std::uint8_t> address_;  ///< As `capture_point` takes it; of the innermost link layer,
  Hop hop_ = Hop::next;                    ///< and whose it is.
  IpHeader ip_;                            ///< The innermost.
  bool authenticated_ = false;             ///< Something stands between it and what it carries.
  bool quoted_ = false;                    ///< It is, or is in, what an ICMP error quotes.
};

}  // namespace

bool decode(const Packet& packet, Sighting& sighting) {
  return Walk(packet).find_tcp(sighting);
}

}  // namespace tcpwhy
