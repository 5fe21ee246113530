// Server endpoints by the hundred, each with a habit of ending idle connections that is known: what is read from their packets
// can be held against the truth.
//
// Clients come, send requests after pauses of all lengths, and stay or leave; between them and the server is a way with
// jitter; the capture stands anywhere on it. The same seed gives the same packets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "support/packet.h"

namespace tcpwhy::tests {

struct EndpointTruth {
  enum class Habit : std::uint8_t {
    timer,          ///< Closes after the same silence each time, but for some milliseconds.
    sweep,          ///< Looks now and then which connections have been silent for long enough.
    forgets,        ///< Something on the way forgets silent connections without a word.
    never,          ///< Clients close, whenever they please.
    request_limit,  ///< Closes after so many requests.
    lifetime,       ///< Closes at an age.
    restart,        ///< Closes all connections at one moment.
    whim,           ///< Closes idle connections, each after another silence.
  };
  static constexpr std::uint32_t kHabits = 8;

  Endpoint server;
  Habit habit = Habit::timer;
  std::optional<Nanoseconds> timeout;  ///< Of `timer`, `sweep` and `forgets`.
  std::uint32_t connections = 0;
};

struct EndpointWorld {
  std::vector<EndpointTruth> endpoints;
  Capture capture;
};

[[nodiscard]] EndpointWorld make_endpoint_world(std::uint64_t seed, std::uint32_t endpoints);

}  // namespace tcpwhy::tests
