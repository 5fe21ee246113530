// Stories: a TCP connection's life told in verbs, and the packets that it leaves at a capture point.
//
//   Story story({.vantage = Vantage::client, .round_trip = 100ms});
//   Connection c = story.connect();
//   c.exchange(get("/a"), ok());
//   c.client.idles_for(5920ms);
//   c.client.sends(get("/b"));    // 50 ms away from the server …
//   c.server.idles_for(6s);
//   c.server.closes();            // … which closes before it arrives
//   EXPECT_THAT(story, says("#0 keepalive_race/crossing"));
//
// The tests say what the applications do and what happens to the path. The two kernels do the rest, as Linux 6
// does: sequence numbers, acknowledgments, retransmissions, SYN-ACKs and replies with IP ID 0, TIME_WAIT, challenge
// ACKs, and the RST that an orphaned or missing socket answers with. So the acks are honest from every vantage
// point: nobody acknowledges what has not reached him yet.
//
// Limits: no congestion control, no window management, no SACK blocks; one connection attempt a 4-tuple at a time on
// the client's side. Packets that no Linux would send are written out in lines (`play`, packet_script.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "support/packet.h"

namespace tcpwhy::tests {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// When every story begins: 2026-01-01 00:00:00 UTC.
constexpr Nanoseconds kOnceUponATime = 1'767'225'600 * kSecond;

/// Where the capture is made. A device on the path (Path) stands between `middle` and the server.
enum class Vantage { client, middle, server, both_sides_of_device, both_ends };

struct Scene {
  Vantage vantage = Vantage::client;
  Duration round_trip = 20ms;
  int hops = 2;  ///< Routers on the path, evenly spread: a TTL of 64 arrives as 62.
  bool ipv6 = false;
};

/// What is particular about a connection. The defaults are two ordinary Linux hosts.
struct Terms {
  std::uint16_t client_port = 0;  ///< 0: the next one that is free.
  std::uint16_t server_port = 80;
  std::uint8_t client_host = 10;  ///< Last byte of its address.
  std::uint8_t server_host = 20;
  std::optional<std::uint32_t> client_isn = {};  ///< Without: Linux's clock, which grows on each 4-tuple.
  std::optional<std::uint32_t> server_isn = {};
  bool client_timestamps = true;
  bool server_timestamps = true;
  std::optional<std::uint32_t> client_clock = {};  ///< TSval at the story's beginning; without: by 4-tuple.
  bool listening = true;                           ///< Somebody accepts on the server's port.
  int syn_retries = 6;
};

/// The n-th packet that was sent in a story.
struct Sent {
  std::size_t number = 0;
};

class Story;
class Network;

/// One end of a connection: what its application does, and what becomes of its machine.
class Host {
 public:
  // The application.
  Sent sends(std::string_view bytes) const;            ///< Returns the last segment.
  Sent sends_offloaded(std::string_view bytes) const;  ///< As one super-segment, as a sender's own capture sees it.
  Sent closes() const;      ///< close(): a FIN, and nobody there for what arrives later; a RST where data was unread.
  Sent shuts_down() const;  ///< shutdown(SHUT_WR): a FIN, and still reading.
  Sent aborts() const;      ///< close() with SO_LINGER 0: RST+ACK.
  void stops_reading() const;  ///< What arrives from now on is acknowledged and stays unread.
  void idles_for(
      Duration silence) const;  ///< Runs the story until that long after its latest payload, sent or received.

  // The kernel and the machine.
  void acks_after(Duration delay) const;  ///< Delayed ACKs, for data and FIN.
  Sent sends_keepalive_probe() const;
  void forgets() const;   ///< Its socket is gone without a packet: a reboot, a failover, an expired entry.
  void vanishes() const;  ///< The machine answers nothing any more.

 private:
  friend class Connection;
  Host(std::shared_ptr<Network> network, std::size_t connection, Side side)
      : network_(std::move(network)), connection_(connection), side_(side) {}
  std::shared_ptr<Network> network_;
  std::size_t connection_;
  Side side_;
};

/// Whether a packet, sent by that side, is meant.
using PacketTest = std::function<bool(Side, const Packet&)>;

/// The path between both ends, and a device on it.
class Path {
 public:
  void drops(PacketTest test = [](Side, const Packet&) { return true; }) const;  ///< Silently, at the device.
  void rejects() const;  ///< The device answers everything with a RST in the receiver's name.
  void rejects_with_icmp(std::uint8_t type, std::uint8_t code) const;
  void carries() const;                          ///< Ends the three above.
  void strips_timestamps_from(Side side) const;  ///< Ten NOPs in their place, in that side's SYN or SYN-ACK.
  /// The device sends a RST to the other side, in the name of `claimed`, at that side's next sequence number.
  Sent forges_reset(Side claimed, std::uint8_t ttl = 64) const;
  /// The device clears its entry and tells both: a RST+ACK to each end, in the other's name, at its next number.
  void resets_both_ends() const;

 private:
  friend class Connection;
  Path(std::shared_ptr<Network> network, std::size_t connection)
      : network_(std::move(network)), connection_(connection) {}
  std::shared_ptr<Network> network_;
  std::size_t connection_;
};

class Connection {
 public:
  Host client;
  Host server;
  Path path;

  /// A request, its acknowledgment, and `think` later the response; ends as the response reaches the client.
  void exchange(std::string_view request, std::string_view response, Duration think = 1ms) const;
  /// The ordinary end: one side closes, the other one follows when it sees the FIN; ends when all is quiet.
  void closes_cleanly(Side first = Side::client) const;

 private:
  friend class Story;
  Connection(const std::shared_ptr<Network>& network, std::size_t number)
      : client(network, number, Side::client),
        server(network, number, Side::server),
        path(network, number),
        network_(network) {}
  std::shared_ptr<Network> network_;
};

class Story {
 public:
  explicit Story(const Scene& scene = {});

  /// Opens a connection and waits until the handshake is over, one way or the other.
  Connection connect(const Terms& terms = {});
  /// Sends the SYN and goes on.
  Connection dials(const Terms& terms = {});

  void wait(Duration duration) const;  ///< Lets time pass.
  void settle() const;                 ///< Until nothing is in flight and no timer of a kernel is left.

  /// Puts packets into the capture as they are written (packet_script.h), beginning now.
  void play(std::string_view script, const Terms& terms = {});

  // The capture.
  void begins_capturing();       ///< Forgets what was captured so far: the capture starts in mid-stream.
  void stops_capturing();        ///< Nothing later is captured.
  void misses(PacketTest test);  ///< The capture loses these, their receivers don't.
  void sees_only(Side side);     ///< One direction, by sender.

  /// Settles, and returns what was captured.
  [[nodiscard]] Capture capture() const;
  /// The frame that shows it; 0 where the capture missed it. Where it passed twice, the first.
  [[nodiscard]] FrameNumber frame(Sent sent) const;

 private:
  std::shared_ptr<Network> network_;
};

}  // namespace tcpwhy::tests
