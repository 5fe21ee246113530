#include "printable.h"

#include <fmt/format.h>
#include <glib.h>

#include <algorithm>
#include <memory>

namespace tcpwhy::batch {
namespace {

bool is_plain(char c) { return c >= ' ' && c <= '~'; }

std::string escape(gunichar control) {
  switch (control) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return fmt::format("\\x{:02x}", control);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  const std::unique_ptr<char, decltype(&g_free)> valid(g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())), g_free);
  std::string result;
  const char* next = nullptr;
  for (const char* at = valid.get(); *at != '\0'; at = next) {
    next = g_utf8_next_char(at);
    const gunichar character = g_utf8_get_char(at);
    if (g_unichar_iscntrl(character)) {
      result += escape(character);
    } else {
      result.append(at, next);
    }
  }
  return result;
}

std::size_t columns(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return text.size();
  std::size_t count = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; at = g_utf8_next_char(at)) {
    const gunichar character = g_utf8_get_char(at);
    count += g_unichar_iszerowidth(character) ? 0 : g_unichar_iswide(character) ? 2 : 1;
  }
  return count;
}

}  // namespace tcpwhy::batch
