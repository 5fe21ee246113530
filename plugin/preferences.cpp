#include "preferences.h"

#include "epan_compat.h"

namespace tcpwhy::plugin {
namespace {

constexpr Settings kDefaults;

// In the units that the dialog shows. epan writes to them.
unsigned time_wait_s = kDefaults.time_wait / kSecond;
unsigned smallest_idle_gap_ms = kDefaults.smallest_idle_gap / kMillisecond;
unsigned rtt_margin_ms = kDefaults.rtt_margin / kMillisecond;

}  // namespace

void register_preferences(int proto) {
  module_t* module = prefs_register_protocol(proto, nullptr);
  prefs_register_uint_preference(
      module, "time_wait", "TIME_WAIT (seconds)",
      "How long the side that closed first keeps a connection in TIME_WAIT, in seconds. Default 60, which is Linux's; "
      "RFC 9293 says 240, Windows 120.",
      10, &time_wait_s);
  prefs_register_uint_preference(
      module, "smallest_idle_gap", "Smallest idle gap (milliseconds)",
      "The smallest silence before data that counts as an idle gap (tcpwhy.idle_gap), in milliseconds. Default 500.",
      10, &smallest_idle_gap_ms);
  prefs_register_uint_preference(
      module, "rtt_margin", "Round-trip margin (milliseconds)",
      "Slack added to a measured round trip, in milliseconds: two events closer together than this at one end count as "
      "simultaneous. Default 5.",
      10, &rtt_margin_ms);
}

Settings current_settings() {
  Settings settings;
  settings.time_wait = time_wait_s * kSecond;
  settings.smallest_idle_gap = smallest_idle_gap_ms * kMillisecond;
  settings.rtt_margin = rtt_margin_ms * kMillisecond;
  return settings;
}

}  // namespace tcpwhy::plugin
