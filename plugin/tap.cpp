#include "tap.h"

#include <string_view>
#include <type_traits>

#include "catalogue.h"
#include "pooled.h"

namespace tcpwhy::plugin {
namespace {

static_assert(std::is_trivially_copyable_v<TappedIncident> && std::is_trivially_copyable_v<TappedTimeout>);

int incident_tap = 0;
int endpoint_tap = 0;

TappedIncident incident_of(const Finding& finding, packet_info* pinfo) {
  const Verdict& verdict = finding.verdict;
  TappedIncident incident{};
  incident.stream = finding.stream;
  incident.question = static_cast<std::uint32_t>(verdict.diagnosis->question);
  incident.cause = pooled(pinfo, verdict.diagnosis->id);
  incident.variant = pooled(pinfo, verdict.variant);
  incident.client = pooled(pinfo, finding.client);
  incident.server = pooled(pinfo, finding.server);
  incident.severity = verdict.severity;
  incident.fault = verdict.fault;
  incident.impact = verdict.impact;
  return incident;
}

const TapRecord* record_of(const Page& page, packet_info* pinfo) {
  auto* incidents = wmem_alloc_array(pinfo->pool, TappedIncident, page.findings.size());
  std::uint32_t incident_count = 0;
  for (const Finding* finding : page.findings) {
    if (page.decides(*finding, pinfo->num)) incidents[incident_count++] = incident_of(*finding, pinfo);
  }
  auto* timeouts = wmem_alloc_array(pinfo->pool, TappedTimeout, page.idle_timeouts.size());
  std::uint32_t timeout_count = 0;
  for (const NamedTimeout& named : page.idle_timeouts) {
    timeouts[timeout_count++] = {pooled(pinfo, named.client), pooled(pinfo, named.server), pooled(pinfo, named.match),
                                 named.timeout};
  }
  auto* record = wmem_new(pinfo->pool, TapRecord);
  *record = {incidents, incident_count, timeouts, timeout_count, !page.provisional};
  return record;
}

}  // namespace

void register_taps() {
  incident_tap = register_tap(kIncidentTap);
  endpoint_tap = register_tap(kEndpointTap);
}

bool endpoints_are_tapped() {
  return have_tap_listener(endpoint_tap);
}

void tap(const Page& page, packet_info* pinfo) {
  if (page.findings.empty() && page.idle_timeouts.empty()) return;
  const bool to_incidents = have_tap_listener(incident_tap);
  const bool to_endpoints = endpoints_are_tapped();
  if (!to_incidents && !to_endpoints) return;
  const TapRecord* record = record_of(page, pinfo);
  const bool incidents = record->incident_count != 0;
  if (to_incidents && incidents) tap_queue_packet(incident_tap, pinfo, record);
  if (to_endpoints && (incidents || record->timeout_count != 0)) tap_queue_packet(endpoint_tap, pinfo, record);
}

}  // namespace tcpwhy::plugin
