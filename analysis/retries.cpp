#include "retries.h"

#include <algorithm>
#include <utility>

namespace tcpwhy {

Retries::Route Retries::route_of(const Connection& connection) {
  return hash_of(connection.endpoint(Side::client).address) * 31 + hash_of(connection.endpoint(Side::server));
}

bool Retries::repeats(const Request& later, const Request& failed) {
  return later.stream != failed.stream && later.fingerprint == failed.fingerprint && later.route == failed.route;
}

void Retries::forget(StreamNumber stream) {
  request_retries_.erase(stream);
  mute_retries_.erase(stream);
  connect_retries_.erase(stream);
  beyond_nat_.erase(stream);
  given_up_.erase(stream);
}

// -------------------------------------------------------------------------------------------------- habits

void Retries::count_failure(Route route, bool connects) {
  const Route key = habit_key(route, connects);
  if (habits_.size() < 2 * kProfiles || habits_.contains(key)) ++habits_[key].failures;
}

void Retries::count_repetition(Route route, bool connects, std::uint32_t attempt, Nanoseconds delay) {
  const auto habit = habits_.find(habit_key(route, connects));
  if (habit == habits_.end()) return;
  ++habit->second.repeated;
  if (habit->second.delays.size() < kAttemptsKept) habit->second.delays.emplace_back(attempt, delay);
}

void Retries::note_given_up(StreamNumber stream) {
  if (given_up_.size() < kRepetitions) given_up_.insert(stream);
}

bool Retries::gave_up(StreamNumber failed, Nanoseconds now) const {
  if (given_up_.contains(failed)) return true;
  const auto waits = [&](const auto& all, Nanoseconds patience) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.stream == failed && now - one.failed >= patience; });
  };
  return waits(failed_requests_, kRetryPatience) || waits(mute_, kRetryByTimeWindow);
}

/// At once, in step, or in pauses that grow or that chance varies: a library's backoff mostly has jitter, so that a few
/// first repetitions tell it.
std::optional<RetryHabit> Retries::habit(const Connection& connection, bool connects) const {
  const auto found = habits_.find(habit_key(route_of(connection), connects));
  if (found == habits_.end() || found->second.failures == 0) return {};
  const Attempts& attempts = found->second;
  RetryHabit habit;
  habit.failures = attempts.failures;
  habit.repeated = attempts.repeated;
  if (attempts.delays.empty()) return habit;
  const auto [least, most] = std::minmax_element(attempts.delays.begin(), attempts.delays.end(),
                                                 [](const auto& a, const auto& b) { return a.second < b.second; });
  habit.shortest_delay = least->second;
  habit.longest_delay = most->second;
  const bool alike = habit.longest_delay - habit.shortest_delay <= std::max(kTimerNoise, habit.longest_delay / kAlikePauses);
  habit.pattern = habit.longest_delay <= kAtOnce         ? RetryHabit::Pattern::immediate
                  : alike || attempts.delays.size() == 1 ? RetryHabit::Pattern::fixed
                                                         : RetryHabit::Pattern::backoff;
  return habit;
}

// ------------------------------------------------------------------------------------------------ requests

void Retries::note_request(const Connection& connection) {
  const Turn& turn = connection.now().half(Side::client).turn;
  if (turn.payload.kind != PayloadKind::http_request) return;
  Request request{connection.stream(), turn.begin, route_of(connection), turn.payload.fingerprint};
  if (!failed_requests_.empty()) match(request);
  recent_requests_.push_back(request);
  if (recent_requests_.size() > kRecentRequests) recent_requests_.pop_front();
}

void Retries::expect_request(const Connection& connection, const Turn& request, Nanoseconds now) {
  const StreamNumber stream = connection.stream();
  if (request_retries_.contains(stream) || mute_retries_.contains(stream) || given_up_.contains(stream)) return;
  if (request.payload.kind != PayloadKind::http_request) {
    await(connection, {stream, request.begin, route_of(connection), false, now});
    return;
  }
  Request failed{stream, request.begin, route_of(connection), request.payload.fingerprint};
  failed.failed = now;
  const bool waiting = std::any_of(failed_requests_.begin(), failed_requests_.end(),
                                   [&](const Request& other) { return other.stream == failed.stream; });
  // A line that this client sends all the time: the next one is no repetition of this one.
  const bool usual = std::any_of(recent_requests_.begin(), recent_requests_.end(), [&](const Request& other) {
    return repeats(other, failed) && other.at.frame < failed.at.frame;
  });
  if (waiting || usual) return;
  if (const auto before = attempts_.find(failed.at.frame); before != attempts_.end()) failed.attempt = before->second;
  count_failure(failed.route, false);
  failed_requests_.push_back(failed);
  if (failed_requests_.size() > kRecentRequests) failed_requests_.pop_front();
  // The retry may be on its way already: nginx answers at the FIN, before the reset comes.
  for (Request& later : recent_requests_) {
    if (!later.is_retry && later.at.frame > failed.at.frame) match(later);
  }
}

/// Gives the oldest failed request of this client, server and first line its repetition.
void Retries::match(Request& request) {
  while (!failed_requests_.empty() && request.at.time - failed_requests_.front().at.time > kRetryWindow) {
    note_given_up(failed_requests_.front().stream);
    failed_requests_.pop_front();
  }
  const auto failed = std::find_if(failed_requests_.begin(), failed_requests_.end(), [&](const Request& candidate) {
    return repeats(request, candidate) && candidate.at.frame < request.at.frame;
  });
  if (failed == failed_requests_.end()) return;
  request.is_retry = true;
  request.delay = std::max<Nanoseconds>(0, request.at.time - failed->failed);
  request.attempt = failed->attempt + 1;
  if (request_retries_.size() < kRepetitions) {
    request_retries_.emplace(failed->stream, request);
    if (attempts_.size() < kRepetitions) attempts_.emplace(FrameNumber{request.at.frame}, request.attempt);
  }
  count_repetition(request.route, false, request.attempt, request.delay);
  failed_requests_.erase(failed);
}

Retry Retries::outcome(const Request& repetition, const Look& look) {
  Retry retry{repetition.stream, repetition.at, false, {}, repetition.delay, repetition.attempt};
  const Connection* connection = look(repetition.stream).connection;
  if (connection == nullptr) {
    retry.succeeded = true;  // Folded means: closed cleanly with nothing outstanding.
    return retry;
  }
  const ConnectionState& now = connection->now();
  const Turn& turn = now.half(Side::client).turn;
  const bool is_latest = turn.begin.frame == repetition.at.frame;
  retry.succeeded = is_latest || repetition.fingerprint == 0 ? turn.answered != 0 : !turn.follows_unanswered;
  retry.success = now.established;
  retry.met_stale = !retry.succeeded && is_latest && now.exchanges > 0 && turn.gap > repetition.delay;
  return retry;
}

std::optional<Retry> Retries::of_request(StreamNumber failed, const Look& look) const {
  if (const auto found = request_retries_.find(failed); found != request_retries_.end()) {
    if (look(found->second.stream).evicted) return {};
    return outcome(found->second, look);
  }
  const auto found = mute_retries_.find(failed);
  if (found == mute_retries_.end() || found->second.of_connect || look(found->second.stream).evicted) return {};
  Retry retry = outcome(found->second, look);
  retry.recognised = false;
  return retry;
}

// --------------------------------------------------------------------------------------------- told by time

void Retries::Dials::add(StreamNumber stream, Nanoseconds time) {
  if (latest[0].second != 0 && latest[0].first != stream) latest[1] = latest[0];
  latest[0] = {stream, time};
}

void Retries::Dials::remove(StreamNumber stream) {
  if (latest[1].first == stream) latest[1] = {};
  if (latest[0].first == stream) latest[0] = std::exchange(latest[1], {});
}

std::optional<Nanoseconds> Retries::Dials::without(StreamNumber stream) const {
  for (const auto& [owner, time] : latest) {
    if (time != 0 && owner != stream) return time;
  }
  return {};
}

/// Null where there is no room for another route.
Retries::Dials* Retries::dials_of(Route route, Nanoseconds since) {
  const std::size_t bit = route % kDialBits;
  if (may_have_dials_.test(bit)) {
    if (const auto found = dials_.find(route); found != dials_.end()) return &found->second;
  }
  if (dials_.size() == kProfiles) return nullptr;
  may_have_dials_.set(bit);
  return &dials_.emplace(route, Dials{since, {}}).first->second;
}

void Retries::await(const Connection& connection, Mute failed) {
  const bool waiting = std::any_of(mute_.begin(), mute_.end(), [&](const Mute& other) { return other.stream == failed.stream; });
  if (waiting || mute_retries_.contains(failed.stream) || given_up_.contains(failed.stream)) return;
  Dials* dials = dials_of(failed.route, connection.now().first().time);
  if (dials == nullptr) return;
  const FrameNumber began = connection.now().half(Side::client).syn().frame;
  if (const auto before = attempts_.find(began); before != attempts_.end()) failed.attempt = before->second;
  count_failure(failed.route, failed.connect);
  dials->remove(failed.stream);  // What it comes after itself is no habit of the client's.
  mute_.push_back(failed);
  if (mute_.size() > kRecentRequests) mute_.pop_front();
}

/// Whether this connect takes up what failed at that server.
bool Retries::takes_up(const Connection& connection, Route route) {
  const Mark dialled = connection.now().half(Side::client).last_syn();
  while (!mute_.empty() && dialled.time - mute_.front().failed > kRetryByTimeWindow) {
    note_given_up(mute_.front().stream);
    mute_.pop_front();
  }
  const auto failed = std::find_if(mute_.begin(), mute_.end(), [&](const Mute& candidate) {
    return candidate.route == route && candidate.stream != connection.stream() && candidate.failed <= dialled.time;
  });
  if (failed == mute_.end()) return false;
  const Nanoseconds delay = dialled.time - failed->failed;
  // Who has just failed to connect tries again, whatever was before; of a lost request that must be seen.
  const Dials& dials = dials_[route];
  const auto before = dials.without(failed->stream);
  const bool usual = (before || !failed->connect) && failed->failed - before.value_or(dials.since) < kQuietBeforeRetry * delay;
  if (!usual && mute_retries_.size() < kRepetitions) {
    const Request repetition{connection.stream(), dialled, route, 0, true, failed->failed, delay, failed->attempt + 1,
                             failed->connect};
    mute_retries_.emplace(failed->stream, repetition);
    if (attempts_.size() < kRepetitions) attempts_.emplace(FrameNumber{dialled.frame}, repetition.attempt);
    count_repetition(route, failed->connect, repetition.attempt, delay);
  }
  mute_.erase(failed);
  return !usual;
}

// ------------------------------------------------------------------------------------------------ connects

void Retries::expect_connect(const Connection& connection, Nanoseconds now) {
  if (connect_retries_.contains(connection.stream())) return;
  for (const Connect& waiting : failed_connects_) {
    if (waiting.stream == connection.stream()) return;
  }
  const HalfConnection& client = connection.now().half(Side::client);
  await(connection, {connection.stream(), client.syn(), route_of(connection), true, now});
  failed_connects_.push_back({connection.stream(), client.syn(), route_of(connection), client.isn});
  if (failed_connects_.size() > kRecentRequests) failed_connects_.pop_front();
}

/// A capture on a NAT holds each SYN twice: to the same server, with the same ISN, from another address. The second is a
/// stream of its own.
void Retries::look_behind_nat(const Connection& connection, Route route) {
  const HalfConnection& client = connection.now().half(Side::client);
  const Dialled dialled{connection.stream(), client.syn().time, route, hash_of(connection.endpoint(Side::server)), client.isn};
  if (std::ranges::find(latest_isns_, dialled.isn) != latest_isns_.end()) {
    for (std::size_t back = 1; back <= std::min(syns_, kLatestSyns); ++back) {
      const Dialled& before = latest_syns_[(syns_ - back) % kLatestSyns];
      if (before.isn != dialled.isn || before.server != dialled.server || before.route == dialled.route ||
          dialled.time - before.time >= kSecond) {
        continue;
      }
      if (beyond_nat_.size() < kRepetitions) beyond_nat_.insert_or_assign(before.stream, dialled.stream);
      break;
    }
  }
  latest_isns_[syns_ % kLatestSyns] = dialled.isn;
  latest_syns_[syns_ % kLatestSyns] = dialled;
  ++syns_;
}

std::optional<StreamNumber> Retries::beyond_nat(StreamNumber stream) const {
  const auto found = beyond_nat_.find(stream);
  return found == beyond_nat_.end() ? std::optional<StreamNumber>() : found->second;
}

/// The same SYN again towards the same server, from whatever port a NAT gives it now, be it one that failed before: its ISN
/// tells. A SYN with another ISN may be another host's behind the same address.
void Retries::note_connect(const Connection& connection) {
  const HalfConnection& client = connection.now().half(Side::client);
  const Route route = route_of(connection);
  const bool repeated = client.syns > 1;  // By the kernel, on this stream.
  if (!repeated) look_behind_nat(connection, route);
  while (!failed_connects_.empty() && client.last_syn().time - failed_connects_.front().at.time > kRetryWindow) {
    failed_connects_.pop_front();
  }
  const auto failed =
      std::find_if(failed_connects_.begin(), failed_connects_.end(), [&](const Connect& candidate) {
        return candidate.stream != connection.stream() && candidate.isn == client.isn && candidate.route == route;
      });
  if (failed == failed_connects_.end()) {
    if (repeated || takes_up(connection, route)) return;
    if (Dials* dials = dials_of(route, client.last_syn().time)) dials->add(connection.stream(), client.last_syn().time);
    return;
  }
  if (connect_retries_.size() < kRepetitions) {
    connect_retries_.emplace(failed->stream, Connect{connection.stream(), client.last_syn(), failed->route, client.isn});
  }
  failed_connects_.erase(failed);
}

std::optional<Retry> Retries::next_connect(StreamNumber failed, const Look& look) const {
  const auto found = mute_retries_.find(failed);
  if (found == mute_retries_.end() || !found->second.of_connect) return {};
  const auto [connection, evicted] = look(found->second.stream);
  if (evicted) return {};
  Retry retry{found->second.stream, found->second.at, connection == nullptr, {}, found->second.delay, found->second.attempt, false};
  if (connection != nullptr) {
    retry.success = connection->now().established;
    retry.succeeded = static_cast<bool>(retry.success);
  }
  return retry;
}

/// The repetition may have failed in its turn and been repeated elsewhere: follows the chain, forwards in time.
std::optional<Retry> Retries::of_connect(StreamNumber failed, const Look& look) const {
  const auto found = connect_retries_.find(failed);
  if (found == connect_retries_.end()) return {};
  const Connect* attempt = &found->second;
  Retry retry{attempt->stream, attempt->at, false, {}, 0, 2};
  for (;;) {
    const auto [connection, evicted] = look(attempt->stream);
    if (evicted) return {};
    retry.succeeded = connection == nullptr || connection->now().established;
    if (connection != nullptr) retry.success = connection->now().established;
    if (retry.succeeded) return retry;
    const auto next = connect_retries_.find(attempt->stream);
    if (next == connect_retries_.end() || next->second.at.frame <= attempt->at.frame) return retry;
    attempt = &next->second;
  }
}

std::string_view to_string(RetryHabit::Pattern pattern) {
  switch (pattern) {
    case RetryHabit::Pattern::none: return "none";
    case RetryHabit::Pattern::immediate: return "immediate";
    case RetryHabit::Pattern::fixed: return "fixed";
    case RetryHabit::Pattern::backoff: return "backoff";
  }
  return "";
}

}  // namespace tcpwhy
