// The real tshark, with the plugin of this build.
#pragma once

#include <string>

#include "support/command.h"

namespace tcpwhy::tests {

/// Runs scripts/tshark with the plugin below `build`, a build folder of the checkout `source`.
[[nodiscard]] inline Outcome run_tshark_of(const std::string& source, const std::string& build, const std::string& arguments) {
  return run("TCPWHY_BUILD='" + build + "' '" + source + "/scripts/tshark' " + arguments);
}

/// As a shell says that there is no such program, and scripts/tshark.
constexpr int kNotInstalled = 127;
/// Why a test is skipped then.
constexpr const char* kMissing = "tshark is not installed, or the plugin not built";

}  // namespace tcpwhy::tests
