#include "interruption.h"

#include <unistd.h>

#include <atomic>

#include "capture_set.h"

namespace tcpwhy::batch {
namespace {

std::atomic<CaptureSet*> reading{nullptr};
static_assert(std::atomic<CaptureSet*>::is_always_lock_free, "a signal's handler may use it");

std::atomic<const char*> half_file{nullptr};
static_assert(std::atomic<const char*>::is_always_lock_free);

extern "C" void end_at_once(int signal) {
  if (const char* path = half_file.load()) unlink(path);
  // Back to what it does by itself: reset for this one call (SA_RESETHAND), it comes again once this returns.
  raise(signal);
}

void on(int signal, void (*handler)(int), int flags, struct sigaction* before) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, before);
}

extern "C" void stop_reading(int) {
  for (const int signal : {SIGINT, SIGTERM}) on(signal, end_at_once, static_cast<int>(SA_RESETHAND), nullptr);
  if (CaptureSet* captures = reading.load()) captures->stop();
}

}  // namespace

Interruption::Interruption(CaptureSet& captures) {
  reading.store(&captures);
  on(SIGINT, stop_reading, SA_RESTART, &before_interrupt_);
  on(SIGTERM, stop_reading, SA_RESTART, &before_terminate_);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
  reading.store(nullptr);
}

void note_half_file(const char* path) noexcept { half_file.store(path); }

}  // namespace tcpwhy::batch
