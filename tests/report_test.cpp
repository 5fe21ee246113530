// Reports: what a person reads, word for word, and what programs read, against its published schema.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "analysis/batch/csv_report.h"
#include "analysis/batch/json_report.h"
#include "analysis/batch/printable.h"
#include "analysis/batch/record.h"
#include "analysis/batch/text_report.h"
#include "catalogue.h"
#include "fields.h"
#include "support/json_schema.h"
#include "support/output_schemas.h"
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::batch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::complaint;
using Json = nlohmann::json;
namespace fs = std::filesystem;

// Reports to be rendered.

ReportedFinding lost_request(StreamNumber stream, std::string fix = "Set the idle timeout of the client's pool below 5.45 s.") {
  ReportedFinding reported;
  Finding& finding = reported.finding;
  finding.stream = stream;
  finding.client = "10.0.0.1";
  finding.client_port = static_cast<std::uint16_t>(40'000 + stream);
  finding.server = "10.0.0.2:80";
  finding.verdict.diagnosis = find_diagnosis("keepalive_race");
  finding.verdict.variant = "crossing";
  finding.verdict.confidence = Confidence::certain;
  finding.verdict.impact = Impact::request_lost;
  finding.verdict.severity = Severity::error;
  finding.verdict.fault = Fault::client;
  finding.verdict.reset_by = ResetBy::server;
  finding.verdict.reset_kind = ResetKind::reply;
  finding.verdict.deciding_frame = 100 + stream;
  finding.verdict.provoked_by = 90 + stream;
  finding.proofs = {{90 + stream, "the request"}, {100 + stream, "the deciding frame"}};
  finding.narrative.explanation = "GET sent as the server closed.";
  finding.narrative.fix = std::move(fix);
  finding.narrative.blind_spot = "Whether the server read it.";
  finding.narrative.ruled_out = {"stale_reuse: the ack does not cover the FIN", "idle_reset: a FIN came first"};
  reported.time = 1'767'225'600'123'456'789;
  return reported;
}

ReportedFinding ordinary_ending(StreamNumber stream) {
  ReportedFinding reported = lost_request(stream, "Ignore it.");
  Verdict& verdict = reported.finding.verdict;
  verdict.diagnosis = find_diagnosis("abortive_close");
  verdict.variant = "";
  verdict.impact = Impact::none;
  verdict.severity = Severity::chat;
  reported.finding.narrative.explanation = "Reset where a FIN belonged.";
  reported.finding.narrative.blind_spot = "";
  return reported;
}

ReportedFinding mismatch(Severity severity) {
  ReportedFinding reported = lost_request(7, "Set the pool to 5.00 s; 0 of 2 requests lost.");
  reported.finding.client_port = {};
  reported.finding.verdict.diagnosis = find_diagnosis("keepalive_mismatch");
  reported.finding.verdict.variant = "";
  reported.finding.verdict.severity = severity;
  reported.finding.narrative.explanation = "The client keeps connections longer.";
  reported.finding.narrative.blind_spot = "";
  return reported;
}

NamedTimeout six_seconds() {
  NamedTimeout named;
  named.timeout.value = 6'006'523'000;
  named.timeout.low = 6'000'000'000;
  named.timeout.high = 6'010'092'000;
  named.timeout.samples = 12;
  named.timeout.advertised = 5;
  named.client = "10.0.0.1";
  named.server = "10.0.0.2:80";
  named.match = "Node.js (6.00 s)";
  return named;
}

Report report_of(std::vector<ReportedFinding> findings) {
  Report report;
  report.name = "some.pcap";
  report.frames = 1000;
  report.streams = 20;
  report.findings = std::move(findings);
  return report;
}

/// All that a report can hold, with bytes in it that mean harm.
Report full_report() {
  Report report = report_of({lost_request(1), lost_request(2), ordinary_ending(3), mismatch(Severity::warn)});
  ReportedFinding& first = report.findings.front();
  first.file = "host-2.pcap";
  first.file_frame = 17;
  first.finding.retry = {"backoff", 9, 140, 1'500'000'001, 2};
  first.finding.event = "10.0.0.2:80 closed 12 streams";
  first.finding.narrative.explanation = "It said \"\xff\xfe, \x1b[2J\" and\r\nmore | µs.";
  ReportedFinding forgotten = lost_request(4);
  forgotten.finding.client = forgotten.finding.server = "";
  forgotten.finding.client_port = {};
  forgotten.time = 0;
  forgotten.finding.verdict.provoked_by = 0;
  report.findings.push_back(forgotten);
  report.idle_timeouts = {six_seconds()};
  report.kept_back = 3;
  report.forgotten = "tcpwhy forgot 12 connections.";
  report.problems = {{"b\xff.pcap", "cut short in the middle of packet 17", 16}};
  return report;
}

/// What real connections leave.
Report story_report() {
  using namespace tests;
  Story story({.vantage = Vantage::client, .round_trip = 100ms});
  for (int i = 0; i < 4; ++i) {
    const tests::Connection c = story.connect();
    c.exchange(get("/"), ok());
    c.client.idles_for(5920ms);
    c.client.sends(get("/"));
    c.server.idles_for(6s);
    c.server.closes();
    story.wait(200ms);
  }
  Report report = report_of({});
  for (Finding& finding : findings(story)) report.findings.push_back({std::move(finding), kOnceUponATime, "", 0});
  return report;
}

std::string text_of(const Report& report, const TextStyle& style = {}) {
  std::ostringstream out;
  render_text(report, style, out);
  return out.str();
}

template <typename Render>
std::string rendered(Render render, const Report& report) {
  std::ostringstream out;
  render(report, out);
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Text.

TEST(TextReport, TellsOneFindingInTheSummaryAndInFull) {
  EXPECT_EQ(text_of(report_of({lost_request(3)})),
            "What broke, and what to set\n"
            "  1. 1 request lost: keepalive_race, client 10.0.0.1, server 10.0.0.2:80 (stream 3).\n"
            "     -> Set the idle timeout of the client's pool below 5.45 s.\n"
            "\n"
            "One by one\n"
            "\n"
            "ERROR  keepalive_race/crossing  (certain)  stream 3  10.0.0.1:40003 <-> 10.0.0.2:80  frame 103\n"
            "  GET sent as the server closed.\n"
            "  Fix: Set the idle timeout of the client's pool below 5.45 s.\n"
            "  Can't tell: Whether the server read it.\n"
            "\n"
            "some.pcap: 1 error, 0 warnings, 0 notes; 20 streams in 1000 frames.\n");
}

TEST(TextReport, CountsWhatIsOfOneKindAndSaysItsFixOnce) {
  std::vector<ReportedFinding> findings;
  for (const StreamNumber stream : {9U, 2U, 3U, 4U}) {
    findings.push_back(lost_request(stream));
    findings.back().finding.retry.pattern = stream == 9 ? "none" : "backoff";
  }
  const std::string text = text_of(report_of(findings));
  EXPECT_THAT(text, HasSubstr("  1. 4 requests lost: keepalive_race, client 10.0.0.1, server 10.0.0.2:80 (streams 2-4, 9); 3 of 4\n"
                              "  repeated (backoff).\n"
                              "     -> Set the idle timeout of the client's pool below 5.45 s. Let the client repeat what is safe\n"
                              "     to repeat, with backoff.\n"));
  EXPECT_THAT(text, HasSubstr("stream 9  10.0.0.1:40009 <-> 10.0.0.2:80  frame 109\n"
                              "  GET sent as the server closed.\n"
                              "  Fix: as for stream 2.\n"
                              "  Can't tell: as for stream 2.\n"));
}

TEST(TextReport, IsFriendlyWhereNothingDied) {
  EXPECT_EQ(text_of(report_of({})), "some.pcap: all is well: 20 streams in 1000 frames, and none died of anything.\n");
}

TEST(TextReport, CountsOrdinaryEndingsAndShowsThemWhenAsked) {
  const Report report = report_of({ordinary_ending(3)});
  EXPECT_EQ(text_of(report),
            "some.pcap: all is well: 20 streams in 1000 frames, and none died of anything, 1 ordinary ending (--all shows "
            "them).\n");
  EXPECT_EQ(text_of(report, {.all = true}),
            "CHAT  abortive_close  (certain)  stream 3  10.0.0.1:40003 <-> 10.0.0.2:80  frame 103\n"
            "  Reset where a FIN belonged.\n"
            "  Fix: Ignore it.\n"
            "\n"
            "some.pcap: all is well: 20 streams in 1000 frames, and none died of anything, 1 ordinary ending.\n");
}

TEST(TextReport, SaysThatThereIsNoTcp) {
  Report report = report_of({});
  report.streams = 0;
  EXPECT_EQ(text_of(report), "some.pcap: no TCP in its 1000 frames.\n");
}

TEST(TextReport, SaysNothingOfACaptureWithoutFrames) {
  EXPECT_EQ(text_of(Report{}), "");
}

TEST(TextReport, DoesNotCallWellWhatAFilterKeptBack) {
  Report report = report_of({});
  report.kept_back = 3;
  EXPECT_EQ(text_of(report), "some.pcap: nothing to show of 20 streams in 1000 frames, 3 findings kept back by --filter.\n");
}

TEST(TextReport, AdvisesWhatTheMismatchBehindALossMeasured) {
  const std::string text = text_of(report_of({lost_request(1), mismatch(Severity::note)}));
  EXPECT_THAT(text, HasSubstr("     -> Set the pool to 5.00 s; 0 of 2 requests lost.\n"));
  EXPECT_THAT(text, Not(HasSubstr("Soon:")));
}

TEST(TextReport, KeepsTheOwnFixOfWhatNoSilenceKilled) {
  ReportedFinding reset = lost_request(1);
  reset.finding.verdict.diagnosis = find_diagnosis("server_abort");
  EXPECT_THAT(text_of(report_of({reset, mismatch(Severity::note)})),
              HasSubstr("     -> Set the idle timeout of the client's pool below 5.45 s.\n"));
}

TEST(TextReport, WarnsOfALossToCome) {
  EXPECT_THAT(text_of(report_of({mismatch(Severity::warn)})),
              HasSubstr("What broke, and what to set\n"
                        "  Soon: requests of 10.0.0.1 to 10.0.0.2:80 come within a round trip of its close. Set the pool to\n"
                        "  5.00 s; 0 of 2 requests lost.\n"));
}

TEST(TextReport, NamesAnEventOnce) {
  ReportedFinding first = lost_request(1);
  ReportedFinding second = lost_request(2);
  first.finding.event = second.finding.event = "10.0.0.2:80 closed 2 streams";
  const std::string text = text_of(report_of({first, second}));
  EXPECT_THAT(text, HasSubstr("  Event: 10.0.0.2:80 closed 2 streams.\n"));
  EXPECT_EQ(text.find("Event:"), text.rfind("Event:"));
}

TEST(TextReport, TellsTheIdleTimeoutsTheShortestFirst) {
  Report report = report_of({});
  NamedTimeout forgets = six_seconds();
  forgets.timeout.by = IdleTimeout::By::middlebox;
  forgets.timeout.value = 350 * kSecond;
  forgets.timeout.high = 1200 * kSecond;
  forgets.timeout.samples = 1;
  forgets.match = "";
  NamedTimeout pool = six_seconds();
  pool.timeout.by = IdleTimeout::By::client;
  pool.timeout.value = 998 * kMillisecond;
  pool.server = "";
  pool.match = "";
  report.idle_timeouts = {forgets, six_seconds(), pool};
  EXPECT_THAT(text_of(report),
              HasSubstr("Idle timeouts in force\n"
                        "  Client 10.0.0.1 towards all servers closes idle connections after 0.998 s (12 closes)\n"
                        "  Server 10.0.0.2:80 closes idle connections after 6.01 s (12 closes; it announces 5 s): Node.js\n"
                        "  (6.00 s)\n"
                        "  Something before 10.0.0.2:80 (client 10.0.0.1) forgets idle connections after more than 350 s and\n"
                        "  at most 1200 s (1 lost connection)\n"
                        "\n"));
}

TEST(TextReport, SaysInWhichFileAFrameIs) {
  ReportedFinding reported = lost_request(3);
  reported.file = "host-2.pcap";
  reported.file_frame = 17;
  EXPECT_THAT(text_of(report_of({reported}), {.width = 200}), HasSubstr("  frame 103 (host-2.pcap, frame 17)\n"));
}

TEST(TextReport, SaysWhatItCanOfAConnectionThatWasForgotten) {
  ReportedFinding reported = lost_request(3);
  reported.finding.client = reported.finding.server = "";
  reported.finding.client_port = {};
  Report report = report_of({reported});
  report.forgotten = "tcpwhy forgot 12 connections.";
  const std::string text = text_of(report);
  EXPECT_THAT(text, HasSubstr("  1. 1 request lost: keepalive_race, connections that were forgotten (stream 3).\n"));
  EXPECT_THAT(text, HasSubstr("(certain)  stream 3  frame 103\n"));
  EXPECT_THAT(text, HasSubstr("1000 frames.\ntcpwhy forgot 12 connections.\n"));
}

TEST(TextReport, PutsTheWorstFirstAndThenTheMost) {
  ReportedFinding warning = lost_request(1);
  warning.finding.verdict.severity = Severity::warn;
  warning.finding.verdict.impact = Impact::connect_delayed;
  std::vector<ReportedFinding> findings = {warning, warning, warning, lost_request(2)};
  for (const StreamNumber stream : {5U, 6U}) {
    findings.push_back(lost_request(stream));
    findings.back().finding.server = "10.0.0.3:80";
  }
  const std::string text = text_of(report_of(findings));
  EXPECT_LT(text.find("1. 2 requests lost"), text.find("2. 1 request lost"));
  EXPECT_LT(text.find("2. 1 request lost"), text.find("3. 3 connects delayed"));
}

TEST(TextReport, SummaryStopsWhereAScreenEnds) {
  std::vector<ReportedFinding> findings;
  for (StreamNumber stream = 0; stream < 13; ++stream) {
    findings.push_back(lost_request(stream));
    findings.back().finding.server = fmt::format("10.0.1.{}:80", stream);
  }
  EXPECT_THAT(text_of(report_of(findings)), HasSubstr("\n  ... and 1 more kind, below.\n"));
  findings.clear();
  for (StreamNumber stream = 0; stream < 120; stream += 2) findings.push_back(lost_request(stream));
  EXPECT_THAT(text_of(report_of(findings)), HasSubstr("98 and 10 more)"));
}

TEST(TextReport, ColoursSeveritiesAndHeadingsAndNothingElse) {
  const std::string plain = text_of(full_report(), {.all = true});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  std::string coloured = text_of(full_report(), {.colour = true, .all = true});
  EXPECT_THAT(coloured, HasSubstr("\x1b[1m\x1b[31mERROR\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[1m\x1b[33mWARN\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[1mOne by one\x1b[0m\n"));
  for (const std::string_view code : {"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m"}) {
    for (std::size_t at = 0; (at = coloured.find(code, at)) != std::string::npos;) coloured.erase(at, code.size());
  }
  EXPECT_EQ(coloured, plain);
}

TEST(TextReport, QuotesNothingThatATerminalObeys) {
  const std::string text = text_of(full_report(), {.width = 200});
  EXPECT_THAT(text, HasSubstr("  It said \"\xef\xbf\xbd\xef\xbf\xbd, \\x1b[2J\" and\n  more | µs.\n"));
}

TEST(TextReport, BreaksLinesByColumnsNotByBytes) {
  ReportedFinding reported = lost_request(1);
  reported.finding.narrative.explanation = "µµµµ µµµµ 日本 x";
  EXPECT_THAT(text_of(report_of({reported}), {.width = 11}), HasSubstr("\n  µµµµ µµµµ\n  日本 x\n"));
  EXPECT_THAT(text_of(report_of({reported}), {.width = 10}), HasSubstr("\n  µµµµ\n  µµµµ\n  日本 x\n"));
}

TEST(TextReport, TellsOneFindingAloneToWhoReadsAlong) {
  std::ostringstream out;
  render_text(lost_request(3), {}, out);
  EXPECT_THAT(text_of(report_of({lost_request(3)})), HasSubstr(out.str()));
  EXPECT_THAT(out.str(), ::testing::StartsWith("ERROR  keepalive_race/crossing"));
}

TEST(Printable, LeavesNeitherControlsNorBrokenCharacters) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("a\n\r\tb"), "a\\n\\r\\tb");
  EXPECT_EQ(printable("\x1b]0;x\x07"), "\\x1b]0;x\\x07");
  EXPECT_EQ(printable("\xc2\x9b"), "\\x9b") << "a C1 control";
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\xef\xbf\xbd" "b");
  EXPECT_EQ(printable("\xe6\x97"), "\xef\xbf\xbd\xef\xbf\xbd") << "cut within a character";
  EXPECT_EQ(columns("日本µx"), 6U);
  EXPECT_EQ(columns("e\xcc\x81"), 1U) << "a combining accent";
}

// For programs.

/// RFC 4180: rows of cells. Fails the test where a row doesn't end with CRLF.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::size_t at = 0;
  while (at < text.size()) {
    std::vector<std::string> row(1);
    bool is_quoted = false;
    for (; at < text.size() && (is_quoted || text[at] != '\r'); ++at) {
      if (text[at] == '"' && is_quoted && at + 1 < text.size() && text[at + 1] == '"') {
        row.back() += text[++at];
      } else if (text[at] == '"') {
        is_quoted = !is_quoted;
      } else if (text[at] == ',' && !is_quoted) {
        row.emplace_back();
      } else {
        row.back() += text[at];
      }
    }
    EXPECT_EQ(text.substr(at, 2), "\r\n");
    at += 2;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// A CSV's rows as objects of texts.
std::vector<Json> csv_objects(const std::string& text) {
  const auto rows = read_csv(text);
  std::vector<Json> objects;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].size(), rows[0].size());
    Json& object = objects.emplace_back(Json::object());
    for (std::size_t j = 0; j < std::min(rows[i].size(), rows[0].size()); ++j) object[rows[0][j]] = rows[i][j];
  }
  return objects;
}

/// The names of all members, wherever they are.
void collect_names(const Json& value, std::set<std::string>& names) {
  for (const auto& [name, member] : value.items()) {
    if (value.is_object()) names.insert(name);
    if (member.is_structured()) collect_names(member, names);
  }
}

const std::vector<Report>& all_reports() {
  static const std::vector<Report> kAll = {report_of({}), report_of({lost_request(1)}), full_report(), story_report()};
  return kAll;
}

TEST(Formats, KeepToTheirSchemas) {
  for (const Report& report : all_reports()) {
    EXPECT_EQ(complaint(tests::report_schema(), Json::parse(rendered(render_json, report))), "");
    for (const std::string& line : lines_of(rendered(render_ndjson, report))) {
      EXPECT_EQ(complaint(tests::line_schema(), Json::parse(line)), "") << line;
    }
    for (const Json& row : csv_objects(rendered(render_csv, report))) EXPECT_EQ(complaint(tests::row_schema(), row), "") << row;
  }
}

// The nearest neighbours of what is valid, lest the schemas allow everything.
TEST(Formats, SchemasRefuseWhatIsNotSo) {
  const Json good = Json::parse(lines_of(rendered(render_ndjson, full_report())).front());
  ASSERT_EQ(complaint(tests::line_schema(), good), "");
  const auto refuses = [&](const char* name, const std::optional<Json>& value) {
    Json bad = good;
    if (value) {
      bad[name] = *value;
    } else {
      bad.erase(name);
    }
    return !complaint(tests::line_schema(), bad).empty();
  };
  EXPECT_TRUE(refuses("tcpwhy.cause", {}));
  EXPECT_TRUE(refuses("type", {}));
  EXPECT_TRUE(refuses("tcpwhy.severity", Json("error")));
  EXPECT_TRUE(refuses("frame.time_epoch", Json(1767225600.123)));
  EXPECT_TRUE(refuses("frame.time_epoch", Json("1767225600.123")));
  EXPECT_TRUE(refuses("tcpwhy.no_such_field", Json("x")));
  EXPECT_TRUE(refuses("tcpwhy.severity", Json(5)));
  EXPECT_TRUE(refuses("tcpwhy.proof", Json::array({1, 2})));
  EXPECT_TRUE(refuses("provisional", Json(false)));
  EXPECT_FALSE(refuses("tcpwhy.provoked_by", {}));
}

TEST(Formats, NamesAreDisplayFiltersAndTheDocumentedFew) {
  std::set<std::string> known = {"tcp.stream", "frame.number", "frame.time_epoch", "file", "file_frame", "client_port",
                                 // Around the findings.
                                 "type", "provisional", "tcpwhy_version", "capture", "frames", "streams", "kept_back", "findings",
                                 "idle_timeouts", "forgotten", "problems", "what", "after_frame", "part"};
  for (const Field& field : kFields) known.insert(fmt::format("tcpwhy.{}", field.name));
  for (const Report& report : all_reports()) {
    std::set<std::string> names;
    collect_names(Json::parse(rendered(render_json, report)), names);
    for (const std::string& line : lines_of(rendered(render_ndjson, report))) collect_names(Json::parse(line), names);
    for (const Json& row : csv_objects(rendered(render_csv, report))) collect_names(row, names);
    for (const std::string& name : names) EXPECT_EQ(known.count(name), 1U) << name;
  }
}

TEST(Formats, EveryFieldOfAFindingAndATimeoutIsSomewhere) {
  std::set<std::string> names;
  collect_names(Json::parse(rendered(render_json, full_report())), names);
  const std::set<std::string_view> of_frames_alone = {"provisional", "role", "idle_gap", "line"};
  for (const Field& field : kFields) {
    EXPECT_EQ(names.count(fmt::format("tcpwhy.{}", field.name)), of_frames_alone.count(field.name) == 0 ? 1U : 0U) << field.name;
  }
}

TEST(Formats, AgreeWithOneAnother) {
  for (const Report& report : all_reports()) {
    const Json whole = Json::parse(rendered(render_json, report));
    const std::vector<std::string> lines = lines_of(rendered(render_ndjson, report));
    const std::vector<Json> rows = csv_objects(rendered(render_csv, report));
    ASSERT_EQ(lines.size(), report.findings.size() + report.idle_timeouts.size() + 1);
    ASSERT_EQ(rows.size(), report.findings.size());
    for (std::size_t i = 0; i < report.findings.size(); ++i) {
      Json line = Json::parse(lines[i]);
      EXPECT_EQ(line["type"], "finding");
      line.erase("type");
      EXPECT_EQ(line, whole["findings"][i]);
      EXPECT_EQ(rows[i]["tcpwhy.cause"], line["tcpwhy.cause"]);
      EXPECT_EQ(rows[i]["tcpwhy.fix"], line["tcpwhy.fix"]);
      EXPECT_EQ(rows[i]["tcp.stream"], fmt::format("{}", line["tcp.stream"].get<unsigned>()));
    }
    const Json summary = Json::parse(lines.back());
    EXPECT_EQ(summary["type"], "summary");
    EXPECT_EQ(summary["findings"], report.findings.size());
    EXPECT_EQ(summary["problems"], whole["problems"]);
  }
}

// Who reads along sees a finding twice: as it happens, and sealed.
TEST(JsonReport, MarksWhatIsSaidBeforeTheEnd) {
  const ReportedFinding finding = lost_request(1);
  Json early = Json::parse(ndjson_line(finding));
  EXPECT_EQ(complaint(tests::line_schema(), early), "");
  EXPECT_EQ(early["provisional"], true);
  early.erase("provisional");
  EXPECT_EQ(early, Json::parse(lines_of(rendered(render_ndjson, report_of({finding}))).front()));
}

TEST(JsonReport, KeepsEveryNanosecond) {
  const Json finding = Json::parse(rendered(render_json, full_report()))["findings"][0];
  EXPECT_EQ(finding["frame.time_epoch"], "1767225600.123456789");
  EXPECT_EQ(finding["tcpwhy.retry.delay"], "1.500000001");
  EXPECT_EQ(decimal_seconds(0), "0.000000000");
  EXPECT_EQ(decimal_seconds(-1), "-0.000000001");
  EXPECT_EQ(decimal_seconds(std::numeric_limits<Nanoseconds>::min()), "-9223372036.854775808");
}

TEST(JsonReport, LeavesOutWhatThereIsNot) {
  const Json forgotten = Json::parse(rendered(render_json, full_report()))["findings"].back();
  for (const char* name : {"file", "file_frame", "client_port", "frame.time_epoch", "tcpwhy.provoked_by", "tcpwhy.retry.delay"}) {
    EXPECT_FALSE(forgotten.contains(name)) << name;
  }
  EXPECT_EQ(forgotten["tcpwhy.client"], "");
}

TEST(JsonReport, ReplacesWhatIsNoUtf8) {
  const Json report = Json::parse(rendered(render_json, full_report()));
  EXPECT_EQ(report["problems"][0]["file"], "b\xef\xbf\xbd.pcap");
  EXPECT_THAT(report["findings"][0]["tcpwhy.explanation"].get<std::string>(), HasSubstr("\xef\xbf\xbd, \x1b[2J"));
}

TEST(CsvReport, QuotesWhatNeedsIt) {
  ReportedFinding reported = lost_request(1, "Say \"no\", then\nstop");
  const Json row = csv_objects(rendered(render_csv, report_of({reported}))).front();
  EXPECT_EQ(row["tcpwhy.fix"], "Say \"no\", then\\nstop");
  EXPECT_EQ(row["tcpwhy.proof"], "91 | 101");
  EXPECT_EQ(row["tcpwhy.ruled_out"], "stale_reuse: the ack does not cover the FIN | idle_reset: a FIN came first");
  EXPECT_THAT(rendered(render_csv, report_of({reported})), HasSubstr(",\"Say \"\"no\"\", then\\nstop\","));
}

TEST(CsvReport, HasAHeaderWhereThereIsNoFinding) {
  const std::string text = rendered(render_csv, report_of({}));
  EXPECT_EQ(read_csv(text).size(), 1U);
  EXPECT_THAT(text, ::testing::StartsWith("tcp.stream,frame.number,frame.time_epoch,file,"));
}

// CPU seconds, of which a busy machine takes as many. What takes the square of the number takes sixteen times as long for
// four times as many.
TEST(Formats, RenderFourTimesTheFindingsInFourTimesTheTime) {
  const auto report_with = [](StreamNumber streams) {
    std::vector<ReportedFinding> findings;
    for (StreamNumber stream = 0; stream < streams; ++stream) {
      findings.push_back(lost_request(stream));
      findings.back().finding.server = fmt::format("10.{}.{}.2:80", stream / 100 % 100, stream % 100);
      findings.back().finding.event = fmt::format("{} closed 12 streams", findings.back().finding.server);
    }
    return report_of(std::move(findings));
  };
  const Report some = report_with(5'000);
  const Report more = report_with(20'000);
  const auto seconds_of = [](const Report& report, const auto& render) {
    const std::clock_t start = std::clock();
    EXPECT_FALSE(rendered(render, report).empty());
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const auto growth_of = [&](const auto& render) { return seconds_of(more, render) / seconds_of(some, render); };
  constexpr double kBelowTheSquare = 9;
  EXPECT_LT(growth_of(render_json), kBelowTheSquare);
  EXPECT_LT(growth_of(render_ndjson), kBelowTheSquare);
  EXPECT_LT(growth_of(render_csv), kBelowTheSquare);
  EXPECT_LT(growth_of([](const Report& all, std::ostream& out) { render_text(all, {}, out); }), kBelowTheSquare);
}

TEST(Schemas, AreCurrent) {
  const fs::path folder = fs::path(TCPWHY_SOURCE_DIR) / "docs/schema";
  for (const auto& [name, schema] :
       {std::pair{"report.schema.json", tests::report_schema()}, {"line.schema.json", tests::line_schema()},
        {"row.schema.json", tests::row_schema()}}) {
    if (std::getenv("TCPWHY_UPDATE_GOLDEN") != nullptr) std::ofstream(folder / name, std::ios::binary) << schema;
    std::ostringstream published;
    published << std::ifstream(folder / name, std::ios::binary).rdbuf();
    EXPECT_TRUE(published.str() == schema) << "TCPWHY_UPDATE_GOLDEN=1 writes " << name << " anew";
  }
}

}  // namespace
}  // namespace tcpwhy::batch
