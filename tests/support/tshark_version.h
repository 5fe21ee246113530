// Which Wireshark the tests meet, where its versions differ in what they say.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

namespace tcpwhy::tests {

/// Wireshark 4.4 numbers some streams otherwise than 4.0 did: a SYN after SYN, ACK, RST opens a new one.
/// `printed` is what `tshark --version` prints.
inline bool opens_stream_after_reset(const std::string& printed) {
  int major = 0;
  int minor = 0;
  const std::size_t at = printed.find("(Wireshark) ");
  return at != std::string::npos && std::sscanf(printed.c_str() + at, "(Wireshark) %d.%d", &major, &minor) == 2 &&
         std::pair(major, minor) >= std::pair(4, 4);
}

}  // namespace tcpwhy::tests
