// Ctrl-C, and being told to end: reading stops, and what was read is reported. A second one ends the program at once.
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

}  // namespace tcpwhy::batch
