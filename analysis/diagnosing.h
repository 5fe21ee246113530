// From evidence to findings: asks the catalogue, and puts its answers into words. Pure functions.
#pragma once

#include <optional>
#include <vector>

#include "catalogue.h"
#include "evidence.h"
#include "finding.h"

namespace tcpwhy {

/// What one signature says of a stream.
[[nodiscard]] std::optional<Verdict> ask(const Diagnosis& diagnosis, const Evidence& evidence);
/// The verdicts on one stream: the first signature that fits answers its question.
[[nodiscard]] std::vector<Verdict> diagnose(const Evidence& evidence);
/// A verdict on that evidence, with its proofs and in words.
[[nodiscard]] Finding explain(const Evidence& evidence, const Verdict& verdict);

/// What a client and a server show together, if anything.
[[nodiscard]] std::optional<RouteVerdict> ask(const RouteEvidence& evidence);
/// The same, said on one of their streams.
[[nodiscard]] Finding explain(const RouteEvidence& evidence, StreamNumber stream, const Verdict& verdict);

}  // namespace tcpwhy
