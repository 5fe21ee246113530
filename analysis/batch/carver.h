// Writes the packets of some streams of a capture to a file of their own, with what tcpwhy says beside the frames that show it.
//
// Model: a second reading of the CaptureSet. Its packets have the same frame numbers, and whoever numbered the streams at the
// first reading numbers them again, so that nothing has to be kept of a frame in between.
// Limits: a packet belongs to the stream that decode() finds in it; a router's error to the one that it quotes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "batch/capture_set.h"
#include "batch/capture_writer.h"
#include "finding.h"
#include "packet/sighting.h"

namespace tcpwhy::batch {

/// What will stand beside a frame.
struct Comment {
  std::string text;
  std::vector<FrameNumber> mentions;  ///< Frames that it speaks of, by their numbers in the capture.
};

struct CarveOrder {
  std::unordered_set<StreamNumber> streams;
  std::unordered_map<FrameNumber, std::vector<Comment>> comments;
};

/// Asks for the finding's stream and for the repetition of what was lost, and comments on the frames that it rests on.
void add(const Finding& finding, CarveOrder& order);

/// The number of the stream of a sighting. Called for all of them, in the capture's order.
using StreamNumbering = std::function<StreamNumber(const Sighting&)>;

/// Reads `capture` from its beginning and writes what is ordered. Returns how many packets that were. A comment also tells what
/// the frames that it mentions are called in the file, as far as they stand before it. REQUIRES: capture.can_rewind(); `number`
/// numbers as it did at the first reading. Throws WriteError. `to` isn't closed.
std::uint64_t carve(CaptureSet& capture, const CarveOrder& order, const StreamNumbering& number, CaptureWriter& to);

}  // namespace tcpwhy::batch
