// A silence on a connection that was at rest, and how it ended: the one kind of fact from which all that is said of idle
// timeouts is derived. A value; a bag of them can be added to another.
#pragma once

#include <array>
#include <cstdint>

#include "segment.h"

namespace tcpwhy {

enum class SpellEnd : std::uint8_t {
  answered,       ///< The client sent a request, and the server answered it.
  forgotten,      ///< The client sent a request, and nobody knew the connection any more, or nothing came back.
  met_close,      ///< The client sent a request, and the server's close met it.
  server_closed,  ///< The server closed, and nothing was outstanding.
  client_closed,
};

inline constexpr std::array kSpellEnds = {SpellEnd::answered, SpellEnd::forgotten, SpellEnd::met_close,
                                          SpellEnd::server_closed, SpellEnd::client_closed};

struct IdleSpell {
  /// Without data of either side, in nanoseconds, as whoever ended it saw it; never negative.
  Nanoseconds length = 0;
  /// Without any segment: what a device on the way sees. At most `length`.
  Nanoseconds silence = 0;
  Nanoseconds ended = 0;       ///< When, in capture time.
  Nanoseconds age = kUnknown;  ///< Of the connection by then.
  Nanoseconds round_trip = 0;  ///< From end to end; 0: not measured.
  StreamNumber stream = 0;
  FrameNumber frame = 0;       ///< The request, or the close.
  std::uint16_t advertised = 0;  ///< Seconds of the last response's `Keep-Alive: timeout=`; 0: not said.
  SpellEnd end = SpellEnd::answered;

  static constexpr Nanoseconds kUnknown = -1;

  friend bool operator==(const IdleSpell&, const IdleSpell&) = default;
};

}  // namespace tcpwhy
