#include "finding_view.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue.h"
#include "fields.h"
#include "pooled.h"
#include "preferences.h"

namespace tcpwhy::plugin {
namespace {

int proto_tcpwhy = -1;

/// As epan knows them, by FieldId.
std::array<int, kFields.size()> header_fields;

int hf(FieldId field) {
  return header_fields[static_cast<std::size_t>(field)];
}

int ett_tcpwhy = -1;
int ett_finding = -1;
int ett_text = -1;
int ett_idle_timeout = -1;
int ett_retry = -1;

constexpr value_string kSeverityNames[] = {
    {static_cast<std::uint32_t>(Severity::chat), "chat"},
    {static_cast<std::uint32_t>(Severity::note), "note"},
    {static_cast<std::uint32_t>(Severity::warn), "warn"},
    {static_cast<std::uint32_t>(Severity::error), "error"},
    {0, nullptr},
};

ftenum type_of(FieldType type) {
  switch (type) {
    case FieldType::text:
      return FT_STRING;
    case FieldType::number:
      return FT_UINT64;
    case FieldType::severity:
      return FT_UINT8;
    case FieldType::frame:
      return FT_FRAMENUM;
    case FieldType::time:
      return FT_RELATIVE_TIME;
  }
  return FT_NONE;
}

/// epan keeps what it is given, for ever: never freed.
void register_header_fields(int proto) {
  header_fields.fill(-1);
  static auto* const registrations = new std::vector<hf_register_info>;
  static auto* const filters = new std::vector<std::string>;
  filters->reserve(kFields.size());  // Before any address is handed out.
  for (const Field& field : kFields) {
    filters->push_back(std::string("tcpwhy.").append(field.name));
    const bool numeric = field.type == FieldType::number || field.type == FieldType::severity;
    registrations->push_back(
        {&header_fields[static_cast<std::size_t>(field.id)],
         {field.title, filters->back().c_str(), type_of(field.type), numeric ? BASE_DEC : BASE_NONE,
          field.type == FieldType::severity ? VALS(kSeverityNames) : nullptr, 0, field.meaning, HFILL}});
  }
  proto_register_field_array(proto, registrations->data(), static_cast<int>(registrations->size()));
}

int* subtrees[] = {&ett_tcpwhy, &ett_finding, &ett_text, &ett_idle_timeout, &ett_retry};

/// A diagnosis as epan knows it. epan keeps pointers into it, for ever.
struct Expert {
  const Diagnosis* diagnosis = nullptr;
  std::string filter;
  std::string title;
  expert_field field = EI_INIT;
  ei_register_info registration{};
  int lent_for = 0;  ///< The registration's own severity while a finding's stands in its place; else 0.
};

/// By the catalogue's order. Never freed: epan tidies up after the statics of a plugin are gone.
std::vector<Expert>& experts() {
  static auto* const all = new std::vector<Expert>;
  return *all;
}

int expert_severity(Severity severity) {
  switch (severity) {
    case Severity::chat:
      return PI_CHAT;
    case Severity::note:
      return PI_NOTE;
    case Severity::warn:
      return PI_WARN;
    case Severity::error:
      return PI_ERROR;
  }
  return PI_NOTE;
}

/// tcpwhy.forgotten: about no stream, but about what can't be known of many.
expert_field ei_forgotten = EI_INIT;

void register_experts(int proto) {
  expert_module_t* module = expert_register_protocol(proto);
  static ei_register_info forgotten{&ei_forgotten, {kForgottenFilter, PI_PROTOCOL, PI_NOTE, kForgottenTitle, EXPFILL}};
  expert_register_field_array(module, &forgotten, 1);
  auto& all = experts();
  all.resize(catalogue().size());  // Before any address is handed out.
  std::size_t next = 0;
  for (const Diagnosis* diagnosis : catalogue()) {
    Expert& expert = all[next++];
    expert.diagnosis = diagnosis;
    expert.filter = std::string("tcpwhy.").append(diagnosis->id);
    expert.title = diagnosis->title;
    expert.registration.ids = &expert.field;
    expert.registration.eiinfo = expert_field_info{expert.filter.c_str(), PI_SEQUENCE,
                                                   expert_severity(diagnosis->loudest), expert.title.c_str(), EXPFILL};
    expert_register_field_array(module, &expert.registration, 1);
  }
}

Expert* find_expert(const Diagnosis* diagnosis) {
  for (Expert& expert : experts()) {
    if (expert.diagnosis == diagnosis) return &expert;
  }
  return nullptr;
}

// From here on: no object with a destructor on the stack, for epan may longjmp across it.

/// How much of `text` fits into `limit` bytes, ending at a space where there is one in its second half, and never
/// inside a UTF-8 sequence.
std::size_t line_length(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  const std::size_t space = text.rfind(' ', limit);
  if (space != std::string_view::npos && space > limit / 2) return space;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return end;
}

proto_item* add_word(proto_tree* tree, tvbuff_t* tvb, packet_info* pinfo, FieldId field, std::string_view word) {
  proto_item* item = proto_tree_add_string(tree, hf(field), tvb, 0, 0, pooled(pinfo, word));
  proto_item_set_generated(item);
  // It keeps its place in the row, but an empty line tells a reader nothing.
  if (word.empty()) proto_item_set_hidden(item);
  return item;
}

/// A text of any length: the whole is the field's value; a label holds ITEM_LABEL_LENGTH bytes, so that the rest of it
/// is shown in lines below.
void add_text(proto_tree* tree, tvbuff_t* tvb, packet_info* pinfo, FieldId field, const std::string& text) {
  constexpr std::size_t kLine = 100;
  std::string_view rest = text;
  const std::size_t first = line_length(rest, kLine);
  proto_item* item = proto_tree_add_string_format(tree, hf(field), tvb, 0, 0, text.c_str(), "%s: %.*s",
                                                  kFields[static_cast<std::size_t>(field)].title,
                                                  static_cast<int>(first), rest.data());
  proto_item_set_generated(item);
  if (text.empty()) {
    proto_item_set_hidden(item);
    return;
  }
  if (first == rest.size() || !proto_field_is_referenced(tree, hf(FieldId::line))) return;
  proto_tree* lines = proto_item_add_subtree(item, ett_text);
  for (rest.remove_prefix(first); !rest.empty();) {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const std::size_t length = line_length(rest, kLine);
    if (length == 0) break;
    const char* line = pooled(pinfo, rest.substr(0, length));
    proto_item_set_generated(proto_tree_add_string_format(lines, hf(FieldId::line), tvb, 0, 0, line, "%s", line));
    rest.remove_prefix(length);
  }
}

/// "request lost"
const char* cost_in_words(packet_info* pinfo, Impact impact) {
  if (impact == Impact::none) return "nothing lost";
  if (impact == Impact::unknown) return "cost unknown";
  char* words = wmem_strndup(pinfo->pool, to_string(impact).data(), to_string(impact).size());
  for (char* c = words; *c != '\0'; ++c) {
    if (*c == '_') *c = ' ';
  }
  return words;
}

/// Registered once an id, with the loudest severity that it can have; this one's own may be lower. epan reads the
/// severity from the registration, which is ours, at the moment of adding, as its own preferences change it there too
/// (Expert Info severities); where they did, the user's word stands.
void add_expert(const Finding& finding, packet_info* pinfo, proto_item* item) {
  Expert* expert = find_expert(finding.verdict.diagnosis);
  if (expert == nullptr) return;
  expert_field_info& info = expert->registration.eiinfo;
  if (expert->lent_for != 0) info.severity = expert->lent_for;  // An exception kept us from giving it back.
  expert->lent_for = info.severity;
  if (info.severity == info.orig_severity) info.severity = expert_severity(finding.verdict.severity);
  // The id and the title alone, so that alike findings share a line of Expert Information and are counted there; the
  // story is in the packet's details.
  expert_add_info_format(pinfo, item, &expert->field, "%s: %s", pooled(pinfo, finding.verdict.diagnosis->id),
                         expert->title.c_str());
  info.severity = expert->lent_for;
  expert->lent_for = 0;
}

nstime_t to_nstime(Nanoseconds time) {
  return {static_cast<time_t>(time / kSecond), static_cast<int>(time % kSecond)};
}

proto_item* add_time(proto_tree* tree, tvbuff_t* tvb, FieldId field, Nanoseconds time) {
  const nstime_t value = to_nstime(time);
  proto_item* item = proto_tree_add_time(tree, hf(field), tvb, 0, 0, &value);
  proto_item_set_generated(item);
  return item;
}

/// A row, as a finding is.
void add_idle_timeout(const NamedTimeout& named, tvbuff_t* tvb, packet_info* pinfo, proto_tree* tree) {
  const IdleTimeout& timeout = named.timeout;
  const char* match = pooled(pinfo, named.match);
  proto_item* item = add_time(tree, tvb, FieldId::idle_timeout, timeout.value);
  proto_item_append_text(item, ", by %s", pooled(pinfo, to_string(timeout.by)));
  if (*match != '\0') proto_item_append_text(item, ": %s", match);
  proto_tree* row = proto_item_add_subtree(item, ett_idle_timeout);
  add_time(row, tvb, FieldId::idle_timeout_low, timeout.low);
  add_time(row, tvb, FieldId::idle_timeout_high, timeout.high);
  add_word(row, tvb, pinfo, FieldId::idle_timeout_by, to_string(timeout.by));
  proto_item_set_generated(proto_tree_add_uint64(row, hf(FieldId::idle_timeout_samples), tvb, 0, 0, timeout.samples));
  proto_item_set_generated(proto_tree_add_uint64(row, hf(FieldId::idle_timeout_advertised), tvb, 0, 0, timeout.advertised));
  add_word(row, tvb, pinfo, FieldId::idle_timeout_match, match);
  add_word(row, tvb, pinfo, FieldId::idle_timeout_client, named.client);
  add_word(row, tvb, pinfo, FieldId::idle_timeout_server, named.server);
}

constexpr std::string_view kProvisional =
    "later frames may still change this. It is settled when the capture ends; tshark settles with -2";

proto_item* add_finding(const Finding& finding, bool provisional, tvbuff_t* tvb, packet_info* pinfo, proto_tree* tree) {
  const Verdict& verdict = finding.verdict;
  const char* cause = pooled(pinfo, verdict.diagnosis->id);
  const char* variant = pooled(pinfo, verdict.variant);
  const bool has_variant = !verdict.variant.empty();
  proto_item* item = proto_tree_add_string_format(
      tree, hf(FieldId::cause), tvb, 0, 0, cause, "%s%s%s%s, %s%s: %s", cause, has_variant ? " (" : "", variant,
      has_variant ? ")" : "", pooled(pinfo, to_string(verdict.confidence)), provisional ? " so far" : "",
      cost_in_words(pinfo, verdict.impact));
  proto_item_set_generated(item);
  proto_tree* story = proto_item_add_subtree(item, ett_finding);

  add_text(story, tvb, pinfo, FieldId::explanation, finding.narrative.explanation);
  for (const Proof& proof : finding.proofs) {
    proto_item_set_generated(proto_tree_add_uint_format(
        story, hf(FieldId::proof), tvb, 0, 0, proof.frame, "Frame %u: %.*s%s", proof.frame,
        static_cast<int>(proof.part.size()), proof.part.data(), proof.frame == pinfo->num ? " (this frame)" : ""));
  }
  add_text(story, tvb, pinfo, FieldId::fix, finding.narrative.fix);
  for (const std::string& line : finding.narrative.ruled_out) {
    add_text(story, tvb, pinfo, FieldId::ruled_out, line);
  }
  add_text(story, tvb, pinfo, FieldId::blind_spot, finding.narrative.blind_spot);
  if (provisional) add_word(story, tvb, pinfo, FieldId::provisional, kProvisional);

  proto_item_set_generated(
      proto_tree_add_uint(story, hf(FieldId::severity), tvb, 0, 0, static_cast<std::uint32_t>(verdict.severity)));
  add_word(story, tvb, pinfo, FieldId::variant, verdict.variant);
  add_word(story, tvb, pinfo, FieldId::confidence, to_string(verdict.confidence));
  add_word(story, tvb, pinfo, FieldId::fault, to_string(verdict.fault));
  add_word(story, tvb, pinfo, FieldId::impact, to_string(verdict.impact));
  proto_item_set_generated(proto_tree_add_uint64(story, hf(FieldId::lost_bytes), tvb, 0, 0, verdict.lost_bytes));
  add_word(story, tvb, pinfo, FieldId::reset_by, to_string(verdict.reset_by));
  add_word(story, tvb, pinfo, FieldId::reset_kind, to_string(verdict.reset_kind));
  if (verdict.provoked_by != 0) {
    proto_item_set_generated(proto_tree_add_uint(story, hf(FieldId::provoked_by), tvb, 0, 0, verdict.provoked_by));
  }
  proto_item_set_generated(proto_tree_add_uint(story, hf(FieldId::deciding_frame), tvb, 0, 0, verdict.deciding_frame));
  add_word(story, tvb, pinfo, FieldId::client, finding.client);
  add_word(story, tvb, pinfo, FieldId::server, finding.server);
  add_word(story, tvb, pinfo, FieldId::event, finding.event);
  proto_item* retry = add_word(story, tvb, pinfo, FieldId::retry, finding.retry.pattern);
  if (finding.retry.frame != 0) {
    proto_tree* again = proto_item_add_subtree(retry, ett_retry);
    add_time(again, tvb, FieldId::retry_delay, finding.retry.delay);
    proto_item_set_generated(proto_tree_add_uint64(again, hf(FieldId::retry_attempt), tvb, 0, 0, finding.retry.attempt));
    proto_item_set_generated(proto_tree_add_uint64(again, hf(FieldId::retry_stream), tvb, 0, 0, finding.retry.stream));
  }
  return item;
}

/// A tag for the packet list, where a person looks first. Harmless news is left out but on a RST, which looks like harm.
void tag(const Finding& finding, ResetRole role, packet_info* pinfo) {
  if (finding.verdict.severity == Severity::chat && role == ResetRole::none) return;
  col_append_fstr(pinfo->cinfo, COL_INFO, "  [why: %s, %s]", pooled(pinfo, finding.verdict.diagnosis->id),
                  cost_in_words(pinfo, finding.verdict.impact));
}

}  // namespace

void register_fields(int proto) {
  proto_tcpwhy = proto;
  register_header_fields(proto);
  proto_register_subtree_array(subtrees, array_length(subtrees));
  register_experts(proto);
}

void open_subtrees() {
  for (const int* subtree : subtrees) tree_expanded_set(*subtree, true);
}

bool is_wanted(proto_tree* tree) {
  return proto_field_is_referenced(tree, proto_tcpwhy);
}

void show(const Page& page, tvbuff_t* tvb, packet_info* pinfo, proto_tree* tree) {
  pinfo->current_proto = "TCP Why";  // Expert infos name it. Who called the post-dissector puts back what was there.
  proto_item* top = nullptr;
  proto_tree* why = nullptr;
  if (tree != nullptr) {
    top = proto_tree_add_item(tree, proto_tcpwhy, tvb, 0, 0, ENC_NA);
    proto_item_set_generated(top);
    why = proto_item_add_subtree(top, ett_tcpwhy);
    const char* separator = ": ";
    for (const Finding* finding : page.findings) {
      const std::string_view id = finding->verdict.diagnosis->id;
      proto_item_append_text(top, "%s%.*s", separator, static_cast<int>(id.size()), id.data());
      separator = ", ";
    }
  }
  for (const Finding* finding : page.findings) {
    proto_item* item = why != nullptr ? add_finding(*finding, page.provisional, tvb, pinfo, why) : nullptr;
    if (page.decides(*finding, pinfo->num)) {
      add_expert(*finding, pinfo, item);
      if (tags_info_column()) tag(*finding, page.role, pinfo);
      // The expert info made the item a subtree of epan's own kind, which Wireshark shows closed.
      [[maybe_unused]] const proto_tree* again = proto_item_add_subtree(item, ett_finding);
    }
  }
  if (page.forgotten != nullptr) expert_add_info_format(pinfo, top, &ei_forgotten, "%s", page.forgotten);
  if (why == nullptr) return;
  if (page.role != ResetRole::none) add_word(why, tvb, pinfo, FieldId::role, to_string(page.role));
  if (page.idle_gap != 0) {
    add_time(why, tvb, FieldId::idle_gap, page.idle_gap);
    if (page.findings.empty()) {
      const nstime_t gap = to_nstime(page.idle_gap);
      proto_item_append_text(top, ": idle for %" G_GINT64_FORMAT ".%03d s before this data",
                             static_cast<std::int64_t>(gap.secs), gap.nsecs / 1'000'000);
    }
  }
  for (const NamedTimeout& named : page.idle_timeouts) add_idle_timeout(named, tvb, pinfo, why);
}

}  // namespace tcpwhy::plugin
