#include "finding.h"

#include <array>

namespace tcpwhy {

std::string_view to_string(Severity value) {
  constexpr std::array<std::string_view, 4> kWords = {"chat", "note", "warn", "error"};
  return kWords[static_cast<std::size_t>(value)];
}

std::string_view to_string(Confidence value) {
  constexpr std::array<std::string_view, 3> kWords = {"certain", "likely", "possible"};
  return kWords[static_cast<std::size_t>(value)];
}

std::string_view to_string(ResetBy value) {
  constexpr std::array<std::string_view, 5> kWords = {"", "client", "server", "middlebox", "unknown"};
  return kWords[static_cast<std::size_t>(value)];
}

std::string_view to_string(Fault value) {
  constexpr std::array<std::string_view, 6> kWords = {"client", "server", "middlebox", "path", "nobody", "unknown"};
  return kWords[static_cast<std::size_t>(value)];
}

std::string_view to_string(ResetKind value) {
  constexpr std::array<std::string_view, 4> kWords = {"", "abort", "reply", "unknown"};
  return kWords[static_cast<std::size_t>(value)];
}

std::string_view to_string(Impact value) {
  constexpr std::array<std::string_view, 7> kWords = {
      "none",          "connect_failed", "connect_delayed", "request_lost",
      "response_lost", "response_truncated", "unknown"};
  return kWords[static_cast<std::size_t>(value)];
}

}  // namespace tcpwhy
