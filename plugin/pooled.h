// Texts for epan, which takes C strings and keeps them for as long as a packet.
#pragma once

#include <string_view>

#include "epan_compat.h"

namespace tcpwhy::plugin {

/// `text` as a C string in the packet's pool.
inline const char* pooled(packet_info* pinfo, std::string_view text) {
  if (text.empty()) return "";  // Its data may be null.
  return wmem_strndup(pinfo->pool, text.data(), text.size());
}

}  // namespace tcpwhy::plugin
