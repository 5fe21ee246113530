#include "diagnosing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "diagnoses/hearsay.h"
#include "diagnoses/reading.h"
#include "words.h"

namespace tcpwhy {

std::optional<Verdict> ask(const Diagnosis& diagnosis, const Evidence& evidence) {
  if (diagnosis.signature == nullptr) return {};
  std::optional<Verdict> verdict = diagnosis.signature(evidence);
  if (verdict) verdict->diagnosis = &diagnosis;
  return verdict;
}

std::vector<Verdict> diagnose(const Evidence& evidence) {
  constexpr std::size_t kQuestions = 4;
  std::array<std::optional<Verdict>, kQuestions> answers;
  for (const Diagnosis* diagnosis : catalogue()) {
    std::optional<Verdict>& answer = answers[static_cast<std::size_t>(diagnosis->question)];
    if (!answer) answer = ask(*diagnosis, evidence);
  }
  std::vector<Verdict> verdicts;
  for (const std::optional<Verdict>& answer : answers) {
    if (answer) verdicts.push_back(*answer);
  }
  return verdicts;
}

namespace {

/// A 504 is a timeout of its own, and shows what the other leg took, too.
bool shows_other_leg(const Evidence& evidence, const Verdict& verdict) {
  return verdict.diagnosis->of_other_leg || evidence.connection.now().gateway_failure().answer;
}

/// The frames that a verdict rests on, each once, with the part that it plays.
std::vector<Proof> collect_proofs(const Evidence& evidence, const Verdict& verdict) {
  const Connection& connection = evidence.connection;
  const ConnectionState& now = connection.now();
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  std::vector<Proof> proofs;
  const auto add = [&](FrameNumber frame, std::string_view part) {
    const bool known = std::any_of(proofs.begin(), proofs.end(), [&](const Proof& p) { return p.frame == frame; });
    if (frame != 0 && !known) proofs.push_back({frame, part});
  };
  if (verdict.diagnosis->question == Question::ending) {
    if (const Break* broken = connection.broken()) {
      for (std::size_t i = 0; i < broken->kept; ++i) add(broken->resets[i].segment.at.frame, "reset");
    }
    if (!client.turn.answered) add(client.turn.begin.frame, "the unanswered request");
    add(server.fin().frame, "the server's FIN");
    add(client.fin().frame, "the client's FIN");
    add(server.turn.begin.frame, "the last response");
    if (shows_other_leg(evidence, verdict)) {
      for (const auto& [shown, leg] : evidence.around.other_legs) {
        add(leg.at.frame, "the other leg breaks");
        add(shown.frame, "this leg shows it");
      }
    }
    if (const auto& passed = evidence.around.passed_on) add(passed->at.frame, "the other leg shows it");
    if (const auto& retry = evidence.around.request_retry) add(retry->at.frame, "the request again");
    if (verdict.confidence == Confidence::certain) {
      for (const Side side : {Side::client, Side::server}) {
        if (!proves_by_two_places(Reading(evidence), side)) continue;
        add(now.points(side).first_sight.frame, "its sender's packets at one place");
        add(now.points(side).second_sight.frame, "and at the other");
      }
    }
  } else {
    add(client.syn().frame, "SYN");
    add(server.syn().frame, "SYN-ACK");
    add(client.syn_copy().frame, "the same SYN again");
    add(server.syn_copy().frame, "the same SYN-ACK again");
    if (const Trouble* trouble = connection.trouble()) {
      add(trouble->odd_handshake.answer.at.frame, "the answer with old numbers");
      add(trouble->odd_handshake.reset.frame, "reset");
      add(trouble->odd_handshake.next_syn.frame, "the next SYN");
    }
    if (const Incarnation* previous = connection.previous()) add(previous->closed.frame, "the close of the old connection");
  }
  add(verdict.provoked_by, "what provoked the reset");
  add(verdict.deciding_frame, "the deciding frame");
  std::sort(proofs.begin(), proofs.end(), [](const Proof& a, const Proof& b) { return a.frame < b.frame; });
  return proofs;
}

/// What the client did about a lost request or a failed connect.
RetryNote retry_after(const Evidence& evidence, const Verdict& verdict) {
  RetryNote note;
  const Surroundings& around = evidence.around;
  const bool connecting = verdict.impact == Impact::connect_failed;
  if (!connecting && verdict.impact != Impact::request_lost) return note;
  const auto& retry = connecting ? around.dialled_again : around.request_retry;
  if (!around.retry_habit || (!retry && !around.gave_up)) return note;
  note.pattern = to_string(retry ? around.retry_habit->pattern : RetryHabit::Pattern::none);
  if (retry) {
    note.stream = retry->stream;
    note.frame = retry->at.frame;
    note.delay = retry->delay;
    note.attempt = retry->attempt;
  }
  return note;
}

/// The same words on all streams of an event; "" where this one is part of none.
std::string name_event(const Evidence& evidence, const Verdict& verdict) {
  const auto& event = evidence.around.event;
  if (!event || verdict.diagnosis->question != Question::ending) return {};
  return fmt::format("{} closed {} within {}, beginning with frame {}", to_string(evidence.connection.endpoint(Side::server)),
                     plural(event->streams, "stream"), duration(event->span), event->first.frame);
}

/// What other streams have to do with it, as sentences behind the signature's own.
void add_surroundings(const Evidence& evidence, const Verdict& verdict, Finding& finding) {
  if (verdict.impact == Impact::connect_failed) finding.narrative.explanation += describe_next_connect(evidence);
  if (const auto& retry = evidence.around.request_retry; retry && retry->met_stale && verdict.impact == Impact::request_lost) {
    finding.narrative.fix += " Let the client repeat a request that is safe to repeat on a fresh connection, not on the next one of its pool.";
  }
  if (const auto& leg = evidence.around.other_leg; leg && !verdict.diagnosis->of_other_leg && shows_other_leg(evidence, verdict)) {
    finding.narrative.explanation += fmt::format(" On the other leg of the proxy it is stream {} ({}).", leg->stream, frame(leg->at));
  }
  if (const auto& passed = evidence.around.passed_on; passed && verdict.diagnosis->question == Question::ending) {
    finding.narrative.explanation += fmt::format(
        " On the other leg of the proxy it shows on stream {} ({}){}.", passed->stream, frame(passed->at),
        passed->more == 0 ? "" : fmt::format(", and on {}", plural(passed->more, "more stream")));
  }
  if (!finding.event.empty()) {
    finding.narrative.explanation += fmt::format(
        " This is part of an event: {}, after silences of all kinds; a restart, a crash or a failover does that, no timeout.",
        finding.event);
  }
}

}  // namespace

Finding explain(const Evidence& evidence, const Verdict& verdict) {
  Finding finding;
  finding.stream = evidence.connection.stream();
  finding.client = to_string(evidence.connection.endpoint(Side::client).address);
  finding.server = to_string(evidence.connection.endpoint(Side::server));
  finding.client_port = evidence.connection.endpoint(Side::client).port;
  finding.verdict = verdict;
  finding.proofs = collect_proofs(evidence, verdict);
  finding.narrative = verdict.diagnosis->narrate(evidence, verdict);
  for (std::string* text : {&finding.narrative.explanation, &finding.narrative.fix, &finding.narrative.blind_spot}) {
    capitalise_sentences(*text);
  }
  finding.retry = retry_after(evidence, verdict);
  finding.event = name_event(evidence, verdict);
  add_surroundings(evidence, verdict, finding);
  add_hearsay(evidence, verdict, finding.narrative);  // After it: others' words keep their letters.
  return finding;
}

std::optional<RouteVerdict> ask(const RouteEvidence& evidence) {
  for (const Diagnosis* diagnosis : catalogue()) {
    if (diagnosis->habit == nullptr) continue;
    if (auto answer = diagnosis->habit(evidence)) {
      answer->verdict.diagnosis = diagnosis;
      return answer;
    }
  }
  return {};
}

Finding explain(const RouteEvidence& evidence, StreamNumber stream, const Verdict& verdict) {
  Finding finding;
  finding.stream = stream;
  finding.client = to_string(evidence.route.client);
  finding.server = to_string(evidence.route.server);
  finding.verdict = verdict;
  finding.proofs = {{verdict.deciding_frame, "a silence that shows it"}};
  finding.narrative = verdict.diagnosis->narrate_habit(evidence, verdict);
  capitalise_sentences(finding.narrative.explanation);
  return finding;
}

}  // namespace tcpwhy
