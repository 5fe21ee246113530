// Wireshark's preferences for tcpwhy, and the core's settings made of them.
#pragma once

#include "settings.h"

namespace tcpwhy::plugin {

/// Registers tcpwhy.time_wait, tcpwhy.smallest_idle_gap and tcpwhy.rtt_margin. A change takes effect as Wireshark
/// dissects the capture again, which it then does on its own.
void register_preferences(int proto);

/// What they are set to now.
[[nodiscard]] Settings current_settings();

}  // namespace tcpwhy::plugin
