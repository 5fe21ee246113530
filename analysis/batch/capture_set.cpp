#include "capture_set.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "capture_file.h"
#include "interfaces.h"
#include "part_format.h"
#include "pump.h"

namespace tcpwhy::batch {
namespace {

constexpr std::string_view kStandardInput = "-";
constexpr const char* kIsPart = "a part that tcpwhy profile wrote, no capture; tcpwhy merge reads it";

/// An interface of a part's file.
struct PartInterface {
  std::uint32_t number = 0;  ///< Among all.
  std::uint32_t own = 0;     ///< In the file that it was captured to.
};

/// A part, while it is read.
struct Part {
  std::string name;
  Share share;
  std::uint64_t size = 0;
  File file = {};
  Slot ahead = {};           ///< Its next packet.
  PartNumbers numbers = {};  ///< Of it.
  bool waits = false;        ///< There is one.
  bool ended = false;        ///< Its last record has been read.
  std::uint64_t count = 0;
  std::uint64_t read_before = 0;
  std::vector<PartInterface> interfaces = {};
};

/// What packets come from, in their order: a file, or all parts of a group.
struct Source {
  std::string name;
  std::string path = {};       ///< What wiretap opens.
  std::size_t named = 0;       ///< Where among the names.
  bool in_folder = false;
  bool pipe = false;           ///< Can be read once, and not before its turn.
  std::uint64_t size = 0;
  Nanoseconds first_time = kEarliestTime;

  std::unique_ptr<Pump> pump = {};
  File file = {};
  Slot ahead = {};             ///< Its next packet, while that waits.
  Nanoseconds last_time = kEarliestTime;  ///< Of the last packet that has one.
  std::uint64_t count = 0;
  std::optional<std::uint64_t> known_count = {};  ///< After a first reading.
  std::vector<std::uint32_t> interfaces = {};     ///< By the file's own numbers.
  std::uint64_t read_before = 0;             ///< Bytes, of a file that is closed again.

  std::vector<Part> parts = {};              ///< Of a group; then `file` and what belongs to it isn't used.
  std::vector<SourceFile> of = {};           ///< The files that the group is of,
  std::vector<std::uint32_t> places = {};    ///< and their indices among all.
};

/// Comes before another one if both have packets of the same time.
bool earlier(Nanoseconds time_a, const std::string& a, Nanoseconds time_b, const std::string& b) {
  return time_a != time_b ? time_a < time_b : strverscmp(a.c_str(), b.c_str()) < 0;
}

/// What tells a file from others wherever it stands.
std::pair<std::string, std::string> key_of(const SourceFile& file) {
  return {std::filesystem::path(file.name).filename().string(), file.checksum};
}

/// Both groups are of the same files.
bool same_files(const std::vector<SourceFile>& a, const std::vector<SourceFile>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const SourceFile& x, const SourceFile& y) {
    return key_of(x) == key_of(y) && x.bytes == y.bytes;
  });
}

/// A file with packets that is in both groups; null if there is none.
const SourceFile* common_file(const std::vector<SourceFile>& a, const std::vector<SourceFile>& b) {
  std::set<std::pair<std::string, std::string>> keys;
  for (const SourceFile& file : a) keys.insert(key_of(file));
  const auto found = std::find_if(b.begin(), b.end(), [&](const SourceFile& file) {
    return !file.checksum.empty() && keys.contains(key_of(file));
  });
  return found == b.end() ? nullptr : &*found;
}

bool has_packets(const std::vector<SourceFile>& files) {
  return std::any_of(files.begin(), files.end(), [](const SourceFile& file) { return !file.checksum.empty(); });
}

/// The part of a group that has some of a share, or null.
const Part* overlapping(const Source& group, const Share& share) {
  const auto found = std::find_if(group.parts.begin(), group.parts.end(), [&](const Part& part) {
    return std::find_first_of(part.share.shards.begin(), part.share.shards.end(), share.shards.begin(), share.shards.end()) !=
           part.share.shards.end();
  });
  return found == group.parts.end() ? nullptr : &*found;
}

std::string checksum_of(wtap* file, Nanoseconds& first_time) {
  constexpr std::size_t kPackets = 16;
  GChecksum* sum = g_checksum_new(G_CHECKSUM_SHA256);
  Failure failure;
  Record record;
  std::size_t count = 0;
  for (; count < kPackets && record.read(file, failure.error, failure.details); ++count) {
    const Nanoseconds time = time_of(record.header());
    if (count == 0) first_time = time;
    const bool packet = record.header().rec_type == REC_TYPE_PACKET;
    const std::uint32_t length = packet ? record.header().rec_header.packet_header.caplen : 0;
    g_checksum_update(sum, reinterpret_cast<const guchar*>(&time), sizeof time);
    g_checksum_update(sum, reinterpret_cast<const guchar*>(&length), sizeof length);
    g_checksum_update(sum, record.bytes(), length);
  }
  constexpr std::size_t kDigits = 32;
  std::string digits = count == 0 ? "" : std::string(g_checksum_get_string(sum)).substr(0, kDigits);
  g_checksum_free(sum);
  return digits;
}

/// "0 and 2", "1".
std::string listed(const std::vector<std::uint32_t>& numbers) {
  std::string list;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    list += fmt::format("{}{}", i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ", numbers[i] + 1);
  }
  return list;
}

}  // namespace

Slot::Slot() : record_(std::make_unique<Record>()) {}
Slot::~Slot() = default;
Slot::Slot(Slot&&) noexcept = default;
Slot& Slot::operator=(Slot&&) noexcept = default;

class CaptureSet::Implementation {
 public:
  Implementation(std::vector<std::string> names, FrameNumber most_frames) : most_frames_(most_frames) {
    std::vector<Source> found;
    for (std::size_t i = 0; i < names.size(); ++i) add(names[i], i, found);
    if (found.size() == 1 && !found[0].in_folder) {
      take_alone(std::move(found[0]));
    } else {
      take(std::move(found));
    }
    for (const Source& source : sources_) {
      files_.push_back(source.name);
      bytes_in_all_ += source.size;
      live_ |= source.pump != nullptr;
    }
    if (!can_rewind()) bytes_in_all_ = 0;
  }

  Implementation(const Parts& parts, FrameNumber most_frames) : most_frames_(most_frames), of_parts_(true) {
    std::vector<Source> found;
    for (std::size_t i = 0; i < parts.names.size(); ++i) add(parts.names[i], i, found);
    take_parts(std::move(found));
    for (const Source& source : sources_) {
      for (const Part& part : source.parts) bytes_in_all_ += part.size;
    }
  }

  bool next(Slot& slot) {
    if (stopped_.load(std::memory_order_relaxed) || full_ || number_ == last_frame_) return false;
    if (!take_next(slot)) {
      if (!stopped_.load(std::memory_order_relaxed)) complete_ = true;
      return false;
    }
    if (number_ == most_frames_) {
      full_ = true;
      const std::string& file = files_[slot.place.file];
      problem_at(names_ + slot.place.file, file,
                 fmt::format("more than {} packets in all; none is read from packet {} on", most_frames_, slot.place.frame),
                 slot.place.frame - 1);
      if (of_parts_) lose(file);
      return false;
    }
    // Of one group the numbers are known even where a share of it is missing.
    number_ = of_parts_ && sources_.size() == 1 ? slot.packet.frame : number_ + 1;
    slot.packet.frame = number_;
    return true;
  }

  void stop() noexcept {
    stopped_.store(true, std::memory_order_relaxed);
    for (const Source& source : sources_) {
      if (source.pump) source.pump->stop();
    }
  }

  [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  void rewind() {
    if (stopped_ && !complete_ && !full_) last_frame_ = number_;
    for (Source& source : sources_) {
      source.file.reset();
      if (complete_) source.known_count = source.count;
      source.count = 0;
      source.read_before = 0;
      source.last_time = kEarliestTime;
      for (Part& part : source.parts) {
        part.file.reset();
        part.waits = part.ended = false;
        part.count = part.read_before = 0;
      }
    }
    turns_.clear();
    unopened_ = 0;
    delivered_ = nullptr;
    number_ = 0;
    full_ = false;
    stopped_ = false;
  }

  [[nodiscard]] bool can_rewind() const {
    return std::none_of(sources_.begin(), sources_.end(), [](const Source& source) { return source.pipe; });
  }
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }
  [[nodiscard]] const std::vector<wtap_block*>& interfaces() const { return interfaces_.blocks(); }
  [[nodiscard]] bool is_live() const { return live_; }
  [[nodiscard]] bool is_of_parts() const { return of_parts_; }
  [[nodiscard]] std::vector<SourceFile> sources() const {
    std::vector<SourceFile> all;
    if (of_parts_) {
      all.resize(files_.size());
      for (const Source& group : sources_) {
        for (std::size_t i = 0; i < group.of.size(); ++i) all[group.places[i]] = group.of[i];
      }
      return all;
    }
    for (const Source& source : sources_) {
      SourceFile file{source.name, source.size, {}, source.first_time};
      if (source.pipe) {
        char* unique = g_uuid_string_random();
        file.checksum = unique;
        g_free(unique);
      } else {
        Failure failure;
        const File opened = open_file(source.path, failure);
        if (opened) file.checksum = checksum_of(opened.get(), file.first_time);
      }
      all.push_back(std::move(file));
    }
    return all;
  }
  [[nodiscard]] std::optional<Share> share() const {
    if (!of_parts_) return Share{};
    if (sources_.size() == 1) return share_of(sources_[0]);
    const bool whole = std::all_of(sources_.begin(), sources_.end(), [](const Source& group) { return share_of(group).whole(); });
    return whole ? std::optional(Share{}) : std::nullopt;
  }
  [[nodiscard]] std::vector<Problem> problems_of_sources() const { return of_parts_ ? problems_of_sources_ : problems_; }
  [[nodiscard]] const std::optional<std::string>& lost() const { return lost_; }
  [[nodiscard]] std::uint64_t bytes_in_all() const { return bytes_in_all_; }
  [[nodiscard]] std::uint64_t bytes_read() const {
    std::uint64_t sum = 0;
    for (const Source& source : sources_) sum += bytes_read(source);
    return sum;
  }

 private:
  /// When a file's next packet is due.
  struct Turn {
    Nanoseconds time = 0;
    std::uint32_t file = 0;    ///< That it is of, among all,
    std::uint32_t source = 0;  ///< and what that is read from.
    /// For a heap whose front is due first.
    friend bool operator<(const Turn& a, const Turn& b) { return std::pair(b.time, b.file) < std::pair(a.time, a.file); }
  };

  static std::uint64_t bytes_read(const File& file) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wtap_read_so_far(file.get()), 0));
  }
  static std::uint64_t bytes_read(const Source& source) {
    std::uint64_t sum = source.file ? bytes_read(source.file) : source.read_before;
    for (const Part& part : source.parts) sum += part.file ? bytes_read(part.file) : part.read_before;
    return sum;
  }

  static Share share_of(const Source& group) {
    Share all{{}, group.parts[0].share.of};
    for (const Part& part : group.parts) all.shards.insert(all.shards.end(), part.share.shards.begin(), part.share.shards.end());
    std::sort(all.shards.begin(), all.shards.end());
    return all;
  }

  void problem_at(std::size_t rank, std::string file, std::string what, std::uint64_t after) {
    const auto at = std::upper_bound(problem_ranks_.begin(), problem_ranks_.end(), rank);
    // A second reading meets it again.
    for (auto i = static_cast<std::size_t>(at - problem_ranks_.begin()); i > 0 && problem_ranks_[i - 1] == rank; --i) {
      if (problems_[i - 1].what == what && problems_[i - 1].file == file) return;
    }
    problems_.insert(problems_.begin() + (at - problem_ranks_.begin()),
                     {std::move(file), std::move(what), static_cast<FrameNumber>(after)});
    problem_ranks_.insert(at, rank);
  }
  /// What can't be opened: ranks 0 and up, by names.
  void problem_of_name(std::size_t named, const std::string& name, std::string what) {
    problem_at(named, name, std::move(what), 0);
    if (of_parts_) lose(name);
  }
  /// What reading shows: behind all names.
  void problem_of(std::size_t index, std::string what, std::uint64_t after) {
    problem_at(names_ + index, sources_[index].name, std::move(what), after);
  }
  void problem_of_part(std::size_t index, const Part& part, std::string what) {
    problem_at(names_ + index, part.name, std::move(what), part.count);
    lose(part.name);
  }
  void lose(const std::string& name) {
    if (!lost_) lost_ = name;
  }

  void add(const std::string& name, std::size_t named, std::vector<Source>& found) {
    names_ = std::max(names_, named + 1);
    struct stat status {};
    if (name == kStandardInput) {
      if (fstat(STDIN_FILENO, &status) != 0) {
        problem_of_name(named, "standard input", fmt::format("can't be opened: {}", g_strerror(errno)));
      } else if (seen_.emplace(status.st_dev, status.st_ino).second) {
        if (S_ISREG(status.st_mode)) {
          found.push_back({.name = "standard input", .path = name, .named = named, .pipe = true});
        } else {
          add_pipe("standard input", fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), named, found);
        }
      }
      return;
    }
    if (stat(name.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) {
        add_folder(name, named, found);
      } else {
        add_file(name, named, false, found);
      }
      return;
    }
    const int why = errno;
    if (name.find_first_of("*?[") == std::string::npos) {
      problem_of_name(named, name, fmt::format("can't be opened: {}", g_strerror(why)));
      return;
    }
    glob_t matches{};
    if (glob(name.c_str(), 0, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
        const std::string match = matches.gl_pathv[i];
        if (std::error_code ignored; std::filesystem::is_directory(match, ignored)) {
          add_folder(match, named, found);
        } else {
          add_file(match, named, false, found);
        }
      }
    } else {
      problem_of_name(named, name, "no file has such a name");
    }
    globfree(&matches);
  }

  void add_folder(const std::string& name, std::size_t named, std::vector<Source>& found) {
    std::error_code error;
    std::filesystem::directory_iterator entry(name, error);
    const std::filesystem::directory_iterator end;
    std::size_t files = 0;
    for (; !error && entry != end; entry.increment(error)) {
      // Hidden ones aren't meant, and are those that somebody is writing (rsync and the like).
      if (entry->path().filename().string().starts_with('.')) continue;
      // A link that leads nowhere was meant to be a file.
      std::error_code ignored;
      const auto type = entry->status(ignored).type();
      if (type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found) continue;
      add_file(entry->path().string(), named, true, found);
      ++files;
    }
    if (error) {
      problem_of_name(named, name, fmt::format("can't be read: {}", error.message()));
    } else if (files == 0) {
      problem_of_name(named, name, "a folder without files");
    } else {
      folders_.push_back({name, named});
    }
  }

  void add_file(const std::string& name, std::size_t named, bool in_folder, std::vector<Source>& found) {
    struct stat status {};
    if (stat(name.c_str(), &status) != 0) {
      problem_of_name(named, name, fmt::format("can't be opened: {}", g_strerror(errno)));
    } else if (!seen_.emplace(status.st_dev, status.st_ino).second) {
      return;
    } else if (!S_ISREG(status.st_mode)) {
      add_pipe(name, ::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC), named, found);
    } else if (status.st_size == 0 && !in_folder) {
      problem_of_name(named, name, "empty");
    } else if (status.st_size > 0) {
      Source file{.name = name, .path = name, .named = named, .in_folder = in_folder};
      file.size = static_cast<std::uint64_t>(status.st_size);
      found.push_back(std::move(file));
    }
  }

  /// `from`: what open() returned.
  void add_pipe(const std::string& name, int from, std::size_t named, std::vector<Source>& found) {
    int why = errno;
    if (from >= 0) {
      try {
        Source pipe{.name = name, .named = named, .pipe = true, .pump = std::make_unique<Pump>(from)};
        pipe.path = pipe.pump->path();
        found.push_back(std::move(pipe));
        return;
      } catch (const std::system_error& error) {
        why = error.code().value();
      }
    }
    problem_of_name(named, name, fmt::format("can't be opened: {}", g_strerror(why)));
  }

  /// Nothing has to be known of its time.
  void take_alone(Source source) {
    if (!source.pipe) {
      Failure failure;
      source.file = open_file(source.path, failure);
      if (!source.file) {
        problem_of_name(source.named, source.name, why_not_opened(failure));
        return;
      }
      if (is_part(source.file.get())) {
        problem_of_name(source.named, source.name, kIsPart);
        return;
      }
    }
    sources_.push_back(std::move(source));
  }

  void take(std::vector<Source> found) {
    std::set<std::size_t> with_captures;
    Slot first;
    for (Source& source : found) {
      if (source.pipe) {
        sources_.push_back(std::move(source));
        continue;
      }
      Failure failure;
      const File file = open_file(source.path, failure);
      if (!file) {
        if (!source.in_folder || failure.error != WTAP_ERR_FILE_UNKNOWN_FORMAT) {
          problem_of_name(source.named, source.name, why_not_opened(failure));
        }
        continue;
      }
      if (is_part(file.get())) {
        problem_of_name(source.named, source.name, kIsPart);
        continue;
      }
      if (source.in_folder && !is_clearly_capture(file.get())) continue;
      with_captures.insert(source.named);
      // Where there is no first packet, reading will say so; it shall not wait for the others.
      if (first.record().read(file.get(), failure.error, failure.details)) source.first_time = time_of(first.record().header());
      sources_.push_back(std::move(source));
    }
    for (const auto& [name, named] : folders_) {
      if (!with_captures.contains(named)) problem_of_name(named, name, "a folder without captures");
    }
    std::stable_sort(sources_.begin(), sources_.end(), [](const Source& a, const Source& b) {
      return a.pipe != b.pipe ? a.pipe : earlier(a.first_time, a.name, b.first_time, b.name);
    });
  }

  void take_parts(std::vector<Source> found) {
    std::stable_sort(found.begin(), found.end(), [](const Source& a, const Source& b) {
      return a.named != b.named ? a.named < b.named : strverscmp(a.name.c_str(), b.name.c_str()) < 0;
    });
    std::set<std::size_t> with_parts;
    for (Source& part : found) {
      Failure failure;
      const File file = part.pipe ? File() : open_file(part.path, failure);
      std::optional<PartHeader> header;
      if (file) header = read_header(file.get());
      if (header) {
        with_parts.insert(part.named);
        take_part(std::move(part), std::move(*header));
      } else if (part.pipe) {
        problem_of_name(part.named, part.name, "a pipe; parts are read from files");
      } else if (file && is_part(file.get())) {
        problem_of_name(part.named, part.name, "a part that another version of tcpwhy wrote, or damaged");
      } else if (file || failure.error == WTAP_ERR_FILE_UNKNOWN_FORMAT) {
        if (!part.in_folder) problem_of_name(part.named, part.name, "not a part that tcpwhy profile wrote");
      } else {
        problem_of_name(part.named, part.name, why_not_opened(failure));
      }
    }
    for (const auto& [name, named] : folders_) {
      if (!with_parts.contains(named)) problem_of_name(named, name, "a folder without parts");
    }
    for (const Source& group : sources_) miss_shares(group);
    std::stable_sort(sources_.begin(), sources_.end(), [](const Source& a, const Source& b) {
      return earlier(a.first_time, a.name, b.first_time, b.name);
    });
    number_files();
  }

  void take_part(Source found, PartHeader header) {
    Part part{.name = found.name, .share = header.share, .size = found.size};
    for (Source& group : sources_) {
      if (group.parts[0].share.of == header.share.of && same_files(group.of, header.sources)) {
        const Part* other = overlapping(group, header.share);
        if (other == nullptr) {
          group.parts.push_back(std::move(part));
          return;
        }
        if (!has_packets(group.of)) continue;  // What is empty is easily alike, and counts nothing twice.
        if (other->share.shards == header.share.shards) {
          problem_at(found.named, found.name, fmt::format("holds what {} holds; counted once", other->name), 0);
        } else {
          problem_of_name(found.named, found.name, fmt::format("holds some of what {} holds; not counted", other->name));
        }
        return;
      }
      if (const SourceFile* common = common_file(group.of, header.sources)) {
        problem_of_name(found.named, found.name,
                        fmt::format("is of {}, as {} is, but isn't another share of the same; not counted", common->name,
                                    group.parts[0].name));
        return;
      }
    }
    Source group{.name = header.sources.empty() ? found.name : header.sources[0].name, .named = found.named};
    group.first_time = kLatestTime;
    for (const SourceFile& file : header.sources) {
      if (!file.checksum.empty()) group.first_time = std::min(group.first_time, file.first_time);
    }
    group.of = std::move(header.sources);
    group.parts.push_back(std::move(part));
    sources_.push_back(std::move(group));
  }

  void miss_shares(const Source& group) {
    const Share there = share_of(group);
    if (there.whole()) return;
    std::vector<std::uint32_t> missing;
    for (std::uint32_t shard = 0; shard < there.of; ++shard) {
      if (!std::binary_search(there.shards.begin(), there.shards.end(), shard)) missing.push_back(shard);
    }
    problem_at(group.named, group.parts[0].name,
               fmt::format("share {} of {} of {}{} is missing; nothing is known of the connections in it", listed(missing), there.of,
                           group.name, group.of.size() > 1 ? fmt::format(" and {} more", group.of.size() - 1) : ""),
               0);
  }

  /// As the capture does that they are of.
  void number_files() {
    struct Numbered {
      const SourceFile* file;
      std::uint32_t* place;
    };
    std::vector<Numbered> all;
    for (Source& group : sources_) {
      group.places.resize(group.of.size());
      for (std::size_t i = 0; i < group.of.size(); ++i) all.push_back({&group.of[i], &group.places[i]});
    }
    std::stable_sort(all.begin(), all.end(), [](const Numbered& a, const Numbered& b) {
      return earlier(a.file->first_time, a.file->name, b.file->first_time, b.file->name);
    });
    for (const Numbered& numbered : all) {
      *numbered.place = static_cast<std::uint32_t>(files_.size());
      files_.push_back(numbered.file->name);
    }
  }

  bool take_next(Slot& slot) {
    if (delivered_ != nullptr) {
      Source& source = *delivered_;
      const auto index = static_cast<std::uint32_t>(delivered_ - sources_.data());
      if (turns_.empty() && unopened_ == sources_.size()) return read(source, index, slot);  // Nobody to wait for.
      delivered_ = nullptr;
      look_ahead(source, index);
    }
    while (unopened_ < sources_.size() &&
           (turns_.empty() || sources_[unopened_].first_time < turns_.front().time)) {
      if (stopped_.load(std::memory_order_relaxed)) return false;
      const std::uint32_t index = unopened_++;
      if (open(sources_[index], index)) look_ahead(sources_[index], index);
    }
    if (turns_.empty() || stopped_.load(std::memory_order_relaxed)) return false;
    std::pop_heap(turns_.begin(), turns_.end());
    delivered_ = &sources_[turns_.back().source];
    turns_.pop_back();
    std::swap(slot, delivered_->ahead);
    return true;
  }

  void look_ahead(Source& source, std::uint32_t index) {
    if (!read(source, index, source.ahead)) return;
    turns_.push_back({source.last_time, source.ahead.place.file, index});
    std::push_heap(turns_.begin(), turns_.end());
  }

  bool open(Source& source, std::uint32_t index) {
    if (of_parts_) {
      for (Part& part : source.parts) open(part, index);
      return true;
    }
    if (source.file) return true;
    Failure failure;
    source.file = open_file(source.path, failure);
    // Of nothing at all wiretap thinks now this, now that.
    const bool nothing = source.pump && source.pump->carried() == 0;
    if (nothing) source.file.reset();
    if (source.pump) source.pump->opened();
    const bool part = source.file && is_part(source.file.get());
    if (part) source.file.reset();
    if (source.file) return true;
    if (!stopped_.load(std::memory_order_relaxed)) {
      problem_of(index, nothing ? "empty" : part ? kIsPart : why_not_opened(failure), 0);
    }
    return false;
  }

  void open(Part& part, std::uint32_t index) {
    Failure failure;
    part.file = open_file(part.name, failure);
    if (!part.file) problem_of_part(index, part, why_not_opened(failure));
  }

  /// The packet of the group that comes next, from whatever part it is in.
  bool read_parts(Source& group, std::uint32_t index, Slot& slot) {
    Part* next = nullptr;
    for (Part& part : group.parts) {
      if (!part.waits && part.file) look_ahead(part, group, index);
      if (part.waits && (next == nullptr || part.numbers.in_group < next->numbers.in_group)) next = &part;
    }
    if (next == nullptr) return false;
    std::swap(slot, next->ahead);
    next->waits = false;
    if (slot.packet.time != 0) group.last_time = slot.packet.time;
    return true;
  }

  void look_ahead(Part& part, Source& group, std::uint32_t index) {
    const bool several = group.of.size() > 1;
    Failure failure;
    while (part.ahead.record().read(part.file.get(), failure.error, failure.details)) {
      const wtap_rec& header = part.ahead.record().header();
      ++part.count;
      const auto numbers = read_numbers(header, several);
      if (!numbers) {
        const auto problems = read_end(header);
        if (!problems) break;
        part.ended = true;
        for (const Problem& problem : *problems) add_source_problem(group, problem);
        continue;
      }
      const bool ordered = part.count == 1 || numbers->in_group > part.numbers.in_group;
      if (!ordered || numbers->in_source == 0 || numbers->source >= group.of.size()) break;
      part.numbers = *numbers;
      fill(part.ahead, header);
      part.ahead.place = {group.places[numbers->source], numbers->in_source};
      part.ahead.packet.frame = numbers->in_group;
      const PartInterface& interface = interface_of_part(part, header);
      part.ahead.interface = interface.number;
      part.ahead.own_interface = interface.own;
      part.ahead.packet.interface = files_.size() > 1 ? interface.number : interface.own;
      part.waits = true;
      return;
    }
    part.read_before = bytes_read(part.file);
    part.file.reset();
    if (failure.error != 0) {
      problem_of_part(index, part, why_ended(failure, part.count));
    } else if (!part.ended) {
      problem_of_part(index, part,
                      fmt::format("not whole, or damaged behind packet {}; what stands before it was read", part.count));
    }
  }

  void add_source_problem(const Source& group, const Problem& problem) {
    const auto same = [&](const Problem& other) { return other.file == problem.file && other.what == problem.what; };
    if (std::any_of(problems_of_sources_.begin(), problems_of_sources_.end(), same)) return;
    problems_of_sources_.push_back(problem);
    const auto file = std::find_if(group.of.begin(), group.of.end(), [&](const SourceFile& of) { return of.name == problem.file; });
    // What couldn't be opened is none of its files.
    const auto place = static_cast<std::size_t>(file - group.of.begin());
    const std::size_t rank = file == group.of.end() ? group.named : names_ + group.places[place];
    problem_at(rank, problem.file, problem.what, problem.after_frame);
  }

  const PartInterface& interface_of_part(Part& part, const wtap_rec& header) {
    const std::size_t number = interface_of(part.file.get(), header).value_or(0);
    if (number >= part.interfaces.size()) {
      wtapng_iface_descriptions_t* all = wtap_file_get_idb_info(part.file.get());
      for (std::size_t i = part.interfaces.size(); all != nullptr && i < all->interface_data->len; ++i) {
        wtap_block_t block = g_array_index(all->interface_data, wtap_block_t, i);
        part.interfaces.push_back({interfaces_.number_of(block), own_number(block)});
      }
      g_free(all);
    }
    static constexpr PartInterface kUnknown;
    return number < part.interfaces.size() ? part.interfaces[number] : kUnknown;
  }

  /// All that doesn't depend on the file.
  static void fill(Slot& slot, const wtap_rec& header) {
    Packet& packet = slot.packet;
    packet.time = time_of(header);
    if (header.rec_type != REC_TYPE_PACKET) {
      slot.interface = Slot::kNoInterface;
      slot.own_interface = packet.interface = 0;
      packet.link = LinkLayer::unknown;
      packet.bytes = {};
      return;
    }
    const wtap_packet_header& of_packet = header.rec_header.packet_header;
    packet.link = link_layer(of_packet.pkt_encap);
    packet.bytes = {{slot.record_->bytes(), of_packet.caplen}, std::max(of_packet.len, of_packet.caplen)};
  }

  bool read(Source& source, std::uint32_t index, Slot& slot) {
    if (of_parts_) return read_parts(source, index, slot);
    Record& record = *slot.record_;
    Failure failure;
    if (source.count == source.known_count || !source.file) {
      end(source, index, failure);
      return false;
    }
    if (!record.read(source.file.get(), failure.error, failure.details)) {
      end(source, index, failure);
      return false;
    }
    ++source.count;
    const wtap_rec& header = record.header();
    slot.place = {index, static_cast<FrameNumber>(source.count)};
    fill(slot, header);
    if (slot.packet.time != 0) source.last_time = slot.packet.time;
    if (header.rec_type != REC_TYPE_PACKET) return true;
    slot.interface = interface_number(source, header);
    // One file's are as it numbers them, within each section.
    const bool numbered = (header.presence_flags & WTAP_HAS_INTERFACE_ID) != 0;
    slot.own_interface = numbered ? header.rec_header.packet_header.interface_id : 0;
    slot.packet.interface = sources_.size() > 1 ? slot.interface : slot.own_interface;
    return true;
  }

  std::uint32_t interface_number(Source& source, const wtap_rec& header) {
    const int encapsulation = header.rec_header.packet_header.pkt_encap;
    const std::size_t own = interface_of(source.file.get(), header).value_or(0);
    if (own >= source.interfaces.size()) learn_interfaces(source);
    if (own >= source.interfaces.size()) {
      const std::uint32_t number = interfaces_.number_of({}, encapsulation);
      if (own == 0) source.interfaces.push_back(number);
      return number;
    }
    const std::uint32_t number = source.interfaces[own];
    return interfaces_.fits(number, encapsulation) ? number : interfaces_.number_of(number, encapsulation);
  }

  /// They may stand anywhere in the file, before their first packet.
  void learn_interfaces(Source& source) {
    wtapng_iface_descriptions_t* all = wtap_file_get_idb_info(source.file.get());
    if (all == nullptr) return;
    for (std::size_t i = source.interfaces.size(); i < all->interface_data->len; ++i) {
      source.interfaces.push_back(interfaces_.number_of(g_array_index(all->interface_data, wtap_block_t, i)));
    }
    g_free(all);
  }

  void end(Source& source, std::uint32_t index, const Failure& failure) {
    if (!source.file) return;
    learn_interfaces(source);  // Those without packets, too.
    source.read_before = bytes_read(source);
    source.file.reset();
    // A stop is no error of the file, nor is a signal that ended a read.
    if (failure.error == EINTR) stopped_ = true;
    if (stopped_.load(std::memory_order_relaxed)) return;
    if (failure.error != 0) {
      problem_of(index, why_ended(failure, source.count), source.count);
    } else if (source.pump && source.pump->error() != 0) {
      problem_of(index, fmt::format("can't be read behind packet {}: {}", source.count, g_strerror(source.pump->error())),
                 source.count);
    }
  }

  const FrameNumber most_frames_;
  const bool of_parts_ = false;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::vector<std::pair<std::string, std::size_t>> folders_;
  std::size_t names_ = 0;

  std::vector<Source> sources_;
  std::vector<std::string> files_;
  std::uint64_t bytes_in_all_ = 0;
  bool live_ = false;
  Interfaces interfaces_;
  std::vector<Problem> problems_;
  std::vector<std::size_t> problem_ranks_;
  std::vector<Problem> problems_of_sources_;  ///< That parts told of.
  std::optional<std::string> lost_;

  std::vector<Turn> turns_;        ///< A heap of those that are open and whose next packet waits.
  std::uint32_t unopened_ = 0;
  Source* delivered_ = nullptr;    ///< The last packet was its; its next one hasn't been read.
  FrameNumber number_ = 0;
  std::optional<FrameNumber> last_frame_;  ///< Of a reading that was stopped.
  bool full_ = false;
  bool complete_ = false;          ///< All has been read once.
  std::atomic<bool> stopped_{false};
};

CaptureSet::CaptureSet(std::vector<std::string> names, FrameNumber most_frames)
    : implementation_(std::make_unique<Implementation>(std::move(names), most_frames)) {}
CaptureSet::CaptureSet(const Parts& parts, FrameNumber most_frames)
    : implementation_(std::make_unique<Implementation>(parts, most_frames)) {}
CaptureSet::~CaptureSet() = default;
bool CaptureSet::next(Slot& slot) { return implementation_->next(slot); }
void CaptureSet::stop() noexcept { implementation_->stop(); }
bool CaptureSet::stopped() const noexcept { return implementation_->stopped(); }
void CaptureSet::rewind() { implementation_->rewind(); }
bool CaptureSet::can_rewind() const { return implementation_->can_rewind(); }
const std::vector<std::string>& CaptureSet::files() const { return implementation_->files(); }
const std::vector<Problem>& CaptureSet::problems() const { return implementation_->problems(); }
const std::vector<wtap_block*>& CaptureSet::interfaces() const { return implementation_->interfaces(); }
std::uint64_t CaptureSet::bytes_read() const { return implementation_->bytes_read(); }
std::uint64_t CaptureSet::bytes_in_all() const { return implementation_->bytes_in_all(); }
std::vector<SourceFile> CaptureSet::sources() const { return implementation_->sources(); }
std::optional<Share> CaptureSet::share() const { return implementation_->share(); }
std::vector<Problem> CaptureSet::problems_of_sources() const { return implementation_->problems_of_sources(); }
const std::optional<std::string>& CaptureSet::lost() const { return implementation_->lost(); }
bool CaptureSet::is_of_parts() const { return implementation_->is_of_parts(); }
bool CaptureSet::is_live() const { return implementation_->is_live(); }

}  // namespace tcpwhy::batch
