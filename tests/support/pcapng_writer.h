// Writes a capture as a pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface with
// nanosecond stamps, one enhanced packet block a frame. Nothing in it depends on when or where it was written.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "support/packet.h"

namespace tcpwhy::tests {

/// The whole file. `comment` becomes the section's comment.
[[nodiscard]] std::string to_pcapng(const Capture& capture, std::string_view comment = {});

/// Writes it. Throws std::runtime_error, naming the file, where it can't.
void write_pcapng(const std::filesystem::path& file, const Capture& capture, std::string_view comment = {});

}  // namespace tcpwhy::tests
