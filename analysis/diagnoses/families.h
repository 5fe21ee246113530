// The families of the catalogue: one file each, with its entries, signatures and words side by side.
#pragma once

#include <span>

#include "../catalogue.h"

namespace tcpwhy {

[[nodiscard]] std::span<const Diagnosis> idle_diagnoses();        ///< idle.cpp: keep-alive and idle connections.
[[nodiscard]] std::span<const Diagnosis> waiting_diagnoses();     ///< waiting.cpp: waiting and giving up.
[[nodiscard]] std::span<const Diagnosis> closing_diagnoses();     ///< closing.cpp: how connections are closed.
[[nodiscard]] std::span<const Diagnosis> connecting_diagnoses();  ///< connecting.cpp: how they are opened.
[[nodiscard]] std::span<const Diagnosis> reuse_diagnoses();       ///< reuse.cpp: reused ports.
[[nodiscard]] std::span<const Diagnosis> timestamp_diagnoses();   ///< timestamps.cpp: the option and its loss.
[[nodiscard]] std::span<const Diagnosis> middle_diagnoses();      ///< middle.cpp: what devices on the way do.
[[nodiscard]] std::span<const Diagnosis> dying_diagnoses();       ///< dying.cpp: stopping in the middle.
[[nodiscard]] std::span<const Diagnosis> legs_diagnoses();        ///< legs.cpp: what a proxy passes on.
[[nodiscard]] std::span<const Diagnosis> habit_diagnoses();       ///< habits.cpp: what whole endpoints show.
[[nodiscard]] std::span<const Diagnosis> honesty_diagnoses();     ///< honesty.cpp: what can't be told.

}  // namespace tcpwhy
