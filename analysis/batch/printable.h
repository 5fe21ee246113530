// Text for a terminal, and how wide it is there.
//
// What a finding quotes comes from packets, and a file may be named anything. No byte of either gives a terminal orders.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tcpwhy::batch {

/// The same text on one line and in valid UTF-8: what is no UTF-8 becomes U+FFFD, a control character its escape ("\n", "\x1b").
[[nodiscard]] std::string printable(std::string_view text);

/// How many columns a terminal needs for it: two for a wide character (UAX #11), none for one that combines. REQUIRES: valid
/// UTF-8.
[[nodiscard]] std::size_t columns(std::string_view text);

}  // namespace tcpwhy::batch
