#include "postdissector.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analyzer.h"
#include "context_menu.h"
#include "epan_compat.h"
#include "finding_view.h"
#include "preferences.h"
#include "segment_reader.h"
#include "slabs.h"
#include "statistics.h"
#include "tap.h"

namespace tcpwhy::plugin {
namespace {

/// Which streams a frame belongs to: four bytes a frame, since nearly all have one or none.
class FrameIndex {
 public:
  /// Frames come in order. One that comes again replaces what was said of it (`-2 -R`).
  void put(FrameNumber frame, std::span<const Sighting> sightings) {
    const StreamNumber value = sightings.empty() ? kNone : sightings.size() == 1 ? sightings[0].stream : kSeveral;
    if (frame >= streams_.size()) {
      if (value == kNone) return;
      while (streams_.size() < frame) streams_.emplace_back(kNone);
      streams_.emplace_back(value);
    } else {
      if (streams_[frame] == kSeveral) several_.erase(frame);
      streams_[frame] = value;
    }
    if (value != kSeveral) return;
    std::vector<StreamNumber> all;
    for (const Sighting& sighting : sightings) {
      if (std::find(all.begin(), all.end(), sighting.stream) == all.end()) all.push_back(sighting.stream);
    }
    several_[frame] = std::move(all);
  }

  /// Valid until the next put().
  [[nodiscard]] std::span<const StreamNumber> streams(FrameNumber frame) const {
    if (frame >= streams_.size() || streams_[frame] == kNone) return {};
    if (streams_[frame] != kSeveral) return {&streams_[frame], 1};
    return several_.at(frame);
  }

 private:
  static constexpr StreamNumber kNone = 0xffffffff;
  static constexpr StreamNumber kSeveral = 0xfffffffe;
  static constexpr std::size_t kAtOnce = 16'384;
  Slabs<StreamNumber, kAtOnce> streams_;
  std::map<FrameNumber, std::vector<StreamNumber>> several_;
};

/// What frames said on their first visit, for revisits before the end. The latest ones: one-pass tshark never asks, and
/// must not pay for every frame that ever said something.
class FirstWords {
 public:
  /// What the frame said. The reference holds until kMost others have spoken.
  const std::vector<Finding>& keep(FrameNumber frame, std::vector<Finding>&& findings) {
    if (entries_.size() == kMost) entries_.pop_front();
    return entries_.emplace_back(frame, std::move(findings)).second;
  }

  template <typename Visit>
  void for_each(FrameNumber frame, Visit visit) const {
    auto at = std::lower_bound(entries_.begin(), entries_.end(), frame,
                               [](const Entry& entry, FrameNumber wanted) { return entry.first < wanted; });
    for (; at != entries_.end() && at->first == frame; ++at) visit(at->second);
  }

  void forget() { entries_.clear(); }

 private:
  static constexpr std::size_t kMost = 1000;
  using Entry = std::pair<FrameNumber, std::vector<Finding>>;
  std::deque<Entry> entries_;
};

/// Sealed findings in words, kept for a while: their making costs more than their showing, and the frames of a stream
/// stand close together.
class FindingCache {
 public:
  struct Slot {
    bool filled = false;
    StreamNumber stream = 0;
    std::vector<Finding> findings;
    std::vector<NamedTimeout> idle_timeouts;
  };

  const Slot& turn_to(const Analyzer& analyzer, StreamNumber stream) {
    Slot& slot = slots_[stream % slots_.size()];
    if (!slot.filled || slot.stream != stream) {
      slot.filled = false;
      slot.findings = analyzer.findings(stream);
      slot.idle_timeouts = analyzer.idle_timeouts(stream, 0);
      slot.stream = stream;
      slot.filled = true;
    }
    return slot;
  }

 private:
  std::array<Slot, 64> slots_;
};

/// By what a frame is known again when the same capture is read once more: where it stands, and when it came, whatever the
/// user has shifted. Its place in memory won't do: another capture may get it.
struct FrameIdentity {
  FrameNumber number = 0;
  std::int64_t offset = 0;
  std::uint32_t length = 0;
  std::uint64_t nanoseconds = 0;  ///< Since the epoch, modulo 2^64.

  bool operator==(const FrameIdentity&) const = default;
};

FrameIdentity identity(const frame_data& frame) {
  const auto nanoseconds = [](const nstime_t& time) {
    return static_cast<std::uint64_t>(time.secs) * 1'000'000'000 + static_cast<std::uint64_t>(time.nsecs);
  };
  return {frame.num, frame.file_off, frame.pkt_len, nanoseconds(frame.abs_ts) - nanoseconds(frame.shift_offset)};
}

/// How a capture begins: the first frames that were observed. When it is read again some of them may be ignored, or be
/// ignored no more.
class Opening {
 public:
  /// The next frame; once enough are known it does nothing.
  void note(const frame_data& frame) {
    if (frames_.size() < kFrames) frames_.push_back(identity(frame));
  }
  /// Whether the same capture begins in both ways: they have a frame in common.
  [[nodiscard]] bool meets(const Opening& other) const {
    auto ours = frames_.begin();
    auto theirs = other.frames_.begin();
    while (ours != frames_.end() && theirs != other.frames_.end()) {
      if (ours->number == theirs->number) return *ours == *theirs;
      ++(ours->number < theirs->number ? ours : theirs);
    }
    return false;
  }

 private:
  static constexpr std::size_t kFrames = 256;

  std::vector<FrameIdentity> frames_;
};

/// One reading of one capture.
class Session {
 public:
  Session() : analyzer_(current_settings()) { analyzer_.also_know(own_timeouts()); }

  /// A segment of this stream is about to be read.
  void expect(StreamNumber stream) const { analyzer_.expect(stream); }

  /// Think, on a first visit.
  Page observe(FrameNumber frame, std::span<const Sighting> sightings) {
    Page page;
    if (analyzer_.finished()) return page;  // epan sees no new frames after the last one; if it did, too late.
    frames_.put(frame, sightings);
    shown_.clear();
    idle_timeouts_.clear();
    for (const Sighting& sighting : sightings) {
      if (sighting.kind == Sighting::unreadable) continue;
      Remarks remarks =
          sighting.kind == Sighting::segment ? analyzer_.observe(sighting.read) : analyzer_.observe(sighting.error);
      if (remarks.idle_gap != 0) page.idle_gap = remarks.idle_gap;
      if (remarks.role != ResetRole::none) page.role = remarks.role;
      if (!remarks.idle_timeouts.empty()) idle_timeouts_ = std::move(remarks.idle_timeouts);
      if (!remarks.findings.empty()) turn_to(first_words_.keep(frame, std::move(remarks.findings)));
    }
    page.findings = shown_;
    page.idle_timeouts = idle_timeouts_;
    page.provisional = true;
    // Who reads once may see no frame after this one: said where it begins.
    if (forgotten_.empty() && analyzer_.forgotten().any()) {
      forgotten_ = to_string(analyzer_.forgotten());
      page.forgotten = forgotten_.c_str();
    }
    last_frame_ = frame;
    return page;
  }

  /// Think, on a revisit. `wanted`: somebody looks; otherwise only what this frame decides is of interest.
  Page look_up(FrameNumber frame, bool wanted) {
    Page page;
    shown_.clear();
    if (!analyzer_.finished()) {
      page.provisional = true;
      first_words_.for_each(frame, [this](const auto& findings) { turn_to(findings); });
    } else {
      const auto streams = frames_.streams(frame);
      if (streams.size() == 1) {
        if (analyzer_.has_findings(streams[0])) {
          const FindingCache::Slot& slot = cache_.turn_to(analyzer_, streams[0]);
          turn_to(slot.findings);
          if (wanted) page.idle_timeouts = slot.idle_timeouts;
        } else if (wanted) {
          idle_timeouts_ = analyzer_.idle_timeouts(streams[0], frame);
          page.idle_timeouts = idle_timeouts_;
        }
      } else {
        several_.clear();
        for (const StreamNumber stream : streams) several_.push_back(analyzer_.findings(stream));
        for (const auto& findings : several_) turn_to(findings);
      }
      if (!wanted) {
        std::erase_if(shown_, [frame](const Finding* finding) { return finding->verdict.deciding_frame != frame; });
      }
    }
    if (wanted) page.idle_gap = analyzer_.idle_gap(frame);
    if (wanted || !shown_.empty()) page.role = analyzer_.reset_role(frame);
    if (analyzer_.finished() && frame == last_frame_ && !forgotten_.empty()) page.forgotten = forgotten_.c_str();
    page.findings = shown_;
    return page;
  }

  [[nodiscard]] const Opening& opening() const { return opening_; }
  /// REQUIRES: frames come in their order.
  void begins_with(const frame_data& frame) { opening_.note(frame); }

  /// None before the end.
  [[nodiscard]] std::vector<Finding> sealed_findings(FrameNumber frame) const {
    std::vector<Finding> all;
    for (const StreamNumber stream : frames_.streams(frame)) {
      for (Finding& finding : analyzer_.findings(stream)) all.push_back(std::move(finding));
    }
    return all;
  }

  [[nodiscard]] bool finished() const { return analyzer_.finished(); }

  void finish() {
    if (finished()) return;
    analyzer_.finish();
    first_words_.forget();
    forgotten_ = to_string(analyzer_.forgotten());
  }

 private:
  void turn_to(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) shown_.push_back(&finding);
  }

  Analyzer analyzer_;
  FrameIndex frames_;
  FirstWords first_words_;
  FindingCache cache_;                         ///< For frames of one stream: another stream may take the slot.
  std::vector<std::vector<Finding>> several_;  ///< Of a frame of several streams.
  Opening opening_;
  FrameNumber last_frame_ = 0;
  std::string forgotten_;                    ///< What the analyzer had to forget, as far as it was put into words.
  std::vector<NamedTimeout> idle_timeouts_;  ///< Of a frame whose stream has no finding.
  std::vector<const Finding*> shown_;        ///< What the current page points to. A member, so that its room is reused.
};

int proto_tcpwhy = -1;
SegmentReader* reader;   ///< Lives as long as the tap listener.
Session* session;        ///< Null while disabled, and after a failure until the next capture.
Opening read_to_end;     ///< Of the capture that was last read to its end; a live one isn't, while it grows.

/// Runs `body`, which may throw C++ exceptions and calls nothing of epan's that throws its own. After an exception
/// tcpwhy keeps silent for the rest of the capture: half a history leads to wrong verdicts.
template <typename Body>
void guarded(const char* doing, Body body) noexcept {
  try {
    body();
    return;
  } catch (const std::exception& exception) {
    g_warning("tcpwhy: silent for the rest of this capture: %s: %s", doing, exception.what());
  } catch (...) {
    g_warning("tcpwhy: silent for the rest of this capture: %s", doing);
  }
  delete session;
  session = nullptr;
}

/// Taps run only where somebody listens. Nothing is done on a tap's call-backs: what was tapped is fetched while the
/// frame is still being dissected. "Dissector helper": our listening alone is no reason to dissect (`tshark -q -w`).
bool start_listening() {
  if (reader != nullptr) return true;
  static SegmentReader* const the_reader = new SegmentReader;
  GString* problem =
      register_tap_listener("tcp", the_reader, nullptr, TL_IS_DISSECTOR_HELPER, nullptr, nullptr, nullptr, nullptr);
  if (problem != nullptr) {
    g_warning("tcpwhy: off: %s", problem->str);
    g_string_free(problem, TRUE);
    return false;
  }
  reader = the_reader;
  return true;
}

void stop_listening() {
  if (reader == nullptr) return;
  remove_tap_listener(reader);
  reader = nullptr;
}

void forget_capture() {
  guarded("tidying up", [] { delete std::exchange(session, nullptr); });
}

void start_capture() {
  forget_capture();
  if (!proto_is_protocol_enabled(find_protocol_by_id(proto_tcpwhy))) {
    stop_listening();
    return;
  }
  guarded("starting", [] {
    static const bool opened = (open_subtrees(), true);  // Once: afterwards it is the user's business.
    if (opened && start_listening()) session = new Session;
  });
}

/// After the first visit of the last frame, before any revisit that follows from it.
void finish_capture() {
  guarded("finishing", [] {
    if (session == nullptr) return;
    read_to_end = session->opening();
    session->finish();
  });
}

/// Wireshark doesn't say when it has dissected a capture again. But it does so from the first frame to the last, and
/// shows none before: what is visited twice in a capture that had been read to its end comes after the end.
void finish_if_read_again() {
  if (!session->finished() && session->opening().meets(read_to_end)) session->finish();
}

int dissect(tvbuff_t* tvb, packet_info* pinfo, proto_tree* tree, void*) {
  if (session == nullptr || pinfo->num == 0) return 0;
  Page page;
  if (PINFO_FD_VISITED(pinfo)) {
    const bool wanted = is_wanted(tree) || endpoints_are_tapped();
    guarded("looking up", [&] {
      finish_if_read_again();
      page = session->look_up(pinfo->num, wanted);
    });
  } else {
    if (const auto stream = reader->fetch()) session->expect(*stream);
    const auto sightings = reader->read(tvb, pinfo);
    guarded("observing", [&] {
      session->begins_with(*pinfo->fd);
      page = session->observe(pinfo->num, sightings);
    });
  }
  if (page.empty() || session == nullptr) return 0;
  tap(page, pinfo);
  show(page, tvb, pinfo, tree);
  return static_cast<int>(tvb_captured_length(tvb));
}

}  // namespace

void register_protocol() {
  proto_tcpwhy = proto_register_protocol("TCP Why", "TCP Why", "tcpwhy");
  guarded("registering", [] {
    register_fields(proto_tcpwhy);
    register_preferences(proto_tcpwhy);
    register_context_menu();
    register_taps();
    register_statistics();
  });
  register_init_routine(start_capture);
  register_cleanup_routine(forget_capture);
  register_postseq_cleanup_routine(finish_capture);
}

std::vector<Finding> sealed_findings(FrameNumber frame) {
  return session != nullptr ? session->sealed_findings(frame) : std::vector<Finding>();
}

/// A handle of no protocol: epan would enter a protocol in the list of each frame's layers, and strike it out again where
/// there was nothing to show, which costs as much as a third of what we do ourselves. We ask ourselves whether we are
/// enabled, once a capture.
void register_handoff() {
  constexpr int kNoProtocol = -1;
  register_postdissector(create_dissector_handle(dissect, kNoProtocol));
}

}  // namespace tcpwhy::plugin
