// How the Wireshark whose wiretap this is numbers streams.
#pragma once

#include "stream_index.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {

[[nodiscard]] constexpr StreamIndex::Rule numbering_rule() {
  return kStreamsBeginAnewAfterTheirEnd ? StreamIndex::Rule::by_number_or_end : StreamIndex::Rule::by_number;
}

}  // namespace tcpwhy::batch
