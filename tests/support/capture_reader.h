// Reads capture files without Wireshark: pcap and pcapng, as far as captures/ and the stories' own files need it. The
// headers of the packets are read by the plugin's own code.
//
// Limits: little-endian files; of pcapng the first interface and enhanced packet blocks; one segment a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segment.h"
#include "support/packet.h"

namespace tcpwhy::tests {

struct Frame {
  Nanoseconds time = 0;
  std::string bytes;  ///< As captured.
  std::size_t on_wire = 0;
  std::size_t link_header = 0;  ///< How many of them stand before the network layer, VLAN tags not counted.
};

/// A frame's TCP: a segment, or one that an ICMP error quotes, of which only the endpoints and seq are known then.
struct Sight {
  Segment segment;
  std::optional<IcmpError> error;
};

/// The frames of a file that is in memory. Throws std::runtime_error where it is none, or ends within a frame.
[[nodiscard]] std::vector<Frame> read_frames(std::string_view file);
/// The same of a file on disk.
[[nodiscard]] std::vector<Frame> read_capture(const std::filesystem::path& file);

/// The TCP in a frame, if any: numbered 0 of stream 0, for the caller to number. Points into the frame.
[[nodiscard]] std::optional<Sight> read_sight(const Frame& frame);

/// As for a Capture: the frames' TCP, numbered.
void feed(Analyzer& analyzer, const std::vector<Frame>& frames, const RemarkVisitor& remark = {});

/// Every capture file in `folder` and below, in the order of their names.
[[nodiscard]] std::vector<std::filesystem::path> captures_in(const std::filesystem::path& folder);

}  // namespace tcpwhy::tests
