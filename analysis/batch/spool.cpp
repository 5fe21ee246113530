#include "spool.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

#include <fmt/format.h>

namespace tcpwhy::batch {
namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void end_of_input(int) { interrupted = 1; }

/// Until its end, or until somebody has had enough: what came is kept then, too.
void copy(int from, int to) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = end_of_input;
  sigaction(SIGINT, &action, &before);
  std::array<char, 65'536> portion;
  ssize_t count = 0;
  while (interrupted == 0 && (count = read(from, portion.data(), portion.size())) > 0) {
    for (ssize_t written = 0; written < count;) {
      const ssize_t more = write(to, portion.data() + written, static_cast<std::size_t>(count - written));
      if (more < 0 && errno != EINTR) throw std::runtime_error(fmt::format("cannot keep standard input: {}", g_strerror(errno)));
      written += std::max<ssize_t>(more, 0);
    }
  }
  sigaction(SIGINT, &before, nullptr);
}

}  // namespace

Spool::Spool(std::vector<std::string> inputs) : inputs_(std::move(inputs)) {
  const auto input = std::find(inputs_.begin(), inputs_.end(), "-");
  if (input == inputs_.end()) return;
  char* name = nullptr;
  const int file = g_file_open_tmp("tcpwhy-XXXXXX.pcap", &name, nullptr);
  if (file < 0) throw std::runtime_error("cannot keep standard input: no temporary file can be made");
  file_ = name;
  g_free(name);
  try {
    copy(STDIN_FILENO, file);
  } catch (...) {
    close(file);
    g_unlink(file_.c_str());
    throw;
  }
  close(file);
  std::replace(inputs_.begin(), inputs_.end(), std::string("-"), file_);
}

Spool::~Spool() {
  if (!file_.empty()) g_unlink(file_.c_str());
}

}  // namespace tcpwhy::batch
