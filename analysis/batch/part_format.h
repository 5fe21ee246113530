// How a part is laid down: a pcapng that any Wireshark opens, with what merging takes in its comments and options.
//
// Model: a group is the files that were read together as one capture; a part holds one share of a group, or all of several groups.
//   section    comments (one text, in as many as it takes): {"tcpwhy.part": 1, "sources": [...], "shards": [...], "of": N}
//   interface  a comment: {"tcpwhy.interface": its number in its source}
//   packet     epb_packetid: its number in its source, and above the lower 32 bits the index of that source;
//              epb_queue: its number in the group, where that has several sources (else it is the same number)
//              its bytes as far as they are needed; one that says nothing where none is
//   the last   a packet without a number that comments {"tcpwhy.part.end": {"problems": [...]}}: a part without it is cut
// Limits: 2^24 sources. What pcapng can't say: times before 1970.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/capture_set.h"
#include "batch/wtap_compat.h"

namespace tcpwhy::batch {

constexpr std::size_t kMostSources = std::size_t{1} << 24;

struct PartHeader {
  std::vector<SourceFile> sources;
  Share share;
};

/// The section's comments, each no longer than an option of pcapng may be.
[[nodiscard]] std::vector<std::string> to_comments(const PartHeader& header);
/// Of whatever version.
[[nodiscard]] bool is_part(wtap* file);
/// Nothing where the file is no part, or one of another version.
[[nodiscard]] std::optional<PartHeader> read_header(wtap* file);

/// Which packet a record is.
struct PartNumbers {
  FrameNumber in_group = 0;
  FrameNumber in_source = 0;
  std::uint32_t source = 0;  ///< Index into the part's sources.
};

/// The record becomes a packet that has these numbers and no other options.
void put_numbers(wtap_rec& record, const PartNumbers& numbers, bool several_sources);
/// Nothing where it has none.
[[nodiscard]] std::optional<PartNumbers> read_numbers(const wtap_rec& record, bool several_sources);

/// An interface of a part, which the caller unrefs: a copy of one of a source, of which that is the number.
[[nodiscard]] wtap_block_t make_part_interface(wtap_block_t interface, std::uint32_t own_number);
/// The number; 0 where it isn't told.
[[nodiscard]] std::uint32_t own_number(wtap_block_t part_interface);

/// The comment of the last record.
[[nodiscard]] std::string to_end(const std::vector<Problem>& problems);
/// What the sources' own reading met. Nothing where this record isn't the last one.
[[nodiscard]] std::optional<std::vector<Problem>> read_end(const wtap_rec& record);

}  // namespace tcpwhy::batch
