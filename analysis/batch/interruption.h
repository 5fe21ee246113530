// Ctrl-C, and being told to end: reading stops, and what was read is reported. A second one ends the program at once, and no
// half file is left.
#pragma once

#include <csignal>

namespace tcpwhy::batch {

class CaptureSet;

/// As long as it lives. One at a time.
class Interruption {
 public:
  explicit Interruption(CaptureSet& captures);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  struct sigaction before_interrupt_ {};
  struct sigaction before_terminate_ {};
};

/// A file that is being written and not whole yet: a second signal removes it. One at a time; null: none. `path` must live, and
/// stay as it is, until the next call.
void note_half_file(const char* path) noexcept;

}  // namespace tcpwhy::batch
