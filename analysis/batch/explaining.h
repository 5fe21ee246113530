// What the program does: reads captures or parts, says what it found, carves, and says so by its exit status.
#pragma once

#include "arguments.h"

namespace tcpwhy::batch {

/// Returns an ExitStatus.
[[nodiscard]] int explain(const Explain& wish);
[[nodiscard]] int write_part(const WritePart& wish);

}  // namespace tcpwhy::batch
