// Which findings somebody wants to see: the command line's --filter.
//
//   cause=keepalive_race,stale_reuse      one of these; so, too, variant, confidence, fault and impact
//   severity>=warn      severity=note     that loud or louder; exactly so
//   endpoint=10.0.0.1   10.0.0.1:443   [2001:db8::1]:443   10.0.0.0/8     the client or the server
//
// Model: an expression is a field, what it is compared with, and words of which one must fit. All expressions must hold.
// Limits: no negation, and no parentheses: who needs more filters the JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "finding.h"
#include "known_timeouts.h"

namespace tcpwhy::batch {

/// An expression that can't be understood. `what()` names it, what is wrong with it, and what would be allowed.
class FilterError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Filter {
 public:
  /// Lets everything through.
  Filter() = default;
  /// Throws FilterError.
  explicit Filter(std::span<const std::string> expressions);

  [[nodiscard]] bool lets_through(const Finding& finding) const;
  /// A timeout has endpoints, and nothing else that is asked for here. A server's is the same for all its clients, a client's
  /// may be the same for all its servers: an endpoint that isn't named doesn't fit.
  [[nodiscard]] bool lets_through(const NamedTimeout& timeout) const;

 private:
  void add(const std::string& expression);

  /// Who talks, as a finding names them.
  struct Parties {
    std::string_view client;
    std::optional<std::uint16_t> client_port;
    std::string_view server;
  };

  [[nodiscard]] bool lets_through(const Parties& parties) const;

  std::vector<std::function<bool(const Finding&)>> conditions_;
  std::vector<std::function<bool(const Parties&)>> endpoint_conditions_;
};

}  // namespace tcpwhy::batch
