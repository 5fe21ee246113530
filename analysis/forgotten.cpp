#include "forgotten.h"

#include <fmt/format.h>

#include "catalogue.h"
#include "limits.h"
#include "words.h"

namespace tcpwhy {
namespace {

constexpr std::string_view kLookAgain =
    "Filter the capture down to the hosts in question (tshark -r … -Y … -w …) and look again: of fewer connections "
    "tcpwhy "
    "keeps all.";

}  // namespace

Verdict verdict_on_forgotten(FrameNumber reset) {
  Verdict verdict;
  verdict.diagnosis = find_diagnosis("capture_too_short");
  verdict.confidence = Confidence::possible;
  verdict.reset_by = ResetBy::unknown;
  verdict.reset_kind = ResetKind::unknown;
  verdict.deciding_frame = reset;
  return verdict;
}

Finding explain_forgotten(StreamNumber stream, const Verdict& verdict) {
  Finding finding;
  finding.stream = stream;
  finding.verdict = verdict;
  if (verdict.provoked_by != 0 && verdict.provoked_by < verdict.deciding_frame) {
    finding.proofs.push_back({verdict.provoked_by, "what provoked the reset"});
  }
  finding.proofs.push_back({verdict.deciding_frame, "the deciding frame"});
  Narrative& narrative = finding.narrative;
  narrative.blind_spot = fmt::format(
      "The capture holds more connections than tcpwhy keeps at a time ({} MiB of them), so that it had to forget this "
      "one.",
      kConnectionMemory / kMebibyte);
  if (verdict == verdict_on_forgotten(verdict.deciding_frame)) {
    narrative.explanation = fmt::format(
        "The connection was reset ({}), but tcpwhy itself had forgotten what came before to keep within its memory, "
        "and can't "
        "tell why.",
        frame(verdict.deciding_frame));
    narrative.fix = kLookAgain;
  } else {
    narrative.explanation = fmt::format("{} So much was clear by {}; the particulars were forgotten.",
                                        verdict.diagnosis->meaning, frame(verdict.deciding_frame));
    narrative.fix = fmt::format("{} {}", verdict.diagnosis->fix, kLookAgain);
  }
  return finding;
}

std::string to_string(const Forgotten& forgotten) {
  std::string text;
  if (forgotten.connections() > 0) {
    text = fmt::format(
        "tcpwhy forgot {} to keep within its memory: {} that were over, {} that one side never answered, {} that "
        "had been silent longest. Of a later reset of theirs it can't tell the cause.",
        plural(forgotten.connections(), "connection"), forgotten.closed, forgotten.unanswered, forgotten.idle);
  }
  const auto add = [&](std::uint64_t count, std::string_view noun, std::string_view what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : " ", plural(count, noun), what);
  };
  add(forgotten.segments, "segment", fmt::format("of streams beyond the first {} were not looked at.", kStreams));
  add(forgotten.findings, "finding", "were made and not kept.");
  return text;
}

}  // namespace tcpwhy
