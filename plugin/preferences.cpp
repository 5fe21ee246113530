#include "preferences.h"

#include <new>

#include "epan_compat.h"

namespace tcpwhy::plugin {
namespace {

constexpr Settings kDefaults;

// In the units that the dialog shows. epan writes to them.
unsigned time_wait_s = kDefaults.time_wait / kSecond;
unsigned smallest_idle_gap_ms = kDefaults.smallest_idle_gap / kMillisecond;
unsigned rtt_margin_ms = kDefaults.rtt_margin / kMillisecond;
PreferenceBool tag_info_column = true;

// ---------------------------------------------------------------- the user's own idle timeouts, a table of Wireshark's

/// A row as epan keeps it, in memory of GLib.
struct Row {
  char* product;
  char* setting;
  char* seconds;
  unsigned kept_by;
};

Row* rows;
unsigned row_count;

constexpr value_string kKeptBy[] = {
    {static_cast<std::uint32_t>(KnownTimeout::Role::server), "server"},
    {static_cast<std::uint32_t>(KnownTimeout::Role::client), "client"},
    {static_cast<std::uint32_t>(KnownTimeout::Role::proxy), "proxy"},
    {static_cast<std::uint32_t>(KnownTimeout::Role::middlebox), "middlebox"},
    {0, nullptr},
};

UAT_CSTRING_CB_DEF(own_timeouts, product, Row)
UAT_CSTRING_CB_DEF(own_timeouts, setting, Row)
UAT_CSTRING_CB_DEF(own_timeouts, seconds, Row)
UAT_VS_DEF(own_timeouts, kept_by, Row, unsigned, 0, "server")

/// Seconds with up to three decimals, in milliseconds; 0 for anything else.
std::uint32_t milliseconds_of(const char* seconds) {
  if (seconds == nullptr) return 0;
  char* end = nullptr;
  const double value = g_ascii_strtod(seconds, &end);
  if (end == seconds || *end != '\0' || !(value >= 0.001 && value <= 4'000'000)) return 0;
  return static_cast<std::uint32_t>(value * 1'000 + 0.5);
}

void* copy_row(void* to, const void* from, std::size_t) {
  const Row& source = *static_cast<const Row*>(from);
  return new (to) Row{g_strdup(source.product), g_strdup(source.setting), g_strdup(source.seconds), source.kept_by};
}

UatVerdict check_row(void* record, char** error) {
  if (milliseconds_of(static_cast<const Row*>(record)->seconds) != 0) return true;
  *error = g_strdup("Seconds: a number such as 5 or 0.5 is needed, at most 4000000");
  return false;
}

void free_row(void* record) {
  Row& row = *static_cast<Row*>(record);
  g_free(row.product);
  g_free(row.setting);
  g_free(row.seconds);
}

uat_field_t kColumns[] = {
    UAT_FLD_CSTRING(own_timeouts, product, "Product", "Who has this timeout"),
    UAT_FLD_CSTRING(own_timeouts, setting, "Setting", "What it is called there"),
    UAT_FLD_CSTRING(own_timeouts, seconds, "Seconds", "After how many seconds of silence it ends a connection"),
    UAT_FLD_VS(own_timeouts, kept_by, "Kept by", kKeptBy,
               "server: closes idle connections of its clients; client: of its pool; proxy: of both; middlebox: forgets them"),
    UAT_END_FIELDS,
};

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
  prefs_register_bool_preference(module, "tag_info_column", "Tag the Info column",
                                 "Whether the frame that decides a finding says so at the end of its Info column: the cause, and what it "
                                 "cost.",
                                 &tag_info_column);
  uat_t* table = uat_new("Known idle timeouts", sizeof(Row), "tcpwhy_idle_timeouts", true, &rows, &row_count,
                         UAT_AFFECTS_DISSECTION, nullptr, copy_row, check_row, free_row, nullptr, nullptr, kColumns);
  prefs_register_uat_preference(module, "idle_timeouts", "Known idle timeouts",
                                "Idle timeouts of your own products and settings, by which measured ones are named "
                                "(tcpwhy.idle_timeout.match), before those that tcpwhy knows.",
                                table);
}

Settings current_settings() {
  Settings settings;
  settings.time_wait = time_wait_s * kSecond;
  settings.smallest_idle_gap = smallest_idle_gap_ms * kMillisecond;
  settings.rtt_margin = rtt_margin_ms * kMillisecond;
  return settings;
}

bool tags_info_column() {
  return tag_info_column;
}

std::vector<OwnTimeout> own_timeouts() {
  std::vector<OwnTimeout> own;
  for (unsigned i = 0; i < row_count; ++i) {
    own.push_back({rows[i].product, rows[i].setting, static_cast<KnownTimeout::Role>(rows[i].kept_by),
                   milliseconds_of(rows[i].seconds)});
  }
  return own;
}

}  // namespace tcpwhy::plugin
