// Carries what comes from a pipe or a terminal into a pipe of its own, for a reader that can't be told to stop waiting.
//
// Model: wiretap reads, and whoever reads from a pipe waits, in whatever thread and whatever a signal is delivered to. Its
// pipe is fed by a thread that also waits for stop(), and then closes it: the reader comes to an end like any other.
// Limits: Linux (splice, /dev/fd).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace tcpwhy::batch {

class Pump {
 public:
  /// Takes `from` over, an open file descriptor. Throws std::system_error where there are no more descriptors.
  explicit Pump(int from);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// What the reader opens.
  [[nodiscard]] std::string path() const;
  /// The reader has opened it.
  void opened();

  /// The reader comes to the end of what has been carried. May be called from a signal's handler, and from any thread.
  void stop() noexcept;

  [[nodiscard]] std::uint64_t carried() const { return carried_; }
  /// Why nothing more comes, as errno has it; 0: there is no more.
  [[nodiscard]] int error() const { return error_; }

 private:
  void run();
  /// Waits until `fd` is ready; false if it is time to stop.
  [[nodiscard]] bool wait(int fd, short events) const;
  /// One portion. What read(2) returns.
  [[nodiscard]] long carry();

  int from_;
  int reader_ = -1;
  int writer_ = -1;
  int wake_ = -1;
  bool splices_ = true;
  std::atomic<std::uint64_t> carried_{0};
  std::atomic<int> error_{0};
  std::thread thread_;
};

}  // namespace tcpwhy::batch
