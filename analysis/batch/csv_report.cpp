#include "csv_report.h"

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "printable.h"
#include "record.h"

namespace tcpwhy::batch {
namespace {

constexpr std::string_view kBetweenElements = " | ";

struct ToText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(std::uint64_t number) const { return fmt::format("{}", number); }
  std::string operator()(const std::vector<std::string>& texts) const {
    std::string all;
    for (const std::string& text : texts) add(printable(text), all);
    return all;
  }
  std::string operator()(const std::vector<Proof>& proofs) const {
    std::string all;
    for (const Proof& proof : proofs) add(fmt::format("{}", proof.frame), all);
    return all;
  }

 private:
  static void add(std::string_view element, std::string& all) {
    if (!all.empty()) all += kBetweenElements;
    all += element;
  }
};

/// RFC 4180 section 2, 5 to 7.
std::string cell_of(std::string_view value) {
  if (value.find_first_of(",\"") == std::string_view::npos) return std::string(value);
  std::string text = "\"";
  for (const char c : value) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

std::string row_of(const std::vector<std::string>& cells) {
  std::string row;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) row += ',';
    row += cell_of(cell);
  }
  return row + "\r\n";
}

std::string header() {
  std::vector<std::string> cells;
  for (const Column& column : columns_of(Table::findings)) cells.push_back(column.name);
  return row_of(cells);
}

std::string row_of(const ReportedFinding& finding) {
  std::vector<std::string> cells;
  for (const Value& value : values_of(finding)) cells.push_back(std::visit(ToText{}, value));
  return row_of(cells);
}

}  // namespace

void render_csv(const Report& report, std::ostream& out) {
  out << header();
  for (const ReportedFinding& finding : report.findings) out << row_of(finding);
}

}  // namespace tcpwhy::batch
