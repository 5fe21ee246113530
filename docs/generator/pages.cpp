#include "pages.h"

#include <array>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "catalogue.h"
#include "finding.h"

namespace tcpwhy::docs {
namespace {

constexpr std::string_view kHowItIsMade =
    "<!-- Printed from the catalogue (analysis/diagnoses/) by docs/generator; the build target `docs` prints it anew. "
    "-->\n\n";

struct Chapter {
  Question question;
  std::string_view heading;
  std::string_view about;
};
constexpr std::array<Chapter, 3> kChapters = {{
    {Question::opening, "The connect", "What happened as the connection was opened."},
    {Question::path, "The path", "What a device on the way did to the options."},
    {Question::ending, "The end", "Why the connection died, or a request was lost without that."},
}};

std::string sentence(std::string_view title) {
  std::string text(title);
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 32);
  return text + ".";
}

std::string section(const Diagnosis& diagnosis) {
  std::string text =
      fmt::format("### {}\n\n{} Up to `{}`.\n\n{}\n\n```\n{}\n```\n\n", diagnosis.id, sentence(diagnosis.title),
                  to_string(diagnosis.loudest), diagnosis.meaning, diagnosis.wire);
  if (!diagnosis.variants.empty()) {
    text += "| variant | means |\n|---|---|\n";
    for (const Variant& variant : diagnosis.variants)
      text += fmt::format("| `{}` | {} |\n", variant.word, variant.meaning);
    text += '\n';
  }
  text += fmt::format("**Told from** {}\n\n**Confirm** {}\n\n**Fix** {}\n\n", diagnosis.told_from, diagnosis.confirm,
                      diagnosis.fix);
  text +=
      fmt::format("Filter: `tcpwhy.cause == \"{0}\"` (all frames of the stream), `tcpwhy.{0}` (the deciding frame)\n\n",
                  diagnosis.id);
  return text;
}

/// "`a` · `b`", without those that have no word.
template <typename Enum>
std::string words(std::initializer_list<Enum> values) {
  std::string text;
  for (const Enum value : values) {
    if (to_string(value).empty()) continue;
    text += fmt::format("{}`{}`", text.empty() ? "" : " · ", to_string(value));
  }
  return text;
}

struct Field {
  std::string_view name;
  std::string_view type;
  std::string meaning;
};

}  // namespace

std::string diagnoses_page() {
  std::string page = fmt::format(
      "# Diagnoses\n\n{}What tcpwhy can say, and how it knows. The ids are final: they are display filters, values of "
      "`tcpwhy.cause`, keys in JSON. A stream has at most one diagnosis from each of the three chapters.\n\n",
      kHowItIsMade);
  for (const Chapter& chapter : kChapters) {
    page += fmt::format("**{}**: ", chapter.heading);
    std::string_view separator;
    for (const Diagnosis* diagnosis : catalogue()) {
      if (diagnosis->question != chapter.question) continue;
      page += fmt::format("{}[{}](#{})", separator, diagnosis->id, diagnosis->id);
      separator = " · ";
    }
    page += "\n\n";
  }
  for (const Chapter& chapter : kChapters) {
    page += fmt::format("## {}\n\n{} Where several fit, the first one wins.\n\n", chapter.heading, chapter.about);
    for (const Diagnosis* diagnosis : catalogue()) {
      if (diagnosis->question == chapter.question) page += section(*diagnosis);
    }
  }
  page.pop_back();  // one newline at the end
  return page;
}

std::string fields_page() {
  const std::array<Field, 18> fields = {{
      {"cause", "text", "Why: an id of the [diagnoses](diagnoses.md)"},
      {"variant", "text", "Which shape of it; empty where the diagnosis has one only"},
      {"confidence", "text",
       words({Confidence::certain, Confidence::likely, Confidence::possible}) +
           ": the bytes prove it; nothing else fits what was seen; something else fits too, and is named"},
      {"severity", "number",
       fmt::format("{} {} · {} {} · {} {} · {} {}: follows the impact, not the word RST", int{0},
                   words({Severity::chat}), 1, words({Severity::note}), 2, words({Severity::warn}), 3,
                   words({Severity::error}))},
      {"fault", "text",
       "Who has to change something: " +
           words({Fault::client, Fault::server, Fault::middlebox, Fault::path, Fault::nobody, Fault::unknown})},
      {"impact", "text",
       "What it cost: " + words({Impact::none, Impact::connect_failed, Impact::connect_delayed, Impact::request_lost,
                                 Impact::response_lost, Impact::response_truncated, Impact::unknown})},
      {"lost_bytes", "number", "Sent before the reset and never acknowledged, or past the break"},
      {"reset_by", "text",
       "Who sent the reset: " + words({ResetBy::client, ResetBy::server, ResetBy::middlebox, ResetBy::unknown}) +
           "; empty where there was none"},
      {"reset_kind", "text",
       "What the RST's own header says: " + words({ResetKind::abort, ResetKind::reply, ResetKind::unknown}) +
           ": a socket decided; a segment met no socket; can't be told"},
      {"provoked_by", "frame", "The segment that drew the reset"},
      {"deciding_frame", "frame", "The frame on which the expert info stands"},
      {"proof", "frame", "A frame that the finding rests on; several"},
      {"explanation", "text", "What happened, in order, with this capture's frames and numbers"},
      {"fix", "text", "What to change, who has to, to what value"},
      {"blind_spot", "text", "What can't be seen from here, and which capture would show it"},
      {"ruled_out", "text", "What else it could have been, and why it is not; several"},
      {"idle_gap", "time", "On the first data after a silence: how long it was"},
      {"line", "text", "A text that is longer than a line of Wireshark's tree, continued; not for filters"},
  }};
  std::string page = fmt::format(
      "# Fields\n\n{}They stand on every frame of a stream once they are known (second pass: `tshark -2`, Wireshark "
      "after "
      "loading), and on the deciding frame at once (first pass, live capture). A stream with two findings carries them "
      "twice, "
      "in the same order. The filter `tcpwhy` finds every frame that has something to say.\n\n"
      "| field | type | means |\n|---|---|---|\n",
      kHowItIsMade);
  for (const Field& field : fields) {
    page += fmt::format("| `tcpwhy.{}` | {} | {} |\n", field.name, field.type, field.meaning);
  }
  page +=
      "\nExpert infos: one a diagnosis, on its deciding frame, with the finding's severity. They can be filtered for, "
      "too.\n\n"
      "| expert info | loudest | means |\n|---|---|---|\n";
  for (const Diagnosis* diagnosis : catalogue()) {
    page +=
        fmt::format("| `tcpwhy.{0}` | {1} | {2} |\n", diagnosis->id, to_string(diagnosis->loudest), diagnosis->title);
  }
  return page;
}

}  // namespace tcpwhy::docs
