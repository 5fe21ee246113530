// Several capture files as one capture: their packets in the order of time, numbered through.
//
// Model: what mergecap would make of them, without making it. Files are opened when their first packet's turn comes, so that a
// ring buffer of a thousand files needs one at a time; files whose times overlap (hosts, interfaces) are read side by side.
// Within a file its own order is kept, whatever its clock does. Interfaces that have all in common are one, whatever file
// they are of, as for mergecap.
// Limits: the only file in this folder that knows wiretap's reading side. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "packet/decoder.h"

struct wtap_rec;
struct wtap;

namespace tcpwhy::batch {

/// What could not be read, and what was done all the same.
struct Problem {
  std::string file;             ///< As the user named it; "standard input".
  std::string what;             ///< A sentence without its subject: "cut short in the middle of packet 17; ...".
  FrameNumber after_frame = 0;  ///< The last packet of it that was read, by its own count; 0: none.
};

/// Where a packet of the capture stands.
struct Place {
  std::uint32_t file = 0;       ///< Index into `CaptureSet::files()`.
  FrameNumber frame = 0;        ///< In that file, from 1.
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

  /// wiretap's record, with its comments and the rest of its options.
  [[nodiscard]] wtap_rec& record();

 private:
  friend class CaptureSet;
  struct Room;
  std::unique_ptr<Room> room_;
};

class CaptureSet {
 public:
  /// `names`: files, folders (their files, not theirs), globs, or "-" for standard input. What can't be opened is a problem;
  /// the others are read.
  explicit CaptureSet(std::vector<std::string> names);
  ~CaptureSet();
  CaptureSet(const CaptureSet&) = delete;
  CaptureSet& operator=(const CaptureSet&) = delete;

  /// The next packet, or false after the last one. Packets without bytes of a link layer (systemd journal entries and the like)
  /// are given too: they have a number.
  bool next(Slot& slot);

  /// Begins anew: the same packets with the same numbers. REQUIRES: standard input isn't among them.
  void rewind();

  /// In the order in which they are read.
  [[nodiscard]] const std::vector<std::string>& files() const;
  /// What went wrong so far, in the order of files.
  [[nodiscard]] const std::vector<Problem>& problems() const;
  /// Bytes read so far, and of all files together; 0 where it isn't known (a pipe).
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_in_all() const;
  /// A packet may be long in coming: somebody captures while we read.
  [[nodiscard]] bool is_live() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tcpwhy::batch
