#include "support/packet_script.h"

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace tcpwhy::tests {
namespace {

struct FlagLetter {
  char letter;
  Flag flag;
};
constexpr std::array<FlagLetter, 6> kFlagLetters = {
    {{'S', kSyn}, {'F', kFin}, {'R', kRst}, {'P', kPsh}, {'U', kUrg}, {'.', kAck}}};
constexpr std::uint16_t kUsualWindow = 502;

/// Reads one line, left to right.
class LineReader {
 public:
  LineReader(std::string_view rest, std::size_t line) : rest_(rest), line_(line) { skip_blanks(); }

  [[nodiscard]] bool at_end() const { return rest_.empty() || rest_.starts_with("//"); }
  [[nodiscard]] bool next_is(std::string_view token) const { return rest_.starts_with(token); }
  [[nodiscard]] bool next_is_digit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    skip_blanks();
    return true;
  }
  void need(std::string_view token) {
    if (!take(token)) fail(fmt::format("'{}' expected before '{}'", token, rest_));
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) fail(fmt::format("a number expected before '{}'", rest_));
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    skip_blanks();
    return value;
  }
  std::uint32_t number_up_to(std::uint32_t most) {
    const std::uint32_t value = number();
    if (value > most) fail(fmt::format("{} is more than {}", value, most));
    return value;
  }
  /// Seconds, exact to the nanosecond; no floating point.
  Nanoseconds seconds() {
    Nanoseconds value = 0;
    bool any = false;
    Nanoseconds unit = kSecond;
    bool fraction = false;
    while (!rest_.empty() && (next_is_digit() || (rest_.front() == '.' && !fraction))) {
      if (rest_.front() == '.') {
        fraction = true;
      } else {
        any = true;
        const Nanoseconds digit = rest_.front() - '0';
        if (fraction) {
          unit /= 10;
          value += digit * unit;
        } else {
          value = value * 10 + digit * kSecond;
        }
      }
      rest_.remove_prefix(1);
    }
    if (!any) fail(fmt::format("seconds expected before '{}'", rest_));
    skip_blanks();
    return value;
  }
  std::string_view word() {
    const std::size_t length = std::min(rest_.find_first_of(" \t"), rest_.size());
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    skip_blanks();
    return word;
  }
  std::string quoted() {
    std::string text;
    rest_.remove_prefix(1);
    for (; !rest_.empty() && rest_.front() != '"'; rest_.remove_prefix(1)) {
      if (rest_.front() != '\\' || rest_.size() < 2) {
        text.push_back(rest_.front());
        continue;
      }
      rest_.remove_prefix(1);
      text.push_back(rest_.front() == 'r' ? '\r' : rest_.front() == 'n' ? '\n' : rest_.front());
    }
    if (rest_.empty()) fail("the payload has no closing quote");
    rest_.remove_prefix(1);
    skip_blanks();
    return text;
  }
  [[noreturn]] void fail(std::string_view what) const { throw ScriptError(line_, what); }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\r')) {
      rest_.remove_prefix(1);
    }
  }
  std::string_view rest_;
  std::size_t line_;
};

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::vector<std::uint8_t> read_option_list(LineReader& line) {
  std::vector<std::uint8_t> out;
  line.need("<");
  while (true) {
    if (line.take("mss")) {
      const std::uint32_t mss = line.number_up_to(0xffff);
      out.insert(out.end(), {2, 4, static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)});
    } else if (line.take("wscale")) {
      out.insert(out.end(), {3, 3, static_cast<std::uint8_t>(line.number_up_to(14))});
    } else if (line.take("sackOK")) {
      out.insert(out.end(), {4, 2});
    } else if (line.take("nop")) {
      out.push_back(1);
    } else if (line.take("eol")) {
      out.push_back(0);
    } else if (line.take("TS")) {
      out.insert(out.end(), {8, 10});
      line.need("val");
      put32(out, line.number());
      line.need("ecr");
      put32(out, line.number());
    } else {
      line.fail("an option expected: mss, wscale, sackOK, TS val … ecr …, nop or eol");
    }
    if (!line.take(",")) break;
  }
  line.need(">");
  return out;
}

std::uint8_t read_flags(LineReader& line) {
  std::uint8_t flags = 0;
  for (const char letter : line.word()) {
    bool known = letter == '-';
    for (const FlagLetter& entry : kFlagLetters) {
      if (entry.letter != letter) continue;
      flags |= entry.flag;
      known = true;
    }
    if (!known) line.fail(fmt::format("'{}' is no flag; S F R P U . or - are", letter));
  }
  return flags;
}

/// What a script remembers of one side.
struct Speaker {
  Endpoint endpoint;
  SequenceNumber isn;
  SequenceNumber next;
  std::uint16_t ip_id = 0;
};

Packet read_packet(LineReader& line, Speaker& from, const Speaker& to) {
  Packet packet;
  packet.source = from.endpoint;
  packet.destination = to.endpoint;
  packet.flags = read_flags(line);
  packet.seq = from.next;
  std::uint32_t length = 0;
  if (line.next_is_digit()) {
    const std::uint32_t start = line.number();
    line.need(":");
    const std::uint32_t end = line.number();
    line.need("(");
    length = line.number();
    line.need(")");
    if (end - start != length) line.fail(fmt::format("{}:{} is not {} bytes", start, end, length));
    if (length > 65'000) line.fail("longer than a packet can be");
    packet.seq = from.isn + start;
  }
  packet.payload.assign(length, '.');
  const bool ack_written = line.take("ack");
  if (ack_written) {
    packet.ack = to.isn + line.number();
  } else if (packet.has(kAck)) {
    packet.ack = to.next;
  }
  packet.window = packet.has(kRst) ? std::uint16_t{0} : kUsualWindow;
  if (line.take("win")) packet.window = static_cast<std::uint16_t>(line.number_up_to(0xffff));
  packet.ip_id = ++from.ip_id;
  while (!line.at_end()) {
    if (line.next_is("<")) {
      packet.options = read_option_list(line);
    } else if (line.next_is("\"")) {
      packet.payload = line.quoted();
      if (length != 0 && packet.payload.size() != length) {
        line.fail(fmt::format("the payload has {} bytes, not {}", packet.payload.size(), length));
      }
    } else if (line.take("id")) {
      packet.ip_id = static_cast<std::uint16_t>(line.number_up_to(0xffff));
      --from.ip_id;
    } else if (line.take("ttl")) {
      packet.ttl = static_cast<std::uint8_t>(line.number_up_to(255));
    } else {
      line.fail(fmt::format("'{}' is not understood", line.word()));
    }
  }
  if (!packet.has(kRst)) from.next = packet.end().after(from.next) ? packet.end() : from.next;
  return packet;
}

std::string option_words(const std::vector<std::uint8_t>& bytes) {
  std::string out;
  const auto word = [&out](std::string text) { out += (out.empty() ? "" : ",") + text; };
  const auto number = [&bytes](std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count && at + i < bytes.size(); ++i) value = value << 8 | bytes[at + i];
    return value;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = bytes[at] < 2 || at + 1 >= bytes.size() ? 1 : std::max<std::size_t>(bytes[at + 1], 2);
    switch (bytes[at]) {
      case 0:
        word("eol");
        break;
      case 1:
        word("nop");
        break;
      case 2:
        word(fmt::format("mss {}", number(at + 2, 2)));
        break;
      case 3:
        word(fmt::format("wscale {}", number(at + 2, 1)));
        break;
      case 4:
        word("sackOK");
        break;
      case 8:
        word(fmt::format("TS val {} ecr {}", number(at + 2, 4), number(at + 6, 4)));
        break;
      default:
        word(fmt::format("kind {}", bytes[at]));
        break;
    }
    at += length;
  }
  return out;
}

}  // namespace

ScriptError::ScriptError(std::size_t line, std::string_view what)
    : std::runtime_error(fmt::format("line {}: {}", line, what)) {}

std::vector<Packet> parse_script(std::string_view script, const ScriptCast& cast) {
  std::vector<Packet> packets;
  std::array<Speaker, 2> speakers = {Speaker{cast.client, cast.client_isn, cast.client_isn, 100},
                                     Speaker{cast.server, cast.server_isn, cast.server_isn, 200}};
  Nanoseconds now = cast.begin;
  for (std::size_t number = 1; !script.empty(); ++number) {
    const std::size_t length = std::min(script.find('\n'), script.size());
    LineReader line(script.substr(0, length), number);
    script.remove_prefix(std::min(length + 1, script.size()));
    if (line.at_end()) continue;
    const bool backwards = line.take("-");
    if (!backwards) line.need("+");
    now += (backwards ? -1 : 1) * line.seconds();
    const bool from_client = line.take(">");
    if (!from_client) line.need("<");
    Packet packet = read_packet(line, speakers[from_client ? 0 : 1], speakers[from_client ? 1 : 0]);
    packet.time = now;
    packets.push_back(std::move(packet));
  }
  return packets;
}

std::string to_line(const Packet& packet, const ScriptCast& cast) {
  const bool from_client = packet.source == cast.client;
  const SequenceNumber own = from_client ? cast.client_isn : cast.server_isn;
  const SequenceNumber peer = from_client ? cast.server_isn : cast.client_isn;
  std::string flags;
  for (const FlagLetter& entry : kFlagLetters) {
    if (packet.has(entry.flag)) flags.push_back(entry.letter);
  }
  const std::uint32_t start = (packet.seq - own.raw()).raw();
  const auto length = static_cast<std::uint32_t>(packet.payload.size());
  std::string out = fmt::format("{} {} {}:{}({})", from_client ? '>' : '<', flags.empty() ? "-" : flags, start,
                                start + length, length);
  if (packet.has(kAck)) out += fmt::format(" ack {}", (packet.ack - peer.raw()).raw());
  out += fmt::format(" win {}", packet.window);
  if (!packet.options.empty()) out += fmt::format(" <{}>", option_words(packet.options));
  out += fmt::format(" id {} ttl {}", packet.ip_id, packet.ttl);
  if (packet.icmp) out = fmt::format("icmp type {} code {} around {}", packet.icmp->type, packet.icmp->code, out);
  return out;
}

std::string to_lines(const Capture& capture) {
  std::map<StreamNumber, ScriptCast> casts;
  std::string out;
  const std::vector<Segment> segments = to_segments(capture);
  std::size_t next_segment = 0;
  FrameNumber frame = 0;
  for (const Packet& packet : capture.packets) {
    ++frame;
    const Nanoseconds time = packet.time - capture.packets.front().time;
    const std::string stamp = fmt::format("{:4} {:>3}.{:06}", frame, time / kSecond, std::abs(time % kSecond) / 1000);
    if (packet.icmp) {
      ScriptCast quoted{0, packet.source, packet.destination, packet.seq, packet.ack};
      out += fmt::format("{}    {}\n", stamp, to_line(packet, quoted));
      continue;
    }
    const Segment& segment = segments[next_segment++];
    const auto [found, first] = casts.try_emplace(segment.stream);
    ScriptCast& cast = found->second;
    if (first)
      cast = {0, packet.source, packet.destination, packet.seq, packet.has(kAck) ? packet.ack : SequenceNumber(0)};
    if (packet.has(kSyn) && packet.has(kAck) && packet.source == cast.server) cast.server_isn = packet.seq;
    out += fmt::format("{} #{} {}\n", stamp, segment.stream, to_line(packet, cast));
  }
  return out;
}

}  // namespace tcpwhy::tests
