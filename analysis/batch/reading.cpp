#include "reading.h"

#include <algorithm>

#include "prefetch.h"

namespace tcpwhy::batch {

void Reading::run(const Watch& watch) {
  PacketStream packets(captures_);
  for (Batch batch = packets.next(); batch.size() > 0; batch = packets.next()) {
    observe(batch, watch);
    frames_ += batch.size();
    if (watch.progress) watch.progress(frames_, batch.bytes_read);
  }
  analyzer_.finish();
}

void Reading::observe(const Batch& batch, const Watch& watch) {
  // What another processor read isn't in this one's cache, nor are connections that were not heard for a while: first the
  // sightings are asked for, then what they lead to.
  constexpr std::size_t kAhead = 8;
  const auto fetch = [&](std::size_t i) {
    if (i < batch.size()) prefetch(batch.sightings[i]);
  };
  const auto expect = [&](std::size_t i) {
    if (i >= batch.size() || batch.shows_tcp[i] == 0) return;
    const Sighting& sighting = batch.sightings[i];
    analyzer_.expect(sighting.read);
    // What its facts don't tell is asked of the first bytes, mostly.
    prefetch(std::as_bytes(sighting.read.payload.first(std::min<std::size_t>(sighting.read.payload.size(), 1))));
  };
  for (std::size_t i = 0; i < 2 * kAhead; ++i) fetch(i);
  for (std::size_t i = 0; i < kAhead; ++i) expect(i);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    fetch(i + 2 * kAhead);
    expect(i + kAhead);
    const Sighting& sighting = batch.sightings[i];
    if (batch.shows_tcp[i] == 0 || sighting.kind == Sighting::unreadable) continue;
    const Remarks remarks =
        sighting.kind == Sighting::segment ? analyzer_.observe(sighting.read) : analyzer_.observe(sighting.error);
    const bool closes = sighting.kind == Sighting::segment && sighting.read.has(kFin);
    if (remarks.empty() && !closes) continue;
    const Slot& slot = batch.slots[i];
    const Landmark landmark{slot.packet.frame, slot.packet.time, slot.place};
    (remarks.empty() ? closes_ : remarked_).note(landmark);
    if (watch.finding && !remarks.findings.empty()) watch.finding(landmark, remarks.findings);
  }
}

const Landmark* Reading::landmark(FrameNumber frame) const {
  const Landmark* const remarked = remarked_.find(frame);
  return remarked != nullptr ? remarked : closes_.find(frame);
}

void Landmarks::note(const Landmark& landmark) {
  const bool known = !landmarks_.empty() && landmarks_.back().frame == landmark.frame;
  if (!known && landmarks_.size() < kLimit) landmarks_.push_back(landmark);
}

const Landmark* Landmarks::find(FrameNumber frame) const {
  const auto found = std::lower_bound(landmarks_.begin(), landmarks_.end(), frame,
                                      [](const Landmark& known, FrameNumber wanted) { return known.frame < wanted; });
  return found != landmarks_.end() && found->frame == frame ? &*found : nullptr;
}

}  // namespace tcpwhy::batch
