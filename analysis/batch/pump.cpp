#include "pump.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

namespace tcpwhy::batch {
namespace {

constexpr std::size_t kPortion = std::size_t{1} << 20;

void close_if_open(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

Pump::Pump(int from) : from_(from) {
  std::array<int, 2> ends{};
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0 || pipe2(ends.data(), O_CLOEXEC) != 0) {
    const int why = errno;
    close_if_open(wake_);
    close_if_open(from_);
    throw std::system_error(why, std::generic_category());
  }
  reader_ = ends[0];
  writer_ = ends[1];
  fcntl(writer_, F_SETFL, O_NONBLOCK);
  fcntl(writer_, F_SETPIPE_SZ, static_cast<int>(kPortion));  // A small one will do.
  // Signals are for others to handle; and that the reader went away is told by write(2).
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Pump::~Pump() {
  stop();
  thread_.join();
  close_if_open(reader_);
  close_if_open(wake_);
}

std::string Pump::path() const { return "/dev/fd/" + std::to_string(reader_); }

void Pump::opened() { close_if_open(reader_); }

void Pump::stop() noexcept {
  const int errno_before = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  errno = errno_before;
}

bool Pump::wait(int fd, short events) const {
  std::array<pollfd, 2> both{{{fd, events, 0}, {wake_, POLLIN, 0}}};
  while (poll(both.data(), both.size(), -1) < 0) {
    if (errno != EINTR && errno != EAGAIN) return false;
  }
  return both[1].revents == 0;
}

long Pump::carry() {
  if (splices_) {
    const auto count = splice(from_, nullptr, writer_, nullptr, kPortion, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (count >= 0 || errno != EINVAL) return count;
    splices_ = false;  // A terminal, for one.
  }
  std::array<char, 65'536> portion;
  const auto count = read(from_, portion.data(), portion.size());
  for (long written = 0; written < count;) {
    const auto more = write(writer_, portion.data() + written, static_cast<std::size_t>(count - written));
    if (more >= 0) {
      written += more;
    } else if (errno != EAGAIN || !wait(writer_, POLLOUT)) {
      return 0;
    }
  }
  return count;
}

void Pump::run() {
  while (wait(from_, POLLIN) && wait(writer_, POLLOUT)) {
    const long count = carry();
    if (count > 0) {
      carried_ += static_cast<std::uint64_t>(count);
    } else if (count == 0) {
      break;
    } else if (errno != EAGAIN && errno != EINTR) {
      if (errno != EPIPE) error_ = errno;
      break;
    }
  }
  close_if_open(writer_);
  close_if_open(from_);
}

}  // namespace tcpwhy::batch
