#include "catalogue.h"

#include <algorithm>
#include <vector>

#include "diagnoses/families.h"

namespace tcpwhy {
namespace {

/// Precedence: what rests on the most specific facts comes first, and honesty comes last. Within a family the
/// entries stand in their own order.
std::vector<const Diagnosis*> collect() {
  std::vector<const Diagnosis*> all;
  for (const auto family : {reuse_diagnoses(), connecting_diagnoses(), timestamp_diagnoses(), idle_diagnoses(), legs_diagnoses(),
                            middle_diagnoses(), waiting_diagnoses(), closing_diagnoses(), dying_diagnoses(),
                            habit_diagnoses(), honesty_diagnoses()}) {
    for (const Diagnosis& diagnosis : family) all.push_back(&diagnosis);
  }
  return all;
}

}  // namespace

std::span<const Diagnosis* const> catalogue() {
  static const std::vector<const Diagnosis*> kAll = collect();
  return kAll;
}

const Diagnosis* find_diagnosis(std::string_view id) {
  const auto all = catalogue();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Diagnosis* entry) { return entry->id == id; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace tcpwhy
