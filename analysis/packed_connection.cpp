#include "packed_connection.h"

#include <concepts>
#include <cstring>
#include <limits>

#include "connection.h"

namespace tcpwhy {
namespace {

/// More marks than a connection has: 15 of each half, and two of its own.
constexpr std::size_t kMostMarks = 40;

/// The sign in the lowest bit, so that what is near zero is small.
std::uint64_t folded(std::uint64_t difference) {
  return (difference << 1) ^ (static_cast<std::int64_t>(difference) < 0 ? ~std::uint64_t{0} : 0);
}
std::uint64_t unfolded(std::uint64_t value) { return (value >> 1) ^ ((value & 1) != 0 ? ~std::uint64_t{0} : 0); }

/// Bytes as they are written. Flags are gathered: eight of them share the next byte that is free as the first one comes.
class Writer {
 public:
  static constexpr bool kReads = false;

  explicit Writer(std::byte* at) : at_(at), flags_at_(at_++) {}

  [[nodiscard]] std::byte* end() {
    *flags_at_ = static_cast<std::byte>(flags_);
    return at_;
  }
  bool flag(bool value) {
    if (used_ == 8) {
      *flags_at_ = static_cast<std::byte>(flags_);
      flags_at_ = at_++;
      flags_ = used_ = 0;
    }
    flags_ |= static_cast<unsigned>(value) << used_++;
    return value;
  }
  std::uint64_t groups(std::uint64_t value) {
    for (std::uint64_t rest = value; ; rest >>= 7) {
      *at_++ = static_cast<std::byte>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      if (rest <= 0x7f) return value;
    }
  }
  template <typename Value>
  Value raw(Value value) {
    std::memcpy(at_, &value, sizeof(value));
    at_ += sizeof(value);
    return value;
  }

 private:
  std::byte* at_;
  std::byte* flags_at_;
  unsigned flags_ = 0;
  unsigned used_ = 0;
};

/// The same, as they are read. What it is given is ignored, so that one text does for both.
class Reader {
 public:
  static constexpr bool kReads = true;

  explicit Reader(const std::byte* at) : at_(at), flags_(std::to_integer<unsigned>(*at_++)) {}

  bool flag(bool /*value*/) {
    if (used_ == 8) {
      flags_ = std::to_integer<unsigned>(*at_++);
      used_ = 0;
    }
    return ((flags_ >> used_++) & 1U) != 0;
  }
  std::uint64_t groups(std::uint64_t /*value*/) {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto group = std::to_integer<std::uint64_t>(*at_++);
      value |= (group & 0x7f) << shift;
      if (group <= 0x7f) return value;
    }
  }
  template <typename Value>
  Value raw(Value value) {
    std::memcpy(&value, at_, sizeof(value));
    at_ += sizeof(value);
    return value;
  }

 private:
  const std::byte* at_;
  unsigned flags_;
  unsigned used_ = 0;
};

}  // namespace

/// Goes through all fields, and puts into each what `Bytes` returns for it: what it was, or what it is to be. A structured binding
/// names every field of its record: none that comes to be can be left out.
template <typename Bytes>
class Walk {
 public:
  Walk(Bytes bytes, const Mark& last) : bytes_(bytes), last_(last) { marks_[0] = last; }

  [[nodiscard]] Bytes& bytes() { return bytes_; }

  void connection(ConnectionState& state) {
    auto& [halves, odd, longest_gap, longest_silence, established, exchanges, first_side, last_side, last_data_side, speaks_unasked,
           clock_stepped] = state;
    for (HalfConnection& half : halves) half.next = SequenceNumber(bytes_.raw(half.next.raw()));
    half(halves[0], halves[1].next);
    half(halves[1], halves[0].next);
    const Turn& asked = halves[index(Side::client)].turn;
    longest_gap.value = time(longest_gap.value, asked.gap);
    longest_silence.value = time(longest_silence.value, asked.silence);
    mark(established);
    exchanges = number(exchanges);
    first_side = side(first_side);
    last_side = side(last_side);
    last_data_side = side(last_data_side);
    speaks_unasked = flag(speaks_unasked);
    clock_stepped = flag(clock_stepped);
  }

  bool flag(bool value) { return bytes_.flag(value); }

  template <std::unsigned_integral Integer>
  Integer number(Integer value) {
    return flag(value != 0) ? static_cast<Integer>(bytes_.groups(value)) : Integer{0};
  }

 private:
  /// One that may have any value.
  template <std::unsigned_integral Integer>
  Integer any(Integer value) {
    return flag(value != 0) ? bytes_.raw(value) : Integer{0};
  }
  Side side(Side value) { return flag(value == Side::server) ? Side::server : Side::client; }
  /// As a difference; whatever they are, it is one.
  Nanoseconds time(Nanoseconds value, Nanoseconds from = 0) {
    const std::uint64_t difference = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(from);
    return static_cast<Nanoseconds>(static_cast<std::uint64_t>(from) + unfolded(number(folded(difference))));
  }
  FrameNumber frame_from_last(FrameNumber value) {
    return last_.frame + static_cast<FrameNumber>(unfolded(number(folded(static_cast<std::uint64_t>(
               static_cast<std::int64_t>(value) - static_cast<std::int64_t>(last_.frame))))));
  }
  SequenceNumber sequence(SequenceNumber value, SequenceNumber from) {
    // Zero mostly means that there is none.
    const std::uint64_t code =
        number(value.raw() == 0 ? 0 : folded(static_cast<std::uint64_t>(std::int64_t{value.since(from)})) + 1);
    return code == 0 ? SequenceNumber{} : from + static_cast<std::uint32_t>(unfolded(code - 1));
  }

  /// 0, one that stood before, or the next one.
  void mark(Mark& value) {
    const Mark known = value;
    std::size_t code = 0;
    if (!Bytes::kReads && (known.frame != 0 || known.time != 0)) {
      do {
        ++code;
      } while (code <= kept_ && (marks_[code - 1].frame != known.frame || marks_[code - 1].time != known.time));
    }
    code = static_cast<std::size_t>(number(std::uint64_t{code}));
    if (code > kept_) {
      value.frame = frame_from_last(known.frame);
      value.time = time(known.time, last_.time);
      marks_[kept_++] = value;
    } else if (Bytes::kReads) {
      value = code == 0 ? Mark{} : marks_[code - 1];
    }
  }
  /// That of a mark, mostly.
  FrameNumber frame(FrameNumber value) {
    std::size_t code = 0;
    if (!Bytes::kReads && value != 0) {
      do {
        ++code;
      } while (code <= kept_ && marks_[code - 1].frame != value);
    }
    code = static_cast<std::size_t>(number(std::uint64_t{code}));
    if (code > kept_) return frame_from_last(value);
    return code == 0 ? 0 : FrameNumber{marks_[code - 1].frame};
  }

  void glimpse(Glimpse& value, const HalfConnection& sender, SequenceNumber heard) {
    auto& [at, seq, ack, length, ip_id, flags, ip_id_known] = value;
    mark(at);
    seq = sequence(seq, sender.next);
    ack = sequence(ack, heard);
    length = number(length);
    // IDs run on, and were read by now where they were not zero.
    ip_id = static_cast<std::uint16_t>(sender.ip_id - number(static_cast<std::uint16_t>(sender.ip_id - ip_id)));
    flags = any(flags);
    ip_id_known = flag(ip_id_known);
  }

  void payload(PayloadFacts& facts) {
    auto& [message_size, fingerprint, status, keep_alive, kind, tls_record, fatal_alert, verb, chunked, client_hello, closes,
           used_up] = facts;
    message_size = number(message_size + 1) - 1;  // What is not known becomes 0.
    fingerprint = any(std::uint32_t{fingerprint});
    status = any(std::uint16_t{status});
    keep_alive = number(std::uint16_t{keep_alive});
    kind = static_cast<PayloadKind>(any(static_cast<std::uint8_t>(kind)));
    tls_record = any(tls_record);
    fatal_alert = any(fatal_alert);
    verb = any(std::uint8_t{verb}) & 0xf;
    chunked = flag(chunked);
    client_hello = flag(client_hello);
    closes = flag(closes);
    used_up = flag(used_up);
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
    follows_unanswered = flag(follows_unanswered);
    message_ended = flag(message_ended);
    goodbye = flag(goodbye);
    unasked = flag(unasked);
    repeated = flag(repeated);
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
           netscaler, probes, retransmissions, syns, ttl_low, ttl_high, with_timestamps, without_timestamps, ip_id, next, ack, tsval,
           few_have, oldest_unacked, recent, last_length, its_turn, isn, all_bytes, response_time, first, syn_options] = value;
    seen = flag(seen);
    next_known = flag(next_known);
    ack_known = flag(ack_known);
    ip_id_known = flag(ip_id_known);
    tsval_known = flag(tsval_known);
    syn_first = flag(syn_first);
    syn_copies_disagree = flag(syn_copies_disagree);
    disordered = flag(disordered);
    echoes = flag(echoes);
    left_over = flag(left_over);
    netscaler = flag(netscaler);
    probes = any(probes);
    retransmissions = any(retransmissions);
    syns = any(syns);
    ttl_low = static_cast<std::uint8_t>(0xff - any(static_cast<std::uint8_t>(0xff - ttl_low)));
    ttl_high = any(ttl_high);
    with_timestamps = any(with_timestamps);
    without_timestamps = any(without_timestamps);
    ip_id = any(ip_id);
    ack = sequence(ack, heard);
    tsval = any(tsval);
    mark(first);
    mark(oldest_unacked);
    for (Glimpse& each : recent) glimpse(each, value, heard);
    last_length = number(last_length);
    turn(its_turn, next, heard);
    isn = sequence(isn, next);
    all_bytes = number(all_bytes);
    const bool timed = flag(value.response_time_known());
    if (timed) response_time = time(response_time);
    auto& [mss, longest_nop_run, known, timestamps] = syn_options;
    mss = static_cast<std::uint16_t>(SynOptions::kNoMss - any(static_cast<std::uint16_t>(SynOptions::kNoMss - mss)));
    longest_nop_run = any(longest_nop_run);
    known = flag(known);
    timestamps = flag(timestamps);
    if (flag(static_cast<bool>(few_have))) seldom(few_have.write(), next, heard);
  }

  Bytes bytes_;
  Mark last_;
  std::array<Mark, kMostMarks> marks_;
  std::size_t kept_ = 1;
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
  latest_point_ = walk.number(latest_point_);
  walk.connection(now_);
}

bool Connection::can_be_packed() const { return !trouble_ && !now_.odd; }

std::span<const std::byte> Connection::pack(PackingRoom& room, std::uint32_t note) {
  const PackedHead head{stream_, note, now_.last()};
  std::memcpy(room.data(), &head, sizeof(head));
  Walk walk(Writer(write_endpoints(room.data() + sizeof(head), endpoints_)), head.last);
  go_through(walk);
  return {room.data(), walk.bytes().end()};
}

Connection::Connection(std::span<const std::byte> packed, const Settings& settings) : settings_(&settings) {
  const PackedHead head = head_of(packed);
  stream_ = head.stream;
  Walk walk(Reader(read_endpoints(packed.data() + sizeof(head), endpoints_)), head.last);
  go_through(walk);
}

}  // namespace tcpwhy
