// Reading beside thinking: a thread reads packets and takes them apart, while whoever called works on those before.
//
// Model: a ring with room for so many packets. Each stays where wiretap put it, so that payloads are copied nowhere, with what the
// decoder found in it and the hash by which it will be filed. Of a file packets are handed over by the hundred; while somebody
// captures, each at once, since the next one may be long in coming.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "capture_set.h"
#include "packet/decoder.h"
#include "stream_index.h"

namespace tcpwhy::batch {

/// Some packets in a row, and by their place in it what was read of each: apart, since whoever works on one of these goes through
/// all of them, and they come from another processor's cache.
struct Batch {
  std::span<const Slot> slots;
  std::span<const std::uint8_t> shows_tcp;     ///< Where it is 0 the following two don't count.
  std::span<const StreamIndex::Key> keys;
  std::span<Sighting> sightings;               ///< Streams are not numbered.
  std::uint64_t bytes_read = 0;                ///< Of the capture, up to here or somewhat further.

  [[nodiscard]] std::size_t size() const { return slots.size(); }
};

class PacketStream {
 public:
  /// Begins to read. `captures` must not be touched by anybody else until this is destroyed, but for its stop().
  explicit PacketStream(CaptureSet& captures);
  /// Stops reading, after the packet that is being read.
  ~PacketStream();
  PacketStream(const PacketStream&) = delete;
  PacketStream& operator=(const PacketStream&) = delete;

  /// The next packets, at least one, or none after the last one; valid until the next call. Rethrows what reading threw.
  [[nodiscard]] Batch next();

 private:
  static constexpr std::size_t kAtOnce = 128;  ///< Some 30 microseconds' work.
  static constexpr std::size_t kRoom = 3 * kAtOnce;

  void read();
  /// Waits until there is room for a packet; false if it is time to stop.
  [[nodiscard]] bool wait_for_room();
  void publish();

  CaptureSet& captures_;
  std::vector<Slot> slots_{kRoom};
  std::vector<std::uint8_t> shows_tcp_ = std::vector<std::uint8_t>(kRoom);
  std::vector<StreamIndex::Key> keys_{kRoom};
  std::vector<Sighting> sightings_{kRoom};

  std::uint64_t read_ = 0;       ///< Packets, by the thread that reads; the others are shared.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t published_ = 0;  ///< Packets that may be handed out,
  std::uint64_t taken_ = 0;      ///< were handed out,
  std::uint64_t freed_ = 0;      ///< and whose room may be used again.
  std::uint64_t bytes_read_ = 0;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread reader_;
};

}  // namespace tcpwhy::batch
