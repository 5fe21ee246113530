// What a person may set. Everything else that is a number lives in limits.h.
#pragma once

#include "segment.h"

namespace tcpwhy {

constexpr Nanoseconds kMicrosecond = 1'000;
constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kSecond = 1'000'000'000;

/// The preferences that Wireshark's dialog shows.
struct Settings {
  /// How long the side that closed first keeps a connection in TIME_WAIT. Linux: TCP_TIMEWAIT_LEN, 60 s;
  /// RFC 9293 section 3.6.1: 2 MSL, 4 minutes.
  Nanoseconds time_wait = 60 * kSecond;
  /// The smallest silence before data that counts as an idle gap.
  Nanoseconds smallest_idle_gap = kSecond / 2;
  /// Slack added to a measured round trip: scheduling and delayed work at the ends. Two events closer
  /// together than this at one end count as simultaneous.
  Nanoseconds rtt_margin = 5 * kMillisecond;
};

}  // namespace tcpwhy
