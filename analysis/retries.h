// What a client did after a request or a connect of its failed: the same again, on another stream.
//
// Legs of a proxy have a file of their own (legs.h): there another host repeats, or suffers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
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
  void expect_connect(const Connection& connection);

  /// The repetition of what failed on this stream, and how it ended; nothing where there was none, or nobody knows.
  [[nodiscard]] std::optional<Retry> of_request(StreamNumber failed, const Look& look) const;
  [[nodiscard]] std::optional<Retry> of_connect(StreamNumber failed, const Look& look) const;

  /// What this client did after its requests to this server that failed; nothing where none did whose repetition could be
  /// recognised.
  [[nodiscard]] std::optional<RetryHabit> habit(const Connection& connection) const;

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

  [[nodiscard]] static Route route_of(const Connection& connection);
  [[nodiscard]] static bool repeats(const Request& later, const Request& failed);
  void match(Request& request);

  std::deque<Request> recent_requests_;
  std::deque<Request> failed_requests_;
  std::deque<Connect> failed_connects_;
  std::unordered_map<StreamNumber, Request> request_retries_;  ///< By the stream that failed.
  std::unordered_map<StreamNumber, Connect> connect_retries_;
  std::unordered_map<FrameNumber, std::uint32_t> attempts_;  ///< By the frame of a repetition: which one it is.
  std::unordered_map<Route, Attempts> habits_;

 public:
  static constexpr std::size_t kRoom = sizeof(Request) + sizeof(Connect) + sizeof(std::pair<FrameNumber, std::uint32_t>);  ///< Of one repetition of each kind, in bytes.
};

}  // namespace tcpwhy
