// JSON Schema (draft 2020-12), by somebody else's validator: valijson.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tcpwhy::tests {

/// What is wrong with a value by a schema, which is JSON itself; "" if nothing is.
[[nodiscard]] std::string complaint(const std::string& schema, const nlohmann::json& value);

}  // namespace tcpwhy::tests
