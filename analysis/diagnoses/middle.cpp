// What devices on the way do to a connection that is in use.

#include <fmt/format.h>

#include <algorithm>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

/// The one whom the reset was meant for went on as if there had been none: it never took effect.
bool survived(const Reading& reading) {
  const Side victim = other(reading.reset->by);
  for (std::size_t i = 0; i < reading.broken->kept; ++i) {
    if (reading.broken->resets[i].by == victim) return false;
  }
  return reading.now.exchanges > reading.at.exchanges &&
         reading.now.half(victim).last().frame > reading.reset->segment.at.frame;
}

/// Whether this host answered what came from that frame on like a stranger's, after the first reset: it had no socket for it.
bool knew_no_more(const Break& broken, Side host, FrameNumber from) {
  return std::any_of(broken.resets.begin() + 1, broken.resets.begin() + static_cast<std::ptrdiff_t>(broken.kept),
                     [&](const Reset& reset) { return reset.by == host && reset.reply && reset.provoked_by >= from; });
}

/// The client's next request after the reset, if the server answered it like a stranger's: its socket was gone by then.
const Turn* find_next_victim(const Reading& reading) {
  const Turn& request = reading.client.turn;
  if (!request || request.answered != 0 || request.begin.frame < reading.reset->segment.at.frame) return nullptr;
  return knew_no_more(*reading.broken, Side::server, request.begin.frame) ? &request : nullptr;
}

/// The reset answers a segment that its sender's peer never sent by way of this connection: far out of window, and who reset it
/// knows the connection, for it went on, and never acknowledged anything up there.
bool is_drawn_by_stray(const Reading& reading) {
  if (!answers_out_of_window(*reading.broken) || !read_forgery(reading).sender_carried_on) return false;
  const Side by = reading.reset->by;
  return reading.now.half(by).ack.before(reading.at.half(other(by)).hole_end());
}

/// Another hand's reset right behind a request, as a device sends that reads requests: nobody cancels within the slack of two
/// events at one end. Whoever sent it knew of no answer.
bool answers_what_was_asked(const Reading& reading, const ForgerySigns& signs) {
  const Turn& request = reading.at.half(Side::client).turn;
  const Turn& response = reading.at.half(Side::server).turn;
  const Portrait& segment = reading.reset->segment;
  if (!signs.other_hand || !request || segment.at.time - request.last.time > reading.evidence.settings.rtt_margin) return false;
  return request.answered == 0 || (reading.reset_by(Side::client) && !segment.ack.after(response.seq));
}

/// The response was on its way to a client that answered it like a stranger's.
bool met_no_client(const Reading& reading) {
  const Turn& response = reading.server.turn;
  return reading.client.turn.answered != 0 && reading.client.ack_known && !reading.client.ack.after(response.seq) &&
         knew_no_more(*reading.broken, Side::client, response.begin.frame);
}

/// Nothing but its sender's carrying on speaks against a reset that looks as that host's kernel answers what meets no socket.
bool looks_like_its_own(const Reading& reading, const ForgerySigns& signs) {
  const Portrait& segment = reading.reset->segment;
  const bool by_header = reading.reset->reply && segment.window == 0 && (!segment.ip_id_known || segment.ip_id == 0);
  const bool ttls_known = segment.ttl_known && reading.at.half(reading.reset->by).ttl_known();
  const bool by_way = ttls_known && !signs.other_ttl && !signs.near_ttl;
  return by_header && by_way && !signs.never_sent && !signs.too_fast && !signs.volley && !signs.ahead_of_sequence;
}

/// A SYN was refused, and the server's SYN-ACK for that very SYN came afterwards: it had not refused.
bool refused_by_another(const Reading& reading) {
  const Trouble* trouble = reading.connection.trouble();
  if (trouble == nullptr || trouble->refusal.count == 0 || !reading.server.syn()) return false;
  const FrameNumber refusal = trouble->refusal.reset.segment.at.frame;
  const FrameNumber asked = reading.client.last_syn().frame;
  return asked != 0 && asked < refusal && refusal < reading.server.syn().frame;
}

Verdict forged_refusal(const Reading& reading) {
  const Reset& reset = reading.connection.trouble()->refusal.reset;
  Verdict verdict;
  verdict.confidence = Confidence::likely;
  verdict.reset_by = ResetBy::middlebox;
  verdict.reset_kind = kind_of(&reset);
  verdict.fault = Fault::middlebox;
  verdict.impact = Impact::connect_failed;
  verdict.severity = Severity::error;
  verdict.deciding_frame = reset.segment.at.frame;
  verdict.provoked_by = reading.client.syn().frame;
  return verdict;
}

Narrative narrate_forged_refusal(const Reading& reading) {
  const Reset& reset = reading.connection.trouble()->refusal.reset;
  Narrative narrative;
  narrative.explanation = fmt::format(
      "The SYN ({}) to {} was refused by a RST ({}) after {}, and {} later the server's SYN-ACK for the same SYN arrived ({}): "
      "the server listens, and did not refuse. A device on the way sent the RST in its name.",
      frame(reading.client.syn()), name(reading.connection, Side::server), frame(reset.segment.at),
      duration(reset.segment.at.time - reading.client.syn().time),
      duration(reading.server.syn().time - reset.segment.at.time), frame(reading.server.syn()));
  narrative.fix = fmt::format("Find the device on the path between {} and {} that rejects connections, and its rule.",
                              to_string(reading.connection.endpoint(Side::client).address),
                              to_string(reading.connection.endpoint(Side::server).address));
  narrative.blind_spot = fmt::format("A capture at {} at the same time proves it: the RST never left there.",
                                     name(reading.connection, Side::server));
  narrative.ruled_out = {"connection_refused: the server's own SYN-ACK came after the RST",
                         "handshake_probe: the client's kernel reset the SYN-ACK because its connect had already failed"};
  add_missing(reading, narrative);
  return narrative;
}

std::optional<Verdict> injected_reset(const Evidence& evidence) {
  const Reading reading(evidence);
  if (refused_by_another(reading)) return forged_refusal(reading);
  if (reading.reset == nullptr || is_drawn_by_stray(reading)) return {};
  // A TTL, an IP ID, or odd numbers alone prove nothing: balancers and NAT answer for others, and honest hosts send
  // several RSTs. The clock or the sender's own next segments must speak too, or all of its looks and its moment together.
  const ForgerySigns signs = read_forgery(reading);
  const bool by_its_looks_alone = !signs.sender_carried_on && !signs.sent_past_it && !signs.too_fast && !signs.volley;
  const bool at_a_word = answers_what_was_asked(reading, signs);
  if (!at_a_word && ((by_its_looks_alone && !signs.never_sent) || signs.weight() < 3)) return {};
  // After a silence a device's timer is the nearer explanation (idle_reset, idle_state_lost).
  const Nanoseconds since_last = reading.reset->segment.at.time - reading.at.last().time;
  const Nanoseconds before_request = reading.lost_request != nullptr ? Nanoseconds{reading.lost_request->silence} : 0;
  const bool after_silence = std::max(since_last, before_request) >= evidence.settings.smallest_idle_gap;
  if (after_silence && by_its_looks_alone && reading.lost_request == nullptr) return {};
  Verdict verdict;
  const bool proven = (signs.never_sent && !reading.now.clock_stepped) || (signs.weight() >= 4 && reading.seen_whole());
  verdict.confidence = looks_like_its_own(reading, signs) ? Confidence::possible
                       : proven && !after_silence         ? Confidence::certain
                                                          : Confidence::likely;
  verdict.reset_by = ResetBy::middlebox;
  verdict.reset_kind = kind_of(reading.reset);
  verdict.fault = Fault::middlebox;
  verdict.deciding_frame = reading.reset->segment.at.frame;
  verdict.provoked_by = reading.at.half(other(reading.reset->by)).recent[0].at.frame;
  if (survived(reading)) {
    verdict.impact = Impact::none;
    verdict.severity = Severity::note;
    return verdict;
  }
  const Turn& request = reading.at.half(Side::client).turn;
  const Turn* next = find_next_victim(reading);
  const Completeness response = response_completeness(reading);
  verdict.impact = next != nullptr || (request && !request.answered) ? Impact::request_lost
                   : met_no_client(reading)                          ? Impact::response_lost
                   : response == Completeness::complete              ? Impact::none
                   : response == Completeness::incomplete            ? Impact::response_truncated
                                                                     : Impact::unknown;
  verdict.severity = Severity::error;
  verdict.lost_bytes = next != nullptr ? next->bytes() : reading.unacknowledged(other(reading.reset->by));
  return verdict;
}

Narrative narrate_injected_reset(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  if (refused_by_another(reading)) return narrate_forged_refusal(reading);
  const ForgerySigns signs = read_forgery(reading);
  const Reset& reset = *reading.reset;
  Narrative narrative;
  std::string& text = narrative.explanation;
  const bool doubtful = looks_like_its_own(reading, signs);
  text = fmt::format("The RST ({}) names {} as its sender, {}:", describe_reset(reading), name(reading.connection, reset.by),
                     doubtful ? "who had not given the connection up" : "but did not come from there");
  text += describe_forgery(reading);
  if (signs.sender_carried_on && !signs.sent_past_it) {
    text += fmt::format(" that host carried on afterwards as if it had sent none ({});",
                        frame(reading.now.half(reset.by).last()));
  }
  if (signs.other_hand) {
    text += " it has an ACK, no window, the IP ID 0 and no timestamps, and that host numbers its packets and has timestamps in "
            "all of them;";
  }
  if (signs.foreign_ip_id) text += " its IP ID belongs to another counter;";
  if (signs.ahead_of_sequence) text += " it guesses at a number that the host had not reached;";
  text.back() = '.';
  const Turn& request = reading.at.half(Side::client).turn;
  if (request) text += fmt::format(" It came after a {} ({}).", name(request), frame(request.begin));
  if (verdict.impact == Impact::none) {
    text += survived(reading) ? " The connection survived it." : " The response was complete by then.";
  }
  if (const Turn* next = find_next_victim(reading)) {
    text += fmt::format(" It ended the connection at the server: the next {} ({}) was answered like a stranger's.{}",
                        name(*next), frame(next->begin), describe_retry(reading));
  }
  narrative.fix = fmt::format(
      "Find the device on the path between {} and {} that ends connections (intrusion prevention, content filter, firewall "
      "reject rule) and read its log at that second; if its TTL started at 64, 128 or 255, it is {} from this capture "
      "point.",
      to_string(reading.connection.endpoint(Side::client).address),
      to_string(reading.connection.endpoint(Side::server).address),
      reset.segment.ttl_known ? plural(static_cast<std::uint64_t>((reset.segment.ttl <= 64    ? 64
                                                                   : reset.segment.ttl <= 128 ? 128
                                                                                              : 255) -
                                                                  reset.segment.ttl),
                                       "hop")
                              : std::string("an unknown number of hops"));
  narrative.blind_spot =
      signs.never_sent ? std::string(kBetweenBothPlaces)
                       : fmt::format("A capture at {} at the same time proves it: the RST never left there.",
                                     name(reading.connection, reset.by));
  add_missing(reading, narrative);
  narrative.ruled_out = {"unread_close: there each RST's number is an ack that was in flight, and the host falls silent",
                         "idle_state_lost: no silence came before it"};
  if (doubtful) {
    narrative.ruled_out.push_back(fmt::format(
        "conntrack_invalid: not ruled out; its header and TTL are those of the {}'s own kernel answering what it knows no "
        "socket for, as it does if a NAT lets a segment through untranslated. A capture at {} decides: there that segment "
        "stands before the RST",
        name(reset.by), to_string(reading.connection.endpoint(reset.by).address)));
  }
  return narrative;
}

// ------------------------------------------------------------------------------------- conntrack_invalid

std::optional<Verdict> conntrack_invalid(const Evidence& evidence) {
  const Reading reading(evidence);
  if (reading.reset == nullptr || !reading.reset->reply) return {};
  const Surroundings& around = evidence.around;
  if (is_drawn_by_stray(reading)) {
    Verdict verdict = reset_verdict(reading);
    const Turn* next = find_next_victim(reading);
    verdict.fault = Fault::middlebox;
    verdict.impact = next != nullptr ? Impact::request_lost : Impact::unknown;
    verdict.lost_bytes = next != nullptr ? next->bytes() : 0;
    verdict.provoked_by = reading.at.half(other(reading.reset->by)).recent[0].at.frame;
    return verdict;
  }
  const bool is_the_leak = around.original && around.original->silence < evidence.settings.smallest_idle_gap &&
                           !answers_out_of_window(*reading.broken);
  // The reset of the stray has killed the connection that it belonged to: its next segment meets no socket.
  const bool was_killed = around.leak && reading.lost_request != nullptr && !reading.at.half(reading.reset->by).fin();
  if (!is_the_leak && !was_killed) return {};
  Verdict verdict = reset_verdict(reading);
  verdict.fault = Fault::middlebox;
  verdict.impact = is_the_leak ? Impact::unknown : Impact::request_lost;
  verdict.lost_bytes = reading.unacknowledged(other(reading.reset->by));
  return verdict;
}

Narrative narrate_conntrack_invalid(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const Side by = reading.reset->by;
  const Surroundings& around = evidence.around;
  Narrative narrative;
  if (is_drawn_by_stray(reading)) {
    const HalfConnection& stranger = reading.at.half(other(by));
    narrative.explanation = fmt::format(
        "A segment of {} ({}) lies {} ahead of all that it had sent, and {} reset it ({}) as if it knew no such connection; "
        "yet it went on with it afterwards ({}), and never acknowledged anything up there. Whoever knows a connection answers "
        "what is out of window with an ACK. So that host knows it by another address: a NAT between both let this segment "
        "through as it was, because connection tracking had called it invalid.{}",
        name(reading.connection, other(by)), frame(verdict.provoked_by),
        bytes(static_cast<std::uint32_t>(stranger.hole_end().since(stranger.hole_begin()))), name(reading.connection, by),
        describe_reset(reading), frame(reading.now.half(by).last()),
        around.original ? fmt::format(" Stream {} is the same connection before the NAT.", around.original->stream) : "");
    if (const Turn* next = find_next_victim(reading)) {
      narrative.explanation += fmt::format(
          " That RST killed the server's socket: the next {} ({}) was answered like a stranger's.{}", name(*next),
          frame(next->begin), describe_retry(reading));
    }
  } else if (around.original) {
    narrative.explanation = fmt::format(
        "{} sent a segment ({}) to {} that belongs to stream {}: the same numbers and {}, another address. A NAT that "
        "translates that stream let this one through as it was, because connection tracking had called it invalid (out of "
        "window, a late duplicate). {} knows no such connection and reset it ({}), which kills the real one.",
        name(reading.connection, other(by)), frame(reading.at.half(other(by)).turn.begin), name(reading.connection, by),
        around.original->stream, around.original->same_ports ? "ports" : "client's port", name(reading.connection, by),
        describe_reset(reading));
  } else {
    narrative.explanation = fmt::format(
        "A segment of this connection had gone past the NAT untranslated (stream {}), and the RST that it drew killed the "
        "server's socket. The next {} ({}) was answered like a stranger's ({}).{}",
        *around.leak, name(*reading.lost_request), frame(reading.lost_request->begin), describe_reset(reading),
        describe_retry(reading));
  }
  narrative.fix =
      "Drop what connection tracking calls invalid before it is forwarded (nft `ct state invalid drop`, iptables `-m conntrack "
      "--ctstate INVALID -j DROP`), or set net.netfilter.nf_conntrack_tcp_be_liberal=1 on that host.";
  narrative.blind_spot = "Why the segment was out of window (a delayed duplicate, an asymmetric path, a full table) is seen on "
                         "the translating host: `conntrack -S` counts `invalid`.";
  narrative.ruled_out = {"injected_reset: the reset answers a segment that was really sent",
                         "idle_state_lost: the connection was in use, its entry had not expired"};
  return narrative;
}

constexpr Diagnosis kMiddleDiagnoses[] = {
    {"injected_reset", Question::ending, Severity::error,
     "the reset did not come from the host that it names",
     "A device on the path (a filter, an intrusion prevention system) ended the connection by forging a RST in the "
     "name of one end, or of both.",
     R"(client                 device                 server
  | -------- request ----> | -----------------> |
  | <------- RST --------- |                    |  another TTL, faster than the round trip
  | <------------ data ------------------------ |  the server carries on
  | ------------- RST ------------------------> |  now an honest one)",
     "unread_close: several RSTs with different numbers are honest if each repeats an ack that was in flight. "
     "idle_state_lost: a device's reject after a silence. conntrack_invalid: there a segment drew the reset. A TTL "
     "or missing timestamps alone prove nothing. Captures of both ends, merged (mergecap), do: the RST shows at one end only.",
     "At the named sender at the same time: the RST is in no capture there, `tcp:tcp_send_reset` says nothing and "
     "`nstat -asz TcpOutRsts` does not rise, while the victim reports `tcp:tcp_receive_reset`; where both ends "
     "report it, both were told. A reject rule on the host itself leaves no reason either: `nft list ruleset | grep "
     "reject`.",
     "Find the device that ends connections on this path, and its rule: Suricata and Snort `reject`, PAN-OS actions "
     "reset-client, reset-server and reset-both (threat log), iptables `REJECT --reject-with tcp-reset`, nft `reject "
     "with tcp reset`, content filters that read the server's name in TLS.",
     {}, injected_reset, narrate_injected_reset},
    {"conntrack_invalid", Question::ending, Severity::error,
     "a NAT let a segment through untranslated, and the reset that it drew killed the connection",
     "Connection tracking calls a late or out-of-window segment invalid and does not translate it. It reaches a host "
     "that knows no such connection, which answers with an honest RST, and that RST ends the real connection. Two "
     "findings can come of it: one on the stray, one on the connection whose next request meets no socket.",
     R"(client                  NAT                   server
  | <----- data from VIP -- | <------ data -------- |
  | <----- data from the server's own address ----- |  invalid: untranslated
  | ------ RST, seq=its ack ----------------------> |  honest, and it bites
  | ------ request -------> | ------ request -----> |  the next one
  | <----- RST ------------ | <----- RST ---------- |  no socket any more)",
     "injected_reset: there nothing drew the reset. idle_state_lost: there the connection had been idle, and the "
     "NAT's entry had expired. peer_lost_state: there the host itself forgot.",
     "On the translating host: `conntrack -S` (invalid) rises; `sysctl -w net.netfilter.nf_conntrack_log_invalid=6` "
     "(with the module nf_log_syslog) writes each one into the kernel's log. On the host that reset: "
     "`tcp:tcp_send_reset` says NO_SOCKET, with the server's own address. Kubernetes: `iptables-save | grep "
     "KUBE-FORWARD` has a rule that drops INVALID.",
     "Let the translating host drop what connection tracking calls invalid before it is forwarded: nft `ct state "
     "invalid drop`, iptables `-m conntrack --ctstate INVALID -j DROP`. Or set "
     "net.netfilter.nf_conntrack_tcp_be_liberal=1 (kube-proxy: --conntrack-tcp-be-liberal, conntrack.tcpBeLiberal), "
     "so that out-of-window segments are translated, too. Keep both directions on one path.",
     {}, conntrack_invalid, narrate_conntrack_invalid},
};

}  // namespace

std::span<const Diagnosis> middle_diagnoses() { return kMiddleDiagnoses; }

}  // namespace tcpwhy
