// Reading beside thinking: a thread reads packets, while whoever called works on those before.
//
// Model: a ring with room for so many packets. Each stays where wiretap put it, so that payloads are copied nowhere. Only one
// thread can read, and only the caller thinks; in between packets are prepared: taken apart and their first bytes read, some here
// and some there at once, and then filed by stream, in their order. That is done by whoever has nothing else to do, the reader
// where there is no room to read to, the caller where nothing prepared is left, so that both are at work to the end wherever the
// work lies; where there is a third processor, by a thread of its own.
// Of a file packets are handed over by the dozen; while somebody captures, each at once, since the next one may be long in coming.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "capture_set.h"
#include "packet/decoder.h"
#include "stream_numbers.h"

namespace tcpwhy::batch {

/// Some packets in a row, and by their place in it what was read of each.
struct Batch {
  std::span<const Slot> slots;
  std::span<const std::uint8_t> shows_tcp;  ///< Where it is 0 the sighting doesn't count.
  std::span<const Sighting> sightings;
  std::uint64_t bytes_read = 0;             ///< Of the capture, up to here or somewhat further.

  [[nodiscard]] std::size_t size() const { return slots.size(); }
};

class PacketStream {
 public:
  /// Whether a thread of its own prepares.
  enum class Helper : std::uint8_t { no, yes };
  /// Pays where the reader and the caller have a processor each, and there is one more.
  [[nodiscard]] static Helper helper_for(unsigned processors) { return processors > 2 ? Helper::yes : Helper::no; }

  /// Begins to read. `captures` must not be touched by anybody else until this is destroyed, but for its stop().
  explicit PacketStream(CaptureSet& captures, Helper helper = helper_for(std::thread::hardware_concurrency()));
  /// Stops reading, after the packets that are being read.
  ~PacketStream();
  PacketStream(const PacketStream&) = delete;
  PacketStream& operator=(const PacketStream&) = delete;

  /// The next packets, at least one, or none after the last one; valid until the next call. Rethrows what reading threw.
  [[nodiscard]] Batch next();

 private:
  static constexpr std::size_t kAtOnce = 64;  ///< Some 15 microseconds' work.
  static constexpr std::size_t kRoom = 6 * kAtOnce;
  /// To wake who waits for room takes its time: it waits for so much.
  static constexpr std::size_t kWorthWaking = kRoom / 2;
  /// To be put to sleep and woken takes longer than most waits, in a virtual machine many times so: who waits for another
  /// thread stays awake for so long. Not while somebody captures: then nothing may come for hours.
  static constexpr std::chrono::microseconds kAwake{50};
  using Lock = std::unique_lock<std::mutex>;

  void read();
  void help();
  /// Waits until there is room for a packet, and prepares others meanwhile; false if it is time to stop.
  [[nodiscard]] bool wait_for_room();
  /// Waits until something has changed; perhaps nothing that helps.
  void wait(std::condition_variable& may_go_on, Lock& lock);
  void publish();
  /// Some packets in a row that one thread takes apart.
  struct Run {
    std::size_t begin;   ///< Their place in the ring.
    std::size_t count;
    bool apart;          ///< That is done.
  };
  /// Takes packets apart that nobody has begun with, and files what is apart. False where there was nothing to do.
  bool prepare_some(Lock& lock);
  /// Files those that are apart, as far as all before them are filed, unless somebody is at it, who will see them.
  bool file_some(Lock& lock);
  void take_apart(const Run& run) noexcept;  ///< Allocates nothing.
  void file(const Run& run);
  /// How many of `wanted` packets from `first` stand in a row.
  [[nodiscard]] static std::size_t in_a_row(std::uint64_t first, std::uint64_t wanted) {
    return static_cast<std::size_t>(std::min<std::uint64_t>({wanted, kAtOnce, kRoom - first % kRoom}));
  }

  CaptureSet& captures_;
  const bool live_;
  std::vector<Slot> slots_{kRoom};
  std::array<std::uint8_t, kRoom> shows_tcp_{};
  std::vector<Sighting> sightings_{kRoom};
  std::array<StreamIndex::Key, kRoom> keys_;  ///< Of those that show TCP.
  StreamNumbers streams_;        ///< Whoever files has it.
  std::uint64_t read_ = 0;       ///< Packets, by the thread that reads.

  std::mutex mutex_;
  std::atomic<std::uint32_t> changes_{0};  ///< Of any of those below. They change while the mutex is held.
  std::condition_variable reader_may_go_on_;
  std::condition_variable caller_may_go_on_;
  std::condition_variable helper_may_go_on_;
  std::uint64_t filled_ = 0;     ///< Packets that were read and may be taken apart,
  std::uint64_t claimed_ = 0;    ///< that somebody has taken apart, or is about to,
  std::uint64_t prepared_ = 0;   ///< that were prepared and may be handed out,
  std::uint64_t taken_ = 0;      ///< that were handed out,
  std::uint64_t freed_ = 0;      ///< and whose room may be used again.
  std::uint64_t bytes_read_ = 0;
  std::deque<Run> runs_;         ///< Between these two, in order.
  bool filing_ = false;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread reader_;
  std::thread helper_;  ///< Prepares, and nothing else.
};

}  // namespace tcpwhy::batch
