// Owns every Connection of a capture, links incarnations of one 4-tuple, and keeps what server endpoints show
// over all their streams. The only stateful part besides Connection itself.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "evidence.h"
#include "legs.h"
#include "settings.h"

namespace tcpwhy {

class Tracker {
 public:
  explicit Tracker(const Settings& settings) : settings_(settings) { latest_on_tuple_.reserve(kUsualStreams); }
  Tracker(const Tracker&) = delete;  ///< Connections point to its settings.
  Tracker& operator=(const Tracker&) = delete;

  /// Takes the next segment of the capture. The stream's connection is there afterwards unless the number is absurd
  /// (farther beyond the largest so far than a capture can be): then nothing happens and null is returned.
  const Connection* observe(const Segment& segment, Observation& seen);
  const Connection* observe(const IcmpError& error);

  /// Fetches what most segments touch of the stream's connection into the cache.
  void prefetch(StreamNumber stream) const;
  /// The stream's connection, or null: never seen, or closed cleanly long ago and forgotten.
  [[nodiscard]] const Connection* find(StreamNumber stream) const;
  [[nodiscard]] Surroundings surroundings(const Connection& connection) const;
  [[nodiscard]] std::size_t stream_count() const { return live_.size(); }

  /// Says that a request, or a connect, of this stream failed, so that its repetition is looked for from now on.
  void expect_request_retry(const Connection& connection, const Turn& request);
  void expect_connect_retry(const Connection& connection);
  /// Says that this stream failed: what another leg of the same proxy suffers in that moment follows from it.
  void note_failure(const Connection& connection, const Verdict& verdict) { legs_.note_failure(connection, verdict); }

 private:
  /// Room made at once for this many 4-tuples: growing step by step costs more than the table itself.
  static constexpr std::size_t kUsualStreams = std::size_t{1} << 15;
  static constexpr std::size_t kSpare = 256;

  /// A sample and the stream that gave it, so that a stream's own can be left out.
  struct Sample {
    Nanoseconds value = 0;
    StreamNumber stream = 0;
    bool valid = false;
  };
  /// The two most extreme samples of distinct streams: enough to leave any one stream out.
  template <typename Better>
  struct TopTwo {
    std::array<Sample, 2> best;
    void add(Nanoseconds value, StreamNumber stream);
    [[nodiscard]] std::optional<Nanoseconds> without(StreamNumber stream) const;
  };
  /// The latest events of two distinct streams, the newest first: enough to leave any one stream out.
  struct LatestTwo {
    std::array<std::pair<Mark, StreamNumber>, 2> latest;
    void add(const Mark& at, StreamNumber stream);
    [[nodiscard]] Mark without(StreamNumber stream) const;
  };
  /// A close that nothing on its stream called for.
  struct UncalledClose {
    Nanoseconds time = 0;
    StreamNumber stream = 0;
    Nanoseconds age = 0;  ///< Since the client's last data; where the client closed, since anybody's.
    Nanoseconds quiet = 0;  ///< Since the server's last data.
    Side by = Side::server;
  };
  struct ServerSurvey {
    std::uint32_t exchanges = 0;
    TopTwo<std::greater<Nanoseconds>> longest_answered_gap;
    TopTwo<std::greater<Nanoseconds>> longest_answered_silence;
    LatestTwo established;
    LatestTwo heard;                  ///< Signs of life: it completed a handshake, acknowledged a request, answered or closed.
    LatestTwo dropped_syn;            ///< SYNs that had to be repeated.
    TopTwo<std::less<Nanoseconds>> shortest_lost_silence;
    std::uint32_t idle_closes = 0;
    TopTwo<std::less<Nanoseconds>> shortest_idle_close;
    TopTwo<std::greater<Nanoseconds>> longest_idle_close;
    std::uint32_t orderly_closes = 0;
    std::uint32_t abortive_closes = 0;
    std::deque<UncalledClose> uncalled_closes;
  };
  struct Retired {
    Endpoint client;
    Incarnation from_client;
    Incarnation from_server;
  };
  /// A connection, and what of it has been counted.
  struct Live {
    Live(const Segment& first, const Settings& settings, std::unordered_map<std::uint64_t, ServerSurvey>& surveys)
        : connection(first, settings), survey(&surveys[hash_of(connection.endpoint(Side::server))]) {}

    Connection connection;
    ServerSurvey* survey;
    bool counted_close = false;
    bool counted_abort = false;
    bool counted_idle_close = false;
  };
  /// A hash of the client's address and the server's endpoint: what a repetition has in common with what it repeats.
  using Route = std::uint64_t;
  struct Request {
    StreamNumber stream = 0;
    Mark at;
    Route route = 0;
    std::uint32_t fingerprint = 0;
    bool is_retry = false;
  };
  struct Connect {
    StreamNumber stream = 0;
    Mark at;
    Route route = 0;
    SequenceNumber isn;
  };

  [[nodiscard]] Live* live(StreamNumber stream) const {
    return stream < live_.size() ? live_[stream].get() : nullptr;
  }
  Live* open(const Segment& segment);
  void link_to_previous(Connection& connection);
  void survey(const Segment& segment, const Observation& seen, Live& live);
  void survey_closes(const Segment& segment, const Observation& seen, Live& live);
  void survey_symptoms(const Segment& segment, const Observation& seen, const Connection& connection);
  void look_for_original(const Connection& leak);
  void survey_uncalled_close(const Segment& segment, Side by, const Live& live);
  static void compare_closes(const Connection& connection, const ServerSurvey& survey, Nanoseconds smallest_idle_gap,
                             Surroundings& around);
  [[nodiscard]] static Route route_of(const Connection& connection);
  [[nodiscard]] static bool repeats(const Request& later, const Request& failed);
  void match_retry(Request& request);
  void match_connect(const Connection& connection);
  void retire(Nanoseconds now);
  [[nodiscard]] Retry assess_request(const Request& request) const;
  [[nodiscard]] Retry assess_connect(const Connect& connect) const;

  Settings settings_;
  std::vector<std::unique_ptr<Live>> live_;  ///< By stream; a pointer each, so that the table stays in the cache.
  std::vector<std::unique_ptr<Live>> spare_;  ///< Of forgotten connections: room for new ones, and still in the cache.
  std::unordered_map<StreamNumber, Retired> retired_;
  std::unordered_map<std::uint64_t, StreamNumber> latest_on_tuple_;
  std::unordered_map<std::uint64_t, ServerSurvey> surveys_;
  std::unordered_map<std::uint64_t, StreamNumber> first_odd_of_pair_;
  std::deque<Request> recent_requests_;
  std::deque<Request> failed_requests_;
  std::deque<Connect> failed_connects_;
  std::unordered_map<StreamNumber, Request> request_retries_;  ///< By the stream that failed.
  std::unordered_map<StreamNumber, Connect> connect_retries_;
  std::unordered_map<StreamNumber, LeakedFrom> originals_;    ///< By the stream that continues another one's numbers.
  std::unordered_map<StreamNumber, StreamNumber> leaks_;      ///< The other way round.
  std::size_t searches_for_originals_ = 0;
  std::unordered_map<StreamNumber, Mark> heard_while_dialling_;  ///< By the stream whose SYNs went unanswered.
  std::deque<std::pair<Nanoseconds, StreamNumber>> closed_;
  Nanoseconds latest_time_ = 0;  ///< Of all segments; where the clock steps back, the latest all the same.
  Legs legs_;
};

}  // namespace tcpwhy
