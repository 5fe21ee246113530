#include "fuzz/tape.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>

#include "stream_index.h"
#include "support/payloads.h"
#include "support/story.h"

namespace tcpwhy::tests {
namespace {

/// More would only make a fuzzer slow.
constexpr std::uint32_t kMostEvents = 2'000;
constexpr std::size_t kLines = 8;

// The first byte of an event.
enum Verb : std::uint8_t { kSegment, kAgain, kIcmp, kOther };
enum Later : std::uint8_t { kAtOnce, kMilliseconds, kMicroseconds, kNanoseconds };  // 0, 1, 4, 8 bytes
// The byte of a segment that says how its numbers are told.
enum Number : std::uint8_t { kExpected, kNear, kFar, kAbsolute };  // 0, 1, 4, 4 bytes
enum Length : std::uint8_t { kEmpty, kShort, kLong, kHuge };       // 0, 1, 2, 4 bytes
enum OptionsAre : std::uint8_t { kUncaptured, kNone, kTimestamps, kLiteral };
// The byte that says what IP knows, and the window.
enum Ttl : std::uint8_t { kNoTtl, kTtl64, kTtl62, kLiteralTtl };
enum Id : std::uint8_t { kNoId, kZeroId, kNextId, kLiteralId };
enum Window : std::uint8_t { kZeroWindow, kSameWindow, kLiteralWindow };  // two bits
constexpr std::uint8_t kForcedStream = 0x80;

// The byte in front of a payload: what was captured of it.
constexpr std::uint8_t kNothing = 0;
constexpr std::uint8_t kBytesFollow = 0xff;

/// What a fuzzer would take long to spell.
const std::vector<std::string>& phrases() {
  static const std::vector<std::string> all = {get("/a"),
                                               get("/b"),
                                               post("/upload", 10'000).substr(0, 120),
                                               response(200, 20),
                                               response(200, 100'000).substr(0, 120),
                                               response(504),
                                               response(408),
                                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                                               "0\r\n\r\n",
                                               client_hello(),
                                               server_hello(),
                                               tls_data(),
                                               close_notify(),
                                               fatal_alert(kHandshakeFailure)};
  return all;
}

Address host(std::uint8_t number, bool v6) {
  if (!v6) return ipv4(0x0a000000U + number);
  Address address;
  address.length = 16;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = number;
  return address;
}

/// One direction of a line, as the tape's reader and its writer both know it.
struct Voice {
  Endpoint endpoint;
  SequenceNumber next;  ///< Expected.
  std::uint32_t tsval = 0;
  std::uint16_t id = 0;
  std::uint16_t window = 502;
  std::optional<Segment> latest;

  void heard(const Segment& segment) {
    next = segment.end();
    if (segment.options.timestamps) tsval = segment.options.tsval;
    if (segment.ip_id) id = *segment.ip_id;
    window = segment.window;
  }
};
using Line = std::array<Voice, 2>;

Line lay(const Endpoint& a, const Endpoint& b) {
  Line line;
  line[0].endpoint = a;
  line[1].endpoint = b;
  line[1].next = SequenceNumber(0xffff'f000);  // So that the numbers of one side wrap soon.
  return line;
}

std::array<Line, kLines> lines_at_first() {
  const Endpoint server{host(20, false), 80};
  return {lay({host(10, false), 50'000}, server),
          lay({host(10, false), 50'001}, server),
          lay({host(11, false), 50'000}, server),
          lay({host(10, true), 50'000}, {host(20, true), 443}),
          lay({host(10, false), 179}, {host(20, false), 179}),
          lay({host(10, false), 0}, {host(20, false), 0}),
          lay(server, server),  // A connection of a socket with itself.
          lay({{}, 1}, {{}, 2})};
}

class TapeReader {
 public:
  explicit TapeReader(std::span<const std::uint8_t> tape) : rest_(tape) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// Behind the end stand zeros.
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

class Player {
 public:
  Player(std::span<const std::uint8_t> tape, const std::function<void(const TapeEvent&)>& listener)
      : tape_(tape), listener_(listener) {}

  void play() {
    for (std::uint32_t events = 0; events < kMostEvents && !tape_.at_end(); ++events) {
      const std::uint8_t first = tape_.byte();
      Line& line = lines_[first & 7U];
      Voice& sender = line[first >> 3 & 1U];
      Voice& peer = line[1 - (first >> 3 & 1U)];
      later(static_cast<Later>(first >> 6));
      switch (static_cast<Verb>(first >> 4 & 3U)) {
        case kSegment:
          play_segment(sender, peer);
          break;
        case kAgain:
          if (sender.latest) hand_out(*sender.latest);
          break;
        case kIcmp:
          play_error(sender, peer);
          break;
        case kOther:
          if (&sender == line.data()) {
            listener_({.kind = TapeEvent::question, .read = {}, .error = {}, .asked = tape_.byte()});
          } else {
            line = read_line();
          }
          break;
      }
    }
  }

 private:
  void later(Later unit) {
    std::int64_t by = 0;
    switch (unit) {
      case kAtOnce:
        return;
      case kMilliseconds:
        by = tape_.byte() * kMillisecond;
        break;
      case kMicroseconds:
        by = static_cast<std::int32_t>(tape_.number(4)) * kMicrosecond;
        break;
      case kNanoseconds:
        by = static_cast<std::int64_t>(tape_.number(8));
        break;
    }
    const std::int64_t rest = now_ % kSecond + by % kSecond;
    now_ = capture_time(now_ / kSecond + by / kSecond + rest / kSecond, rest % kSecond);
  }

  SequenceNumber number(Number told, SequenceNumber expected) {
    switch (told) {
      case kExpected:
        return expected;
      case kNear:
        return expected + static_cast<std::uint32_t>(static_cast<std::int8_t>(tape_.byte()));
      case kFar:
        return expected + static_cast<std::uint32_t>(tape_.number(4));
      case kAbsolute:
        break;
    }
    return SequenceNumber(static_cast<std::uint32_t>(tape_.number(4)));
  }

  void play_segment(Voice& sender, Voice& peer) {
    Segment segment;
    segment.time = now_;
    segment.source = sender.endpoint;
    segment.destination = peer.endpoint;
    segment.flags = tape_.byte();
    const std::uint8_t numbers = tape_.byte();
    const std::uint8_t ip = tape_.byte();
    segment.seq = number(static_cast<Number>(numbers & 3U), sender.next);
    segment.ack = number(static_cast<Number>(numbers >> 2 & 3U), peer.next);
    constexpr std::array<std::size_t, 4> kLengthBytes = {0, 1, 2, 4};
    segment.length = static_cast<std::uint32_t>(tape_.number(kLengthBytes[numbers >> 4 & 3U]));
    read_options_of(static_cast<OptionsAre>(numbers >> 6), sender, peer, segment);
    switch (static_cast<Ttl>(ip & 3U)) {
      case kNoTtl:
        break;
      case kTtl64:
        segment.ttl = 64;
        break;
      case kTtl62:
        segment.ttl = 62;
        break;
      case kLiteralTtl:
        segment.ttl = tape_.byte();
        break;
    }
    switch (static_cast<Id>(ip >> 2 & 3U)) {
      case kNoId:
        break;
      case kZeroId:
        segment.ip_id = 0;
        break;
      case kNextId:
        segment.ip_id = static_cast<std::uint16_t>(sender.id + 1);
        break;
      case kLiteralId:
        segment.ip_id = static_cast<std::uint16_t>(tape_.number(2));
        break;
    }
    switch (static_cast<Window>(ip >> 4 & 3U)) {
      case kZeroWindow:
        break;
      case kSameWindow:
        segment.window = sender.window;
        break;
      default:
        segment.window = static_cast<std::uint16_t>(tape_.number(2));
        break;
    }
    if ((ip & kForcedStream) != 0) forced_ = tape_.byte();
    if (segment.length > 0) segment.payload = payload(segment.length);
    sender.heard(segment);
    // What is played again later has lost its payload's bytes: they are only lent.
    sender.latest = segment;
    sender.latest->payload = {};
    hand_out(segment);
  }

  void read_options_of(OptionsAre told, const Voice& sender, const Voice& peer, Segment& segment) {
    switch (told) {
      case kUncaptured:
        return;
      case kNone:
        segment.options.known = true;
        return;
      case kTimestamps: {
        const auto ticks = static_cast<std::uint32_t>(tape_.number(2));
        const auto bytes = encode({.mss = {},
                                   .sack_permitted = false,
                                   .window_shift = {},
                                   .timestamps = true,
                                   .tsval = sender.tsval + ticks,
                                   .tsecr = peer.tsval});
        segment.options = read_options(bytes, true);
        return;
      }
      case kLiteral: {
        const std::uint8_t size = tape_.byte();
        const bool cut = (size & 0x80U) != 0;
        segment.options = read_options(tape_.take(size & 0x3fU), !cut);
        return;
      }
    }
  }

  std::span<const std::uint8_t> payload(std::size_t length) {
    const std::uint8_t what = tape_.byte();
    if (what == kNothing) return {};
    if (what == kBytesFollow) {
      const std::size_t size = tape_.byte();
      return tape_.take(std::min(size, length));
    }
    const std::string& phrase = phrases()[(what - 1U) % phrases().size()];
    return {reinterpret_cast<const std::uint8_t*>(phrase.data()), std::min(phrase.size(), length)};
  }

  void hand_out(Segment segment) {
    segment.frame = ++frame_;
    segment.time = now_;
    segment.stream = streams_.number(segment);
    // Wireshark wouldn't: streams that mix endpoints, and numbers that are no stream's.
    if (forced_) segment.stream = *forced_ < 0xf0 ? *forced_ % 16U : 0xffff'ffffU - (*forced_ & 0xfU);
    forced_.reset();
    listener_({.kind = TapeEvent::segment, .read = segment, .error = {}});
  }

  void play_error(const Voice& sender, const Voice& peer) {
    Segment quoted;
    quoted.source = sender.endpoint;
    quoted.destination = peer.endpoint;
    quoted.seq = sender.next;
    IcmpError error;
    error.frame = ++frame_;
    error.time = now_;
    error.stream = streams_.number(quoted);
    error.v6 = sender.endpoint.address.length == 16;
    error.type = tape_.byte();
    error.code = tape_.byte();
    if (error.too_big()) error.mtu = error.v6 ? error.code * 8U : 1'400;
    listener_({.kind = TapeEvent::icmp_error, .read = {}, .error = error});
  }

  Line read_line() {
    const bool v6 = (tape_.byte() & 1U) != 0;
    Endpoint a{host(tape_.byte(), v6), 0};
    Endpoint b{host(tape_.byte(), v6), 0};
    a.port = static_cast<std::uint16_t>(tape_.number(2));
    b.port = static_cast<std::uint16_t>(tape_.number(2));
    return lay(a, b);
  }

  TapeReader tape_;
  const std::function<void(const TapeEvent&)>& listener_;
  std::array<Line, kLines> lines_ = lines_at_first();
  StreamIndex streams_;
  Nanoseconds now_ = kOnceUponATime;
  FrameNumber frame_ = 0;
  std::optional<std::uint8_t> forced_;
};

/// Writes what Player reads.
class Recorder {
 public:
  void record(const Sight& sight) {
    const Segment& segment = sight.segment;
    const auto [slot, speaker] = line_of(segment);
    Line& line = lines_[slot];
    Voice& sender = line[speaker];
    const Voice& peer = line[1 - speaker];
    const auto first = static_cast<std::uint8_t>(slot | speaker << 3);
    if (sight.error) {
      begin(first, kIcmp, sight.error->time);
      put(sight.error->type, 1);
      put(sight.error->code, 1);
      return;
    }
    begin(first, kSegment, segment.time);
    put(segment.flags, 1);
    const std::size_t numbers = tape_.size();
    const std::size_t ip = numbers + 1;
    put(0, 2);
    tape_[numbers] = static_cast<std::uint8_t>(put_number(segment.seq, sender.next));
    tape_[numbers] |= static_cast<std::uint8_t>(put_number(segment.ack, peer.next) << 2);
    tape_[numbers] |= static_cast<std::uint8_t>(put_length(segment.length) << 4);
    tape_[numbers] |= static_cast<std::uint8_t>(put_options(segment.options, sender, peer) << 6);
    tape_[ip] = static_cast<std::uint8_t>(put_ttl(segment) | put_id(segment, sender) << 2);
    tape_[ip] |= static_cast<std::uint8_t>(put_window(segment, sender) << 4);
    if (segment.length > 0) put_payload(segment.payload);
    sender.heard(segment);
  }

  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(tape_); }

 private:
  void put(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) tape_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  void begin(std::uint8_t first, Verb verb, Nanoseconds time) {
    // The first event is when the player begins.
    const Nanoseconds by = begun_ ? time - now_ : 0;
    begun_ = true;
    now_ = time;
    const auto put_first = [&](Later later) { put(static_cast<std::uint64_t>(first | verb << 4 | later << 6), 1); };
    if (by == 0) {
      put_first(kAtOnce);
    } else if (by % kMillisecond == 0 && by > 0 && by / kMillisecond <= 0xff) {
      put_first(kMilliseconds);
      put(static_cast<std::uint64_t>(by / kMillisecond), 1);
    } else if (by % kMicrosecond == 0 && by / kMicrosecond == static_cast<std::int32_t>(by / kMicrosecond)) {
      put_first(kMicroseconds);
      put(static_cast<std::uint64_t>(by / kMicrosecond), 4);
    } else {
      put_first(kNanoseconds);
      put(static_cast<std::uint64_t>(by), 8);
    }
  }

  /// The line between both endpoints, laid where there is none, and who of its two ends speaks.
  std::pair<std::size_t, std::size_t> line_of(const Segment& segment) {
    for (std::size_t slot = 0; slot < kLines; ++slot) {
      const auto& ends = ends_[slot];
      if (ends[0] == segment.source && ends[1] == segment.destination) return {slot, 0};
      if (ends[1] == segment.source && ends[0] == segment.destination) return {slot, 1};
    }
    const std::size_t slot = next_slot_++ % kLines;
    ends_[slot] = {segment.source, segment.destination};
    const bool v6 = segment.source.address.length == 16;
    put(static_cast<std::uint64_t>(slot | 1U << 3 | kOther << 4), 1);
    put(v6 ? 1 : 0, 1);
    const std::uint8_t a = host_number(segment.source.address);
    const std::uint8_t b = host_number(segment.destination.address);
    put(a, 1);
    put(b, 1);
    put(segment.source.port, 2);
    put(segment.destination.port, 2);
    lines_[slot] = lay({host(a, v6), segment.source.port}, {host(b, v6), segment.destination.port});
    return {slot, 0};
  }

  std::uint8_t host_number(const Address& address) {
    const auto known = std::find(hosts_.begin(), hosts_.end(), address);
    const auto number = static_cast<std::uint8_t>(known - hosts_.begin() + 1);
    if (known == hosts_.end()) hosts_.push_back(address);
    return number;
  }

  Number put_number(SequenceNumber value, SequenceNumber expected) {
    const std::int32_t off = value.since(expected);
    if (off == 0) return kExpected;
    if (off == static_cast<std::int8_t>(off)) {
      put(static_cast<std::uint64_t>(off), 1);
      return kNear;
    }
    put(static_cast<std::uint64_t>(off), 4);
    return kFar;
  }

  Length put_length(std::uint32_t length) {
    const Length how = length == 0 ? kEmpty : length <= 0xff ? kShort : length <= 0xffff ? kLong : kHuge;
    put(length, how == kHuge ? 4U : static_cast<std::size_t>(how));
    return how;
  }

  OptionsAre put_options(const Options& options, const Voice& sender, const Voice& peer) {
    if (!options.known) return kUncaptured;
    const bool of_syn = options.mss || options.sack_permitted || options.window_shift;
    const std::uint32_t ticks = options.tsval - sender.tsval;
    if (!options.timestamps && !of_syn && options.longest_nop_run == 0) return kNone;
    if (options.timestamps && !of_syn && ticks <= 0xffff && options.tsecr == peer.tsval) {
      put(ticks, 2);
      return kTimestamps;
    }
    // Ten NOPs in a row are a sign; others only fill.
    std::vector<std::uint8_t> bytes = encode({.mss = options.mss,
                                              .sack_permitted = options.sack_permitted,
                                              .window_shift = options.window_shift,
                                              .timestamps = options.timestamps,
                                              .tsval = options.tsval,
                                              .tsecr = options.tsecr});
    if (options.longest_nop_run > 3) bytes.insert(bytes.end(), options.longest_nop_run, 1);
    put(bytes.size(), 1);
    tape_.insert(tape_.end(), bytes.begin(), bytes.end());
    return kLiteral;
  }

  Ttl put_ttl(const Segment& segment) {
    if (!segment.ttl) return kNoTtl;
    if (*segment.ttl == 64) return kTtl64;
    if (*segment.ttl == 62) return kTtl62;
    put(*segment.ttl, 1);
    return kLiteralTtl;
  }

  Id put_id(const Segment& segment, const Voice& sender) {
    if (!segment.ip_id) return kNoId;
    if (*segment.ip_id == 0) return kZeroId;
    if (*segment.ip_id == static_cast<std::uint16_t>(sender.id + 1)) return kNextId;
    put(*segment.ip_id, 2);
    return kLiteralId;
  }

  Window put_window(const Segment& segment, const Voice& sender) {
    if (segment.window == 0) return kZeroWindow;
    if (segment.window == sender.window) return kSameWindow;
    put(segment.window, 2);
    return kLiteralWindow;
  }

  void put_payload(std::span<const std::uint8_t> payload) {
    if (payload.empty()) {
      put(kNothing, 1);
      return;
    }
    const auto& known = phrases();
    const auto phrase = std::find_if(known.begin(), known.end(), [&](const std::string& candidate) {
      return candidate.size() == payload.size() && std::memcmp(candidate.data(), payload.data(), payload.size()) == 0;
    });
    if (phrase != known.end()) {
      put(static_cast<std::uint64_t>(phrase - known.begin()) + 1, 1);
      return;
    }
    // Enough for the headers of a small message.
    constexpr std::size_t kKept = 150;
    const auto kept = payload.first(std::min(payload.size(), kKept));
    put(kBytesFollow, 1);
    put(kept.size(), 1);
    tape_.insert(tape_.end(), kept.begin(), kept.end());
  }

  std::vector<std::uint8_t> tape_;
  std::array<Line, kLines> lines_;
  std::array<std::array<Endpoint, 2>, kLines> ends_;
  std::size_t next_slot_ = 0;
  std::vector<Address> hosts_;
  bool begun_ = false;
  Nanoseconds now_ = 0;
};

}  // namespace

void play_tape(std::span<const std::uint8_t> tape, const std::function<void(const TapeEvent&)>& listener) {
  Player(tape, listener).play();
}

std::vector<std::uint8_t> record_tape(std::span<const Sight> sights) {
  Recorder recorder;
  for (const Sight& sight : sights) recorder.record(sight);
  return recorder.take();
}

std::vector<std::uint8_t> record_tape(const Capture& capture) {
  std::vector<Sight> sights;
  for (const Packet& packet : capture.packets) {
    Sight sight{.segment = to_segment(packet, capture), .error = {}};
    if (packet.icmp) {
      sight.error = IcmpError{.time = packet.time,
                              .v6 = packet.source.address.length == 16,
                              .type = packet.icmp->type,
                              .code = packet.icmp->code,
                              .mtu = packet.icmp->mtu};
    }
    sights.push_back(sight);
  }
  return record_tape(sights);
}

}  // namespace tcpwhy::tests
