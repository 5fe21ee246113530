#include "support/story.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "support/packet_script.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint16_t kMss = 1460;
constexpr std::uint8_t kWindowShift = 7;
constexpr std::uint16_t kSynWindow = 64'240;
constexpr std::uint16_t kSynAckWindow = 65'160;
constexpr std::uint16_t kWindow = 502;  // scaled
constexpr std::uint32_t kReceiveWindow = std::uint32_t{kWindow} << kWindowShift;

constexpr Nanoseconds kTimeWait = 60 * kSecond;            // TCP_TIMEWAIT_LEN
constexpr Nanoseconds kShortestRto = 200 * kMillisecond;   // TCP_RTO_MIN
constexpr Nanoseconds kSynRto = kSecond;                   // TCP_TIMEOUT_INIT
constexpr Nanoseconds kSynAfterReset = 10 * kMillisecond;  // two jiffies; see signatures of time_wait_collision
constexpr Nanoseconds kTimeOnTheWire = kMicrosecond;       // of one packet
constexpr Nanoseconds kKernelTime = 10 * kMicrosecond;     // from a packet to its answer
constexpr int kDataRetries = 7;
constexpr std::uint32_t kTimeWaitIsnStep = 65'537;  // tcp_timewait_state_process

/// Where things stand on the path: the client at 0, the server at 1.
constexpr double kDevice = 0.6;

enum class State {
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  closing,
  time_wait,
  close_wait,
  last_ack,
  closed,
};

/// A segment that its sender may have to send again.
struct Unacknowledged {
  SequenceNumber seq;
  SequenceNumber end;
  std::uint8_t flags;
  std::string payload;
};

struct Socket {
  Side side = Side::client;
  Endpoint local;
  Endpoint remote;
  State state = State::closed;
  int syn_retries = 0;

  SequenceNumber isn;
  SequenceNumber next;      // SND.NXT
  SequenceNumber unacked;   // SND.UNA
  SequenceNumber expected;  // RCV.NXT
  SequenceNumber fin;       // valid from fin_wait_1 and last_ack on
  bool fin_received = false;
  std::deque<Unacknowledged> in_flight;
  std::vector<Packet> early;  // beyond a hole

  bool orphan = false;
  bool reading = true;
  std::size_t unread = 0;

  bool wants_timestamps = true;
  bool timestamps = false;
  std::uint32_t clock = 0;  // TSval at kOnceUponATime
  std::uint32_t ts_recent = 0;
  std::uint16_t ip_id = 0;

  Nanoseconds latest_payload = 0;
  Nanoseconds busy_until = 0;
  Nanoseconds waiting_since = 0;  // of time_wait, and of fin_wait_2 without an owner

  Nanoseconds ack_delay = 0;
  bool ack_pending = false;
  std::uint64_t timer = 0;  // the one that is armed
  int retries = 0;
};
using SocketPtr = std::shared_ptr<Socket>;

using Tuple = std::tuple<std::array<std::uint8_t, 16>, std::uint16_t, std::array<std::uint8_t, 16>, std::uint16_t>;
Tuple tuple_of(const Endpoint& a, const Endpoint& b) {
  return {a.address.bytes, a.port, b.address.bytes, b.port};
}

Address address_of(std::uint8_t host, bool ipv6) {
  if (!ipv6) return ipv4(0x0a000000U | host);
  Address address;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = host;
  address.length = 16;
  return address;
}

}  // namespace

/// Both hosts, the path and the capture: a small discrete-event simulation.
class Network {
 public:
  explicit Network(const Scene& scene) : scene_(scene) {
    switch (scene.vantage) {
      case Vantage::client:
        eyes_ = {0.0};
        break;
      case Vantage::middle:
        eyes_ = {0.5};
        break;
      case Vantage::server:
        eyes_ = {1.0};
        break;
      case Vantage::both_sides_of_device:
        eyes_ = {kDevice - 0.01, kDevice + 0.01};
        break;
      case Vantage::both_ends:
        eyes_ = {0.0, 1.0};
        break;
    }
    routers_.push_back(kDevice);
    for (int i = 1; i < scene.hops; ++i) routers_.push_back(0.5 * i / scene.hops);
    if (scene.hops <= 0) routers_.clear();
  }

  std::size_t dial(Terms terms) {
    if (terms.client_port == 0) terms.client_port = next_port_++;
    auto route = std::make_shared<Route>();
    route->terms = terms;
    route->client = {address_of(terms.client_host, scene_.ipv6), terms.client_port};
    route->server = {address_of(terms.server_host, scene_.ipv6), terms.server_port};
    const Tuple tuple = tuple_of(route->client, route->server);
    if (const auto old = routes_.find(tuple); old != routes_.end()) {
      // The device and the server's machine are the same for the next connection.
      route->drops = old->second->drops;
      route->blanked = old->second->blanked;
    }
    routes_[tuple] = route;

    auto socket = std::make_shared<Socket>();
    socket->side = Side::client;
    socket->local = route->client;
    socket->remote = route->server;
    socket->state = State::syn_sent;
    socket->syn_retries = terms.syn_retries;
    set_clocks(*socket, terms, terms.client_isn, terms.client_timestamps);
    if (terms.client_clock) socket->clock = *terms.client_clock;
    socket->latest_payload = now_;
    sockets(Side::client)[tuple] = socket;
    connections_.push_back({route, socket});
    send(*socket, kSyn, {});
    return connections_.size() - 1;
  }

  // Time.
  [[nodiscard]] Nanoseconds now() const { return now_; }
  [[nodiscard]] Nanoseconds one_way() const { return scene_.round_trip.count() / 2; }
  void run_until(Nanoseconds time) {
    if (time < now_) throw std::logic_error("a story can't run backwards");
    while (!events_.empty() && events_.top().time <= time) run_next();
    now_ = time;
  }
  void settle() {
    while (!events_.empty()) run_next();
  }
  void run_while(const std::function<bool()>& condition) {
    while (condition() && !events_.empty()) run_next();
  }

  // Applications.
  Sent sends(std::size_t connection, Side side, std::string_view bytes, std::size_t most) {
    Socket& socket = owned(connection, side, "sends");
    if (socket.state != State::established && socket.state != State::close_wait) {
      throw std::logic_error("an application can't send: its connection is not open, or it has closed it");
    }
    Sent sent;
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, most);
      bytes.remove_prefix(piece.size());
      sent = send(socket, static_cast<std::uint8_t>(bytes.empty() ? kAck | kPsh : kAck), piece);
    }
    return sent;
  }

  Sent closes(std::size_t connection, Side side) {
    const SocketPtr socket = find(connection, side);
    if (!socket) return {};
    if (socket->unread > 0) return aborts(connection, side);  // RFC 2525 section 2.17
    socket->orphan = true;
    if (socket->state == State::fin_wait_2) socket->waiting_since = now_;
    return send_fin(*socket);
  }

  Sent shuts_down(std::size_t connection, Side side) { return send_fin(owned(connection, side, "shuts down")); }

  Sent aborts(std::size_t connection, Side side) {
    const SocketPtr socket = find(connection, side);
    if (!socket) return {};
    const Sent sent = launch(*socket, packet(*socket, kRst | kAck, socket->next, {}));
    die(*socket);
    return sent;
  }

  Sent probes(std::size_t connection, Side side) {
    Socket& socket = owned(connection, side, "probes");
    return launch(socket, packet(socket, kAck, socket.next - 1, {}));
  }

  void stops_reading(std::size_t connection, Side side) { owned(connection, side, "stops reading").reading = false; }
  void acks_after(std::size_t connection, Side side, Nanoseconds delay) {
    owned(connection, side, "acknowledges").ack_delay = delay;
  }
  void forgets(std::size_t connection, Side side) {
    if (const SocketPtr socket = find(connection, side)) die(*socket);
  }
  void vanishes(std::size_t connection, Side side) {
    connections_[connection].route->vanished[index(side)] = true;
    forgets(connection, side);
  }
  [[nodiscard]] Nanoseconds latest_payload(std::size_t connection, Side side) {
    return owned(connection, side, "idles").latest_payload;
  }
  [[nodiscard]] bool handshake_is_over(std::size_t connection) {
    const SocketPtr server = find(connection, Side::server);
    return connections_[connection].client->state != State::syn_sent &&
           (!server || server->state != State::syn_received);
  }
  [[nodiscard]] SequenceNumber expected_by(std::size_t connection, Side side) {
    return owned(connection, side, "listens").expected;
  }
  [[nodiscard]] SequenceNumber next_of(std::size_t connection, Side side) {
    return owned(connection, side, "speaks").next;
  }
  [[nodiscard]] bool has_seen_fin(std::size_t connection, Side side) {
    const SocketPtr socket = find(connection, side);
    return !socket || socket->fin_received;
  }

  // The path.
  struct Route {
    Terms terms;
    Endpoint client;
    Endpoint server;
    PacketTest drops;
    bool rejects = false;
    std::optional<IcmpEnvelope> icmp;
    std::array<bool, 2> blanked{};  // by sender
    std::array<bool, 2> vanished{};
  };
  [[nodiscard]] Route& route(std::size_t connection) { return *connections_[connection].route; }

  Sent forge_reset(std::size_t connection, Side claimed, std::uint8_t ttl, bool acknowledging = false) {
    const Socket& speaker = owned(connection, claimed, "is impersonated");
    Packet forged;
    forged.source = speaker.local;
    forged.destination = speaker.remote;
    forged.seq = speaker.next;
    forged.flags = kRst;
    if (acknowledging) {
      forged.flags |= kAck;
      forged.ack = speaker.expected;
    }
    forged.ttl = ttl;
    const Sent sent{++sent_};
    travel(forged, claimed, kDevice, end_of(other(claimed)), now_, sent);
    return sent;
  }
  [[nodiscard]] Address device_address() const { return address_of(1, scene_.ipv6); }

  // The capture.
  void begin_capturing() { unseen_up_to_ = sent_; }
  void stop_capturing() { unseen_after_ = sent_; }
  void miss(PacketTest test) { misses_.push_back(std::move(test)); }
  void play(std::string_view script, Terms terms) {
    if (terms.client_port == 0) terms.client_port = next_port_++;
    ScriptCast cast;
    cast.begin = now_;
    cast.client = {address_of(terms.client_host, scene_.ipv6), terms.client_port};
    cast.server = {address_of(terms.server_host, scene_.ipv6), terms.server_port};
    if (terms.client_isn) cast.client_isn = SequenceNumber(*terms.client_isn);
    if (terms.server_isn) cast.server_isn = SequenceNumber(*terms.server_isn);
    for (Packet& packet : parse_script(script, cast)) {
      now_ = std::max(now_, packet.time);
      captured_.push_back({std::move(packet), {++sent_}});
    }
  }

  struct Captured {
    Packet packet;
    Sent sent;
  };
  [[nodiscard]] std::vector<Captured> captured() const {
    std::vector<Captured> in_order;
    std::copy_if(captured_.begin(), captured_.end(), std::back_inserter(in_order), [this](const Captured& captured) {
      return unseen_up_to_ < captured.sent.number && captured.sent.number <= unseen_after_;
    });
    std::stable_sort(in_order.begin(), in_order.end(),
                     [](const Captured& a, const Captured& b) { return a.packet.time < b.packet.time; });
    return in_order;
  }

 private:
  using Sockets = std::map<Tuple, SocketPtr>;
  struct Dialled {
    std::shared_ptr<Route> route;
    SocketPtr client;
  };
  struct Event {
    Nanoseconds time;
    std::uint64_t order;
    std::function<bool()> due;
    std::function<void()> act;
    bool operator<(const Event& other) const { return std::tie(time, order) > std::tie(other.time, other.order); }
  };

  static double end_of(Side side) { return side == Side::client ? 0.0 : 1.0; }

  void at(
      Nanoseconds time, std::function<void()> act, std::function<bool()> due = [] { return true; }) {
    events_.push({time, ++order_, std::move(due), std::move(act)});
  }
  void run_next() {
    const Event event = events_.top();
    events_.pop();
    if (!event.due()) return;  // a timer that was disarmed: no time passes for it
    now_ = std::max(now_, event.time);
    event.act();
  }

  Sockets& sockets(Side side) { return sockets_[index(side)]; }
  Tuple tuple(std::size_t connection) const {
    const Route& route = *connections_[connection].route;
    return tuple_of(route.client, route.server);
  }

  /// The socket of that end, or null where its kernel has none (any more).
  SocketPtr find(std::size_t connection, Side side) {
    if (side == Side::client) {
      const SocketPtr socket = connections_[connection].client;
      return socket->state == State::closed ? nullptr : socket;
    }
    const auto found = sockets(side).find(tuple(connection));
    return found == sockets(side).end() ? nullptr : found->second;
  }
  Socket& owned(std::size_t connection, Side side, const char* verb) {
    const SocketPtr socket = find(connection, side);
    if (!socket) {
      throw std::logic_error(std::string(side == Side::client ? "the client " : "the server ") + verb +
                             ", but its connection is gone");
    }
    return *socket;
  }

  void set_clocks(Socket& socket, const Terms& terms, std::optional<std::uint32_t> isn, bool timestamps) {
    // As secure_tcp_seq and secure_tcp_ts_off: a start of its own for each 4-tuple, and a clock on top.
    const std::uint32_t salt = terms.client_port * 2'654'435'761U + (socket.side == Side::server ? 0x9e3779b9U : 0U);
    socket.isn = SequenceNumber(isn.value_or(salt + static_cast<std::uint32_t>((now_ - kOnceUponATime) / 64)));
    socket.next = socket.isn;
    socket.unacked = socket.isn;
    socket.wants_timestamps = timestamps;
    socket.timestamps = timestamps;
    socket.clock = salt >> 3;
    socket.ip_id = static_cast<std::uint16_t>(salt >> 11);
  }

  // Sending.
  OptionList options(const Socket& socket, std::uint8_t flags) const {
    OptionList list;
    if ((flags & kSyn) != 0) {
      list.mss = kMss;
      list.sack_permitted = true;
      list.window_shift = kWindowShift;
    }
    list.timestamps = socket.timestamps;
    list.tsval = socket.clock + static_cast<std::uint32_t>((now_ - kOnceUponATime) / kMillisecond);
    list.tsecr = socket.ts_recent;
    return list;
  }

  Packet packet(Socket& socket, int flags, SequenceNumber seq, std::string_view payload) {
    Packet packet;
    packet.source = socket.local;
    packet.destination = socket.remote;
    packet.flags = static_cast<std::uint8_t>(flags);
    packet.seq = seq;
    if (packet.has(kAck)) packet.ack = socket.expected;
    packet.window = !packet.has(kSyn) ? kWindow : packet.has(kAck) ? kSynAckWindow : kSynWindow;
    packet.ttl = kTtl;
    packet.ip_id = packet.has(kSyn) && packet.has(kAck) ? std::uint16_t{0} : ++socket.ip_id;
    packet.options = encode(options(socket, packet.flags));
    packet.payload = payload;
    return packet;
  }

  /// Sends what has to be acknowledged.
  Sent send(Socket& socket, std::uint8_t flags, std::string_view payload) {
    const Packet out = packet(socket, flags, socket.next, payload);
    socket.next = out.end();
    socket.in_flight.push_back({out.seq, out.end(), flags, std::string(payload)});
    const Sent sent = launch(socket, out);
    if (!payload.empty()) socket.latest_payload = socket.busy_until - kTimeOnTheWire;
    if (socket.in_flight.size() == 1) arm(socket);
    return sent;
  }

  Sent send_fin(Socket& socket) {
    if (socket.state == State::syn_sent) {
      die(socket);
      return {};
    }
    if (socket.state != State::established && socket.state != State::close_wait) return {};
    socket.fin = socket.next;
    socket.state = socket.state == State::established ? State::fin_wait_1 : State::last_ack;
    return send(socket, kFin | kAck, {});
  }

  Sent launch(Socket& socket, const Packet& out) {
    if (out.has(kAck)) socket.ack_pending = false;
    const Nanoseconds leaves = std::max(now_ + answering_, socket.busy_until);
    socket.busy_until = leaves + kTimeOnTheWire;
    const Sent sent{++sent_};
    travel(out, socket.side, end_of(socket.side), end_of(other(socket.side)), leaves, sent);
    return sent;
  }

  void acknowledge(Socket& socket) {
    Packet out = packet(socket, kAck, socket.next, {});
    if (is_minisocket(socket)) {
      out.ip_id = 0;
      --socket.ip_id;
    }
    launch(socket, out);
  }

  void acknowledge_soon(const SocketPtr& socket) {
    if (socket->ack_delay == 0) return acknowledge(*socket);
    if (socket->ack_pending) return;
    socket->ack_pending = true;
    at(
        now_ + socket->ack_delay, [this, socket] { acknowledge(*socket); },
        [socket] { return socket->ack_pending && socket->state != State::closed; });
  }

  /// tcp_v4_send_reset: made from the segment alone.
  static Packet reply(const Packet& offending) {
    Packet reset;
    reset.source = offending.destination;
    reset.destination = offending.source;
    reset.flags = kRst;
    if (offending.has(kAck)) {
      reset.seq = offending.ack;
    } else {
      reset.flags |= kAck;
      reset.ack = offending.end();
    }
    return reset;
  }
  void reply_with_reset(Side side, const Packet& offending) {
    travel(reply(offending), side, end_of(side), end_of(other(side)), now_ + answering_, {++sent_});
  }

  // The path.
  [[nodiscard]] int routers_between(double from, double to) const {
    const double low = std::min(from, to);
    const double high = std::max(from, to);
    return static_cast<int>(
        std::count_if(routers_.begin(), routers_.end(), [&](double at) { return low < at && at < high; }));
  }
  [[nodiscard]] Nanoseconds flight(double from, double to) const {
    return std::llround(std::abs(to - from) * static_cast<double>(one_way()));
  }

  void show(Packet packet, Side sender, double start, double from, double to, Nanoseconds leaves, Sent sent) {
    const auto [low, high] = std::minmax(from, to);
    for (std::size_t i = 0; i < eyes_.size(); ++i) {
      const double eye = eyes_[i];
      if (eye < low || eye > high) continue;
      Packet seen = packet;
      seen.eye = static_cast<std::uint8_t>(i);
      seen.time = leaves + flight(start, eye);
      seen.ttl = static_cast<std::uint8_t>(packet.ttl - routers_between(start, eye));
      const bool missed =
          std::any_of(misses_.begin(), misses_.end(), [&](const PacketTest& test) { return test(sender, seen); });
      if (!missed) captured_.push_back({seen, sent});
    }
  }

  /// Takes a packet from one place on the path to another, past the capture points and the device.
  void travel(const Packet& packet, Side sender, double from, double to, Nanoseconds leaves, Sent sent) {
    const auto arrive = [this, sender](const Packet& arrived) {
      answering_ = kKernelTime;
      arrives(other(sender), arrived);
      answering_ = 0;
    };
    if (std::max(from, to) <= kDevice || kDevice <= std::min(from, to)) {
      show(packet, sender, from, from, to, leaves, sent);
      at(leaves + flight(from, to), [=] { arrive(packet); });
      return;
    }
    show(packet, sender, from, from, kDevice, leaves, sent);
    at(leaves + flight(from, kDevice), [=, this] {
      const std::optional<Packet> passed = pass_device(packet, sender, from);
      if (!passed) return;
      show(*passed, sender, from, kDevice, to, leaves, sent);
      at(leaves + flight(from, to), [=] { arrive(*passed); });
    });
  }

  /// What the device makes of a packet, now; nothing where it doesn't let it through.
  std::optional<Packet> pass_device(Packet packet, Side sender, double from) {
    const Route& route = route_of(packet, sender);
    if (route.icmp && !packet.has(kRst)) {
      Packet error = packet;
      error.icmp = route.icmp;
      error.ttl = kTtl;
      show(error, other(sender), kDevice, kDevice, from, now_, {++sent_});
      at(now_ + flight(kDevice, from), [this, packet, sender] { icmp_arrives(sender, packet); });
      return std::nullopt;
    }
    if (route.rejects) {
      constexpr Nanoseconds kThought = 20 * kMicrosecond;
      if (!packet.has(kRst)) travel(reply(packet), other(sender), kDevice, from, now_ + kThought, {++sent_});
      return std::nullopt;
    }
    if (route.drops && route.drops(sender, packet)) return std::nullopt;
    if (route.blanked[index(sender)] && packet.has(kSyn)) blank_timestamps(packet.options);
    return packet;
  }

  Route& route_of(const Packet& packet, Side sender) {
    const Tuple key = sender == Side::client ? tuple_of(packet.source, packet.destination)
                                             : tuple_of(packet.destination, packet.source);
    return *routes_.at(key);
  }

  // Receiving.
  static bool is_minisocket(const Socket& socket) {
    return socket.state == State::time_wait || (socket.state == State::fin_wait_2 && socket.orphan);
  }

  void icmp_arrives(Side side, const Packet& quoted) {
    const Tuple key = side == Side::client ? tuple_of(quoted.source, quoted.destination)
                                           : tuple_of(quoted.destination, quoted.source);
    const auto found = sockets(side).find(key);
    if (found == sockets(side).end()) return;
    const SocketPtr socket = found->second;
    if (socket->state == State::syn_sent) die(*socket);  // a hard error; an established connection goes on
  }

  void arrives(Side side, const Packet& packet) {
    Route& route = route_of(packet, other(side));
    if (route.vanished[index(side)]) return;
    const Tuple key = tuple_of(route.client, route.server);
    auto found = sockets(side).find(key);
    if (found != sockets(side).end() && is_minisocket(*found->second) &&
        now_ - found->second->waiting_since > kTimeWait) {
      die(*found->second);
      found = sockets(side).end();
    }
    const bool opens = packet.has(kSyn) && !packet.has(kAck) && !packet.has(kRst);
    if (found == sockets(side).end()) {
      if (packet.has(kRst)) return;
      if (opens && side == Side::server && route.terms.listening) return accept(route, packet, {});
      return reply_with_reset(side, packet);
    }
    const SocketPtr socket = found->second;
    if (socket->state == State::syn_sent) return answer_arrives(socket, packet);
    if (socket->state == State::time_wait && opens) return reopens(route, *socket, packet);
    segment_arrives(socket, packet);
  }

  void accept(const Route& route, const Packet& syn, std::optional<SequenceNumber> isn) {
    auto socket = std::make_shared<Socket>();
    socket->side = Side::server;
    socket->local = route.server;
    socket->remote = route.client;
    socket->state = State::syn_received;
    socket->syn_retries = 5;
    const Options options = read_options(syn.options, true);
    set_clocks(*socket, route.terms, route.terms.server_isn, route.terms.server_timestamps && options.timestamps);
    if (isn) {
      socket->isn = *isn;
      socket->next = *isn;
      socket->unacked = *isn;
    }
    socket->expected = syn.end();
    socket->ts_recent = options.tsval;
    socket->latest_payload = now_;
    sockets(Side::server)[tuple_of(route.client, route.server)] = socket;
    send(*socket, kSyn | kAck, {});
  }

  /// A SYN meets TIME_WAIT (tcp_timewait_state_process).
  void reopens(const Route& route, Socket& old, const Packet& syn) {
    const Options options = read_options(syn.options, true);
    const bool comparable = old.timestamps && options.timestamps;
    const auto newer = static_cast<std::int32_t>(options.tsval - old.ts_recent);
    const bool paws_reject = comparable && newer < 0;
    if (!paws_reject && (syn.seq.after(old.expected) || (comparable && newer > 0)) && route.terms.listening) {
      const SequenceNumber isn = old.next + kTimeWaitIsnStep;
      die(old);
      return accept(route, syn, isn);
    }
    acknowledge(old);
  }

  void answer_arrives(const SocketPtr& socket, const Packet& packet) {
    const bool acks_our_syn = packet.has(kAck) && packet.ack == socket->next;
    if (packet.has(kAck) && !acks_our_syn) {
      if (packet.has(kRst)) return;
      reply_with_reset(socket->side, packet);
      rearm(*socket, kSynAfterReset);
      return;
    }
    if (packet.has(kRst)) {
      if (acks_our_syn) die(*socket);
      return;
    }
    if (!packet.has(kSyn)) return;
    const Options options = read_options(packet.options, true);
    socket->timestamps = socket->wants_timestamps && options.timestamps;
    socket->ts_recent = options.tsval;
    socket->expected = packet.end();
    acknowledged(*socket, packet.ack);
    socket->state = State::established;
    acknowledge_soon(socket);
  }

  /// RFC 9293 section 3.10.7.4, and what Linux adds to it.
  void segment_arrives(const SocketPtr& socket, const Packet& packet) {
    const std::int32_t past = packet.seq.since(socket->expected);  // where it begins, from what we expect
    if (packet.has(kRst)) {
      const bool exact = past == 0 || (socket->fin_received && past == -1);
      if (exact) return die(*socket);
      if (past > 0 && past < static_cast<std::int32_t>(kReceiveWindow)) acknowledge(*socket);  // RFC 5961 section 3
      return;
    }
    if (packet.has(kSyn)) {
      if (socket->state == State::syn_received && packet.end() == socket->expected) return retransmit(*socket);
      return acknowledge(*socket);  // RFC 5961 section 4
    }
    const Options options = read_options(packet.options, true);
    const bool nothing_new = !packet.end().after(socket->expected);
    if (packet.sequence_length() > 0 ? nothing_new : past < 0) {
      if (packet.has(kAck)) acknowledged(*socket, packet.ack);
      return acknowledge(*socket);  // old data, or a keep-alive probe
    }
    if (past > 0) {
      socket->early.push_back(packet);
      return acknowledge(*socket);
    }
    if (options.timestamps) socket->ts_recent = options.tsval;
    if (packet.has(kAck)) acknowledged(*socket, packet.ack);
    if (socket->state == State::syn_received) socket->state = State::established;
    if (socket->state == State::closed) return;

    if (!packet.payload.empty() && socket->orphan) {  // TCPABORTONDATA
      reply_with_reset(socket->side, packet);
      return die(*socket);
    }
    if (!packet.payload.empty()) {
      const auto known = static_cast<std::size_t>(-past);
      socket->expected = packet.seq + static_cast<std::uint32_t>(packet.payload.size());
      socket->latest_payload = now_;
      if (!socket->reading) socket->unread += packet.payload.size() - known;
    }
    if (packet.has(kFin)) receive_fin(*socket, packet);
    if (packet.sequence_length() > 0) {
      if (deliver_early(socket)) return;
      acknowledge_soon(socket);
    }
  }

  bool deliver_early(const SocketPtr& socket) {
    for (std::size_t i = 0; i < socket->early.size(); ++i) {
      const Packet packet = socket->early[i];
      if (packet.seq.after(socket->expected)) continue;
      socket->early.erase(socket->early.begin() + static_cast<std::ptrdiff_t>(i));
      segment_arrives(socket, packet);
      return true;
    }
    return false;
  }

  void receive_fin(Socket& socket, const Packet& packet) {
    socket.expected = packet.end();
    socket.fin_received = true;
    switch (socket.state) {
      case State::established:
        socket.state = State::close_wait;
        break;
      case State::fin_wait_1:
        socket.state = State::closing;
        break;
      case State::fin_wait_2: {
        const bool mini = is_minisocket(socket);
        socket.state = State::time_wait;
        socket.waiting_since = now_;
        if (!mini) ++socket.ip_id;  // its last ACK is still the full socket's
        break;
      }
      default:
        break;
    }
  }

  void acknowledged(Socket& socket, SequenceNumber ack) {
    if (!ack.after(socket.unacked) || ack.after(socket.next)) return;
    socket.unacked = ack;
    while (!socket.in_flight.empty() && !socket.in_flight.front().end.after(ack)) socket.in_flight.pop_front();
    socket.retries = 0;
    if (socket.in_flight.empty()) {
      ++socket.timer;
    } else {
      arm(socket);
    }
    const bool fin_acked = ack.after(socket.fin);
    if (socket.state == State::fin_wait_1 && fin_acked) {
      socket.state = State::fin_wait_2;
      socket.waiting_since = now_;
    } else if (socket.state == State::closing && fin_acked) {
      socket.state = State::time_wait;
      socket.waiting_since = now_;
    } else if (socket.state == State::last_ack && fin_acked) {
      die(socket);
    }
  }

  // Retransmission.
  void arm(Socket& socket) {
    const bool opening = socket.state == State::syn_sent || socket.state == State::syn_received;
    const Nanoseconds first = opening ? kSynRto : kShortestRto + scene_.round_trip.count();
    rearm(socket, first << socket.retries);
  }
  void rearm(Socket& socket, Nanoseconds delay) {
    const std::uint64_t timer = ++socket.timer;
    const SocketPtr shared = shared_of(socket);
    at(
        now_ + delay, [this, shared] { time_out(*shared); },
        [shared, timer] { return shared->timer == timer && !shared->in_flight.empty(); });
  }
  void time_out(Socket& socket) {
    const bool opening = socket.state == State::syn_sent || socket.state == State::syn_received;
    if (socket.retries == (opening ? socket.syn_retries : kDataRetries)) return die(socket);  // and says nothing
    ++socket.retries;
    retransmit(socket);
    arm(socket);
  }
  void retransmit(Socket& socket) {
    if (socket.in_flight.empty()) return;
    const Unacknowledged& oldest = socket.in_flight.front();
    launch(socket, packet(socket, oldest.flags, oldest.seq, oldest.payload));
  }

  SocketPtr shared_of(const Socket& socket) {
    const Tuple key =
        socket.side == Side::client ? tuple_of(socket.local, socket.remote) : tuple_of(socket.remote, socket.local);
    return sockets(socket.side).at(key);
  }

  void die(Socket& socket) {
    const Tuple key =
        socket.side == Side::client ? tuple_of(socket.local, socket.remote) : tuple_of(socket.remote, socket.local);
    socket.state = State::closed;
    socket.in_flight.clear();
    const auto found = sockets(socket.side).find(key);
    if (found == sockets(socket.side).end() || found->second.get() != &socket) return;
    graves_.push_back(found->second);  // whoever is at work on it finishes
    sockets(socket.side).erase(found);
  }

  Scene scene_;
  std::vector<double> eyes_;
  std::vector<double> routers_;
  Nanoseconds now_ = kOnceUponATime;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  std::size_t sent_ = 0;
  Nanoseconds answering_ = 0;  // how long a packet that is sent now has been prepared
  std::uint16_t next_port_ = 40'000;
  std::map<Tuple, std::shared_ptr<Route>> routes_;
  std::array<Sockets, 2> sockets_;
  std::vector<SocketPtr> graves_;
  std::vector<Dialled> connections_;
  std::vector<PacketTest> misses_;
  std::vector<Captured> captured_;
  std::size_t unseen_up_to_ = 0;
  std::size_t unseen_after_ = std::numeric_limits<std::size_t>::max();
};

Sent Host::sends(std::string_view bytes) const {
  // With timestamps a segment carries 12 bytes less; without, Linux fills the MSS.
  const Network::Route& route = network_->route(connection_);
  const bool timestamps = route.terms.client_timestamps && route.terms.server_timestamps;
  return network_->sends(connection_, side_, bytes, timestamps ? kMss - 12U : kMss);
}
Sent Host::sends_offloaded(std::string_view bytes) const {
  constexpr std::size_t kLongest = 65'000;
  return network_->sends(connection_, side_, bytes, kLongest);
}
Sent Host::closes() const {
  return network_->closes(connection_, side_);
}
Sent Host::shuts_down() const {
  return network_->shuts_down(connection_, side_);
}
Sent Host::aborts() const {
  return network_->aborts(connection_, side_);
}
void Host::stops_reading() const {
  network_->stops_reading(connection_, side_);
}
void Host::idles_for(Duration silence) const {
  network_->run_until(network_->latest_payload(connection_, side_) + silence.count());
}
void Host::acks_after(Duration delay) const {
  network_->acks_after(connection_, side_, delay.count());
}
Sent Host::sends_keepalive_probe() const {
  return network_->probes(connection_, side_);
}
void Host::forgets() const {
  network_->forgets(connection_, side_);
}
void Host::vanishes() const {
  network_->vanishes(connection_, side_);
}

void Path::drops(PacketTest test) const {
  network_->route(connection_).drops = std::move(test);
}
void Path::rejects() const {
  network_->route(connection_).rejects = true;
}
void Path::rejects_with_icmp(std::uint8_t type, std::uint8_t code) const {
  network_->route(connection_).icmp = IcmpEnvelope{network_->device_address(), type, code};
}
void Path::carries() const {
  Network::Route& route = network_->route(connection_);
  route.drops = nullptr;
  route.rejects = false;
  route.icmp.reset();
}
void Path::strips_timestamps_from(Side side) const {
  network_->route(connection_).blanked[index(side)] = true;
}
Sent Path::forges_reset(Side claimed, std::uint8_t ttl) const {
  return network_->forge_reset(connection_, claimed, ttl);
}
void Path::resets_both_ends() const {
  for (const Side claimed : {Side::server, Side::client}) network_->forge_reset(connection_, claimed, kTtl, true);
}

void Connection::exchange(std::string_view request, std::string_view response, Duration think) const {
  const auto arrives_at = [this](const Host& receiver, Side from) {
    network_->run_while([&, to = other(from)] {
      return network_->expected_by(receiver.connection_, to) != network_->next_of(receiver.connection_, from);
    });
  };
  client.sends(request);
  arrives_at(server, Side::client);
  network_->run_until(network_->now() + think.count());
  server.sends(response);
  arrives_at(client, Side::server);
}

void Connection::closes_cleanly(Side first) const {
  const Host& opener = first == Side::client ? client : server;
  const Host& follower = first == Side::client ? server : client;
  network_->settle();
  opener.closes();
  network_->run_while([&] { return !network_->has_seen_fin(follower.connection_, other(first)); });
  follower.closes();
  network_->settle();
}

Story::Story(const Scene& scene) : network_(std::make_shared<Network>(scene)) {}

Connection Story::connect(const Terms& terms) {
  const std::size_t number = network_->dial(terms);
  network_->run_while([&] { return !network_->handshake_is_over(number); });
  return Connection(network_, number);
}
Connection Story::dials(const Terms& terms) {
  return Connection(network_, network_->dial(terms));
}
void Story::wait(Duration duration) const {
  network_->run_until(network_->now() + duration.count());
}
void Story::settle() const {
  network_->settle();
}
void Story::play(std::string_view script, const Terms& terms) {
  network_->play(script, terms);
}
void Story::begins_capturing() {
  network_->begin_capturing();
}
void Story::stops_capturing() {
  network_->stop_capturing();
}
void Story::misses(PacketTest test) {
  network_->miss(std::move(test));
}
void Story::sees_only(Side side) {
  misses([side](Side sender, const Packet&) { return sender != side; });
}

Capture Story::capture() const {
  settle();
  Capture capture;
  for (Network::Captured& captured : network_->captured()) capture.packets.push_back(std::move(captured.packet));
  return capture;
}
FrameNumber Story::frame(Sent sent) const {
  settle();
  FrameNumber frame = 0;
  for (const Network::Captured& captured : network_->captured()) {
    ++frame;
    if (captured.sent.number == sent.number) return frame;
  }
  return 0;
}

}  // namespace tcpwhy::tests
