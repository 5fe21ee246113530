#include "legs.h"

#include <algorithm>
#include <cstdlib>

#include "catalogue.h"
#include "limits.h"

namespace tcpwhy {
namespace {

struct Breaking {
  Mark at;
  Side by = Side::server;
};

/// When a leg broke, as its other end learned of it: the first RST, refusal or ICMP error, or a FIN before it.
Breaking find_breaking(const Connection& connection) {
  Breaking breaking;
  const auto consider = [&](const Mark& at, Side by) {
    if (at && (!breaking.at || at.frame < breaking.at.frame)) breaking = {at, by};
  };
  if (const Break* broken = connection.broken()) consider(broken->resets[0].segment.at, broken->resets[0].by);
  if (const Trouble* trouble = connection.trouble()) {
    if (trouble->refusal.count > 0) consider(trouble->refusal.reset.segment.at, Side::server);
    consider(trouble->odd_handshake.reset, Side::server);
    consider(trouble->icmp, Side::server);
  }
  const ConnectionState& now = connection.now();
  const Turn& request = now.half(Side::client).turn;
  if (request && !request.answered) {
    consider(now.half(Side::server).fin(), Side::server);
    consider(now.half(Side::client).fin(), Side::client);
  }
  return breaking;
}

}  // namespace

Legs::Exchange Legs::exchange_of(const Connection& connection, const Mark& at, Side by) {
  const ConnectionState& now = connection.now();
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  Exchange exchange;
  exchange.stream = connection.stream();
  exchange.client = connection.endpoint(Side::client).address;
  exchange.server = connection.endpoint(Side::server).address;
  exchange.fingerprint = client.turn.payload.fingerprint;
  exchange.began = client.turn ? client.turn.begin : client.syn() ? client.syn() : now.first();
  exchange.at = at;
  exchange.by = by;
  for (const HalfConnection* half : {&client, &server}) {
    if (half->response_time_known()) exchange.round_trip += half->response_time;
  }
  return exchange;
}

void Legs::note_symptom(const Connection& connection, const Mark& at, Side by) {
  const bool answered = connection.now().half(Side::client).turn.answered == at.frame;
  const bool known = std::any_of(symptoms_.begin(), symptoms_.end(), [&](const Exchange& symptom) {
    return symptom.stream == connection.stream() && (!answered || symptom.at.frame == at.frame);
  });
  if (known) return;
  const Exchange& symptom = symptoms_.emplace_back(exchange_of(connection, at, by));
  for (const Failure& failure : failures_) pair(symptom, failure);
  if (symptoms_.size() > kRecentLegs) symptoms_.pop_front();
}

void Legs::note_failure(const Connection& connection, const Verdict& verdict) {
  if (const auto shown = shown_.find(connection.stream()); shown != shown_.end()) {
    shown->second.believed = verdict.diagnosis->of_other_leg || connection.now().gateway_failure().answer;
  }
  const Breaking breaking = find_breaking(connection);
  if (!breaking.at) return;
  std::erase_if(failures_, [&](const Failure& old) { return old.exchange.stream == connection.stream(); });
  const Failure& failure = failures_.emplace_back(
      Failure{exchange_of(connection, breaking.at, breaking.by),
              {connection.stream(), breaking.at, verdict.diagnosis->id, verdict.severity, verdict.fault}});
  if (const auto linked = linked_.find(connection.stream()); linked != linked_.end()) linked->second = failure.leg;
  for (const Exchange& symptom : symptoms_) pair(symptom, failure);
  if (failures_.size() > kRecentLegs) failures_.pop_front();
}

bool Legs::same_host(const Address& outer, const Address& inner) const {
  return outer == inner || std::find(proxies_.begin(), proxies_.end(), std::pair(outer, inner)) != proxies_.end();
}

/// The failure came first, in time for the symptom, and on the leg on the other side of the proxy.
bool Legs::follows(const Exchange& symptom, const Exchange& failure) const {
  const Nanoseconds window = kPropagation + symptom.round_trip + failure.round_trip;
  if (symptom.at.time < failure.at.time || symptom.at.time > failure.at.time + window) return false;
  const bool outwards = symptom.by == Side::server;
  if (!outwards && failure.by != Side::client) return false;
  const Exchange& outer = outwards ? symptom : failure;
  const Exchange& inner = outwards ? failure : symptom;
  if (outer.server == inner.server) return false;  // Two clients of one server.
  const bool nested = inner.began.frame > outer.began.frame && inner.began.time <= outer.at.time;
  if (!nested || outer.client == inner.client) return false;
  // One client that asks two servers the same gives both up in one moment, too: of what clients do, an address must tell.
  const bool prompt = inner.began.time - outer.began.time <= kForwarding + symptom.round_trip + failure.round_trip;
  return same_host(outer.server, inner.client) || (outwards && prompt && same_request(outer, inner));
}

void Legs::pair(const Exchange& symptom, const Failure& failure) {
  const Exchange& other = failure.exchange;
  if (symptom.stream == other.stream || !follows(symptom, other)) return;
  const bool alike = same_request(symptom, other);
  if (alike && symptom.by == Side::server && !same_host(symptom.server, other.client) && proxies_.size() < kMostProxies) {
    proxies_.emplace_back(symptom.server, other.client);
  }
  if (links_.size() == kLinkedLegs && !links_.contains(FrameNumber{symptom.at.frame})) return;
  const Link link{symptom.stream, other.stream, alike, std::abs(other.began.time - symptom.began.time), symptom.at};
  const auto owner = owners_.find(other.stream);
  const FrameNumber rival = alike && owner != owners_.end() ? owner->second : 0;
  if (rival != 0 && rival != symptom.at.frame && links_.at(rival).apart <= link.apart) return;
  const auto [found, is_new] = links_.try_emplace(FrameNumber{symptom.at.frame}, link);
  std::vector<FrameNumber>& frames = shown_[symptom.stream].frames;
  const bool listed = std::find(frames.begin(), frames.end(), symptom.at.frame) != frames.end();
  if (!listed && frames.size() < kSymptomsKept) frames.push_back(symptom.at.frame);
  Link& best = found->second;
  const bool better = link.alike != best.alike ? link.alike : link.apart < best.apart;
  if (better) {
    if (best.alike) owners_.erase(best.failure);
    best = link;
  }
  if (best.failure != other.stream) return;
  if (alike) owners_.insert_or_assign(other.stream, FrameNumber{symptom.at.frame});
  linked_.insert_or_assign(other.stream, failure.leg);
  std::vector<FrameNumber>& symptoms = symptoms_of_[other.stream];
  const bool known = std::find(symptoms.begin(), symptoms.end(), symptom.at.frame) != symptoms.end();
  if (!known && symptoms.size() < kSymptomsKept) symptoms.push_back(symptom.at.frame);
  if (rival != 0 && rival != symptom.at.frame) find_another(rival);
}

/// For a symptom whose failure turned out to be another one's.
void Legs::find_another(FrameNumber symptom) {
  links_.erase(symptom);
  const auto found = std::find_if(symptoms_.begin(), symptoms_.end(),
                                  [&](const Exchange& exchange) { return exchange.at.frame == symptom; });
  if (found == symptoms_.end()) return;
  for (const Failure& failure : failures_) pair(*found, failure);
}

std::optional<PassedOn> Legs::passed_on(StreamNumber failure) const {
  const auto found = symptoms_of_.find(failure);
  if (found == symptoms_of_.end()) return {};
  std::optional<PassedOn> first;
  for (const FrameNumber frame : found->second) {
    const auto place = links_.find(frame);
    if (place == links_.end() || place->second.failure != failure || !shown_.at(place->second.stream).believed) continue;
    const Link& link = place->second;
    if (first) {
      ++first->more;
    } else {
      first = PassedOn{link.stream, link.at, 0};
    }
  }
  return first;
}

std::vector<std::pair<Mark, OtherLeg>> Legs::all_behind(StreamNumber symptom) const {
  std::vector<std::pair<Mark, OtherLeg>> all;
  const auto found = shown_.find(symptom);
  if (found == shown_.end()) return all;
  for (const FrameNumber frame : found->second.frames) {
    const auto link = links_.find(frame);
    if (link == links_.end()) continue;
    if (const auto leg = linked_.find(link->second.failure); leg != linked_.end()) all.emplace_back(link->second.at, leg->second);
  }
  return all;
}

std::optional<OtherLeg> Legs::behind(StreamNumber symptom) const {
  const auto all = all_behind(symptom);
  return all.empty() ? std::nullopt : std::optional(all.front().second);
}

}  // namespace tcpwhy
