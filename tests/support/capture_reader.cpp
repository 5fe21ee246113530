#include "support/capture_reader.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "packet/ip_header.h"
#include "packet/tcp_header.h"
#include "settings.h"
#include "stream_index.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint32_t kSectionHeaderBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kEnhancedPacketBlock = 6;
constexpr std::uint32_t kMicrosecondPcap = 0xa1b2c3d4;
constexpr std::uint32_t kNanosecondPcap = 0xa1b23c4d;
constexpr std::uint16_t kOptionTimeResolution = 9;

/// Little-endian numbers, left to right.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) throw std::runtime_error("the capture file is cut");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (const char byte : take(size)) {
      value |= std::uint64_t{static_cast<std::uint8_t>(byte)} << shift;
      shift += 8;
    }
    return value;
  }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t number32() { return static_cast<std::uint32_t>(number(4)); }

 private:
  std::string_view rest_;
};

std::size_t link_header_of(std::uint32_t link_type) {
  switch (link_type) {
    case 1:
      return 14;  // Ethernet
    case 101:
      return 0;  // raw IP
    case 113:
      return 16;  // Linux cooked
    case 276:
      return 20;  // Linux cooked, version 2
    default:
      throw std::runtime_error("a link type that isn't read");
  }
}

std::vector<Frame> read_pcap(ByteReader reader, Nanoseconds tick) {
  reader.take(16);
  const std::size_t link_header = link_header_of(reader.number32());
  std::vector<Frame> frames;
  while (!reader.at_end()) {
    Frame frame;
    frame.link_header = link_header;
    const std::int64_t seconds = reader.number32();
    frame.time = capture_time(seconds, reader.number32() * tick);
    const std::size_t captured = reader.number32();
    frame.on_wire = reader.number32();
    frame.bytes = reader.take(captured);
    frames.push_back(std::move(frame));
  }
  return frames;
}

/// Nanoseconds of a tick, from an interface's options.
Nanoseconds tick_of(ByteReader options) {
  Nanoseconds tick = 1'000;
  while (!options.at_end()) {
    const std::uint16_t code = options.number16();
    const std::uint16_t length = options.number16();
    const std::string_view value = options.take((std::size_t{length} + 3) / 4 * 4);
    if (code == 0) break;
    if (code != kOptionTimeResolution) continue;
    if (value[0] != 6 && value[0] != 9) throw std::runtime_error("a time resolution that isn't read");
    tick = value[0] == 9 ? 1 : 1'000;
  }
  return tick;
}

std::vector<Frame> read_pcapng(ByteReader reader) {
  std::vector<Frame> frames;
  std::size_t link_header = 0;
  Nanoseconds tick = 1'000;
  while (!reader.at_end()) {
    const std::uint32_t type = reader.number32();
    const std::uint32_t length = reader.number32();
    if (length < 12) throw std::runtime_error("a block that is shorter than its own frame");
    ByteReader body(reader.take(length - 12));
    reader.take(4);
    if (type == kInterfaceBlock) {
      link_header = link_header_of(body.number16());
      body.take(6);
      tick = tick_of(body);
    } else if (type == kEnhancedPacketBlock) {
      Frame frame;
      frame.link_header = link_header;
      body.take(4);
      const std::uint64_t high = body.number32();
      const auto stamp = static_cast<std::int64_t>(high << 32 | body.number32());
      const std::int64_t ticks = kSecond / tick;
      frame.time = capture_time(stamp / ticks, stamp % ticks * tick);
      const std::size_t captured = body.number32();
      frame.on_wire = body.number32();
      frame.bytes = body.take(captured);
      frames.push_back(std::move(frame));
    }
  }
  return frames;
}

}  // namespace

std::vector<Frame> read_frames(std::string_view file) {
  ByteReader reader(file);
  switch (ByteReader(reader).number32()) {
    case kSectionHeaderBlock:
      return read_pcapng(reader);
    case kMicrosecondPcap:
      reader.take(4);
      return read_pcap(reader, 1'000);
    case kNanosecondPcap:
      reader.take(4);
      return read_pcap(reader, 1);
    default:
      throw std::runtime_error("not a capture file that is read");
  }
}

std::vector<Frame> read_capture(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return read_frames(bytes.str());
}

std::optional<Sight> read_sight(const Frame& frame) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(frame.bytes.data());
  const Bytes bytes{{begin, frame.bytes.size()}, std::max(frame.on_wire, frame.bytes.size())};
  const auto ip = next_ip_header(bytes, frame.link_header);
  if (!ip) return {};
  // An IP header that isn't the frame's first is one in a tunnel, or is quoted by an ICMP error behind another one.
  constexpr std::size_t kRoomToQuote = 28;
  if (ip->offset >= frame.link_header + kRoomToQuote) {
    if (const auto error = read_icmp_error(bytes, ip->offset)) {
      if (bytes.captured.size() < ip->end + 8) return {};
      const auto number = [&](std::size_t at, std::size_t size) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes.captured[ip->end + at + i];
        return value;
      };
      Sight sight{.segment = {}, .error = error};
      sight.error->time = sight.segment.time = frame.time;
      sight.segment.source = {ip->source, static_cast<std::uint16_t>(number(0, 2))};
      sight.segment.destination = {ip->destination, static_cast<std::uint16_t>(number(2, 2))};
      sight.segment.seq = SequenceNumber(number(4, 4));
      return sight;
    }
  }
  auto segment = read_segment(bytes, *ip);
  if (!segment) return {};
  segment->time = frame.time;
  constexpr std::size_t kEthernetHeader = 14;
  if (frame.link_header == kEthernetHeader) segment->point = capture_point(0, bytes.captured.first(6));
  return Sight{.segment = *segment, .error = {}};
}

void feed(Analyzer& analyzer, const std::vector<Frame>& frames, const RemarkVisitor& remark) {
  StreamIndex streams;
  FrameNumber number = 0;
  for (const Frame& frame : frames) {
    ++number;
    auto sight = read_sight(frame);
    if (!sight) continue;
    const StreamNumber stream = streams.number(sight->segment);
    Remarks remarks;
    if (sight->error) {
      sight->error->frame = number;
      sight->error->stream = stream;
      remarks = analyzer.observe(*sight->error);
    } else {
      sight->segment.frame = number;
      sight->segment.stream = stream;
      remarks = analyzer.observe(sight->segment);
    }
    if (remark) remark(number, remarks);
  }
}

std::vector<std::filesystem::path> captures_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".pcap" || entry.path().extension() == ".pcapng") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace tcpwhy::tests
