#include "arguments.h"

#include <charconv>
#include <cmath>
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "capture_set.h"
#include "catalogue.h"

namespace tcpwhy::batch {
namespace {

constexpr const char* kExamples = R"(
Examples:
  tcpwhy capture.pcapng
  tcpwhy --filter 'severity>=warn' --format ndjson host-*.pcap
  tcpwhy -w incidents.pcapng captures/
  tcpdump -i any -U -w - tcp | tcpwhy -

Exit status: 0 nothing above note was found; 1 findings of severity warn or error; 2 wrong usage; 3 some input could not be read
(what could be is reported all the same).
)";

const std::map<std::string, Format> kFormats = {
    {"text", Format::text}, {"json", Format::json}, {"ndjson", Format::ndjson}, {"csv", Format::csv}};
const std::map<std::string, When> kWhen = {{"auto", When::automatic}, {"always", When::always}, {"never", When::never}};

template <typename Value>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Value& value, const std::map<std::string, Value>& choices,
                        const std::string& meaning) {
  std::string words;
  for (const auto& [word, ignored] : choices) words += (words.empty() ? "" : "|") + word;
  return app.add_option(name, value, meaning)->transform(CLI::CheckedTransformer(choices))->option_text(words);
}

void add_inputs(CLI::App& app, std::vector<std::string>& inputs, const std::string& name, const std::string& meaning) {
  app.add_option(name, inputs, meaning)->required()->option_text(" ");
}

/// "2/8": the second of eight is 1 of 8 here.
Shard read_shard(const std::string& text) {
  std::uint32_t number = 0;
  std::uint32_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [slash, bad_number] = std::from_chars(text.data(), end, number);
  if (bad_number == std::errc() && slash != end && *slash == '/') {
    const auto [rest, bad_count] = std::from_chars(slash + 1, end, count);
    if (bad_count == std::errc() && rest == end && number >= 1 && number <= count && count <= kMostShards) {
      return {number - 1, count};
    }
  }
  throw CLI::ValidationError("--shard", fmt::format("'{}' is no I/N with I from 1 to N", text));
}

/// What both the report of a capture and that of merged parts take.
struct ReportOptions {
  std::vector<std::string> filters;
  double time_wait = 60;
  double idle_gap = 0.5;

  void add_to(CLI::App& app, Explain& explain) {
    app.add_flag("--all", explain.all, "Also show the ordinary life of TCP (severity chat) in full; else it is only counted");
    add_choice(app, "--format", explain.format, kFormats, "How to say it (text)");
    app.add_option("--filter", filters,
                   "Only findings that fit: cause=ID,ID… severity>=chat|note|warn|error endpoint=ADDRESS[:PORT]|NETWORK/BITS; "
                   "also variant, confidence, fault, impact. Of several all must hold")
        ->option_text("EXPRESSION");
    app.get_option("--filter")->allow_extra_args(false)->take_all();
    app.add_option("--time-wait", time_wait, "How long hosts keep TIME_WAIT (60)")
        ->option_text("SECONDS")->check(CLI::Range(0.0, 3600.0));
    app.add_option("--idle-gap", idle_gap, "The shortest silence that counts as one (0.5)")
        ->option_text("SECONDS")->check(CLI::Range(0.001, 3600.0));
    add_choice(app, "--colour", explain.colour, kWhen, "Colours (auto: on a terminal)");
    add_choice(app, "--progress", explain.progress, kWhen, "A progress bar on standard error (auto: on a terminal)");
    app.add_option("--width", explain.width, "Columns of the text (the terminal's; 100 in a pipe)")
        ->option_text("N")->check(CLI::Range(20, 1000));
  }

  void settle(Explain& explain) const {
    const auto nanoseconds = [](double seconds) { return static_cast<Nanoseconds>(std::llround(seconds * 1e9)); };
    explain.settings.time_wait = nanoseconds(time_wait);
    explain.settings.smallest_idle_gap = nanoseconds(idle_gap);
    explain.filter = Filter(filters);
  }
};

}  // namespace

std::variant<Explain, WritePart, Done> read_arguments(int count, const char* const* values) {
  CLI::App app("Says why the TCP connections of captures died: the cause, how sure it is, who has to change what.", "tcpwhy");
  app.footer(kExamples);
  app.set_version_flag("--version", "tcpwhy " TCPWHY_VERSION);
  app.require_subcommand(0, 1);

  bool list_causes = false;
  app.add_flag("--list-causes", list_causes, "Print the causes that --filter knows, with what they mean")->trigger_on_parse(false);

  Explain explain;
  ReportOptions options;
  options.add_to(app, explain);
  app.add_option("-w,--write", explain.write,
                 "Carve the streams with incidents into a pcapng, with a comment on each frame that decides something")
      ->option_text("FILE");
  app.add_flag("--neighbours", explain.neighbours,
               "With -w: also what the same clients and servers said to each other on other connections within 10 s");
  app.add_option("CAPTURE", explain.inputs,
                 "Files that Wireshark reads, compressed or not, together one capture in the order of time; folders, globs; - is "
                 "standard input, explained as packets come")
      ->option_text(" ");

  WritePart part;
  std::string shard = "1/1";
  CLI::App& profile = *app.add_subcommand("profile", "Write what is needed of a part of a larger capture, for merge");
  profile.add_option("-o,--output", part.part, "The part, a pcapng; compressed if its name ends in .gz")->required()->option_text("PART");
  profile.add_option("--shard", shard, "Only the I-th of N equal shares of the connections (1/1)")->option_text("I/N");
  add_choice(profile, "--progress", part.progress, kWhen, "A progress bar on standard error (auto: on a terminal)");
  add_inputs(profile, part.inputs, "CAPTURE", "As for tcpwhy itself");

  Explain merged;
  merged.of_parts = true;
  ReportOptions merge_options;
  CLI::App& merge = *app.add_subcommand("merge", "Report what parts say together: what tcpwhy says of everything they are of");
  merge_options.add_to(merge, merged);
  merge.add_option("-o,--output", merged.write, "Write the larger part that they are together, and report nothing")
      ->option_text("PART");
  add_inputs(merge, merged.inputs, "PART", "What profile or merge wrote");

  try {
    app.parse(count, values);
    if (list_causes) {
      for (const Diagnosis* diagnosis : catalogue()) std::cout << diagnosis->id << '\t' << diagnosis->title << '\n';
      return Done{};
    }
    if (profile) {
      part.shard = read_shard(shard);
      return part;
    }
    if (merge) {
      merge_options.settle(merged);
      return merged;
    }
    if (explain.inputs.empty()) throw CLI::RequiredError("CAPTURE");
    if (explain.neighbours && !explain.write) throw CLI::RequiresError("--neighbours", "-w");
    options.settle(explain);
    return explain;
  } catch (const CLI::Success& help) {
    return Done{app.exit(help)};
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return Done{kUsage};
  } catch (const FilterError& error) {
    std::cerr << "tcpwhy: " << error.what() << '\n';
    return Done{kUsage};
  }
}

}  // namespace tcpwhy::batch
