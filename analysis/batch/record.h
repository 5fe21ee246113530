// A finding, or an idle timeout, as a row of fields: what every format for programs prints.
//
// Model: two tables. Their columns are the display filters' names, derived from kFields (fields.h), and in front of a finding's
// the few that say where it stands; no second list of them exists. A value is what tshark prints for the same field.
// Limits: what tcpwhy says of single frames (tcpwhy.role, tcpwhy.idle_gap) is in neither table.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "fields.h"
#include "report.h"

namespace tcpwhy::batch {

enum class Table : std::uint8_t { findings, idle_timeouts };

/// What a column's values are, where they are present.
enum class ColumnType : std::uint8_t {
  text,
  number,   ///< Not negative.
  time,     ///< Decimal seconds with nine decimals, as text: exact, which a floating-point number is not.
  texts,
  proofs,
};

struct Column {
  std::string name;     ///< "tcp.stream", "tcpwhy.cause".
  std::string meaning;  ///< One sentence without a full stop.
  ColumnType type;
  bool always;          ///< Present in every row.
};

/// `std::monostate`: absent, for there is nothing that it could be.
using Value = std::variant<std::monostate, std::string, std::uint64_t, std::vector<std::string>, std::vector<Proof>>;

/// In the order in which they are printed.
[[nodiscard]] const std::vector<Column>& columns_of(Table table);

/// One value for each of the table's columns.
[[nodiscard]] std::vector<Value> values_of(const ReportedFinding& finding);
[[nodiscard]] std::vector<Value> values_of(const NamedTimeout& timeout);

/// "6.010000000", "-0.000000001": exact.
[[nodiscard]] std::string decimal_seconds(Nanoseconds time);

}  // namespace tcpwhy::batch
