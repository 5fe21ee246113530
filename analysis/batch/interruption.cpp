#include "interruption.h"

#include <atomic>

#include "capture_set.h"

namespace tcpwhy::batch {
namespace {

std::atomic<CaptureSet*> reading{nullptr};
static_assert(std::atomic<CaptureSet*>::is_always_lock_free, "a signal's handler may use it");

extern "C" void stop_reading(int) {
  if (CaptureSet* captures = reading.load()) captures->stop();
}

}  // namespace

Interruption::Interruption(CaptureSet& captures) {
  reading.store(&captures);
  struct sigaction action {};
  action.sa_handler = stop_reading;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &before_interrupt_);
  sigaction(SIGTERM, &action, &before_terminate_);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
  reading.store(nullptr);
}

}  // namespace tcpwhy::batch
