// The stories that are worth telling more than once: one for each diagnosis and variant, and healthy ones. The
// property tests run over all of them; those without a real capture are written to captures/ (generate_captures.cpp).
#pragma once

#include <span>
#include <string_view>

#include "support/packet.h"

namespace tcpwhy::tests {

struct BookStory {
  std::string_view id;     ///< Of captures/<id>, for those that stand there.
  std::string_view cause;  ///< What it is a story of; "" for a healthy one.
  std::string_view told;   ///< What happens, for captures/<id>/README.md.
  bool in_captures;        ///< No real capture shows this, so it is generated.
  Capture (*tell)();
};

[[nodiscard]] std::span<const BookStory> story_book();

}  // namespace tcpwhy::tests
