// Writes a capture of healthy HTTP/1.1 traffic, as large as wanted, always the same for the same arguments:
// the load under which scripts/bench measures the plugin, and scripts/bench_batch the program.
//
//   http_traffic FRAMES FILE [AT-ONCE [EXCHANGES]]
//
// Model: clients keep connections open to a handful of servers. A connection is a handshake, two to seven exchanges
// (a request in one segment, a response of one to seven, every second of them acknowledged) with think time between them, and
// a FIN from either side. Some 64 connections are open at any time, so that the frames of different streams alternate as they
// do on a real link. AT-ONCE: so many are. EXCHANGES: one to so many, with small responses. Ethernet, IPv4 with valid checksums, TCP
// timestamps in every segment.
//
// Limits: nothing is lost, reordered or repeated; no IPv6; whole packets.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Bytes = std::string;

constexpr std::uint64_t kFirstSecond = 1'700'000'000;
constexpr std::uint64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::uint32_t kEphemeralPorts = 28'000;
constexpr std::size_t kMss = 1448;  // 1500 - 20 (IPv4) - 20 (TCP) - 12 (timestamps)

/// xorshift64*: the standard distributions differ between libraries, and a benchmark's input mustn't.
class Random {
 public:
  std::uint32_t below(std::uint32_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::uint32_t>(((state_ * 0x2545f4914f6cdd1dULL) >> 33) % bound);
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

void put8(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value & 0xff));
}
void put16(Bytes& out, std::uint32_t value) {
  put8(out, value >> 8);
  put8(out, value);
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value);
}
void put32_little_endian(Bytes& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) put8(out, value >> shift);
}

/// The Internet checksum (RFC 1071) of `bytes`, on top of `sum`.
std::uint32_t checksum(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

void patch16(Bytes& out, std::size_t at, std::uint32_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value & 0xff);
}

/// One end of a connection.
struct End {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint32_t seq = 0;
  std::uint32_t clock_offset = 0;  // of its TSval, in ms
  std::uint32_t last_tsval = 0;
  std::uint16_t ip_id = 0;
};

enum Flags : std::uint8_t { kFin = 1, kSyn = 2, kPsh = 8, kAck = 16 };

/// What the connections are like.
struct Habits {
  std::size_t at_once = 64;
  std::uint32_t fewest_exchanges = 2;
  std::uint32_t most_exchanges = 7;
  std::uint32_t largest_body = 9000;  ///< Bytes, of one response in four; the others' are at most 1200.
};

/// A connection, played one segment at a time.
class Connection {
 public:
  Connection(std::uint32_t serial, std::uint64_t now, const Habits& habits, Random& random) : time_(now) {
    // No pair of endpoints comes twice: a port that is used again is not what this capture is about.
    client_.address = 0x0a010000 + ((serial / kEphemeralPorts) << 8) + 1 + random.below(250);
    client_.port = static_cast<std::uint16_t>(32768 + serial % kEphemeralPorts);
    server_.address = 0x0a02000a + random.below(6);
    server_.port = 80;
    for (End* end : {&client_, &server_}) {
      end->seq = random.below(0x7fffffff);
      end->clock_offset = random.below(0x7fffffff);
      end->ip_id = static_cast<std::uint16_t>(random.below(0x10000));
    }
    send(client_, kSyn, "", 200 + random.below(800));
    send(server_, kSyn | kAck, "", 300);
    send(client_, kAck, "", 50);
    const std::uint32_t exchanges =
        habits.fewest_exchanges + random.below(habits.most_exchanges - habits.fewest_exchanges + 1);
    for (std::uint32_t i = 0; i < exchanges; ++i) exchange(habits, random);
    const bool client_closes = random.below(2) == 0;
    End& first = client_closes ? client_ : server_;
    End& second = client_closes ? server_ : client_;
    send(first, kFin | kAck, "", 1000 + random.below(50'000));
    send(second, kFin | kAck, "", 400);
    send(first, kAck, "", 100);
  }

  [[nodiscard]] bool done() const { return next_ == steps_.size(); }
  [[nodiscard]] std::uint64_t time_of_next() const { return steps_[next_].time; }

  /// The next frame, from the Ethernet header on.
  Bytes next_frame() {
    const Step& step = steps_[next_++];
    End& from = step.from_client ? client_ : server_;
    const End& to = step.from_client ? server_ : client_;
    from.last_tsval = from.clock_offset + static_cast<std::uint32_t>(step.time / 1000);

    Bytes tcp;
    put16(tcp, from.port);
    put16(tcp, to.port);
    put32(tcp, step.seq);
    put32(tcp, step.ack);
    const bool syn = (step.flags & kSyn) != 0;
    put8(tcp, (syn ? 40U : 32U) / 4 << 4);
    put8(tcp, step.flags);
    put16(tcp, syn ? 64240 : 501);
    put32(tcp, 0);  // checksum, urgent pointer
    if (syn) {
      for (std::uint32_t byte : {2, 4, 5, 180, 4, 2}) put8(tcp, byte);  // MSS 1460, SACK permitted
    } else {
      put16(tcp, 0x0101);
    }
    put16(tcp, 0x080a);
    put32(tcp, from.last_tsval);
    put32(tcp, to.last_tsval);
    if (syn) put32(tcp, 0x01030307);  // window scale 7
    tcp += step.payload;

    Bytes pseudo;
    put32(pseudo, from.address);
    put32(pseudo, to.address);
    put16(pseudo, 6);
    put16(pseudo, static_cast<std::uint32_t>(tcp.size()));
    patch16(tcp, 16, checksum(tcp, ~checksum(pseudo) & 0xffff));

    Bytes ip;
    put16(ip, 0x4500);
    put16(ip, static_cast<std::uint32_t>(20 + tcp.size()));
    put16(ip, from.ip_id++);
    put16(ip, 0x4000);
    put16(ip, 64U << 8 | 6);
    put16(ip, 0);
    put32(ip, from.address);
    put32(ip, to.address);
    patch16(ip, 10, checksum(ip));

    Bytes frame;
    for (const End* end : {&to, static_cast<const End*>(&from)}) {
      put16(frame, 0x0200);
      put32(frame, end->address);
    }
    put16(frame, 0x0800);
    return frame + ip + tcp;
  }

 private:
  struct Step {
    std::uint64_t time;
    bool from_client;
    std::uint8_t flags;
    std::uint32_t seq, ack;
    Bytes payload;
  };

  void send(End& from, std::uint8_t flags, Bytes payload, std::uint64_t after) {
    const bool from_client = &from == &client_;
    time_ += after;
    const std::uint32_t ack = (flags & kAck) != 0 ? (from_client ? server_ : client_).seq : 0;
    const std::uint32_t seq = from.seq;
    from.seq += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
    steps_.push_back({time_, from_client, flags, seq, ack, std::move(payload)});
  }

  void exchange(const Habits& habits, Random& random) {
    static constexpr std::array<std::string_view, 6> kPaths = {"/",
                                                               "/index.html?session=8e1b7d2c",
                                                               "/static/app.3f9c1e.js",
                                                               "/api/v1/orders?page=3&per_page=50",
                                                               "/images/banner-wide.webp",
                                                               "/api/v1/customers/84213/addresses"};
    const auto path = kPaths[random.below(kPaths.size())];
    Bytes request = "GET ";
    request += path;
    request +=
        " HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
        "Firefox/128.0\r\nAccept: text/html,application/json;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n"
        "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nCookie: session=";
    request += std::to_string(random.below(1'000'000'000));
    request += "\r\n\r\n";
    send(client_, kPsh | kAck, std::move(request), 500 + random.below(200'000));
    send(server_, kAck, "", 100);

    const std::size_t body_size = random.below(4) == 0 ? random.below(habits.largest_body) : random.below(1200);
    Bytes response =
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: "
        "application/json; charset=utf-8\r\nContent-Length: " +
        std::to_string(body_size) + "\r\nConnection: keep-alive\r\nCache-Control: no-store\r\nX-Request-Id: " +
        std::to_string(random.below(1u << 30)) + "\r\n\r\n";
    static constexpr std::string_view kRow = "{\"id\":48213,\"state\":\"shipped\",\"total\":\"129.90\",\"lines\":3},\n";
    for (std::size_t body = 0; body < body_size; body += kRow.size()) {
      response += kRow.substr(0, std::min(kRow.size(), body_size - body));
    }
    unsigned unacknowledged = 0;
    for (std::size_t at = 0; at < response.size(); at += kMss) {
      const bool last = at + kMss >= response.size();
      const auto flags = static_cast<std::uint8_t>(last ? kPsh | kAck : kAck);
      send(server_, flags, response.substr(at, kMss), at == 0 ? 1000 + random.below(30'000) : 12);
      if (++unacknowledged == 2 || last) {
        send(client_, kAck, "", 40);
        unacknowledged = 0;
      }
    }
  }

  End client_, server_;
  std::uint64_t time_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
};

void write_capture(std::uint64_t frames, const Habits& habits, std::ostream& out) {
  Bytes header;
  for (std::uint32_t word : {0xa1b2c3d4U, 0x00040002U, 0U, 0U, 65535U, 1U}) put32_little_endian(header, word);
  out << header;

  Random random;
  const auto later = [](const Connection& a, const Connection& b) { return a.time_of_next() > b.time_of_next(); };
  std::vector<Connection> open;
  std::uint32_t serial = 0;
  std::uint64_t now = 0;
  const auto start = [&] {
    open.emplace_back(serial++, now, habits, random);
    std::push_heap(open.begin(), open.end(), later);
  };
  // Connections that are open when the frames run out are cut there, as by a capture that was stopped.
  while (open.size() < habits.at_once) start();
  for (std::uint64_t frame = 0; frame < frames; ++frame) {
    std::pop_heap(open.begin(), open.end(), later);
    Connection& connection = open.back();
    now = connection.time_of_next();
    const Bytes bytes = connection.next_frame();
    Bytes record;
    put32_little_endian(record, static_cast<std::uint32_t>(kFirstSecond + now / kMicrosecondsPerSecond));
    put32_little_endian(record, static_cast<std::uint32_t>(now % kMicrosecondsPerSecond));
    put32_little_endian(record, static_cast<std::uint32_t>(bytes.size()));
    put32_little_endian(record, static_cast<std::uint32_t>(bytes.size()));
    out << record << bytes;
    if (connection.done()) {
      open.pop_back();
      start();
    } else {
      std::push_heap(open.begin(), open.end(), later);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int argument) { return argc > argument ? std::strtoul(argv[argument], nullptr, 10) : 0; };
  const std::uint64_t frames = number(1);
  if (frames == 0 || argc < 3 || argc > 5 || (argc > 3 && number(3) == 0) || (argc > 4 && number(4) == 0)) {
    std::cerr << "usage: http_traffic FRAMES FILE [AT-ONCE [EXCHANGES]]\n";
    return 2;
  }
  Habits habits;
  if (argc > 3) habits.at_once = number(3);
  if (argc > 4) habits = {habits.at_once, 1, static_cast<std::uint32_t>(number(4)), 1200};
  std::ofstream out(argv[2], std::ios::binary);
  write_capture(frames, habits, out);
  out.close();
  if (!out) {
    std::cerr << "http_traffic: can't write " << argv[2] << '\n';
    return 1;
  }
  return 0;
}
