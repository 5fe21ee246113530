// One file, as wiretap opens and reads it, and what goes wrong then, in words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "packet/decoder.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {

struct CloseFile {
  void operator()(wtap* file) const { wtap_close(file); }
};
using File = std::unique_ptr<wtap, CloseFile>;

/// What wiretap says went wrong. To be given to each of its calls.
struct Failure {
  int error = 0;            ///< Of errno, or WTAP_ERR_; 0 none.
  char* details = nullptr;

  Failure() = default;
  ~Failure() { g_free(details); }
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;

  [[nodiscard]] std::string in_words() const;
};

/// Null where it can't be opened or is no capture but some other document.
[[nodiscard]] File open_file(const std::string& path, Failure& failure);

/// Among the files of a folder it is a capture. Wiretap takes a text now and then for a capture of some device, whose format has
/// no magic number; such ones shall at least be of a link layer that is read.
[[nodiscard]] bool is_clearly_capture(wtap* file);

/// As `Problem::what`.
[[nodiscard]] std::string why_not_opened(const Failure& failure);
/// As `Problem::what`, after so many packets.
[[nodiscard]] std::string why_ended(const Failure& failure, std::uint64_t after);

[[nodiscard]] LinkLayer link_layer(int encapsulation);
/// 0 where the record has no time, as epan has it.
[[nodiscard]] Nanoseconds time_of(const wtap_rec& record);

}  // namespace tcpwhy::batch
