#include "tracker.h"

#include <algorithm>
#include <bit>

#include "prefetch.h"

namespace tcpwhy {
namespace {

/// Streams are dense; a number this far beyond the largest so far is no stream.
constexpr StreamNumber kSparse = 1U << 20;

std::uint64_t tuple_hash(const Endpoint& a, const Endpoint& b) {
  const std::uint64_t first = hash_of(a);
  const std::uint64_t second = hash_of(b);
  return first < second ? first * 31 + second : second * 31 + first;
}

std::uint64_t pair_hash(const Connection& connection) {
  return hash_of(connection.endpoint(Side::client).address) * 31 +
         hash_of(connection.endpoint(Side::server).address);
}

bool same_tuple(const Endpoint& client, const Endpoint& server, const Endpoint& a, const Endpoint& b) {
  return (client == a && server == b) || (client == b && server == a);
}

/// A stream that is all middle: data from one end, and the RST with which the other end says that it knows no such thing. Or
/// one that was captured behind a NAT, too, where both ends do know it: then the RST answers a segment far out of window.
bool is_stray(const Connection& connection) {
  const Break* broken = connection.broken();
  if (broken != nullptr && answers_out_of_window(*broken)) return true;
  if (broken == nullptr || !broken->resets[0].reply || connection.now().handshake_seen()) return false;
  const Side by = broken->resets[0].by;
  const HalfConnection& sender = connection.now().half(other(by));
  return !connection.now().half(by).seen && sender.seen && !sender.syn() && sender.turn && sender.ack_known;
}

/// Whether a stray runs between these two, but for the address or the port of one end. It is a server that may have another of
/// both, if it is surely one: a client's port is nobody else's, a server's is that of all its clients, and the numbers alone
/// say too little then.
bool nearly_same(const Endpoint& sender, const Endpoint& receiver, const Endpoint& client, const Endpoint& server,
                 bool sides_known) {
  const auto half_same = [](const Endpoint& a, const Endpoint& b) {
    return a != b && (a.port == b.port || a.address == b.address);
  };
  const auto differs_at_one_end = [&](const Endpoint& one, const Endpoint& another) {
    if (one == client) return sides_known ? another != server : half_same(another, server);
    return one == server && half_same(another, client);
  };
  return differs_at_one_end(sender, receiver) || differs_at_one_end(receiver, sender);
}

/// Whether `stray` speaks in the numbers of one side of `connection`, and is acknowledged in those of the other.
bool continues(const Connection& stray, const Connection& connection) {
  const Side stranger = other(stray.broken()->resets[0].by);
  const Endpoint& sender = stray.endpoint(stranger);
  const Endpoint& receiver = stray.endpoint(other(stranger));
  if (!nearly_same(sender, receiver, connection.endpoint(Side::client), connection.endpoint(Side::server),
                   !connection.client_is_guessed())) {
    return false;
  }
  for (const Side side : {Side::client, Side::server}) {
    if (connection.endpoint(side) != sender && connection.endpoint(other(side)) != receiver) continue;
    const HalfConnection& says = connection.now().half(side);
    const HalfConnection& hears = connection.now().half(other(side));
    if (!says.next_known || !hears.next_known) continue;
    const HalfConnection& strange = stray.now().half(stranger);
    const std::int64_t ahead = strange.turn.seq.since(says.next);
    const std::int64_t unheard = hears.next.since(strange.ack);
    if (std::abs(ahead) <= kFarthestStray && unheard >= 0 && unheard <= kLargestWindowInFlight) return true;
  }
  return false;
}

bool has_odd_timestamps(const ConnectionState& state) {
  const HalfConnection& client = state.half(Side::client);
  const HalfConnection& server = state.half(Side::server);
  if (client.syn_copies_disagree || server.syn_copies_disagree) return true;
  if (client.syn_options.longest_nop_run >= kBlankedTimestampNops) return true;
  return state.handshake_seen() && client.syn_options.timestamps && server.syn_options.lack_timestamps();
}

/// What all spells of a connection have in common; its age counts from 0 where its start was captured.
IdleSpell spell_of(const Connection& connection, SpellEnd end) {
  const ConnectionState& now = connection.now();
  IdleSpell spell;
  spell.end = end;
  spell.stream = connection.stream();
  spell.age = now.handshake_seen() ? 0 : IdleSpell::kUnknown;
  spell.advertised = now.half(Side::server).turn.payload.keep_alive;
  for (const HalfConnection& half : now.halves) {
    if (half.response_time_known()) spell.round_trip += half.response_time;
  }
  return spell;
}

/// The client's latest turn is the first data that was seen of the connection, and so was not its beginning: how long the
/// silence before it was stands in the capture before.
bool begins_unseen(const Connection& connection, std::uint64_t answer = 0) {
  const ConnectionState& now = connection.now();
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  return !client.syn() && !server.syn() && server.bytes == answer && client.bytes == client.turn.bytes();
}

/// The silence before the client's latest turn.
IdleSpell spell_before_request(const Connection& connection, SpellEnd end) {
  const Turn& request = connection.now().half(Side::client).turn;
  IdleSpell spell = spell_of(connection, end);
  spell.length = request.gap;
  spell.silence = std::min<Nanoseconds>(request.gap, request.silence);
  spell.ended = request.begin.time;
  spell.frame = request.begin.frame;
  if (spell.age != IdleSpell::kUnknown) spell.age += request.begin.time - connection.now().first().time;
  return spell;
}

}  // namespace

void Tracker::prefetch(StreamNumber stream) const {
  if (const Live* known = live(stream)) {
    tcpwhy::prefetch(*known);
  } else if (fate_of(stream) == Fate::packed) {
    tcpwhy::prefetch(packed_[places_[stream].at]);
  }
}

void Tracker::prefetch(const Segment& segment) const {
  if (segment.stream < places_.size()) {
    prefetch(segment.stream);
  } else {
    latest_on_tuple_.expect(tuple_hash(segment.source, segment.destination));
  }
}

/// In which form a connection is kept is none of what the tracker says: to unpack one changes nothing.
const Connection* Tracker::find(StreamNumber stream) const {
  const Live* found = const_cast<Tracker*>(this)->unpacked(stream);
  return found != nullptr ? &found->connection : nullptr;
}

/// None that is packed is remarkable.
const Connection* Tracker::find_remarkable(StreamNumber stream) const {
  const Live* found = live(stream);
  return found != nullptr && found->connection.is_remarkable() ? &found->connection : nullptr;
}

const Connection* Tracker::observe(const Segment& segment, Observation& seen) {
  if (segment.time > retire_after_) retire(segment.time);
  latest_time_ = std::max(latest_time_, segment.time);
  if (hot_count_ > hot_connections_) cool();
  if (connection_memory() > connection_memory_) make_room();
  Live* known = unpacked(segment.stream);
  if (known == nullptr) known = open(segment);
  if (known == nullptr) return nullptr;
  known->touched = true;
  if (!known->hot) heat(segment.stream, *known);
  const Connection& connection = known->connection;
  known->connection.observe(segment, seen);
  account(*known);
  if (!seen.copy) survey(segment, seen, *known);
  if (seen.arrived && seen.side == Side::client) {
    surveys_[known->survey].arrived.add({segment.frame, segment.time}, segment.stream);
  }
  if (seen.deciding && has_odd_timestamps(connection.now()) && first_odd_of_pair_.size() < kOddPairs) {
    first_odd_of_pair_.try_emplace(pair_hash(connection), connection.stream());
  }
  return &connection;
}

const Connection* Tracker::observe(const IcmpError& error) {
  Live* known = unpacked(error.stream);
  if (known == nullptr) return nullptr;
  known->connection.observe(error);
  account(*known);
  return &known->connection;
}

/// A stream's first segment. Null for a straggler of a connection long closed, for any of one that was evicted, and for a
/// number that is no stream's.
Tracker::Live* Tracker::open(const Segment& segment) {
  if (segment.stream >= places_.size()) {
    if (segment.stream - places_.size() > kSparse) return nullptr;
    if (places_.held() >= kStreams) {
      ++forgotten_.segments;
      return nullptr;
    }
    places_.grow_to(std::size_t{segment.stream} + 1);
  } else if (is_evicted(segment.stream) || fate_of(segment.stream) == Fate::gone ||
             (!segment.has(kSyn) && fate_of(segment.stream) == Fate::retired)) {
    return nullptr;
  }
  const Pool<Live>::Index at = live_.add(segment, settings_);
  places_.set(segment.stream, {Fate::live, at});
  Live& opened = live_[at];
  opened.survey = join_survey(opened.connection.endpoint(Side::server));
  link_to_previous(opened.connection);
  account(opened);
  return &opened;
}

/// Whose incarnation came before it on this tuple.
void Tracker::link_to_previous(Connection& connection) {
  const Endpoint& client = connection.endpoint(Side::client);
  const Endpoint& server = connection.endpoint(Side::server);
  const auto is_same = [&](StreamNumber stream) {
    if (const Connection* known = find(stream)) {
      return same_tuple(client, server, known->endpoint(Side::client), known->endpoint(Side::server));
    }
    const Retired* known = retired(stream);
    return known != nullptr && same_tuple(client, server, known->client, known->server);
  };
  const auto latest = latest_on_tuple_.put(tuple_hash(client, server), connection.stream(), is_same);
  if (!latest || *latest == connection.stream()) return;
  const auto follow = [&](const Incarnation& before, const Endpoint& its_client) {
    connection.follows(its_client == client ? before : before.turned());
  };
  if (const Connection* before = find(*latest)) {
    follow(before->remember(), before->endpoint(Side::client));
  } else if (const Retired* record = retired(*latest)) {
    follow(record->past, record->client);
  }
}

// ------------------------------------------------------------------------------------------ packed, unpacked

Tracker::Live::Live(std::span<const std::byte> packed, const Settings& settings) : connection(packed, settings) {
  const Note note = std::bit_cast<Note>(head_of(packed).note);
  survey = note.survey;
  counted_close = note.counted_close;
}

/// As `live`, also of one that is packed.
Tracker::Live* Tracker::unpacked(StreamNumber stream) {
  if (fate_of(stream) != Fate::packed) return live(stream);
  const PackedPool::Index packed = places_[stream].at;
  const Pool<Live>::Index at = live_.add(packed_[packed], settings_);
  drop_packed(packed);
  places_.set(stream, {Fate::live, at});
  Live& back = live_[at];
  account(back);
  heat(stream, back);
  return &back;
}

/// Takes it among those that may have to be packed. Of entries that are void no more are kept than of others, so that looking
/// through them costs each a constant time.
void Tracker::heat(StreamNumber stream, Live& live) {
  if (hot_.size() >= 2 * hot_count_ + kHotConnections) {
    // What stands in it twice is void once.
    std::erase_if(hot_, [this](StreamNumber entry) {
      Live* known = this->live(entry);
      const bool is_void = known == nullptr || !known->hot;
      if (!is_void) known->hot = false;
      return is_void;
    });
    for (const StreamNumber entry : hot_) this->live(entry)->hot = true;
  }
  hot_.push_back(stream);
  live.hot = true;
  ++hot_count_;
}

/// Packs as many as there are too many of. Who was heard since it came gets a second turn; so each segment pays for two looks.
void Tracker::cool() {
  while (hot_count_ > hot_connections_) {
    const StreamNumber stream = hot_.front();
    hot_.pop_front();
    constexpr std::size_t kAhead = 4;  // Nobody has touched them for so long that they aren't in the cache.
    if (hot_.size() > kAhead) prefetch(hot_[kAhead]);
    Live* known = live(stream);
    if (known == nullptr || !known->hot) continue;
    if (known->touched) {
      known->touched = false;
      hot_.push_back(stream);
      continue;
    }
    known->hot = false;
    --hot_count_;
    pack(stream, *known);
  }
}

/// Unless something about it is out of the ordinary: then it stays as it is until it is heard again. What is remarkable, or over,
/// is looked for among those that aren't packed.
void Tracker::pack(StreamNumber stream, Live& live) {
  Connection& connection = live.connection;
  if (live.lingers || live.counted_abort || !connection.can_be_packed() || connection.is_remarkable() ||
      connection.closed_cleanly()) {
    return;
  }
  PackingRoom room;
  const Note note{live.survey & Note::kSurveys, connection.now().one_sided(), live.counted_close};
  const std::span<const std::byte> packed = connection.pack(room, std::bit_cast<std::uint32_t>(note));
  if (packed.size() > PackedPool::kLargest) return;
  held_ -= live.held;
  live_.remove(places_[stream].at);
  places_.set(stream, {Fate::packed, packed_.add(packed)});
}

void Tracker::drop_packed(PackedPool::Index at) {
  if (packed_.remove(at)) places_.set(head_of(packed_[at]).stream, {Fate::packed, at});
}

// ------------------------------------------------------------------------------------------------- surveys

void Tracker::survey(const Segment& segment, Observation& seen, Live& live) {
  const Connection& connection = live.connection;
  const ConnectionState& now = connection.now();
  ServerSurvey& survey = surveys_[live.survey];
  if (seen.answered && seen.side == Side::server) {
    ++survey.exchanges;
    survey.longest_answered_gap.add(now.half(Side::client).turn.gap, segment.stream);
    survey.longest_answered_silence.add(now.half(Side::client).turn.silence, segment.stream);
    if (now.half(Side::client).turn.gap >= settings_.smallest_idle_gap && !begins_unseen(connection, segment.length)) {
      profiles_.note(route_of(connection), spell_before_request(connection, SpellEnd::answered));
    }
  }
  if (now.established.frame == segment.frame) survey.established.add(now.established, segment.stream);
  const bool acknowledged = now.half(Side::client).turn.acked == segment.frame;
  if (seen.side == Side::server && (seen.answered || seen.deciding || acknowledged) && !segment.has(kRst)) {
    survey.heard.add({segment.frame, segment.time}, segment.stream);
  }
  if (segment.has(kSyn) && now.half(Side::client).syns > 1 && !now.half(Side::server).seen) {
    survey.turned_away.add({segment.frame, segment.time}, segment.stream);
    const Mark heard = survey.heard.without(segment.stream);
    if (heard && heard.time > now.half(Side::client).syn().time && heard_while_dialling_.size() < kRepetitions) {
      heard_while_dialling_.insert_or_assign(segment.stream, heard);
    }
  }
  if (segment.has(kSyn) && !segment.has(kAck)) retries_.note_connect(connection);
  if ((seen.answered || seen.turn_began) && !now.handshake_seen()) survey_cut_beginning(segment, seen, connection);
  if (seen.turn_began && seen.side == Side::client) retries_.note_request(connection);
  if (!seen.deciding) return;
  survey_closes(segment, seen, live);
  survey_spell(segment, seen, connection);
  if (segment.has(kFin)) survey_cut_beginning(segment, seen, connection);
  survey_symptoms(segment, seen, connection);
  survey_unheard(seen, live);
}

void Tracker::survey_closes(const Segment& segment, const Observation& seen, Live& live) {
  const ConnectionState& now = live.connection.now();
  const HalfConnection& server = now.half(Side::server);
  const HalfConnection& client = now.half(Side::client);
  ServerSurvey& survey = surveys_[live.survey];
  if (segment.has(kRst) && seen.side == Side::server && !live.counted_abort && live.connection.broken()) {
    live.counted_abort = true;
    ++survey.abortive_closes;
    if (live.counted_close) --survey.orderly_closes;
  }
  if (seen.role == ResetRole::cause && live.connection.reset_after_handshake() && live.connection.broken()->resets[0].reply) {
    survey.turned_away.add({segment.frame, segment.time}, segment.stream);
  }
  const bool by_server_fin = server.fin().frame == segment.frame;
  if (seen.role == ResetRole::cause && is_stray(live.connection)) look_for_original(live.connection);
  const bool unasked = !now.half(other(seen.side)).fin();
  if (unasked) survey_uncalled_close(segment, seen.side, live);
  const Break* broken = live.connection.broken();
  const bool forgotten = broken != nullptr && broken->count == 1 && broken->resets[0].reply && seen.side == Side::server &&
                         !server.fin() && !client.fin() && server.bytes > 0;
  if (segment.has(kRst) && forgotten) {
    const Nanoseconds silence = client.turn && client.turn.answered == 0 ? Nanoseconds{client.turn.silence}
                                : client.probes > 0                     ? client.probe_silence()
                                                                        : segment.time - now.last().time;
    survey.shortest_lost_silence.add(silence, segment.stream);
  }
  if (by_server_fin && !live.counted_abort) {
    live.counted_close = true;
    ++survey.orderly_closes;
  }
  if (!live.lingers && live.connection.closed_cleanly() && !live.connection.is_remarkable()) {
    live.lingers = true;
    closed_.emplace_back(segment.time, segment.stream);
    if (closed_.size() == 1) retire_after_ = segment.time + kLinger;
    if (closed_.size() > kLingering) retire_first();
  }
}

/// A close after a silence, by whoever closed first, while all that had reached it was answered.
void Tracker::survey_spell(const Segment& segment, Observation& seen, const Connection& connection) {
  const ConnectionState& now = connection.now();
  const HalfConnection& closer = now.half(seen.side);
  const HalfConnection& client = now.half(Side::client);
  const Break* broken = connection.broken();
  const bool by_fin = closer.fin().frame == segment.frame && broken == nullptr;
  const bool by_reset = seen.role == ResetRole::cause && broken != nullptr && broken->resets[0].abort && !closer.fin();
  if ((!by_fin && !by_reset) || now.half(other(seen.side)).fin() || now.exchanges == 0 || now.clock_stepped) return;
  if (closer.probes > 0) return;  // It gave up on a peer that was silent.
  // A request that the closer had not got when it closed leaves it as idle as it was.
  const bool unaware = seen.side == Side::server && by_fin && client.turn && !closer.fin_ack().after(client.turn.seq);
  if ((client.turn.answered == 0 && !unaware) || now.half(Side::server).turn.payload.closes) return;
  IdleSpell spell = spell_of(connection, seen.side == Side::server ? SpellEnd::server_closed : SpellEnd::client_closed);
  spell.length = by_fin ? closer.fin_gap() : segment.time - now.last_data().time;
  // The other side's last data took its way from here to the closer, and the close its way back.
  if (!unaware && now.last_data_side != seen.side && closer.response_time_known()) spell.length -= closer.response_time;
  if (spell.length < settings_.smallest_idle_gap) return;
  spell.silence = spell.length;
  spell.ended = segment.time;
  spell.frame = segment.frame;
  if (spell.age != IdleSpell::kUnknown) spell.age += segment.time - now.first().time;
  profiles_.note(route_of(connection), spell);
  seen.ended_spell = true;
}

/// The first that is seen of a connection whose beginning was not: what was said last stands in the capture before.
void Tracker::survey_cut_beginning(const Segment& segment, const Observation& seen, const Connection& connection) {
  const ConnectionState& now = connection.now();
  if (now.handshake_seen() || now.half(Side::client).syn() || now.half(Side::server).syn()) return;
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  CutBeginning cut{connection.endpoint(Side::client), connection.endpoint(Side::server), spell_of(connection, SpellEnd::answered),
                   now.half(seen.side).fin_ack(), false};
  cut.spell.ended = segment.time;
  cut.spell.frame = segment.frame;
  const bool unaware = seen.side == Side::server && server.fin() && !server.fin_ack().after(client.turn.seq);
  if (seen.side == Side::server && segment.length > 0 && server.bytes == segment.length && client.bytes == 0) {
    cut.answers_earlier = true;
  } else if (seen.side == Side::server && seen.answered && begins_unseen(connection, segment.length)) {
    cut.spell.ended = client.turn.begin.time;
    cut.spell.frame = client.turn.begin.frame;
  } else if (server.bytes == 0 && (client.bytes == 0 || (begins_unseen(connection) && unaware)) &&
             now.half(seen.side).fin().frame == segment.frame && !now.half(other(seen.side)).fin()) {
    cut.spell.end = seen.side == Side::server ? SpellEnd::server_closed : SpellEnd::client_closed;
  } else {
    return;
  }
  profiles_.note(cut);
}

void Tracker::note_cuts() {
  places_.for_each_live([this](Places::Place place) {
    if (place.fate == Fate::live) {
      note_cut(live_[place.at].connection);
    } else {
      note_cut(Connection(packed_[place.at], settings_));
    }
  });
}

void Tracker::note_cut(const Connection& connection) {
  const ConnectionState& now = connection.now();
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  const bool waits = client.turn && client.turn.answered == 0;
  const Endpoint& client_end = connection.endpoint(Side::client);
  const Endpoint& server_end = connection.endpoint(Side::server);
  // A request that nothing came before, and nothing after but a reset, if that.
  const bool died = connection.broken() != nullptr || client.retransmissions >= kBlackholeRetransmissions;
  if (waits && died && begins_unseen(connection)) {
    const bool closed = server.fin() && server.fin().frame < client.turn.begin.frame;
    const SpellEnd end = closed ? SpellEnd::met_close : SpellEnd::forgotten;
    profiles_.note(CutBeginning{client_end, server_end, spell_before_request(connection, end), {}, false});
  }
  if (connection.broken() != nullptr || client.fin()) return;
  CutEnd cut{client_end, server_end, {}, client.turn.seq, now.last_data().time, now.last().time, now.last_data_side, {},
             server.turn.payload.keep_alive, now.exchanges > 0, static_cast<bool>(server.fin())};
  for (const Side side : {Side::client, Side::server}) {
    if (now.half(side).response_time_known()) cut.reaction[index(side)] = now.half(side).response_time;
  }
  if (waits && !server.fin()) cut.asked = spell_before_request(connection, SpellEnd::answered);
  profiles_.note(cut);
}

void Tracker::note_lost_spell(const Connection& connection, SpellEnd end) {
  const Turn& request = connection.now().half(Side::client).turn;
  if (request.answered != 0 || request.gap < settings_.smallest_idle_gap || begins_unseen(connection)) return;
  profiles_.note(route_of(connection), spell_before_request(connection, end));
}

/// What may come from another leg of a proxy: its 502, its reset, its close without an answer or in the middle of one, and the
/// close of a client that waited for one. Who had closed by himself before was told nothing.
void Tracker::survey_symptoms(const Segment& segment, const Observation& seen, const Connection& connection) {
  const ConnectionState& now = connection.now();
  const Turn& request = now.half(Side::client).turn;
  const bool first_reset = segment.has(kRst) && seen.role == ResetRole::cause;
  const HalfConnection& client = now.half(Side::client);
  const HalfConnection& server = now.half(Side::server);
  const bool unanswered = request && !request.answered && !request.goodbye;
  const bool served_in_part = server.turn.is_partial_at(server.turn.end);
  const bool server_closes = server.fin().frame == segment.frame && !client.fin() && (unanswered || served_in_part);
  const bool client_closes = client.fin().frame == segment.frame && !server.fin() && unanswered;
  if (seen.gateway_failed || first_reset || server_closes || client_closes) {
    legs_.note_symptom(connection, {segment.frame, segment.time}, seen.side);
  }
}

/// A client that repeats itself, without a silence before, to a server that is silent since.
void Tracker::survey_unheard(const Observation& seen, const Live& live) {
  const HalfConnection& client = live.connection.now().half(Side::client);
  const HalfConnection& server = live.connection.now().half(Side::server);
  if (seen.side != Side::client || client.retransmissions < kBlackholeRetransmissions) return;
  const Turn& turn = client.turn;
  const bool silent = server.seen && server.last().frame < turn.begin.frame;
  if (!turn || turn.answered != 0 || turn.silence >= settings_.smallest_idle_gap || !silent) return;
  surveys_[live.survey].unheard.add(turn.begin, live.connection.stream());
}

/// Looks through all that is live, which costs; so only for a stray that was just reset, and not for ever.
void Tracker::look_for_original(const Connection& leak) {
  if (searches_for_originals_ == kSearchesForOriginals) return;
  ++searches_for_originals_;
  const Side stranger = other(leak.broken()->resets[0].by);
  const Endpoint& sender = leak.endpoint(stranger);
  const Endpoint& receiver = leak.endpoint(other(stranger));
  std::optional<StreamNumber> found;
  places_.for_each_live([&](Places::Place place) {
    if (found) return;
    if (place.fate == Fate::live) {
      const Connection& candidate = live_[place.at].connection;
      if (&candidate != &leak && continues(leak, candidate)) found = candidate.stream();
      return;
    }
    const auto [client, server] = endpoints_of(packed_[place.at]);
    if (!nearly_same(sender, receiver, client, server, true)) return;  // It may be; its numbers will tell.
    const Connection candidate(packed_[place.at], settings_);
    if (continues(leak, candidate)) found = candidate.stream();
  });
  if (!found) return;
  const Connection& original = *find(*found);
  const Endpoint& client = original.endpoint(Side::client);
  const Endpoint& server = original.endpoint(Side::server);
  const bool turned = client != sender && server != receiver;
  const Endpoint& for_client = turned ? receiver : sender;
  const Endpoint& for_server = turned ? sender : receiver;
  const bool same_address = client.address == for_client.address && server.address == for_server.address;
  const bool same_ports = client.port == for_client.port && server.port == for_server.port;
  originals_.insert_or_assign(
      leak.stream(), LeakedFrom{original.stream(),
                                std::max<Nanoseconds>(0, leak.now().first().time - original.now().last().time),
                                same_address, same_ports});
  leaks_.insert_or_assign(original.stream(), leak.stream());
}

void Tracker::survey_uncalled_close(const Segment& segment, Side by, const Live& live) {
  const ConnectionState& now = live.connection.now();
  const Break* broken = live.connection.broken();
  const bool first_reset = broken != nullptr && broken->count == 1 && !broken->resets[0].reply;
  // A client closes when it has done its work; only a reset of its own is odd.
  const bool first_fin = by == Side::server && now.half(Side::server).fin().frame == segment.frame;
  const Mark& last_request = by == Side::server ? now.half(Side::client).turn.last : now.last_data();
  const Nanoseconds age = segment.time - (last_request ? last_request : now.first()).time;
  const bool idle = age >= settings_.smallest_idle_gap;
  const bool busy = first_reset && last_request && now.half(Side::client).turn.answered == 0;
  const Mark& last_answer = now.half(Side::server).turn.last;
  const Nanoseconds quiet = segment.time - (last_answer ? last_answer : now.first()).time;
  // A server that closes right after a response, or said that it would, means this connection alone.
  const bool sudden = by == Side::server && quiet > kSameMoment && !now.half(Side::server).turn.payload.closes;
  if ((!first_reset && !first_fin) || (!idle && !busy && !sudden)) return;
  auto& closes = surveys_[live.survey].uncalled_closes;
  if (!closes.empty() && closes.back().stream == segment.stream) return;
  if (closes.capacity() == 0) {
    closes.reserve(kUncalledCloses);
    held_ += kUncalledCloses * sizeof(UncalledClose);
  }
  if (closes.size() == kUncalledCloses) closes.erase(closes.begin());
  closes.push_back({segment.time, age, quiet, segment.stream, segment.frame, by, idle || busy});
}

/// What else this server closed in the moment in which it closed this connection, if it does so much in no other.
std::optional<Event> Tracker::event_of(const Connection& connection, const ServerSurvey& survey) {
  std::vector<IdleSpell> closes;
  for (const UncalledClose& close : survey.uncalled_closes) {
    if (close.by != Side::server) continue;
    IdleSpell spell;
    spell.length = close.quiet;
    spell.ended = close.time;
    spell.stream = close.stream;
    spell.frame = close.frame;
    closes.push_back(spell);
  }
  const auto events = events_among(closes);
  if (events.size() >= kFewestOfTimer) return {};  // It sweeps.
  for (const std::vector<IdleSpell>& event : events) {
    const bool ours = std::any_of(event.begin(), event.end(),
                                  [&](const IdleSpell& close) { return close.stream == connection.stream(); });
    if (!ours) continue;
    const auto around = std::count_if(closes.begin(), closes.end(), [&](const IdleSpell& close) {
      return std::abs(close.ended - event.front().ended) <= kEventSurroundings;
    });
    if (static_cast<std::size_t>(around) * 2 > event.size() * 3) return {};
    return Event{{event.front().frame, event.front().ended}, static_cast<std::uint32_t>(event.size()),
                 event.back().ended - event.front().ended};
  }
  return {};
}

/// Together, after other idle times: an event. Apart, after the same: a timer.
void Tracker::compare_closes(const Connection& connection, const ServerSurvey& survey, Nanoseconds smallest_idle_gap,
                             Surroundings& around) {
  const auto& closes = survey.uncalled_closes;
  const auto ours = std::find_if(closes.begin(), closes.end(), [&](const UncalledClose& close) {
    return close.stream == connection.stream() && close.odd;
  });
  if (ours == closes.end()) return;
  for (const UncalledClose& close : closes) {
    if (close.stream == ours->stream || close.by != ours->by || !close.odd) continue;
    const bool together = std::abs(close.time - ours->time) <= kSameMoment;
    const bool alike = std::abs(close.age - ours->age) <= std::max(ours->age / 50, kSameMoment);
    const bool unlike = std::abs(close.age - ours->age) > std::max(ours->age / 10, kSameMoment);
    const bool idle = ours->quiet >= smallest_idle_gap;
    const bool same_quiet = idle && std::abs(close.quiet - ours->quiet) <= std::max(ours->quiet / 50, kSameMoment);
    if (same_quiet) ++around.closed_after_same_quiet;
    if (together && unlike && !same_quiet) ++around.closed_together;
    if (!together && alike) ++around.closed_alike;
  }
}

/// How the server closed its other connections while nothing was outstanding.
void Tracker::compare_idle_closes(const Connection& connection, Surroundings& around) const {
  const EndpointProfile* server = profiles_.server(connection.endpoint(Side::server));
  if (server == nullptr) return;
  std::uint64_t others = server->server_closed.count();
  bool first = true;
  for (const IdleSpell& close : server->server_closed.spells()) {
    if (close.stream == connection.stream()) {
      --others;
      continue;
    }
    around.shortest_idle_close = first ? close.length : std::min(around.shortest_idle_close, close.length);
    around.longest_idle_close = std::max(around.longest_idle_close, close.length);
    first = false;
  }
  if (!first) around.idle_closes = static_cast<std::uint32_t>(std::min<std::uint64_t>(others, std::numeric_limits<std::uint32_t>::max()));
}

Surroundings Tracker::surroundings(const Connection& connection) const {
  const StreamNumber stream = connection.stream();
  const Live& live = *this->live(stream);
  const ServerSurvey& survey = surveys_[live.survey];
  Surroundings around;
  around.exchanges = survey.exchanges;
  around.longest_answered_gap =
      std::max<Nanoseconds>(survey.longest_answered_gap.without(stream).value_or(0), connection.now().longest_answered_gap);
  around.longest_answered_silence = std::max<Nanoseconds>(survey.longest_answered_silence.without(stream).value_or(0),
                                                          connection.now().longest_answered_silence);
  around.latest_established = survey.established.without(stream);
  around.latest_heard = survey.heard.without(stream);
  if (const auto heard = heard_while_dialling_.find(stream); heard != heard_while_dialling_.end()) {
    around.heard_while_dialling = heard->second;
  }
  around.latest_arrival = survey.arrived.without(stream);
  around.latest_turned_away = survey.turned_away.without(stream);
  around.latest_unheard = survey.unheard.without(stream);
  around.shortest_lost_silence = survey.shortest_lost_silence.without(stream);
  around.capture_end = latest_time_;
  compare_idle_closes(connection, around);
  around.orderly_closes = survey.orderly_closes - (live.counted_close && !live.counted_abort ? 1U : 0U);
  around.abortive_closes = survey.abortive_closes - (live.counted_abort ? 1U : 0U);
  compare_closes(connection, survey, settings_.smallest_idle_gap, around);
  around.event = event_of(connection, survey);
  const auto first = first_odd_of_pair_.find(pair_hash(connection));
  around.first_of_pair = first == first_odd_of_pair_.end() || first->second == stream;
  const auto fate = [this](StreamNumber other) { return Retries::Attempt{find(other), is_evicted(other)}; };
  around.request_retry = retries_.of_request(stream, fate);
  around.connect_retry = retries_.of_connect(stream, fate);
  around.beyond_nat = retries_.beyond_nat(stream);
  around.dialled_again = retries_.next_connect(stream, fate);
  // A connect may fail after its handshake, too: TLS.
  const bool connecting = around.dialled_again || !connection.now().established;
  around.gave_up = retries_.gave_up(stream, latest_time_);
  around.retry_habit = retries_.habit(connection, connecting);
  if (const auto found = originals_.find(stream); found != originals_.end()) around.original = found->second;
  if (const auto found = leaks_.find(stream); found != leaks_.end()) around.leak = found->second;
  around.other_leg = legs_.behind(stream);
  around.other_legs = legs_.all_behind(stream);
  around.passed_on = legs_.passed_on(stream);
  return around;
}

// ------------------------------------------------------------------------------------------------ forgetting

void Tracker::retire(Nanoseconds now) {
  while (!closed_.empty() && now - closed_.front().first > kLinger) retire_first();
  retire_after_ = closed_.empty() ? std::numeric_limits<Nanoseconds>::max() : closed_.front().first + kLinger;
}

void Tracker::retire_first() {
  const StreamNumber stream = closed_.front().second;
  closed_.pop_front();
  // Nobody has touched them for so long that they aren't in the cache: first they, then what hangs on them.
  constexpr std::size_t kAhead = 4;
  if (closed_.size() > 2 * kAhead) prefetch(closed_[2 * kAhead].second);
  if (closed_.size() > kAhead) {
    if (const Connection* soon = find(closed_[kAhead].second)) soon->now().prefetch();
  }
  Live* known = live(stream);
  if (known == nullptr) return;
  known->lingers = false;
  if (!known->connection.closed_cleanly() || known->connection.is_remarkable()) return;
  const std::uint32_t at = fold(known->connection);
  release(stream, {Fate::retired, at});
}

/// Makes a record of a closed connection, for the next one on its ports; returns its place.
std::uint32_t Tracker::fold(const Connection& connection) {
  if (retired_.size() == kRetired) {
    // As old as they are they aren't in the cache, nor is what erasing them will touch.
    constexpr std::size_t kAhead = 4;
    const Retired& soon = retired_[kAhead];
    latest_on_tuple_.expect(tuple_hash(soon.client, soon.server));
    tcpwhy::prefetch(retired_[2 * kAhead]);
    const Retired& oldest = retired_.front();
    const StreamNumber stream = oldest.past.stream;
    if (retired(stream) == &oldest) {
      latest_on_tuple_.erase(tuple_hash(oldest.client, oldest.server), stream);
      if (fate_of(stream) == Fate::retired) places_.set(stream, {Fate::gone, 0});
    }
    retired_.pop_front();
    ++retired_before_;
  }
  const Endpoint& client = connection.endpoint(Side::client);
  const Endpoint& server = connection.endpoint(Side::server);
  retired_.push_back({client, server, connection.remember()});
  return retired_before_ + static_cast<std::uint32_t>(retired_.size()) - 1;
}

const Tracker::Retired* Tracker::retired(StreamNumber stream) const {
  const Fate fate = fate_of(stream);
  if (fate == Fate::unknown || fate == Fate::live || fate == Fate::packed) return nullptr;
  const std::uint32_t at = places_[stream].at - retired_before_;
  return at < retired_.size() && retired_[at].past.stream == stream ? &retired_[at] : nullptr;
}

/// Gives a live connection's room to others. REQUIRES: it isn't packed.
void Tracker::release(StreamNumber stream, Places::Place place) {
  const Pool<Live>::Index at = places_[stream].at;
  held_ -= live_[at].held;
  if (live_[at].hot) --hot_count_;
  leave_survey(live_[at].survey);
  live_.remove(at);
  places_.set(stream, place);
}

// -------------------------------------------------------------------------------------------------- bounds

/// All that the tracker and its analyzer may hold. A connection costs its room, its place in the pool's list of free ones,
/// among the candidates of an eviction and in `closed_`, and its entry in the index, which is there one and a half times as
/// it grows; a vector that grows is there three times over. One that is packed pays for these itself (kBesidePacked).
constexpr std::size_t Tracker::most_memory() {
  constexpr std::size_t kNode = 32;  // Of a hash table, beside the value: the links, and what malloc adds.
  constexpr std::size_t connections = kConnectionMemory / sizeof(Live);
  constexpr std::size_t tuples = std::bit_ceil((connections + kRetired) * 4 / 3) * TupleIndex::kEntry;
  return kConnectionMemory +
         connections * (3 * sizeof(Pool<Live>::Index) + sizeof(Candidate) + sizeof(decltype(closed_)::value_type)) +
         PackedPool::kSlack + 3 * (connections + kHotConnections) * sizeof(StreamNumber) +
         tuples * 3 / 2 + kStreams * sizeof(Places::Place) + kRetired * sizeof(Retired) +
         kSurveys * (kUncalledCloses * sizeof(UncalledClose) + kSurveyRoom) +
         kFindings * kSealedVerdict + 3 * kFrameNotes * kFrameNote +
         kRepetitions * (Retries::kRoom + sizeof(Mark) + 6 * kNode) + kOddPairs * (16 + kNode) + kLinkedLegs * kLinkedLeg +
         kProfiles * (Retries::kHabitRoom + 3 * kNode) +
         2 * kSpells * sizeof(IdleSpell) + 6 * kProfiles * (sizeof(EndpointProfile) + sizeof(Route) + kNode) +
         2 * kCutConnections * (sizeof(CutBeginning) + sizeof(CutEnd));
}

/// Brings `held_` up to date with what the connection has allocated.
void Tracker::account(Live& live) {
  static_assert(sizeof(Trouble) + 4 * sizeof(Seldom) + 2 * sizeof(Oddities) + 7 * kAllocation <= 0xffff);
  const auto held = static_cast<std::uint16_t>(live.connection.held());
  held_ += held - std::size_t{live.held};
  live.held = held;
}

/// Evicts an eighth at a time: choosing costs a look at every connection, however few are chosen.
void Tracker::make_room() {
  static_assert(most_memory() <= kMemory);
  std::vector<Candidate> candidates;
  while (connection_memory() > connection_memory_ && live_.size() + packed_.size() > 0) {
    candidates.clear();
    candidates.reserve(live_.size() + packed_.size());
    places_.for_each_live([&](Places::Place place) { candidates.push_back(candidate(place)); });
    const auto leave = candidates.begin() + static_cast<std::ptrdiff_t>((candidates.size() + 7) / 8);
    std::nth_element(candidates.begin(), leave - 1, candidates.end());
    std::for_each(candidates.begin(), leave, [this](const Candidate& leaving) { evict(leaving); });
  }
  std::erase_if(closed_, [this](const auto& closed) { return live(closed.second) == nullptr; });
}

Tracker::Candidate Tracker::candidate(const Connection& connection) {
  const ConnectionState& now = connection.now();
  const Trouble* trouble = connection.trouble();
  const Mark& last = connection.broken() != nullptr ? connection.broken()->last_reset : now.last();
  const bool over = connection.closed_cleanly() || connection.broken() != nullptr ||
                    (trouble != nullptr && trouble->refusal.count > 0);
  return {over ? Candidate::over : now.one_sided() ? Candidate::unanswered : Candidate::idle, connection.stream(), last.time};
}

Tracker::Candidate Tracker::candidate(Places::Place place) const {
  if (place.fate == Fate::live) return candidate(live_[place.at].connection);
  const PackedHead head = head_of(packed_[place.at]);
  const Note note = std::bit_cast<Note>(head.note);
  return {note.one_sided ? Candidate::unanswered : Candidate::idle, head.stream, head.last.time};
}

void Tracker::evict(const Candidate& leaving) {
  const Connection& connection = *find(leaving.stream);
  switch (leaving.kind) {
    case Candidate::over: ++forgotten_.closed; break;
    case Candidate::unanswered: ++forgotten_.unanswered; break;
    case Candidate::idle: ++forgotten_.idle; break;
  }
  const Fate fate = last_words_(connection) ? Fate::evicted_explained : Fate::evicted;
  std::uint32_t at = 0;
  if (connection.closed_cleanly()) {
    at = fold(connection);
  } else {
    const Endpoint& client = connection.endpoint(Side::client);
    latest_on_tuple_.erase(tuple_hash(client, connection.endpoint(Side::server)), leaving.stream);
  }
  retries_.forget(leaving.stream);
  heard_while_dialling_.erase(leaving.stream);
  release(leaving.stream, {fate, at});
}

Tracker::SurveyIndex Tracker::join_survey(const Endpoint& server) {
  const std::uint64_t hash = hash_of(server);
  const auto [found, is_new] = survey_by_endpoint_.try_emplace(hash, 0);
  if (is_new) {
    found->second = surveys_.add();
    surveys_[found->second].endpoint = hash;
  }
  ServerSurvey& survey = surveys_[found->second];
  if (survey.connections++ == 0) held_ += kSurveyRoom + survey.uncalled_closes.capacity() * sizeof(UncalledClose);
  return found->second;
}

/// A survey that nobody takes part in any more stays for those to come, unless it has nothing to say.
void Tracker::leave_survey(SurveyIndex index) {
  ServerSurvey& survey = surveys_[index];
  if (--survey.connections > 0) return;
  held_ -= kSurveyRoom + survey.uncalled_closes.capacity() * sizeof(UncalledClose);
  const bool blank = survey.exchanges == 0 && survey.established.empty() && survey.heard.empty() && survey.turned_away.empty() &&
                     survey.orderly_closes == 0 && survey.abortive_closes == 0 && survey.uncalled_closes.empty();
  if (survey.queued) return;
  if (blank) {
    drop_survey(index);
    return;
  }
  survey.queued = true;
  quiet_surveys_.push_back(index);
  if (quiet_surveys_.size() <= kSurveys) return;
  ServerSurvey& quietest = surveys_[quiet_surveys_.front()];
  quietest.queued = false;
  if (quietest.connections == 0) drop_survey(quiet_surveys_.front());
  quiet_surveys_.pop_front();
}

void Tracker::drop_survey(SurveyIndex index) {
  survey_by_endpoint_.erase(surveys_[index].endpoint);
  surveys_.remove(index);
}

}  // namespace tcpwhy
