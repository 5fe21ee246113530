#include "support/endpoint_world.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "support/payloads.h"

namespace tcpwhy::tests {
namespace {

using Habit = EndpointTruth::Habit;

constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max() / 4;
constexpr Nanoseconds kBeginning = 1'767'225'600 * kSecond;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(engine_); }
  double exponential(double mean) { return std::exponential_distribution<double>(1 / mean)(engine_); }
  std::uint32_t roll(std::uint32_t sides) { return static_cast<std::uint32_t>(uniform() * sides); }
  Nanoseconds up_to(Nanoseconds most) { return static_cast<Nanoseconds>(uniform() * static_cast<double>(most)); }
  Nanoseconds about(Nanoseconds mean) { return static_cast<Nanoseconds>(exponential(static_cast<double>(mean))); }

 private:
  std::mt19937_64 engine_;
};

/// A server and the way to it.
struct Place {
  EndpointTruth truth;
  Nanoseconds way = 0;      ///< From client to server.
  Nanoseconds to_here = 0;  ///< From the client to the capture.
  Nanoseconds jitter = 0;   ///< Of a timer, or of a sweep: its period.
  Nanoseconds pause = 0;    ///< Between requests, on average.
  Nanoseconds restart = kNever;
  Nanoseconds life = 0;
  std::uint32_t limit = 0;
  bool says_close = false;
  bool black_hole = false;
};

class Connection {
 public:
  Connection(const Place& place, const Endpoint& client, Dice& dice, std::vector<Packet>& packets)
      : place_(place), client_(client), dice_(dice), packets_(packets) {}

  void live(Nanoseconds begin) {
    born_ = begin;
    from_client(begin, kSyn, {});
    from_server(begin + place_.way, kSyn | kAck, {});
    Nanoseconds heard = begin + 2 * place_.way;  // When the client last got something,
    from_client(heard, kAck, {});
    answered_ = heard + place_.way;              // and when the server last said something.
    const std::uint32_t requests = 1 + dice_.roll(12);
    for (std::uint32_t i = 0; i < requests; ++i) {
      const Nanoseconds pause = i == 0 ? kMillisecond : dice_.about(place_.pause);
      if (!ask(heard + pause, pause, i + 1)) return;
      heard = answered_ + place_.way;
    }
    if (place_.truth.habit == Habit::request_limit && requests >= place_.limit) return;
    const Nanoseconds close = server_closes();
    const bool stays = dice_.uniform() < 0.6 && close < kNever;
    const Nanoseconds leaves = heard + dice_.about(place_.pause);
    if (stays || close + place_.way < leaves) {
      server_closes_at(close);
    } else {
      from_client(leaves, kFin | kAck, {});
      from_server(leaves + place_.way, kFin | kAck, {});
      from_client(leaves + 2 * place_.way, kAck, {});
    }
  }

 private:
  /// A request, and what becomes of it. False: it was the last.
  bool ask(Nanoseconds at, Nanoseconds pause, std::uint32_t number) {
    const Nanoseconds arrives = at + place_.way;
    const Nanoseconds close = number == 1 ? kNever : server_closes();
    if (close + place_.way < at) {  // The client sees the FIN in time.
      server_closes_at(close);
      return false;
    }
    if (close < arrives) {
      const SequenceNumber fin = server_next_;
      from_server(close, kFin | kAck, {});
      server_next_ = fin;  // The client doesn't know of it yet.
      from_client(at, kPsh | kAck, get("/again"));
      from_server(arrives, kRst, {});
      return false;
    }
    from_client(at, kPsh | kAck, get());
    if (place_.truth.habit == Habit::forgets && number > 1 && pause > *place_.truth.timeout) {
      if (!place_.black_hole) {
        from_server(arrives, kRst, {});
        return false;
      }
      Packet again = packets_.back();
      for (Nanoseconds wait = 200 * kMillisecond, then = at; wait < 8 * kSecond; wait *= 2) {
        again.time = (then += wait) + place_.to_here;
        ++again.ip_id;
        packets_.push_back(again);
      }
      return false;
    }
    const bool last = place_.truth.habit == Habit::request_limit && number >= place_.limit;
    answered_ = arrives + 2 * kMillisecond + dice_.about(10 * kMillisecond);
    from_server(answered_, kPsh | kAck, last && place_.says_close ? ok_with("Connection: close") : ok());
    from_client(answered_ + place_.way, kAck, {});
    if (last) server_closes_at(answered_ + 100 * kMicrosecond);
    return !last;
  }

  /// When the server would close if nobody said anything more.
  Nanoseconds server_closes() {
    switch (place_.truth.habit) {
      case Habit::timer: return answered_ + *place_.truth.timeout + dice_.up_to(place_.jitter);
      case Habit::sweep: {
        const Nanoseconds due = answered_ + *place_.truth.timeout;
        return due + place_.jitter - due % place_.jitter;
      }
      case Habit::lifetime: return std::max(answered_, born_ + place_.life);
      case Habit::restart: return place_.restart > answered_ ? place_.restart : kNever;
      case Habit::whim: return answered_ + kSecond + dice_.about(20 * kSecond);
      default: return kNever;
    }
  }

  void server_closes_at(Nanoseconds at) {
    from_server(at, kFin | kAck, {});
    from_client(at + place_.way, kFin | kAck, {});
    from_server(at + 2 * place_.way, kAck, {});
  }

  void from_client(Nanoseconds at, unsigned flags, const std::string& payload) {
    send(at + place_.to_here, client_, place_.truth.server, client_next_, server_next_, flags, payload, client_ip_id_++);
  }
  void from_server(Nanoseconds at, unsigned flags, const std::string& payload) {
    send(at + place_.way - place_.to_here, place_.truth.server, client_, server_next_, client_next_, flags, payload,
         (flags & kRst) != 0 ? std::uint16_t{0} : server_ip_id_++);
  }
  void send(Nanoseconds time, const Endpoint& from, const Endpoint& to, SequenceNumber& seq, SequenceNumber ack, unsigned flags,
            const std::string& payload, std::uint16_t ip_id) {
    Packet packet;
    // The way's jitter, in the order in which this connection's packets were sent.
    packet.time = latest_ = std::max(latest_ + kMicrosecond, time + dice_.about(100 * kMicrosecond));
    packet.source = from;
    packet.destination = to;
    packet.seq = seq;
    packet.ack = (flags & kAck) != 0 ? ack : SequenceNumber(0);
    packet.flags = static_cast<std::uint8_t>(flags);
    packet.window = (flags & kRst) != 0 ? std::uint16_t{0} : std::uint16_t{502};
    packet.payload = payload;
    packet.ip_id = ip_id;
    seq = packet.end();
    packets_.push_back(std::move(packet));
  }

  const Place& place_;
  Endpoint client_;
  Dice& dice_;
  std::vector<Packet>& packets_;
  SequenceNumber client_next_{dice_.roll(1U << 31)};
  SequenceNumber server_next_{dice_.roll(1U << 31)};
  std::uint16_t client_ip_id_ = 1;
  std::uint16_t server_ip_id_ = 1;
  Nanoseconds born_ = 0;
  Nanoseconds answered_ = 0;
  Nanoseconds latest_ = 0;
};

Place settle(std::uint32_t number, Dice& dice) {
  Place place;
  place.truth.server = {ipv4(0x0a640000U + number), 80};
  place.truth.habit = static_cast<Habit>(dice.roll(EndpointTruth::kHabits));
  const Habit habit = place.truth.habit;
  const Nanoseconds timeout =
      static_cast<Nanoseconds>(std::exp(dice.uniform() * std::log(120.0)) * static_cast<double>(kSecond));
  if (habit == Habit::timer || habit == Habit::sweep || habit == Habit::forgets) place.truth.timeout = timeout;
  place.way = 100 * kMicrosecond + dice.up_to(50 * kMillisecond);
  place.to_here = dice.roll(2) == 0 ? 0 : dice.roll(2) == 0 ? place.way : dice.up_to(place.way);
  place.jitter = habit == Habit::sweep ? kMillisecond + dice.up_to(timeout / 2) : dice.up_to(8 * kMillisecond);
  place.pause = timeout / 4 + dice.up_to(timeout);
  place.life = timeout + dice.up_to(60 * kSecond);
  place.limit = 1 + dice.roll(8);
  place.says_close = dice.roll(2) == 0;
  place.black_hole = dice.roll(2) == 0;
  // Many endpoints are seen a few times only.
  place.truth.connections = dice.roll(3) == 0 ? 1 + dice.roll(5) : 1 + dice.roll(40);
  return place;
}

}  // namespace

EndpointWorld make_endpoint_world(std::uint64_t seed, std::uint32_t endpoints) {
  Dice dice(seed);
  EndpointWorld world;
  for (std::uint32_t number = 0; number < endpoints; ++number) {
    Place place = settle(number, dice);
    const Nanoseconds span = 10 * place.pause + 60 * kSecond;
    if (place.truth.habit == Habit::restart) place.restart = kBeginning + span;
    for (std::uint32_t i = 0; i < place.truth.connections; ++i) {
      const Endpoint client{ipv4(0x0a000001U + number * 4 + dice.roll(3)), static_cast<std::uint16_t>(20'000 + i)};
      Connection(place, client, dice, world.capture.packets).live(kBeginning + dice.up_to(span));
    }
    world.endpoints.push_back(place.truth);
  }
  std::stable_sort(world.capture.packets.begin(), world.capture.packets.end(),
                   [](const Packet& a, const Packet& b) { return a.time < b.time; });
  return world;
}

}  // namespace tcpwhy::tests
