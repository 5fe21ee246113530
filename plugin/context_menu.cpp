#include "context_menu.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "catalogue.h"
#include "epan_compat.h"
#include "postdissector.h"

namespace tcpwhy::plugin {
namespace {

/// An entry: what it is called, and the one field that all of its frames have in common with the selected one.
struct Entry {
  const char* title;
  const char* field;
  std::string (*value)(const Finding&);
};

constexpr Entry kCause = {"TCP Why: streams of this cause", "tcpwhy.cause",
                          [](const Finding& finding) { return std::string(finding.verdict.diagnosis->id); }};
constexpr Entry kServer = {"TCP Why: findings of this server", "tcpwhy.server",
                           [](const Finding& finding) { return finding.server; }};
constexpr Entry kClient = {"TCP Why: findings of this client", "tcpwhy.client",
                           [](const Finding& finding) { return finding.client; }};
constexpr Entry kEvent = {"TCP Why: what ended in this moment", "tcpwhy.event",
                          [](const Finding& finding) { return finding.event; }};

/// A string of Wireshark's filter language.
std::string quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

/// `field == "value"`, with `||` where the frame has several findings that differ in it; "" where it has none.
std::string filter_for(const Entry& entry, FrameNumber frame) {
  std::vector<std::string> values;
  for (const Finding& finding : sealed_findings(frame)) {
    std::string value = entry.value(finding);
    if (!value.empty() && std::find(values.begin(), values.end(), value) == values.end()) values.push_back(std::move(value));
  }
  std::string filter;
  for (const std::string& value : values) {
    filter.append(filter.empty() ? "" : " || ").append(entry.field).append(" == ").append(quoted(value));
  }
  return filter;
}

/// For GLib to free; null where there is none, or no memory for it.
template <const Entry& entry>
char* build(packet_info* pinfo) noexcept try {
  const std::string filter = filter_for(entry, pinfo->num);
  return filter.empty() ? nullptr : g_strdup(filter.c_str());
} catch (const std::exception&) {
  return nullptr;
}

template <const Entry& entry>
void add() {
  add_conversation_filter(
      "tcpwhy", entry.title,
      [](packet_info* pinfo, auto...) -> ConversationFilterVerdict {
        char* const filter = build<entry>(pinfo);
        g_free(filter);
        return filter != nullptr;
      },
      [](packet_info* pinfo, auto...) { return build<entry>(pinfo); });
}

}  // namespace

void register_context_menu() {
  add<kCause>();
  add<kServer>();
  add<kClient>();
  add<kEvent>();
}

}  // namespace tcpwhy::plugin
