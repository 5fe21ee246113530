#include "support/output_schemas.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "analysis/batch/record.h"

namespace tcpwhy::tests {
namespace {

using batch::Column;
using batch::columns_of;
using batch::ColumnType;
using batch::Table;
using Json = nlohmann::ordered_json;

constexpr const char* kTime = "-?[0-9]+\\.[0-9]{9}";

Json number(std::string_view meaning) { return {{"description", meaning}, {"type", "integer"}, {"minimum", 0}}; }
Json text(std::string_view meaning) { return {{"description", meaning}, {"type", "string"}}; }

/// An object with all of these members, and no others.
Json object(const Json& properties) {
  Json required = Json::array();
  for (const auto& property : properties.items()) required.push_back(property.key());
  return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
}

Json list(std::string_view meaning, const Json& items) {
  return {{"description", meaning}, {"type", "array"}, {"items", items}};
}

Json value_of(const Column& column) {
  switch (column.type) {
    case ColumnType::text: return text(column.meaning);
    case ColumnType::number: {
      Json value = number(column.meaning);
      if (column.name == "tcpwhy.severity") value["maximum"] = static_cast<int>(Severity::error);
      return value;
    }
    case ColumnType::time: {
      Json time = text(column.meaning);
      time["unit"] = "s";
      time["pattern"] = fmt::format("^{}$", kTime);
      return time;
    }
    case ColumnType::texts: return list(column.meaning, {{"type", "string"}});
    case ColumnType::proofs:
      return list(column.meaning, object({{"frame.number", number("Its number in the whole capture")},
                                          {"part", text("What it is in the story")}}));
  }
  return {};
}

Json line_type(const char* type) { return {{"description", "What the line is"}, {"type", "string"}, {"const", type}}; }

/// A row as an object; `type` is what a line says of itself, null where nothing has to.
Json row(Table table, const char* type) {
  Json properties = Json::object();
  Json required = Json::array();
  if (type != nullptr) {
    properties["type"] = line_type(type);
    required.push_back("type");
  }
  for (const Column& column : columns_of(table)) {
    properties[column.name] = value_of(column);
    if (column.always) required.push_back(column.name);
  }
  return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
}

/// What is said of the capture as a whole.
Json head() {
  return {{"tcpwhy_version", text("Who says it")},
          {"capture", text("What was read: a file, how many files, or standard input")},
          {"frames", number("That were read")},
          {"streams", number("TCP streams among them")},
          {"kept_back", number("Findings that --filter doesn't let through")},
          {"forgotten", text("What had to be forgotten to keep within the memory; empty where nothing was")},
          {"problems", list("What could not be read",
                            object({{"file", text("As it was named")},
                                    {"what", text("What is wrong with it, and what was done all the same")},
                                    {"after_frame", number("The last frame of it that was read; 0: none")}}))}};
}

std::string page(std::string_view title, std::string_view meaning, const Json& schema) {
  Json whole = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}, {"description", meaning}};
  whole.update(schema);
  return whole.dump(2) + '\n';
}

}  // namespace

std::string report_schema() {
  Json properties = head();
  properties["findings"] = list("By stream", row(Table::findings, nullptr));
  properties["idle_timeouts"] = list("That are in force, each once", row(Table::idle_timeouts, nullptr));
  return page("tcpwhy --format json", "What tcpwhy says of a capture", object(properties));
}

std::string line_schema() {
  Json finding = row(Table::findings, "finding");
  finding["properties"]["provisional"] = {
      {"description", "Said as it happened, and subject to what comes: the sealed finding follows at the end, without this"},
      {"type", "boolean"},
      {"const", true}};
  Json properties = {{"type", line_type("summary")}};
  properties.update(head());
  properties["findings"] = number("Lines of type finding");
  properties["idle_timeouts"] = number("Lines of type idle_timeout");
  return page("tcpwhy --format ndjson", "A line of what tcpwhy says of a capture; the last one is the summary",
              {{"oneOf", {finding, row(Table::idle_timeouts, "idle_timeout"), object(properties)}}});
}

std::string row_schema() {
  Json properties = Json::object();
  for (const Column& column : columns_of(Table::findings)) {
    Json cell = text(column.meaning);
    if (column.type == ColumnType::number) cell["pattern"] = column.always ? "^[0-9]+$" : "^[0-9]*$";
    if (column.type == ColumnType::time) cell["pattern"] = fmt::format("^({}){}$", kTime, column.always ? "" : "?");
    if (column.type == ColumnType::proofs) cell["pattern"] = "^([0-9]+( \\| [0-9]+)*)?$";
    properties[column.name] = cell;
  }
  return page("tcpwhy --format csv", "A row, its cells by the names in the header; an empty cell is an absent value",
              object(properties));
}

}  // namespace tcpwhy::tests
