// How far a long reading has come, on one line of a terminal.
//
// Debian 12 has no library for it in C++; this is as much as is needed: a line that is written over, once in a tenth of a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tcpwhy::batch {

class Progress {
 public:
  /// `shown`: false keeps silent. `bytes_in_all`: 0 where nobody knows; then there is no bar and no end in sight.
  Progress(bool shown, std::uint64_t bytes_in_all);
  /// Leaves a clean line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t packets, std::uint64_t bytes);
  /// Gives the line to somebody else.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool shown_;
  bool drawn_ = false;
  std::uint64_t bytes_in_all_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point next_ = began_ + std::chrono::milliseconds(500);  ///< What is done sooner needs no bar.
};

/// "[#####...............]  25 %  12.3 M packets  3.41 M packets/s  0:41 left". `elapsed`: seconds.
[[nodiscard]] std::string progress_line(std::uint64_t packets, std::uint64_t bytes, std::uint64_t bytes_in_all, double elapsed);

}  // namespace tcpwhy::batch
