#include "carver.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "catalogue.h"
#include "packet/decoder.h"

namespace tcpwhy::batch {
namespace {

/// What stands beside a packet should be read at a glance.
constexpr std::size_t kGlance = 300;

/// As many sentences from the beginning as are read at a glance; at least one.
std::string_view first_sentences(std::string_view text) {
  std::size_t end = text.size();
  for (std::size_t at = text.find(". "); at != std::string_view::npos; at = text.find(". ", at + 1)) {
    if (at + 1 > kGlance && end != text.size()) break;
    end = at + 1;
  }
  return text.size() <= kGlance ? text : text.substr(0, end);
}

/// What the frames that are spoken of are called in the file that is being written.
class Renumbering {
 public:
  explicit Renumbering(const CaptureSet& capture) : capture_(capture) {}

  void put(FrameNumber original, std::uint64_t here) { here_[original] = here; }

  [[nodiscard]] std::string footnote(const Slot& slot, const Comment& comment) const {
    std::string note = fmt::format("frame {} of the original", slot.packet.frame);
    if (capture_.files().size() > 1) {
      const std::filesystem::path file = capture_.files()[slot.place.file];
      note += fmt::format(", frame {} of {}", slot.place.frame, file.filename().string());
    }
    std::vector<std::string> others;
    for (const FrameNumber mentioned : comment.mentions) {
      const auto found = here_.find(mentioned);
      if (found == here_.end() || mentioned == slot.packet.frame) continue;
      others.push_back(fmt::format("its frame {} is {} here", mentioned, found->second));
    }
    for (const std::string& other : others) note += "; " + other;
    return note;
  }

 private:
  const CaptureSet& capture_;
  std::map<FrameNumber, std::uint64_t> here_;
};

}  // namespace

void add(const Finding& finding, CarveOrder& order) {
  order.streams.insert(finding.stream);
  if (finding.retry.frame != 0) order.streams.insert(finding.retry.stream);
  const Verdict& verdict = finding.verdict;
  Comment verdict_in_short{fmt::format("tcpwhy: {} ({}): {} Fix: {}", verdict.diagnosis->id, to_string(verdict.confidence),
                                       first_sentences(finding.narrative.explanation), finding.narrative.fix),
                           {}};
  for (const Proof& proof : finding.proofs) {
    verdict_in_short.mentions.push_back(proof.frame);
    if (proof.frame == verdict.deciding_frame) continue;
    order.comments[proof.frame].push_back({fmt::format("tcpwhy: stream {}: {}", finding.stream, proof.part), {}});
  }
  order.comments[verdict.deciding_frame].push_back(std::move(verdict_in_short));
}

std::uint64_t carve(CaptureSet& capture, const CarveOrder& order, const StreamNumbering& number, CaptureWriter& to) {
  capture.rewind();
  Renumbering renumbering(capture);
  Slot slot;
  Sighting sighting;
  const std::uint64_t before = to.count();
  while (capture.next(slot)) {
    if (!decode(slot.packet, sighting) || !order.streams.contains(number(sighting))) continue;
    if (const auto comments = order.comments.find(slot.packet.frame); comments != order.comments.end()) {
      renumbering.put(slot.packet.frame, to.count() + 1);
      for (const Comment& comment : comments->second) {
        add_comment(slot, fmt::format("{} [{}]", comment.text, renumbering.footnote(slot, comment)));
      }
    }
    to.write(slot, capture.interfaces());
  }
  return to.count() - before;
}

}  // namespace tcpwhy::batch
