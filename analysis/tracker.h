// Owns every Connection of a capture, links incarnations of one 4-tuple, and keeps what server endpoints show
// over all their streams. The only stateful part besides Connection itself.
//
// Of healthy connections so many stay as they are as are heard at a time. Those that were not heard for longest are packed
// (packed_connection.h), and unpacked when they are asked for. Nobody outside can tell.
//
// Limits: what it holds is bounded (limits.h). A connection that closed cleanly folds into a record after kLinger. Where
// room is short some are evicted: first those that are over, then those of which one side never spoke, then the others; of
// each kind the one that has been silent longest. An evicted stream is never taken up again: half a history leads to wrong
// verdicts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "evidence.h"
#include "forgotten.h"
#include "leave_one_out.h"
#include "legs.h"
#include "limits.h"
#include "packed_pool.h"
#include "places.h"
#include "pool.h"
#include "profile.h"
#include "retries.h"
#include "settings.h"
#include "tuple_index.h"

namespace tcpwhy {

class Tracker {
 public:
  /// Is told of a connection that is about to be evicted; returns whether its ending is explained.
  using LastWords = std::function<bool(const Connection&)>;

  Tracker(const Settings& settings, std::size_t connection_memory, std::size_t hot_connections, LastWords last_words)
      : connection_memory_(connection_memory),
        hot_connections_(hot_connections),
        settings_(settings),
        last_words_(std::move(last_words)) {}
  Tracker(const Tracker&) = delete;  ///< Connections point to its settings.
  Tracker& operator=(const Tracker&) = delete;

  /// Takes the next segment of the capture. The stream's connection is there afterwards unless it was forgotten, or the
  /// number is absurd (farther beyond the largest so far than a capture can be): then nothing happens and null is returned.
  const Connection* observe(const Segment& segment, Observation& seen);
  const Connection* observe(const IcmpError& error);

  /// Fetches what most segments touch of the stream's connection into the cache.
  void prefetch(StreamNumber stream) const;
  /// The same for a segment that will be observed soon: it may open a stream.
  void prefetch(const Segment& segment) const;
  /// The stream's connection, or null: never seen, closed cleanly long ago, or evicted. Valid until the next segment is observed;
  /// so are those that `observe` returns.
  [[nodiscard]] const Connection* find(StreamNumber stream) const;
  /// The same, but null where there is nothing remarkable about it.
  [[nodiscard]] const Connection* find_remarkable(StreamNumber stream) const;
  [[nodiscard]] Surroundings surroundings(const Connection& connection) const;
  [[nodiscard]] std::size_t stream_count() const { return places_.size(); }
  /// What whole endpoints show so far.
  [[nodiscard]] const Profiles& profiles() const { return profiles_; }
  /// Takes note of a request that ended a silence and was lost.
  void note_lost_spell(const Connection& connection, SpellEnd end);
  /// Takes note of the connections that the capture's end cuts.
  void note_cuts();

  /// The stream was evicted, and nobody has said yet how it ended.
  [[nodiscard]] bool is_evicted_unexplained(StreamNumber stream) const { return fate_of(stream) == Fate::evicted; }
  [[nodiscard]] bool is_evicted(StreamNumber stream) const { return fate_of(stream) >= Fate::evicted; }
  void note_explained(StreamNumber evicted) { places_.set(evicted, {Fate::evicted_explained, places_[evicted].at}); }
  void note_lost_finding() { ++forgotten_.findings; }
  [[nodiscard]] const Forgotten& forgotten() const { return forgotten_; }

  /// Says that a request, or a connect, of this stream failed, so that its repetition is looked for from now on.
  void expect_request_retry(const Connection& connection, const Turn& request) {
    retries_.expect_request(connection, request, latest_time_);
  }
  void expect_connect_retry(const Connection& connection) {
    retries_.expect_connect(connection, latest_time_);
  }
  /// Says that this stream failed: what another leg of the same proxy suffers in that moment follows from it.
  void note_failure(const Connection& connection, const Verdict& verdict) { legs_.note_failure(connection, verdict); }

 private:
  /// A close that nothing on its stream called for.
  struct UncalledClose {
    Nanoseconds time = 0;
    Nanoseconds age = 0;    ///< Since the client's last data; where the client closed, since anybody's.
    Nanoseconds quiet = 0;  ///< Since the server's last data.
    StreamNumber stream = 0;
    FrameNumber frame = 0;
    Side by = Side::server;
    bool odd = true;        ///< After a silence, or in the middle of work; else it may still be part of an event.
  };
  struct ServerSurvey {
    std::uint64_t endpoint = 0;    ///< Its hash.
    std::uint32_t connections = 0; ///< That are live: as long as there are any, it stays.
    bool queued = false;           ///< In `quiet_surveys_`.
    std::uint32_t exchanges = 0;
    TopTwo<std::greater<Nanoseconds>> longest_answered_gap;
    TopTwo<std::greater<Nanoseconds>> longest_answered_silence;
    LatestTwo established;
    LatestTwo heard;                  ///< Signs of life: it completed a handshake, acknowledged a request, answered or closed.
    LatestTwo arrived;                ///< Packets to it, at the farther of two places where they were seen.
    LatestTwo turned_away;            ///< SYNs that had to be repeated, and resets without a socket straight after a handshake.
    LatestTwo unheard;                ///< What clients said in the middle of their work, repeated, and got nothing for.
    TopTwo<std::less<Nanoseconds>> shortest_lost_silence;
    std::uint32_t orderly_closes = 0;
    std::uint32_t abortive_closes = 0;
    std::vector<UncalledClose> uncalled_closes;  ///< At most kUncalledCloses.
  };
  using SurveyIndex = Pool<ServerSurvey>::Index;
  static constexpr std::size_t kSurveyRoom = sizeof(ServerSurvey) + 64;  ///< With its entry in the table.
  /// A closed connection, for the next one on its ports.
  struct Retired {
    Endpoint client;
    Endpoint server;
    Incarnation past;
  };
  /// A connection, and what of it has been counted.
  struct Live {
    Live(const Segment& first, const Settings& settings) : connection(first, settings) {}
    Live(std::span<const std::byte> packed, const Settings& settings);

    // These first: each segment reads them, as it does the connection's beginning.
    SurveyIndex survey = 0;
    std::uint16_t held = 0;  ///< What `held_` has of it.
    bool counted_close : 1 = false;
    bool counted_abort : 1 = false;
    bool lingers : 1 = false;  ///< It stands in `closed_`.
    bool hot : 1 = false;      ///< It stands in `hot_`,
    bool touched : 1 = false;  ///< and was heard since.
    Connection connection;
  };
  /// What is kept of a Live beside its packed connection, in the note of that.
  struct Note {
    static constexpr std::uint32_t kSurveys = (1U << 30) - 1;

    std::uint32_t survey : 30 = 0;
    bool one_sided : 1 = false;
    bool counted_close : 1 = false;
  };
  using Fate = Places::Fate;
  /// Who leaves first: by kind, then by silence.
  struct Candidate {
    enum Kind : std::uint8_t { over, unanswered, idle };
    Kind kind;
    StreamNumber stream;
    Nanoseconds silent_since;

    friend auto operator<=>(const Candidate& a, const Candidate& b) {
      return std::tie(a.kind, a.silent_since, a.stream) <=> std::tie(b.kind, b.silent_since, b.stream);
    }
  };
  /// What a packed connection costs beside its bytes: its entry in the index, while that grows, and among the candidates.
  static constexpr std::size_t kBesidePacked = 4 * TupleIndex::kEntry + sizeof(Candidate);
  /// Of everything together: tracker.cpp adds it up.
  [[nodiscard]] static constexpr std::size_t most_memory();

  [[nodiscard]] Fate fate_of(StreamNumber stream) const {
    return stream < places_.size() ? places_[stream].fate : Fate::unknown;
  }
  [[nodiscard]] const Live* live(StreamNumber stream) const {
    const Places::Place place = stream < places_.size() ? places_[stream] : Places::Place{};
    return place.fate == Fate::live ? &live_[place.at] : nullptr;
  }
  [[nodiscard]] Live* live(StreamNumber stream) { return const_cast<Live*>(std::as_const(*this).live(stream)); }
  Live* open(const Segment& segment);
  Live* unpacked(StreamNumber stream);
  void heat(StreamNumber stream, Live& live);
  void cool();
  void pack(StreamNumber stream, Live& live);
  void drop_packed(PackedPool::Index at);
  void link_to_previous(Connection& connection);
  [[nodiscard]] const Retired* retired(StreamNumber stream) const;
  std::uint32_t fold(const Connection& connection);
  void release(StreamNumber stream, Places::Place place);
  void make_room();
  [[nodiscard]] static Candidate candidate(const Connection& connection);
  [[nodiscard]] Candidate candidate(Places::Place place) const;
  void evict(const Candidate& candidate);
  void account(Live& live);
  [[nodiscard]] std::size_t connection_memory() const {
    return live_.size() * sizeof(Live) + held_ + packed_.bytes() + packed_.size() * kBesidePacked;
  }
  [[nodiscard]] SurveyIndex join_survey(const Endpoint& server);
  void leave_survey(SurveyIndex index);
  void drop_survey(SurveyIndex index);
  void survey(const Segment& segment, Observation& seen, Live& live);
  void survey_closes(const Segment& segment, const Observation& seen, Live& live);
  void survey_spell(const Segment& segment, Observation& seen, const Connection& connection);
  void note_cut(const Connection& connection);
  void survey_cut_beginning(const Segment& segment, const Observation& seen, const Connection& connection);
  void survey_symptoms(const Segment& segment, const Observation& seen, const Connection& connection);
  void survey_unheard(const Observation& seen, const Live& live);
  void look_for_original(const Connection& leak);
  void survey_uncalled_close(const Segment& segment, Side by, const Live& live);
  static void compare_closes(const Connection& connection, const ServerSurvey& survey, Nanoseconds smallest_idle_gap,
                             Surroundings& around);
  void compare_idle_closes(const Connection& connection, Surroundings& around) const;
  static std::optional<Event> event_of(const Connection& connection, const ServerSurvey& survey);
  void retire(Nanoseconds now);
  void retire_first();

  // What every segment touches stands together: few cache lines.
  Nanoseconds latest_time_ = 0;  ///< Of all segments; where the clock steps back, the latest all the same.
  Nanoseconds retire_after_ = std::numeric_limits<Nanoseconds>::max();  ///< No connection lingers for too long before.
  std::size_t connection_memory_;
  std::size_t hot_connections_;
  std::size_t held_ = 0;         ///< By live connections and their surveys, beyond their own size.
  std::size_t hot_count_ = 0;
  Places places_;
  Pool<Live> live_;
  PackedPool packed_;
  /// Unpacked ones that may have to be packed, the latest last. Some have left since, or come to be what can't be packed.
  std::deque<StreamNumber> hot_;
  Pool<ServerSurvey> surveys_;

  Settings settings_;
  LastWords last_words_;
  std::deque<Retired> retired_;
  std::uint32_t retired_before_ = 0;  ///< How many are no longer in it.
  TupleIndex latest_on_tuple_;  ///< Of the live and the retired.
  std::unordered_map<std::uint64_t, SurveyIndex> survey_by_endpoint_;
  std::deque<SurveyIndex> quiet_surveys_;  ///< Of servers that had no live connection at some time since.
  Forgotten forgotten_;
  std::unordered_map<std::uint64_t, StreamNumber> first_odd_of_pair_;
  Retries retries_;
  std::unordered_map<StreamNumber, LeakedFrom> originals_;    ///< By the stream that continues another one's numbers.
  std::unordered_map<StreamNumber, StreamNumber> leaks_;      ///< The other way round.
  std::size_t searches_for_originals_ = 0;
  std::unordered_map<StreamNumber, Mark> heard_while_dialling_;  ///< By the stream whose SYNs went unanswered.
  std::deque<std::pair<Nanoseconds, StreamNumber>> closed_;  ///< Cleanly, and when.
  Legs legs_;
  Profiles profiles_;
};

}  // namespace tcpwhy
