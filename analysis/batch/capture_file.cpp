#include "capture_file.h"

#include <sys/resource.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace tcpwhy::batch {
namespace {

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

/// As many files open at a time as this process may have: those of a thousand hosts are read side by side.
void lift_limit_of_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string Failure::in_words() const {
  std::string words = error > 0 ? g_strerror(error) : wtap_strerror(error);
  // What wiretap says is a sentence of its own, and may leave room for a name.
  if (words.find('%') != std::string::npos) words = fmt::format("wiretap's error {}", error);
  if (details != nullptr) words += fmt::format(" ({})", details);
  return words;
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

bool is_clearly_capture(wtap* file) {
  const int type = wtap_file_type_subtype(file);
  if (type == wtap_pcapng_file_type_subtype() || type == wtap_pcap_file_type_subtype() ||
      type == wtap_pcap_nsec_file_type_subtype()) {
    return true;
  }
  const int encapsulation = wtap_file_encap(file);
  return encapsulation == WTAP_ENCAP_PER_PACKET || link_layer(encapsulation) != LinkLayer::unknown;
}

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
    case WTAP_ENCAP_CHDLC:
    case WTAP_ENCAP_CHDLC_WITH_PHDR:
      return LinkLayer::ppp;
    default:
      return LinkLayer::unknown;
  }
}

Nanoseconds time_of(const wtap_rec& record) {
  if ((record.presence_flags & WTAP_HAS_TS) == 0) return 0;
  return capture_time(static_cast<std::int64_t>(record.ts.secs), record.ts.nsecs);
}

}  // namespace tcpwhy::batch
