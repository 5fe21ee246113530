#include "f5_trailer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "network_order.h"

namespace tcpwhy {
namespace {

using Span = std::span<const std::uint8_t>;

/// Ethernet pads an IP datagram to 46 bytes, of which a TCP header takes 40.
constexpr std::size_t kMostPadding = 6;
constexpr std::size_t kFrameCheck = 4;
constexpr std::array<std::uint8_t, 4> kMagic = {0xf5, 0xde, 0xb0, 0xf5};
/// Of both the header and a block of the newer form.
constexpr std::size_t kHeader = 8;
constexpr std::size_t kMedium = 2;
/// Where the length of the cause stands in the newer medium block of version 4.
constexpr std::size_t kCauseLength = kHeader + 31;

/// Behind its length, a byte at `at`.
Span cause_at(Span block, std::size_t at) {
  constexpr std::size_t kBeforeText = 9;
  if (block.size() <= at) return {};
  const Span cause = block.subspan(at + 1);
  const std::size_t length = block[at];
  const bool known = length > kBeforeText && length <= cause.size() && cause[0] >> 1 == 0;
  if (!known) return {};
  const Span text = cause.subspan(kBeforeText, length - kBeforeText);
  return text.first(static_cast<std::size_t>(std::find(text.begin(), text.end(), 0) - text.begin()));
}

Span newer_cause(Span trailer) {
  if (trailer.size() < kHeader || !std::equal(kMagic.begin(), kMagic.end(), trailer.begin()) || be16(trailer, 6) != 1) return {};
  Span blocks = trailer.first(std::clamp<std::size_t>(be16(trailer, 4), kHeader, trailer.size())).subspan(kHeader);
  while (blocks.size() >= kHeader) {
    const std::size_t length = be16(blocks, 4);
    if (length < kHeader || length > blocks.size()) break;
    const bool medium = be16(blocks, 0) == 1 && be16(blocks, 2) == kMedium && be16(blocks, 6) == 4;
    if (medium) return cause_at(blocks.first(length), kCauseLength);
    blocks = blocks.subspan(length);
  }
  return {};
}

/// Where the length of the cause stands in an older medium block of that version.
std::optional<std::size_t> older_cause_length(std::uint8_t version) {
  switch (version) {
    case 1: return 29;
    case 2: return 30;
    case 3: return 34;
    default: return {};
  }
}

/// Nothing tells the older form but that its blocks fill the room to the end.
Span older_cause(Span trailer) {
  constexpr std::size_t kLeast = 7;
  constexpr std::size_t kMost = 140;
  Span cause;
  while (trailer.size() > kFrameCheck) {
    const std::size_t length = std::size_t{trailer[1]} + 2;
    if (trailer[0] < 1 || trailer[0] > 3 || length < kLeast || length > kMost || length > trailer.size()) return {};
    if (trailer[0] == kMedium) {
      const auto at = older_cause_length(trailer[2]);
      if (at && *at < length && *at + 1 + trailer[*at] == length) cause = cause_at(trailer.first(length), *at);
    }
    trailer = trailer.subspan(length);
  }
  return cause;
}

}  // namespace

std::span<const std::uint8_t> f5_reset_cause(std::span<const std::uint8_t> behind) {
  for (std::size_t padding = 0; padding <= kMostPadding && padding < behind.size(); ++padding) {
    for (const auto read : {newer_cause, older_cause}) {
      if (const Span cause = read(behind.subspan(padding)); !cause.empty()) return cause;
    }
  }
  return {};
}

}  // namespace tcpwhy
