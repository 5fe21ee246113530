#include "analyzer.h"

#include <algorithm>
#include <deque>
#include <set>
#include <tuple>
#include <unordered_set>

#include "diagnosing.h"
#include "evidence.h"
#include "tracker.h"

namespace tcpwhy {

class Analyzer::Implementation {
 public:
  Implementation(const Settings& settings, std::size_t connection_memory, Revisits revisits, std::size_t hot_connections)
      : settings_(settings),
        most_notes_(revisits == Revisits::any ? kFrameNotes : 0),
        tracker_(settings, connection_memory, hot_connections,
                 [this](const Connection& leaving) { return keep_last_words(leaving); }) {}

  void also_know(std::vector<OwnTimeout> timeouts) {
    own_timeouts_ = std::move(timeouts);
    known_to_user_.clear();
    for (const OwnTimeout& own : own_timeouts_) known_to_user_.push_back(own.view());
  }

  void expect(StreamNumber stream) const { tracker_.prefetch(stream); }
  void expect(const Segment& segment) const { tracker_.prefetch(segment); }

  Remarks observe(const Segment& segment) {
    Remarks remarks;
    Observation seen;
    const Connection* connection = tracker_.observe(segment, seen);
    if (connection == nullptr) {
      if (segment.has(kRst) && tracker_.is_evicted(segment.stream)) note_forgotten_reset(segment, remarks);
      return remarks;
    }
    if (seen.idle_gap > 0) {
      remarks.idle_gap = seen.idle_gap;
      note(idle_gaps_, segment.frame, seen.idle_gap);
    }
    if (seen.role != ResetRole::none) {
      remarks.role = seen.role;
      note(roles_, segment.frame, seen.role);
    }
    if (seen.deciding && connection->is_remarkable()) decide(*connection, segment.frame, remarks);
    if (seen.ended_spell) {
      const Profiles::Place place = tracker_.profiles().find(route_of(*connection));
      note(closing_frames_, segment.frame, place);
      if (seen.side == Side::server) say_habit(place, segment, remarks);
    }
    if (seen.ended_spell || !remarks.findings.empty()) {
      remarks.idle_timeouts = timeouts_of(route_of(*connection));
    }
    return remarks;
  }

  Remarks observe(const IcmpError& error) {
    Remarks remarks;
    if (const Connection* connection = tracker_.observe(error)) decide(*connection, error.frame, remarks);
    return remarks;
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    // Twice: what a stream says of another leg is the last word on that one.
    for_each_remarkable([this](const Connection& connection) {
      for (const Verdict& verdict : diagnose(evidence_on(connection))) {
        note_failure(connection, verdict);
        note_lost_spell(connection, verdict);
      }
    });
    for_each_remarkable([this](const Connection& connection) {
      for (const Verdict& verdict : diagnose(evidence_on(connection))) seal(connection.stream(), verdict);
    });
    for (Profiles::Place place = 0; place < tracker_.profiles().routes(); ++place) {
      with_habit(place, [&](const RouteEvidence&, const RouteVerdict& answer) {
        seal(answer.stream, answer.verdict, place);
      });
    }
    tracker_.note_cuts();
    // Those of evicted streams came first; of one stream they are in the order of the questions.
    std::stable_sort(sealed_.begin(), sealed_.end(), [](const Sealed& a, const Sealed& b) { return a.stream < b.stream; });
    std::sort(idle_gaps_.begin(), idle_gaps_.end());
    std::sort(roles_.begin(), roles_.end());
    std::sort(closing_frames_.begin(), closing_frames_.end());
  }

  [[nodiscard]] bool finished() const { return finished_; }

  [[nodiscard]] bool has_findings(StreamNumber stream) const {
    if (!finished_) return false;  // What evicted streams left is not in order yet.
    const auto found = first_sealed(stream);
    return found != sealed_.end() && found->stream == stream;
  }

  [[nodiscard]] std::vector<Finding> findings(StreamNumber stream) const {
    std::vector<Finding> findings;
    if (!finished_) return findings;
    for (auto sealed = first_sealed(stream); sealed != sealed_.end() && sealed->stream == stream; ++sealed) {
      findings.push_back(explain(*sealed));
    }
    return findings;
  }

  [[nodiscard]] std::vector<Verdict> contenders(StreamNumber stream) const {
    std::vector<Verdict> verdicts;
    const Connection* connection = tracker_.find(stream);
    if (connection == nullptr || !has_findings(stream)) return verdicts;
    const Evidence evidence = evidence_on(*connection);
    for (const Diagnosis* diagnosis : catalogue()) {
      if (const auto verdict = ask(*diagnosis, evidence)) verdicts.push_back(*verdict);
    }
    return verdicts;
  }

  [[nodiscard]] std::vector<NamedTimeout> idle_timeouts(StreamNumber stream, FrameNumber frame) const {
    const Profiles::Place place = look_up(closing_frames_, frame, Profiles::kNowhere);
    if (place != Profiles::kNowhere) return timeouts_of(tracker_.profiles().route(place));
    if (!finished_) return {};
    for (auto sealed = first_sealed(stream); sealed != sealed_.end() && sealed->stream == stream; ++sealed) {
      if (sealed->place != Profiles::kNowhere) return timeouts_of(tracker_.profiles().route(sealed->place));
      if (const Connection* connection = tracker_.find(stream)) return timeouts_of(route_of(*connection));
    }
    return {};
  }

  [[nodiscard]] std::vector<NamedTimeout> idle_timeouts() const {
    std::vector<NamedTimeout> all;
    if (!finished_) return all;
    std::set<std::tuple<IdleTimeout::By, std::string, std::string>> told;
    for (Profiles::Place place = 0; place < tracker_.profiles().routes(); ++place) {
      for (NamedTimeout& named : timeouts_of(tracker_.profiles().route(place))) {
        const bool by_server = named.timeout.by == IdleTimeout::By::server;
        if (told.emplace(named.timeout.by, named.server, by_server ? "" : named.client).second) all.push_back(std::move(named));
      }
    }
    return all;
  }

  [[nodiscard]] Nanoseconds idle_gap(FrameNumber frame) const { return look_up(idle_gaps_, frame); }
  [[nodiscard]] ResetRole reset_role(FrameNumber frame) const { return look_up(roles_, frame); }

  void for_each_finding(const std::function<void(const Finding&)>& visit) const {
    if (!finished_) return;
    for (const Sealed& sealed : sealed_) visit(explain(sealed));
  }

  [[nodiscard]] const Profiles& profiles() const { return tracker_.profiles(); }

  [[nodiscard]] std::size_t stream_count() const { return tracker_.stream_count(); }

  [[nodiscard]] const Forgotten& forgotten() const { return tracker_.forgotten(); }

 private:
  struct Sealed {
    StreamNumber stream;
    Profiles::Place place;  ///< Of the route, where it is a habit.
    Verdict verdict;
  };

  static_assert(sizeof(Sealed) <= kSealedVerdict);

  /// What was noted of frames, as far as there is room. Frames come in order but for two passes of `-2 -R`, so that the list
  /// is as good as sorted before finish() too.
  template <typename Note>
  using Notes = std::deque<std::pair<FrameNumber, Note>>;
  template <typename Note>
  void note(Notes<Note>& notes, FrameNumber frame, Note what) const {
    static_assert(sizeof(notes[0]) <= kFrameNote);
    if (notes.size() < most_notes_) notes.emplace_back(frame, what);
  }
  template <typename Note>
  [[nodiscard]] static Note look_up(const Notes<Note>& notes, FrameNumber frame, Note none = {}) {
    const auto found = std::lower_bound(notes.begin(), notes.end(), std::pair(frame, Note{}));
    return found != notes.end() && found->first == frame ? found->second : none;
  }

  [[nodiscard]] std::string match_of(const IdleTimeout& timeout) const {
    return name_candidates(candidates_for(timeout, known_to_user_));
  }

  [[nodiscard]] std::vector<NamedTimeout> timeouts_of(const Route& route) const {
    std::vector<NamedTimeout> named;
    for (const IdleTimeout& timeout : tracker_.profiles().timeouts(route)) {
      named.push_back({timeout, to_string(route.client), to_string(route.server), match_of(timeout)});
      if (timeout.by == IdleTimeout::By::client) return named;
    }
    if (const auto timeout = tracker_.profiles().client_timeout(route.client)) {
      named.push_back({*timeout, to_string(route.client), "", match_of(*timeout)});
    }
    return named;
  }

  [[nodiscard]] Evidence evidence_on(const Connection& connection) const {
    return {connection, tracker_.surroundings(connection), settings_};
  }

  /// Calls `visit(evidence, verdict)` if the client and the server of this route have a habit that is worth a finding.
  template <typename Visit>
  void with_habit(Profiles::Place place, Visit visit) const {
    const Profiles& profiles = tracker_.profiles();
    if (place >= profiles.routes()) return;
    const Route& route = profiles.route(place);
    const auto timeout = profiles.server_timeout(route.server);
    if (!timeout) return;
    const std::string match = match_of(*timeout);
    const RouteEvidence evidence{route, *profiles.pair(route), *timeout, match, settings_};
    if (const auto answer = ask(evidence)) visit(evidence, *answer);
  }

  /// As soon as a close shows it, and once: for who reads in one pass.
  void say_habit(Profiles::Place place, const Segment& segment, Remarks& remarks) {
    if (place >= tracker_.profiles().routes()) return;
    if (habit_said_.size() <= place) habit_said_.resize(place + 1);
    if (habit_said_[place]) return;
    with_habit(place, [&](const RouteEvidence& evidence, const RouteVerdict& answer) {
      habit_said_[place] = true;
      Verdict here = answer.verdict;
      // Before the end nothing is known of what was lost but that something was.
      if (route_lost_.contains(place)) here.severity = std::min(here.severity, Severity::note);
      here.deciding_frame = segment.frame;
      remarks.findings.push_back(tcpwhy::explain(evidence, segment.stream, here));
    });
  }

  [[nodiscard]] Finding explain(const Sealed& sealed) const {
    if (sealed.place != Profiles::kNowhere) {
      std::optional<Finding> finding;
      with_habit(sealed.place, [&](const RouteEvidence& evidence, const RouteVerdict& answer) {
        finding = tcpwhy::explain(evidence, answer.stream, answer.verdict);
      });
      if (finding) return *finding;
    }
    const Connection* connection = tracker_.find(sealed.stream);
    return connection != nullptr ? tcpwhy::explain(evidence_on(*connection), sealed.verdict)
                                 : explain_forgotten(sealed.stream, sealed.verdict);
  }

  void seal(StreamNumber stream, const Verdict& verdict, Profiles::Place place = Profiles::kNowhere) {
    if (sealed_.size() < kFindings) {
      sealed_.push_back({stream, place, verdict});
    } else {
      tracker_.note_lost_finding();
    }
  }

  /// What was clear of a connection that is about to be evicted; whether its ending was. Nobody will see how it goes on, so
  /// that nothing is certain.
  bool keep_last_words(const Connection& leaving) {
    bool explained = false;
    if (!leaving.is_remarkable()) return explained;
    for (Verdict& verdict : diagnose(evidence_on(leaving))) {
      note_failure(leaving, verdict);
      verdict.confidence = std::max(verdict.confidence, Confidence::likely);
      seal(leaving.stream(), verdict);
      explained = explained || verdict.diagnosis->question == Question::ending;
    }
    return explained;
  }

  /// A reset of a stream that was evicted: the first one is a finding, unless one was made before.
  void note_forgotten_reset(const Segment& reset, Remarks& remarks) {
    const bool is_first = tracker_.is_evicted_unexplained(reset.stream);
    remarks.role = is_first ? ResetRole::cause : ResetRole::echo;
    note(roles_, reset.frame, remarks.role);
    if (!is_first) return;
    const Verdict verdict = verdict_on_forgotten(reset.frame);
    tracker_.note_explained(reset.stream);
    seal(reset.stream, verdict);
    remarks.findings.push_back(explain_forgotten(reset.stream, verdict));
  }

  [[nodiscard]] std::deque<Sealed>::const_iterator first_sealed(StreamNumber stream) const {
    return std::lower_bound(sealed_.begin(), sealed_.end(), stream,
                            [](const Sealed& sealed, StreamNumber wanted) { return sealed.stream < wanted; });
  }

  template <typename Visit>
  void for_each_remarkable(Visit visit) {
    for (std::size_t i = 0; i < tracker_.stream_count(); ++i) {
      if (const Connection* connection = tracker_.find_remarkable(static_cast<StreamNumber>(i))) visit(*connection);
    }
  }

  /// Another leg of a proxy may show it.
  void note_failure(const Connection& connection, const Verdict& verdict) {
    if (verdict.severity < Severity::warn || verdict.diagnosis->question == Question::path) return;
    tracker_.note_failure(connection, verdict);
  }

  /// A request that ended a silence, and died of it.
  void note_lost_spell(const Connection& connection, const Verdict& verdict) {
    if (verdict.impact == Impact::request_lost && verdict.diagnosis->died_of) {
      tracker_.note_lost_spell(connection, *verdict.diagnosis->died_of);
    }
  }

  /// What this frame decides; and what failed here may be repeated elsewhere.
  void decide(const Connection& connection, FrameNumber frame, Remarks& remarks) {
    const Evidence evidence = evidence_on(connection);
    for (const Verdict& verdict : diagnose(evidence)) {
      if (verdict.impact == Impact::request_lost) {
        tracker_.expect_request_retry(connection, connection.now().half(Side::client).turn);
        if (verdict.diagnosis->died_of) route_lost_.insert(tracker_.profiles().find(route_of(connection)));
      } else if (verdict.impact == Impact::connect_failed) {
        tracker_.expect_connect_retry(connection);
      }
      note_failure(connection, verdict);
      if (verdict.deciding_frame == frame) remarks.findings.push_back(tcpwhy::explain(evidence, verdict));
    }
  }

  Settings settings_;
  std::size_t most_notes_;  ///< Of each kind.
  std::vector<OwnTimeout> own_timeouts_;
  std::vector<KnownTimeout> known_to_user_;  ///< The same, as rows.
  Tracker tracker_;
  bool finished_ = false;
  std::deque<Sealed> sealed_;
  Notes<Nanoseconds> idle_gaps_;
  Notes<ResetRole> roles_;
  std::vector<bool> habit_said_;  ///< By route.
  std::unordered_set<Profiles::Place> route_lost_;  ///< Routes on which a request died of a silence.
  Notes<Profiles::Place> closing_frames_;  ///< Closes after a silence, and on which route.
};

Analyzer::Analyzer(const Settings& settings, std::size_t connection_memory, Revisits revisits, std::size_t hot_connections)
    : implementation_(std::make_unique<Implementation>(settings, connection_memory, revisits, hot_connections)) {}
Analyzer::~Analyzer() = default;

void Analyzer::also_know(std::vector<OwnTimeout> timeouts) { implementation_->also_know(std::move(timeouts)); }
void Analyzer::expect(StreamNumber stream) const { implementation_->expect(stream); }
void Analyzer::expect(const Segment& segment) const { implementation_->expect(segment); }
Remarks Analyzer::observe(const Segment& segment) { return implementation_->observe(segment); }
Remarks Analyzer::observe(const IcmpError& error) { return implementation_->observe(error); }
void Analyzer::finish() { implementation_->finish(); }
bool Analyzer::finished() const { return implementation_->finished(); }
std::vector<Finding> Analyzer::findings(StreamNumber stream) const { return implementation_->findings(stream); }
std::vector<Verdict> Analyzer::contenders(StreamNumber stream) const { return implementation_->contenders(stream); }
bool Analyzer::has_findings(StreamNumber stream) const { return implementation_->has_findings(stream); }
std::vector<NamedTimeout> Analyzer::idle_timeouts(StreamNumber stream, FrameNumber frame) const {
  return implementation_->idle_timeouts(stream, frame);
}
std::vector<NamedTimeout> Analyzer::idle_timeouts() const { return implementation_->idle_timeouts(); }
Nanoseconds Analyzer::idle_gap(FrameNumber frame) const { return implementation_->idle_gap(frame); }
ResetRole Analyzer::reset_role(FrameNumber frame) const { return implementation_->reset_role(frame); }
const Profiles& Analyzer::profiles() const { return implementation_->profiles(); }
std::size_t Analyzer::stream_count() const { return implementation_->stream_count(); }
const Forgotten& Analyzer::forgotten() const { return implementation_->forgotten(); }
void Analyzer::for_each_finding(const std::function<void(const Finding&)>& visit) const {
  implementation_->for_each_finding(visit);
}

}  // namespace tcpwhy
