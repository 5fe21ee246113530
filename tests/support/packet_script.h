// Packets, one a line, in the manner of packetdrill: for stories that no kernel would act out, and to read what a
// story left in a capture.
//
//   // time  dir flags start:end(length) ack window    options                             what else is known
//   +0       >   S     0:0(0)                win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
//   +.02     <   S.    0:0(0)          ack 1 win 65160 <mss 1460,sackOK,TS val 700 ecr 100,nop,wscale 7>
//   +0       >   .     1:1(0)          ack 1 win 502   <nop,nop,TS val 120 ecr 700>
//   +.001    >   P.    1:79(78)        ack 1 win 502   "GET / HTTP/1.1\r\n"
//   +5.91    <   R     1:1(0)                win 0     id 0 ttl 63
//
// Time is relative to the line before, in seconds. `>` goes from the client to the server. Flags are S F R P U and
// `.` for ACK. Sequence numbers count from the sender's ISN, so that both sides begin at 0. What may be left out:
// `start:end(length)` (then the segment begins where the sender's last one ended, and is as long as its payload),
// `ack` (then everything that the other side has sent so far), `win` (502; 0 for R), `<…>` (none), `id` (the next),
// `ttl` (64). `+0 gap 5` style verbs don't exist: time is in front of every packet. `//` begins a comment.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/packet.h"

namespace tcpwhy::tests {

/// Who speaks in a script.
struct ScriptCast {
  Nanoseconds begin = 0;
  Endpoint client;
  Endpoint server;
  SequenceNumber client_isn{1'000};
  SequenceNumber server_isn{2'000'000'000};
};

/// "line 3: …": what is wrong with a script, and where.
class ScriptError : public std::runtime_error {
 public:
  ScriptError(std::size_t line, std::string_view what);
};

/// The packets of a script. Throws ScriptError.
[[nodiscard]] std::vector<Packet> parse_script(std::string_view script, const ScriptCast& cast);

/// A packet as a script line, without time and payload. Sequence numbers count from those of `cast`.
[[nodiscard]] std::string to_line(const Packet& packet, const ScriptCast& cast);

/// A whole capture, a line a frame: number, stream, time since the first frame, and the script's line with sequence
/// numbers counted from each stream's first.
[[nodiscard]] std::string to_lines(const Capture& capture);

}  // namespace tcpwhy::tests
