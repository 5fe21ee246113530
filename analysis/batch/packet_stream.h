// Reading beside thinking: a thread reads packets and takes them apart, in batches, while whoever called works on the batch before.
//
// Model: a ring of batches. Each holds packets where wiretap put them, so that payloads are copied nowhere, and what the decoder
// found in them, with the hash by which it will be filed. Of a file batches come full; while somebody captures, a batch is handed over as soon as it is waited for.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "capture_set.h"
#include "packet/decoder.h"
#include "stream_index.h"

namespace tcpwhy::batch {

/// Some packets in a row, and by their place in it what was read of each: apart, since whoever works on one of these goes through
/// all of them, and they come from another processor's cache.
struct Batch {
  std::vector<Slot> slots;                 ///< The first `count` are valid, the others room.
  std::vector<std::uint8_t> shows_tcp;     ///< Where it is 0 the following two don't count.
  std::vector<StreamIndex::Key> keys;
  std::vector<Sighting> sightings;         ///< Streams are not numbered.
  std::size_t count = 0;
  std::uint64_t bytes_read = 0;            ///< Of the capture, up to here.

  explicit Batch(std::size_t room) : slots(room), shows_tcp(room), keys(room), sightings(room) {}
};

class PacketStream {
 public:
  /// Begins to read. `captures` must not be touched by anybody else until this is destroyed.
  explicit PacketStream(CaptureSet& captures);
  /// Stops reading, after the packet that is being read.
  ~PacketStream();
  PacketStream(const PacketStream&) = delete;
  PacketStream& operator=(const PacketStream&) = delete;

  /// The next packets, or null after the last one; valid until the next call. Rethrows what reading threw.
  [[nodiscard]] Batch* next();

 private:
  static constexpr std::size_t kPackets = 128;  ///< Of a batch: some 30 microseconds' work.
  static constexpr std::size_t kBatches = 3;

  void read();
  bool fill(Batch& batch);
  [[nodiscard]] bool is_waited_for();

  CaptureSet& captures_;
  std::vector<Batch> ring_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t filled_ = 0;   ///< Batches that were filled since the beginning,
  std::size_t taken_ = 0;    ///< handed out,
  std::size_t freed_ = 0;    ///< and given back.
  bool waiting_ = false;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread reader_;
};

}  // namespace tcpwhy::batch
