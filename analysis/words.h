// Numbers and names as a person reads them. Every text of tcpwhy is put together from these.
#pragma once

#include <string>
#include <string_view>

#include "evidence.h"

namespace tcpwhy {

/// "5.91 s", "31 ms", "80 µs": three significant digits at most. Negative values read as 0.
[[nodiscard]] std::string duration(Nanoseconds value);
/// "1 byte", "14,480 bytes".
[[nodiscard]] std::string bytes(std::uint64_t count);
/// "3 streams", "1 stream": the plural adds an s.
[[nodiscard]] std::string plural(std::uint64_t count, std::string_view noun);
/// "frame 412", or "a frame that was not captured" for 0.
[[nodiscard]] std::string frame(FrameNumber number);
[[nodiscard]] inline std::string frame(const Mark& mark) { return frame(mark.frame); }
/// "server 10.1.0.20:3000".
[[nodiscard]] std::string name(const Connection& connection, Side side);
[[nodiscard]] std::string_view name(Side side);
/// Gives each sentence its capital letter: names such as "server 10.1.0.20:3000" may begin one.
void capitalise_sentences(std::string& text);
/// What a turn is called: "GET", "TLS record", "request".
[[nodiscard]] std::string_view name(const Turn& turn);

}  // namespace tcpwhy
