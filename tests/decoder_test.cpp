// Packets are taken apart below every encapsulation that is known, and what they claim of themselves isn't believed.
#include "packet/decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tcpwhy::tests {
namespace {

// Packets are built from the inside out: each layer takes what it carries.

using Raw = std::string;

Raw bytes(std::initializer_list<unsigned> values) {
  Raw out;
  for (const unsigned value : values) out.push_back(static_cast<char>(value));
  return out;
}
Raw zeros(std::size_t count) {
  return Raw(count, '\0');
}
Raw be16(std::size_t value) {
  return bytes({static_cast<unsigned>(value >> 8 & 0xff), static_cast<unsigned>(value & 0xff)});
}
Raw be32(std::size_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}

constexpr unsigned kAckPsh = 0x18;

Raw tcp(const Raw& payload = "GET / HTTP/1.1\r\n", unsigned flags = kAckPsh, const Raw& options = "") {
  return be16(40'000) + be16(80) + be32(1'000) + be32(2'000) +
         bytes({static_cast<unsigned>((20 + options.size()) / 4) << 4, flags}) + be16(512) + zeros(4) + options + payload;
}

struct Ip {
  unsigned protocol = 6;
  unsigned host = 1;  ///< The last byte of the source; the destination's is one more.
  unsigned fragmentation = 0;
  Raw options = "";
  std::optional<std::size_t> claims = {};  ///< A total length that isn't its own.
};

Raw ipv4(const Raw& body, const Ip& ip = {}) {
  const std::size_t header = 20 + ip.options.size();
  return bytes({0x40U + static_cast<unsigned>(header / 4), 0}) + be16(ip.claims.value_or(header + body.size())) + be16(4'711) +
         be16(ip.fragmentation) + bytes({61, ip.protocol, 0, 0, 10, 0, 0, ip.host, 10, 0, 0, ip.host + 1}) + ip.options + body;
}

Raw ipv6(const Raw& body, unsigned next = 6) {
  return be32(0x60000000) + be16(body.size()) + bytes({next, 62}) + bytes({0x20, 0x01}) + zeros(13) + bytes({1, 0x20, 0x01}) +
         zeros(13) + bytes({2}) + body;
}

Raw udp(unsigned port, const Raw& body) {
  return be16(50'000) + be16(port) + be16(8 + body.size()) + zeros(2) + body;
}

const Raw kFarMac = bytes({2, 0, 0, 0, 0, 9});
const Raw kNearMac = bytes({2, 0, 0, 0, 0, 8});
const Raw kInnerMac = bytes({2, 0, 0, 0, 0, 7});

Raw ethernet(unsigned type, const Raw& body, const Raw& destination = kFarMac) {
  return destination + kNearMac + be16(type) + body;
}
/// What follows the EtherType of a tag.
Raw tag(unsigned type, const Raw& body) {
  return be16(0x0064) + be16(type) + body;
}
Raw label(unsigned number, bool last, const Raw& body) {
  return be32(number << 12 | (last ? 0x100U : 0U) | 64) + body;
}

enum Type : unsigned {
  kIpv4 = 0x0800,
  kIpv6 = 0x86dd,
  kVlan = 0x8100,
  kQinq = 0x88a8,
  kOldQinq = 0x9100,
  kMpls = 0x8847,
  kPppoe = 0x8864
};
enum Protocol : unsigned { kIcmp = 1, kIpInIp = 4, kUdp = 17, kIpv6InIp = 41, kGre = 47, kAuthentication = 51, kIcmpv6 = 58 };
enum Tunnel : unsigned { kGtpU = 2152, kVxlan = 4789, kGeneve = 6081 };

struct Read {
  bool found = false;
  Sighting sighting;
};

Packet packet_of(const Raw& raw, LinkLayer link = LinkLayer::ethernet, std::size_t on_wire = 0) {
  Packet packet;
  packet.frame = 17;
  packet.time = 42;
  packet.interface = 3;
  packet.link = link;
  packet.bytes = {{reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()}, std::max(on_wire, raw.size())};
  return packet;
}

Read read(const Raw& raw, LinkLayer link = LinkLayer::ethernet, std::size_t on_wire = 0) {
  Read result;
  result.found = decode(packet_of(raw, link, on_wire), result.sighting);
  return result;
}

CapturePoint point_at(const Raw& address, Hop hop = Hop::next) {
  return capture_point(3, {reinterpret_cast<const std::uint8_t*>(address.data()), address.size()}, hop);
}

Endpoint endpoint(unsigned host, std::uint16_t port) {
  return {tcpwhy::ipv4(0x0a000000 + host), port};
}

/// "10.0.0.1:40000 > 10.0.0.2:80 1000 16", or what it is if no segment.
std::string in_words(const Read& read) {
  if (!read.found) return "nothing";
  const Segment& segment = read.sighting.read;
  const std::string ends =
      fmt::format("{} > {} {}", to_string(segment.source), to_string(segment.destination), segment.seq.raw());
  switch (read.sighting.kind) {
    case Sighting::segment: return fmt::format("{} {}", ends, segment.length);
    case Sighting::quotation: return "quoted " + ends;
    case Sighting::unreadable: return "unreadable " + ends;
  }
  return "?";
}

const std::string kThatIpv4 = "10.0.0.1:40000 > 10.0.0.2:80 1000 16";
const std::string kThatIpv6 = "[2001::1]:40000 > [2001::2]:80 1000 16";

std::string text(std::span<const std::uint8_t> span) {
  return {span.begin(), span.end()};
}

// What is read of a segment.

TEST(Decoder, ReadsAllOfASegment) {
  const Raw raw = ethernet(kIpv4, ipv4(tcp("hello", 0x11, bytes({1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6}))));
  const Read got = read(raw);
  ASSERT_EQ(got.sighting.kind, Sighting::segment);
  const Segment& segment = got.sighting.read;
  EXPECT_EQ(segment.frame, 17U);
  EXPECT_EQ(segment.time, 42);
  EXPECT_EQ(segment.source, endpoint(1, 40'000));
  EXPECT_EQ(segment.destination, endpoint(2, 80));
  EXPECT_EQ(segment.seq, SequenceNumber(1'000));
  EXPECT_EQ(segment.ack, SequenceNumber(2'000));
  EXPECT_EQ(segment.flags, kFin | kAck);
  EXPECT_EQ(segment.length, 5U);
  EXPECT_EQ(segment.window, 512);
  EXPECT_EQ(segment.ttl, 61);
  EXPECT_EQ(segment.ip_id, 4'711);
  EXPECT_EQ(segment.point, point_at(kFarMac));
  EXPECT_TRUE(segment.options.known && segment.options.timestamps);
  EXPECT_EQ(segment.options.tsecr, 6U);
  EXPECT_EQ(text(segment.payload), "hello");
}

TEST(Decoder, NothingOfThePacketBeforeIsLeft) {
  Sighting sighting;
  const Raw full = ethernet(kIpv4, ipv4(tcp("hello", kAckPsh, bytes({1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6}))));
  const Raw bare = ethernet(kIpv6, ipv6(tcp("")));
  ASSERT_TRUE(decode(packet_of(full), sighting));
  ASSERT_TRUE(decode(packet_of(bare), sighting));
  EXPECT_FALSE(sighting.read.ip_id);
  EXPECT_EQ(sighting.read.ttl, 62);
  EXPECT_FALSE(sighting.read.options.timestamps);
  EXPECT_TRUE(sighting.read.payload.empty());
}

TEST(Decoder, PaddingAndTrailersAreNoPayload) {
  const Raw raw = ethernet(kIpv4, ipv4(tcp("")) + zeros(6) + "trailer");
  EXPECT_EQ(in_words(read(raw)), "10.0.0.1:40000 > 10.0.0.2:80 1000 0");
}

TEST(Decoder, TheReasonThatADeviceWroteBehindAResetIsFound) {
  const Raw cause = bytes({0}) + zeros(8) + "no route";
  const Raw block = bytes({2, 0, 1}) + zeros(26) + bytes({static_cast<unsigned>(cause.size())}) + cause;
  Raw trailer = block;
  trailer[1] = static_cast<char>(block.size() - 2);
  const Raw raw = ethernet(kVlan, tag(kIpv4, ipv4(tcp("", 0x14)) + trailer));
  EXPECT_EQ(text(read(raw).sighting.read.note), "no route");
}

TEST(Decoder, OtherProtocolsAreNothing) {
  EXPECT_EQ(in_words(read(ethernet(0x0806, zeros(46)))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.protocol = 132})))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv6(tcp())))), "nothing") << "a version that isn't the type's";
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp())), LinkLayer::unknown)), "nothing");
}

// Link layers.

TEST(LinkLayers, TagsOfAllKinds) {
  for (const unsigned outer : {kVlan, kQinq, kOldQinq}) {
    EXPECT_EQ(in_words(read(ethernet(outer, tag(kIpv4, ipv4(tcp()))))), kThatIpv4);
    EXPECT_EQ(in_words(read(ethernet(outer, tag(kVlan, tag(kIpv6, ipv6(tcp())))))), kThatIpv6);
  }
  EXPECT_EQ(in_words(read(ethernet(0x8926, zeros(4) + be16(kIpv4) + ipv4(tcp())))), kThatIpv4) << "VN-tag";
  EXPECT_EQ(in_words(read(ethernet(0x893f, zeros(6) + be16(kIpv4) + ipv4(tcp())))), kThatIpv4) << "802.1BR";
}

TEST(LinkLayers, FramesInFrames) {
  const Raw inner = ethernet(kIpv4, ipv4(tcp()), kInnerMac);
  const Read bridged = read(ethernet(0x8903, zeros(2) + inner));
  EXPECT_EQ(in_words(bridged), kThatIpv4) << "FabricPath";
  EXPECT_EQ(bridged.sighting.read.point, point_at(kInnerMac));
  EXPECT_EQ(in_words(read(ethernet(0x88e7, zeros(4) + inner))), kThatIpv4) << "802.1ah";
}

TEST(LinkLayers, LengthsInPlaceOfTypes) {
  const Raw snap = bytes({0xaa, 0xaa, 3, 0, 0, 0}) + be16(kIpv4) + ipv4(tcp(), {.claims = 0});
  const auto framed = [](const Raw& body) { return ethernet(static_cast<unsigned>(body.size()), body + zeros(8)); };
  EXPECT_EQ(in_words(read(framed(snap))), kThatIpv4) << "where IP says no length, the frame's own counts";
  EXPECT_EQ(in_words(read(framed(bytes({6, 6, 3}) + ipv4(tcp())))), kThatIpv4);
  EXPECT_EQ(in_words(read(framed(bytes({0x42, 0x42, 3}) + ipv4(tcp())))), "nothing");
  EXPECT_EQ(in_words(read(framed(bytes({0xff, 0xff, 3}) + ipv4(tcp())))), "nothing");
}

TEST(LinkLayers, Mpls) {
  const Raw two = label(17, false, label(18, true, ipv4(tcp())));
  EXPECT_EQ(in_words(read(ethernet(kMpls, two))), kThatIpv4);
  EXPECT_EQ(in_words(read(ethernet(kVlan, tag(kMpls, label(17, true, ipv6(tcp())))))), kThatIpv6);
  EXPECT_EQ(in_words(read(ethernet(kMpls, label(17, false, ipv4(tcp()))))), "nothing") << "the stack doesn't end";
}

TEST(LinkLayers, PseudowiresWithAndWithoutControlWord) {
  const Raw inner = ethernet(kVlan, tag(kIpv4, ipv4(tcp())), kInnerMac);
  const Read with = read(ethernet(kMpls, label(17, true, zeros(4) + inner)));
  EXPECT_EQ(in_words(with), kThatIpv4);
  EXPECT_EQ(with.sighting.read.point, point_at(kInnerMac));
  EXPECT_EQ(in_words(read(ethernet(kMpls, label(17, true, inner)))), kThatIpv4);
}

TEST(LinkLayers, Pppoe) {
  const Raw session = ipv4(tcp(), {.claims = 0});
  const Raw raw = ethernet(kPppoe, bytes({0x11, 0}) + be16(1) + be16(2 + session.size()) + be16(0x0021) + session + zeros(4));
  EXPECT_EQ(in_words(read(raw)), kThatIpv4);
  EXPECT_EQ(in_words(read(ethernet(0x8863, bytes({0x11, 9}) + be16(0) + be16(4) + zeros(4)))), "nothing") << "discovery";
}

TEST(LinkLayers, CookedOnesKnowTheSourceOnly) {
  const auto sll = [](unsigned type, const Raw& body) {
    return be16(0) + be16(1) + be16(6) + kNearMac + zeros(2) + be16(type) + body;
  };
  const auto sll2 = [](unsigned type, const Raw& body) {
    return be16(type) + zeros(2) + be32(2) + be16(1) + bytes({0, 6}) + kNearMac + zeros(2) + body;
  };
  const Read first = read(sll(kIpv4, ipv4(tcp())), LinkLayer::sll);
  EXPECT_EQ(in_words(first), kThatIpv4);
  EXPECT_EQ(first.sighting.read.point, point_at(kNearMac, Hop::last));
  EXPECT_EQ(in_words(read(sll(kVlan, tag(kIpv6, ipv6(tcp()))), LinkLayer::sll)), kThatIpv6);
  const Read second = read(sll2(kIpv6, ipv6(tcp())), LinkLayer::sll2);
  EXPECT_EQ(in_words(second), kThatIpv6);
  EXPECT_EQ(second.sighting.read.point, point_at(kNearMac, Hop::last));
  EXPECT_EQ(in_words(read(sll2(kVlan, tag(kIpv4, ipv4(tcp()))), LinkLayer::sll2)), kThatIpv4);
  EXPECT_EQ(in_words(read(sll(4, bytes({6, 6, 3}) + ipv4(tcp())), LinkLayer::sll)), kThatIpv4) << "802.2";
}

TEST(LinkLayers, RawIpHasNoPlaceOfItsOwn) {
  const Read got = read(ipv4(tcp()), LinkLayer::raw_ip);
  EXPECT_EQ(in_words(got), kThatIpv4);
  EXPECT_EQ(got.sighting.read.point, capture_point(3, {}));
  EXPECT_EQ(in_words(read(ipv6(tcp()), LinkLayer::raw_ip)), kThatIpv6);
  EXPECT_EQ(in_words(read(bytes({0x50}) + zeros(60), LinkLayer::raw_ip)), "nothing");
}

TEST(LinkLayers, LoopbackInEitherByteOrder) {
  EXPECT_EQ(in_words(read(bytes({2, 0, 0, 0}) + ipv4(tcp()), LinkLayer::null)), kThatIpv4);
  EXPECT_EQ(in_words(read(bytes({0, 0, 0, 2}) + ipv4(tcp()), LinkLayer::null)), kThatIpv4);
  for (const unsigned family : {10U, 23U, 24U, 28U, 30U}) {
    EXPECT_EQ(in_words(read(bytes({family, 0, 0, 0}) + ipv6(tcp()), LinkLayer::null)), kThatIpv6) << family;
    EXPECT_EQ(in_words(read(bytes({0, 0, 0, family}) + ipv6(tcp()), LinkLayer::null)), kThatIpv6) << family;
    EXPECT_EQ(in_words(read(bytes({0, 0, 0, family}) + ipv6(tcp()), LinkLayer::loop)), kThatIpv6) << family;
  }
  EXPECT_EQ(in_words(read(bytes({2, 0, 0, 0}) + ipv4(tcp()), LinkLayer::loop)), "nothing") << "always in network order";
  EXPECT_EQ(in_words(read(bytes({7, 0, 0, 0}) + ipv4(tcp()), LinkLayer::null)), "nothing");
}

TEST(LinkLayers, PppFramedOrNotCompressedOrNot) {
  EXPECT_EQ(in_words(read(be16(0x0021) + ipv4(tcp()), LinkLayer::ppp)), kThatIpv4);
  EXPECT_EQ(in_words(read(bytes({0xff, 3}) + be16(0x0057) + ipv6(tcp()), LinkLayer::ppp)), kThatIpv6);
  EXPECT_EQ(in_words(read(bytes({0xff, 3, 0x21}) + ipv4(tcp()), LinkLayer::ppp)), kThatIpv4);
  EXPECT_EQ(in_words(read(be16(0x0281) + label(17, true, ipv4(tcp())), LinkLayer::ppp)), kThatIpv4);
  EXPECT_EQ(in_words(read(bytes({0x0f, 0}) + be16(kIpv4) + ipv4(tcp()), LinkLayer::ppp)), kThatIpv4) << "Cisco HDLC";
  EXPECT_EQ(in_words(read(be16(0xc021) + zeros(40), LinkLayer::ppp)), "nothing") << "LCP";
}

// IP.

TEST(Ip, OptionsAreSteppedOver) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.options = bytes({148, 4, 0, 0})})))), kThatIpv4);
}

TEST(Ip, ASourceRouteEndsWhereTcpDoes) {
  const auto routed = [](unsigned pointer) {
    return read(ethernet(kIpv4, ipv4(tcp(), {.options = bytes({1, 131, 7, pointer, 10, 0, 0, 99})})));
  };
  EXPECT_EQ(in_words(routed(4)), "10.0.0.1:40000 > 10.0.0.99:80 1000 16");
  EXPECT_EQ(in_words(routed(8)), kThatIpv4) << "it was followed to its end";
  const Raw hop = bytes({0x20, 0x01}) + zeros(13) + bytes({9});
  const auto routed_v6 = [&](unsigned type, unsigned left) {
    return read(ethernet(kIpv6, ipv6(bytes({6, 2, type, left}) + zeros(4) + hop + tcp(), 43)));
  };
  EXPECT_EQ(in_words(routed_v6(0, 1)), "[2001::1]:40000 > [2001::9]:80 1000 16");
  EXPECT_EQ(in_words(routed_v6(4, 1)), "[2001::1]:40000 > [2001::9]:80 1000 16");
  EXPECT_EQ(in_words(routed_v6(4, 0)), kThatIpv6);
}

TEST(Ip, ExtensionHeadersAreSteppedOver) {
  const Raw fragment = bytes({6, 0, 0, 0}) + zeros(4);
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(bytes({60, 0}) + zeros(6) + bytes({44, 0}) + zeros(6) + fragment + tcp(), 0)))),
            kThatIpv6);
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(bytes({6, 1}) + zeros(10) + tcp(), 51)))), kThatIpv6) << "authentication";
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(bytes({6, 0}) + zeros(6) + tcp(), 50)))), "nothing") << "ESP is encrypted";
}

TEST(Ip, BehindAnAuthenticationHeaderTheTtlIsNotVouchedFor) {
  const Read got = read(ethernet(kIpv4, ipv4(bytes({6, 4}) + zeros(22) + tcp(), {.protocol = kAuthentication})));
  EXPECT_EQ(in_words(got), kThatIpv4);
  EXPECT_FALSE(got.sighting.read.ttl || got.sighting.read.ip_id);
}

TEST(Ip, OfFragmentsOnlyTheFirstSaysWhoseItIs) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.fragmentation = 0x2000})))),
            "unreadable 10.0.0.1:40000 > 10.0.0.2:80 1000");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.fragmentation = 0x2003})))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.fragmentation = 0x0003})))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.fragmentation = 0x4000})))), kThatIpv4) << "don't fragment";
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(bytes({6, 0, 0, 1}) + zeros(4) + tcp(), 44)))),
            "unreadable [2001::1]:40000 > [2001::2]:80 1000");
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(bytes({6, 0, 0, 9}) + zeros(4) + tcp(), 44)))), "nothing");
}

TEST(Ip, ALengthOfZeroIsThatOfASegmentThatTheCardCuts) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.claims = 0})))), kThatIpv4);
}

// Lies.

TEST(Lies, ALengthBeyondTheFrameEndsWithIt) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.claims = 9'000})))), kThatIpv4);
}

TEST(Lies, ALengthThatTheHeaderItselfExceedsIsNone) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.claims = 12})))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(tcp(), {.claims = 30})))), "nothing") << "half a TCP header";
}

TEST(Lies, ADataOffsetThatPointsOutsideHasNoLength) {
  Raw header = tcp("");
  header[12] = static_cast<char>(0xf0);
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(header)))), "unreadable 10.0.0.1:40000 > 10.0.0.2:80 1000");
  header[12] = 0x40;
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(header)))), "unreadable 10.0.0.1:40000 > 10.0.0.2:80 1000");
}

TEST(Lies, AnInnerPacketReachesNoFurtherThanTheOuterOne) {
  const Raw inner = ipv4(tcp() + "more", {.claims = 9'000});
  const Raw raw = ethernet(kIpv4, ipv4(inner, {.protocol = kIpInIp, .host = 7, .claims = 20 + inner.size() - 4}));
  EXPECT_EQ(in_words(read(raw)), kThatIpv4);
  const Raw short_udp =
      be16(50'000) + be16(kVxlan) + be16(8 + 8 + 14 + 20) + zeros(2) + zeros(8) + ethernet(kIpv4, ipv4(tcp()));
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(short_udp, {.protocol = kUdp})))), "nothing");
}

TEST(Lies, NestingHasAnEnd) {
  Raw raw = ipv4(tcp());
  for (int i = 0; i < 1'000; ++i) raw = ipv4(raw, {.protocol = kIpInIp});
  EXPECT_EQ(in_words(read(raw, LinkLayer::raw_ip)), "nothing");
  Raw tags = be16(kVlan);
  for (int i = 0; i < 1'000; ++i) tags += tag(kVlan, "");
  EXPECT_EQ(in_words(read(kFarMac + kNearMac + tags)), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kMpls, zeros(9'000)))), "nothing");
  EXPECT_EQ(
      in_words(read(ethernet(kIpv4, ipv4(bytes({0x40, 0}) + be16(kIpv4) + zeros(4) + Raw(9'000, '\1'), {.protocol = kGre})))),
      "nothing")
      << "a source route in GRE";
}

// ICMP.

Raw icmp(unsigned type, unsigned code, const Raw& quoted, unsigned mtu = 0) {
  return bytes({type, code, 0, 0}) + be32(mtu) + quoted;
}

TEST(Icmp, QuotesWhatItIsAbout) {
  const Raw quoted = ipv4(tcp()).substr(0, 40);
  const Read got = read(ethernet(kIpv4, ipv4(icmp(3, 4, quoted, 1'400), {.protocol = kIcmp, .host = 99})));
  EXPECT_EQ(in_words(got), "quoted 10.0.0.1:40000 > 10.0.0.2:80 1000");
  EXPECT_FALSE(got.sighting.stub);
  EXPECT_EQ(got.sighting.read.flags, kAckPsh);
  EXPECT_EQ(got.sighting.read.ack, SequenceNumber(2'000));
  const IcmpError& error = got.sighting.error;
  EXPECT_EQ(std::pair(error.type, error.code), std::pair(std::uint8_t{3}, std::uint8_t{4}));
  EXPECT_EQ(error.mtu, 1'400U);
  EXPECT_EQ(error.frame, 17U);
  EXPECT_EQ(error.time, 42);
  EXPECT_FALSE(error.v6);
}

TEST(Icmp, EightBytesAreEnough) {
  const Raw quoted = ipv4(tcp()).substr(0, 28);
  const Read got = read(ethernet(kIpv4, ipv4(icmp(11, 0, quoted), {.protocol = kIcmp, .host = 99})));
  EXPECT_EQ(in_words(got), "quoted 10.0.0.1:40000 > 10.0.0.2:80 1000");
  EXPECT_TRUE(got.sighting.stub);
  EXPECT_EQ(got.sighting.read.flags, 0);
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(icmp(11, 0, quoted.substr(0, 27)), {.protocol = kIcmp})))), "nothing");
}

TEST(Icmp, OfIpv6Too) {
  const Read got = read(ethernet(kIpv6, ipv6(icmp(2, 0, ipv6(tcp()), 1'280), kIcmpv6)));
  EXPECT_EQ(in_words(got), "quoted [2001::1]:40000 > [2001::2]:80 1000");
  EXPECT_TRUE(got.sighting.error.v6);
  EXPECT_EQ(got.sighting.error.mtu, 1'280U);
}

TEST(Icmp, AnEchoThatLooksLikeAQuotationIsNone) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(icmp(8, 0, ipv4(tcp())), {.protocol = kIcmp})))), "nothing");
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(icmp(128, 0, ipv6(tcp())), kIcmpv6)))), "nothing");
}

TEST(Icmp, ThatQuotesATunnelIsAboutTheTunnel) {
  const Raw tunnel = ipv4(ipv4(tcp()), {.protocol = kIpInIp, .host = 50});
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(icmp(3, 1, tunnel), {.protocol = kIcmp, .host = 99})))),
            "unreadable 10.0.0.1:40000 > 10.0.0.2:80 1000");
}

// Tunnels.

Raw outer_udp(unsigned port, const Raw& body) {
  return ethernet(kIpv4, ipv4(udp(port, body), {.protocol = kUdp, .host = 50}));
}
Raw outer_gre(const Raw& body) {
  return ethernet(kIpv4, ipv4(body, {.protocol = kGre, .host = 50}));
}

TEST(Tunnels, Vxlan) {
  const Raw inner = zeros(8) + ethernet(kVlan, tag(kIpv4, ipv4(tcp())), kInnerMac);
  const Read got = read(outer_udp(kVxlan, inner));
  EXPECT_EQ(in_words(got), kThatIpv4);
  EXPECT_EQ(got.sighting.read.point, point_at(kInnerMac)) << "the innermost link layer";
  EXPECT_EQ(got.sighting.read.ttl, 61);
  EXPECT_EQ(in_words(read(outer_udp(4'788, inner))), "nothing") << "a port that nobody registered for it";
  EXPECT_EQ(in_words(read(outer_udp(4'790, bytes({0x0c, 0, 0, 1, 0, 0, 0, 0}) + ipv4(tcp())))), kThatIpv4) << "GPE";
}

TEST(Tunnels, GeneveWithOptions) {
  const Raw inner = ethernet(kIpv6, ipv6(tcp()), kInnerMac);
  EXPECT_EQ(in_words(read(outer_udp(kGeneve, bytes({2, 0}) + be16(0x6558) + zeros(4) + zeros(8) + inner))), kThatIpv6);
  EXPECT_EQ(in_words(read(outer_udp(kGeneve, bytes({0, 0}) + be16(kIpv4) + zeros(4) + ipv4(tcp())))), kThatIpv4);
}

TEST(Tunnels, GreWithAllThatMayStandInIt) {
  EXPECT_EQ(in_words(read(outer_gre(be16(0) + be16(kIpv4) + ipv4(tcp())))), kThatIpv4);
  EXPECT_EQ(in_words(read(outer_gre(be16(0xb000) + be16(kIpv6) + zeros(12) + ipv6(tcp())))), kThatIpv6)
      << "checksum, key, sequence";
  EXPECT_EQ(in_words(read(outer_gre(be16(0x4000) + be16(kIpv4) + zeros(4) + be16(2) + bytes({0, 4}) + zeros(4) + zeros(4) +
                                    ipv4(tcp())))),
            kThatIpv4)
      << "a source route";
  EXPECT_EQ(in_words(read(outer_gre(be16(0x3081) + be16(0x880b) + zeros(12) + bytes({0xff, 3}) + be16(0x21) + ipv4(tcp())))),
            kThatIpv4)
      << "PPTP";
  EXPECT_EQ(in_words(read(outer_gre(be16(0) + be16(0x883e) + ipv4(tcp())))), kThatIpv4) << "WCCP";
  EXPECT_EQ(in_words(read(outer_gre(be16(0) + be16(0x883e) + zeros(4) + ipv4(tcp())))), kThatIpv4) << "WCCP 2";
  EXPECT_EQ(in_words(read(outer_gre(be16(0) + be16(kMpls) + label(3, true, ipv4(tcp()))))), kThatIpv4);
}

TEST(Tunnels, BridgesOverGre) {
  const Raw inner = ethernet(kIpv4, ipv4(tcp()), kInnerMac);
  for (const Raw& header : {be16(0x2000) + be16(0x6558) + zeros(4), be16(0x1000) + be16(0x88be) + zeros(4) + zeros(8),
                            be16(0) + be16(0x88be), be16(0x1000) + be16(0x22eb) + zeros(4) + zeros(12),
                            be16(0x1000) + be16(0x22eb) + zeros(4) + zeros(11) + bytes({1}) + zeros(8)}) {
    const Read got = read(outer_gre(header + inner));
    EXPECT_EQ(in_words(got), kThatIpv4);
    EXPECT_EQ(got.sighting.read.point, point_at(kInnerMac));
  }
}

TEST(Tunnels, IpInIpOfBothKinds) {
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(ipv4(tcp()), {.protocol = kIpInIp, .host = 50})))), kThatIpv4);
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(ipv6(tcp()), {.protocol = kIpv6InIp, .host = 50})))), kThatIpv6);
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(ipv4(tcp()), kIpInIp)))), kThatIpv4);
  EXPECT_EQ(in_words(read(ethernet(kIpv6, ipv6(ipv6(tcp()), kIpv6InIp)))), kThatIpv6);
}

TEST(Tunnels, GtpWithExtensionHeaders) {
  const Raw inner = ipv4(tcp());
  EXPECT_EQ(in_words(read(outer_udp(kGtpU, bytes({0x30, 255}) + be16(inner.size()) + be32(1) + inner))), kThatIpv4);
  const Raw extension = bytes({1, 0, 0, 0xc0, 1, 0, 0, 0});
  const Raw extended =
      bytes({0x34, 255}) + be16(4 + extension.size() + inner.size()) + be32(1) + bytes({0, 0, 0, 0x85}) + extension;
  EXPECT_EQ(in_words(read(outer_udp(kGtpU, extended + inner))), kThatIpv4);
  EXPECT_EQ(in_words(read(outer_udp(kGtpU, bytes({0x32, 1}) + be16(4) + be32(0) + zeros(4)))), "nothing") << "an echo request";
  Raw endless = extended;
  endless[12] = 0;
  EXPECT_EQ(in_words(read(outer_udp(kGtpU, endless + inner))), "nothing") << "an extension header of no length";
}

TEST(Tunnels, InsideEachOther) {
  const Raw vxlan = ipv4(udp(kVxlan, zeros(8) + ethernet(kIpv4, ipv4(tcp()), kInnerMac)), {.protocol = kUdp, .host = 60});
  const Raw gre = be16(0x2000) + be16(kIpv4) + zeros(4) + vxlan;
  const Raw raw = ethernet(kQinq, tag(kVlan, tag(kMpls, label(5, true, ipv4(gre, {.protocol = kGre, .host = 70})))));
  EXPECT_EQ(in_words(read(raw)), kThatIpv4);
}

TEST(Tunnels, InFragmentsShowWhatTheFirstOneHolds) {
  const Raw gtp = bytes({0x30, 255}) + be16(1'500) + be32(1) + ipv4(tcp(Raw(1'000, 'x')));
  const Raw datagram = udp(kGtpU, gtp);
  const auto first = [&](std::size_t size) {
    return ethernet(kIpv4, ipv4(datagram.substr(0, size), {.protocol = kUdp, .host = 50, .fragmentation = 0x2000}) + "trailer");
  };
  const Raw raw = first(600);
  const Read got = read(raw);
  EXPECT_EQ(in_words(got), "10.0.0.1:40000 > 10.0.0.2:80 1000 1000");
  EXPECT_EQ(text(got.sighting.read.payload), Raw(600 - 8 - 8 - 40, 'x')) << "and nothing of what is behind it";
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(datagram.substr(600), {.protocol = kUdp, .host = 50, .fragmentation = 75})))),
            "nothing");
  const Raw endless = be16(0) + be16(kIpv4) + ipv4(tcp(), {.claims = 0});
  EXPECT_EQ(in_words(read(ethernet(kIpv4, ipv4(endless, {.protocol = kGre, .fragmentation = 0x2000})))),
            "unreadable 10.0.0.1:40000 > 10.0.0.2:80 1000")
      << "who doesn't say how long it is goes on to an end that isn't here";
}

// Cuts.

struct Whole {
  const char* name;
  LinkLayer link;
  Raw raw;
};

std::vector<Whole> wholes() {
  const Raw timestamps = bytes({1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6});
  const Raw inner = ethernet(kVlan, tag(kIpv4, ipv4(tcp("hello", kAckPsh, timestamps))), kInnerMac);
  const Raw gtp = bytes({0x34, 255}) + be16(60) + be32(1) + bytes({0, 0, 0, 0x85, 1, 0, 0, 0}) + ipv6(tcp());
  return {
      {"ipv4", LinkLayer::ethernet,
       ethernet(kIpv4, ipv4(tcp("hello", kAckPsh, timestamps), {.options = bytes({1, 131, 7, 4, 10, 0, 0, 9})}))},
      {"ipv6", LinkLayer::raw_ip, ipv6(bytes({43, 0}) + zeros(6) + bytes({6, 2, 4, 1}) + zeros(20) + tcp(), 0)},
      {"mpls", LinkLayer::ethernet, ethernet(kMpls, label(1, false, label(2, true, zeros(4) + inner)))},
      {"snap", LinkLayer::ethernet, ethernet(70, bytes({0xaa, 0xaa, 3, 0, 0, 0}) + be16(kIpv4) + ipv4(tcp()))},
      {"pppoe", LinkLayer::ethernet, ethernet(kPppoe, bytes({0x11, 0}) + be16(1) + be16(58) + be16(0x21) + ipv4(tcp()))},
      {"sll2", LinkLayer::sll2, be16(kIpv6) + zeros(2) + be32(2) + be16(1) + bytes({0, 6}) + kNearMac + zeros(2) + ipv6(tcp())},
      {"null", LinkLayer::null, bytes({30, 0, 0, 0}) + ipv6(tcp())},
      {"ppp", LinkLayer::ppp, bytes({0xff, 3, 0, 0x21}) + ipv4(tcp())},
      {"vxlan", LinkLayer::ethernet, outer_udp(kVxlan, zeros(8) + inner)},
      {"geneve", LinkLayer::ethernet, outer_udp(kGeneve, bytes({1, 0}) + be16(0x6558) + zeros(8) + inner)},
      {"gre", LinkLayer::ethernet, outer_gre(be16(0x3000) + be16(0x88be) + zeros(16) + inner)},
      {"gtp", LinkLayer::ethernet, outer_udp(kGtpU, gtp)},
      {"icmp", LinkLayer::ethernet, ethernet(kIpv4, ipv4(icmp(3, 3, ipv4(tcp())), {.protocol = kIcmp}))},
      {"ah", LinkLayer::ethernet, ethernet(kIpv4, ipv4(bytes({6, 4}) + zeros(22) + tcp(), {.protocol = kAuthentication}))},
  };
}

TEST(Cuts, BySnaplenLeaveTheSegmentOrNothing) {
  for (const Whole& whole : wholes()) {
    const Read all = read(whole.raw, whole.link);
    ASSERT_TRUE(all.found) << whole.name;
    bool found = false;
    for (std::size_t kept = 0; kept <= whole.raw.size(); ++kept) {
      const Raw cut = whole.raw.substr(0, kept);
      const Read got = read(cut, whole.link, whole.raw.size());
      EXPECT_GE(got.found, found) << whole.name << ' ' << kept << ": what fewer bytes told, more do";
      found = got.found;
      if (!found) continue;
      EXPECT_EQ(in_words(got), in_words(all)) << whole.name << ' ' << kept;
      const std::string payload = text(got.sighting.read.payload);
      EXPECT_EQ(payload, text(all.sighting.read.payload).substr(0, payload.size())) << whole.name << ' ' << kept;
      EXPECT_TRUE(!got.sighting.read.options.known || got.sighting.read.options.tsecr == all.sighting.read.options.tsecr);
    }
    EXPECT_TRUE(found) << whole.name;
  }
}

TEST(Cuts, OnTheWireNeverMakeAnotherSegment) {
  for (const Whole& whole : wholes()) {
    const Read all = read(whole.raw, whole.link);
    for (std::size_t kept = 0; kept < whole.raw.size(); ++kept) {
      const Raw cut = whole.raw.substr(0, kept);
      const Read got = read(cut, whole.link);
      if (!got.found) continue;
      EXPECT_EQ(got.sighting.read.source, all.sighting.read.source) << whole.name << ' ' << kept;
      EXPECT_EQ(got.sighting.read.seq, all.sighting.read.seq) << whole.name << ' ' << kept;
      EXPECT_LE(got.sighting.read.length, all.sighting.read.length) << whole.name << ' ' << kept;
    }
  }
}

}  // namespace
}  // namespace tcpwhy::tests
