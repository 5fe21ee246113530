#include "interfaces.h"

#include <algorithm>

#include <fmt/format.h>

namespace tcpwhy::batch {
namespace {

std::string string_option(wtap_block_t block, unsigned option) {
  char* value = nullptr;
  if (wtap_block_get_string_option_value(block, option, &value) != WTAP_OPTTYPE_SUCCESS || value == nullptr) return {};
  return value;
}

std::string identity(wtap_block_t interface) {
  const auto& it = description(interface);
  return fmt::format("{} {} {} {}\n{}\n{}", it.wtap_encap, it.snap_len, it.time_units_per_second, it.tsprecision,
                     string_option(interface, OPT_IDB_NAME), string_option(interface, OPT_IDB_DESCRIPTION));
}

}  // namespace

wtapng_if_descr_mandatory_t& description(wtap_block_t interface) {
  return *static_cast<wtapng_if_descr_mandatory_t*>(wtap_block_get_mandatory_data(interface));
}

wtap_block_t copy_of_interface(wtap_block_t interface) {
  wtap_block_t copy = wtap_block_make_copy(interface);
  auto& it = description(copy);
  if (it.interface_statistics != nullptr) wtap_block_array_free(it.interface_statistics);
  it.interface_statistics = nullptr;
  it.num_stat_entries = 0;
  return copy;
}

wtap_block_t make_interface(int encapsulation) {
  wtap_block_t interface = wtap_block_create(WTAP_BLOCK_IF_ID_AND_INFO);
  auto& it = description(interface);
  it.wtap_encap = encapsulation;
  it.time_units_per_second = 1'000'000'000;
  it.tsprecision = WTAP_TSPREC_NSEC;
  wtap_block_add_uint8_option(interface, OPT_IDB_TSRESOL, 9);
  return interface;
}

Interfaces::~Interfaces() {
  for (wtap_block_t block : blocks_) wtap_block_unref(block);
}

std::uint32_t Interfaces::number_of(wtap_block_t interface) {
  std::string looks = identity(interface);
  const auto known = std::find(identities_.begin(), identities_.end(), looks);
  if (known != identities_.end()) return static_cast<std::uint32_t>(known - identities_.begin());
  blocks_.push_back(copy_of_interface(interface));
  identities_.push_back(std::move(looks));
  return static_cast<std::uint32_t>(blocks_.size() - 1);
}

std::uint32_t Interfaces::number_of(std::optional<std::uint32_t> number, int encapsulation) {
  const std::pair key(number, encapsulation);
  if (const auto known = variants_.find(key); known != variants_.end()) return known->second;
  wtap_block_t other = number ? copy_of_interface(blocks_[*number]) : make_interface(encapsulation);
  description(other).wtap_encap = encapsulation;
  const std::uint32_t result = number_of(other);
  wtap_block_unref(other);
  variants_.emplace(key, result);
  return result;
}

}  // namespace tcpwhy::batch
