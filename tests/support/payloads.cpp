#include "support/payloads.h"

#include <fmt/format.h>

namespace tcpwhy::tests {
namespace {

std::string tls_record(char type, std::string_view body) {
  std::string out = {type, 3, 3, static_cast<char>(body.size() >> 8 & 0xff), static_cast<char>(body.size() & 0xff)};
  return out.append(body);
}

constexpr char kAlert = 21;
constexpr char kHandshake = 22;
constexpr char kApplicationData = 23;

/// A handshake message (RFC 8446 section 4): type, 24 bits of length, body.
std::string tls_handshake(char type, std::size_t body) {
  std::string out = {type, 0, static_cast<char>(body >> 8 & 0xff), static_cast<char>(body & 0xff), 3, 3};
  out.resize(body + 4, '\x5a');
  return tls_record(kHandshake, out);
}

}  // namespace

std::string get(std::string_view path) { return fmt::format("GET {} HTTP/1.1\r\nHost: example.test\r\n\r\n", path); }

std::string post(std::string_view path, std::size_t body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: example.test\r\nContent-Length: {}\r\n\r\n{}", path, body,
                     std::string(body, 'p'));
}

std::string response(int status, std::size_t body) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Length: {}\r\n\r\n{}", status, status < 400 ? "OK" : "Sorry", body,
                     std::string(body, 'r'));
}

std::string client_hello() { return tls_handshake(1, 512); }
std::string server_hello() { return tls_handshake(2, 118); }
std::string tls_data(std::size_t body) { return tls_record(kApplicationData, std::string(body, '\x5a')); }
std::string close_notify() { return tls_record(kAlert, std::string(19, '\x5a')); }
std::string bytes(std::size_t count) { return std::string(count, '.'); }

}  // namespace tcpwhy::tests
