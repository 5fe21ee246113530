#include "json_report.h"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "record.h"

namespace tcpwhy::batch {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

struct ToJson {
  Json operator()(std::monostate) const { return {}; }
  Json operator()(const std::string& text) const { return text; }
  Json operator()(std::uint64_t number) const { return number; }
  Json operator()(const std::vector<std::string>& texts) const { return texts; }
  Json operator()(const std::vector<Proof>& proofs) const {
    Json list = Json::array();
    for (const Proof& proof : proofs) list.push_back({{"frame.number", proof.frame}, {"part", proof.part}});
    return list;
  }
};

/// Adds a row's members; what is absent is left out.
void add_row(Table table, const std::vector<Value>& values, Json& object) {
  const std::vector<Column>& columns = columns_of(table);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!std::holds_alternative<std::monostate>(values[i])) object[columns[i].name] = std::visit(ToJson{}, values[i]);
  }
}

Json to_json(const ReportedFinding& finding, Json object = Json::object()) {
  add_row(Table::findings, values_of(finding), object);
  return object;
}

Json to_json(const NamedTimeout& timeout, Json object = Json::object()) {
  add_row(Table::idle_timeouts, values_of(timeout), object);
  return object;
}

/// What is said of the capture as a whole.
Json head_of(const Report& report) {
  return {{"tcpwhy_version", TCPWHY_VERSION},
          {"capture", report.name},
          {"frames", report.frames},
          {"streams", report.streams},
          {"kept_back", report.kept_back},
          {"forgotten", report.forgotten}};
}

Json problems_of(const Report& report) {
  Json problems = Json::array();
  for (const Problem& problem : report.problems) {
    problems.push_back({{"file", problem.file}, {"what", problem.what}, {"after_frame", problem.after_frame}});
  }
  return problems;
}

/// An array of an object that is being written, an element a line.
template <typename Elements>
void write_array(std::string_view name, const Elements& elements, std::ostream& out) {
  out << ",\n" << dump(name) << ":[";
  std::string_view separator = "\n";
  for (const auto& element : elements) {
    out << separator << dump(to_json(element));
    separator = ",\n";
  }
  out << "\n]";
}

}  // namespace

void render_json(const Report& report, std::ostream& out) {
  Json head = head_of(report);
  head["problems"] = problems_of(report);
  std::string text = dump(head);
  text.pop_back();  // The brace: the lists come before it.
  out << text;
  write_array("findings", report.findings, out);
  write_array("idle_timeouts", report.idle_timeouts, out);
  out << "}\n";
}

void render_ndjson(const Report& report, std::ostream& out) {
  for (const ReportedFinding& finding : report.findings) out << dump(to_json(finding, {{"type", "finding"}})) << '\n';
  for (const NamedTimeout& timeout : report.idle_timeouts) out << dump(to_json(timeout, {{"type", "idle_timeout"}})) << '\n';
  Json summary = {{"type", "summary"}};
  summary.update(head_of(report));
  summary["findings"] = report.findings.size();
  summary["idle_timeouts"] = report.idle_timeouts.size();
  summary["problems"] = problems_of(report);
  out << dump(summary) << '\n';
}

std::string ndjson_line(const ReportedFinding& finding) {
  return dump(to_json(finding, {{"type", "finding"}, {"provisional", true}})) + '\n';
}

}  // namespace tcpwhy::batch
