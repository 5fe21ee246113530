#include "packet_stream.h"

#include <chrono>
#include <new>

#include "prefetch.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {

PacketStream::PacketStream(CaptureSet& captures, Helper helper) : captures_(captures), live_(captures.is_live()) {
  reader_ = std::thread([this] { read(); });
  if (helper == Helper::yes) helper_ = std::thread([this] { help(); });
}

PacketStream::~PacketStream() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    ++changes_;
  }
  reader_may_go_on_.notify_all();
  helper_may_go_on_.notify_all();
  reader_.join();
  if (helper_.joinable()) helper_.join();
}

Batch PacketStream::next() {
  Lock lock(mutex_);
  freed_ = taken_;
  ++changes_;
  if (filled_ - freed_ <= kRoom - kWorthWaking) reader_may_go_on_.notify_all();
  while (taken_ == prepared_) {
    if (prepare_some(lock)) continue;
    if (ended_ && taken_ == filled_) {
      if (failure_) std::rethrow_exception(failure_);
      return {};
    }
    wait(caller_may_go_on_, lock);
  }
  const std::size_t begin = taken_ % kRoom;
  const std::size_t count = in_a_row(taken_, prepared_ - taken_);
  taken_ += count;
  return {std::span(slots_).subspan(begin, count), std::span(shows_tcp_).subspan(begin, count),
          std::span(sightings_).subspan(begin, count), bytes_read_};
}

void PacketStream::read() {
  try {
    while (wait_for_room() && captures_.next(slots_[read_ % kRoom])) {
      slots_[read_ % kRoom].record().drop_options();
      if (++read_ % kAtOnce == 0 || live_) publish();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  publish();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ++changes_;
  caller_may_go_on_.notify_all();
  helper_may_go_on_.notify_all();
}

/// What goes wrong here goes wrong again for the caller, who then files the same packets.
void PacketStream::help() try {
  Lock lock(mutex_);
  while (!stopped_ && !(ended_ && prepared_ == filled_)) {
    if (!prepare_some(lock)) wait(helper_may_go_on_, lock);
  }
} catch (const std::bad_alloc&) {
}

void PacketStream::wait(std::condition_variable& may_go_on, Lock& lock) {
  const std::uint32_t seen = changes_;
  if (!live_) {
    lock.unlock();
    const auto until = std::chrono::steady_clock::now() + kAwake;
    while (changes_ == seen && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    lock.lock();
  }
  if (changes_ == seen) may_go_on.wait(lock);
}

bool PacketStream::wait_for_room() {
  // There was room for so many when it was asked for last.
  if (read_ % kAtOnce != 0) return true;
  Lock lock(mutex_);
  while (!stopped_ && read_ + kAtOnce - freed_ > kRoom) {
    if (prepare_some(lock)) continue;
    wait(reader_may_go_on_, lock);
  }
  return !stopped_;
}

void PacketStream::publish() {
  const std::uint64_t bytes_read = captures_.bytes_read();
  const std::lock_guard lock(mutex_);
  filled_ = read_;
  bytes_read_ = bytes_read;
  ++changes_;
  caller_may_go_on_.notify_all();
  helper_may_go_on_.notify_all();
}

bool PacketStream::prepare_some(Lock& lock) {
  const std::size_t count = in_a_row(claimed_, filled_ - claimed_);
  if (count > 0) {
    // It stays where it is while others come and go.
    Run& run = runs_.emplace_back(Run{static_cast<std::size_t>(claimed_ % kRoom), count, false});
    claimed_ += count;
    lock.unlock();
    take_apart(run);
    lock.lock();
    run.apart = true;
  }
  return file_some(lock) || count > 0;
}

bool PacketStream::file_some(Lock& lock) {
  if (filing_ || runs_.empty() || !runs_.front().apart) return false;
  filing_ = true;
  while (!runs_.empty() && runs_.front().apart) {
    const Run run = runs_.front();
    lock.unlock();
    try {
      file(run);
    } catch (...) {
      lock.lock();
      filing_ = false;
      throw;
    }
    lock.lock();
    runs_.pop_front();
    prepared_ += run.count;
    ++changes_;
    caller_may_go_on_.notify_all();
  }
  filing_ = false;
  return true;
}

/// What another processor has read isn't in this one's cache: it is asked for some packets ahead.
void PacketStream::take_apart(const Run& run) noexcept {
  constexpr std::size_t kAhead = 4;
  constexpr std::size_t kHeaders = 128;
  const auto expect = [&](std::size_t at) {
    if (at >= run.begin + run.count) return;
    const std::span<const std::uint8_t> bytes = slots_[at].packet.bytes.captured;
    prefetch(std::as_bytes(bytes.first(std::min(bytes.size(), kHeaders))));
    prefetch<Access::write>(sightings_[at]);
  };
  for (std::size_t i = 0; i < kAhead; ++i) expect(run.begin + i);
  for (std::size_t at = run.begin; at < run.begin + run.count; ++at) {
    expect(at + kAhead);
    shows_tcp_[at] = decode(slots_[at].packet, sightings_[at]) ? 1 : 0;
    if (shows_tcp_[at] == 0) continue;
    Segment& segment = sightings_[at].read;
    if (!segment.payload.empty()) segment.facts = facts_of(segment);
    keys_[at] = StreamNumbers::key_of(sightings_[at]);
  }
}

/// What was not heard for a while isn't in the cache: what numbering will touch of the table of streams is asked for before.
void PacketStream::file(const Run& run) {
  constexpr std::size_t kAhead = 8;
  const auto expect = [&](std::size_t at) {
    if (at < run.begin + run.count && shows_tcp_[at] != 0) streams_.expect(keys_[at]);
  };
  for (std::size_t i = 0; i < kAhead; ++i) expect(run.begin + i);
  for (std::size_t at = run.begin; at < run.begin + run.count; ++at) {
    expect(at + kAhead);
    if (shows_tcp_[at] == 0) continue;
    Sighting& sighting = sightings_[at];
    const auto stream = streams_.number(sighting, keys_[at]);
    shows_tcp_[at] = stream ? 1 : 0;
    sighting.stream = sighting.read.stream = sighting.error.stream = stream.value_or(0);
  }
}

}  // namespace tcpwhy::batch
