// What the program does: reads captures, says what it found, carves, and says so by its exit status.
#pragma once

#include "arguments.h"

namespace tcpwhy::batch {

/// Returns an ExitStatus.
[[nodiscard]] int explain(const Explain& wish);

}  // namespace tcpwhy::batch
