// docs/schema/: the formats for programs in JSON Schema (draft 2020-12), printed from the tables that the formats print.
#pragma once

#include <string>

namespace tcpwhy::tests {

/// Of what `--format json` prints.
[[nodiscard]] std::string report_schema();
/// Of a line of `--format ndjson`.
[[nodiscard]] std::string line_schema();
/// Of a row of `--format csv`, as an object of texts by column.
[[nodiscard]] std::string row_schema();

}  // namespace tcpwhy::tests
