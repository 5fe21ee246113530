// The pages of docs/ that are printed from the catalogue.
#pragma once

#include <string>

namespace tcpwhy::docs {

[[nodiscard]] std::string diagnoses_page();  ///< docs/diagnoses.md
[[nodiscard]] std::string fields_page();     ///< docs/fields.md

}  // namespace tcpwhy::docs
