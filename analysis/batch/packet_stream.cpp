#include "packet_stream.h"

#include <algorithm>

namespace tcpwhy::batch {

PacketStream::PacketStream(CaptureSet& captures) : captures_(captures) {
  reader_ = std::thread([this] { read(); });
}

PacketStream::~PacketStream() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  reader_.join();
}

Batch PacketStream::next() {
  std::unique_lock lock(mutex_);
  if (freed_ < taken_) {
    freed_ = taken_;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return taken_ < published_ || ended_; });
  if (taken_ == published_) {
    if (failure_) std::rethrow_exception(failure_);
    return {};
  }
  const std::size_t begin = taken_ % kRoom;
  const std::size_t count = std::min<std::size_t>({published_ - taken_, kAtOnce, kRoom - begin});
  taken_ += count;
  return {std::span<const Slot>(slots_).subspan(begin, count), std::span<const std::uint8_t>(shows_tcp_).subspan(begin, count),
          std::span<const StreamIndex::Key>(keys_).subspan(begin, count), std::span(sightings_).subspan(begin, count),
          bytes_read_};
}

void PacketStream::read() {
  try {
    const bool live = captures_.is_live();
    while (wait_for_room()) {
      const std::size_t at = read_ % kRoom;
      if (!captures_.next(slots_[at])) break;
      const bool shows_tcp = decode(slots_[at].packet, sightings_[at]);
      shows_tcp_[at] = shows_tcp ? 1 : 0;
      if (shows_tcp) keys_[at] = StreamIndex::key_of(sightings_[at].read);
      if (++read_ % kAtOnce == 0 || live) publish();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  publish();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool PacketStream::wait_for_room() {
  // What was handed over last tells enough for most packets, without asking.
  if (read_ % kAtOnce != 0) return true;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return read_ + kAtOnce - freed_ <= kRoom || stopped_; });
  return !stopped_;
}

void PacketStream::publish() {
  const std::uint64_t bytes_read = captures_.bytes_read();
  const std::lock_guard lock(mutex_);
  published_ = read_;
  bytes_read_ = bytes_read;
  changed_.notify_all();
}

}  // namespace tcpwhy::batch
