// Profiles as text, to be kept and added to those of another capture: a key file of GLib (sections, key=value), so that a
// person can read it and `diff` can compare two.
//
//   [tcpwhy profile]
//   version=1
//
//   [route 1]
//   client=10.1.0.10
//   server=10.1.0.20:3000
//   server_closed=6000370000,6000370000,1795204400647712000,12004000000,300000,5;...
//   server_closed.count=30
//
// Keys: answered, forgotten, met_close, server_closed, client_closed, each with its count (as many as there were; fewer may be
// kept). A silence is its length, the silence without any segment, when it ended, the connection's age (-1: unknown) and the
// round trip, all in nanoseconds, and the seconds that the server announced; a ";" ends it. Streams and frames are numbers of
// one capture and not kept, and neither are the capture's edges: what is read can be added to, but continues nothing.
//
// Versions: a reader refuses one that it doesn't know. Unknown keys of a version that it knows are skipped.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "profile.h"

namespace tcpwhy {

/// What is wrong with a text that is no profile.
class ProfileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[nodiscard]] std::string to_text(const Profiles& profiles);

/// Throws ProfileError where the text is no profile, or of an unknown version.
[[nodiscard]] Profiles profiles_from(std::string_view text);

}  // namespace tcpwhy
