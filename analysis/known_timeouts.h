// The defaults of real products, so that a measured idle timeout can be named. A value is shared by many, so that a name is a
// candidate and never alone where several fit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idle_timeout.h"

namespace tcpwhy {

/// A product's default.
struct KnownTimeout {
  /// Who closes, or forgets, and as what.
  enum class Role : std::uint8_t {
    server,    ///< Answers requests: closes idle connections of its clients.
    client,    ///< Sends requests: closes idle connections of its pool. A proxy towards its upstreams, too.
    proxy,     ///< Passes bytes on, and closes both sides.
    middlebox, ///< Forgets without closing: balancers in layer 4, NAT, firewalls.
  };

  std::string_view product;
  std::string_view setting;
  Role role = Role::server;
  std::uint32_t milliseconds = 0;
  std::string_view source;  ///< Where it was read.
};

/// "server" · "client" · "proxy" · "middlebox".
[[nodiscard]] std::string_view to_string(KnownTimeout::Role role);

/// A row that a user added: as above, and owning its words.
struct OwnTimeout {
  std::string product;
  std::string setting;
  KnownTimeout::Role role = KnownTimeout::Role::server;
  std::uint32_t milliseconds = 0;

  /// Valid as long as this is.
  [[nodiscard]] KnownTimeout view() const { return {product, setting, role, milliseconds, "added by the user"}; }
};

/// Every row, in the order of preference where several fit.
[[nodiscard]] std::span<const KnownTimeout> known_timeouts();

/// Those that fit, the best first: by who closes, and by how near they are.
[[nodiscard]] std::vector<const KnownTimeout*> candidates_for(const IdleTimeout& timeout, std::span<const KnownTimeout> own = {});

/// A timeout that was measured, and who has such a default: name_candidates.
struct NamedTimeout {
  IdleTimeout timeout;
  std::string client;  ///< Between whom it was measured: an address,
  std::string server;  ///< and an address and port; "" where it is the client's towards all servers.
  std::string match;
};

/// "Node.js http.Server (keepAliveTimeout + 1 s, 6 s); ...": at most `most` of them, and how many more fit; "" for none.
[[nodiscard]] std::string name_candidates(std::span<const KnownTimeout* const> candidates, std::size_t most = 4);

}  // namespace tcpwhy
