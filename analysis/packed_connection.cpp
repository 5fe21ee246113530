#include "packed_connection.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>

#include "connection.h"

namespace tcpwhy {
namespace {

/// The sign in the lowest bit, so that what is near zero is small.
template <std::unsigned_integral Integer>
constexpr Integer folded(Integer difference) {
  return static_cast<Integer>(difference << 1) ^ (difference >> (sizeof(Integer) * 8 - 1) != 0 ? static_cast<Integer>(-1) : Integer{0});
}
template <std::unsigned_integral Integer>
constexpr Integer unfolded(Integer value) {
  return (value >> 1) ^ ((value & 1U) != 0 ? static_cast<Integer>(-1) : Integer{0});
}

/// How an integer is written: a code of `kBits` bits tells how many bytes follow.
template <std::unsigned_integral Integer>
struct Size {
  static constexpr unsigned kBits = sizeof(Integer) == 1 ? 1 : sizeof(Integer) == 8 ? 3 : 2;
  /// The last code of four stands for 4 bytes, and that of eight for 8.
  static constexpr unsigned kLast = (1U << kBits) - 1;
  static constexpr bool kJumps = sizeof(Integer) > 2;

  static unsigned code_of(Integer value) {
    const auto length = 64U - static_cast<unsigned>(std::countl_zero(std::uint64_t{value} | 1U));  // Has no branch for 0.
    const unsigned bytes = value == 0 ? 0U : (length + 7U) / 8U;
    return kJumps ? std::min(bytes, kLast) : bytes;
  }
  static unsigned bytes(unsigned code) { return code + (kJumps && code == kLast ? 1U : 0U); }
};

std::uint64_t little_endian(std::uint64_t word) {
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

/// Bits and bytes as they are written. The bits are gathered: 32 of them stand where the first byte after the first bit would. No
/// branch depends on what is written: nobody could foresee it.
class Writer {
 public:
  static constexpr bool kReads = false;

  explicit Writer(std::byte* at) : at_(at + sizeof(std::uint32_t)), bits_at_(at) {}

  [[nodiscard]] std::byte* end() {
    write_bits();
    return at_;
  }
  /// REQUIRES: value < 2^count, count < 32.
  unsigned bits(unsigned value, unsigned count) {
    if (used_ + count > 32) {
      write_bits();
      bits_at_ = at_;
      at_ += sizeof(std::uint32_t);
      gathered_ = used_ = 0;
    }
    gathered_ |= std::uint32_t{value} << used_;
    used_ += count;
    return value;
  }
  template <std::unsigned_integral Integer>
  Integer number(Integer value) {
    const unsigned code = bits(Size<Integer>::code_of(value), Size<Integer>::kBits);
    const std::uint64_t word = little_endian(value);
    std::memcpy(at_, &word, sizeof(word));
    at_ += Size<Integer>::bytes(code);
    return value;
  }

 private:
  void write_bits() { std::memcpy(bits_at_, &gathered_, sizeof(gathered_)); }

  std::byte* at_;
  std::byte* bits_at_;
  std::uint32_t gathered_ = 0;
  unsigned used_ = 0;
};

/// The same, as they are read. What it is given is ignored, so that one text does for both.
class Reader {
 public:
  static constexpr bool kReads = true;

  explicit Reader(const std::byte* at) : at_(at) { read_bits(); }

  unsigned bits(unsigned /*value*/, unsigned count) {
    if (used_ + count > 32) read_bits();
    const unsigned value = gathered_ >> used_ & ((1U << count) - 1);
    used_ += count;
    return value;
  }
  /// Looks at eight bytes, of which the number's are the last: before it there are as many, behind it there may be none.
  template <std::unsigned_integral Integer>
  Integer number(Integer /*value*/) {
    const unsigned size = Size<Integer>::bytes(bits(0, Size<Integer>::kBits));
    std::uint64_t word = 0;
    static_assert(sizeof(PackedHead) >= sizeof(word));
    at_ += size;
    std::memcpy(&word, at_ - sizeof(word), sizeof(word));
    return static_cast<Integer>(size == 0 ? 0 : little_endian(word) >> (64 - 8 * size));
  }

 private:
  void read_bits() {
    std::memcpy(&gathered_, at_, sizeof(gathered_));
    at_ += sizeof(gathered_);
    used_ = 0;
  }

  const std::byte* at_;
  std::uint32_t gathered_ = 0;
  unsigned used_ = 0;
};

}  // namespace

/// Goes through all fields, and puts into each what `Bytes` returns for it: what it was, or what it is to be. A structured binding
/// names every field of its record: none that comes to be can be left out.
template <typename Bytes>
class Walk {
 public:
  Walk(Bytes bytes, const Mark& last) : bytes_(bytes), last_(last) { keep(last); }

  [[nodiscard]] Bytes& bytes() { return bytes_; }

  void connection(ConnectionState& state) {
    auto& [halves, odd, longest_gap, longest_silence, established, exchanges, first_side, last_side, last_data_side, speaks_unasked,
           clock_stepped] = state;
    for (HalfConnection& half : halves) half.next = SequenceNumber(number(half.next.raw()));
    for (const Side each : {Side::client, Side::server}) half(state.half(each), state.half(other(each)).next);
    const Turn& asked = halves[index(Side::client)].turn;
    longest_gap.value = time(longest_gap.value, asked.gap);
    longest_silence.value = time(longest_silence.value, asked.silence);
    mark(established);
    exchanges = number(exchanges);
    const unsigned all = flags(index(first_side), index(last_side), index(last_data_side), speaks_unasked, clock_stepped);
    first_side = static_cast<Side>(is_set(all, 0));
    last_side = static_cast<Side>(is_set(all, 1));
    last_data_side = static_cast<Side>(is_set(all, 2));
    speaks_unasked = is_set(all, 3);
    clock_stepped = is_set(all, 4);
  }

  bool flag(bool value) { return bytes_.bits(value ? 1U : 0U, 1) != 0; }
  template <std::unsigned_integral Integer>
  Integer number(Integer value) {
    return bytes_.number(value);
  }

 private:
  /// Several at once, the first one in the lowest bit.
  template <typename... Flags>
  unsigned flags(Flags... each) {
    unsigned all = 0;
    unsigned at = 0;
    ((all |= static_cast<unsigned>(each) << at++), ...);
    return bytes_.bits(all, sizeof...(each));
  }
  [[nodiscard]] static bool is_set(unsigned all, unsigned at) { return (all >> at & 1U) != 0; }
  /// Two that are seldom zero.
  void pair(std::uint8_t& low, std::uint8_t& high) {
    const unsigned both = bytes_.bits(unsigned{low} | unsigned{high} << 8, 16);
    low = static_cast<std::uint8_t>(both);
    high = static_cast<std::uint8_t>(both >> 8);
  }
  /// As a difference; whatever they are, it is one.
  Nanoseconds time(Nanoseconds value, Nanoseconds from = 0) {
    const std::uint64_t difference = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(from);
    return static_cast<Nanoseconds>(static_cast<std::uint64_t>(from) + unfolded(number(folded(difference))));
  }
  /// They run up to the last one.
  FrameNumber new_frame(FrameNumber value) {
    return last_.frame - static_cast<FrameNumber>(number(std::uint64_t{last_.frame - value}));
  }
  /// Zero mostly means that there is none: it has the shortest code, and what would have it takes that of zero.
  SequenceNumber sequence(SequenceNumber value, SequenceNumber from) {
    const std::uint32_t none = 0U - from.raw();
    const auto exchange = [&](std::uint32_t ahead) { return ahead == none ? 0U : ahead == 0 ? none : ahead; };
    return from + exchange(unfolded(number(folded(exchange(value.raw() - from.raw())))));
  }

  /// None, one that stood before, or a new one.
  void mark(Mark& value) {
    const Mark known = value;
    const unsigned code = bytes_.bits(Bytes::kReads ? 0 : code_of(known), kCodeBits);
    if (code == kNew) {
      value.frame = new_frame(known.frame);
      value.time = time(known.time, last_.time);
      keep(value);
    } else if (Bytes::kReads) {
      value = marks_[code];
    }
  }
  /// That of a mark, mostly.
  FrameNumber frame(FrameNumber value) {
    unsigned code = Bytes::kReads || value == 0 ? kNone : by_frame_[place_of(value)];
    if (!Bytes::kReads && marks_[code].frame != value) code = kNew;
    code = bytes_.bits(code, kCodeBits);
    return code == kNew ? new_frame(value) : FrameNumber{marks_[code].frame};
  }
  [[nodiscard]] unsigned code_of(const Mark& value) const {
    const unsigned code = value.frame == 0 ? kNone : by_frame_[place_of(value.frame)];
    return marks_[code].frame == value.frame && marks_[code].time == value.time ? code : kNew;
  }
  void keep(const Mark& value) {
    if (kept_ == kNew) return;
    marks_[kept_] = value;
    by_frame_[place_of(value.frame)] = static_cast<std::uint8_t>(kept_++);
  }
  /// Where it is noted which mark has this frame; another one may take its place, which costs bytes and nothing else.
  [[nodiscard]] static std::size_t place_of(FrameNumber frame) { return frame * 0x9e3779b9U >> 26; }

  void glimpse(Glimpse& value, const HalfConnection& sender, SequenceNumber heard) {
    auto& [at, seq, ack, length, ip_id, header_flags, ip_id_known] = value;
    mark(at);
    seq = sequence(seq, sender.next);
    ack = sequence(ack, heard);
    length = number(length);
    // IDs run on, and were read by now where they were not zero.
    ip_id = static_cast<std::uint16_t>(sender.ip_id - number(static_cast<std::uint16_t>(sender.ip_id - ip_id)));
    const unsigned all = bytes_.bits(unsigned{header_flags} | (ip_id_known ? 0x100U : 0U), 9);
    header_flags = static_cast<std::uint8_t>(all);
    ip_id_known = is_set(all, 8);
  }

  void payload(PayloadFacts& facts) {
    auto& [message_size, fingerprint, status, keep_alive, kind, tls_record, fatal_alert, verb, chunked, client_hello, closes,
           used_up] = facts;
    message_size = number(message_size + 1) - 1;  // What is not known becomes 0.
    fingerprint = number(std::uint32_t{fingerprint});
    status = number(std::uint16_t{status});
    unsigned all = static_cast<unsigned>(kind) | unsigned{verb} << 4;
    all = bytes_.bits(all, 8);
    kind = static_cast<PayloadKind>(all & 0xfU);
    verb = all >> 4 & 0xfU;
    all = flags(chunked, client_hello, closes, used_up, (keep_alive | tls_record | fatal_alert) != 0);
    chunked = is_set(all, 0);
    client_hello = is_set(all, 1);
    closes = is_set(all, 2);
    used_up = is_set(all, 3);
    if (!is_set(all, 4)) return;
    keep_alive = number(std::uint16_t{keep_alive});
    tls_record = number(tls_record);
    fatal_alert = number(fatal_alert);
  }

  void turn(Turn& value, SequenceNumber own, SequenceNumber heard) {
    auto& [begin, last, seq, end, ack, gap, silence, wait, acked, answered, facts, follows_unanswered, message_ended, goodbye,
           unasked, repeated] = value;
    mark(begin);
    mark(last);
    seq = sequence(seq, own);
    end = sequence(end, own);
    ack = sequence(ack, heard);
    gap.value = time(gap.value);
    silence.value = time(silence.value, gap);
    wait.value = time(wait.value);
    acked = frame(acked);
    answered = frame(answered);
    payload(facts);
    const unsigned all = flags(follows_unanswered, message_ended, goodbye, unasked, repeated);
    follows_unanswered = is_set(all, 0);
    message_ended = is_set(all, 1);
    goodbye = is_set(all, 2);
    unasked = is_set(all, 3);
    repeated = is_set(all, 4);
  }

  void seldom(Seldom& value, SequenceNumber own, SequenceNumber heard) {
    auto& [fin, fin_seq, fin_ack, fin_gap, fin_acked, data_past_fin, last_retransmission, first_probe, last_probe, probe_silence,
           unseen_bytes, hole_begin, hole_end, longest, late_syn, last_syn, syn_copy] = value;
    for (Mark* each : {&fin, &fin_acked, &data_past_fin, &last_retransmission, &first_probe, &last_probe, &late_syn, &last_syn,
                       &syn_copy}) {
      mark(*each);
    }
    fin_seq = sequence(fin_seq, own);
    fin_ack = sequence(fin_ack, heard);
    fin_gap.value = time(fin_gap.value);
    probe_silence.value = time(probe_silence.value);
    unseen_bytes = number(unseen_bytes);
    hole_begin = sequence(hole_begin, own);
    hole_end = sequence(hole_end, own);
    longest = number(longest);
  }

  /// `heard`: what follows the highest byte of the other side.
  void half(HalfConnection& value, SequenceNumber heard) {
    auto& [seen, next_known, ack_known, ip_id_known, tsval_known, syn_first, syn_copies_disagree, disordered, echoes, left_over,
           netscaler, probes, retransmissions, syns, ttl_low, ttl_high, with_timestamps, without_timestamps, ip_id, point, next, ack,
           tsval, few_have, oldest_unacked, recent, last_length, its_turn, isn, all_bytes, response_time, first, syn_options] = value;
    auto& [mss, longest_nop_run, known, timestamps] = syn_options;
    const bool has_counts = (probes | retransmissions | longest_nop_run) != 0;
    const unsigned all = flags(seen, next_known, ack_known, ip_id_known, tsval_known, syn_first, syn_copies_disagree, disordered,
                               echoes, left_over, netscaler, known, timestamps, has_counts, static_cast<bool>(few_have));
    seen = is_set(all, 0);
    next_known = is_set(all, 1);
    ack_known = is_set(all, 2);
    ip_id_known = is_set(all, 3);
    tsval_known = is_set(all, 4);
    syn_first = is_set(all, 5);
    syn_copies_disagree = is_set(all, 6);
    disordered = is_set(all, 7);
    echoes = is_set(all, 8);
    left_over = is_set(all, 9);
    netscaler = is_set(all, 10);
    known = is_set(all, 11);
    timestamps = is_set(all, 12);
    if (is_set(all, 13)) {
      probes = number(probes);
      retransmissions = number(retransmissions);
      longest_nop_run = number(longest_nop_run);
    }
    syns = number(syns);
    pair(ttl_low, ttl_high);
    pair(with_timestamps, without_timestamps);
    ip_id = number(ip_id);
    point = number(point);
    ack = sequence(ack, heard);
    tsval = number(tsval);
    mark(first);
    mark(oldest_unacked);
    for (Glimpse& each : recent) glimpse(each, value, heard);
    last_length = number(last_length);
    turn(its_turn, next, heard);
    isn = sequence(isn, next);
    all_bytes = number(all_bytes);
    // The longest of all, which is none, becomes 1.
    response_time = static_cast<Nanoseconds>(
        std::rotr(number(std::rotl(static_cast<std::uint64_t>(response_time) + 1, 1)), 1) - 1);
    mss = static_cast<std::uint16_t>(SynOptions::kNoMss - number(static_cast<std::uint16_t>(SynOptions::kNoMss - mss)));
    if (is_set(all, 14)) seldom(few_have.write(), next, heard);
  }

  Bytes bytes_;
  Mark last_;
  static constexpr unsigned kCodeBits = 5;
  static constexpr unsigned kNone = 0;
  static constexpr unsigned kNew = (1U << kCodeBits) - 1;

  std::array<Mark, kNew> marks_;  ///< By their codes: none, the last one, and those that came first.
  unsigned kept_ = 1;
  std::array<std::uint8_t, 64> by_frame_{};
};

namespace {

std::byte* write_endpoints(std::byte* at, const std::array<Endpoint, 2>& endpoints) {
  for (const Endpoint& end : endpoints) {
    *at++ = static_cast<std::byte>(end.address.length);
    std::memcpy(at, end.address.bytes.data(), end.address.length);
    at += end.address.length;
    std::memcpy(at, &end.port, sizeof(end.port));
    at += sizeof(end.port);
  }
  return at;
}

const std::byte* read_endpoints(const std::byte* at, std::array<Endpoint, 2>& endpoints) {
  for (Endpoint& end : endpoints) {
    end.address.length = std::to_integer<std::uint8_t>(*at++);
    std::memcpy(end.address.bytes.data(), at, end.address.length);
    at += end.address.length;
    std::memcpy(&end.port, at, sizeof(end.port));
    at += sizeof(end.port);
  }
  return at;
}

}  // namespace

PackedHead head_of(std::span<const std::byte> packed) {
  PackedHead head;
  std::memcpy(&head, packed.data(), sizeof(head));
  return head;
}

std::array<Endpoint, 2> endpoints_of(std::span<const std::byte> packed) {
  std::array<Endpoint, 2> endpoints;
  read_endpoints(packed.data() + sizeof(PackedHead), endpoints);
  return endpoints;
}

template <typename Bytes>
void Connection::go_through(Walk<Bytes>& walk) {
  client_is_guessed_ = walk.flag(client_is_guessed_);
  clock_jumped_ = walk.flag(clock_jumped_);
  walk.connection(now_);
}

bool Connection::can_be_packed() const { return !trouble_ && !now_.odd; }

// Of one piece: whatever is called through a pointer, as far as the compiler knows, may change where the bytes are written, and so
// it would be looked up for every field.
[[gnu::flatten]] std::span<const std::byte> Connection::pack(PackingRoom& room, std::uint32_t note) {
  const PackedHead head{stream_, note, now_.last()};
  std::memcpy(room.data(), &head, sizeof(head));
  Walk walk(Writer(write_endpoints(room.data() + sizeof(head), endpoints_)), head.last);
  go_through(walk);
  return {room.data(), walk.bytes().end()};
}

[[gnu::flatten]] Connection::Connection(std::span<const std::byte> packed, const Settings& settings) : settings_(&settings) {
  const PackedHead head = head_of(packed);
  stream_ = head.stream;
  Walk walk(Reader(read_endpoints(packed.data() + sizeof(head), endpoints_)), head.last);
  go_through(walk);
}

}  // namespace tcpwhy
