#include "incidents.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "carver.h"
#include "packet/decoder.h"
#include "settings.h"
#include "stream_numbering.h"

namespace tcpwhy::batch {
namespace {

constexpr Nanoseconds kNear = 10 * kSecond;

/// When there was an incident between a client and a server.
class Incidents {
 public:
  void add(const ReportedFinding& incident) {
    if (incident.finding.server.empty()) return;
    times_[{incident.finding.client, incident.finding.server}].push_back(incident.time);
  }

  /// Null for two endpoints between which there was none, whichever of them is the server.
  [[nodiscard]] const std::vector<Nanoseconds>* between(const Endpoint& a, const Endpoint& b) const {
    for (const auto& [client, server] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      const auto found = times_.find({to_string(client->address), to_string(*server)});
      if (found != times_.end()) return &found->second;
    }
    return nullptr;
  }

  [[nodiscard]] static bool is_near(const std::vector<Nanoseconds>& incidents, Nanoseconds time) {
    return std::any_of(incidents.begin(), incidents.end(), [time](Nanoseconds incident) {
      return incident == 0 || std::abs(time - incident) <= kNear;  // 0: nobody knows when.
    });
  }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<Nanoseconds>> times_;
};

void add_neighbours(const Incidents& incidents, CaptureSet& captures, CarveOrder& order) {
  captures.rewind();
  Slot slot;
  Sighting sighting;
  StreamIndex streams(numbering_rule());
  // Of each stream once: what stands between its endpoints.
  std::unordered_map<StreamNumber, const std::vector<Nanoseconds>*> known;
  while (captures.next(slot)) {
    if (!decode(slot.packet, sighting)) continue;
    const StreamNumber stream = streams.number(sighting.read);
    const auto [found, is_new] = known.try_emplace(stream, nullptr);
    if (is_new) found->second = incidents.between(sighting.read.source, sighting.read.destination);
    if (found->second != nullptr && Incidents::is_near(*found->second, slot.packet.time)) order.streams.insert(stream);
  }
}

}  // namespace

std::uint64_t carve_incidents(const Report& report, CaptureSet& captures, const std::string& file, bool neighbours, bool all) {
  CarveOrder order;
  Incidents incidents;
  for (const ReportedFinding& reported : report.findings) {
    if (reported.finding.verdict.severity == Severity::chat && !all) continue;
    add(reported.finding, order);
    incidents.add(reported);
  }
  CaptureWriter writer(file, "tcpwhy " TCPWHY_VERSION);
  if (neighbours) add_neighbours(incidents, captures, order);
  StreamIndex streams(numbering_rule());
  const std::uint64_t count =
      carve(captures, order, [&](const Sighting& sighting) { return streams.number(sighting.read); }, writer);
  writer.close();
  return count;
}

}  // namespace tcpwhy::batch
