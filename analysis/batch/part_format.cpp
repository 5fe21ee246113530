#include "part_format.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "capture_writer.h"
#include "interfaces.h"

namespace tcpwhy::batch {
namespace {

using Json = nlohmann::json;

constexpr const char* kPart = "tcpwhy.part";
constexpr const char* kEnd = "tcpwhy.part.end";
constexpr const char* kInterface = "tcpwhy.interface";
constexpr int kVersion = 1;
constexpr int kSourceShift = 32;

/// File names needn't be UTF-8, JSON must be.
std::string in_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json parsed(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

/// The n-th comment, or nothing.
std::optional<std::string_view> comment(wtap_block_t block, unsigned n) {
  char* text = nullptr;
  if (block == nullptr || wtap_block_get_nth_string_option_value(block, OPT_COMMENT, n, &text) != WTAP_OPTTYPE_SUCCESS) return {};
  return text;
}

/// A member of an object that is a number of this type, or nothing.
template <typename Number>
std::optional<Number> number(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return {};
  if constexpr (std::is_unsigned_v<Number>) {
    if (!found->is_number_unsigned()) return {};
    const auto value = found->get<std::uint64_t>();
    return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value)) : std::nullopt;
  } else {
    return found->get<Number>();
  }
}

std::optional<std::string> text(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

/// What a part's section says; an empty object where it says nothing.
Json of_section(wtap* file) {
  std::string all;
  if (wtap_file_type_subtype(file) == wtap_pcapng_file_type_subtype()) {
    wtap_block_t section = wtap_file_get_shb(file, 0);
    for (unsigned i = 0; const auto piece = comment(section, i); ++i) all += *piece;
  }
  Json json = parsed(all);
  return json.is_object() ? json : Json::object();
}

std::optional<Share> read_share(const Json& json) {
  Share share;
  const auto of = number<std::uint32_t>(json, "of");
  const auto shards = json.find("shards");
  if (!of || *of == 0 || *of > kMostShards || shards == json.end() || !shards->is_array() || shards->empty()) return {};
  share.of = *of;
  share.shards.clear();
  for (const Json& shard : *shards) {
    if (!shard.is_number_unsigned() || shard.get<std::uint64_t>() >= *of) return {};
    share.shards.push_back(shard.get<std::uint32_t>());
  }
  std::sort(share.shards.begin(), share.shards.end());
  share.shards.erase(std::unique(share.shards.begin(), share.shards.end()), share.shards.end());
  return share;
}

}  // namespace

std::vector<std::string> to_comments(const PartHeader& header) {
  Json sources = Json::array();
  for (const SourceFile& source : header.sources) {
    sources.push_back({{"name", source.name}, {"bytes", source.bytes}, {"checksum", source.checksum}, {"first", source.first_time}});
  }
  const std::string all =
      in_text({{kPart, kVersion}, {"sources", std::move(sources)}, {"shards", header.share.shards}, {"of", header.share.of}});
  std::vector<std::string> comments;
  std::size_t at = 0;
  while (at < all.size()) {
    std::size_t end = std::min(all.size(), at + kLongestOption);
    while (end < all.size() && (static_cast<unsigned char>(all[end]) & 0xc0U) == 0x80U) --end;  // Not within a character.
    comments.push_back(all.substr(at, end - at));
    at = end;
  }
  return comments;
}

bool is_part(wtap* file) { return of_section(file).contains(kPart); }

std::optional<PartHeader> read_header(wtap* file) {
  const Json json = of_section(file);
  if (number<std::uint32_t>(json, kPart) != kVersion) return {};
  PartHeader header;
  const auto share = read_share(json);
  const auto sources = json.find("sources");
  if (!share || sources == json.end() || !sources->is_array() || sources->size() > kMostSources) return {};
  header.share = *share;
  for (const Json& each : *sources) {
    if (!each.is_object()) return {};
    const auto name = text(each, "name");
    const auto bytes = number<std::uint64_t>(each, "bytes");
    const auto checksum = text(each, "checksum");
    const auto first = number<std::int64_t>(each, "first");
    if (!name || !bytes || !checksum || !first) return {};
    header.sources.push_back({*name, *bytes, *checksum, *first});
  }
  return header;
}

void put_numbers(wtap_rec& record, const PartNumbers& numbers, bool several_sources) {
  if (record.block != nullptr) wtap_block_unref(record.block);
  record.block = wtap_block_create(WTAP_BLOCK_PACKET);
  record.block_was_modified = true;
  wtap_block_add_uint64_option(record.block, OPT_PKT_PACKETID,
                               std::uint64_t{numbers.source} << kSourceShift | numbers.in_source);
  if (several_sources) wtap_block_add_uint32_option(record.block, OPT_PKT_QUEUE, numbers.in_group);
}

std::optional<PartNumbers> read_numbers(const wtap_rec& record, bool several_sources) {
  std::uint64_t id = 0;
  if (record.block == nullptr || record.rec_type != REC_TYPE_PACKET) return {};
  if (wtap_block_get_uint64_option_value(record.block, OPT_PKT_PACKETID, &id) != WTAP_OPTTYPE_SUCCESS) return {};
  PartNumbers numbers;
  numbers.in_source = static_cast<FrameNumber>(id);
  numbers.source = static_cast<std::uint32_t>(id >> kSourceShift);
  numbers.in_group = numbers.in_source;
  if (several_sources &&
      wtap_block_get_uint32_option_value(record.block, OPT_PKT_QUEUE, &numbers.in_group) != WTAP_OPTTYPE_SUCCESS) {
    return {};
  }
  return numbers;
}

wtap_block_t make_part_interface(wtap_block_t interface, std::uint32_t own_number) {
  wtap_block_t copy = copy_of_interface(interface);
  while (wtap_block_remove_nth_option_instance(copy, OPT_COMMENT, 0) == WTAP_OPTTYPE_SUCCESS) continue;
  const std::string said = in_text({{kInterface, own_number}});
  wtap_block_add_string_option(copy, OPT_COMMENT, said.data(), said.size());
  return copy;
}

std::uint32_t own_number(wtap_block_t part_interface) {
  const Json json = parsed(comment(part_interface, 0).value_or(""));
  return json.is_object() ? number<std::uint32_t>(json, kInterface).value_or(0) : 0;
}

std::string to_end(const std::vector<Problem>& problems) {
  Json all = Json::array();
  std::size_t room = kLongestOption / 2;  // JSON may take several bytes for one.
  for (const Problem& problem : problems) {
    const std::size_t size = problem.file.size() + problem.what.size() + 64;
    if (size > room) break;
    room -= size;
    all.push_back({{"file", problem.file}, {"what", problem.what}, {"after", problem.after_frame}});
  }
  return in_text({{kEnd, {{"problems", std::move(all)}}}});
}

std::optional<std::vector<Problem>> read_end(const wtap_rec& record) {
  const auto said = comment(record.block, 0);
  if (!said) return {};
  const Json json = parsed(*said);
  if (!json.is_object() || !json.contains(kEnd) || !json[kEnd].is_object()) return {};
  std::vector<Problem> problems;
  const auto all = json[kEnd].find("problems");
  if (all == json[kEnd].end() || !all->is_array()) return problems;
  for (const Json& each : *all) {
    if (!each.is_object()) continue;
    problems.push_back({text(each, "file").value_or(""), text(each, "what").value_or(""),
                        number<FrameNumber>(each, "after").value_or(0)});
  }
  return problems;
}

}  // namespace tcpwhy::batch
