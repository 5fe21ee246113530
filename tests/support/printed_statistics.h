// The tables of `tshark -z tcpwhy`, as they are printed.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tcpwhy::tests {

[[nodiscard]] std::vector<std::string> split(const std::string& text, char separator);

/// The rows of the table with this title, each a list of its cells; the names of its columns are none.
[[nodiscard]] std::vector<std::vector<std::string>> rows_of(const std::string& printed, const std::string& title);

/// Cause, impact, and how many errors, warnings, notes and chats.
using Counts = std::map<std::pair<std::string, std::string>, std::array<unsigned, 4>>;

/// What the table of causes says; a row that can't be fails the test.
[[nodiscard]] Counts counted(const std::string& printed);

}  // namespace tcpwhy::tests
