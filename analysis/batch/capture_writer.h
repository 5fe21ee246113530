// Writes packets of a CaptureSet to a pcapng file, with all that their records hold, and with comments.
//
// Model: written beside its place under a name that begins with a dot and ends in ".partial", and given its name when it is whole
// and on disk. So what stands under the name is whole, and what stood there before stays until then.
// Limits: one section; name resolutions and TLS secrets of the sources aren't taken over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "batch/capture_set.h"

namespace tcpwhy::batch {

/// "cannot write out.pcapng: No space left on device".
class WriteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a string option of pcapng holds at most (draft-ietf-opsawg-pcapng section 3.5), less what pads it.
constexpr std::size_t kLongestOption = 65'532;

class CaptureWriter {
 public:
  /// Compressed if the name ends in ".gz". `application` and `comments` become options of the section, "" none; a comment is cut
  /// behind kLongestOption bytes. Throws WriteError, also where something else than a file stands there.
  explicit CaptureWriter(const std::filesystem::path& file, const std::string& application = {},
                         const std::vector<std::string>& comments = {});
  /// Removes what was written unless close() has been called.
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  /// Of `interfaces`, those of the CaptureSet, all are kept that pcapng knows. Changes the record's interface to its number here.
  /// REQUIRES: the record is a packet, of an interface that pcapng knows or of no interest; compressed, it has a byte at least.
  /// Throws WriteError.
  void write(Slot& slot, const std::vector<wtap_block*>& interfaces);

  /// How many packets were written: the number of the last one in this file.
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// It is whole. Throws WriteError, and then there is no file.
  void close();

 private:
  struct Dumper;

  [[noreturn]] void fail(const std::string& why);
  void discard() noexcept;
  void add_interfaces(const std::vector<wtap_block*>& interfaces);
  /// For packets without bytes whose own interface pcapng doesn't know.
  std::uint32_t spare_interface();

  std::filesystem::path file_;
  std::filesystem::path partial_;
  std::unique_ptr<Dumper> dumper_;
  std::vector<std::uint32_t> interfaces_;  ///< Number in this file of each that the source has.
  std::uint32_t interface_count_ = 0;
  std::uint32_t spare_ = kNone;
  std::uint64_t count_ = 0;
  bool compressed_ = false;

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
};

/// Adds a comment to a packet that will be written.
void add_comment(Slot& slot, const std::string& comment);

}  // namespace tcpwhy::batch
