#include "statistics.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "epan_compat.h"
#include "sheet.h"
#include "tap.h"
#include "words.h"

namespace tcpwhy::plugin {
namespace {

/// How each incident was counted last.
template <typename Entry>
class Ledger {
 public:
  /// Notes how it counts from now on; returns how it did.
  std::optional<Entry> replace(const TappedIncident& incident, const Entry& entry) {
    const std::uint64_t key = std::uint64_t{incident.stream} << 8U | incident.question;
    const auto [at, is_new] = entries_.try_emplace(key, entry);
    if (is_new) return std::nullopt;
    return std::exchange(at->second, entry);
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void clear() { entries_.clear(); }

 private:
  std::unordered_map<std::uint64_t, Entry> entries_;
};

/// Runs `body`, which may throw. Wireshark calls a listener that failed no more.
template <typename Body>
tap_packet_status guarded(Body body) noexcept {
  try {
    body();
    return TAP_PACKET_REDRAW;
  } catch (...) {
    g_warning("tcpwhy: this statistic stops here: something failed");
    return TAP_PACKET_FAILED;
  }
}

constexpr stat_tap_table_item text_column(const char* name, const char* format) {
  return {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, name, format};
}

/// As wide as its name, which tshark prints as it is.
constexpr stat_tap_table_item number_column(const char* name, const char* format) {
  return {TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, name, format};
}

/// The columns of severities, the loudest first, from `first` on.
constexpr std::size_t column_of(Severity severity, std::size_t first) {
  return first + static_cast<std::size_t>(Severity::error) - static_cast<std::size_t>(severity);
}

tap_param filter_parameter[] = {{PARAM_FILTER, "filter", "Filter", nullptr, true}};

stat_tap_table_ui make_table(const char* title, const char* tap_name, const char* cli_string, stat_tap_table_item* columns,
                             std::size_t column_count) {
  stat_tap_table_ui ui{};
  ui.group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
  ui.title = title;
  ui.tap_name = tap_name;
  ui.cli_string = cli_string;
  ui.nfields = column_count;
  ui.fields = columns;
  ui.nparams = std::size(filter_parameter);
  ui.params = filter_parameter;
  return ui;
}

// ---------------------------------------------------------------------------------------------------------- causes

/// A row is a cause and what it cost.
class Causes {
 public:
  Causes() { entitle(); }

  /// All that was taken; the rows are the sheet's to remove.
  void forget() {
    rows_.clear();
    ledger_.clear();
    all_streams_.clear();
    entitle();
  }

  void take(const TapRecord& record) {
    for (std::uint32_t i = 0; i < record.incident_count; ++i) {
      const TappedIncident& incident = record.incidents[i];
      const Place place = rows_.try_emplace({incident.cause, std::string(to_string(incident.impact))}).first;
      const auto before = ledger_.replace(incident, {place, incident.severity});
      if (before) count(*before, incident.stream, -1);
      count({place, incident.severity}, incident.stream, +1);
    }
    entitle();
  }

  stat_tap_table_ui ui_ = make_table("TCP Why Causes", kIncidentTap, "tcpwhy", columns_.data(), columns_.size());
  Sheet sheet_{ui_};

 private:
  enum Column : std::size_t { cause, impact, loudest, incidents = loudest + 4, streams, column_count };

  struct Line {
    Sheet::Row* row = nullptr;
    std::set<StreamNumber> streams;
  };
  using Lines = std::map<std::pair<std::string, std::string>, Line>;
  using Place = Lines::iterator;
  struct Entry {
    Place place;
    Severity severity;
  };

  void count(const Entry& entry, StreamNumber stream, int change) {
    Line& line = entry.place->second;
    if (line.row == nullptr) {
      line.row = &sheet_.add();
      line.row->cells[cause].text = entry.place->first.first;
      line.row->cells[impact].text = entry.place->first.second;
    }
    auto& cells = line.row->cells;
    cells[column_of(entry.severity, loudest)].number += static_cast<unsigned>(change);
    cells[incidents].number += static_cast<unsigned>(change);
    if (change > 0) {
      line.streams.insert(stream);
    } else {
      line.streams.erase(stream);
    }
    if (cells[incidents].number == 0) {
      sheet_.remove(*line.row);
      line.row = nullptr;
      return;
    }
    cells[streams].text = first_of(line.streams);
    sheet_.update(*line.row);
    all_streams_.insert(stream);
  }

  /// Enough of them to look at one.
  static std::string first_of(const std::set<StreamNumber>& streams) {
    constexpr std::size_t kMost = 5;
    std::string text;
    std::size_t said = 0;
    for (const StreamNumber stream : streams) {
      if (said == kMost) return text + ", ...";
      text += fmt::format("{}{}", said++ == 0 ? "" : ", ", stream);
    }
    return text;
  }

  void entitle() {
    sheet_.set_title(ledger_.size() == 0
                         ? "No incidents."
                         : fmt::format("{} in {}:", plural(ledger_.size(), "incident"), plural(all_streams_.size(), "stream")));
  }

  // The names of texts are as wide as their columns: tshark prints them as they are.
  inline static std::array<stat_tap_table_item, column_count> columns_ = {{
      text_column("Cause                  ", "%-23s"),
      text_column("Impact            ", "%-18s"),
      number_column("Errors", "%6u"),
      number_column("Warnings", "%8u"),
      number_column("Notes", "%5u"),
      number_column("Chat", "%4u"),
      number_column("Incidents", "%9u"),
      text_column("Streams", "%s"),
  }};

  Lines rows_;
  Ledger<Entry> ledger_;
  std::set<StreamNumber> all_streams_;
};

// -------------------------------------------------------------------------------------------------------- endpoints

/// A row is a client, a server, or the path between them.
class Endpoints {
 public:
  Endpoints() { entitle(); }

  /// All that was taken; the rows are the sheet's to remove.
  void forget() {
    rows_.clear();
    ledger_.clear();
    entitle();
  }

  void take(const TapRecord& record) {
    for (std::uint32_t i = 0; i < record.incident_count; ++i) {
      const TappedIncident& incident = record.incidents[i];
      const Entry entry{incident.client, incident.server, incident.severity, incident.fault};
      const auto before = ledger_.replace(incident, entry);
      if (before) count(*before, -1);
      count(entry, +1);
    }
    for (std::uint32_t i = 0; i < record.timeout_count; ++i) note(record.timeouts[i]);
    entitle();
  }

  stat_tap_table_ui ui_ = make_table("TCP Why Endpoints", kEndpointTap, "tcpwhy,endpoints", columns_.data(), columns_.size());
  Sheet sheet_{ui_};

 private:
  enum Column : std::size_t { endpoint, role, loudest, at_fault = loudest + 4, timeout, samples, match, column_count };

  struct Entry {
    std::string client;
    std::string server;
    Severity severity = Severity::chat;
    Fault fault = Fault::unknown;
  };

  static std::string between(std::string_view client, std::string_view server) {
    return fmt::format("{} <-> {}", client, server);
  }

  void count(const Entry& entry, int change) {
    if (entry.client.empty() || entry.server.empty()) return;
    count(entry.client, "client", entry, entry.fault == Fault::client, change);
    count(entry.server, "server", entry, entry.fault == Fault::server, change);
    if (entry.fault == Fault::middlebox || entry.fault == Fault::path) {
      count(between(entry.client, entry.server), "path", entry, true, change);
    }
  }

  void count(const std::string& name, std::string_view as, const Entry& entry, bool is_at_fault, int change) {
    Sheet::Row*& row = row_of(name, as);
    row->cells[column_of(entry.severity, loudest)].number += static_cast<unsigned>(change);
    if (is_at_fault) row->cells[at_fault].number += static_cast<unsigned>(change);
    const auto first = row->cells.begin() + loudest;
    const bool is_empty =
        std::all_of(first, first + 4, [](const Cell& cell) { return cell.number == 0; }) && row->cells[samples].number == 0;
    if (is_empty) {
      sheet_.remove(*row);
      row = nullptr;
    } else {
      sheet_.update(*row);
    }
  }

  void note(const TappedTimeout& tapped) {
    const IdleTimeout& value = tapped.timeout;
    const std::string_view server = tapped.server;
    Sheet::Row* row = nullptr;
    switch (value.by) {
      case IdleTimeout::By::server:
        row = row_of(tapped.server, "server");
        break;
      case IdleTimeout::By::client:
        row = row_of(server.empty() ? tapped.client : fmt::format("{} -> {}", tapped.client, server), "client");
        break;
      case IdleTimeout::By::middlebox:
        row = row_of(between(tapped.client, server), "path");
        break;
    }
    row->cells[timeout].text = in_words(value);
    row->cells[samples].number = value.samples;
    row->cells[match].text = tapped.match;
    sheet_.update(*row);
  }

  /// The number stands at the right of its place, so that these sort as numbers do.
  static std::string in_words(const IdleTimeout& value) {
    const auto seconds = [](Nanoseconds time) { return static_cast<double>(time) / static_cast<double>(kSecond); };
    std::string text = fmt::format("{:8.2f} s", seconds(value.value));
    if (!value.exact()) text += fmt::format(" to {:.2f} s", seconds(value.high));
    if (value.swept) text += ", swept";
    if (value.by == IdleTimeout::By::server && value.advertised != 0) text += fmt::format(", says {} s", value.advertised);
    return text;
  }

  /// Never null; null again once the row was removed.
  Sheet::Row*& row_of(const std::string& name, std::string_view as) {
    Sheet::Row*& row = rows_[{name, std::string(as)}];
    if (row == nullptr) {
      row = &sheet_.add();
      row->cells[endpoint].text = name;
      row->cells[role].text = as;
    }
    return row;
  }

  void entitle() {
    const auto shown = std::count_if(rows_.begin(), rows_.end(), [](const auto& row) { return row.second != nullptr; });
    sheet_.set_title(shown == 0 ? "No incidents, and no idle timeouts that show."
                                : "Of all endpoints, those with something to say:");
  }

  inline static std::array<stat_tap_table_item, column_count> columns_ = {{
      text_column("Endpoint                        ", "%-32s"),
      text_column("Role  ", "%-6s"),
      number_column("Errors", "%6u"),
      number_column("Warnings", "%8u"),
      number_column("Notes", "%5u"),
      number_column("Chat", "%4u"),
      number_column("At fault", "%8u"),
      text_column("Idle timeout          ", "%-22s"),
      number_column("Samples", "%7u"),
      text_column("Known defaults", "%s"),
  }};

  std::map<std::pair<std::string, std::string>, Sheet::Row*> rows_;
  Ledger<Entry> ledger_;
};

// ------------------------------------------------------------------------------------------------------------- tree

/// One for each open tree.
class Tree {
 public:
  explicit Tree(stats_tree* tree) : tree_(tree), root_(stats_tree_create_node(tree, "Incidents", 0, STAT_DT_INT, true)) {}

  void take(const TapRecord& record) {
    for (std::uint32_t i = 0; i < record.incident_count; ++i) {
      const TappedIncident& incident = record.incidents[i];
      const Entry entry{fmt::format("{}: {}", to_string(incident.severity), to_string(incident.impact)), incident.cause,
                        incident.variant};
      const auto before = ledger_.replace(incident, entry);
      if (before) count(*before, -1);
      count(entry, +1);
    }
  }

 private:
  struct Entry {
    std::string cost;
    std::string cause;
    std::string variant;
  };

  void count(const Entry& entry, int change) const {
    stats_tree_manip_node_int(MN_INCREASE, tree_, "Incidents", 0, true, change);
    const int cost = stats_tree_manip_node_int(MN_INCREASE, tree_, entry.cost.c_str(), root_, true, change);
    const int cause = stats_tree_manip_node_int(MN_INCREASE, tree_, entry.cause.c_str(), cost, true, change);
    if (!entry.variant.empty()) {
      stats_tree_manip_node_int(MN_INCREASE, tree_, entry.variant.c_str(), cause, false, change);
    }
  }

  stats_tree* tree_;
  int root_;
  Ledger<Entry> ledger_;
};

// --------------------------------------------------------------------------------------------- what epan calls, and when

/// Never freed: epan keeps pointers into them, and tidies up after the statics of a plugin are gone.
Causes& causes() {
  static auto* const all = new Causes;
  return *all;
}

Endpoints& endpoints() {
  static auto* const all = new Endpoints;
  return *all;
}

std::map<stats_tree*, Tree>& trees() {
  static auto* const all = new std::map<stats_tree*, Tree>;
  return *all;
}

/// The callbacks of a table. `table()` is the one there is of its kind.
template <auto table>
void register_table() {
  stat_tap_table_ui& ui = table().ui_;
  ui.stat_tap_init_cb = [](stat_tap_table_ui* opened) {
    guarded([&] {
      table().sheet_.open(opened);
      table().forget();
    });
  };
  ui.packet_func = [](void*, packet_info*, epan_dissect_t*, const void* data, tap_flags_t) {
    return guarded([&] { table().take(*static_cast<const TapRecord*>(data)); });
  };
  ui.stat_tap_reset_table_cb = [](stat_tap_table*) {
    guarded([] {
      table().sheet_.clear();
      table().forget();
    });
  };
  register_stat_tap_table_ui(&ui);
}

void open_tree(stats_tree* tree) {
  guarded([&] {
    trees().erase(tree);
    trees().emplace(tree, tree);
  });
}

void close_tree(stats_tree* tree) {
  trees().erase(tree);
}

tap_packet_status fill_tree(stats_tree* tree, packet_info*, epan_dissect_t*, const void* data, tap_flags_t) {
  return guarded([&] { trees().at(tree).take(*static_cast<const TapRecord*>(data)); });
}

}  // namespace

void register_statistics() {
  register_table<causes>();
  register_table<endpoints>();
  register_tree(kIncidentTap, "tcpwhy", "TCP Why Incidents", "Incident", fill_tree, open_tree, close_tree);
}

}  // namespace tcpwhy::plugin
