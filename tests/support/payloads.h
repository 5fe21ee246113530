// What applications say: the payloads of the stories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tcpwhy::tests {

/// An HTTP/1.1 request.
[[nodiscard]] std::string get(std::string_view path = "/");
[[nodiscard]] std::string post(std::string_view path, std::size_t body);
/// An HTTP/1.1 response with a body of that many bytes, all announced by Content-Length.
[[nodiscard]] std::string response(int status, std::size_t body = 20);
[[nodiscard]] inline std::string ok(std::size_t body = 20) {
  return response(200, body);
}

/// The same without a body and with another header field: "Connection: close".
[[nodiscard]] std::string ok_with(std::string_view field);

/// TLS records (RFC 8446 section 5.1) with `body` bytes of what looks encrypted.
[[nodiscard]] std::string client_hello();
[[nodiscard]] std::string server_hello();
[[nodiscard]] std::string tls_data(std::size_t body = 200);
[[nodiscard]] std::string finished();      ///< Behind a ChangeCipherSpec.
[[nodiscard]] std::string close_notify();  ///< As an encrypted alert.
/// In the clear, as in every handshake before its keys: RFC 8446 section 6.2.
[[nodiscard]] std::string fatal_alert(std::uint8_t description);
constexpr std::uint8_t kHandshakeFailure = 40;
constexpr std::uint8_t kProtocolVersion = 70;

/// What a segment carries over Ethernet, with timestamps: 1500 bytes without the headers of IPv4 (20) and TCP (20 + 12).
constexpr std::size_t kFullSegment = 1448;

/// Bytes that are no protocol known here.
[[nodiscard]] std::string bytes(std::size_t count);

}  // namespace tcpwhy::tests
