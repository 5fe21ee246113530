// What the fuzzers begin with: every capture of captures/ and every story of the book, as tapes and as frames.
//
//   tcpwhy_fuzz_seeds CAPTURES FOLDER     FOLDER/tape/… and FOLDER/frame/…
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
  for (const char* of : {"tape", "frame"}) fs::create_directories(folder / of);
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
