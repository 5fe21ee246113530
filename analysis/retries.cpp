#include "retries.h"

#include <algorithm>

namespace tcpwhy {

Retries::Route Retries::route_of(const Connection& connection) {
  return hash_of(connection.endpoint(Side::client).address) * 31 + hash_of(connection.endpoint(Side::server));
}

bool Retries::repeats(const Request& later, const Request& failed) {
  return later.stream != failed.stream && later.fingerprint == failed.fingerprint && later.route == failed.route;
}

void Retries::forget(StreamNumber stream) {
  request_retries_.erase(stream);
  connect_retries_.erase(stream);
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
  if (request.payload.kind != PayloadKind::http_request || request_retries_.contains(connection.stream())) return;
  Request failed{connection.stream(), request.begin, route_of(connection), request.payload.fingerprint};
  failed.failed = now;
  const bool waiting = std::any_of(failed_requests_.begin(), failed_requests_.end(),
                                   [&](const Request& other) { return other.stream == failed.stream; });
  // A line that this client sends all the time: the next one is no repetition of this one.
  const bool usual = std::any_of(recent_requests_.begin(), recent_requests_.end(), [&](const Request& other) {
    return repeats(other, failed) && other.at.frame < failed.at.frame;
  });
  if (waiting || usual) return;
  if (const auto before = attempts_.find(failed.at.frame); before != attempts_.end()) failed.attempt = before->second;
  if (habits_.size() < kProfiles || habits_.contains(failed.route)) ++habits_[failed.route].failures;
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
  if (const auto habit = habits_.find(request.route); habit != habits_.end()) {
    ++habit->second.repeated;
    if (habit->second.delays.size() < kAttemptsKept) habit->second.delays.emplace_back(request.attempt, request.delay);
  }
  failed_requests_.erase(failed);
}

/// At once, in step, or in pauses that grow or that chance varies: a library's backoff mostly has jitter, so that a few
/// first repetitions tell it.
std::optional<RetryHabit> Retries::habit(const Connection& connection) const {
  const auto found = habits_.find(route_of(connection));
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

std::optional<Retry> Retries::of_request(StreamNumber failed, const Look& look) const {
  const auto found = request_retries_.find(failed);
  if (found == request_retries_.end()) return {};
  const Request& request = found->second;
  Retry retry{request.stream, request.at, false, {}, request.delay, request.attempt};
  const auto [connection, evicted] = look(request.stream);
  if (evicted) return {};
  if (connection == nullptr) {
    retry.succeeded = true;  // Folded means: closed cleanly with nothing outstanding.
    return retry;
  }
  const Turn& turn = connection->now().half(Side::client).turn;
  retry.succeeded = turn.begin.frame == request.at.frame ? turn.answered != 0 : !turn.follows_unanswered;
  return retry;
}

// ------------------------------------------------------------------------------------------------ connects

void Retries::expect_connect(const Connection& connection) {
  if (connect_retries_.contains(connection.stream())) return;
  for (const Connect& waiting : failed_connects_) {
    if (waiting.stream == connection.stream()) return;
  }
  const HalfConnection& client = connection.now().half(Side::client);
  failed_connects_.push_back({connection.stream(), client.syn(), route_of(connection), client.isn});
  if (failed_connects_.size() > kRecentRequests) failed_connects_.pop_front();
}

/// The same SYN again towards the same server, from whatever port a NAT gives it now: its ISN tells. A SYN with
/// another ISN may be another host's behind the same address.
void Retries::note_connect(const Connection& connection) {
  const HalfConnection& client = connection.now().half(Side::client);
  while (!failed_connects_.empty() && client.last_syn().time - failed_connects_.front().at.time > kRetryWindow) {
    failed_connects_.pop_front();
  }
  const auto failed =
      std::find_if(failed_connects_.begin(), failed_connects_.end(), [&](const Connect& candidate) {
        return candidate.stream != connection.stream() && candidate.isn == client.isn &&
               candidate.route == route_of(connection);
      });
  if (failed == failed_connects_.end()) return;
  if (connect_retries_.size() < kRepetitions) {
    connect_retries_.emplace(failed->stream, Connect{connection.stream(), client.last_syn(), failed->route, client.isn});
  }
  failed_connects_.erase(failed);
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
