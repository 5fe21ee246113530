#include "reading.h"

#include <algorithm>

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
  // What was not heard for a while isn't in the cache: of a batch all that will be touched is asked for before, the table of
  // streams at once, connections some packets ahead.
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch.shows_tcp[i] != 0) streams_.expect(batch.keys[i]);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch.shows_tcp[i] == 0) continue;
    Sighting& sighting = batch.sightings[i];
    sighting.stream = streams_.number(sighting.read, batch.keys[i]);
    sighting.read.stream = sighting.error.stream = sighting.stream;
  }
  constexpr std::size_t kAhead = 8;
  const auto expect = [&](std::size_t i) {
    if (i < batch.size() && batch.shows_tcp[i] != 0) analyzer_.expect(batch.sightings[i].stream);
  };
  for (std::size_t i = 0; i < kAhead; ++i) expect(i);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    expect(i + kAhead);
    const Sighting& sighting = batch.sightings[i];
    if (batch.shows_tcp[i] == 0 || sighting.kind == Sighting::unreadable) continue;
    const Remarks remarks =
        sighting.kind == Sighting::segment ? analyzer_.observe(sighting.read) : analyzer_.observe(sighting.error);
    if (remarks.empty()) continue;
    const Slot& slot = batch.slots[i];
    const Landmark landmark{slot.packet.frame, slot.packet.time, slot.place};
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
