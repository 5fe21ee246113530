#include "explaining.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "capture_set.h"
#include "csv_report.h"
#include "incidents.h"
#include "interruption.h"
#include "json_report.h"
#include "part.h"
#include "progress.h"
#include "reading.h"
#include "report.h"
#include "spool.h"
#include "text_report.h"

namespace tcpwhy::batch {
namespace {

bool chosen(When when, int descriptor) {
  return when == When::always || (when == When::automatic && isatty(descriptor) != 0);
}

/// Colours are a matter of taste: https://no-color.org. A terminal that is dumb shows none.
bool in_colour(When when) {
  if (when != When::automatic) return when == When::always;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

/// Pipes of people break lines at their terminal's width; a file gets a readable one.
std::size_t columns(std::size_t wanted) {
  constexpr std::size_t kReadable = 100;
  constexpr std::size_t kWidest = 120;
  if (wanted != 0) return wanted;
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kReadable;
  return std::clamp<std::size_t>(size.ws_col, 40, kWidest);
}

std::string name_of(const CaptureSet& captures, const std::vector<std::string>& inputs) {
  const std::vector<std::string>& files = captures.files();
  if (inputs.size() == 1 && inputs[0] == "-") return "standard input";  // Even where it had to be kept in a file.
  if (files.size() == 1) return files[0];
  return files.empty() ? inputs[0] : fmt::format("{} files", files.size());
}

ReportedFinding locate(Finding finding, const Landmark* landmark, const CaptureSet& captures) {
  ReportedFinding reported;
  reported.finding = std::move(finding);
  if (landmark == nullptr) return reported;
  reported.time = landmark->time;
  if (captures.files().size() > 1) {
    reported.file = captures.files()[landmark->place.file];
    reported.file_frame = landmark->place.frame;
  }
  return reported;
}

Report report_on(const Reading& reading, const CaptureSet& captures, const Explain& wish) {
  const Analyzer& analyzer = reading.analyzer();
  Report report;
  report.name = name_of(captures, wish.inputs);
  report.frames = reading.frames();
  report.streams = analyzer.stream_count();
  analyzer.for_each_finding([&](const Finding& finding) {
    if (wish.filter.lets_through(finding)) {
      report.findings.push_back(locate(finding, reading.landmark(finding.verdict.deciding_frame), captures));
    } else {
      ++report.kept_back;
    }
  });
  for (NamedTimeout& timeout : analyzer.idle_timeouts()) {
    if (wish.filter.lets_through(timeout)) report.idle_timeouts.push_back(std::move(timeout));
  }
  report.forgotten = to_string(analyzer.forgotten());
  report.problems = captures.problems();
  if (report.frames == 0 && report.problems.empty()) report.problems.push_back({report.name, "no packets in it", 0});
  return report;
}

/// Says what a frame decides while the capture still goes on.
class Live {
 public:
  Live(Format format, const TextStyle& style, const Filter& filter) : format_(format), style_(style), filter_(filter) {}

  void say(const ReportedFinding& finding) {
    if (!filter_.lets_through(finding.finding)) return;
    if (finding.finding.verdict.severity == Severity::chat && !style_.all) return;
    switch (format_) {
      case Format::text:
        render_text(finding, style_, std::cout);
        std::cout << '\n';
        break;
      case Format::ndjson:
        std::cout << ndjson_line(finding);
        break;
      case Format::json:  // One object, and
      case Format::csv:   // one table, in which each finding stands once: at the end.
        break;
    }
    std::cout.flush();
  }

 private:
  Format format_;
  TextStyle style_;
  const Filter& filter_;
};

void render(const Report& report, Format format, const TextStyle& style) {
  switch (format) {
    case Format::text: render_text(report, style, std::cout); break;
    case Format::json: render_json(report, std::cout); break;
    case Format::ndjson: render_ndjson(report, std::cout); break;
    case Format::csv: render_csv(report, std::cout); break;
  }
  std::cout.flush();
}

void complain(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) fmt::print(stderr, "tcpwhy: {}: {}\n", problem.file, problem.what);
}

/// Whoever is told to end leaves no part: one of half a capture would say that it is whole.
int write_part_of(CaptureSet& captures, const std::string& file, const Shard& shard, When progress_wanted) {
  const Interruption interruption(captures);
  Progress progress(chosen(progress_wanted, STDERR_FILENO), captures.bytes_in_all());
  const auto update = [&](std::uint64_t packets, std::uint64_t bytes) { progress.update(packets, bytes); };
  try {
    write_part(captures, file, shard.index, shard.count, update);
  } catch (const WriteError&) {
    progress.clear();
    complain(captures.problems());
    throw;
  }
  progress.clear();
  complain(captures.problems());
  return captures.problems().empty() ? kNothingFound : kUnreadable;
}

}  // namespace

int explain(const Explain& wish) {
  const TextStyle style{columns(wish.width), in_colour(wish.colour), wish.all};
  // Standard input can be read once, and to carve takes a second reading.
  const Spool spool(wish.write && !wish.of_parts ? wish.inputs : std::vector<std::string>{});
  CaptureSet captures = wish.of_parts ? CaptureSet(Parts{wish.inputs}) : CaptureSet(spool ? spool.inputs() : wish.inputs);
  if (wish.of_parts && wish.write) return write_part_of(captures, *wish.write, {}, wish.progress);
  const Interruption interruption(captures);

  Reading reading(wish.settings, captures);
  Reading::Watch watch;
  Progress progress(chosen(wish.progress, STDERR_FILENO), captures.bytes_in_all());
  Live live(wish.format, style, wish.filter);
  watch.progress = [&](std::uint64_t packets, std::uint64_t bytes) { progress.update(packets, bytes); };
  if (captures.is_live()) {
    watch.finding = [&](const Landmark& landmark, std::span<const Finding> findings) {
      progress.clear();
      for (const Finding& finding : findings) live.say(locate(finding, &landmark, captures));
    };
  }
  reading.run(watch);
  progress.clear();

  Report report = report_on(reading, captures, wish);
  render(report, wish.format, style);
  if (wish.write) carve_incidents(report, captures, *wish.write, wish.neighbours, wish.all);
  complain(report.problems);
  if (!report.problems.empty() || !std::cout) return kUnreadable;
  const bool found = std::any_of(report.findings.begin(), report.findings.end(), [](const ReportedFinding& reported) {
    return reported.finding.verdict.severity > Severity::note;
  });
  return found ? kFindings : kNothingFound;
}

int write_part(const WritePart& wish) {
  CaptureSet captures(wish.inputs);
  return write_part_of(captures, wish.part, wish.shard, wish.progress);
}

}  // namespace tcpwhy::batch
