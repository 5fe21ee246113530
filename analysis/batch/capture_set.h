// Several capture files as one capture: their packets in the order of time, numbered through.
//
// Model: what mergecap would make of them, without making it. Of each file the time of its first packet is looked up; then a
// file is opened when its turn comes, so that a ring buffer of a thousand files needs one at a time, and files whose times
// overlap (hosts, interfaces) are read side by side. Within a file its own order is kept, whatever its clock does. Interfaces
// that have all in common are one, whatever file they are of, as for mergecap.
// Limits: knows wiretap's reading side. Not thread-safe, but for stop(). Time stamps beyond those of capture_time() sort as
// these.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "packet/decoder.h"

struct wtap_block;

namespace tcpwhy::batch {

class Record;

/// What could not be read, and what was done all the same.
struct Problem {
  std::string file;             ///< As the user named it; "standard input".
  std::string what;             ///< A sentence without its subject: "cut short in the middle of packet 17; ...".
  FrameNumber after_frame = 0;  ///< The last packet of it that was read, by its own count; 0: none.
};

/// Where a packet of the capture stands.
struct Place {
  std::uint32_t file = 0;  ///< Index into `CaptureSet::files()`.
  FrameNumber frame = 0;   ///< In that file, from 1.
};

/// Room for one packet: its bytes stay here until the next one takes it. Reused, so that reading allocates nothing.
class Slot {
 public:
  Slot();
  ~Slot();
  Slot(Slot&&) noexcept;
  Slot& operator=(Slot&&) noexcept;

  Packet packet;
  Place place;
  std::uint32_t interface = 0;  ///< Index into `CaptureSet::interfaces()`; kNoInterface for what is no packet.
  std::uint32_t own_interface = 0;  ///< As its file numbers them.

  static constexpr std::uint32_t kNoInterface = ~std::uint32_t{0};

  /// wiretap's record, with its comments and the rest of its options.
  [[nodiscard]] Record& record() { return *record_; }

 private:
  friend class CaptureSet;
  std::unique_ptr<Record> record_;
};

/// A file that packets come from, told apart from others wherever it stands.
struct SourceFile {
  std::string name;         ///< As it was named.
  std::uint64_t bytes = 0;  ///< Its size; 0 for a pipe.
  std::string checksum;     ///< Over its first packets; "" where it has none.
  Nanoseconds first_time = kEarliestTime;  ///< Of its first packet.
};

constexpr std::uint32_t kMostShards = 65'536;

/// Which of `of` shares of the connections.
struct Share {
  std::vector<std::uint32_t> shards = {0};  ///< In order, each once, below `of`.
  std::uint32_t of = 1;

  [[nodiscard]] bool whole() const { return shards.size() == of; }
};

/// What write_part() wrote (part.h): files, folders and globs.
struct Parts {
  std::vector<std::string> names;
};

class CaptureSet {
 public:
  /// Frame numbers are of 32 bits.
  static constexpr FrameNumber kMostFrames = std::numeric_limits<FrameNumber>::max();

  /// `names`: files, folders (their files, not theirs), globs, or "-" for standard input. What can't be opened is a problem;
  /// the others are read. A file that is named twice is read once. `most_frames`: what follows them isn't read, which is a
  /// problem, too. Parts aren't read: they are no capture. Throws nothing but std::bad_alloc.
  explicit CaptureSet(std::vector<std::string> names, FrameNumber most_frames = kMostFrames);
  /// All that parts hold, as the capture that they are of: its frame numbers, its places, and what was wrong with its files. Parts
  /// that hold the same are read once, and shares that are missing are a problem. `files()` are those of the capture.
  explicit CaptureSet(const Parts& parts, FrameNumber most_frames = kMostFrames);
  ~CaptureSet();
  CaptureSet(const CaptureSet&) = delete;
  CaptureSet& operator=(const CaptureSet&) = delete;

  /// The next packet, or false after the last one. Packets without bytes of a link layer (systemd journal entries and the like)
  /// are given too: they have a number.
  bool next(Slot& slot);

  /// next() returns false from now on, soon also where it waits. May be called from a signal's handler, and from any thread.
  void stop() noexcept;
  [[nodiscard]] bool stopped() const noexcept;

  /// Begins anew: the same packets with the same numbers, where the reading before came to its end or was stopped also if files
  /// have grown since. REQUIRES: can_rewind().
  void rewind();
  /// No pipe is among the files, nor standard input.
  [[nodiscard]] bool can_rewind() const;

  /// Those that can be read, in the order of their first packets; pipes come first.
  [[nodiscard]] const std::vector<std::string>& files() const;
  /// What went wrong so far: first what can't be opened, in the order of names, then in the order of files.
  [[nodiscard]] const std::vector<Problem>& problems() const;
  /// The interfaces met so far. Their blocks live as long as this.
  [[nodiscard]] const std::vector<wtap_block*>& interfaces() const;
  /// The files by which a part will tell what it is of. Reads their beginnings.
  [[nodiscard]] std::vector<SourceFile> sources() const;
  /// What is there of the connections. Nothing where that differs from file to file, of parts.
  [[nodiscard]] std::optional<Share> share() const;
  /// Those problems that the capture has wherever it is read, parts of it or all.
  [[nodiscard]] std::vector<Problem> problems_of_sources() const;
  /// The first of the names of parts behind which there may be more than was read: cut, unreadable, not counted. So far.
  [[nodiscard]] const std::optional<std::string>& lost() const;
  [[nodiscard]] bool is_of_parts() const;
  /// Bytes read so far, and of all files together; 0 where it isn't known (a pipe). As they stand on disk: compressed.
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_in_all() const;
  /// A packet may be long in coming: somebody captures while we read.
  [[nodiscard]] bool is_live() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tcpwhy::batch
