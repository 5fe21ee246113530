#include "segment.h"

#include <algorithm>

namespace tcpwhy {
namespace {

enum OptionKind : std::uint8_t {
  kEnd = 0,
  kNop = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kTimestamps = 8,
  kMultipath = 30,
};

/// RFC 8684 section 3: the upper half of the first byte.
enum MultipathSubtype : std::uint8_t { kFastClose = 7, kReset = 8 };

std::uint32_t read_be32(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

void read_timestamps(std::span<const std::uint8_t, 8> value, Options& options) {
  options.timestamps = true;
  options.tsval = read_be32(value);
  options.tsecr = read_be32(value.subspan(4));
}

void read_option(OptionKind kind, std::span<const std::uint8_t> value, Options& options) {
  switch (kind) {
    case kMss:
      if (value.size() == 2) options.mss = static_cast<std::uint16_t>(value[0] << 8 | value[1]);
      break;
    case kWindowScale:
      if (value.size() == 1) options.window_shift = std::min<std::uint8_t>(value[0], 14);  // RFC 7323 section 2.3
      break;
    case kSackPermitted:
      options.sack_permitted = value.empty();
      break;
    case kTimestamps:
      if (value.size() == 8) read_timestamps(value.first<8>(), options);
      break;
    case kMultipath:
      if (value.size() == 2 && value[0] >> 4 == kReset) {
        options.mptcp_reset = static_cast<std::uint8_t>(std::min<int>(value[1], 254) + 1);
      }
      options.mptcp_fastclose = options.mptcp_fastclose || (value.size() == 10 && value[0] >> 4 == kFastClose);
      break;
    case kEnd:
    case kNop:
      break;
  }
}

}  // namespace

Nanoseconds capture_time(std::int64_t seconds, std::int64_t nanoseconds) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  const std::int64_t whole = std::clamp(seconds, kEarliestTime / kPerSecond, kLatestTime / kPerSecond);
  return std::clamp(whole * kPerSecond + std::clamp<std::int64_t>(nanoseconds, -kPerSecond, kPerSecond), kEarliestTime,
                    kLatestTime);
}

CapturePoint capture_point(std::uint32_t interface, std::span<const std::uint8_t> address, Hop hop) {
  // Collisions make two places one, so that nothing is said of them.
  std::uint64_t number = 0;
  if (address.size() == 6) {  // Of Ethernet, as nearly all are.
    number = std::uint64_t{read_be32(address)} << 16 | std::uint64_t{address[4]} << 8 | address[5];
  } else {
    for (const std::uint8_t byte : address) number = number << 8 | byte;
  }
  const std::uint64_t hash = (number ^ (std::uint64_t{interface} + 1) * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU;
  const auto folded = static_cast<CapturePoint>(hash >> 48 & 0xfffeU);
  return hop == Hop::last && !address.empty() ? folded | 1U : std::max<CapturePoint>(folded, 2);
}

PayloadFacts facts_of(const Segment& segment) { return segment.facts ? *segment.facts : read_payload(segment.payload); }

Options read_options(std::span<const std::uint8_t> bytes, bool complete) {
  Options options;
  options.known = complete;
  // Two NOPs and the timestamps, as RFC 7323 appendix A recommends: most segments there are, and so taken whole.
  if (bytes.size() == 12 && read_be32(bytes) == (kNop << 24 | kNop << 16 | kTimestamps << 8 | 10)) {
    options.longest_nop_run = 2;
    read_timestamps(bytes.subspan<4, 8>(), options);
    return options;
  }
  std::uint8_t nops = 0;
  while (!bytes.empty()) {
    const auto kind = static_cast<OptionKind>(bytes[0]);
    if (kind == kEnd) break;
    if (kind == kNop) {
      nops = static_cast<std::uint8_t>(nops + 1);
      options.longest_nop_run = std::max(options.longest_nop_run, nops);
      bytes = bytes.subspan(1);
      continue;
    }
    nops = 0;
    if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) break;  // A length that lies ends the list.
    read_option(kind, bytes.subspan(2, bytes[1] - 2U), options);
    bytes = bytes.subspan(bytes[1]);
  }
  return options;
}

}  // namespace tcpwhy
