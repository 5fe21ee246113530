#include "text_report.h"

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "catalogue.h"
#include "limits.h"
#include "printable.h"
#include "words.h"

namespace tcpwhy::batch {
namespace {

/// More kinds of failure than a screen shows help nobody to begin.
constexpr std::size_t kKindsInSummary = 12;
/// Streams, or runs of them, that the summary names of one kind.
constexpr std::size_t kRunsInSummary = 50;

constexpr std::string_view kMismatch = "keepalive_mismatch";

fmt::text_style colour_of(Severity severity) {
  switch (severity) {
    case Severity::chat: return {};
    case Severity::note: return fmt::fg(fmt::terminal_color::cyan);
    case Severity::warn: return fmt::fg(fmt::terminal_color::yellow);
    case Severity::error: return fmt::fg(fmt::terminal_color::red);
  }
  return {};
}

/// "6 s", "0.998 s": three digits.
std::string seconds(Nanoseconds value) {
  const double in_seconds = static_cast<double>(value) / static_cast<double>(kSecond);
  return value >= 100 * kSecond ? fmt::format("{:.0f} s", in_seconds) : fmt::format("{:.3g} s", in_seconds);
}

std::string harm(Impact impact, std::uint64_t times) {
  switch (impact) {
    case Impact::none: return plural(times, "time") + ", nothing lost";
    case Impact::connect_failed: return plural(times, "connect") + " failed";
    case Impact::connect_delayed: return plural(times, "connect") + " delayed";
    case Impact::request_lost: return plural(times, "request") + " lost";
    case Impact::response_lost: return plural(times, "response") + " lost";
    case Impact::response_truncated: return plural(times, "response") + " cut short";
    case Impact::unknown: return plural(times, "connection") + " broken, cost unknown";
  }
  return {};
}

/// "2, 5-9, 12": in order, each once.
std::string listed(std::vector<StreamNumber> streams) {
  std::sort(streams.begin(), streams.end());
  streams.erase(std::unique(streams.begin(), streams.end()), streams.end());
  std::string text;
  std::size_t runs = 0;
  for (std::size_t first = 0; first < streams.size(); ++runs) {
    if (runs == kRunsInSummary) return text + fmt::format(" and {} more", streams.size() - first);
    std::size_t last = first;
    while (last + 1 < streams.size() && streams[last + 1] == streams[last] + 1) ++last;
    if (runs > 0) text += ", ";
    text += last > first ? fmt::format("{}-{}", streams[first], streams[last]) : fmt::format("{}", streams[first]);
    first = last + 1;
  }
  return text;
}

/// A client and one of its servers, as the findings name them.
using Pair = std::pair<std::string_view, std::string_view>;

Pair pair_of(const Finding& finding) { return {finding.client, finding.server}; }

/// "10.0.0.1:40000 <-> 10.0.0.2:80"; "" where the connection is no longer known.
std::string endpoints_of(const Finding& finding) {
  if (finding.server.empty()) return {};
  if (!finding.client_port) return fmt::format("{} <-> {}", finding.client, finding.server);
  const bool v6 = finding.client.find(':') != std::string::npos;
  const std::string client = v6 ? fmt::format("[{}]", finding.client) : finding.client;
  return fmt::format("{}:{} <-> {}", client, *finding.client_port, finding.server);
}

/// Failures of one kind: one cause, one cost, one client and its server.
struct Kind {
  const Finding* first = nullptr;  ///< The loudest.
  std::vector<StreamNumber> streams;
  std::map<std::string_view, std::uint64_t> retries;  ///< By what the client does about them.

  [[nodiscard]] std::uint64_t times() const { return streams.size(); }
  [[nodiscard]] const Verdict& verdict() const { return first->verdict; }
  [[nodiscard]] std::uint64_t never_retried() const {
    const auto none = retries.find("none");
    return none == retries.end() ? 0 : none->second;
  }
};

/// "; 3 of 11 repeated (backoff)"; "" where nobody can tell.
std::string describe_retries(const Kind& kind) {
  if (kind.retries.empty()) return {};
  std::string patterns;
  std::uint64_t repeated = 0;
  for (const auto& [pattern, times] : kind.retries) {
    if (pattern == "none") continue;
    repeated += times;
    patterns += fmt::format("{}{}", patterns.empty() ? "" : " or ", pattern);
  }
  if (repeated == 0) return "; the client repeats none";
  return fmt::format("; {} of {} repeated ({})", repeated, repeated + kind.never_retried(), patterns);
}

/// Lines of at most a style's width.
class Page {
 public:
  Page(const TextStyle& style, std::ostream& out) : style_(style), out_(out) {}

  void blank() { out_ << '\n'; }
  void line(std::string_view text) { out_ << text << '\n'; }
  void heading(std::string_view text) { line(styled(fmt::emphasis::bold, text)); }

  /// The label and the text's words, each line behind the indent. Nothing where there is no text.
  void wrapped(std::string_view label, std::string_view text, std::string_view indent) {
    if (text.empty()) return;
    std::string line(label);
    std::size_t width = indent.size() + columns(label);
    const auto flush = [&] {
      if (!line.empty()) out_ << indent << line;
      out_ << '\n';
      line.clear();
      width = indent.size();
    };
    while (!text.empty()) {
      const std::size_t length = std::min(text.find_first_of(" \t\r\n"), text.size());
      if (length > 0) {
        const std::string word = printable(text.substr(0, length));
        const std::size_t word_width = columns(word);
        if (!line.empty() && width + 1 + word_width > style_.width) flush();
        if (!line.empty()) {
          line += ' ';
          ++width;
        }
        line += word;
        width += word_width;
      }
      if (length < text.size() && text[length] == '\n') flush();
      text.remove_prefix(std::min(length + 1, text.size()));
    }
    if (!line.empty()) flush();
  }

  /// A finding's first line; two where one is too short.
  void headline(const ReportedFinding& reported) {
    const Finding& finding = reported.finding;
    const Verdict& verdict = finding.verdict;
    std::string loudness(to_string(verdict.severity));
    std::transform(loudness.begin(), loudness.end(), loudness.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    std::string what = fmt::format("  {}{}{}  ({})", verdict.diagnosis->id, verdict.variant.empty() ? "" : "/", verdict.variant,
                                   to_string(verdict.confidence));
    std::string where = fmt::format("  stream {}", finding.stream);
    if (const std::string endpoints = endpoints_of(finding); !endpoints.empty()) where += "  " + endpoints;
    where += fmt::format("  frame {}", verdict.deciding_frame);
    if (!reported.file.empty()) where += fmt::format(" ({}, frame {})", printable(reported.file), reported.file_frame);
    if (loudness.size() + columns(what) + columns(where) > style_.width) what += '\n';
    line(styled(fmt::emphasis::bold | colour_of(verdict.severity), loudness) + styled(fmt::emphasis::bold, what + where));
  }

 private:
  [[nodiscard]] std::string styled(fmt::text_style style, std::string_view text) const {
    return fmt::format(style_.colour ? style : fmt::text_style{}, "{}", text);
  }

  const TextStyle& style_;
  std::ostream& out_;
};

void write_finding(const ReportedFinding& reported, std::string_view fix, std::string_view blind_spot, Page& page) {
  page.headline(reported);
  page.wrapped("", reported.finding.narrative.explanation, "  ");
  page.wrapped("Fix:", fix, "  ");
  page.wrapped("Can't tell:", blind_spot, "  ");
}

class TextReport {
 public:
  TextReport(const Report& report, const TextStyle& style, std::ostream& out) : report_(report), style_(style), page_(style, out) {
    sort_findings();
    gather();
  }

  void write() {
    write_summary();
    write_idle_timeouts();
    if (has_head()) page_.blank();
    write_findings();
    write_totals();
    if (!report_.forgotten.empty()) page_.wrapped("", report_.forgotten, "");
  }

 private:
  /// The worst first; what has one cause together.
  void sort_findings() {
    sorted_.reserve(report_.findings.size());
    for (const ReportedFinding& reported : report_.findings) sorted_.push_back(&reported);
    const auto key = [](const ReportedFinding* reported) {
      const Verdict& verdict = reported->finding.verdict;
      return std::tuple(-static_cast<int>(verdict.severity), verdict.diagnosis->id, reported->finding.stream, verdict.deciding_frame);
    };
    std::stable_sort(sorted_.begin(), sorted_.end(), [&](const auto* a, const auto* b) { return key(a) < key(b); });
  }

  void gather() {
    std::map<std::tuple<const Diagnosis*, std::string_view, std::string_view, Impact>, std::size_t> places;
    std::set<std::string_view> known_events;
    for (const ReportedFinding* reported : sorted_) {
      const Finding& finding = reported->finding;
      const Verdict& verdict = finding.verdict;
      ++count_[static_cast<std::size_t>(verdict.severity)];
      const bool loud = verdict.severity >= Severity::warn;
      if (verdict.diagnosis->id == kMismatch) {
        settings_[pair_of(finding)] = finding.narrative.fix;
        if (loud) due_.push_back(pair_of(finding));
        continue;
      }
      if (!loud) continue;
      const auto [place, is_new] =
          places.try_emplace({verdict.diagnosis, finding.client, finding.server, verdict.impact}, kinds_.size());
      if (is_new) kinds_.emplace_back().first = &finding;
      Kind& kind = kinds_[place->second];
      kind.streams.push_back(finding.stream);
      if (!finding.retry.pattern.empty()) ++kind.retries[finding.retry.pattern];
      if (!finding.event.empty() && known_events.insert(finding.event).second) events_.push_back(finding.event);
    }
    std::stable_sort(kinds_.begin(), kinds_.end(), [](const Kind& a, const Kind& b) {
      return std::pair(a.verdict().severity, a.times()) > std::pair(b.verdict().severity, b.times());
    });
  }

  [[nodiscard]] bool something_broke() const { return !kinds_.empty() || !due_.empty(); }
  [[nodiscard]] bool has_head() const { return something_broke() || !report_.idle_timeouts.empty(); }

  void write_summary() {
    if (something_broke()) page_.heading("What broke, and what to set");
    const std::size_t shown = std::min(kinds_.size(), kKindsInSummary);
    std::map<std::string_view, std::size_t> said;
    for (std::size_t i = 0; i < shown; ++i) write_kind(kinds_[i], i + 1, said);
    if (kinds_.size() > shown) page_.line(fmt::format("  ... and {}, below.", plural(kinds_.size() - shown, "more kind")));
    for (const Pair& pair : due_) {
      page_.wrapped("Soon:",
                    fmt::format("requests of {} to {} come within a round trip of its close. {}", pair.first, pair.second,
                                settings_.at(pair)),
                    "  ");
    }
    for (const std::string_view event : events_) page_.wrapped("Event:", fmt::format("{}.", event), "  ");
  }

  void write_kind(const Kind& kind, std::size_t number, std::map<std::string_view, std::size_t>& said) {
    const Finding& first = *kind.first;
    const Verdict& verdict = kind.verdict();
    const std::string between = first.server.empty() ? "connections that were forgotten"
                                                     : fmt::format("client {}, server {}", first.client, first.server);
    page_.wrapped(fmt::format("{}.", number),
                  fmt::format("{}: {}, {} (stream{} {}){}.", harm(verdict.impact, kind.times()), verdict.diagnosis->id, between,
                              kind.times() == 1 ? "" : "s", listed(kind.streams), describe_retries(kind)),
                  "  ");
    std::string_view fix = first.narrative.fix;
    // Where a silence killed, the habit behind it says what to set, and what that would have meant in this capture.
    if (verdict.diagnosis->died_of) {
      if (const auto setting = settings_.find(pair_of(first)); setting != settings_.end()) fix = setting->second;
    }
    const auto [place, is_new] = said.try_emplace(fix, number);
    std::string told = is_new ? std::string(fix) : fmt::format("As for {}.", place->second);
    if (verdict.impact == Impact::request_lost && kind.never_retried() > 0) {
      told += " Let the client repeat what is safe to repeat, with backoff.";
    }
    page_.wrapped("->", told, "     ");
  }

  void write_idle_timeouts() {
    if (report_.idle_timeouts.empty()) return;
    if (something_broke()) page_.blank();
    page_.heading("Idle timeouts in force");
    std::vector<const NamedTimeout*> sorted;
    for (const NamedTimeout& named : report_.idle_timeouts) sorted.push_back(&named);
    std::stable_sort(sorted.begin(), sorted.end(), [](const NamedTimeout* a, const NamedTimeout* b) {
      return std::tie(a->timeout.value, a->server, a->client) < std::tie(b->timeout.value, b->server, b->client);
    });
    for (const NamedTimeout* named : sorted) page_.wrapped("", describe(*named), "  ");
  }

  [[nodiscard]] static std::string describe(const NamedTimeout& named) {
    const IdleTimeout& timeout = named.timeout;
    const std::string_view server = named.server.empty() ? std::string_view("all servers") : named.server;
    std::string text;
    switch (timeout.by) {
      case IdleTimeout::By::client: text = fmt::format("Client {} towards {} closes", named.client, server); break;
      case IdleTimeout::By::server: text = fmt::format("Server {} closes", server); break;
      case IdleTimeout::By::middlebox:
        text = fmt::format("Something before {} (client {}) forgets", server, named.client);
        break;
    }
    text += timeout.exact() ? fmt::format(" idle connections after {}", seconds(timeout.value))
                            : fmt::format(" idle connections after more than {} and at most {}", seconds(timeout.value),
                                          seconds(timeout.high));
    text += fmt::format(" ({}", plural(timeout.samples, timeout.exact() ? "close" : "lost connection"));
    if (timeout.by == IdleTimeout::By::server && timeout.advertised > 0) {
      text += fmt::format("; it announces {} s", timeout.advertised);
    }
    text += ')';
    if (!named.match.empty()) text += ": " + named.match;
    return text;
  }

  void write_findings() {
    // What a cause has said last, and on which stream.
    struct Said {
      std::string_view text;
      StreamNumber stream = 0;
    };
    Said fix;
    Said blind_spot;
    const Diagnosis* cause = nullptr;
    bool any = false;
    for (const ReportedFinding* reported : sorted_) {
      const Finding& finding = reported->finding;
      const Verdict& verdict = finding.verdict;
      if (verdict.severity == Severity::chat && !style_.all) continue;
      if (any) {
        page_.blank();
      } else if (has_head()) {
        page_.heading("One by one");
        page_.blank();
      }
      any = true;
      const auto shortened = [&](std::string_view text, Said& said) {
        if (text == said.text && cause == verdict.diagnosis && !text.empty()) return fmt::format("as for stream {}.", said.stream);
        said = {text, finding.stream};
        return std::string(text);
      };
      const std::string fix_here = shortened(finding.narrative.fix, fix);
      const std::string blind_spot_here = shortened(finding.narrative.blind_spot, blind_spot);
      write_finding(*reported, fix_here, blind_spot_here, page_);
      cause = verdict.diagnosis;
    }
    shows_findings_ = any;
  }

  [[nodiscard]] std::uint64_t count(Severity severity) const { return count_[static_cast<std::size_t>(severity)]; }

  void write_totals() {
    const std::string name = printable(report_.name);
    if (report_.streams == 0) {
      page_.line(fmt::format("{}: no TCP in its {}.", name, plural(report_.frames, "frame")));
      return;
    }
    const std::string read = fmt::format("{} in {}", plural(report_.streams, "stream"), plural(report_.frames, "frame"));
    std::string others;
    if (const std::uint64_t ordinary = count(Severity::chat); ordinary > 0) {
      others = fmt::format(", {}{}", plural(ordinary, "ordinary ending"), style_.all ? "" : " (--all shows them)");
    }
    if (report_.kept_back > 0) others += fmt::format(", {} kept back by --filter", plural(report_.kept_back, "finding"));
    if (shows_findings_) page_.blank();
    if (count(Severity::note) + count(Severity::warn) + count(Severity::error) > 0) {
      page_.line(fmt::format("{}: {}, {}, {}{}; {}.", name, plural(count(Severity::error), "error"),
                             plural(count(Severity::warn), "warning"), plural(count(Severity::note), "note"), others, read));
    } else if (report_.kept_back > 0) {
      page_.line(fmt::format("{}: nothing to show of {}{}.", name, read, others));
    } else {
      page_.line(fmt::format("{}: all is well: {}, and none died of anything{}.", name, read, others));
    }
  }

  const Report& report_;
  const TextStyle& style_;
  Page page_;
  std::vector<const ReportedFinding*> sorted_;
  std::array<std::uint64_t, 4> count_{};  ///< By severity.
  std::vector<Kind> kinds_;
  std::map<Pair, std::string_view> settings_;  ///< What a mismatch of timeouts says to set.
  std::vector<Pair> due_;                      ///< Who will lose requests soon.
  std::vector<std::string_view> events_;
  bool shows_findings_ = false;
};

}  // namespace

void render_text(const Report& report, const TextStyle& style, std::ostream& out) {
  if (report.frames > 0) TextReport(report, style, out).write();
}

void render_text(const ReportedFinding& finding, const TextStyle& style, std::ostream& out) {
  Page page(style, out);
  write_finding(finding, finding.finding.narrative.fix, finding.finding.narrative.blind_spot, page);
}

}  // namespace tcpwhy::batch
