#include "support/pcapng_writer.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace tcpwhy::tests {
namespace {

constexpr std::uint32_t kSectionHeaderBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kEnhancedPacketBlock = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kLinktypeEthernet = 1;

constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionComment = 1;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr char kNanoseconds = 9;  // 10^-9 s

/// Little-endian, whatever the machine is: the same story gives the same bytes everywhere.
template <typename Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void pad(std::string& out) {
  out.append((4 - out.size() % 4) % 4, '\0');
}

void put_option(std::string& out, std::uint16_t code, std::string_view value) {
  put<std::uint16_t>(out, code);
  put<std::uint16_t>(out, static_cast<std::uint16_t>(value.size()));
  out += value;
  pad(out);
}

void put_block(std::string& out, std::uint32_t type, std::string body) {
  pad(body);
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put(out, type);
  put(out, length);
  out += body;
  put(out, length);
}

}  // namespace

std::string to_pcapng(const Capture& capture, std::string_view comment) {
  std::string out;

  std::string section;
  put(section, kByteOrderMagic);
  put<std::uint16_t>(section, 1);  // version 1.0
  put<std::uint16_t>(section, 0);
  put<std::uint64_t>(section, ~std::uint64_t{0});  // length not given
  if (!comment.empty()) {
    put_option(section, kOptionComment, comment);
    put_option(section, kOptionEnd, {});
  }
  put_block(out, kSectionHeaderBlock, section);

  std::string interface;
  put(interface, kLinktypeEthernet);
  put<std::uint16_t>(interface, 0);
  put(interface, capture.snaplen);
  put_option(interface, kOptionTimeResolution, {&kNanoseconds, 1});
  put_option(interface, kOptionEnd, {});
  put_block(out, kInterfaceBlock, interface);

  for (const Packet& packet : capture.packets) {
    const std::string frame = to_bytes(packet);
    const std::string_view kept = std::string_view(frame).substr(0, capture.snaplen);
    const auto stamp = static_cast<std::uint64_t>(packet.time);
    std::string body;
    put<std::uint32_t>(body, 0);  // interface
    put(body, static_cast<std::uint32_t>(stamp >> 32));
    put(body, static_cast<std::uint32_t>(stamp));
    put(body, static_cast<std::uint32_t>(kept.size()));
    put(body, static_cast<std::uint32_t>(frame.size()));
    body += kept;
    put_block(out, kEnhancedPacketBlock, body);
  }
  return out;
}

void write_pcapng(const std::filesystem::path& file, const Capture& capture, std::string_view comment) {
  std::ofstream out(file, std::ios::binary);
  const std::string bytes = to_pcapng(capture, comment);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace tcpwhy::tests
