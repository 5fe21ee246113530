#include "words.h"

#include <fmt/format.h>

#include <algorithm>

namespace tcpwhy {
namespace {

/// `value` in a unit, with at most three significant digits and without a locale.
std::string scaled(Nanoseconds value, Nanoseconds unit, std::string_view symbol) {
  const Nanoseconds hundredths = (value * 100 + unit / 2) / unit;
  if (hundredths >= 10000) return fmt::format("{} {}", (hundredths + 50) / 100, symbol);
  if (hundredths >= 1000) return fmt::format("{}.{} {}", hundredths / 100, hundredths / 10 % 10, symbol);
  return fmt::format("{}.{:02} {}", hundredths / 100, hundredths % 100, symbol);
}

}  // namespace

std::string duration(Nanoseconds value) {
  value = std::max<Nanoseconds>(value, 0);
  if (value < kMillisecond) return fmt::format("{} µs", value / kMicrosecond);
  if (value < 10 * kMillisecond) return scaled(value, kMillisecond, "ms");
  if (value < kSecond) return fmt::format("{} ms", (value + kMillisecond / 2) / kMillisecond);
  if (value > 1000 * kSecond) return fmt::format("{} s", value / kSecond);
  return scaled(value, kSecond, "s");
}

std::string bytes(std::uint64_t count) {
  if (count == 1) return "1 byte";
  const std::string digits = fmt::format("{}", count);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped + " bytes";
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string frame(FrameNumber number) {
  return number == 0 ? "a frame that was not captured" : fmt::format("frame {}", number);
}

std::string_view name(Side side) { return side == Side::client ? "client" : "server"; }

std::string name(const Connection& connection, Side side) {
  return fmt::format("{} {}", name(side), to_string(connection.endpoint(side)));
}

void capitalise_sentences(std::string& text) {
  bool begins = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins && text[i] >= 'a' && text[i] <= 'z') text[i] = static_cast<char>(text[i] - 'a' + 'A');
    begins = text[i] == ' ' && i > 0 && text[i - 1] == '.';
  }
}

std::string_view name(const Turn& turn) {
  switch (turn.payload.kind) {
    case PayloadKind::http_request: return verb_name(turn.payload.verb);
    case PayloadKind::tls_data: return "request (a TLS record)";
    case PayloadKind::tls_handshake: return "TLS handshake message";
    default: return "request";
  }
}

}  // namespace tcpwhy
