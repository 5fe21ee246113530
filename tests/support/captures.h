// The captures of captures/, each in the folder that bears its id (captures/README.md). captures/lab holds none: it makes them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace tcpwhy::tests {

/// The capture in this folder; empty where there is none.
[[nodiscard]] inline std::filesystem::path capture_in(const std::filesystem::path& folder) {
  for (const char* name : {"capture.pcapng", "capture.pcap"}) {
    if (std::filesystem::exists(folder / name)) return folder / name;
  }
  return {};
}

/// The ids of all captures below `captures`, in their order.
[[nodiscard]] inline std::vector<std::string> capture_ids(const std::filesystem::path& captures) {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator(captures)) {
    if (!capture_in(entry.path()).empty()) ids.push_back(entry.path().filename().string());
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

/// Whether one pass says what two say, or something else: verdicts that later frames change.
enum class Known : bool { at_once, later };

/// Those of that kind.
[[nodiscard]] inline std::vector<std::string> capture_ids(const std::filesystem::path& captures, Known known) {
  std::vector<std::string> ids = capture_ids(captures);
  std::erase_if(ids, [&](const std::string& id) {
    return std::filesystem::exists(captures / id / "expected.one-pass") != (known == Known::later);
  });
  return ids;
}

}  // namespace tcpwhy::tests
