#include "reading.h"

#include <algorithm>

#include "wtap_compat.h"

namespace tcpwhy::batch {

StreamIndex::Rule numbering_rule() {
  return kWiretapVersion >= WiretapVersion{4, 4} ? StreamIndex::Rule::by_number_or_end : StreamIndex::Rule::by_number;
}

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
  // A connection that was not heard for a while is not in the cache: all of a batch are asked for at once, some packets ahead.
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < batch.sightings.size(); ++i) {
    Sighting& sighting = batch.sightings[i];
    sighting.stream = streams_.number(sighting.read);
    sighting.read.stream = sighting.stream;
    sighting.error.stream = sighting.stream;
    if (i < kAhead) analyzer_.expect(sighting.stream);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < batch.count; ++i) {
    const Batch::Frame& frame = batch.frames[i];
    for (; next < frame.sightings_end; ++next) {
      if (next + kAhead < batch.sightings.size()) analyzer_.expect(batch.sightings[next + kAhead].stream);
      const Sighting& sighting = batch.sightings[next];
      if (sighting.kind == Sighting::unreadable) continue;
      const Remarks remarks =
          sighting.kind == Sighting::segment ? analyzer_.observe(sighting.read) : analyzer_.observe(sighting.error);
      if (remarks.empty()) continue;
      const Landmark landmark{frame.slot.packet.frame, frame.slot.packet.time, frame.slot.place};
      note(landmark);
      if (watch.finding && !remarks.findings.empty()) watch.finding(landmark, remarks.findings);
    }
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
