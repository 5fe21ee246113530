#include "capture_set.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pump.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {
namespace {

constexpr std::string_view kStandardInput = "-";

LinkLayer link_layer(int encapsulation) {
  switch (encapsulation) {
    case WTAP_ENCAP_ETHERNET:
      return LinkLayer::ethernet;
    case WTAP_ENCAP_SLL:
      return LinkLayer::sll;
    case WTAP_ENCAP_SLL2:
      return LinkLayer::sll2;
    case WTAP_ENCAP_RAW_IP:
    case WTAP_ENCAP_RAW_IP4:
    case WTAP_ENCAP_RAW_IP6:
      return LinkLayer::raw_ip;
    case WTAP_ENCAP_NULL:
      return LinkLayer::null;
    case WTAP_ENCAP_LOOP:
      return LinkLayer::loop;
    case WTAP_ENCAP_PPP:
    case WTAP_ENCAP_PPP_WITH_PHDR:
      return LinkLayer::ppp;
    default:
      return LinkLayer::unknown;
  }
}

/// What wiretap also opens so that Wireshark can take it apart: documents, not captures.
bool is_document(int encapsulation) {
  switch (encapsulation) {
    case WTAP_ENCAP_MIME:
    case WTAP_ENCAP_JSON:
    case WTAP_ENCAP_BER:
    case WTAP_ENCAP_MPEG:
    case WTAP_ENCAP_MPEG_2_TS:
    case WTAP_ENCAP_MP4:
    case WTAP_ENCAP_TNEF:
    case WTAP_ENCAP_RFC7468:
    case WTAP_ENCAP_RUBY_MARSHAL:
      return true;
    default:
      return false;
  }
}

/// Among the files of a folder it is a capture. Wiretap takes a text now and then for a capture of some device, whose format has
/// no magic number; such ones shall at least be of a link layer that is read.
bool is_clearly_capture(wtap* file) {
  const int type = wtap_file_type_subtype(file);
  if (type == wtap_pcapng_file_type_subtype() || type == wtap_pcap_file_type_subtype() ||
      type == wtap_pcap_nsec_file_type_subtype()) {
    return true;
  }
  const int encapsulation = wtap_file_encap(file);
  return encapsulation == WTAP_ENCAP_PER_PACKET || link_layer(encapsulation) != LinkLayer::unknown;
}

struct CloseFile {
  void operator()(wtap* file) const { wtap_close(file); }
};
using File = std::unique_ptr<wtap, CloseFile>;

/// What wiretap says went wrong.
struct Failure {
  int error = 0;
  char* details = nullptr;

  Failure() = default;
  ~Failure() { g_free(details); }
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;

  [[nodiscard]] std::string in_words() const {
    std::string words = error > 0 ? g_strerror(error) : wtap_strerror(error);
    // What wiretap says is a sentence of its own, and may leave room for a name.
    if (words.find('%') != std::string::npos) words = fmt::format("wiretap's error {}", error);
    if (details != nullptr) words += fmt::format(" ({})", details);
    return words;
  }
};

std::string why_not_opened(const Failure& failure) {
  switch (failure.error) {
    case WTAP_ERR_FILE_UNKNOWN_FORMAT:
      return "not a capture file";
    case WTAP_ERR_SHORT_READ:
      return "cut short before its first packet; nothing of it was read";
    case WTAP_ERR_NOT_REGULAR_FILE:
      return "neither a file nor a pipe";
    case WTAP_ERR_UNSUPPORTED:
    case WTAP_ERR_BAD_FILE:
    case WTAP_ERR_DECOMPRESS:
    case WTAP_ERR_DECOMPRESSION_NOT_SUPPORTED:
      return fmt::format("damaged, or of a kind that isn't read: {}", failure.in_words());
    default:
      return fmt::format("can't be opened: {}", failure.in_words());
  }
}

std::string why_ended(const Failure& failure, std::uint64_t after) {
  const std::string rest = after == 0 ? "nothing of it was read" : "what stands before it was read";
  switch (failure.error) {
    case WTAP_ERR_SHORT_READ:
      return fmt::format("cut short in the middle of packet {}; {}", after + 1, rest);
    case WTAP_ERR_BAD_FILE:
    case WTAP_ERR_DECOMPRESS:
      return fmt::format("damaged at packet {}; {}: {}", after + 1, rest, failure.in_words());
    default:
      return fmt::format("can't be read at packet {}; {}: {}", after + 1, rest, failure.in_words());
  }
}

/// As many files open at a time as this process may have: those of a thousand hosts are read side by side.
void lift_limit_of_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

File open_file(const std::string& path, Failure& failure) {
  start_wiretap();
  auto open = [&] { return wtap_open_offline(path.c_str(), WTAP_TYPE_AUTO, &failure.error, &failure.details, false); };
  wtap* file = open();
  if (file == nullptr && failure.error == EMFILE) {
    lift_limit_of_open_files();
    g_free(std::exchange(failure.details, nullptr));
    file = open();
  }
  if (file != nullptr && is_document(wtap_file_encap(file))) {
    wtap_close(file);
    file = nullptr;
    failure.error = WTAP_ERR_FILE_UNKNOWN_FORMAT;
  }
  return File(file);
}

/// 0 where the record has no time, as epan has it.
Nanoseconds time_of(const wtap_rec& record) {
  if ((record.presence_flags & WTAP_HAS_TS) == 0) return 0;
  return capture_time(static_cast<std::int64_t>(record.ts.secs), record.ts.nsecs);
}

std::string string_option(wtap_block_t block, unsigned option) {
  char* value = nullptr;
  if (wtap_block_get_string_option_value(block, option, &value) != WTAP_OPTTYPE_SUCCESS || value == nullptr) return {};
  return value;
}

wtapng_if_descr_mandatory_t& description(wtap_block_t interface) {
  return *static_cast<wtapng_if_descr_mandatory_t*>(wtap_block_get_mandatory_data(interface));
}

/// Interfaces that are described alike are one.
std::string identity(wtap_block_t interface) {
  const auto& it = description(interface);
  return fmt::format("{} {} {} {}\n{}\n{}", it.wtap_encap, it.snap_len, it.time_units_per_second, it.tsprecision,
                     string_option(interface, OPT_IDB_NAME), string_option(interface, OPT_IDB_DESCRIPTION));
}

/// All interfaces of all files, each once.
class Interfaces {
 public:
  Interfaces() = default;
  ~Interfaces() {
    for (wtap_block_t block : blocks_) wtap_block_unref(block);
  }
  Interfaces(const Interfaces&) = delete;
  Interfaces& operator=(const Interfaces&) = delete;

  std::uint32_t number_of(wtap_block_t interface) {
    std::string looks = identity(interface);
    const auto known = std::find(identities_.begin(), identities_.end(), looks);
    if (known != identities_.end()) return static_cast<std::uint32_t>(known - identities_.begin());
    blocks_.push_back(wtap_block_make_copy(interface));
    // How much was captured on it there says nothing of what is read or written here.
    auto& copied = description(blocks_.back());
    if (copied.interface_statistics != nullptr) wtap_block_array_free(copied.interface_statistics);
    copied.interface_statistics = nullptr;
    copied.num_stat_entries = 0;
    identities_.push_back(std::move(looks));
    return static_cast<std::uint32_t>(blocks_.size() - 1);
  }

  /// The same with another encapsulation; an interface without other features where `number` is none.
  std::uint32_t number_of(std::optional<std::uint32_t> number, int encapsulation) {
    const std::pair key(number, encapsulation);
    if (const auto known = variants_.find(key); known != variants_.end()) return known->second;
    wtap_block_t other = number ? wtap_block_make_copy(blocks_[*number]) : wtap_block_create(WTAP_BLOCK_IF_ID_AND_INFO);
    auto& it = description(other);
    it.wtap_encap = encapsulation;
    if (!number) {
      it.time_units_per_second = 1'000'000'000;
      it.tsprecision = WTAP_TSPREC_NSEC;
      wtap_block_add_uint8_option(other, OPT_IDB_TSRESOL, 9);
    }
    const std::uint32_t result = number_of(other);
    wtap_block_unref(other);
    variants_.emplace(key, result);
    return result;
  }

  [[nodiscard]] bool fits(std::uint32_t number, int encapsulation) const {
    return description(blocks_[number]).wtap_encap == encapsulation;
  }
  [[nodiscard]] const std::vector<wtap_block*>& blocks() const { return blocks_; }

 private:
  std::vector<wtap_block*> blocks_;
  std::vector<std::string> identities_;
  std::map<std::pair<std::optional<std::uint32_t>, int>, std::uint32_t> variants_;
};

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
};

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

  bool next(Slot& slot) {
    if (stopped_.load(std::memory_order_relaxed) || full_ || number_ == last_frame_) return false;
    if (!take_next(slot)) {
      if (!stopped_.load(std::memory_order_relaxed)) complete_ = true;
      return false;
    }
    if (number_ == most_frames_) {
      full_ = true;
      problem_of(slot.place.file, fmt::format("more than {} packets in all; none is read from packet {} on", most_frames_,
                                              slot.place.frame),
                 slot.place.frame - 1);
      return false;
    }
    slot.packet.frame = ++number_;
    return true;
  }

  void stop() noexcept {
    stopped_.store(true, std::memory_order_relaxed);
    for (const Source& source : sources_) {
      if (source.pump) source.pump->stop();
    }
  }

  void rewind() {
    if (stopped_ && !complete_ && !full_) last_frame_ = number_;
    for (Source& source : sources_) {
      source.file.reset();
      if (complete_) source.known_count = source.count;
      source.count = 0;
      source.read_before = 0;
      source.last_time = kEarliestTime;
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
    std::uint32_t file = 0;
    /// For a heap whose front is due first.
    friend bool operator<(const Turn& a, const Turn& b) { return std::pair(b.time, b.file) < std::pair(a.time, a.file); }
  };

  static std::uint64_t bytes_read(const Source& source) {
    if (!source.file) return source.read_before;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wtap_read_so_far(source.file.get()), 0));
  }

  void problem_at(std::size_t rank, std::string file, std::string what, std::uint64_t after) {
    const auto at = std::upper_bound(problem_ranks_.begin(), problem_ranks_.end(), rank);
    const auto last = at - problem_ranks_.begin() - 1;
    // A second reading meets it again.
    if (last >= 0 && problem_ranks_[static_cast<std::size_t>(last)] == rank && problems_[static_cast<std::size_t>(last)].what == what) return;
    problems_.insert(problems_.begin() + (at - problem_ranks_.begin()),
                     {std::move(file), std::move(what), static_cast<FrameNumber>(after)});
    problem_ranks_.insert(at, rank);
  }
  /// What can't be opened: ranks 0 and up, by names.
  void problem_of_name(std::size_t named, const std::string& name, std::string what) {
    problem_at(named, name, std::move(what), 0);
  }
  /// What reading shows: behind all names.
  void problem_of(std::size_t index, std::string what, std::uint64_t after) {
    problem_at(names_ + index, sources_[index].name, std::move(what), after);
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
      if (std::error_code ignored; !entry->is_regular_file(ignored)) continue;
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
      if (a.pipe != b.pipe) return a.pipe;
      if (a.first_time != b.first_time) return a.first_time < b.first_time;
      const int natural = strverscmp(a.name.c_str(), b.name.c_str());
      return natural < 0;
    });
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
    delivered_ = &sources_[turns_.back().file];
    turns_.pop_back();
    std::swap(slot, delivered_->ahead);
    return true;
  }

  void look_ahead(Source& source, std::uint32_t index) {
    if (!read(source, index, source.ahead)) return;
    turns_.push_back({source.last_time, index});
    std::push_heap(turns_.begin(), turns_.end());
  }

  bool open(Source& source, std::uint32_t index) {
    if (source.file) return true;
    Failure failure;
    source.file = open_file(source.path, failure);
    // Of nothing at all wiretap thinks now this, now that.
    const bool nothing = source.pump && source.pump->carried() == 0;
    if (nothing) source.file.reset();
    if (source.pump) source.pump->opened();
    if (source.file) return true;
    if (!stopped_.load(std::memory_order_relaxed)) problem_of(index, nothing ? "empty" : why_not_opened(failure), 0);
    return false;
  }

  bool read(Source& source, std::uint32_t index, Slot& slot) {
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
    Packet& packet = slot.packet;
    slot.place = {index, static_cast<FrameNumber>(source.count)};
    packet.time = time_of(header);
    if ((header.presence_flags & WTAP_HAS_TS) != 0) source.last_time = packet.time;
    if (header.rec_type != REC_TYPE_PACKET) {
      slot.interface = packet.interface = 0;
      packet.link = LinkLayer::unknown;
      packet.bytes = {};
      return true;
    }
    const wtap_packet_header& of_packet = header.rec_header.packet_header;
    slot.interface = interface_number(source, header);
    // One file's are as it numbers them, within each section.
    const bool numbered = (header.presence_flags & WTAP_HAS_INTERFACE_ID) != 0;
    packet.interface = sources_.size() > 1 ? slot.interface : numbered ? of_packet.interface_id : 0;
    packet.link = link_layer(of_packet.pkt_encap);
    packet.bytes = {{record.bytes(), of_packet.caplen}, std::max(of_packet.len, of_packet.caplen)};
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
CaptureSet::~CaptureSet() = default;
bool CaptureSet::next(Slot& slot) { return implementation_->next(slot); }
void CaptureSet::stop() noexcept { implementation_->stop(); }
void CaptureSet::rewind() { implementation_->rewind(); }
bool CaptureSet::can_rewind() const { return implementation_->can_rewind(); }
const std::vector<std::string>& CaptureSet::files() const { return implementation_->files(); }
const std::vector<Problem>& CaptureSet::problems() const { return implementation_->problems(); }
const std::vector<wtap_block*>& CaptureSet::interfaces() const { return implementation_->interfaces(); }
std::uint64_t CaptureSet::bytes_read() const { return implementation_->bytes_read(); }
std::uint64_t CaptureSet::bytes_in_all() const { return implementation_->bytes_in_all(); }
bool CaptureSet::is_live() const { return implementation_->is_live(); }

}  // namespace tcpwhy::batch
