// A table of Wireshark's own statistics (stat_tap_table_ui): its rows are added as they come up, and stay in order.
//
// Model: a row is cells, a text or a number each, as the columns say. Rows are in the order of their numbers, from the left,
// the largest first, then of their texts: what comes first is the loudest. tshark draws them in this order; Wireshark's dialog
// sorts them as its user likes. A row whose numbers and notes are taken back is removed.
// Lives: Wireshark knows one table of a kind, and all its dialogs show that one. It keeps pointers to rows and texts, and
// follows them when somebody copies, so that nothing of a row is freed before the last dialog was closed.
// Limits: two `-z` of one kind in one command, with different filters, fill the same table.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "epan_compat.h"

namespace tcpwhy::plugin {

/// A cell of a text column has a text, one of a number column a number.
struct Cell {
  std::string text;
  unsigned number = 0;
};

class Sheet {
 public:
  struct Row {
    std::vector<Cell> cells;
    std::size_t place = 0;  ///< Where it stands; the sheet's business.
  };

  /// `ui` is the registered one; its `fields` are the columns.
  explicit Sheet(const stat_tap_table_ui& ui) : ui_(ui) {}

  /// A dialog opens, or tshark begins: the table is there, and empty. As stat_tap_init_cb has it.
  void open(stat_tap_table_ui* ui);

  /// Takes all rows away, as stat_tap_reset_table_cb has it.
  void clear();

  /// A new row at the end, its cells empty. Valid until clear().
  Row& add();

  /// The row's cells were changed: it goes where it belongs, and is shown.
  void update(Row& row);

  /// Takes it away; it is gone.
  void remove(Row& row);

  /// The line above the rows; tshark prints it.
  void set_title(std::string title);

 private:
  [[nodiscard]] bool goes_before(const Row& left, const Row& right) const;
  void put(Row& row, std::size_t place);

  const stat_tap_table_ui& ui_;
  stat_tap_table* table_ = nullptr;
  std::string title_;
  std::vector<Row*> order_;
  std::deque<Row> rows_;                           ///< Those that were removed, too.
  std::vector<stat_tap_table_item_type*> spares_;  ///< Memory of GLib's for rows that were removed, to be used again.
};

}  // namespace tcpwhy::plugin
