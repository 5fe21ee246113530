// wiretap, and everything in which Wireshark 4.0, 4.2, 4.4 and 4.6 differ for us. The only file here with version tests.
//
// The headers are C with C++ guards; they are not clean under -Wpedantic, so the build includes them as system headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <ws_version.h>  // first: other headers of 4.0 count on nothing, but those of 4.4 test it

#include <wiretap/wtap.h>
#include <wsutil/buffer.h>
#include <wsutil/wslog.h>

#define TCPWHY_WIRETAP(major, minor) \
  (WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

namespace tcpwhy::batch {

/// Starts wiretap if that hasn't been done; without plugins, and without any settings of the user's. It keeps silent: unless it
/// is told, it says what it does on standard error. What is wrong with a file it returns, too.
inline void start_wiretap() {
  [[maybe_unused]] static const bool started = [] {
    ws_log_set_level(LOG_LEVEL_ERROR);
    wtap_init(false);
    return true;
  }();
}

/// A SYN after a FIN or RST begins a new tcp.stream whatever its number is (packet-tcp.c).
inline constexpr bool kStreamsBeginAnewAfterTheirEnd = TCPWHY_WIRETAP(4, 4);

/// What wiretap returns for yes and no: gboolean until 4.2, then bool.
using WiretapBool = decltype(wtap_dump_flush(nullptr, nullptr));

/// A record with the bytes that belong to it. Until 4.4 these stand in a buffer of their own.
class Record {
 public:
#if TCPWHY_WIRETAP(4, 6)
  Record() { wtap_rec_init(&header_, kRoom); }
  ~Record() { wtap_rec_cleanup(&header_); }
#else
  Record() {
    wtap_rec_init(&header_);
    ws_buffer_init(&data_, kRoom);
  }
  ~Record() {
    wtap_rec_cleanup(&header_);
    ws_buffer_free(&data_);
  }
#endif
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  [[nodiscard]] wtap_rec& header() { return header_; }

  /// Valid until the next record is read into this one.
  [[nodiscard]] const std::uint8_t* bytes() {
#if TCPWHY_WIRETAP(4, 6)
    return ws_buffer_start_ptr(&header_.data);
#else
    return ws_buffer_start_ptr(&data_);
#endif
  }

  /// The next record of a file takes the place of this one. False at its end, and where `error` isn't 0.
  bool read(wtap* file, int& error, char*& details) {
    std::int64_t offset = 0;
    wtap_rec_reset(&header_);
#if TCPWHY_WIRETAP(4, 6)
    return wtap_read(file, &header_, &error, &details, &offset);
#else
    return wtap_read(file, &header_, &data_, &error, &details, &offset);
#endif
  }

  /// Comments and the like go. Who doesn't want them says so at once: what wiretap allocated for them is still in the cache.
  void drop_options() {
    wtap_block_unref(header_.block);
    header_.block = nullptr;
  }

  /// The record is a packet of one byte. For those that have none: into a compressed file wiretap can't write them.
  void put_one_byte() {
#if TCPWHY_WIRETAP(4, 6)
    Buffer& data = header_.data;
#else
    Buffer& data = data_;
#endif
    ws_buffer_assure_space(&data, 1);
    *ws_buffer_start_ptr(&data) = 0;
    header_.rec_header.packet_header.caplen = 1;
  }

  /// Appends it to a file.
  bool write(wtap_dumper* to, int& error, char*& details) {
#if TCPWHY_WIRETAP(4, 6)
    return wtap_dump(to, &header_, &error, &details);
#else
    return wtap_dump(to, &header_, bytes(), &error, &details);
#endif
  }

 private:
  static constexpr std::size_t kRoom = 2048;  // At first.
  wtap_rec header_{};
#if !TCPWHY_WIRETAP(4, 6)
  Buffer data_{};
#endif
};

/// Which of all interfaces of the file a record is of: it may have several sections, each of which counts from 0. Nothing where
/// the format has none.
inline std::optional<unsigned> interface_of(wtap* file, const wtap_rec& record) {
  if (record.rec_type != REC_TYPE_PACKET || (record.presence_flags & WTAP_HAS_INTERFACE_ID) == 0) return {};
  const unsigned id = record.rec_header.packet_header.interface_id;
#if TCPWHY_WIRETAP(4, 4)
  if ((record.presence_flags & WTAP_HAS_SECTION_NUMBER) != 0 && record.section_number > 0) {
    return wtap_file_get_shb_global_interface_id(file, record.section_number, id);
  }
#else
  static_cast<void>(file);
#endif
  return id;
}

/// A record of whatever kind is a packet from now on, without bytes.
inline void become_packet(wtap_rec& record, int encapsulation) {
  record.rec_type = REC_TYPE_PACKET;
  record.rec_header.packet_header = {};
  record.rec_header.packet_header.pkt_encap = encapsulation;
#if TCPWHY_WIRETAP(4, 6)
  record.rec_type_name = "Packet";
#endif
}

/// The record is of the first section of the file that it is written to.
inline void leave_section(wtap_rec& record) {
  record.presence_flags &= ~static_cast<unsigned>(WTAP_HAS_SECTION_NUMBER);
  record.section_number = 0;
}

}  // namespace tcpwhy::batch
