// How the Wireshark whose wiretap this is numbers streams.
#pragma once

#include <optional>

#include "packet/sighting.h"
#include "stream_index.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {

class StreamNumbers {
 public:
  /// What this asks of a sighting's tuple, for number() and expect().
  [[nodiscard]] static StreamIndex::Key key_of(const Sighting& sighting) { return StreamIndex::key_of(sighting.read); }

  void expect(const StreamIndex::Key& key) const { index_.expect(key); }

  /// The stream of the next TCP header of the capture; nothing where it is about no stream that was seen.
  std::optional<StreamNumber> number(const Sighting& sighting, const StreamIndex::Key& key) {
    const auto sight = sighting.kind == Sighting::segment ? StreamIndex::Sight::whole
                       : sighting.stub                    ? StreamIndex::Sight::stub
                                                          : StreamIndex::Sight::unmeasured;
    return index_.number(sighting.read, key, sight);
  }
  std::optional<StreamNumber> number(const Sighting& sighting) { return number(sighting, key_of(sighting)); }

 private:
  StreamIndex index_{kStreamsBeginAnewAfterTheirEnd ? StreamIndex::Rule::by_number_or_end : StreamIndex::Rule::by_number};
};

}  // namespace tcpwhy::batch
