#include "record.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "catalogue.h"

namespace tcpwhy::batch {
namespace {

/// The table that a field is a column of, if any.
std::optional<Table> table_of(FieldId field) {
  switch (field) {
    case FieldId::cause:
    case FieldId::variant:
    case FieldId::confidence:
    case FieldId::severity:
    case FieldId::fault:
    case FieldId::impact:
    case FieldId::lost_bytes:
    case FieldId::reset_by:
    case FieldId::reset_kind:
    case FieldId::provoked_by:
    case FieldId::deciding_frame:
    case FieldId::proof:
    case FieldId::explanation:
    case FieldId::fix:
    case FieldId::blind_spot:
    case FieldId::ruled_out:
    case FieldId::client:
    case FieldId::server:
    case FieldId::event:
    case FieldId::retry:
    case FieldId::retry_delay:
    case FieldId::retry_attempt:
    case FieldId::retry_stream:
      return Table::findings;
    case FieldId::idle_timeout:
    case FieldId::idle_timeout_low:
    case FieldId::idle_timeout_high:
    case FieldId::idle_timeout_by:
    case FieldId::idle_timeout_samples:
    case FieldId::idle_timeout_advertised:
    case FieldId::idle_timeout_match:
    case FieldId::idle_timeout_client:
    case FieldId::idle_timeout_server:
      return Table::idle_timeouts;
    case FieldId::role:      // Of a frame.
    case FieldId::idle_gap:  // Of a frame.
    case FieldId::provisional:  // What the program reports is settled.
    case FieldId::line:      // Wireshark's tree alone needs it.
      return {};
  }
  return {};
}

ColumnType type_of(const Field& field) {
  if (field.id == FieldId::proof) return ColumnType::proofs;
  if (field.id == FieldId::ruled_out) return ColumnType::texts;
  switch (field.type) {
    case FieldType::text: return ColumnType::text;
    case FieldType::number:
    case FieldType::severity:
    case FieldType::frame: return ColumnType::number;
    case FieldType::time: return ColumnType::time;
  }
  return ColumnType::text;
}

bool is_optional(FieldId field) {
  return field == FieldId::provoked_by || field == FieldId::retry_delay || field == FieldId::retry_attempt ||
         field == FieldId::retry_stream;
}

Value number(std::uint64_t value) { return value; }
Value text(std::string_view value) { return std::string(value); }
Value time(Nanoseconds value) { return decimal_seconds(value); }

Value value_of(FieldId field, const Finding& finding) {
  const Verdict& verdict = finding.verdict;
  const RetryNote& retry = finding.retry;
  const bool repeated = retry.frame != 0;
  switch (field) {
    case FieldId::cause: return text(verdict.diagnosis->id);
    case FieldId::variant: return text(verdict.variant);
    case FieldId::confidence: return text(to_string(verdict.confidence));
    case FieldId::severity: return number(static_cast<std::uint64_t>(verdict.severity));
    case FieldId::fault: return text(to_string(verdict.fault));
    case FieldId::impact: return text(to_string(verdict.impact));
    case FieldId::lost_bytes: return number(verdict.lost_bytes);
    case FieldId::reset_by: return text(to_string(verdict.reset_by));
    case FieldId::reset_kind: return text(to_string(verdict.reset_kind));
    case FieldId::provoked_by: return verdict.provoked_by != 0 ? number(verdict.provoked_by) : Value();
    case FieldId::deciding_frame: return number(verdict.deciding_frame);
    case FieldId::proof: return finding.proofs;
    case FieldId::explanation: return text(finding.narrative.explanation);
    case FieldId::fix: return text(finding.narrative.fix);
    case FieldId::blind_spot: return text(finding.narrative.blind_spot);
    case FieldId::ruled_out: return finding.narrative.ruled_out;
    case FieldId::client: return text(finding.client);
    case FieldId::server: return text(finding.server);
    case FieldId::event: return text(finding.event);
    case FieldId::retry: return text(retry.pattern);
    case FieldId::retry_delay: return repeated ? time(retry.delay) : Value();
    case FieldId::retry_attempt: return repeated ? number(retry.attempt) : Value();
    case FieldId::retry_stream: return repeated ? number(retry.stream) : Value();
    default: return {};
  }
}

Value value_of(FieldId field, const NamedTimeout& named) {
  const IdleTimeout& timeout = named.timeout;
  switch (field) {
    case FieldId::idle_timeout: return time(timeout.value);
    case FieldId::idle_timeout_low: return time(timeout.low);
    case FieldId::idle_timeout_high: return time(timeout.high);
    case FieldId::idle_timeout_by: return text(to_string(timeout.by));
    case FieldId::idle_timeout_samples: return number(timeout.samples);
    case FieldId::idle_timeout_advertised: return number(timeout.advertised);
    case FieldId::idle_timeout_match: return text(named.match);
    case FieldId::idle_timeout_client: return text(named.client);
    case FieldId::idle_timeout_server: return text(named.server);
    default: return {};
  }
}

/// Where a finding stands: columns that are no fields of tcpwhy's own. All but the last three are display filters.
struct Whereabouts {
  Column column;
  Value (*value)(const ReportedFinding&);
};

const std::vector<Whereabouts>& whereabouts() {
  static const std::vector<Whereabouts> kAll = {
      {{"tcp.stream", "The stream, as Wireshark numbers it", ColumnType::number, true},
       [](const ReportedFinding& reported) { return number(reported.finding.stream); }},
      {{"frame.number", "The deciding frame, by its number in the whole capture", ColumnType::number, true},
       [](const ReportedFinding& reported) { return number(reported.finding.verdict.deciding_frame); }},
      {{"frame.time_epoch", "When that was, in seconds since 1970; absent where it isn't known any more", ColumnType::time, false},
       [](const ReportedFinding& reported) { return reported.time != 0 ? time(reported.time) : Value(); }},
      {{"file", "The file that the deciding frame is in; absent where the capture is one file", ColumnType::text, false},
       [](const ReportedFinding& reported) { return !reported.file.empty() ? text(reported.file) : Value(); }},
      {{"file_frame", "The deciding frame's number in that file", ColumnType::number, false},
       [](const ReportedFinding& reported) { return !reported.file.empty() ? number(reported.file_frame) : Value(); }},
      {{"client_port",
        "The TCP port of the stream's client; absent where it isn't known any more, and where the finding is about all of a "
        "client's streams",
        ColumnType::number, false},
       [](const ReportedFinding& reported) {
         return reported.finding.client_port ? number(*reported.finding.client_port) : Value();
       }},
  };
  return kAll;
}

std::vector<Column> make_columns(Table table) {
  std::vector<Column> columns;
  if (table == Table::findings) {
    for (const Whereabouts& one : whereabouts()) columns.push_back(one.column);
  }
  for (const Field& field : kFields) {
    if (table_of(field.id) != table) continue;
    columns.push_back({fmt::format("tcpwhy.{}", field.name), field.meaning, type_of(field), !is_optional(field.id)});
  }
  return columns;
}

template <typename Subject>
void add_values(Table table, const Subject& subject, std::vector<Value>& values) {
  for (const Field& field : kFields) {
    if (table_of(field.id) == table) values.push_back(value_of(field.id, subject));
  }
}

}  // namespace

const std::vector<Column>& columns_of(Table table) {
  static const std::vector<Column> kFindings = make_columns(Table::findings);
  static const std::vector<Column> kIdleTimeouts = make_columns(Table::idle_timeouts);
  return table == Table::findings ? kFindings : kIdleTimeouts;
}

std::vector<Value> values_of(const ReportedFinding& finding) {
  std::vector<Value> values;
  values.reserve(columns_of(Table::findings).size());
  for (const Whereabouts& one : whereabouts()) values.push_back(one.value(finding));
  add_values(Table::findings, finding.finding, values);
  return values;
}

std::vector<Value> values_of(const NamedTimeout& timeout) {
  std::vector<Value> values;
  values.reserve(columns_of(Table::idle_timeouts).size());
  add_values(Table::idle_timeouts, timeout, values);
  return values;
}

std::string decimal_seconds(Nanoseconds time) {
  // In two's complement the smallest number has no positive twin.
  const std::uint64_t magnitude = time < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(time) : static_cast<std::uint64_t>(time);
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  return fmt::format("{}{}.{:09}", time < 0 ? "-" : "", magnitude / kNanoseconds, magnitude % kNanoseconds);
}

}  // namespace tcpwhy::batch
