// Wireshark's preferences for tcpwhy, and the core's settings made of them.
#pragma once

#include <vector>

#include "known_timeouts.h"
#include "settings.h"

namespace tcpwhy::plugin {

/// Registers tcpwhy.time_wait, tcpwhy.smallest_idle_gap, tcpwhy.rtt_margin, tcpwhy.tag_info_column and the table of idle timeouts
/// that the user knows (the file tcpwhy_idle_timeouts of the profile). A change takes effect as Wireshark dissects the capture
/// again, which it then does on its own.
void register_preferences(int proto);

/// What they are set to now.
[[nodiscard]] Settings current_settings();

/// Whether the Info column of a frame that decides something bears a short tag (tcpwhy.tag_info_column).
[[nodiscard]] bool tags_info_column();

/// The rows of that table.
[[nodiscard]] std::vector<OwnTimeout> own_timeouts();

}  // namespace tcpwhy::plugin
