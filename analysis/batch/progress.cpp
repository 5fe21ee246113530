#include "progress.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace tcpwhy::batch {
namespace {

constexpr std::size_t kBar = 24;

std::string in_millions(double count) {
  return count < 1e6 ? fmt::format("{:.0f} k", count / 1e3) : fmt::format("{:.{}f} M", count / 1e6, count < 1e8 ? 2 : 0);
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

std::string progress_line(std::uint64_t packets, std::uint64_t bytes, std::uint64_t bytes_in_all, double elapsed) {
  const auto count = static_cast<double>(packets);
  const double rate = elapsed > 0 ? count / elapsed : 0;
  const std::string counts = fmt::format("{} packets  {} packets/s", in_millions(count), in_millions(rate));
  if (bytes_in_all == 0) return counts;
  const double part = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(bytes_in_all));
  const auto filled = static_cast<std::size_t>(part * kBar);
  const std::string left = part > 0 ? duration(elapsed / part - elapsed) + " left" : "";
  return fmt::format("[{}{}] {:3.0f} %  {}  {}", std::string(filled, '#'), std::string(kBar - filled, '.'), part * 100, counts,
                     left);
}

Progress::Progress(bool shown, std::uint64_t bytes_in_all) : shown_(shown), bytes_in_all_(bytes_in_all) {}

Progress::~Progress() { clear(); }

void Progress::update(std::uint64_t packets, std::uint64_t bytes) {
  if (!shown_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double elapsed = std::chrono::duration<double>(now - began_).count();
  constexpr const char* kClearLine = "\r\033[K";
  fmt::print(stderr, "{}{}", kClearLine, progress_line(packets, bytes, bytes_in_all_, elapsed));
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace tcpwhy::batch
