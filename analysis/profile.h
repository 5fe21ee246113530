// What whole endpoints show: the silences of all their connections (idle_spell.h), by server, by client, and by both. What
// is configured is derived from them (idle_timeout.h) and never stored, so that two profiles add: that of a capture is the
// sum of those of its parts.
//
// Limits: of each kind so many silences are kept (limits.h), and which ones doesn't depend on their order: of those survived
// the longest, of those not survived the shortest, of closes a sample by a hash. Servers are told by address and port, clients
// by address.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "capture_edges.h"
#include "connection.h"
#include "endpoint.h"
#include "idle_spell.h"
#include "idle_timeout.h"
#include "limits.h"

namespace tcpwhy {

/// Who asks whom.
struct Route {
  Address client;
  Endpoint server;

  friend bool operator==(const Route&, const Route&) = default;
};
[[nodiscard]] inline Route route_of(const Connection& connection) {
  return {connection.endpoint(Side::client).address, connection.endpoint(Side::server)};
}

/// The silences of one kind that are kept, and how many there were. Adding is commutative and associative.
class SpellSample {
 public:
  enum class Keep : std::uint8_t { longest, shortest, any };

  SpellSample(Keep keep, std::size_t most) : keep_(keep), most_(most) {}

  /// Returns by how many the kept ones grew: 0 or 1.
  std::size_t add(const IdleSpell& spell);
  void add(const SpellSample& other);
  /// Counts silences that aren't kept.
  void add_unkept(std::uint64_t count) { count_ += count; }

  [[nodiscard]] std::span<const IdleSpell> spells() const { return spells_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] bool complete() const { return count_ == spells_.size(); }

 private:
  [[nodiscard]] bool before(const IdleSpell& a, const IdleSpell& b) const;

  Keep keep_;
  std::size_t most_;
  std::uint64_t count_ = 0;
  std::vector<IdleSpell> spells_;  ///< A heap: the one to go first is in front.
};

/// The silences of one server's connections, or of those between one client and it.
struct EndpointProfile {
  SpellSample answered{SpellSample::Keep::longest, kSpellsKept};
  SpellSample forgotten{SpellSample::Keep::shortest, kSpellsKept};
  SpellSample met_close{SpellSample::Keep::shortest, kSpellsKept};
  SpellSample server_closed{SpellSample::Keep::any, kSpellsKept};
  SpellSample client_closed{SpellSample::Keep::any, kSpellsKept};

  [[nodiscard]] SpellSample& of(SpellEnd end);
  [[nodiscard]] const SpellSample& of(SpellEnd end) const;
  void add(const EndpointProfile& other);
};

/// Of every server and every route of a capture.
class Profiles {
 public:
  /// A route's number, by first appearance.
  using Place = std::uint32_t;
  static constexpr Place kNowhere = 0xffffffff;

  void note(const Route& route, const IdleSpell& spell);
  /// Counts silences of which nothing else is known.
  void note_unkept(const Route& route, SpellEnd end, std::uint64_t count);
  void note(const CutBeginning& beginning);
  void note(const CutEnd& end);

  /// Adds what the next capture showed: silences that the cut between both went through are put together again. What is
  /// derived is then what one capture of both shows. `smallest_idle_gap`: as in the settings of both.
  void append(const Profiles& other, Nanoseconds smallest_idle_gap);

  /// kNowhere for a route without silences.
  [[nodiscard]] Place find(const Route& route) const;
  [[nodiscard]] std::size_t routes() const { return routes_.entries.size(); }
  [[nodiscard]] const Route& route(Place place) const { return routes_.entries[place].first; }

  /// The idle timeouts that these streams show: the server's, or what forgets on the way to it, then the client's.
  [[nodiscard]] std::vector<IdleTimeout> timeouts(const Route& route) const;
  /// The server's timer, or else what forgets on the way to it.
  [[nodiscard]] std::optional<IdleTimeout> server_timeout(const Endpoint& server) const;

  [[nodiscard]] const CaptureEdges& edges() const { return edges_; }

  /// How long a client keeps idle connections, whatever server they lead to: where those to one server are too few to tell.
  [[nodiscard]] std::optional<IdleTimeout> client_timeout(const Address& client) const;

  /// Null where there is nothing to say.
  [[nodiscard]] const EndpointProfile* server(const Endpoint& server) const;
  [[nodiscard]] const EndpointProfile* pair(const Route& route) const;

  /// By first appearance.
  void for_each_route(const std::function<void(const Route&, const EndpointProfile&)>& visit) const;
  void for_each_server(const std::function<void(const Endpoint&, const EndpointProfile&)>& visit) const;

 private:
  struct ServerHash {
    std::size_t operator()(const Endpoint& server) const { return hash_of(server); }
  };
  struct ClientHash {
    std::size_t operator()(const Address& client) const { return hash_of(client); }
  };
  struct RouteHash {
    std::size_t operator()(const Route& route) const { return hash_of(route.client) * 31 + hash_of(route.server); }
  };
  template <typename Key, typename Hash>
  struct Book {
    std::unordered_map<Key, std::size_t, Hash> places;
    std::vector<std::pair<Key, EndpointProfile>> entries;  ///< By first appearance.

    [[nodiscard]] const EndpointProfile* find(const Key& key) const {
      const auto found = places.find(key);
      return found == places.end() ? nullptr : &entries[found->second].second;
    }
    /// Null where there is no room.
    EndpointProfile* get(const Key& key);
  };

  void join(const CutBeginning& beginning, const CutEnd& end, Nanoseconds smallest_idle_gap);

  CaptureEdges edges_;
  Book<Endpoint, ServerHash> servers_;
  Book<Address, ClientHash> clients_;
  Book<Route, RouteHash> routes_;
  std::size_t kept_ = 0;  ///< Silences, in all books.
};

}  // namespace tcpwhy
