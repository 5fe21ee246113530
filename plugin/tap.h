// The taps "tcpwhy" and "tcpwhy_endpoints": what a frame decides, for whoever listens: our statistics, Lua.
//
// Model: a frame queues one record, however much it decides. `tcpwhy` gets the frames that decide an incident: an incident
// stands on all frames of its stream, but comes once. `tcpwhy_endpoints` gets these, and the frames that show how long an
// endpoint keeps idle connections.
//   While frames are read for the first time a verdict is provisional: a later frame may decide the incident anew, and then
// it comes again. Stream and question say that it is the same incident; the last word counts. Once the capture was read
// (the second pass of `tshark -2`, Wireshark) each incident comes once, and sealed.
// Lives: a record is plain C in the packet's pool, as epan wants of a tap: gone with the packet.
// Limits: a provisional verdict that nothing decides anew stays as it was, also where the end of the capture would have
// changed it. Without a listener nothing is made.
#pragma once

#include <cstdint>

#include "epan_compat.h"
#include "finding_view.h"
#include "idle_timeout.h"

namespace tcpwhy::plugin {

/// The words are those of the fields tcpwhy.<name>. No pointer is null.
struct TappedIncident {
  std::uint32_t stream;
  std::uint32_t question;  ///< A stream has one incident for each (Question): both together name it.
  const char* cause;
  const char* variant;  ///< "" where the cause has one only.
  const char* client;   ///< "" where the connection is no longer known;
  const char* server;   ///< so is this.
  Severity severity;
  Fault fault;
  Impact impact;
};

/// How long an endpoint keeps idle connections, as measured so far.
struct TappedTimeout {
  const char* client;
  const char* server;  ///< "" where a client keeps its connections to all servers alike.
  const char* match;   ///< Products whose default it is; "" for none.
  IdleTimeout timeout;
};

/// What `data` of a tap_packet_cb points to.
struct TapRecord {
  const TappedIncident* incidents;
  std::uint32_t incident_count;
  const TappedTimeout* timeouts;
  std::uint32_t timeout_count;
  bool sealed;  ///< The last word, and not a provisional one.
};

constexpr const char* kIncidentTap = "tcpwhy";
constexpr const char* kEndpointTap = "tcpwhy_endpoints";

/// Once, in the protocol's registration.
void register_taps();

/// Whether somebody listens to kEndpointTap, so that the idle timeouts of a frame are worth looking up.
[[nodiscard]] bool endpoints_are_tapped();

/// Queues what this frame decides, if somebody listens. Throws nothing, and keeps nothing of the page.
void tap(const Page& page, packet_info* pinfo);

}  // namespace tcpwhy::plugin
