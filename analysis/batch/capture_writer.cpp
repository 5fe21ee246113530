#include "capture_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "interfaces.h"
#include "interruption.h"
#include "wtap_compat.h"

namespace tcpwhy::batch {
namespace {

std::string clipped(const std::string& text) {
  std::size_t length = std::min(text.size(), kLongestOption);
  // Not within a character.
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;
  return text.substr(0, length);
}

void add_text(wtap_block_t block, unsigned option, const std::string& text) {
  const std::string value = clipped(text);
  wtap_block_add_string_option(block, option, value.data(), value.size());
}

/// Whether a file is a whole gzip member of so many bytes: they are counted in its last four (RFC 1952 section 2.3.1). Wiretap
/// tells nobody where these could not be written.
bool ends_as_gzip(const std::filesystem::path& file, std::uint64_t length) {
  std::ifstream in(file, std::ios::binary);
  std::array<unsigned char, 4> last{};
  in.seekg(-static_cast<std::streamoff>(last.size()), std::ios::end);
  in.read(reinterpret_cast<char*>(last.data()), static_cast<std::streamsize>(last.size()));
  const auto counted = static_cast<std::uint32_t>(last[0] | last[1] << 8 | last[2] << 16) | std::uint32_t{last[3]} << 24;
  return in && counted == static_cast<std::uint32_t>(length);
}

}  // namespace

struct CaptureWriter::Dumper {
  ~Dumper() {
    if (to != nullptr) {
      int ignored = 0;
      wtap_dump_close(to, nullptr, &ignored, &details);
    }
    g_free(details);
    if (fd >= 0) ::close(fd);
    if (sections != nullptr) wtap_block_array_free(sections);
  }

  wtap_dumper* to = nullptr;
  int fd = -1;                  ///< The same file: to make sure of it after wiretap has closed its own.
  GArray* sections = nullptr;
  int error = 0;
  char* details = nullptr;

  [[nodiscard]] std::string why() {
    std::string words = error > 0 ? g_strerror(error) : wtap_strerror(error);
    if (details != nullptr) words += fmt::format(" ({})", details);
    g_free(std::exchange(details, nullptr));
    return words;
  }
};

CaptureWriter::CaptureWriter(const std::filesystem::path& file, const std::string& application,
                             const std::vector<std::string>& comments)
    : file_(file), dumper_(std::make_unique<Dumper>()) {
  start_wiretap();
  compressed_ = file_.extension() == ".gz";
  std::error_code error;
  // A link stays, and what it points to is written.
  if (std::filesystem::is_symlink(file_, error)) file_ = std::filesystem::weakly_canonical(file_, error);
  if (std::filesystem::exists(file_, error) && !std::filesystem::is_regular_file(file_, error)) fail("not a regular file");

  int fd = -1;
  for (int attempt = 0; fd < 0; ++attempt) {
    partial_ = file_;
    partial_.replace_filename(fmt::format(".{}.{}-{}.partial", file_.filename().string(), getpid(), attempt));
    fd = open(partial_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) {
      const std::string why = g_strerror(errno);
      partial_.clear();
      fail(why);
    }
  }
  note_half_file(partial_.c_str());
  dumper_->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

  wtap_block_t section = wtap_block_create(WTAP_BLOCK_SECTION);
  static_cast<wtapng_section_mandatory_t*>(wtap_block_get_mandatory_data(section))->section_length = ~std::uint64_t{0};
  if (!application.empty()) add_text(section, OPT_SHB_USERAPPL, application);
  for (const std::string& comment : comments) add_text(section, OPT_COMMENT, comment);
  dumper_->sections = g_array_new(FALSE, FALSE, sizeof(wtap_block_t));
  g_array_append_val(dumper_->sections, section);

  wtap_dump_params params{};
  params.encap = WTAP_ENCAP_PER_PACKET;
  params.tsprec = WTAP_TSPREC_PER_PACKET;
  params.shb_hdrs = dumper_->sections;
  // No interface until there are packets: but a list of none would be answered with one that is made up.
  wtap_block_t spare = make_interface(WTAP_ENCAP_ETHERNET);
  wtapng_iface_descriptions_t interfaces{g_array_new(FALSE, FALSE, sizeof(wtap_block_t))};
  g_array_append_val(interfaces.interface_data, spare);
  params.idb_inf = &interfaces;
  params.dont_copy_idbs = true;
  dumper_->to = wtap_dump_fdopen(fd, wtap_pcapng_file_type_subtype(),
                                 compressed_ ? WTAP_GZIP_COMPRESSED : WTAP_UNCOMPRESSED, &params,
                                 &dumper_->error, &dumper_->details);
  wtap_block_array_free(interfaces.interface_data);
  if (dumper_->to == nullptr) {
    ::close(fd);
    fail(dumper_->why());
  }
}

CaptureWriter::~CaptureWriter() { discard(); }

void CaptureWriter::fail(const std::string& why) {
  discard();
  throw WriteError(fmt::format("cannot write {}: {}", file_.string(), why));
}

void CaptureWriter::discard() noexcept {
  dumper_.reset();
  if (partial_.empty()) return;
  unlink(partial_.c_str());
  note_half_file(nullptr);
  partial_.clear();
}

void CaptureWriter::add_interfaces(const std::vector<wtap_block*>& interfaces) {
  for (std::size_t i = interfaces_.size(); i < interfaces.size(); ++i) {
    if (!wtap_dump_can_write_encap(wtap_pcapng_file_type_subtype(), description(interfaces[i]).wtap_encap)) {
      interfaces_.push_back(kNone);
      continue;
    }
    if (!wtap_dump_add_idb(dumper_->to, interfaces[i], &dumper_->error, &dumper_->details)) fail(dumper_->why());
    interfaces_.push_back(interface_count_++);
  }
}

std::uint32_t CaptureWriter::spare_interface() {
  if (spare_ != kNone) return spare_;
  wtap_block_t block = make_interface(WTAP_ENCAP_ETHERNET);
  const bool added = wtap_dump_add_idb(dumper_->to, block, &dumper_->error, &dumper_->details);
  wtap_block_unref(block);
  if (!added) fail(dumper_->why());
  return spare_ = interface_count_++;
}

void CaptureWriter::write(Slot& slot, const std::vector<wtap_block*>& interfaces) {
  if (interfaces_.size() < interfaces.size()) add_interfaces(interfaces);
  wtap_rec& record = slot.record().header();
  wtap_packet_header& packet = record.rec_header.packet_header;
  packet.interface_id = interfaces_.at(slot.interface);
  if (packet.interface_id == kNone) {
    packet.interface_id = spare_interface();
    packet.pkt_encap = WTAP_ENCAP_ETHERNET;
  }
  record.presence_flags |= WTAP_HAS_INTERFACE_ID;
  leave_section(record);
  if (!slot.record().write(dumper_->to, dumper_->error, dumper_->details)) fail(dumper_->why());
  ++count_;
}

void CaptureWriter::close() {
  if (!wtap_dump_flush(dumper_->to, &dumper_->error)) fail(dumper_->why());
  const auto length = static_cast<std::uint64_t>(wtap_get_bytes_dumped(dumper_->to));
  wtap_dumper* to = std::exchange(dumper_->to, nullptr);
  if (!wtap_dump_close(to, nullptr, &dumper_->error, &dumper_->details)) fail(dumper_->why());
  if (compressed_ && !ends_as_gzip(partial_, length)) fail("its end could not be written");
  if (fsync(dumper_->fd) != 0 && errno != EINVAL && errno != EROFS) fail(g_strerror(errno));
  if (rename(partial_.c_str(), file_.c_str()) != 0) fail(g_strerror(errno));
  note_half_file(nullptr);
  partial_.clear();
  dumper_.reset();
}

void add_comment(Slot& slot, const std::string& comment) {
  wtap_rec& record = slot.record().header();
  if (record.block == nullptr) record.block = wtap_block_create(WTAP_BLOCK_PACKET);
  add_text(record.block, OPT_COMMENT, comment);
  record.block_was_modified = true;
}

}  // namespace tcpwhy::batch
