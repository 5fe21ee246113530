// What others already say of an incident: the words of a reset, the reason codes of devices, what a server announced of
// its keep-alive, a router that finds segments too big. It is quoted and never believed: no verdict depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reading.h"

namespace tcpwhy {

/// Why a device reset, by its own account.
struct ResetReason {
  std::string_view words;       ///< A clause: "nobody answered its keep-alive probes".
  std::string_view speaks_for;  ///< The diagnosis that it amounts to; "" for none.
};

/// What a NetScaler means by the window of its RST; nothing where it is no code that is known here.
[[nodiscard]] std::optional<ResetReason> netscaler_reason(std::uint16_t window);

/// "lack of resources", for a reason of MP_TCPRST (RFC 8684 section 3.6); "" where it is none of the registered ones.
[[nodiscard]] std::string_view mptcp_reason(std::uint8_t code);

/// Adds what the reset itself says: quoted in the explanation, and listed with what was ruled out where it contradicts.
void add_hearsay(const Evidence& evidence, const Verdict& verdict, Narrative& narrative);

/// What the server's last response before its close announced of it, as a sentence behind others; "" where nothing. An
/// announced timeout is followed by what came of it: " and closes after 6.00 s".
[[nodiscard]] std::string announced_close(const Reading& reading, std::string_view outcome);
/// That response said that no request may follow it.
[[nodiscard]] bool announced_last_response(const Reading& reading);
/// The idle timeout that it announced; 0 where none.
[[nodiscard]] Nanoseconds announced_timeout(const Reading& reading);

/// Why segments of a side that nobody hears may be too big for the path, as a sentence behind others; "" where nothing
/// suggests it: a router said so, or they are full-size and only smaller ones ever got through.
[[nodiscard]] std::string suspect_path_mtu(const Reading& reading, Side sender);

}  // namespace tcpwhy
