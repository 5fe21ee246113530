// Every threshold that isn't a preference: unit, value, and where the value comes from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "settings.h"

namespace tcpwhy {

/// Streams that a process closes as it exits: the kernel walks its descriptors without a pause.
constexpr Nanoseconds kSameMoment = 20 * kMillisecond;
/// Closes of one moment are an event if there are hardly any others within this.
constexpr Nanoseconds kEventSurroundings = kSecond;
/// Uncalled closes remembered for each server endpoint; the oldest is dropped first.
constexpr std::size_t kUncalledCloses = 64;

/// Closes that agree show a timer, if there are as many as this; and this many of one moment, after other silences, an event.
constexpr std::size_t kFewestOfTimer = 3;
constexpr std::size_t kFewestOfEvent = 3;
/// Silences that are longer tell of a clock, not of a timeout: conntrack's five days are the longest default that is known. Short
/// enough for all sums of them to fit into 64 bits.
constexpr Nanoseconds kLongestSpell = 10 * 86'400 * kSecond;
/// One connection that is forgotten may have met a reboot; two show a habit.
constexpr std::size_t kFewestForgotten = 2;
/// Closes after silences that differ by less than a period show a sweep, if there are as many as this.
constexpr std::size_t kFewestOfSweep = 8;
/// Silences that one timer ended differ by no more than the noise of two ways and of scheduling, or by 1 % (coarse timers).
constexpr Nanoseconds kTimerNoise = 20 * kMillisecond;
constexpr Nanoseconds kTimerPrecision = 100;
/// How much of all closes has to agree with a timer: of all 3 in 5, since a server closes for other reasons too, and of those
/// near it, within 3 to 5 of its value, 9 in 10; else it is a sweep that looks like a timer. Chosen so that the simulation in
/// tests/idle_timeout_test.cpp stays within its own spread.
constexpr Nanoseconds kNearNumerator = 3;
constexpr Nanoseconds kNearDenominator = 5;
constexpr std::size_t kNearPerTen = 9;
/// Of the closes of a sweep one in 20 at each end may be another's. All others lie within 3 fifths of the timeout: whims are
/// spread wider. Chosen by the same simulation.
constexpr std::size_t kStrayOfSweep = 20;
/// A timer is none where a silence was survived that it doesn't allow, as often as once in 10 closes.
constexpr std::size_t kSurvivedPerClose = 10;
/// What a client should stay below its server's idle timeout, beside a round trip: timers of both sides fire late.
constexpr Nanoseconds kSafetyBelowTimeout = kSecond / 2;
/// Timers that tick in milliseconds (epoll_wait, nginx, libuv, HAProxy) fire up to a tick early or late.
constexpr Nanoseconds kTimerGranularity = 2 * kMillisecond;

/// A copy of a packet (a capture on `any`, a mirror of both ports) follows its original this closely when no
/// IP ID tells them apart. Linux never retransmits before TCP_RTO_MIN, 200 ms; a tail loss probe waits two
/// round trips (RFC 8985 section 7.2).
constexpr Nanoseconds kCopyWindow = kMillisecond;
/// With an equal, non-zero IP ID a copy may come later: a mirror that buffers, a merged second vantage point.
constexpr Nanoseconds kCopyWindowWithIpId = kSecond;

/// Packets of one direction that were seen at two places, before one that was seen at one of them alone means something.
constexpr std::uint8_t kFewestAtBothPoints = 3;

/// A RST that an abort sends continues the socket's IP ID counter; more than this many packets on, it is
/// another counter. Hosts with one counter for all sockets skip some.
constexpr std::uint16_t kIpIdStep = 64;

/// Ten NOPs fill the ten bytes of a timestamp option that iptables TCPOPTSTRIP or nft `reset tcp option`
/// blanked (captures 07a); alignment alone never needs more than three.
constexpr std::uint8_t kBlankedTimestampNops = 10;

/// Retransmissions of one segment, without any answer, before silence counts as a black hole: at Linux's
/// 200 ms RTO three of them span 1.4 s, which a lossy but living path does not reach (capture 15c).
constexpr std::uint8_t kBlackholeRetransmissions = 3;
constexpr Nanoseconds kBlackholeSpan = kSecond;

/// The same outside of an idle gap, where a lossy path is the rival: four at 200 ms RTO span 3 s.
constexpr std::uint8_t kGivenUpRetransmissions = 4;
constexpr Nanoseconds kGivenUpSpan = 3 * kSecond;

/// No host waits longer than this before it repeats data that nobody acknowledges, if nothing is known of the path
/// (RFC 6298 sections 2.1 and 5.7): where data stood for longer, its acknowledgment was not captured.
constexpr Nanoseconds kLongestFirstTimeout = 3 * kSecond;

/// Twice the maximum segment lifetime (RFC 9293 section 3.4.2: two minutes): an acknowledgment that takes longer was held
/// back or not captured, and is no measure of the path.
constexpr Nanoseconds kLongestRoundTrip = 240 * kSecond;

/// Bytes by which an acknowledgment may be captured before what it acknowledges: the first flight, ten segments (RFC 6928).
constexpr std::int32_t kDisorder = 14'600;

/// Unanswered SYNs, the first included, before a connect counts as blocked rather than as a lost packet.
constexpr std::uint8_t kBlockedSyns = 3;

/// A close_notify record: TLS 1.3 seals it as application data of 19 bytes (RFC 8446 section 5.2), TLS 1.2
/// with AES-GCM as an alert of 26 (RFC 5288), so a record with at most this much says goodbye.
constexpr std::uint16_t kFarewellRecord = 26;

/// The shortest TLS record that can hold a request of HTTP/1.1, of 27 bytes and more, is longer than this; control frames of
/// HTTP/2 (SETTINGS, PING, GOAWAY, RFC 9113 section 6) are not.
constexpr std::uint16_t kControlRecord = 41;

/// What a client says of the handshake when all is well: ChangeCipherSpec and Finished, without a certificate of its own
/// (RFC 8446 section 4.4.4, RFC 5246 section 7.4.9).
constexpr std::uint32_t kFinishedBytes = 150;

/// QUIT, COM_QUIT, Terminate, an LDAP unbind: words of parting in protocols without encryption are shorter than requests.
constexpr std::uint32_t kGoodbyeBytes = 17;

/// What a peer sends between our close and its own noticing: a close_notify, an HTTP/2 GOAWAY, a ping.
/// More is a body that somebody still wanted.
constexpr std::uint32_t kFarewellBytes = 128;

/// A retry of a failed request that comes later than this is another user's action.
constexpr Nanoseconds kRetryWindow = 60 * kSecond;

/// The same where only time tells that it is a retry: what cannot be read, and connects.
constexpr Nanoseconds kRetryByTimeWindow = 10 * kSecond;
/// So many times as long the client had to be quiet before the failure: of connects at random one in five is.
constexpr Nanoseconds kQuietBeforeRetry = 4;
/// Who has not repeated a request that can be read for as long as this has given up, as far as a capture tells.
constexpr Nanoseconds kRetryPatience = kSecond;

/// Who repeats a request within this of its failure does so at once: what is left is the work of a client and a connect.
constexpr Nanoseconds kAtOnce = 100 * kMillisecond;
/// Pauses that differ by less than this part are the same: a client's scheduling, and its connect.
constexpr Nanoseconds kAlikePauses = 5;
/// Pauses before repetitions that are kept of one client towards one server.
constexpr std::size_t kAttemptsKept = 16;

/// TCP timestamp clocks tick between 1 ms and 1 s (RFC 7323 section 5.4): a silence in which the sender's
/// clock stood still for longer than this is a step of the capture's clock.
constexpr Nanoseconds kSlowestTimestampTick = kSecond;

/// A round trip shorter than this is lost in the noise of scheduling: nothing can be called faster than it.
constexpr Nanoseconds kMeasurableRoundTrip = kMillisecond;

/// What a NetScaler offers in its SYN or SYN-ACK, six segments of 1,365 bytes, and nobody else in thousands of captures. Only of
/// who did so the window of a RST is a reason code.
constexpr std::uint16_t kNetScalerWindow = 8190;

/// A RST's own words: so much is kept, and fewer characters than the least are noise.
constexpr std::size_t kLongestResetText = 80;
constexpr std::size_t kShortestResetText = 4;

/// RST frames kept of one stream; later ones are counted.
constexpr std::size_t kResetsKept = 4;

/// Linger: a stream closed cleanly this long ago (capture time) gives up its memory. Farewells that crossed the close
/// come within a round trip, a retransmitted FIN within a few RTOs.
constexpr Nanoseconds kLinger = 10 * kSecond;

/// So many linger: what comes later than a round trip comes while no more than 800 connections a second are closed.
constexpr std::size_t kLingering = std::size_t{1} << 13;

/// A proxy that has lost one leg tells the other at once: what is left are the delays of its own scheduling. nginx and
/// HAProxy take well under 1 ms (captures 02a, 05a).
constexpr Nanoseconds kPropagation = 20 * kMillisecond;
/// A proxy that nothing but the request tells passes it on within this, and a round trip of both legs for its connect. One that
/// lets requests queue is missed; two clients of one mind are no proxy.
constexpr Nanoseconds kForwarding = 100 * kMillisecond;
/// How far a segment that conntrack finds out of window may lie from the numbers of its connection: the largest window of
/// RFC 7323 section 2.3, 1 GiB, and some. With the acknowledgment close by, the numbers of a foreign connection agree once in
/// some 2^18.
constexpr std::int64_t kFarthestStray = std::int64_t{1} << 27;
constexpr std::int64_t kLargestWindowInFlight = 1 << 17;
/// Searches for the stream that a stray segment belongs to, in the whole capture: each looks at all live connections.
constexpr std::size_t kSearchesForOriginals = 64;
/// Legs that broke lately and whose other leg is still looked for; the oldest is dropped first.
constexpr std::size_t kRecentLegs = 256;
/// Streams on which the failure of one other leg shows.
constexpr std::size_t kSymptomsKept = 8;
/// Proxies that are known by an address on each side; later ones are not learned.
constexpr std::size_t kMostProxies = 64;

/// The latest SYNs, among which the same one is looked for behind a NAT: it comes within milliseconds.
constexpr std::size_t kLatestSyns = 64;

/// Requests whose retry is still looked for, in the whole capture; the oldest is dropped first.
constexpr std::size_t kRecentRequests = 1024;

// ------------------------------------------------------------------------------------------------- memory
//
// What the core may hold, whatever the capture. Of each kind the oldest is dropped first, and what was dropped is counted
// (Forgotten, analyzer.h). The sum is checked where the sizes are known: tracker.cpp.

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr std::size_t kMemory = 512 * kMebibyte;

/// Connections, with all that hangs on them: a million healthy ones.
constexpr std::size_t kConnectionMemory = 280 * kMebibyte;
/// Connections that stay unpacked at once, those of them that could be packed: as many as a busy second touches. Others are
/// packed when they were not heard for longest.
constexpr std::size_t kHotConnections = 24'576;
/// Streams of which it is kept what became of them: more are not observed. Those that are over and forgotten don't count. Wireshark
/// keeps several hundred bytes of each.
constexpr std::size_t kStreams = std::size_t{1} << 23;
/// Closed connections of which the next one on their ports may want to know: those of a minute (TIME_WAIT) at 1,000 a second.
constexpr std::size_t kRetired = std::size_t{1} << 16;
/// Server endpoints without a live connection whose survey is kept. The others count as their connections'.
constexpr std::size_t kSurveys = std::size_t{1} << 14;
/// Servers, and pairs of client and server, whose silences are kept; silences of one kind of each, and of all together.
constexpr std::size_t kProfiles = std::size_t{1} << 13;
constexpr std::size_t kSpellsKept = 64;
constexpr std::size_t kSpells = std::size_t{1} << 16;
/// Connections that each edge of a capture cuts.
constexpr std::size_t kCutConnections = std::size_t{1} << 13;
/// Verdicts on streams, and what one costs (analyzer.cpp).
constexpr std::size_t kSealedVerdict = 64;
constexpr std::size_t kFindings = std::size_t{1} << 18;
/// Frames with an idle gap, with a reset, and with a close after a silence: on those that come later, only their first visit tells.
constexpr std::size_t kFrameNote = 16;
constexpr std::size_t kFrameNotes = std::size_t{1} << 19;
/// Failed requests, and failed connects, whose repetition was found; pairs of addresses with odd timestamps; broken legs
/// that another one follows from.
constexpr std::size_t kRepetitions = std::size_t{1} << 15;
constexpr std::size_t kOddPairs = std::size_t{1} << 16;
constexpr std::size_t kLinkedLeg = 352;
constexpr std::size_t kLinkedLegs = std::size_t{1} << 15;

}  // namespace tcpwhy
