// What several signatures ask of the evidence: was a request lost, did the RST come from whom it names, was the
// response complete. Pure functions; the one place for each question.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../evidence.h"
#include "../finding.h"

namespace tcpwhy {

/// The evidence, with the names that signatures use.
struct Reading {
  explicit Reading(const Evidence& evidence);

  const Evidence& evidence;
  const Connection& connection;
  const ConnectionState& now;
  const ConnectionState& at;       ///< At the first reset, or now.
  const Break* broken;             ///< Null where no reset ended it.
  const Reset* reset;              ///< The first one, or null.
  const HalfConnection& client;    ///< Now, not at the reset: what was sent after it counts too.
  const HalfConnection& server;
  /// The client's last request if nothing answered it, else null. It may have been sent after the reset, by a
  /// client that hadn't got it yet.
  const Turn* lost_request;

  /// The start was captured, both directions, nothing of it is missing, and all of it in order.
  [[nodiscard]] bool whole() const;
  /// The same, but for what a reset may know of.
  [[nodiscard]] bool seen_whole() const;
  /// Something was captured after what must have followed it, or not at all.
  [[nodiscard]] bool out_of_order() const;
  /// Data stood unacknowledged for longer than its sender would have waited before repeating it.
  [[nodiscard]] bool misses_acknowledgment() const;
  /// The numbers of a reset are ahead of all that was captured: something is missing, or the reset is forged.
  [[nodiscard]] bool resets_know_more() const;
  /// `certain` where the start and both directions were seen, else `likely`.
  [[nodiscard]] Confidence surest() const { return whole() ? Confidence::certain : Confidence::likely; }
  /// The server closed in order before all was sent that the response's Content-Length announces, to a client that was still there.
  [[nodiscard]] bool closed_in_mid_response() const;
  [[nodiscard]] bool reset_by(Side side) const { return reset != nullptr && reset->by == side; }
  /// An exchange had been completed before the request, as far as was seen.
  [[nodiscard]] bool was_conversing() const;
  /// The client's last words, not a request: an answer, the end of a handshake, a control frame, a close_notify, or what it said
  /// right before it closed of its own accord.
  [[nodiscard]] bool wants_no_answer(const Turn& turn) const;
  /// What this side said last before the reset was acknowledged, and not captured: it may have been its farewell.
  [[nodiscard]] bool last_words_unseen(Side side) const;
  /// The client's FIN came first, and not because of the server's.
  [[nodiscard]] bool client_closed_first() const;
  /// The server's kernel acknowledged all of it, if only by a reset.
  [[nodiscard]] bool server_received(const Turn& turn) const;
  /// When the server last said something before the client's last turn, or the connection began.
  [[nodiscard]] Mark server_last_spoke() const;
  /// What the client sent that the server's kernel never acknowledged.
  [[nodiscard]] std::uint64_t unacknowledged(Side sender) const;
  /// Round trip between the capture point and that side, or 0 where it was never measured.
  [[nodiscard]] Nanoseconds round_trip_to(Side side) const;
  /// Round trip from end to end, or 0.
  [[nodiscard]] Nanoseconds round_trip() const;
  /// Whether a silence is longer than any that this server answered after. Equal ones, but for the noise of scheduling,
  /// aren't: what survived once did not kill the next time.
  [[nodiscard]] bool outlasts_survivors(Nanoseconds silence) const;
  /// The server forgot another stream in the middle of its work: then no silence made it forget this one.
  [[nodiscard]] bool server_forgets_busy_streams() const;
};

/// Signs that a RST was not sent by whom it names, and how much they weigh together.
struct ForgerySigns {
  bool other_ttl = false;      ///< Off by more than a route change.
  bool near_ttl = false;       ///< Off by one: a route change, or the next router.
  bool too_fast = false;       ///< In less than half of the shortest time that host ever took.
  bool sender_carried_on = false;  ///< The named sender went on as if it had sent no RST.
  bool sent_past_it = false;       ///< More new data than any path reorders followed an abort, beyond its number.
  bool sender_spoke_later = false; ///< With new data, and later than anything that had been on its way.
  bool volley = false;             ///< One of several sent at once, ahead of all that the named sender ever sent.
  bool ahead_of_sequence = false;  ///< Sequence numbers that it hadn't reached.
  bool foreign_ip_id = false;      ///< Another IP ID counter than that of its segments.
  /// From another place, and with a header that no socket of that host sends: one that numbers its packets and keeps time sends
  /// no abort with neither. It weighs nothing by itself: a balancer that ends a connection in a host's name sends the same.
  bool other_hand = false;
  /// The capture has a place that all of the named sender's packets pass before they come to where this one was seen, and it
  /// did not pass there.
  bool never_sent = false;
  int ttl_low = 0;             ///< Of the named sender's own segments where this one was seen; low > high where none was known.
  int ttl_high = -1;

  [[nodiscard]] int weight() const;
};
[[nodiscard]] ForgerySigns read_forgery(const Reading& reading);

/// The capture was made near the client and near the server, and nothing of the client's latest turn came to the second place,
/// where packets of others were captured later.
[[nodiscard]] bool never_arrived(const Reading& reading);
/// That packets of `sender` were seen at two places proves something here: that it didn't send the reset, or that what it sent
/// never arrived.
[[nodiscard]] bool proves_by_two_places(const Reading& reading, Side sender);
/// A sentence that says the latter, with the frames.
[[nodiscard]] std::string describe_vanishing(const Reading& reading);
/// What is left to find out where a capture was made at two places.
constexpr std::string_view kBetweenBothPlaces =
    "Which device between both places it was: a capture between any two of them halves the way.";
/// Why the RST is forged, as clauses that end in semicolons.
[[nodiscard]] std::string describe_forgery(const Reading& reading);

/// Less of it was sent than it announces.
[[nodiscard]] bool is_known_incomplete(const Turn& turn);

enum class Completeness : std::uint8_t { complete, incomplete, looks_complete, looks_cut };
/// Whether the server's last response was whole when the connection broke: by Content-Length or the last chunk
/// where they could be read; else by whether it ended in a full segment.
[[nodiscard]] Completeness response_completeness(const Reading& reading);

/// The reset's header in the vocabulary of a verdict; `none` where there was no reset.
[[nodiscard]] ResetKind kind_of(const Reset* reset);
[[nodiscard]] ResetBy sent_by(const Reset* reset);

/// Sentences that several narratives share.
[[nodiscard]] std::vector<std::string> rule_out_forgery(const Reading& reading);
[[nodiscard]] std::string describe_reset(const Reading& reading);
/// What the vantage point hides, "" where nothing is missing.
[[nodiscard]] std::string missing_from_capture(const Reading& reading);
/// Adds that to the narrative's blind spot.
void add_missing(const Reading& reading, Narrative& narrative);
/// A verdict of an error that the first reset decides, if there was one.
[[nodiscard]] Verdict reset_verdict(const Reading& reading);
/// A verdict of a chat: the first reset cost nobody anything. REQUIRES: there was one.
[[nodiscard]] Verdict harmless_verdict(const Reading& reading);
/// The repeated request, as a sentence; "" where none was seen.
[[nodiscard]] std::string describe_retry(const Reading& reading);
/// The same of a failed connect.
[[nodiscard]] std::string describe_next_connect(const Evidence& evidence);

}  // namespace tcpwhy
