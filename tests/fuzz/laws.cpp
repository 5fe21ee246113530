#include "fuzz/laws.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "analyzer.h"
#include "fuzz/tape.h"
#include "packet/decoder.h"
#include "packet/network_order.h"
#include "packet/tcp_header.h"
#include "payload.h"
#include "plugin/header_finder.h"

namespace tcpwhy::tests {
namespace {

/// Keeps the first complaint.
class Complaint {
 public:
  void unless(bool lawful, std::string_view law) {
    if (!lawful && text_.empty()) text_ = law;
  }
  void concerning(const Finding& finding) {
    if (text_.empty() || about_) return;
    about_ = true;
    text_ += fmt::format(" (stream {}, {}/{} @{}: {})", finding.stream, finding.verdict.diagnosis->id,
                         finding.verdict.variant, finding.verdict.deciding_frame, finding.narrative.explanation);
  }
  [[nodiscard]] bool made() const { return !text_.empty(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool about_ = false;
};

/// What was fed to an analyzer, as far as findings refer to it.
struct Fed {
  std::vector<StreamNumber> streams{0};  ///< By frame; frame 0 is none.
  Nanoseconds earliest = std::numeric_limits<Nanoseconds>::max();
  Nanoseconds latest = std::numeric_limits<Nanoseconds>::min();

  [[nodiscard]] bool has(FrameNumber frame) const { return frame > 0 && frame < streams.size(); }
  [[nodiscard]] bool has(FrameNumber frame, StreamNumber stream) const {
    return has(frame) && streams[frame] == stream;
  }
  void take(FrameNumber frame, StreamNumber stream, Nanoseconds time) {
    streams.resize(frame + std::size_t{1});
    streams[frame] = stream;
    earliest = std::min(earliest, time);
    latest = std::max(latest, time);
  }
};

/// The longest time in seconds that a text speaks of.
std::int64_t longest_seconds(std::string_view text) {
  std::int64_t longest = 0;
  for (std::size_t at = text.find(" s"); at != std::string_view::npos; at = text.find(" s", at + 1)) {
    if (at + 2 < text.size() && std::isalnum(static_cast<unsigned char>(text[at + 2])) != 0) continue;
    std::size_t begin = at;
    while (begin > 0 && (std::isdigit(static_cast<unsigned char>(text[begin - 1])) != 0 || text[begin - 1] == '.'))
      --begin;
    std::int64_t seconds = 0;
    std::from_chars(text.data() + begin, text.data() + at, seconds);
    longest = std::max(longest, seconds);
  }
  return longest;
}

/// What stands between quotation marks are others' words, under no law of ours but one: they are printable, and end.
std::string without_quotations(std::string_view text, Complaint& complaint) {
  std::string own;
  bool quoting = false;
  for (const char c : text) {
    if (c == '"') quoting = !quoting;
    if (!quoting) own.push_back(c);
    complaint.unless(static_cast<unsigned char>(c) >= ' ', "every text is printable");
  }
  complaint.unless(!quoting, "every quotation ends");
  return own;
}

void judge_text(std::string_view whole, const Fed& fed, Complaint& complaint) {
  complaint.unless(!whole.empty(), "no text is empty");
  const std::string text = without_quotations(whole, complaint);
  complaint.unless(text.find('{') == std::string_view::npos, "no text has a gap left in it");
  complaint.unless(text.find("  ") == std::string_view::npos, "no text has a word missing between two spaces");
  complaint.unless(text.find("frame 0") == std::string_view::npos, "there is no frame 0");
  // A time that never came, taken for the beginning of time, shows as half a century. An hour is more than any time-out
  // in the words.
  constexpr std::int64_t kHour = 3'600;
  complaint.unless(longest_seconds(text) <= (fed.latest - fed.earliest) / kSecond + kHour,
                   "no time in a text is longer than the capture");
}

void judge(const Finding& finding, const Fed& fed, Complaint& complaint) {
  const Verdict& verdict = finding.verdict;
  complaint.unless(verdict.diagnosis != nullptr, "every verdict has its diagnosis");
  if (verdict.diagnosis == nullptr) return;
  complaint.unless(fed.has(verdict.deciding_frame, finding.stream), "the deciding frame is one of the stream's");
  complaint.unless(verdict.provoked_by == 0 || fed.has(verdict.provoked_by, finding.stream),
                   "what provoked the reset is one of the stream's frames");
  const auto by_frame = [](const Proof& a, const Proof& b) { return a.frame < b.frame; };
  complaint.unless(std::is_sorted(finding.proofs.begin(), finding.proofs.end(), by_frame), "proofs are in frame order");
  complaint.unless(std::any_of(finding.proofs.begin(), finding.proofs.end(),
                               [&](const Proof& proof) { return proof.frame == verdict.deciding_frame; }),
                   "the deciding frame is a proof");
  for (const Proof& proof : finding.proofs) {
    complaint.unless(fed.has(proof.frame), "every proof is a frame that was there");
    complaint.unless(!proof.part.empty(), "every proof has its part in the story");
  }
  complaint.unless(verdict.severity <= verdict.diagnosis->loudest, "no verdict is louder than its diagnosis can be");
  complaint.unless(
      verdict.variant.empty() || std::any_of(verdict.diagnosis->variants.begin(), verdict.diagnosis->variants.end(),
                                             [&](const Variant& variant) { return variant.word == verdict.variant; }),
      "a variant is one of the diagnosis's");
  judge_text(finding.narrative.explanation, fed, complaint);
  judge_text(finding.narrative.fix, fed, complaint);
  if (!finding.narrative.blind_spot.empty()) judge_text(finding.narrative.blind_spot, fed, complaint);
  for (const std::string& line : finding.narrative.ruled_out) judge_text(line, fed, complaint);
  complaint.concerning(finding);
}

void judge_questions(const std::vector<Finding>& findings, Complaint& complaint) {
  std::set<std::pair<StreamNumber, Question>> answered;
  for (const Finding& finding : findings) {
    complaint.unless(answered.emplace(finding.stream, finding.verdict.diagnosis->question).second,
                     "each question has one answer");
    complaint.concerning(finding);
  }
}

/// An analyzer that is asked in the middle of its work, and whose remarks are judged.
class Interview {
 public:
  void hear(const TapeEvent& event) {
    switch (event.kind) {
      case TapeEvent::segment:
        fed_.take(event.read.frame, event.read.stream, event.read.time);
        if (event.read.frame % 2 == 0) analyzer_.expect(event.read.stream);
        judge_remarks(analyzer_.observe(event.read), event.read.frame);
        break;
      case TapeEvent::icmp_error:
        fed_.take(event.error.frame, event.error.stream, event.error.time);
        judge_remarks(analyzer_.observe(event.error), event.error.frame);
        break;
      case TapeEvent::question:
        complaint_.unless(analyzer_.findings(event.asked).empty() && !analyzer_.has_findings(event.asked),
                          "nothing is sealed before the end");
        (void)analyzer_.idle_gap(event.asked);
        break;
    }
  }

  void finish() {
    analyzer_.finish();
    std::vector<Finding> all;
    analyzer_.for_each_finding([&](const Finding& finding) { all.push_back(finding); });
    for (const Finding& finding : all) judge(finding, fed_, complaint_);
    judge_questions(all, complaint_);
    analyzer_.finish();
    std::vector<Finding> again;
    for (std::size_t i = 0; i < analyzer_.stream_count(); ++i) {
      const auto stream = static_cast<StreamNumber>(i);
      const std::vector<Finding> own = analyzer_.findings(stream);
      complaint_.unless(analyzer_.has_findings(stream) == !own.empty(), "a stream that has findings says so");
      again.insert(again.end(), own.begin(), own.end());
    }
    complaint_.unless(all == again, "read again, findings are the same");
    findings_ = std::move(all);
  }

  [[nodiscard]] const Complaint& complaint() const { return complaint_; }
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  void judge_remarks(const Remarks& remarks, FrameNumber frame) {
    complaint_.unless(remarks.idle_gap >= 0, "no silence is shorter than nothing");
    for (const Finding& finding : remarks.findings) {
      complaint_.unless(finding.verdict.deciding_frame == frame, "a remark is about its own frame");
      judge(finding, fed_, complaint_);
    }
    judge_questions(remarks.findings, complaint_);
  }

  Analyzer analyzer_{Settings{}};
  Fed fed_;
  Complaint complaint_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string laws_broken_by_tape(std::span<const std::uint8_t> tape) {
  Interview first;
  play_tape(tape, [&](const TapeEvent& event) { first.hear(event); });
  first.finish();
  if (first.complaint().made()) return first.complaint().text();
  Interview second;
  play_tape(tape, [&](const TapeEvent& event) { second.hear(event); });
  second.finish();
  return first.findings() == second.findings() ? "" : "the same capture has the same findings";
}

std::string laws_broken_by_frame(std::span<const std::uint8_t> input) {
  Complaint complaint;
  constexpr std::size_t kPreface = 2;
  if (input.size() < kPreface) return "";
  const std::span<const std::uint8_t> captured = input.subspan(kPreface);
  const Bytes bytes{captured, captured.size() + input[1] * std::size_t{16}};

  const Options options = read_options(captured, input[0] % 2 == 0);
  complaint.unless(options.longest_nop_run <= captured.size(), "no run of NOPs is longer than the options");
  complaint.unless(options.window_shift.value_or(0) <= 14, "no window is shifted by more than 14");
  const PayloadFacts payload = read_payload(captured);
  complaint.unless(payload.status == 0 || (payload.status >= 100 && payload.status <= 599),
                   "a status has three digits");
  complaint.unless((payload.kind == PayloadKind::http_request) == !verb_name(payload.verb).empty(),
                   "a request has a verb");
  complaint.unless(payload.kind == PayloadKind::http_response || (payload.keep_alive == 0 && !payload.closes && !payload.used_up),
                   "only a response announces how long the connection is kept");
  (void)ends_chunked_message(captured);

  plugin::HeaderFinder finder;
  Analyzer analyzer{Settings{}};
  FrameNumber frame = 0;
  std::size_t from = input[0] % 64;
  for (auto ip = next_ip_header(bytes, from); ip; ip = next_ip_header(bytes, from)) {
    complaint.unless(ip->offset >= from && ip->end > ip->offset && ip->end <= captured.size(),
                     "an IP header lies within what was captured");
    complaint.unless(ip->payload <= bytes.on_wire - ip->end, "no payload is longer than the frame");
    from = ip->offset + 1;
    if (const auto error = read_icmp_error(bytes, ip->offset)) {
      IcmpError heard = *error;
      heard.frame = ++frame;
      analyzer.observe(heard);
    }
    auto segment = read_segment(bytes, *ip);
    if (!segment) continue;
    complaint.unless(segment->payload.size() <= segment->length, "no more payload is captured than there was");
    const auto length = tcp_header_length(bytes, ip->end);
    complaint.unless(length.has_value(), "a segment has a header");
    const auto found = finder.find(bytes, *segment, length.value_or(0));
    complaint.unless(found.has_value(), "a header that is there is found");
    if (found) {
      complaint.unless(found->tcp + kTcpEssential <= captured.size(),
                       "a header is found where it was captured");
      const auto wanted_byte = [&](std::size_t at) {
        // Beside the data offset stand bits that nobody asks for.
        constexpr std::size_t kDataOffset = 12;
        const std::uint8_t mask = at == kDataOffset ? 0xf0 : 0xff;
        return ((captured[ip->end + at] ^ captured[found->tcp + at]) & mask) == 0;
      };
      bool same = true;
      for (std::size_t at = 0; at < kTcpEssential; ++at) same = same && wanted_byte(at);
      complaint.unless(same, "what is found is what was wanted");
    }
    segment->frame = ++frame;
    analyzer.observe(*segment);
  }
  analyzer.finish();
  analyzer.for_each_finding([&](const Finding& finding) {
    complaint.unless(finding.verdict.deciding_frame >= 1 && finding.verdict.deciding_frame <= frame,
                     "the deciding frame is one that was there");
  });
  return complaint.text();
}

namespace {

using Span = std::span<const std::uint8_t>;

bool is_within(Span part, Span whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool same_bytes(Span a, Span b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}

bool same(const Sighting& a, const Sighting& b) {
  const Segment& x = a.read;
  const Segment& y = b.read;
  return a.kind == b.kind && a.stub == b.stub && x.source == y.source && x.destination == y.destination && x.seq == y.seq &&
         x.ack == y.ack && x.flags == y.flags && x.length == y.length && x.window == y.window && x.ttl == y.ttl &&
         x.ip_id == y.ip_id && x.point == y.point && x.options.known == y.options.known && x.options.tsval == y.options.tsval &&
         same_bytes(x.payload, y.payload) && same_bytes(x.note, y.note);
}

/// In a frame without tags and tunnels the decoder sees what the plugin would.
void compare_with_finder(const Bytes& bytes, bool decoded, const Sighting& sighting, Complaint& complaint) {
  constexpr std::size_t kEthernet = 14;
  if (!has(bytes.captured, 0, kEthernet + 1)) return;
  const std::uint16_t type = be16(bytes.captured, kEthernet - 2);
  const std::uint8_t version = bytes.captured[kEthernet] >> 4;
  if ((type != 0x0800 || version != 4) && (type != 0x86dd || version != 6)) return;
  const auto ip = read_ip_header(bytes, kEthernet);
  if (!ip || !has(bytes.captured, ip->end, kTcpFiled)) return;
  const auto segment = read_segment(bytes, *ip);
  if (!segment) return;
  complaint.unless(decoded && sighting.kind == Sighting::segment, "a plain segment is decoded");
  if (complaint.made()) return;
  complaint.unless(segment->source == sighting.read.source && segment->destination == sighting.read.destination &&
                       segment->seq == sighting.read.seq && segment->length == sighting.read.length &&
                       segment->ttl == sighting.read.ttl && same_bytes(segment->payload, sighting.read.payload),
                   "a plain segment is what its headers say");
  plugin::HeaderFinder finder;
  const auto found = finder.find(bytes, sighting.read, tcp_header_length(bytes, ip->end).value_or(0));
  complaint.unless(found && found->verified, "the plugin finds what the decoder found");
}

}  // namespace

std::string laws_broken_by_packet(std::span<const std::uint8_t> input) {
  Complaint complaint;
  constexpr std::size_t kPreface = 2;
  constexpr std::size_t kLinkLayers = static_cast<std::size_t>(LinkLayer::ppp) + 1;
  constexpr std::size_t kLongestDatagram = 65'535;
  if (input.size() < kPreface) return "";
  const Span captured = input.subspan(kPreface);
  tcpwhy::Packet packet;
  packet.frame = 1;
  packet.link = static_cast<LinkLayer>(input[0] % kLinkLayers);
  packet.bytes = {captured, captured.size() + input[1] * std::size_t{16}};

  Sighting first;
  const bool decoded = decode(packet, first);
  if (packet.link == LinkLayer::ethernet) compare_with_finder(packet.bytes, decoded, first, complaint);
  if (!decoded) return complaint.text();
  // Whatever was there before.
  Sighting second;
  second.kind = Sighting::quotation;
  second.stub = true;
  second.read.flags = 0xff;
  second.read.ip_id = 1;
  second.read.payload = captured;
  complaint.unless(decode(packet, second) && same(first, second), "the same packet is the same sighting");

  const Segment& segment = first.read;
  complaint.unless(segment.frame == 1, "a sighting is of its packet");
  complaint.unless(segment.source.address.length != 0 && segment.source.address.length == segment.destination.address.length,
                   "both ends have an address of one kind");
  complaint.unless(is_within(segment.payload, captured) && is_within(segment.note, captured), "what is shown lies in the packet");
  complaint.unless(segment.payload.size() <= segment.length, "no more payload is captured than there was");
  // The rest of a tunnelled packet may be in other fragments of the tunnel's.
  complaint.unless(segment.length <= std::max(packet.bytes.on_wire, kLongestDatagram), "no segment is longer than its packet");
  complaint.unless(first.kind == Sighting::segment || (segment.length == 0 && segment.payload.empty()),
                   "only a segment has a length");
  complaint.unless(!first.stub || first.kind != Sighting::segment, "no stub is a segment");
  if (first.kind == Sighting::quotation) {
    complaint.unless(is_icmp_error(first.error.v6, first.error.type), "only errors quote");
    complaint.unless(first.error.frame == 1, "an error is of its packet");
  }
  return complaint.text();
}

}  // namespace tcpwhy::tests
