// What a client did after a request or a connect of its failed: the same again, on another stream.
//
// A request that can be read is recognised by its first line, a SYN that the kernel repeats by its number. Of all else only time
// tells: the client's next connect to that server is a repetition if it made none for several times as long before the failure.
// Which idle connection of its pool it takes next tells nothing: others wake up at the same time.
// Legs of a proxy have a file of their own (legs.h): there another host repeats, or suffers.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "connection.h"
#include "evidence.h"
#include "limits.h"

namespace tcpwhy {

class Retries {
 public:
  /// How the stream of a repetition stands: null where the connection was closed cleanly and folded, or evicted.
  struct Attempt {
    const Connection* connection;
    bool evicted;
  };
  using Look = std::function<Attempt(StreamNumber)>;

  /// Takes note of a request that begins with this stream's latest segment; it may be a repetition.
  void note_request(const Connection& connection);
  /// The same of a SYN.
  void note_connect(const Connection& connection);

  /// Says that a request, or a connect, of this stream failed, so that its repetition is looked for from now on. `now`: when
  /// that showed.
  void expect_request(const Connection& connection, const Turn& request, Nanoseconds now);
  void expect_connect(const Connection& connection, Nanoseconds now);

  /// The repetition of the request that failed on this stream, and how it ended; nothing where there was none, or nobody knows.
  [[nodiscard]] std::optional<Retry> of_request(StreamNumber failed, const Look& look) const;
  /// The same SYN again, on another stream.
  [[nodiscard]] std::optional<Retry> of_connect(StreamNumber failed, const Look& look) const;
  /// The client's next connect after a failed one.
  [[nodiscard]] std::optional<Retry> next_connect(StreamNumber failed, const Look& look) const;
  /// Where the SYN of this stream stands in the capture once more, on its way on, under the address that a NAT gave it.
  [[nodiscard]] std::optional<StreamNumber> beyond_nat(StreamNumber stream) const;
  /// Nothing repeated it, and by `now` something would have.
  [[nodiscard]] bool gave_up(StreamNumber failed, Nanoseconds now) const;

  /// What this client did after what failed at this server, requests or connects; nothing where nothing did whose repetition
  /// could be noticed.
  [[nodiscard]] std::optional<RetryHabit> habit(const Connection& connection, bool connects) const;

  void forget(StreamNumber stream);

 private:
  /// A hash of the client's address and the server's endpoint: what a repetition has in common with what it repeats.
  using Route = std::uint64_t;
  struct Request {
    StreamNumber stream = 0;
    Mark at;
    Route route = 0;
    std::uint32_t fingerprint = 0;
    bool is_retry = false;
    Nanoseconds failed = 0;     ///< When it showed that it had failed.
    Nanoseconds delay = 0;      ///< Of a repetition.
    std::uint32_t attempt = 1;
    bool of_connect = false;    ///< It repeats a connect that failed.
  };
  /// What failed and is recognised by its time alone.
  struct Mute {
    StreamNumber stream = 0;
    Mark at;
    Route route = 0;
    bool connect = false;
    Nanoseconds failed = 0;
    std::uint32_t attempt = 1;
  };
  /// A client's latest connects to a server that are no repetitions.
  struct Dials {
    Nanoseconds since = 0;  ///< When it was first seen to do anything there.
    std::array<std::pair<StreamNumber, Nanoseconds>, 2> latest;  ///< The newest first; a time of 0 for none.

    void add(StreamNumber stream, Nanoseconds time);
    void remove(StreamNumber stream);
    /// Of all streams but this one.
    [[nodiscard]] std::optional<Nanoseconds> without(StreamNumber stream) const;
  };
  /// Of a route.
  struct Attempts {
    std::uint32_t failures = 0;
    std::uint32_t repeated = 0;
    std::vector<std::pair<std::uint32_t, Nanoseconds>> delays;  ///< Attempt and pause before it; at most kAttemptsKept.
  };
  struct Connect {
    StreamNumber stream = 0;
    Mark at;
    Route route = 0;
    SequenceNumber isn;
  };
  struct Dialled {
    StreamNumber stream = 0;
    Nanoseconds time = 0;
    Route route = 0;
    std::uint64_t server = 0;  ///< A hash of its endpoint.
    SequenceNumber isn;
  };

  static constexpr std::size_t kDialBits = 8 * kProfiles;

  [[nodiscard]] static Route route_of(const Connection& connection);
  /// Requests and connects have habits of their own.
  [[nodiscard]] static Route habit_key(Route route, bool connects) { return route * 2 + (connects ? 1 : 0); }
  [[nodiscard]] static bool repeats(const Request& later, const Request& failed);
  void match(Request& request);
  void look_behind_nat(const Connection& connection, Route route);
  void await(const Connection& connection, Mute failed);
  [[nodiscard]] Dials* dials_of(Route route, Nanoseconds since);
  [[nodiscard]] bool takes_up(const Connection& connection, Route route);
  void count_failure(Route route, bool connects);
  void count_repetition(Route route, bool connects, std::uint32_t attempt, Nanoseconds delay);
  void note_given_up(StreamNumber stream);
  [[nodiscard]] static Retry outcome(const Request& repetition, const Look& look);

  std::deque<Request> recent_requests_;
  std::deque<Request> failed_requests_;
  std::deque<Mute> mute_;
  std::deque<Connect> failed_connects_;
  std::array<SequenceNumber, kLatestSyns> latest_isns_;  ///< Of the latest SYNs: all of them are looked through at each connect,
  std::array<Dialled, kLatestSyns> latest_syns_;         ///< and these only where one of those is the wanted one.
  std::size_t syns_ = 0;                                 ///< That were noted: the latest stands before this, modulo the room.
  std::unordered_map<StreamNumber, Request> request_retries_;  ///< By the stream that failed.
  std::unordered_map<StreamNumber, Request> mute_retries_;     ///< The same, recognised by time.
  std::unordered_map<StreamNumber, Connect> connect_retries_;
  std::unordered_map<StreamNumber, StreamNumber> beyond_nat_;
  std::unordered_map<FrameNumber, std::uint32_t> attempts_;  ///< By the frame of a repetition: which one it is.
  std::unordered_map<Route, Attempts> habits_;
  std::unordered_map<Route, Dials> dials_;
  /// By a part of the route: asked at each connect, and mostly in vain once `dials_` is full.
  std::bitset<kDialBits> may_have_dials_;
  std::unordered_set<StreamNumber> given_up_;

 public:
  /// Of one repetition of each kind, in bytes, without what its table adds.
  static constexpr std::size_t kRoom = 2 * sizeof(Request) + sizeof(Connect) + sizeof(std::pair<FrameNumber, std::uint32_t>) +
                                       3 * sizeof(StreamNumber);
  /// Of what is kept of a client and a server, the same.
  static constexpr std::size_t kHabitRoom = 2 * (sizeof(Attempts) + kAttemptsKept * sizeof(std::pair<std::uint32_t, Nanoseconds>)) +
                                            sizeof(Dials);
};

}  // namespace tcpwhy
