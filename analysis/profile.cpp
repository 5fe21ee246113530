#include "profile.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

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
  for (const IdleSpell& spell : other.spells_) add(spell);
  add_unkept(other.count_ - other.spells_.size());
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
  if (kept_ >= kSpells || spell.length < 0 || spell.length > kLongestSpell) return;
  if (EndpointProfile* server = servers_.get(route.server)) kept_ += server->of(spell.end).add(spell);
  if (EndpointProfile* client = clients_.get(route.client)) kept_ += client->of(spell.end).add(spell);
  if (EndpointProfile* pair = routes_.get(route)) kept_ += pair->of(spell.end).add(spell);
}

void Profiles::note_unkept(const Route& route, SpellEnd end, std::uint64_t count) {
  if (EndpointProfile* server = servers_.get(route.server)) server->of(end).add_unkept(count);
  if (EndpointProfile* client = clients_.get(route.client)) client->of(end).add_unkept(count);
  if (EndpointProfile* pair = routes_.get(route)) pair->of(end).add_unkept(count);
}

void Profiles::note(const CutBeginning& beginning) {
  if (edges_.beginnings.size() < kCutConnections) edges_.beginnings.push_back(beginning);
}

void Profiles::note(const CutEnd& end) {
  if (edges_.ends.size() < kCutConnections) edges_.ends.push_back(end);
}

/// The silence between both, if it was one.
void Profiles::join(const CutBeginning& beginning, const CutEnd& end, Nanoseconds smallest_idle_gap) {
  const Route route{end.client.address, end.server};
  if (beginning.answers_earlier) {
    if (end.asked.length >= smallest_idle_gap) note(route, end.asked);
    return;
  }
  IdleSpell spell = beginning.spell;
  const bool closed = spell.end == SpellEnd::server_closed || spell.end == SpellEnd::client_closed;
  const Side by = spell.end == SpellEnd::server_closed ? Side::server : Side::client;
  // A request that the server had not got when it closed leaves it as idle as it was.
  const bool unaware = spell.end == SpellEnd::server_closed && !beginning.acknowledged.after(end.asked_seq);
  if (end.last_data == 0 || (end.asked.frame != 0 && !unaware) || (closed && !end.conversed)) return;
  const Nanoseconds since = end.asked.frame != 0 ? end.asked.ended - end.asked.length : end.last_data;
  spell.length = std::max<Nanoseconds>(0, spell.ended - since);
  if (closed && end.asked.frame == 0 && end.last_speaker != by) spell.length -= end.reaction[index(by)];
  spell.silence = std::clamp<Nanoseconds>(spell.ended - end.last, 0, spell.length);
  if (spell.advertised == 0) spell.advertised = end.advertised;
  if (spell.end == SpellEnd::forgotten && end.server_closed) spell.end = SpellEnd::met_close;
  if (spell.length >= smallest_idle_gap) note(route, spell);
}

namespace {

void turn_round(CutBeginning& beginning) {
  std::swap(beginning.client, beginning.server);
  if (beginning.spell.end == SpellEnd::server_closed) {
    beginning.spell.end = SpellEnd::client_closed;
  } else if (beginning.spell.end == SpellEnd::client_closed) {
    beginning.spell.end = SpellEnd::server_closed;
  }
}

}  // namespace

void Profiles::append(const Profiles& other, Nanoseconds smallest_idle_gap) {
  const auto add = [](auto& ours, const auto& theirs) {
    for (const auto& [key, profile] : theirs.entries) {
      if (EndpointProfile* known = ours.get(key)) known->add(profile);
    }
  };
  add(servers_, other.servers_);
  add(clients_, other.clients_);
  add(routes_, other.routes_);
  const auto same = [](const auto& a, const auto& b) { return a.client == b.client && a.server == b.server; };
  for (CutBeginning beginning : other.edges_.beginnings) {
    // Who the client was, only the beginning of the connection shows: a close may have been ascribed to the wrong side.
    const auto reversed = std::find_if(edges_.ends.begin(), edges_.ends.end(), [&](const CutEnd& ours) {
      return ours.client == beginning.server && ours.server == beginning.client;
    });
    if (reversed != edges_.ends.end()) turn_round(beginning);
    const auto end = std::find_if(edges_.ends.begin(), edges_.ends.end(), [&](const CutEnd& ours) { return same(ours, beginning); });
    if (end != edges_.ends.end()) {
      join(beginning, *end, smallest_idle_gap);
    } else {
      note(beginning);
    }
  }
  // What goes on beyond both: as the later one left it, and from before what that didn't see.
  std::vector<CutEnd> earlier = std::exchange(edges_.ends, other.edges_.ends);
  for (const CutEnd& before : earlier) {
    const auto now = std::find_if(edges_.ends.begin(), edges_.ends.end(), [&](const CutEnd& ours) {
      return same(ours, before) || (ours.client == before.server && ours.server == before.client);
    });
    if (now == edges_.ends.end()) {
      note(before);
    } else if (now->last_data == 0) {
      now->client = before.client;
      now->server = before.server;
      now->last_data = before.last_data;
      now->reaction = before.reaction;
      now->last_speaker = before.last_speaker;
      now->advertised = before.advertised;
      now->conversed = before.conversed;
      now->asked = before.asked;
      now->asked_seq = before.asked_seq;
      now->server_closed = now->server_closed || before.server_closed;
    }
  }
}

const EndpointProfile* Profiles::server(const Endpoint& server) const { return servers_.find(server); }
const EndpointProfile* Profiles::pair(const Route& route) const { return routes_.find(route); }

Profiles::Place Profiles::find(const Route& route) const {
  const auto found = routes_.places.find(route);
  return found == routes_.places.end() ? kNowhere : static_cast<Place>(found->second);
}

std::optional<IdleTimeout> Profiles::server_timeout(const Endpoint& server) const {
  const EndpointProfile* profile = servers_.find(server);
  if (profile == nullptr) return std::nullopt;
  const std::span<const IdleSpell> survived = profile->answered.spells();
  if (const auto timer = timer_behind(profile->server_closed.spells(), survived, IdleTimeout::By::server)) return timer;
  return bracket_of(profile->forgotten.spells(), survived);
}

namespace {

std::optional<IdleTimeout> client_timer(const EndpointProfile* profile) {
  // Who never takes up an idle connection again keeps none: it closes when its work is done.
  if (profile == nullptr || profile->answered.count() == 0) return {};
  return timer_behind(profile->client_closed.spells(), profile->answered.spells(), IdleTimeout::By::client);
}

}  // namespace

std::optional<IdleTimeout> Profiles::client_timeout(const Address& client) const { return client_timer(clients_.find(client)); }

std::vector<IdleTimeout> Profiles::timeouts(const Route& route) const {
  std::vector<IdleTimeout> all;
  if (const auto timeout = server_timeout(route.server)) all.push_back(*timeout);
  if (const auto timeout = client_timer(routes_.find(route))) all.push_back(*timeout);
  return all;
}

void Profiles::for_each_route(const std::function<void(const Route&, const EndpointProfile&)>& visit) const {
  for (const auto& [route, profile] : routes_.entries) visit(route, profile);
}

void Profiles::for_each_server(const std::function<void(const Endpoint&, const EndpointProfile&)>& visit) const {
  for (const auto& [server, profile] : servers_.entries) visit(server, profile);
}

}  // namespace tcpwhy
