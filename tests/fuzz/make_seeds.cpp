// What the fuzzers begin with: every capture of captures/ and every story of the book, as tapes and as frames.
//
//   tcpwhy_fuzz_seeds CAPTURES FOLDER     FOLDER/tape/…, FOLDER/frame/… and FOLDER/decoder/…
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "fuzz/tape.h"
#include "packet/decoder.h"
#include "support/capture_reader.h"
#include "support/story_book.h"

namespace tcpwhy::tests {
namespace {

namespace fs = std::filesystem;

/// A seed is to be bent, not to be long: so many connections of a capture, so many segments of each.
constexpr std::size_t kConnections = 6;
constexpr std::size_t kSegments = 80;
constexpr std::size_t kFrames = 12;

void write(const fs::path& file, std::span<const std::uint8_t> bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

/// As laws_broken_by_frame reads it.
std::vector<std::uint8_t> preface(const Frame& frame) {
  const std::size_t cut = frame.on_wire - std::min(frame.on_wire, frame.bytes.size());
  std::vector<std::uint8_t> seed = {static_cast<std::uint8_t>(frame.link_header),
                                    static_cast<std::uint8_t>(std::min<std::size_t>(cut / 16, 0xff))};
  seed.insert(seed.end(), frame.bytes.begin(), frame.bytes.end());
  return seed;
}

/// As laws_broken_by_packet reads it.
std::vector<std::uint8_t> packet_seed(LinkLayer link, std::string_view bytes) {
  std::vector<std::uint8_t> seed = {static_cast<std::uint8_t>(link), 0};
  seed.insert(seed.end(), bytes.begin(), bytes.end());
  return seed;
}

LinkLayer link_of(const Frame& frame) {
  switch (frame.link_header) {
    case 14: return LinkLayer::ethernet;
    case 16: return LinkLayer::sll;
    case 20: return LinkLayer::sll2;
    default: return LinkLayer::raw_ip;
  }
}

/// An Ethernet frame of IPv4, and the same below what else may carry it.
std::vector<std::pair<std::string, std::vector<std::uint8_t>>> wrapped(std::string_view frame) {
  using namespace std::string_literals;
  constexpr std::size_t kEthernet = 14;
  const std::string addresses(frame.substr(0, 12));
  const std::string ip(frame.substr(kEthernet));
  const auto be16 = [](std::size_t value) { return std::string{static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)}; };
  const auto outer = [&](char protocol, const std::string& body) {
    return addresses + "\x08\0\x45\0"s + be16(20 + body.size()) + "\0\0\0\0\x40"s + protocol + "\0\0\x0a\0\0\1\x0a\0\0\2"s + body;
  };
  const auto udp = [&](std::size_t port, const std::string& body) {
    return outer(17, be16(50'000) + be16(port) + be16(8 + body.size()) + "\0\0"s + body);
  };
  const auto ethernet = [](const std::string& bytes) { return packet_seed(LinkLayer::ethernet, bytes); };
  const std::string whole(frame);
  return {
      {"vlan", ethernet(addresses + "\x81\0\0\1\x08\0"s + ip)},
      {"qinq", ethernet(addresses + "\x88\xa8\0\1\x81\0\0\2\x08\0"s + ip)},
      {"snap", ethernet(addresses + be16(8 + ip.size()) + "\xaa\xaa\3\0\0\0\x08\0"s + ip)},
      {"mpls", ethernet(addresses + "\x88\x47\0\1\0\x40\0\1\1\x40"s + ip)},
      {"pseudowire", ethernet(addresses + "\x88\x47\0\1\1\x40\0\0\0\0"s + whole)},
      {"pppoe", ethernet(addresses + "\x88\x64\x11\0\0\1"s + be16(2 + ip.size()) + "\0\x21"s + ip)},
      {"vxlan", ethernet(udp(4789, "\x08\0\0\0\0\0\1\0"s + whole))},
      {"geneve", ethernet(udp(6081, "\1\0\x65\x58\0\0\1\0\0\0\0\0"s + whole))},
      {"gtp", ethernet(udp(2152, "\x34\xff"s + be16(8 + ip.size()) + "\0\0\0\1\0\0\0\x85\1\0\0\0"s + ip))},
      {"gre", ethernet(outer(47, "\xb0\0\x08\0\0\0\0\0\0\0\0\1\0\0\0\2"s + ip))},
      {"erspan", ethernet(outer(47, "\x10\0\x88\xbe\0\0\0\1\x10\0\0\0\0\0\0\0"s + whole))},
      {"ipip", ethernet(outer(4, ip))},
      {"icmp", ethernet(outer(1, "\3\4\0\0\0\0\5\x78"s + ip))},
      {"null", packet_seed(LinkLayer::null, "\2\0\0\0"s + ip)},
      {"loop", packet_seed(LinkLayer::loop, "\0\0\0\2"s + ip)},
      {"ppp", packet_seed(LinkLayer::ppp, "\xff\3\0\x21"s + ip)},
  };
}

void seeds_of_capture(const fs::path& capture, const std::string& name, const fs::path& folder) {
  const std::vector<Frame> frames = read_capture(capture);
  std::map<std::set<std::string>, std::vector<Sight>> connections;
  std::vector<Sight> together;
  std::set<std::pair<std::size_t, std::uint8_t>> shapes;
  for (const Frame& frame : frames) {
    const auto sight = read_sight(frame);
    if (!sight) continue;
    const Segment& segment = sight->segment;
    std::vector<Sight>& own = connections[{to_string(segment.source), to_string(segment.destination)}];
    if (own.size() < kSegments) own.push_back(*sight);
    if (together.size() < kSegments * 2) together.push_back(*sight);
    const bool is_new = shapes.emplace(std::min<std::size_t>(frame.bytes.size(), 100), segment.flags).second;
    if (is_new && shapes.size() <= kFrames) {
      write(folder / "frame" / fmt::format("{}-{}", name, shapes.size()), preface(frame));
      write(folder / "decoder" / fmt::format("{}-{}", name, shapes.size()), packet_seed(link_of(frame), frame.bytes));
      if (shapes.size() == 1 && link_of(frame) == LinkLayer::ethernet && frame.bytes.substr(12, 2) == std::string("\x08\0", 2)) {
        for (const auto& [of, seed] : wrapped(frame.bytes)) write(folder / "decoder" / fmt::format("{}-{}", name, of), seed);
      }
    }
  }
  write(folder / "tape" / name, record_tape(together));
  std::size_t written = 0;
  for (const auto& [ends, sights] : connections) {
    if (++written > kConnections || connections.size() == 1) break;
    write(folder / "tape" / fmt::format("{}-{}", name, written), record_tape(sights));
  }
}

void make_seeds(const fs::path& captures, const fs::path& folder) {
  fs::remove_all(folder);
  for (const char* of : {"tape", "frame", "decoder"}) fs::create_directories(folder / of);
  for (const fs::directory_entry& entry : fs::directory_iterator(captures)) {
    for (const char* file : {"capture.pcap", "capture.pcapng"}) {
      if (!fs::exists(entry.path() / file)) continue;
      seeds_of_capture(entry.path() / file, entry.path().filename().string(), folder);
    }
  }
  for (const BookStory& story : story_book()) {
    write(folder / "tape" / fmt::format("story-{}", story.id), record_tape(story.tell()));
  }
}

}  // namespace
}  // namespace tcpwhy::tests

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: tcpwhy_fuzz_seeds CAPTURES FOLDER\n", stderr);
    return 2;
  }
  try {
    tcpwhy::tests::make_seeds(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcpwhy_fuzz_seeds: %s\n", error.what());
    return 1;
  }
  return 0;
}
