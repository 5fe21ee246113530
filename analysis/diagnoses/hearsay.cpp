#include "hearsay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "../catalogue.h"
#include "../words.h"

namespace tcpwhy {
namespace {

struct NetScalerCode {
  std::uint16_t first;
  std::uint16_t last;
  ResetReason reason;
};

/// Citrix CTX200852, as far as a connection's user has something of it; the first row that fits.
constexpr NetScalerCode kNetScalerCodes[] = {
    {8196, 8196, {"the TLS records made no sense", "tls_failure"}},
    {8201, 8202, {"a packet came for a connection that it no longer had", ""}},
    {8204, 8207, {"a handshake did not fit what it knew of these ports", ""}},
    {8208, 8208, {"too much was retransmitted", ""}},
    {8209, 8209, {"its memory was exhausted", ""}},
    {8211, 8211, {"one of its timers for idle connections fired", "idle_reset"}},
    {8212, 8212, {"a SYN or its answer belonged to no service or connection that it had", ""}},
    {9100, 9100, {"a request stayed incomplete for too long", "request_timeout"}},
    {9216, 9216, {"its memory was exhausted", ""}},
    {9219, 9220, {"its memory was exhausted", ""}},
    {9201, 9222, {"the HTTP on the connection made no sense", ""}},
    {9300, 9303, {"one of its timers for idle, half-closed or orphaned connections fired, or the service behind it is down",
                  "idle_reset"}},
    {9304, 9304, {"the peer kept its window closed through all probes", ""}},
    {9307, 9309, {"the peer kept its window suspiciously small", ""}},
    {9310, 9310, {"nobody answered its keep-alive probes", "keepalive_probe_timeout"}},
    {9400, 9400, {"it made room among its pooled connections to the server", ""}},
    {9401, 9401, {"it was full, or reconfigured, and flushed connections", ""}},
    {9700, 9701, {"it only passed on a reset that it had got on the connection's other leg", "propagated"}},
    {9702, 9702, {"data came after a FIN", "write_after_close"}},
    {9800, 9800, {"its health check of the service timed out", ""}},
    {9811, 9811, {"TLS failed, and it had sent a fatal alert", "tls_failure"}},
    {9812, 9812, {"an address was removed from its configuration", ""}},
    {9814, 9814, {"a policy of its configuration demands it", ""}},
    {9816, 9818, {"TLS failed, or its certificate was being changed", "tls_failure"}},
    {9822, 9822, {"its TLS settings were changed", ""}},
    {9826, 9826, {"its memory was exhausted", ""}},
    {9827, 9827, {"its TLS settings were changed", ""}},
    {9830, 9830, {"a rule of its configuration denies the connection", ""}},
    {9833, 9833, {"TLS failed", "tls_failure"}},
    {9838, 9838, {"the TLS records made no sense", "tls_failure"}},
    {9845, 9845, {"a policy of its configuration demands it", ""}},
    {9855, 9855, {"its queue for connections to the service was full", ""}},
    {9951, 9952, {"TLS failed, or the peer said so by an alert", "tls_failure"}},
    {9953, 9953, {"a timeout of its configuration demands it", "idle_reset"}},
    {9960, 9980, {"MPTCP failed", ""}},
};

/// The reset that a verdict is about: of a connect, or of a connection.
const Reset* reset_of(const Connection& connection, const Verdict& verdict) {
  const Trouble* trouble = connection.trouble();
  if (trouble == nullptr || verdict.reset_kind == ResetKind::none) return nullptr;
  if (trouble->refusal.count > 0 && trouble->refusal.reset.segment.at.frame == verdict.deciding_frame) {
    return &trouble->refusal.reset;
  }
  return connection.broken() != nullptr ? &trouble->broken.resets[0] : nullptr;
}

/// A verdict that says in its own words what the device says.
bool agrees(const Verdict& verdict, const ResetReason& reason) {
  if (reason.speaks_for.empty() || verdict.diagnosis->id == reason.speaks_for) return true;
  // A timer of the device's is what meets the request of a race, too, and what loses patience.
  constexpr std::array<std::string_view, 6> kTimers = {"keepalive_race", "stale_reuse",      "dead_keepalive",
                                                       "idle_state_lost", "response_timeout", "request_timeout"};
  return reason.speaks_for == "idle_reset" && std::find(kTimers.begin(), kTimers.end(), verdict.diagnosis->id) != kTimers.end();
}

/// Between quotation marks of ours there are none of theirs.
std::string quoted(const ResetText& said) {
  std::string text(said.text());
  std::replace(text.begin(), text.end(), '"', '\'');
  return fmt::format("\"{}{}\"", text, said.length == kLongestResetText ? "…" : "");
}

/// A farewell that nobody asked for (a 408 of an idle timer) announces nothing: it is the close.
const Turn* last_response(const Reading& reading) {
  const Turn& response = reading.at.half(Side::server).turn;
  return response && !response.unasked && response.payload.kind == PayloadKind::http_response ? &response : nullptr;
}

/// Of a segment on the wire, from the IP header on.
std::uint32_t packet_size(const Reading& reading, const HalfConnection& sender, std::uint32_t length) {
  constexpr std::uint32_t kTcp = 20;
  constexpr std::uint32_t kTimestamps = 12;
  const std::uint32_t ip = reading.connection.endpoint(Side::client).address.length == 4 ? 20 : 40;
  return ip + kTcp + (sender.with_timestamps > 0 ? kTimestamps : 0) + length;
}

}  // namespace

std::optional<ResetReason> netscaler_reason(std::uint16_t window) {
  const auto* const found = std::find_if(std::begin(kNetScalerCodes), std::end(kNetScalerCodes), [&](const NetScalerCode& row) {
    return row.first <= window && window <= row.last;
  });
  if (found == std::end(kNetScalerCodes)) return {};
  return found->reason;
}

std::string_view mptcp_reason(std::uint8_t code) {
  constexpr std::array<std::string_view, 7> kReasons = {"none given",
                                                        "an error in MPTCP itself",
                                                        "lack of resources",
                                                        "forbidden by policy",
                                                        "too much data outstanding",
                                                        "unacceptable performance of this subflow",
                                                        "a middlebox that interferes with MPTCP"};
  return code < kReasons.size() ? kReasons[code] : "";
}

void add_hearsay(const Evidence& evidence, const Verdict& verdict, Narrative& narrative) {
  const Connection& connection = evidence.connection;
  const Reset* reset = reset_of(connection, verdict);
  if (reset == nullptr) return;
  std::string& text = narrative.explanation;
  const ResetText& said = connection.trouble()->reset_text;
  if (said.frame != 0) text += fmt::format(" The RST itself ({}) says {}.", frame(said.frame), quoted(said));
  const Portrait& segment = reset->segment;
  if (segment.mptcp_reset != 0) {
    const auto code = static_cast<std::uint8_t>(segment.mptcp_reset - 1);
    const std::string_view words = mptcp_reason(code);
    text += fmt::format(" Its MPTCP option gives the reason {}{}{}.", code, words.empty() ? "" : ": ", words);
  }
  if (segment.mptcp_fastclose) {
    text += " Its MPTCP option says MP_FASTCLOSE: the sender gave up the whole MPTCP connection, not only this subflow.";
  }
  const auto reason = connection.decisive().half(reset->by).netscaler ? netscaler_reason(segment.window) : std::nullopt;
  if (!reason) return;
  text += fmt::format(" The {} shows itself as a NetScaler, whose RST gives code {} as its reason: {}.", name(reset->by),
                      segment.window, reason->words);
  if (agrees(verdict, *reason)) return;
  narrative.ruled_out.push_back(fmt::format("{}: not ruled out; by its own account (code {}) the NetScaler reset because {}",
                                            reason->speaks_for, segment.window, reason->words));
}

bool announced_last_response(const Reading& reading) {
  const Turn* response = last_response(reading);
  return response != nullptr && (response->payload.closes || response->payload.used_up);
}

Nanoseconds announced_timeout(const Reading& reading) {
  const Turn* response = last_response(reading);
  return response != nullptr ? response->payload.keep_alive * kSecond : 0;
}

std::string announced_close(const Reading& reading, std::string_view outcome) {
  if (announced_last_response(reading)) {
    const Turn& response = *last_response(reading);
    return fmt::format(" The server had said `{}` ({}): the client must not reuse the connection.",
                       response.payload.closes ? "Connection: close" : "Keep-Alive: max=0", frame(response.begin));
  }
  if (announced_timeout(reading) == 0) return {};
  const Turn& response = *last_response(reading);
  return fmt::format(" The server had announced `Keep-Alive: timeout={}` ({}){}.", response.payload.keep_alive,
                     frame(response.begin), outcome);
}

std::string suspect_path_mtu(const Reading& reading, Side side) {
  const HalfConnection& sender = reading.at.half(side);
  const HalfConnection& peer = reading.at.half(other(side));
  const Glimpse& last = sender.recent[0];
  const Trouble* trouble = reading.connection.trouble();
  // The error may be about the other side's segments: its size tells.
  const auto exceeds = [&](std::uint32_t length, std::uint32_t mtu) { return packet_size(reading, sender, length) > mtu; };
  if (trouble != nullptr && trouble->too_big.frame > sender.oldest_unacked.frame &&
      exceeds(std::max(last.length, sender.last_length), trouble->too_big.mtu)) {
    const IcmpError& error = trouble->too_big;
    const bool still_too_big = exceeds(last.length, error.mtu);
    return fmt::format(" A router had dropped such a segment as too big ({}, ICMP{} type {} code {}{}){}: a path-MTU black hole.",
                       frame(error.frame), error.v6 ? "v6" : "", error.type, error.code,
                       error.mtu != 0 ? fmt::format(", next hop's MTU {}", bytes(error.mtu)) : "",
                       still_too_big ? ", and the repetitions were no smaller, as if the sender had never heard of it"
                                     : ", and the repetitions, though smaller, fared no better");
  }
  const std::uint16_t mss = std::min(sender.syn_options.mss, peer.syn_options.mss);
  if (mss == SynOptions::kNoMss || last.length > mss || !fills_segments(sender, peer, last.length)) return {};
  if (!sender.syn() || !peer.ack_known || !reading.now.handshake_seen()) return {};
  const std::int32_t delivered = peer.ack.since(sender.isn + 1);
  if (delivered < 0 || delivered >= static_cast<std::int32_t>(last.length)) return {};
  return fmt::format(
      " It is full-size ({}), and no such segment of this side was ever acknowledged, only smaller ones: a path-MTU black hole "
      "looks like this, where a router drops what is too big and its ICMP errors are filtered.",
      bytes(last.length));
}

}  // namespace tcpwhy
