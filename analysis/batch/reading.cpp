#include "reading.h"

#include <algorithm>
#include <span>

namespace tcpwhy::batch {

void Reading::run(const Watch& watch) {
  PacketStream packets(captures_);
  while (Batch* batch = packets.next()) {
    observe(*batch, watch);
    frames_ += batch->count;
    if (watch.progress) watch.progress(frames_, batch->bytes_read);
  }
  analyzer_.finish();
}

void Reading::observe(Batch& batch, const Watch& watch) {
  const std::span frames(batch.frames.data(), batch.count);
  // What was not heard for a while isn't in the cache: of a batch all that will be touched is asked for before, the table of
  // streams at once, connections some packets ahead.
  for (const Batch::Frame& frame : frames) {
    if (frame.shows_tcp) streams_.expect(frame.key);
  }
  for (Batch::Frame& frame : frames) {
    if (!frame.shows_tcp) continue;
    const StreamNumber stream = streams_.number(frame.sighting.read, frame.key);
    frame.sighting.stream = frame.sighting.read.stream = frame.sighting.error.stream = stream;
  }
  constexpr std::size_t kAhead = 8;
  const auto expect = [&](std::size_t i) {
    if (i < frames.size() && frames[i].shows_tcp) analyzer_.expect(frames[i].sighting.stream);
  };
  for (std::size_t i = 0; i < kAhead; ++i) expect(i);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    expect(i + kAhead);
    const Batch::Frame& frame = frames[i];
    const Sighting& sighting = frame.sighting;
    if (!frame.shows_tcp || sighting.kind == Sighting::unreadable) continue;
    const Remarks remarks =
        sighting.kind == Sighting::segment ? analyzer_.observe(sighting.read) : analyzer_.observe(sighting.error);
    if (remarks.empty()) continue;
    const Landmark landmark{frame.slot.packet.frame, frame.slot.packet.time, frame.slot.place};
    note(landmark);
    if (watch.finding && !remarks.findings.empty()) watch.finding(landmark, remarks.findings);
  }
}

void Reading::note(const Landmark& landmark) {
  const bool known = !landmarks_.empty() && landmarks_.back().frame == landmark.frame;
  if (!known && landmarks_.size() < kLandmarks) landmarks_.push_back(landmark);
}

const Landmark* Reading::landmark(FrameNumber frame) const {
  const auto found = std::lower_bound(landmarks_.begin(), landmarks_.end(), frame,
                                      [](const Landmark& known, FrameNumber wanted) { return known.frame < wanted; });
  return found != landmarks_.end() && found->frame == frame ? &*found : nullptr;
}

}  // namespace tcpwhy::batch
