#include "profile_file.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <glib.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace tcpwhy {
namespace {

constexpr int kVersion = 1;
constexpr const char* kHeader = "tcpwhy profile";

using KeyFile = std::unique_ptr<GKeyFile, decltype(&g_key_file_free)>;
KeyFile make_key_file() {
  return {g_key_file_new(), g_key_file_free};
}

const char* name_of(SpellEnd end) {
  switch (end) {
    case SpellEnd::answered:
      return "answered";
    case SpellEnd::forgotten:
      return "forgotten";
    case SpellEnd::met_close:
      return "met_close";
    case SpellEnd::server_closed:
      return "server_closed";
    case SpellEnd::client_closed:
      break;
  }
  return "client_closed";
}

std::optional<Address> address_from(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.length = 4;
  } else if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.length = 16;
  } else {
    return std::nullopt;
  }
  return address;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// "10.0.0.1:80" or "[2001:db8::1]:80".
std::optional<Endpoint> endpoint_from(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  if (colon == std::string_view::npos || !read_number(text.substr(colon + 1), endpoint.port)) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = address_from(std::string(host));
  if (!address) return std::nullopt;
  endpoint.address = *address;
  return endpoint;
}

std::string text_of(const IdleSpell& spell) {
  return fmt::format("{},{},{},{},{},{}", spell.length, spell.silence, spell.ended, spell.age, spell.round_trip,
                     spell.advertised);
}

std::optional<IdleSpell> spell_from(std::string_view text, SpellEnd end) {
  IdleSpell spell;
  spell.end = end;
  std::int64_t advertised = 0;
  for (std::int64_t* number :
       std::array{&spell.length, &spell.silence, &spell.ended, &spell.age, &spell.round_trip, &advertised}) {
    const std::size_t comma = text.find(',');
    if (!read_number(text.substr(0, comma), *number)) return std::nullopt;
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  if (!text.empty() || spell.length < 0 || spell.silence < 0 || advertised < 0 || advertised > 0xffff)
    return std::nullopt;
  if (spell.length > kLongestSpell || spell.silence > spell.length || spell.age < IdleSpell::kUnknown) return std::nullopt;
  if (spell.ended < kEarliestTime || spell.ended > kLatestTime || spell.age > kLatestTime) return std::nullopt;
  if (spell.round_trip < 0 || spell.round_trip > kLongestSpell) return std::nullopt;
  spell.advertised = static_cast<std::uint16_t>(advertised);
  return spell;
}

std::string value_of(GKeyFile* file, const char* group, const char* key) {
  const std::unique_ptr<char, decltype(&g_free)> value(g_key_file_get_string(file, group, key, nullptr), g_free);
  return value ? value.get() : "";
}

void read_route(GKeyFile* file, const char* group, Profiles& profiles) {
  const auto client = address_from(value_of(file, group, "client"));
  const auto server = endpoint_from(value_of(file, group, "server"));
  if (!client || !server) throw ProfileError(fmt::format("[{}]: client or server is no address", group));
  for (const SpellEnd end : kSpellEnds) {
    const std::string list = value_of(file, group, name_of(end));
    std::string_view rest = list;
    std::uint64_t kept = 0;
    while (!rest.empty()) {
      const std::size_t semicolon = rest.find(';');
      const auto spell = spell_from(rest.substr(0, semicolon), end);
      if (!spell)
        throw ProfileError(
            fmt::format("[{}]: {}: \"{}\" is no silence", group, name_of(end), rest.substr(0, semicolon)));
      profiles.note({*client, *server}, *spell);
      ++kept;
      rest.remove_prefix(semicolon == std::string_view::npos ? rest.size() : semicolon + 1);
    }
    std::uint64_t count = 0;
    if (read_number(value_of(file, group, fmt::format("{}.count", name_of(end)).c_str()), count) && count > kept) {
      profiles.note_unkept({*client, *server}, end, count - kept);
    }
  }
}

}  // namespace

std::string to_text(const Profiles& profiles) {
  const KeyFile file = make_key_file();
  g_key_file_set_integer(file.get(), kHeader, "version", kVersion);
  std::size_t number = 0;
  profiles.for_each_route([&](const Route& route, const EndpointProfile& profile) {
    const std::string group = fmt::format("route {}", ++number);
    g_key_file_set_string(file.get(), group.c_str(), "client", to_string(route.client).c_str());
    g_key_file_set_string(file.get(), group.c_str(), "server", to_string(route.server).c_str());
    for (const SpellEnd end : kSpellEnds) {
      const SpellSample& sample = profile.of(end);
      if (sample.count() == 0) continue;
      std::string list;
      for (const IdleSpell& spell : sample.spells()) list += text_of(spell) + ";";
      g_key_file_set_string(file.get(), group.c_str(), name_of(end), list.c_str());
      g_key_file_set_string(file.get(), group.c_str(), fmt::format("{}.count", name_of(end)).c_str(),
                            std::to_string(sample.count()).c_str());
    }
  });
  const std::unique_ptr<char, decltype(&g_free)> text(g_key_file_to_data(file.get(), nullptr, nullptr), g_free);
  return text.get();
}

Profiles profiles_from(std::string_view text) {
  const KeyFile file = make_key_file();
  GError* error = nullptr;
  if (g_key_file_load_from_data(file.get(), text.data(), text.size(), G_KEY_FILE_NONE, &error) == FALSE) {
    const std::unique_ptr<GError, decltype(&g_error_free)> owned(error, g_error_free);
    throw ProfileError(fmt::format("no profile: {}", owned->message));
  }
  const std::string version = value_of(file.get(), kHeader, "version");
  if (version != std::to_string(kVersion)) {
    throw ProfileError(version.empty() ? "no profile: it has no version"
                                       : fmt::format("version {} is not known here", version));
  }
  Profiles profiles;
  const std::unique_ptr<char*, decltype(&g_strfreev)> groups(g_key_file_get_groups(file.get(), nullptr), g_strfreev);
  for (char** group = groups.get(); *group != nullptr; ++group) {
    if (std::strncmp(*group, "route ", 6) == 0) read_route(file.get(), *group, profiles);
  }
  return profiles;
}

}  // namespace tcpwhy
