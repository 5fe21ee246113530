#include "support/json_schema.h"

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace tcpwhy::tests {

std::string complaint(const std::string& schema, const nlohmann::json& value) {
  using valijson::adapters::NlohmannJsonAdapter;
  const nlohmann::json parsed = nlohmann::json::parse(schema);
  valijson::Schema rules;
  valijson::SchemaParser().populateSchema(NlohmannJsonAdapter(parsed), rules);
  valijson::ValidationResults results;
  if (valijson::Validator().validate(rules, NlohmannJsonAdapter(value), &results)) return {};
  std::string text = "no reason given";
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    text += '\n';
    for (const std::string& step : error.context) text += step;
    text += ": " + error.description;
  }
  return text;
}

}  // namespace tcpwhy::tests
