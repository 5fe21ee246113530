#include "support/printed_statistics.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tcpwhy::tests {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

/// A row is "a |b |".
std::vector<std::vector<std::string>> rows_of(const std::string& printed, const std::string& title) {
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (const std::string& line : split(printed, '\n')) {
    if (line == title + ":") {
      inside = true;
    } else if (line.starts_with("====")) {
      inside = false;
    } else if (inside && line.find('|') != std::string::npos) {
      rows.emplace_back();
      for (const std::string& cell : split(line, '|')) rows.back().push_back(trimmed(cell));
    }
  }
  if (!rows.empty()) rows.erase(rows.begin());  // The names of the columns.
  return rows;
}

Counts counted(const std::string& printed) {
  Counts counts;
  for (const auto& row : rows_of(printed, "TCP Why Causes")) {
    if (row.size() < 7) {
      ADD_FAILURE() << "a row of " << row.size() << " cells";
      continue;
    }
    auto& cells = counts[{row[0], row[1]}];
    unsigned sum = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) sum += cells[i] = static_cast<unsigned>(std::stoul(row[2 + i]));
    EXPECT_EQ(std::to_string(sum), row[6]) << row[0] << ": severities and incidents";
  }
  return counts;
}

}  // namespace tcpwhy::tests
