// Parts of a capture, for work over many machines: written where a share of the packets is, merged where the report is made.
//
// Model: a part is what the core needs of its share, and no more: every packet with its number and time, and its bytes as far as
// they make a difference: none where there is no TCP, and of a payload what payload_needed() says. So a CaptureSet of all parts
// gives the core the very segments that the capture itself would, in the same order and under the same numbers, and what is said
// of them is the same. Parts merge to larger parts, in any order and in steps.
// The shares of a capture are told by the connections' endpoints: one has all packets of a connection.
// Limits: as in part_format.h. Where shares of several captures are missing, parts merge to a report but not to a larger part.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "batch/capture_set.h"
#include "batch/capture_writer.h"
#include "packet/sighting.h"

namespace tcpwhy::batch {

/// In which of so many shares a packet is; the first one has those without TCP. The same on all machines.
[[nodiscard]] std::uint32_t shard_of(const Sighting* tcp, std::uint32_t count);

/// How many of a packet's bytes the core needs. `tcp` is what decode() found in it; null: nothing.
[[nodiscard]] std::size_t bytes_needed(const Packet& packet, const Sighting* tcp);

struct PartCount {
  std::uint64_t frames = 0;  ///< Of the capture that were read,
  std::uint64_t written = 0; ///< and written.
};

/// Now and then: frames and bytes so far.
using PartProgress = std::function<void(std::uint64_t frames, std::uint64_t bytes)>;

/// Reads what is left of `captures` and writes the share number `shard`, from 0, of `count` to a file, compressed if its name ends
/// in ".gz", which takes most of the time then; of parts, all that is there, which `shard` and `count` don't change. What couldn't
/// be read is told in the part, too: a reading of it will have the same problems. REQUIRES: shard < count <= kMostShards. Throws
/// WriteError, also where reading was stopped, where parts don't merge to a larger one, and where one of them isn't whole: the
/// larger one would look as if it were. Then there is no such file, or still what stood there before.
PartCount write_part(CaptureSet& captures, const std::string& file, std::uint32_t shard = 0, std::uint32_t count = 1,
                     const PartProgress& progress = {});

}  // namespace tcpwhy::batch
