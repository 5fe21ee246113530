#include "support/payloads.h"

#include <fmt/format.h>

namespace tcpwhy::tests {
namespace {

std::string tls_record(char type, std::string_view body) {
  std::string out = {type, 3, 3, static_cast<char>(body.size() >> 8 & 0xff), static_cast<char>(body.size() & 0xff)};
  return out.append(body);
}

constexpr char kChangeCipherSpec = 20;
constexpr char kAlert = 21;
constexpr char kHandshake = 22;
constexpr char kApplicationData = 23;

void put16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

constexpr char kClientHello = 1;
constexpr char kServerHello = 2;

/// A hello (RFC 8446 section 4.1) with `padding` bytes in a padding extension (RFC 7685).
std::string tls_hello(char type, std::size_t padding) {
  constexpr std::size_t kAes128GcmSha256 = 0x1301;
  constexpr std::size_t kPadding = 21;
  std::string body = {3, 3};
  body += std::string(32, '\x5a');  // random
  body.push_back(0);                // no session id
  if (type == kClientHello) put16(body, 2);
  put16(body, kAes128GcmSha256);
  if (type == kClientHello) body.push_back(1);
  body.push_back(0);  // no compression
  put16(body, padding + 4);
  put16(body, kPadding);
  put16(body, padding);
  body.append(padding, '\0');
  std::string message = {type, 0};
  put16(message, body.size());
  return tls_record(kHandshake, message + body);
}

}  // namespace

std::string get(std::string_view path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: example.test\r\n\r\n", path);
}

std::string post(std::string_view path, std::size_t body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: example.test\r\nContent-Length: {}\r\n\r\n{}", path, body,
                     std::string(body, 'p'));
}

std::string response(int status, std::size_t body) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Length: {}\r\n\r\n{}", status, status < 400 ? "OK" : "Sorry", body,
                     std::string(body, 'r'));
}

std::string ok_with(std::string_view field) {
  return fmt::format("HTTP/1.1 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", field);
}

std::string client_hello() {
  return tls_hello(kClientHello, 460);
}
std::string server_hello() {
  return tls_hello(kServerHello, 72);
}
std::string tls_data(std::size_t body) {
  return tls_record(kApplicationData, std::string(body, '\x5a'));
}
std::string finished() {
  return tls_record(kChangeCipherSpec, "\x01") + tls_data(53);
}
std::string close_notify() {
  return tls_record(kAlert, std::string(19, '\x5a'));
}
std::string fatal_alert(std::uint8_t description) {
  constexpr char kFatal = 2;
  return tls_record(kAlert, std::string{kFatal, static_cast<char>(description)});
}
std::string bytes(std::size_t count) {
  return std::string(count, '.');
}

}  // namespace tcpwhy::tests
