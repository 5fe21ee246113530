// The pages of docs/ that are printed from the catalogue.
#pragma once

#include <string>

namespace tcpwhy::docs {

[[nodiscard]] std::string diagnoses_page();  ///< docs/diagnoses.md
[[nodiscard]] std::string fields_page();     ///< docs/fields.md
[[nodiscard]] std::string timeouts_page();   ///< docs/known_timeouts.md

}  // namespace tcpwhy::docs
