#include "filter.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <numeric>
#include <utility>

#include "catalogue.h"
#include "endpoint.h"

namespace tcpwhy::batch {
namespace {

using Words = std::vector<std::string_view>;

/// The words of an enumeration, up to its last enumerator.
template <typename Enumeration>
Words words_to(Enumeration last) {
  Words words;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) words.push_back(to_string(static_cast<Enumeration>(i)));
  return words;
}

Words causes() {
  Words words;
  for (const Diagnosis* diagnosis : catalogue()) words.push_back(diagnosis->id);
  return words;
}

Words variants() {
  Words words;
  for (const Diagnosis* diagnosis : catalogue()) {
    for (const Variant& variant : diagnosis->variants) words.push_back(variant.word);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

/// A field whose values are words.
struct WordField {
  std::string_view name;
  Words (*allowed)();
  std::string_view (*word)(const Verdict&);
};

constexpr std::array<WordField, 6> kWordFields = {{
    {"cause", causes, [](const Verdict& verdict) { return verdict.diagnosis->id; }},
    {"variant", variants, [](const Verdict& verdict) { return verdict.variant; }},
    {"severity", [] { return words_to(Severity::error); }, [](const Verdict& verdict) { return to_string(verdict.severity); }},
    {"confidence", [] { return words_to(Confidence::possible); },
     [](const Verdict& verdict) { return to_string(verdict.confidence); }},
    {"fault", [] { return words_to(Fault::unknown); }, [](const Verdict& verdict) { return to_string(verdict.fault); }},
    {"impact", [] { return words_to(Impact::unknown); }, [](const Verdict& verdict) { return to_string(verdict.impact); }},
}};

constexpr std::string_view kEndpoint = "endpoint";
constexpr std::string_view kSeverity = "severity";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

Words split(std::string_view list) {
  Words words;
  for (;;) {
    const std::size_t comma = list.find(',');
    words.push_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return words;
    list.remove_prefix(comma + 1);
  }
}

/// How many characters must be put in, taken out or exchanged to make one of the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// ` (did you mean "keepalive_race"?)`, or "" where nothing is near.
std::string suggestion(std::string_view word, const Words& allowed) {
  constexpr std::size_t kLongestTypo = 64;
  if (word.empty() || word.size() > kLongestTypo) return {};
  const auto strangeness = [&](std::string_view candidate) {
    return candidate.find(word) != std::string_view::npos ? 0 : distance(word, candidate);
  };
  const auto nearest = std::min_element(allowed.begin(), allowed.end(), [&](std::string_view a, std::string_view b) {
    return strangeness(a) < strangeness(b);
  });
  if (nearest == allowed.end() || strangeness(*nearest) > word.size() / 3 + 1) return {};
  return fmt::format(" (did you mean \"{}\"?)", *nearest);
}

/// What stands on either side of the comparison.
struct Expression {
  std::string_view text;
  std::string_view field;
  bool at_least = false;
  Words words;

  [[noreturn]] void refuse(const std::string& why) const { throw FilterError(fmt::format("--filter '{}': {}", text, why)); }
};

Expression parse(std::string_view text) {
  Expression expression;
  expression.text = text;
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    expression.refuse("there is no = or >= in it; such as cause=keepalive_race, severity>=warn or endpoint=10.0.0.1:443");
  }
  expression.at_least = equals > 0 && text[equals - 1] == '>';
  expression.field = trimmed(text.substr(0, expression.at_least ? equals - 1 : equals));
  expression.words = split(text.substr(equals + 1));
  return expression;
}

/// Part of a network: an address or a range of them, and maybe one port.
struct Place {
  Address network;
  unsigned prefix = 0;  ///< Bits that count.
  std::optional<std::uint16_t> port;

  [[nodiscard]] bool holds(const Address& address) const {
    if (address.length != network.length) return false;
    for (unsigned bit = 0; bit < prefix; bit += 8) {
      const unsigned counted = std::min(prefix - bit, 8U);
      const unsigned mask = 0xffU << (8 - counted) & 0xffU;
      if (((address.bytes[bit / 8] ^ network.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
  }
};

template <typename Number>
std::optional<Number> number_up_to(unsigned most, std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return {};
  return static_cast<Number>(value);
}

std::optional<Address> read_address(std::string_view text) {
  const std::string terminated(text);
  Address address;
  const bool v6 = terminated.find(':') != std::string::npos;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes.data()) != 1) return {};
  address.length = v6 ? 16 : 4;
  return address;
}

/// "10.0.0.1", "10.0.0.1:80", "10.0.0.0/8", "2001:db8::1", "[2001:db8::1]:80", "2001:db8::/32".
std::optional<Place> read_place(std::string_view text) {
  Place place;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return {};
    const std::string_view behind = text.substr(bracket + 1);
    if (!behind.empty()) {
      if (!behind.starts_with(':')) return {};
      place.port = number_up_to<std::uint16_t>(65'535, behind.substr(1));
      if (!place.port) return {};
    }
    text = text.substr(1, bracket - 1);
    if (text.find(':') == std::string_view::npos) return {};
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos && text.rfind(':') == colon) {
    place.port = number_up_to<std::uint16_t>(65'535, text.substr(colon + 1));
    if (!place.port) return {};
    text = text.substr(0, colon);
  }
  const std::size_t slash = text.find('/');
  const auto address = read_address(text.substr(0, slash));
  if (!address) return {};
  place.network = *address;
  place.prefix = address->length * 8U;
  if (slash != std::string_view::npos) {
    const auto prefix = number_up_to<unsigned>(place.prefix, text.substr(slash + 1));
    if (!prefix) return {};
    place.prefix = *prefix;
  }
  return place;
}

/// Whether somebody whom a finding names is one of those.
bool any_holds(const std::vector<Place>& places, std::string_view who, std::optional<std::uint16_t> known_port) {
  const auto party = read_place(who);
  if (!party) return false;
  const auto port = known_port ? known_port : party->port;
  return std::any_of(places.begin(), places.end(), [&](const Place& place) {
    return place.holds(party->network) && (!place.port || place.port == port);
  });
}

std::vector<Place> read_places(const Expression& expression) {
  std::vector<Place> places;
  for (const std::string_view word : expression.words) {
    const auto place = read_place(word);
    if (!place) {
      expression.refuse(fmt::format("\"{}\" is no endpoint; such as 10.0.0.1, 10.0.0.1:443, 10.0.0.0/8, 2001:db8::1 or "
                                    "[2001:db8::1]:443; names are not looked up", word));
    }
    places.push_back(*place);
  }
  return places;
}

const WordField& find_word_field(const Expression& expression) {
  for (const WordField& field : kWordFields) {
    if (field.name == expression.field) return field;
  }
  Words names{kEndpoint};
  for (const WordField& field : kWordFields) names.push_back(field.name);
  expression.refuse(fmt::format("there is no field \"{}\" to filter by{}; fields: {}", expression.field,
                                suggestion(expression.field, names), fmt::join(names, ", ")));
}

}  // namespace

Filter::Filter(std::span<const std::string> expressions) {
  for (const std::string& expression : expressions) add(expression);
}

void Filter::add(const std::string& text) {
  const Expression expression = parse(text);
  const bool by_endpoint = expression.field == kEndpoint;
  const WordField* const field = by_endpoint ? nullptr : &find_word_field(expression);
  if (expression.at_least && expression.field != kSeverity) expression.refuse(">= is for severity; others take =");
  if (by_endpoint) {
    endpoint_conditions_.push_back([places = read_places(expression)](const Parties& parties) {
      return any_holds(places, parties.client, parties.client_port) || any_holds(places, parties.server, {});
    });
    return;
  }

  const Words allowed = field->allowed();
  std::vector<std::string> wanted;
  for (const std::string_view word : expression.words) {
    const auto known = std::find(allowed.begin(), allowed.end(), word);
    if (known == allowed.end()) {
      expression.refuse(fmt::format("there is no {} \"{}\"{}; there are {}", field->name, word, suggestion(word, allowed),
                                    fmt::join(allowed, ", ")));
    }
    // Of severities, each one above is wanted, too.
    const auto end = expression.at_least ? allowed.end() : known + 1;
    wanted.insert(wanted.end(), known, end);
  }
  conditions_.push_back([word = field->word, wanted = std::move(wanted)](const Finding& finding) {
    return std::find(wanted.begin(), wanted.end(), word(finding.verdict)) != wanted.end();
  });
}

bool Filter::lets_through(const Parties& parties) const {
  return std::all_of(endpoint_conditions_.begin(), endpoint_conditions_.end(), [&](const auto& holds) { return holds(parties); });
}

bool Filter::lets_through(const Finding& finding) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const auto& holds) { return holds(finding); }) &&
         lets_through(Parties{finding.client, finding.client_port, finding.server});
}

bool Filter::lets_through(const NamedTimeout& timeout) const {
  return lets_through(Parties{timeout.client, {}, timeout.server});
}

}  // namespace tcpwhy::batch
