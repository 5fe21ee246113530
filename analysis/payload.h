// What the first bytes of a payload give away: an HTTP verb or status, what a server says of its keep-alive, a TLS record
// type. Nothing is kept of the payload itself, and no verdict depends on it where it is encrypted or cut.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tcpwhy {

enum class PayloadKind : std::uint8_t {
  none,           ///< No byte was captured.
  other,
  http_request,
  http_response,
  tls_handshake,  ///< Content type 22, or 20: change_cipher_spec (RFC 8446 section 5.1).
  tls_alert,      ///< Content type 21, not yet encrypted or TLS 1.2.
  tls_data,       ///< Content type 23.
};

constexpr std::uint16_t kSwitchingProtocols = 101;  ///< RFC 9110 section 15.2.2.
constexpr std::uint16_t kRequestTimeout = 408;      ///< RFC 9110 section 15.5.9.

/// Packed into 20 bytes, two of them a connection.
struct [[gnu::packed, gnu::aligned(4)]] PayloadFacts {
  static constexpr std::uint64_t kUnknownSize = ~std::uint64_t{0};

  std::uint64_t message_size = kUnknownSize;  ///< Header and body, in bytes, where Content-Length told.
  std::uint32_t fingerprint = 0;      ///< Of an HTTP request's method and target, or of the first bytes of anything else.
  std::uint16_t status = 0;           ///< HTTP status, 100 to 599.
  std::uint16_t keep_alive = 0;       ///< Seconds of a response's `Keep-Alive: timeout=`; 0: not said.
  PayloadKind kind = PayloadKind::none;
  std::uint8_t tls_record = 0;        ///< Length of the first TLS record, without its header of 5 bytes; saturates.
  std::uint8_t fatal_alert = 0;       ///< Description + 1 of an unencrypted fatal alert (RFC 8446 section 6.2); 0: none.
  std::uint8_t verb : 4 = 0;          ///< Index into the known verbs; see verb_name.
  bool chunked : 1 = false;           ///< Transfer-Encoding: chunked.
  bool client_hello : 1 = false;
  bool closes : 1 = false;            ///< A response's `Connection: close`.
  bool used_up : 1 = false;           ///< A response's `Keep-Alive: max=0`: no further request.
};

/// This many bytes tell every kind: a status line up to its status. Of fewer, cut by a snaplen, "other" says nothing.
constexpr std::size_t kRecognisable = 12;

/// Reads the first bytes of a message. Never reads outside `bytes`.
[[nodiscard]] PayloadFacts read_payload(std::span<const std::uint8_t> bytes);

/// Whether it is a response that only announces another one, as 100 (Continue) does: the request stays unanswered (RFC 9110 section
/// 15.2). Not 101: there HTTP ends. Where a final response stands behind it in the same bytes, `read_payload` tells of that.
[[nodiscard]] bool is_interim(const PayloadFacts& response);

/// Whether it is a request with a body (RFC 9110 section 9.3): what follows it and is no request line belongs to it.
[[nodiscard]] bool has_body(const PayloadFacts& request);

/// Whether a segment of `length` bytes is a TLS record that ends a session and says nothing else: an alert, or what in
/// TLS 1.3 looks like application data and has the length of one (RFC 8446 section 5.2: 2 bytes, a type, a tag of 16).
[[nodiscard]] bool is_tls_goodbye(std::span<const std::uint8_t> bytes, std::uint32_t length);

/// "GET", or "" for 0.
[[nodiscard]] std::string_view verb_name(std::uint8_t verb);

/// "handshake_failure" for a description, or "" where it is none of the usual ones.
[[nodiscard]] std::string_view alert_name(std::uint8_t description);

/// Whether a chunked message may end here: the bytes end in a zero chunk (RFC 9112 section 7.1).
[[nodiscard]] bool ends_chunked_message(std::span<const std::uint8_t> bytes);

/// So many of the first bytes say all that the functions above say of the whole: `bytes` is what was captured of a segment of
/// `length` bytes. All of them where it was captured to its end and that is one of a chunked message. Not for the text of a RST.
[[nodiscard]] std::size_t payload_needed(std::span<const std::uint8_t> bytes, std::uint32_t length);

}  // namespace tcpwhy
