#include "sheet.h"

#include <utility>

namespace tcpwhy::plugin {

void Sheet::open(stat_tap_table_ui* ui) {
  const bool is_shown = ui->tables != nullptr && ui->tables->len != 0;
  if (is_shown) return clear();
  order_.clear();
  rows_.clear();
  for (stat_tap_table_item_type* spare : spares_) g_free(spare);
  spares_.clear();
  table_ = stat_tap_init_table(title_.c_str(), static_cast<int>(ui->nfields), 0, nullptr);
  stat_tap_add_table(ui, table_);
}

void Sheet::clear() {
  while (!order_.empty()) remove(*order_.back());
}

Sheet::Row& Sheet::add() {
  Row& row = rows_.emplace_back();
  row.cells.resize(ui_.nfields);
  const auto place = static_cast<unsigned>(order_.size());
  if (spares_.empty()) {
    const std::vector<stat_tap_table_item_type> blank(ui_.nfields);
    stat_tap_init_table_row(table_, place, static_cast<unsigned>(ui_.nfields), blank.data());
  } else {
    // The array had this row before, and never shrinks.
    table_->elements[place] = spares_.back();
    table_->num_elements = place + 1;
    spares_.pop_back();
  }
  order_.push_back(&row);
  put(row, place);
  return row;
}

void Sheet::update(Row& row) {
  std::size_t place = row.place;
  for (; place > 0 && goes_before(row, *order_[place - 1]); --place) put(*order_[place - 1], place);
  for (; place + 1 < order_.size() && goes_before(*order_[place + 1], row); ++place) put(*order_[place + 1], place);
  put(row, place);
}

void Sheet::remove(Row& row) {
  for (std::size_t place = row.place; place + 1 < order_.size(); ++place) put(*order_[place + 1], place);
  order_.pop_back();
  spares_.push_back(table_->elements[order_.size()]);
  table_->num_elements = static_cast<unsigned>(order_.size());
}

void Sheet::set_title(std::string title) {
  title_ = std::move(title);
  if (table_ != nullptr) table_->title = title_.c_str();
}

bool Sheet::goes_before(const Row& left, const Row& right) const {
  for (std::size_t i = 0; i < ui_.nfields; ++i) {
    if (left.cells[i].number != right.cells[i].number) return left.cells[i].number > right.cells[i].number;
  }
  for (std::size_t i = 0; i < ui_.nfields; ++i) {
    if (left.cells[i].text != right.cells[i].text) return left.cells[i].text < right.cells[i].text;
  }
  return false;
}

void Sheet::put(Row& row, std::size_t place) {
  order_[place] = &row;
  row.place = place;
  for (std::size_t i = 0; i < ui_.nfields; ++i) {
    stat_tap_table_item_type item{};
    item.type = ui_.fields[i].type;
    if (item.type == TABLE_ITEM_STRING) {
      item.value.string_value = row.cells[i].text.c_str();
    } else {
      item.value.uint_value = row.cells[i].number;
    }
    stat_tap_set_field_data(table_, static_cast<unsigned>(place), static_cast<unsigned>(i), &item);
  }
}

}  // namespace tcpwhy::plugin
