// The interfaces of several files, each once: those that are described alike are one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wtap_compat.h"

namespace tcpwhy::batch {

/// What pcapng demands of an interface, and wiretap makes up where another format doesn't say it.
[[nodiscard]] wtapng_if_descr_mandatory_t& description(wtap_block_t interface);

/// A copy that says nothing of how much was captured on it: whoever reads or writes a part of that must not repeat it.
[[nodiscard]] wtap_block_t copy_of_interface(wtap_block_t interface);

/// An interface of which no more is known. Its packets have times in nanoseconds.
[[nodiscard]] wtap_block_t make_interface(int encapsulation);

class Interfaces {
 public:
  Interfaces() = default;
  ~Interfaces();
  Interfaces(const Interfaces&) = delete;
  Interfaces& operator=(const Interfaces&) = delete;

  /// By encapsulation, name, description, snapshot length and resolution of time.
  std::uint32_t number_of(wtap_block_t interface);
  /// The same with another encapsulation; an interface without other features where `number` is none.
  std::uint32_t number_of(std::optional<std::uint32_t> number, int encapsulation);

  [[nodiscard]] bool fits(std::uint32_t number, int encapsulation) const {
    return description(blocks_[number]).wtap_encap == encapsulation;
  }
  /// By number. They live as long as this.
  [[nodiscard]] const std::vector<wtap_block*>& blocks() const { return blocks_; }

 private:
  std::vector<wtap_block*> blocks_;
  std::vector<std::string> identities_;
  std::map<std::pair<std::optional<std::uint32_t>, int>, std::uint32_t> variants_;
};

}  // namespace tcpwhy::batch
