#include "pages.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "catalogue.h"
#include "fields.h"
#include "finding.h"
#include "known_timeouts.h"

namespace tcpwhy::docs {
namespace {

constexpr std::string_view kHowItIsMade =
    "<!-- Printed from the catalogue (analysis/diagnoses/) by docs/generator; the build target `docs` prints it anew. "
    "-->\n\n";

struct Chapter {
  Question question;
  std::string_view heading;
  std::string_view about;
};
constexpr std::array<Chapter, 4> kChapters = {{
    {Question::opening, "The connect", "What happened as the connection was opened."},
    {Question::path, "The path", "What a device on the way did to the options."},
    {Question::ending, "The end", "Why the connection died, or a request was lost without that."},
    {Question::habit, "Habits", "What a client and a server show over all their streams; said on one of them."},
}};

/// What every entry's "Confirm" takes for granted. The words of the reasons are the kernel's (include/net/rstreason.h).
constexpr std::string_view kOnTheHost = R"page(## Confirming on the host

What the wire can't show, the kernel that sent the reset knows. Have it ready before it happens again; all of this is
Linux, as root.

**The reason.** The tracepoint `tcp:tcp_send_reset` says why the kernel sends a RST (since Linux 6.10; what an
application or a timer decided since 6.12, NOT_SPECIFIED before), `tcp:tcp_receive_reset` who was told:

```sh
cd /sys/kernel/tracing
echo 1 | tee events/tcp/tcp_send_reset/enable events/tcp/tcp_receive_reset/enable
cat trace_pipe        # ... src=10.0.0.2:443 dest=10.0.0.1:50312 state=TCP_CLOSE reason=TCP_ABORT_ON_CLOSE
                      # afterwards the same with echo 0
```

or, for a minute, with the calls that led there:

```sh
perf record -a -g -e tcp:tcp_send_reset -e tcp:tcp_receive_reset -- sleep 60 && perf script
```

(`perf trace` prints the reason as a number.) The state is mostly what the socket has become; what it was is in
`events/sock/inet_sock_set_state`. The tracepoint sees the containers of the host, too.

**The counters**, and by how much they rise in a minute:

```sh
nstat -n; sleep 60; nstat -z 'TcpExtTCPAbort*' 'TcpExtListen*' TcpExtTCPTimeouts TcpOutRsts TcpAttemptFails
```

They belong to a network namespace: for a container `nsenter -t PID -n nstat ...`. `nstat -asz NAME`, as below, prints
totals.

**The sockets**: `ss -tanop` with states, queues (Recv-Q: what nobody has read), timers and processes.

)page";

/// What the kernel records, and the causes that it can stand behind.
struct Recorded {
  std::string_view reason;   ///< What tcp:tcp_send_reset prints; empty: as in the row above.
  std::string_view counter;
  std::string_view met;
  std::string_view causes;   ///< Ids, separated by a space.
};
constexpr Recorded kRecorded[] = {
    {"TCP_ABORT_ON_CLOSE", "TcpExtTCPAbortOnClose",
     "a close, or a killed process, with received data unread",
     "unread_close keepalive_race dead_keepalive server_abort client_abort"},
    {"TCP_ABORT_ON_DATA", "TcpExtTCPAbortOnData",
     "data after the application had closed; the socket was in FIN_WAIT1: it crossed the FIN",
     "keepalive_race unread_close write_after_close"},
    {"", "",
     "... it was in FIN_WAIT2: the FIN had been acknowledged",
     "late_data_after_close stale_reuse write_after_close"},
    {"TCP_TIMEWAIT_SOCKET", "TcpOutRsts",
     "data for a connection whose FIN was acknowledged up to 60 s ago",
     "stale_reuse late_data_after_close write_after_close"},
    {"TCP_STATE", "TcpExtTCPAbortOnData",
     "a close with SO_LINGER 0",
     "abortive_close abortive_truncation idle_reset handshake_probe server_abort"},
    {"", "TcpOutRsts",
     "a listener that is closed with connections in its queue; `ss -K`",
     "accept_overflow"},
    {"TCP_ABORT_ON_LINGER", "TcpExtTCPAbortOnLinger",
     "TCP_LINGER2 below 0: rare, and not SO_LINGER 0",
     ""},
    {"TCP_KEEPALIVE_TIMEOUT", "TcpExtTCPAbortOnTimeout",
     "probes that nobody answered",
     "keepalive_probe_timeout"},
    {"TCP_INVALID_ACK_SEQUENCE", "TcpOutRsts",
     "a SYN that was answered by an ACK of old numbers",
     "time_wait_collision half_open_collision"},
    {"INVALID_SYN", "TcpExtListenOverflows",
     "a handshake without room, with net.ipv4.tcp_abort_on_overflow=1",
     "accept_overflow"},
    {"NO_SOCKET", "TcpOutRsts",
     "a segment to a port where nobody listens",
     "connection_refused syn_ack_rejected peer_lost_state idle_state_lost conntrack_invalid late_data_after_close "
     "client_abort"},
    {"TCP_FLAGS", "TcpOutRsts",
     "a segment of an unknown connection to a port that listens",
     "peer_lost_state idle_state_lost stale_reuse unread_close"},
    {"none", "TcpExtTCPAbortOnTimeout",
     "retransmissions that nobody answered: no RST is sent",
     "retransmission_timeout idle_blackhole"},
    {"none", "-",
     "the reset is not that host's: a device, or a reject rule, which no counter of TCP shows",
     "injected_reset idle_state_lost idle_reset"},
};

std::string links(std::string_view ids) {
  std::string text;
  while (!ids.empty()) {
    const std::string_view id = ids.substr(0, ids.find(' '));
    text += fmt::format("{}[{}](#{})", text.empty() ? "" : ", ", id, id);
    ids.remove_prefix(std::min(ids.size(), id.size() + 1));
  }
  return text;
}

std::string on_the_host() {
  std::string text(kOnTheHost);
  text += "| reason | counter | what the kernel met | can stand behind |\n|---|---|---|---|\n";
  for (const Recorded& row : kRecorded) {
    text += fmt::format("| {} | {} | {} | {} |\n", row.reason, row.counter, row.met, links(row.causes));
  }
  return text + '\n';
}

std::string sentence(std::string_view title) {
  std::string text(title);
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 32);
  return text + ".";
}

std::string section(const Diagnosis& diagnosis) {
  std::string text =
      fmt::format("### {}\n\n{} Up to `{}`.\n\n{}\n\n```\n{}\n```\n\n", diagnosis.id, sentence(diagnosis.title),
                  to_string(diagnosis.loudest), diagnosis.meaning, diagnosis.wire);
  if (!diagnosis.variants.empty()) {
    text += "| variant | means |\n|---|---|\n";
    for (const Variant& variant : diagnosis.variants)
      text += fmt::format("| `{}` | {} |\n", variant.word, variant.meaning);
    text += '\n';
  }
  text += fmt::format("**Told from** {}\n\n**Confirm** {}\n\n**Fix** {}\n\n", diagnosis.told_from, diagnosis.confirm,
                      diagnosis.fix);
  text +=
      fmt::format("Filter: `tcpwhy.cause == \"{0}\"` (all frames of the stream), `tcpwhy.{0}` (the deciding frame)\n\n",
                  diagnosis.id);
  return text;
}

std::string_view word(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "text";
    case FieldType::number:
    case FieldType::severity:
      return "number";
    case FieldType::frame:
      return "frame";
    case FieldType::time:
      return "time";
  }
  return "";
}

}  // namespace

std::string diagnoses_page() {
  std::string page = fmt::format(
      "# Diagnoses\n\n{}What tcpwhy can say, and how it knows. The ids are final: they are display filters, values of "
      "`tcpwhy.cause`, keys in JSON. A stream has at most one diagnosis from each of the three chapters. A number in "
      "brackets behind a setting is its default; a timeout's is in seconds where no unit is given.\n\n",
      kHowItIsMade);
  for (const Chapter& chapter : kChapters) {
    page += fmt::format("**{}**: ", chapter.heading);
    std::string_view separator;
    for (const Diagnosis* diagnosis : catalogue()) {
      if (diagnosis->question != chapter.question) continue;
      page += fmt::format("{}[{}](#{})", separator, diagnosis->id, diagnosis->id);
      separator = " · ";
    }
    page += "\n\n";
  }
  page += on_the_host();
  for (const Chapter& chapter : kChapters) {
    page += fmt::format("## {}\n\n{} Where several fit, the first one wins.\n\n", chapter.heading, chapter.about);
    for (const Diagnosis* diagnosis : catalogue()) {
      if (diagnosis->question == chapter.question) page += section(*diagnosis);
    }
  }
  page.pop_back();  // one newline at the end
  return page;
}

std::string fields_page() {
  std::string page = fmt::format(
      "# Fields\n\n{}They stand on every frame of a stream once they are known (second pass: `tshark -2`, Wireshark "
      "after "
      "loading), and on the deciding frame at once (first pass, live capture). A stream with two findings carries them "
      "twice, "
      "in the same order. The filter `tcpwhy` finds every frame that has something to say.\n\n"
      "| field | type | means |\n|---|---|---|\n",
      kHowItIsMade);
  for (const Field& field : kFields) {
    page += fmt::format("| `tcpwhy.{}` | {} | {} |\n", field.name, word(field.type), field.meaning);
  }
  page +=
      "\nExpert infos: one a diagnosis, on its deciding frame, with the finding's severity. They can be filtered for, "
      "too.\n\n"
      "| expert info | loudest | means |\n|---|---|---|\n";
  for (const Diagnosis* diagnosis : catalogue()) {
    page +=
        fmt::format("| `tcpwhy.{0}` | {1} | {2} |\n", diagnosis->id, to_string(diagnosis->loudest), diagnosis->title);
  }
  page += fmt::format("| `{}` | note | {}; on the first frame where it did, and with two passes on the last of all |\n",
                      kForgottenFilter, kForgottenTitle);
  return page;
}

std::string timeouts_page() {
  std::string page = fmt::format(
      "# Known idle timeouts\n\n{}The defaults by which a measured idle timeout is named (`tcpwhy.idle_timeout.match`), by value. "
      "Most values are shared, so that a name is a candidate: who closes tells servers, clients and devices apart, the rest is "
      "yours. Your own rows go into Wireshark's preferences (Protocols, TCP Why, Known idle timeouts) or the file "
      "`tcpwhy_idle_timeouts` of a profile, a line each: `\"product\",\"setting\",\"seconds\",\"server\"`.\n\n"
      "| seconds | kept by | product | setting | where it was read |\n|---:|---|---|---|---|\n",
      kHowItIsMade);
  std::vector<const KnownTimeout*> rows;
  for (const KnownTimeout& known : known_timeouts()) rows.push_back(&known);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const KnownTimeout* a, const KnownTimeout* b) { return a->milliseconds < b->milliseconds; });
  for (const KnownTimeout* known : rows) {
    page += fmt::format("| {:g} | {} | {} | {} | {} |\n", known->milliseconds / 1e3, to_string(known->role), known->product,
                        known->setting, known->source);
  }
  return page;
}

}  // namespace tcpwhy::docs
