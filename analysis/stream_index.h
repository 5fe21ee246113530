// Numbers streams as Wireshark does, for readers that have no Wireshark to ask.
//
// Model: packet-tcp.c, dissect_tcp and base_seq. One table with open addressing (linear probing), of 20 bytes a 4-tuple, that is
// told by 60 bits of its hash: two of a million tuples share them once in two million captures.
// Limits: of more than some 400,000 tuples those are forgotten whose connection ended, first what was silent longest; of more than
// some three million also others that were silent. So memory follows what is alive and not how long a capture is: 10 MB, and 27
// to 53 bytes for each tuple that is alive where these are more than 200,000. A segment of a tuple that was forgotten opens a new
// stream, where Wireshark, which forgets nothing, would go on with the old one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "huge_pages.h"
#include "prefetch.h"
#include "segment.h"

namespace tcpwhy {

class StreamIndex {
 public:
  /// Whether a SYN with the number that its stream began with is a retransmission, or may open a stream anew.
  enum class Rule : std::uint8_t {
    by_number,         ///< Always a retransmission: up to Wireshark 4.2.
    by_number_or_end,  ///< Anew where a FIN or RST came before: since Wireshark 4.4.
  };

  explicit StreamIndex(Rule rule = Rule::by_number) : rule_(rule) {}

  /// How much of a header there is to go by.
  enum class Sight : std::uint8_t {
    whole,       ///< A segment.
    unmeasured,  ///< Its length isn't known, or an error quotes it: it may open a stream, but its numbers begin none.
    stub,        ///< So little was quoted that it is about the stream that is there, or about none.
  };

  /// Returns the number and remembers what it needs; nothing for a stub of an unknown tuple. `segment.stream` is ignored. By
  /// 4-tuple, and a new number when a SYN (without ACK) opens a new incarnation, that is, carries another sequence number than the
  /// stream began with. Where the beginning was not captured it is told from the first number that was, or from its
  /// acknowledgment, so that a SYN that was captured late is no new stream.
  StreamNumber number(const Segment& segment) { return *number(segment, key_of(segment), Sight::whole); }

  /// A 4-tuple by its hash, and which of its ends sent.
  struct Key {
    std::uint64_t tuple = 0;
    bool from_low = false;  ///< The end with the lower hash.
  };
  [[nodiscard]] static Key key_of(const Segment& segment) {
    const std::uint64_t from = hash_of(segment.source);
    const std::uint64_t to = hash_of(segment.destination);
    const bool from_low = from < to || (from == to && segment.source.port <= segment.destination.port);
    return {from_low ? from * 31 + to : to * 31 + from, from_low};
  }
  /// The same in two steps, for who has many segments at hand: what the first one touches comes into the cache meanwhile.
  void expect(const Key& key) const {
    prefetch(entries_[home(static_cast<std::uint32_t>(key.tuple))]);
  }
  std::optional<StreamNumber> number(const Segment& segment, const Key& key, Sight sight) {
    StreamNumber stream = 0;
    return number(segment, key, sight, stream) ? std::optional(stream) : std::nullopt;
  }

  /// The size of its table, in tuples, of which it holds three quarters at most.
  [[nodiscard]] std::size_t room() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t low = 0;           ///< Of the hash.
    std::uint32_t high : 28 = 0;
    std::uint32_t used : 1 = false;
    std::uint32_t recent : 1 = false;  ///< Heard since the table was last cleared out.
    std::uint32_t ended : 1 = false;   ///< A FIN or RST was seen.
    std::uint32_t : 1;
    StreamNumber stream : 30 = 0;
    StreamNumber base_known : 2 = 0;   ///< Bit 0: of the end with the lower hash; bit 1: of the other.
    std::array<SequenceNumber, 2> base;
  };
  static_assert(sizeof(Entry) == 20);
  using Table = std::vector<Entry, HugePages<Entry>>;

  static constexpr StreamNumber kStreamBits = 0x3fffffff;
  static constexpr std::size_t kFirstRoom = std::size_t{1} << 12;
  static constexpr std::size_t kRoomForEnded = std::size_t{1} << 19;
  static constexpr std::size_t kMostRoom = std::size_t{1} << 22;

  [[nodiscard]] static bool is(const Entry& entry, std::uint64_t key) {
    return entry.low == static_cast<std::uint32_t>(key) && entry.high == (key >> 32 & 0xfffffffU);
  }
  [[nodiscard]] std::size_t home(std::uint32_t low) const { return low & (entries_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }
  /// Three quarters: beyond, whoever is new looks at ten others before it finds a place.
  [[nodiscard]] bool is_full() const { return (used_ + 1) * 4 > entries_.size() * 3; }
  /// False: none. An optional would be written in two pieces and read in one, which waits until both have left the processor.
  bool number(const Segment& segment, const Key& key, Sight sight, StreamNumber& stream);
  /// Its entry or, where it has none, the free one that would be its.
  [[nodiscard]] Entry& place_of(std::uint64_t key) {
    std::size_t at = home(static_cast<std::uint32_t>(key));
    while (entries_[at].used != 0 && !is(entries_[at], key)) at = next(at);
    return entries_[at];
  }
  /// REQUIRES: it has none.
  Entry& add(std::uint64_t key);
  /// Of what a table of this size may hold; such that it doesn't soon fill again.
  [[nodiscard]] static std::size_t half_of(std::size_t room) { return room / 8 * 3; }
  /// The younger, the larger: heard since the table was last cleared out, and then by when its stream began.
  [[nodiscard]] static std::uint32_t youth_of(const Entry& entry) { return entry.recent << 30U | entry.stream; }
  [[nodiscard]] std::uint32_t youth_of_ended(std::size_t count) const;
  void make_room();
  void grow();
  template <typename Predicate>
  void forget_if(Predicate is_to_go);
  void erase(std::size_t gap);

  Rule rule_;
  StreamNumber next_ = 0;
  std::size_t used_ = 0;
  Table entries_ = Table(kFirstRoom);
};

}  // namespace tcpwhy
