// Two legs of one proxy in one capture: the outer connection towards it and the inner one from it, and what the one shows
// of the other's failure. A server that fails behind the proxy shows on the outer leg (a 502, a reset, a close without an
// answer); a client that gives up before it shows on the inner one (the proxy resets it). Legs are paired by three facts
// together: the inner request began while the outer one was open, both broke within milliseconds, and either the proxy's
// address is an end of both or both carry the same request. Two addresses that were once paired by a request are one
// proxy's from then on.
//
// Limits: a proxy with another address on each side that rewrites what it passes on stays unpaired, and so does one whose
// legs were captured by clocks that disagree by more than the window.
#pragma once

#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "connection.h"
#include "finding.h"
#include "settings.h"

namespace tcpwhy {

/// What the other leg suffered.
struct OtherLeg {
  StreamNumber stream = 0;
  Mark at;                          ///< When it broke: a FIN, a RST, an ICMP error.
  std::string_view cause;           ///< Its id in the catalogue.
  Severity severity = Severity::error;
  Fault fault = Fault::unknown;     ///< As seen from that leg.
};

/// What showed on another leg of this one's failure.
struct PassedOn {
  StreamNumber stream = 0;
  Mark at;                 ///< A 502, a reset, a close without an answer.
  std::uint32_t more = 0;  ///< Other streams on which it showed, too.
};

class Legs {
 public:
  /// Says that `by` broke this stream, or answered on it, in a way that may come from another leg. Each 502 of a stream
  /// counts, and the first reset or close.
  void note_symptom(const Connection& connection, const Mark& at, Side by);
  /// Says that this stream failed, and why. The latest word counts.
  void note_failure(const Connection& connection, const Verdict& verdict);

  /// The failure that this stream's first symptom follows from, if any.
  [[nodiscard]] std::optional<OtherLeg> behind(StreamNumber symptom) const;
  /// The same of all its symptoms, and when each showed.
  [[nodiscard]] std::vector<std::pair<Mark, OtherLeg>> all_behind(StreamNumber symptom) const;
  /// The other way round: where this stream's failure showed, if anywhere.
  [[nodiscard]] std::optional<PassedOn> passed_on(StreamNumber failure) const;

 private:
  /// One exchange, as far as pairing needs it.
  struct Exchange {
    StreamNumber stream = 0;
    Address client;
    Address server;
    std::uint32_t fingerprint = 0;
    Mark began;                 ///< Its request, or the SYN where none was sent.
    Mark at;                    ///< When it broke.
    Side by = Side::server;     ///< Who broke it.
    Nanoseconds round_trip = 0;
  };
  struct Failure {
    Exchange exchange;
    OtherLeg leg;
  };
  struct Link {
    StreamNumber stream = 0;    ///< With the symptom.
    StreamNumber failure = 0;
    bool alike = false;         ///< Both carry the same request.
    Nanoseconds apart = 0;      ///< Between both requests.
    Mark at;                    ///< The symptom.
  };
  /// What one stream shows.
  struct Symptoms {
    std::vector<FrameNumber> frames;  ///< In order; at most kSymptomsKept.
    bool believed = false;            ///< The stream itself is diagnosed so.
  };

  [[nodiscard]] static Exchange exchange_of(const Connection& connection, const Mark& at, Side by);
  [[nodiscard]] static bool same_request(const Exchange& a, const Exchange& b) {
    return a.fingerprint != 0 && a.fingerprint == b.fingerprint;
  }
  [[nodiscard]] bool same_host(const Address& outer, const Address& inner) const;
  [[nodiscard]] bool follows(const Exchange& symptom, const Exchange& failure) const;
  void pair(const Exchange& symptom, const Failure& failure);
  void find_another(FrameNumber symptom);

  std::vector<std::pair<Address, Address>> proxies_;  ///< Their addresses on the outer and on the inner leg.
  std::deque<Exchange> symptoms_;  ///< The latest ones: pairs meet within milliseconds.
  std::deque<Failure> failures_;
  std::unordered_map<FrameNumber, Link> links_;       ///< By the frame that shows the symptom.
  std::unordered_map<StreamNumber, Symptoms> shown_;  ///< By the stream that shows them.
  std::unordered_map<StreamNumber, std::vector<FrameNumber>> symptoms_of_;  ///< By the stream that failed; some found a better one.
  /// By the stream that failed with a request of its own: the frame that shows it. One request is one other's.
  std::unordered_map<StreamNumber, FrameNumber> owners_;
  std::unordered_map<StreamNumber, OtherLeg> linked_;  ///< The latest word on each failure that a link leads to.
};

}  // namespace tcpwhy
