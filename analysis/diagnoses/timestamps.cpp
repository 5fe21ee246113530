// The timestamp option (RFC 7323) and its loss. A property of the path, so it is loud once for a pair of addresses.

#include <fmt/format.h>

#include "../words.h"
#include "families.h"
#include "reading.h"

namespace tcpwhy {
namespace {

Verdict path_verdict(const Evidence& evidence, Severity first, Severity others) {
  Verdict verdict;
  verdict.impact = Impact::none;
  verdict.severity = evidence.around.first_of_pair ? first : others;
  return verdict;
}

// -------------------------------------------------------------------------------------- timestamp_stripped

std::optional<Verdict> timestamp_stripped(const Evidence& evidence) {
  const Reading reading(evidence);
  const HalfConnection& client = reading.client;
  const HalfConnection& server = reading.server;
  Verdict verdict = path_verdict(evidence, Severity::warn, Severity::note);
  verdict.fault = Fault::middlebox;
  const auto blanked = [](const HalfConnection& half) {
    return half.syn() && !half.syn_options.timestamps &&
           half.syn_options.longest_nop_run >= kBlankedTimestampNops;
  };
  if (client.syn_copies_disagree || server.syn_copies_disagree) {
    verdict.variant = "both_sides_seen";
    verdict.confidence = Confidence::certain;
    verdict.deciding_frame = (client.syn_copies_disagree ? client : server).syn_copy().frame;
  } else if (blanked(client) || blanked(server)) {
    verdict.variant = "nop_padding";
    verdict.confidence = Confidence::likely;
    verdict.deciding_frame = (blanked(client) ? client : server).syn().frame;
  } else if (reading.now.timestamps_one_way()) {
    verdict.variant = "one_direction";
    verdict.confidence = Confidence::likely;
    verdict.deciding_frame = reading.now.timestamps_one_way().frame;
  } else {
    return {};
  }
  return verdict;
}

/// What the missing option costs, and what it doesn't.
constexpr std::string_view kCost =
    " Nothing breaks by it alone, but TIME_WAIT then can't tell a new connection from an old one (time_wait_collision), "
    "PAWS is off, and round trips are measured worse.";

Narrative narrate_stripped(const Evidence& evidence, const Verdict& verdict) {
  const Reading reading(evidence);
  const HalfConnection& client = reading.client;
  const HalfConnection& server = reading.server;
  Narrative narrative;
  std::string& text = narrative.explanation;
  if (verdict.variant == "both_sides_seen") {
    const bool by_client = client.syn_copies_disagree;
    const HalfConnection& sender = by_client ? client : server;
    text = fmt::format("The same {} of the {} (sequence number {}) was captured twice: {} the TCP timestamp option in {}, {} "
                       "it in {}. A device between the two capture points removed it.",
                       by_client ? "SYN" : "SYN-ACK", name(by_client ? Side::client : Side::server), sender.isn.raw(),
                       sender.syn_options.timestamps ? "with" : "without", frame(sender.syn()),
                       sender.syn_options.timestamps ? "without" : "with", frame(sender.syn_copy()));
  } else if (verdict.variant == "nop_padding") {
    const bool by_client = !client.syn_options.timestamps && client.syn_options.longest_nop_run >= kBlankedTimestampNops;
    const HalfConnection& sender = by_client ? client : server;
    text = fmt::format("The {} of the {} ({}) carries {} NOPs in a row where ten bytes of timestamps would stand, and no "
                       "timestamps: a device on its way blanked the option out (iptables TCPOPTSTRIP and nft `reset tcp "
                       "option` leave exactly that).",
                       by_client ? "SYN" : "SYN-ACK", name(by_client ? Side::client : Side::server), frame(sender.syn()),
                       sender.syn_options.longest_nop_run);
  } else {
    const Side with = client.with_timestamps > 0 ? Side::client : Side::server;
    text = fmt::format("{} puts timestamps into its segments, {} into none of its own ({}): they negotiated the option with "
                       "each other, and a device removes it from one direction.",
                       name(reading.connection, with), name(reading.connection, other(with)),
                       frame(verdict.deciding_frame));
  }
  text += kCost;
  narrative.fix = fmt::format(
      "Stop the device between {} and {} from removing TCP option 8 (firewall \"TCP normalisation\", nft `reset tcp option "
      "timestamp`, a balancer's TCP profile).",
      to_string(reading.connection.endpoint(Side::client).address),
      to_string(reading.connection.endpoint(Side::server).address));
  narrative.blind_spot = verdict.variant == "both_sides_seen"
                             ? ""
                             : "Which device it was can't be seen from one capture point; the same SYN captured on both sides "
                               "of each hop shows it.";
  narrative.ruled_out = {verdict.variant == "nop_padding"
                             ? "timestamp_declined: a host that has them off leaves no gap of NOPs"
                             : "timestamp_declined: both ends know the option on this connection"};
  return narrative;
}

constexpr Variant kStrippedVariants[] = {
    {"both_sides_seen", "the same SYN was captured with the option and without"},
    {"nop_padding", "ten NOPs stand where it was"},
    {"one_direction", "only one side of the connection has it"},
};

// -------------------------------------------------------------------------------------- timestamp_declined

std::optional<Verdict> timestamp_declined(const Evidence& evidence) {
  const Reading reading(evidence);
  const SynOptions& offer = reading.client.syn_options;
  const SynOptions& answer = reading.server.syn_options;
  if (!reading.now.handshake_seen() || !offer.timestamps || !answer.lack_timestamps()) return {};
  Verdict verdict = path_verdict(evidence, Severity::note, Severity::chat);
  verdict.confidence = Confidence::possible;
  verdict.fault = Fault::nobody;
  verdict.deciding_frame = reading.server.syn().frame;
  return verdict;
}

Narrative narrate_declined(const Evidence& evidence, const Verdict&) {
  const Reading reading(evidence);
  Narrative narrative;
  narrative.explanation =
      fmt::format("The SYN ({}) offers TCP timestamps, the SYN-ACK ({}) of {} comes without.", frame(reading.client.syn()),
                  frame(reading.server.syn()), name(reading.connection, Side::server));
  narrative.explanation += kCost;
  narrative.fix = fmt::format(
      "Check `sysctl net.ipv4.tcp_timestamps` on {}, and the TCP profile of a load balancer that answers in its name; if it "
      "is on there, look for a device that removes TCP option 8.",
      to_string(reading.connection.endpoint(Side::server).address));
  narrative.blind_spot =
      "From this side a server without timestamps and a device that strips them look the same. A capture at the server "
      "decides: if the SYN arrives there without the option, or with NOPs in its place, it was stripped.";
  narrative.ruled_out = {"timestamp_stripped: not ruled out; nothing in these two segments shows a device's hand"};
  return narrative;
}

// ------------------------------------------------------------------------------------------------- entries

constexpr Diagnosis kTimestampDiagnoses[] = {
    {"timestamp_stripped", Question::path, Severity::warn,
     "a device on the way removed the TCP timestamp option",
     "Firewalls and balancers that \"normalise\" TCP remove the timestamps from SYNs, so neither end uses them. "
     "Nothing dies of it at once; TIME_WAIT then can't tell a new connection from an old one (time_wait_collision).",
     R"(client                 device                 server
  | -- SYN, TSval=.. ----> | -- SYN, NOP x 10 --> |
  | <----------- SYN-ACK, no timestamps --------- |)",
     "timestamp_declined: there the SYN has the option and only the SYN-ACK lacks it, without NOPs in its place.",
     "On both sides of the device: `tcpdump -nvi any 'tcp[13] & 2 != 0'` prints the options of each SYN; compare two "
     "of the same sequence number. On a Linux device: `nft list ruleset | grep 'reset tcp option'`, `iptables-save | "
     "grep TCPOPTSTRIP`.",
     "Stop the device from removing TCP option 8: take out nft `reset tcp option timestamp` or iptables TCPOPTSTRIP, "
     "set Cisco ASA's tcp-map to `tcp-options timestamp allow`, switch off what a firewall calls TCP normalisation "
     "for this path.",
     kStrippedVariants, timestamp_stripped, narrate_stripped},
    {"timestamp_declined", Question::path, Severity::note,
     "TCP timestamps were offered and not taken up",
     "The SYN has the option, the SYN-ACK doesn't: the server, or a balancer that ends TCP in its name, has "
     "timestamps off, or a device removed them.",
     R"(client                                server
  | ------------- SYN, TSval=.. ------> |
  | <------------ SYN-ACK, without ---- |)",
     "timestamp_stripped: there NOPs, or a second sighting of the same SYN, prove a device.",
     "On the server: `sysctl net.ipv4.tcp_timestamps`, and `tcpdump -nvi any 'tcp[13] & 2 != 0'`: if the SYN arrives "
     "without the option, a device took it. On either end `ss -tin` prints `ts` for connections that use it.",
     "Check net.ipv4.tcp_timestamps on a Linux server (1 is the default), `netsh int tcp set global "
     "timestamps=enabled` on Windows, and the TCP profile of a balancer (F5: `timestamps enabled`).",
     {}, timestamp_declined, narrate_declined},
};

}  // namespace

std::span<const Diagnosis> timestamp_diagnoses() { return kTimestampDiagnoses; }

}  // namespace tcpwhy
