#include "pages.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "catalogue.h"
#include "fields.h"
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

std::string_view word(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "text";
    case FieldType::number:
    case FieldType::severity:
      return "number";
    case FieldType::frame:
      return "frame";
    case FieldType::time:
      return "time";
  }
  return "";
}

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
  std::string page = fmt::format(
      "# Fields\n\n{}They stand on every frame of a stream once they are known (second pass: `tshark -2`, Wireshark "
      "after "
      "loading), and on the deciding frame at once (first pass, live capture). A stream with two findings carries them "
      "twice, "
      "in the same order. The filter `tcpwhy` finds every frame that has something to say.\n\n"
      "| field | type | means |\n|---|---|---|\n",
      kHowItIsMade);
  for (const Field& field : kFields) {
    page += fmt::format("| `tcpwhy.{}` | {} | {} |\n", field.name, word(field.type), field.meaning);
  }
  page +=
      "\nExpert infos: one a diagnosis, on its deciding frame, with the finding's severity. They can be filtered for, "
      "too.\n\n"
      "| expert info | loudest | means |\n|---|---|---|\n";
  for (const Diagnosis* diagnosis : catalogue()) {
    page +=
        fmt::format("| `tcpwhy.{0}` | {1} | {2} |\n", diagnosis->id, to_string(diagnosis->loudest), diagnosis->title);
  }
  page += fmt::format("| `{}` | note | {}; on the first frame where it did, and with two passes on the last of all |\n",
                      kForgottenFilter, kForgottenTitle);
  return page;
}

}  // namespace tcpwhy::docs
