#include "profile.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace tcpwhy {
namespace {

/// A number that depends on the silence alone, so that a sample is the same in whatever order it was drawn.
std::uint64_t lot(const IdleSpell& spell) {
  std::uint64_t value = static_cast<std::uint64_t>(spell.ended) * 0x9e3779b97f4a7c15ULL;
  value ^= static_cast<std::uint64_t>(spell.length) + (value >> 29);
  value *= 0xbf58476d1ce4e5b9ULL;
  return value ^ (value >> 32);
}

}  // namespace

// -------------------------------------------------------------------------------------------- SpellSample

/// A total order, so that what is kept doesn't depend on the order of adding: who goes first is the last.
bool SpellSample::before(const IdleSpell& a, const IdleSpell& b) const {
  const auto rank = [this](const IdleSpell& spell) {
    const auto length = static_cast<std::uint64_t>(spell.length);
    const std::uint64_t first = keep_ == Keep::any ? lot(spell) : keep_ == Keep::shortest ? length : ~length;
    return std::tuple(first, spell.ended, spell.length, spell.silence, spell.age, spell.stream);
  };
  return rank(a) < rank(b);
}

std::size_t SpellSample::add(const IdleSpell& spell) {
  ++count_;
  const auto order = [this](const IdleSpell& a, const IdleSpell& b) { return before(a, b); };
  if (spells_.size() == most_) {
    if (!before(spell, spells_.front())) return 0;
    std::pop_heap(spells_.begin(), spells_.end(), order);
    spells_.back() = spell;
    std::push_heap(spells_.begin(), spells_.end(), order);
    return 0;
  }
  spells_.push_back(spell);
  std::push_heap(spells_.begin(), spells_.end(), order);
  return 1;
}

void SpellSample::add(const SpellSample& other) {
  const std::uint64_t unseen = other.count_ - other.spells_.size();
  for (const IdleSpell& spell : other.spells_) add(spell);
  count_ += unseen;
}

// ---------------------------------------------------------------------------------------- EndpointProfile

const SpellSample& EndpointProfile::of(SpellEnd end) const {
  switch (end) {
    case SpellEnd::answered: return answered;
    case SpellEnd::forgotten: return forgotten;
    case SpellEnd::met_close: return met_close;
    case SpellEnd::server_closed: return server_closed;
    case SpellEnd::client_closed: break;
  }
  return client_closed;
}

SpellSample& EndpointProfile::of(SpellEnd end) { return const_cast<SpellSample&>(std::as_const(*this).of(end)); }

void EndpointProfile::add(const EndpointProfile& other) {
  for (const SpellEnd end : kSpellEnds) of(end).add(other.of(end));
}

// ----------------------------------------------------------------------------------------------- Profiles

template <typename Key, typename Hash>
EndpointProfile* Profiles::Book<Key, Hash>::get(const Key& key) {
  const auto found = places.find(key);
  if (found != places.end()) return &entries[found->second].second;
  if (entries.size() == kProfiles) return nullptr;
  places.emplace(key, entries.size());
  return &entries.emplace_back(key, EndpointProfile{}).second;
}

void Profiles::note(const Route& route, const IdleSpell& spell) {
  if (kept_ >= kSpells) return;
  if (EndpointProfile* server = servers_.get(route.server)) kept_ += server->of(spell.end).add(spell);
  if (EndpointProfile* pair = routes_.get(route)) kept_ += pair->of(spell.end).add(spell);
}

void Profiles::add(const Profiles& other) {
  for (const auto& [key, profile] : other.servers_.entries) {
    if (EndpointProfile* ours = servers_.get(key)) ours->add(profile);
  }
  for (const auto& [key, profile] : other.routes_.entries) {
    if (EndpointProfile* ours = routes_.get(key)) ours->add(profile);
  }
}

const EndpointProfile* Profiles::server(const Endpoint& server) const { return servers_.find(server); }
const EndpointProfile* Profiles::pair(const Route& route) const { return routes_.find(route); }

Profiles::Place Profiles::find(const Route& route) const {
  const auto found = routes_.places.find(route);
  return found == routes_.places.end() ? kNowhere : static_cast<Place>(found->second);
}

namespace {

/// The server's own timer, or else what forgets.
std::optional<IdleTimeout> server_side(const EndpointProfile& profile, std::optional<StreamNumber> without) {
  const auto others = [&](const SpellSample& sample) {
    std::vector<IdleSpell> spells(sample.spells().begin(), sample.spells().end());
    if (without) std::erase_if(spells, [&](const IdleSpell& spell) { return spell.stream == *without; });
    return spells;
  };
  const std::vector<IdleSpell> survived = others(profile.answered);
  if (const auto timer = timer_behind(others(profile.server_closed), survived, IdleTimeout::By::server)) return timer;
  return bracket_of(others(profile.forgotten), survived);
}

}  // namespace

std::optional<IdleTimeout> Profiles::server_timeout(const Endpoint& server, std::optional<StreamNumber> without) const {
  const EndpointProfile* profile = servers_.find(server);
  return profile == nullptr ? std::nullopt : server_side(*profile, without);
}

std::vector<IdleTimeout> Profiles::timeouts(const Route& route) const {
  std::vector<IdleTimeout> all;
  if (const EndpointProfile* profile = servers_.find(route.server)) {
    if (const auto timeout = server_side(*profile, {})) all.push_back(*timeout);
  }
  const EndpointProfile* profile = routes_.find(route);
  // Who never takes up an idle connection again keeps none: it closes when its work is done.
  if (profile != nullptr && profile->answered.count() > 0) {
    if (const auto timeout = timer_behind(profile->client_closed.spells(), profile->answered.spells(), IdleTimeout::By::client)) {
      all.push_back(*timeout);
    }
  }
  return all;
}

void Profiles::for_each_route(const std::function<void(const Route&, const EndpointProfile&)>& visit) const {
  for (const auto& [route, profile] : routes_.entries) visit(route, profile);
}

void Profiles::for_each_server(const std::function<void(const Endpoint&, const EndpointProfile&)>& visit) const {
  for (const auto& [server, profile] : servers_.entries) visit(server, profile);
}

}  // namespace tcpwhy
