#include "packet_stream.h"

namespace tcpwhy::batch {

PacketStream::PacketStream(CaptureSet& captures) : captures_(captures) {
  for (std::size_t i = 0; i < kBatches; ++i) ring_.emplace_back(kPackets);
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

Batch* PacketStream::next() {
  std::unique_lock lock(mutex_);
  if (freed_ < taken_) {
    ++freed_;
    changed_.notify_all();
  }
  waiting_ = true;
  changed_.wait(lock, [this] { return taken_ < filled_ || ended_; });
  waiting_ = false;
  if (taken_ < filled_) return &ring_[taken_++ % kBatches];
  if (failure_) std::rethrow_exception(failure_);
  return nullptr;
}

void PacketStream::read() {
  try {
    for (bool more = true; more;) {
      Batch* batch = nullptr;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return filled_ - freed_ < kBatches || stopped_; });
        if (stopped_) break;
        batch = &ring_[filled_ % kBatches];
      }
      more = fill(*batch);
      if (batch->count == 0) break;
      const std::lock_guard lock(mutex_);
      ++filled_;
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

/// Returns whether there is more.
bool PacketStream::fill(Batch& batch) {
  batch.count = 0;
  const bool live = captures_.is_live();
  bool more = true;
  while (batch.count < kPackets && !(live && batch.count > 0 && is_waited_for())) {
    const std::size_t at = batch.count;
    more = captures_.next(batch.slots[at]);
    if (!more) break;
    const bool shows_tcp = decode(batch.slots[at].packet, batch.sightings[at]);
    batch.shows_tcp[at] = shows_tcp ? 1 : 0;
    if (shows_tcp) batch.keys[at] = StreamIndex::key_of(batch.sightings[at].read);
    ++batch.count;
  }
  batch.bytes_read = captures_.bytes_read();
  return more;
}

bool PacketStream::is_waited_for() {
  const std::lock_guard lock(mutex_);
  return waiting_ && taken_ == filled_;
}

}  // namespace tcpwhy::batch
