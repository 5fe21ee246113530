#include "payload.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>

namespace tcpwhy {
namespace {

constexpr std::array<std::string_view, 10> kVerbs = {"",       "GET",   "HEAD",    "POST",    "PUT",
                                                     "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"};

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// So many bytes tell one message from another; a TLS record, whose header is alike, from its sixth byte on.
constexpr std::size_t kPrinted = 48;

/// No protection: who wants two messages to look alike can have it.
std::uint32_t fingerprint_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text));
}

/// `lower` consists of lower-case letters and hyphens, which have the bit anyway.
bool is_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char x, char y) { return (x | 0x20) == y; });
}

/// Whether a field line may be one of those that are read: most aren't, and this runs on every message.
bool interesting(char initial) {
  const int lower = initial | 0x20;
  return lower == 'c' || lower == 't' || lower == 'k';
}

/// The number behind `parameter` in a list such as "timeout=5, max=100", if it is there.
std::optional<std::uint32_t> find_parameter(std::string_view list, std::string_view parameter) {
  while (!list.empty()) {
    const std::size_t length = std::min(list.find_first_of(", \t"), list.size());
    const std::string_view item = list.substr(0, length);
    list.remove_prefix(std::min(length + 1, list.size()));
    if (item.size() <= parameter.size() || item[parameter.size()] != '=') continue;
    if (!is_ignoring_case(item.substr(0, parameter.size()), parameter)) continue;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(item.data() + parameter.size() + 1, item.data() + item.size(), value);
    if (error == std::errc()) return value;
  }
  return {};
}

/// What a server says of how long, and whether, it keeps the connection (RFC 9112 section 9, RFC 2068 section 19.7.1.1).
void read_keep_alive(std::string_view name, std::string_view value, PayloadFacts& facts) {
  if (is_ignoring_case(name, "connection")) {
    facts.closes = facts.closes || is_ignoring_case(value.substr(0, 5), "close");
  } else if (is_ignoring_case(name, "keep-alive")) {
    constexpr std::uint32_t kMost = 0xffff;
    facts.keep_alive = static_cast<std::uint16_t>(std::min(find_parameter(value, "timeout").value_or(0), kMost));
    facts.used_up = find_parameter(value, "max") == 0U;
  }
}

/// Calls `visit(name, value)` for each interesting header field until the blank line; returns the offset of the body, or
/// npos where the header was cut.
template <typename Visit>
std::size_t for_each_header(std::string_view message, Visit visit) {
  std::size_t at = message.find("\r\n");
  while (at != std::string_view::npos) {
    const std::size_t begin = at + 2;
    const std::size_t end = message.find("\r\n", begin);
    if (end == std::string_view::npos) return end;
    if (end == begin) return end + 2;
    at = end;
    const std::string_view line = message.substr(begin, end - begin);
    if (!interesting(line.front())) continue;
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      visit(line.substr(0, colon), value);
    }
  }
  return std::string_view::npos;
}

void read_http_headers(std::string_view message, PayloadFacts& facts) {
  std::uint64_t length = PayloadFacts::kUnknownSize;
  const std::size_t body = for_each_header(message, [&](std::string_view name, std::string_view value) {
    if (is_ignoring_case(name, "content-length")) {
      std::uint64_t parsed = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
      // A length that no transfer reaches is a lie or an attack: as good as none.
      if (error == std::errc() && parsed < (std::uint64_t{1} << 62)) length = parsed;
    } else if (is_ignoring_case(name, "transfer-encoding")) {
      facts.chunked = is_ignoring_case(value.substr(0, 7), "chunked");
    } else if (facts.kind == PayloadKind::http_response) {
      read_keep_alive(name, value, facts);
    }
  });
  if (body == std::string_view::npos) return;
  // RFC 9112 section 6.3: these responses have no body, whatever they declare.
  const bool bodiless = facts.kind == PayloadKind::http_response &&
                        (facts.status / 100 == 1 || facts.status == 204 || facts.status == 304);
  if (bodiless) {
    facts.message_size = body;
  } else if (!facts.chunked && length != PayloadFacts::kUnknownSize) {
    facts.message_size = body + length;
  }
}

/// 100 to 599, where the bytes begin with a status line; else 0.
std::uint16_t status_of(std::string_view text) {
  if (!text.starts_with("HTTP/1.") || text.size() < kRecognisable) return 0;
  unsigned status = 0;
  std::from_chars(text.data() + 9, text.data() + 12, status);
  return status < 100 || status > 599 ? 0 : static_cast<std::uint16_t>(status);
}

/// The size of the interim responses before another response that begins in the same bytes.
std::size_t size_of_interim(std::string_view text) {
  std::size_t size = 0;
  while (is_interim({.status = status_of(text.substr(size)), .kind = PayloadKind::http_response})) {
    const std::size_t head = for_each_header(text.substr(size), [](std::string_view, std::string_view) {});
    if (head == std::string_view::npos || status_of(text.substr(size + head)) == 0) break;
    size += head;
  }
  return size;
}

void read_http(std::string_view text, PayloadFacts& facts) {
  if (const std::uint16_t first = status_of(text); first != 0) {
    const std::size_t interim = size_of_interim(text);
    facts.kind = PayloadKind::http_response;
    facts.status = interim == 0 ? first : status_of(text.substr(interim));
    read_http_headers(text.substr(interim), facts);
    if (facts.message_size != PayloadFacts::kUnknownSize) facts.message_size += interim;
    return;
  }
  for (std::uint8_t verb = 1; verb < kVerbs.size(); ++verb) {
    const std::string_view name = kVerbs[verb];
    if (text.size() <= name.size() || !text.starts_with(name) || text[name.size()] != ' ') continue;
    facts.kind = PayloadKind::http_request;
    facts.verb = verb & 0xfU;
    // Without the version: a proxy may speak another one to the server behind it.
    const std::size_t target = name.size() + 1;
    facts.fingerprint = fingerprint_of(text.substr(0, std::min(text.find(' ', target), text.find('\r', target))));
    if (has_body(facts)) read_http_headers(text, facts);
    return;
  }
}

void read_tls(std::span<const std::uint8_t> bytes, PayloadFacts& facts) {
  if (bytes.size() < 5 || bytes[1] != 3 || bytes[2] > 4) return;
  switch (bytes[0]) {
    case 23: facts.kind = PayloadKind::tls_data; break;
    case 21: facts.kind = PayloadKind::tls_alert; break;
    case 20:
    case 22: facts.kind = PayloadKind::tls_handshake; break;
    default: return;
  }
  facts.tls_record = static_cast<std::uint8_t>(std::min(bytes[3] << 8 | bytes[4], 0xff));
  if (facts.kind == PayloadKind::tls_alert && facts.tls_record == 2 && bytes.size() >= 7 && bytes[5] == 2) {
    facts.fatal_alert = static_cast<std::uint8_t>(std::min<int>(bytes[6], 254) + 1);
  }
  facts.client_hello = bytes[0] == 22 && bytes.size() > 5 && bytes[5] == 1;
}

}  // namespace

PayloadFacts read_payload(std::span<const std::uint8_t> bytes) {
  PayloadFacts facts;
  if (bytes.empty()) return facts;
  facts.kind = PayloadKind::other;
  const bool printable = bytes[0] >= 'A' && bytes[0] <= 'Z';
  if (printable) {
    read_http(as_text(bytes), facts);
  } else {
    read_tls(bytes, facts);
  }
  if (facts.kind != PayloadKind::http_request) facts.fingerprint = fingerprint_of(as_text(bytes.first(std::min(bytes.size(), kPrinted))));
  return facts;
}

bool is_interim(const PayloadFacts& response) {
  return response.kind == PayloadKind::http_response && response.status / 100 == 1 && response.status != kSwitchingProtocols;
}

bool has_body(const PayloadFacts& request) {
  const std::string_view name = verb_name(request.verb);
  return name == "POST" || name == "PUT" || name == "PATCH";
}

bool is_tls_goodbye(std::span<const std::uint8_t> bytes, std::uint32_t length) {
  constexpr std::uint32_t kHeader = 5;
  constexpr std::uint32_t kSealedAlert = 19;
  if (bytes.size() < kHeader || bytes[1] != 3) return false;
  const std::uint32_t record = static_cast<std::uint32_t>(bytes[3]) << 8 | bytes[4];
  if (record + kHeader != length) return false;
  return bytes[0] == 21 || (bytes[0] == 23 && record == kSealedAlert);
}

std::string_view verb_name(std::uint8_t verb) { return verb < kVerbs.size() ? kVerbs[verb] : ""; }

std::string_view alert_name(std::uint8_t description) {
  switch (description) {
    case 40: return "handshake_failure";
    case 42: return "bad_certificate";
    case 43: return "unsupported_certificate";
    case 44: return "certificate_revoked";
    case 45: return "certificate_expired";
    case 46: return "certificate_unknown";
    case 47: return "illegal_parameter";
    case 48: return "unknown_ca";
    case 49: return "access_denied";
    case 50: return "decode_error";
    case 51: return "decrypt_error";
    case 70: return "protocol_version";
    case 71: return "insufficient_security";
    case 80: return "internal_error";
    case 86: return "inappropriate_fallback";
    case 109: return "missing_extension";
    case 112: return "unrecognized_name";
    case 116: return "certificate_required";
    case 120: return "no_application_protocol";
    default: return "";
  }
}

bool ends_chunked_message(std::span<const std::uint8_t> bytes) {
  return as_text(bytes).ends_with("0\r\n\r\n");
}

std::size_t payload_needed(std::span<const std::uint8_t> bytes, std::uint32_t length) {
  if (bytes.size() == length && ends_chunked_message(bytes)) return bytes.size();
  static_assert(kPrinted >= kRecognisable);
  const std::size_t printed = std::min(bytes.size(), kPrinted);
  const PayloadFacts facts = read_payload(bytes);
  const std::string_view text = as_text(bytes);
  if (facts.kind == PayloadKind::http_response || (facts.kind == PayloadKind::http_request && has_body(facts))) {
    const std::size_t interim = size_of_interim(text);
    const std::size_t body = for_each_header(text.substr(interim), [](std::string_view, std::string_view) {});
    return body == std::string_view::npos ? bytes.size() : std::max(interim + body, printed);
  }
  if (facts.kind != PayloadKind::http_request) return printed;
  const std::size_t target_end = text.find_first_of(" \r", verb_name(facts.verb).size() + 1);
  return target_end == std::string_view::npos ? bytes.size() : std::min(bytes.size(), std::max(target_end + 1, kRecognisable));
}

}  // namespace tcpwhy
