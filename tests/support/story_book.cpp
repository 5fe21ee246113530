#include "support/story_book.h"

#include <vector>

#include "support/payloads.h"
#include "support/story.h"

namespace tcpwhy::tests {
namespace {

constexpr std::uint16_t kPort = 50'000;

// Healthy.

Capture pages() {
  Story story({.round_trip = 30ms});
  const Connection c = story.connect();
  for (int i = 0; i < 6; ++i) {
    c.exchange(get("/page"), ok(9'000));
    story.wait(i * 400ms);
  }
  c.closes_cleanly();
  return story.capture();
}

Capture tls_session() {
  Story story({.vantage = Vantage::server, .round_trip = 50ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  for (int i = 0; i < 3; ++i) {
    c.exchange(tls_data(), tls_data(5'000), 20ms);
    story.wait(900ms);
  }
  c.client.sends(close_notify());
  c.client.shuts_down();
  story.wait(100ms);
  c.server.sends(close_notify());
  c.server.closes();
  return story.capture();
}

Capture half_closed_upload() {
  Story story({.vantage = Vantage::middle, .round_trip = 40ms});
  const Connection c = story.connect();
  c.client.sends(post("/upload", 30'000));
  c.client.shuts_down();
  story.wait(2s);
  c.server.sends(response(201));
  c.server.closes();
  return story.capture();
}

Capture probes_kept_it_alive() {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  for (int i = 0; i < 5; ++i) {
    story.wait(2s);
    c.client.sends_keepalive_probe();
  }
  story.wait(1s);
  c.exchange(get("/b"), ok());
  c.closes_cleanly(Side::server);
  return story.capture();
}

Capture loss_that_heals() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(3s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(500ms);
  c.path.carries();
  story.settle();
  c.server.sends(ok());
  story.wait(1s);
  c.closes_cleanly();
  return story.capture();
}

// Idle connections.

Capture race_crossing() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(5'920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(60ms);
  c.client.closes();
  return story.capture();
}

Capture race_unread() {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  const Connection other = story.connect();
  other.exchange(get("/"), ok());
  other.server.idles_for(6s);
  other.closes_cleanly(Side::server);
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.stops_reading();
  c.client.idles_for(5'898ms);
  c.client.sends(get("/b"));
  story.wait(51ms);
  c.server.closes();
  return story.capture();
}

Capture race_discarded() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(4'920ms);
  c.client.sends(get("/b"));
  c.server.idles_for(5s);
  c.server.shuts_down();
  story.wait(200ms);
  c.client.closes();
  return story.capture();
}

Capture stale() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  return story.capture();
}

Capture stale_photo_finish() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.client.acks_after(40ms);
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(51ms);
  c.client.sends(get("/b"));
  return story.capture();
}

Capture stale_discarded() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(5s);
  c.server.shuts_down();
  story.wait(1s);
  c.client.sends(get("/b"));
  story.wait(1s);
  c.client.closes();
  return story.capture();
}

/// Gaps of 2 and 4 s are answered; after 8 s nobody reads the request. Ten seconds later the server gives up.
Capture dead(bool reads) {
  constexpr Terms kTls = {.server_port = 443};
  Story story;
  for (const Duration gap : {2s, 4s}) {
    const Connection c = story.connect(kTls);
    c.exchange(client_hello(), server_hello());
    c.exchange(tls_data(), tls_data());
    c.client.idles_for(gap);
    c.exchange(tls_data(), tls_data());
    c.closes_cleanly();
  }
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(1s);
  if (!reads) c.server.stops_reading();
  c.client.idles_for(8s);
  c.client.sends(tls_data());
  story.wait(10s);
  c.closes_cleanly(Side::server);
  return story.capture();
}
Capture dead_reset() {
  return dead(false);
}
Capture dead_closed() {
  return dead(true);
}

Capture forgotten(bool by_device) {
  Story story({.round_trip = 100ms});
  const Connection other = story.connect();
  other.exchange(get("/a"), ok());
  other.client.idles_for(3s);
  other.exchange(get("/a"), ok());
  other.closes_cleanly();
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  if (by_device) {
    c.path.rejects();
  } else {
    c.server.forgets();
  }
  c.client.sends(get("/b"));
  return story.capture();
}
Capture reused_in_the_last_moment() {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 4; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    if (i == 2) {
      c.client.idles_for(4'985ms);
      c.exchange(get("/b"), ok());
    }
    c.server.idles_for(5s);
    c.closes_cleanly(Side::server);
    story.wait(300ms);
  }
  return story.capture();
}

Capture forgotten_by_device() {
  return forgotten(true);
}
Capture forgotten_by_peer() {
  return forgotten(false);
}

Capture blackhole() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(8s);
  c.path.drops();
  c.client.sends(get("/b"));
  story.wait(5s);
  const Connection later = story.connect();
  later.exchange(get("/c"), ok());
  later.closes_cleanly();
  return story.capture();
}

Capture reset_by_a_timer() {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.connect();
    for (int request = 0; request <= i; ++request) {
      c.exchange(get("/a"), ok());
      story.wait(300ms);
    }
    c.server.idles_for(30s);
    c.server.aborts();
    story.wait(2s);
  }
  return story.capture();
}

Capture expired_at_a_device() {
  Story story({.vantage = Vantage::both_sides_of_device, .round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.idles_for(240s);
  c.path.resets_both_ends();
  return story.capture();
}

// Reused ports.

void leaves_time_wait(Story& story) {
  const Connection c = story.connect({.client_port = kPort, .client_isn = 2'000'000'000, .client_timestamps = false});
  c.exchange(get("/a"), ok());
  c.closes_cleanly(Side::server);
  story.wait(2s);
}
constexpr Terms kStranger = {.client_port = kPort, .client_isn = 1'000'000, .client_timestamps = false};

Capture time_wait_retried() {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story);
  const Connection c = story.connect(kStranger);
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  return story.capture();
}

Capture time_wait_reset() {
  Story story({.vantage = Vantage::server});
  leaves_time_wait(story);
  const Connection c = story.dials(kStranger);
  story.wait(25ms);
  c.client.forgets();
  return story.capture();
}

Capture time_wait_blocked() {
  Story story({.vantage = Vantage::client});
  leaves_time_wait(story);
  const Connection c = story.dials(kStranger);
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.flags == kAck; });
  story.wait(50s);
  c.client.vanishes();
  return story.capture();
}

Capture time_wait_reused() {
  Story story;
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect({.client_port = kPort});
    c.exchange(get("/a"), ok());
    c.closes_cleanly(Side::server);
    story.wait(3s);
  }
  return story.capture();
}

void leaves_half_open(Story& story) {
  const Connection c = story.connect({.client_port = kPort, .client_isn = 2'000'000'000});
  c.exchange(get("/a"), ok());
  story.wait(10s);
  c.client.forgets();
}
constexpr Terms kRebooted = {.client_port = kPort, .client_isn = 1'000'000};

Capture half_open_retried() {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  const Connection c = story.connect(kRebooted);
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  return story.capture();
}

Capture half_open_reset() {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  const Connection c = story.dials(kRebooted);
  story.wait(25ms);
  c.client.forgets();
  return story.capture();
}

Capture half_open_blocked() {
  Story story({.vantage = Vantage::server});
  leaves_half_open(story);
  const Connection c = story.dials(kRebooted);
  c.path.drops([](Side sender, const Packet& packet) { return sender == Side::server && packet.flags == kAck; });
  return story.capture();
}

// Timestamps.

Capture stripped(Vantage vantage, Side side) {
  Story story({.vantage = vantage});
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.dials();
    c.path.strips_timestamps_from(side);
    story.settle();
    c.exchange(get("/a"), ok());
    c.closes_cleanly();
  }
  return story.capture();
}
Capture stripped_both_sides() {
  return stripped(Vantage::both_sides_of_device, Side::client);
}
Capture stripped_nops() {
  return stripped(Vantage::server, Side::client);
}
Capture stripped_one_direction() {
  return stripped(Vantage::server, Side::server);
}

Capture declined() {
  Story story;
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect({.server_timestamps = false});
    c.exchange(get("/a"), ok());
    c.closes_cleanly();
  }
  return story.capture();
}

// Closing.

Capture closed_with_a_reset() {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok(5'000));
  story.wait(30ms);
  c.client.aborts();
  return story.capture();
}

Capture truncated() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
  c.server.aborts();
  return story.capture();
}

Capture late_farewell() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.client.idles_for(1s);
  c.client.closes();
  story.wait(11ms);
  c.server.sends(close_notify());
  c.server.closes();
  return story.capture();
}

Capture answered_early() {
  Story story({.vantage = Vantage::server, .round_trip = 100ms});
  const Connection c = story.connect();
  const std::string upload = post("/upload", 40'000);
  c.server.stops_reading();
  c.client.sends(std::string_view(upload).substr(0, 20'000));
  story.wait(30ms);
  c.client.sends(std::string_view(upload).substr(20'000, 10'000));
  story.wait(25ms);
  c.server.sends(response(413));
  story.wait(55ms);
  c.client.sends(std::string_view(upload).substr(30'000));
  c.server.closes();
  return story.capture();
}

// Connecting.

Capture refused() {
  Story story;
  (void)story.connect({.server_port = 8'443, .listening = false});
  return story.capture();
}

Capture refused_by_icmp() {
  Story story;
  const Connection c = story.dials({.server_port = 8'443});
  c.path.rejects_with_icmp(3, 13);
  return story.capture();
}

Capture checked() {
  Story story;
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.dials();
    c.client.acks_after(40ms);
    story.wait(21ms);
    c.client.aborts();
    story.wait(2s);
  }
  return story.capture();
}

Capture queue_overflowed() {
  Story story({.round_trip = 20ms});
  std::vector<Connection> burst;
  for (int i = 0; i < 4; ++i) burst.push_back(story.dials());
  story.wait(15ms);  // Every SYN has its SYN-ACK. Of the ACKs, two find room.
  burst[2].server.forgets();
  burst[3].server.forgets();
  story.wait(100ms);
  for (std::size_t i = 0; i < 2; ++i) {
    burst[i].exchange(get("/a"), ok(), 200ms);
    burst[i].closes_cleanly();
  }
  return story.capture();
}

Capture queue_full() {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection before = story.connect();
  before.exchange(get("/a"), ok());
  const Connection c = story.dials();
  c.server.vanishes();  // for this connection: its SYNs are dropped
  story.wait(4s);
  const Connection lucky = story.connect();
  lucky.exchange(get("/a"), ok());
  story.wait(6s);
  c.client.forgets();
  before.closes_cleanly();
  lucky.closes_cleanly();
  return story.capture();
}

Capture queued_in_vain() {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection queued = story.connect();
  queued.client.sends(get("/a"));
  story.wait(500ms);
  const Connection shut_out = story.dials({.syn_retries = 2});
  shut_out.server.vanishes();  // for this connection: its SYNs are dropped
  story.wait(4s);
  queued.client.closes();
  return story.capture();
}

Capture backscatter() {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();  // by somebody else, in the client's name
  c.client.forgets();
  story.begins_capturing();
  return story.capture();
}

Capture tls_refused() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.client.sends(client_hello());
  story.wait(11ms);
  c.server.sends(fatal_alert(kHandshakeFailure));
  c.server.closes();
  story.wait(11ms);
  c.client.closes();
  return story.capture();
}

Capture tls_too_old() {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  story.wait(1ms);
  c.client.sends(fatal_alert(kProtocolVersion));
  c.client.aborts();
  return story.capture();
}

// Legs of a proxy.

/// The proxy stands at 10.0.0.20, the server behind it at 10.0.0.30.
Capture passed_on() {
  Story story({.round_trip = 20ms});
  const Connection outer = story.connect();
  const Connection inner = story.connect({.server_port = 8'080, .client_host = 20, .server_host = 30});
  outer.client.sends(get("/a"));
  story.wait(11ms);
  inner.exchange(get("/a"), ok());
  outer.server.sends(ok());
  inner.server.idles_for(6s);
  outer.client.sends(post("/order", 30));
  story.wait(7ms);
  inner.server.closes();
  story.wait(5ms);
  inner.client.sends(post("/order", 30));
  story.wait(6ms);
  outer.server.sends(response(502));
  inner.client.closes();
  story.wait(100ms);
  outer.closes_cleanly();
  return story.capture();
}

// In the middle, and honesty.

Capture injected() {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.client.sends(get("/forbidden"));
  story.wait(31ms);
  c.path.forges_reset(Side::server, 113);
  story.wait(20ms);
  c.server.sends(ok(3'000));
  return story.capture();
}

/// Between client and server a NAT stands for 10.0.0.20; behind it the server is 10.0.0.30.
Capture left_untranslated() {
  constexpr std::uint32_t kClientIsn = 1'000'000;
  constexpr std::uint32_t kServerIsn = 2'000'000'000;
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.client_port = kPort, .client_isn = kClientIsn, .server_isn = kServerIsn});
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(100ms);
  }
  story.play(R"(
    +0      < P. 90000000:90000500(500) ack 118 ttl 62
    +.00001 > R  118:118(0) win 0 id 0
  )",
             {.client_port = kPort, .server_host = 30, .client_isn = kClientIsn, .server_isn = kServerIsn});
  c.server.forgets();
  story.wait(150ms);
  c.client.sends(get("/b"));
  return story.capture();
}

Capture began_too_late() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  story.begins_capturing();
  c.client.sends(get("/b"));
  return story.capture();
}

Capture answers_nothing() {
  Story story;
  story.play(R"(
    +0    > S  win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +.02  < S. win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62 id 0
    +0    > .
    +.001 > P. 1:40(39)
    +.02  < .                  ttl 62
    +.001 < P. 1:60(59)        ttl 62
    +0    > .
    +.1   > P. 40:79(39)
    +.02  < .                  ttl 62
    +.3   < R  60:60(0) win 0  ttl 62 id 0
  )");
  return story.capture();
}

// Waiting, giving up, dying.

Capture response_timed_out() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/quick"), ok());
  story.wait(100ms);
  c.client.sends(get("/slow"));
  story.wait(30s);
  c.client.aborts();
  return story.capture();
}

Capture request_timed_out() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(std::string_view(post("/upload", 10'000)).substr(0, 5'000));
  story.wait(2s);
  c.server.sends(response(408));
  c.server.closes();
  story.wait(2s);
  c.client.sends(bytes(2'000));
  return story.capture();
}

Capture probed_in_vain() {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(60s);
  c.server.vanishes();
  for (int i = 0; i < 4; ++i) {
    c.client.sends_keepalive_probe();
    story.wait(10s);
  }
  c.client.aborts();
  return story.capture();
}

Capture lost_in_conversation() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  for (int i = 0; i < 4; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(50ms);
  }
  c.server.forgets();
  c.client.sends(get("/b"));
  return story.capture();
}

Capture broke_off() {
  Story story({.round_trip = 20ms});
  for (int i = 0; i < 3; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/large"), ok(20'000));
    c.closes_cleanly(Side::server);
  }
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 20 * kFullSegment));
  story.wait(500ms);
  c.server.aborts();
  return story.capture();
}

Capture download_cancelled() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/large"));
  story.wait(15ms);
  c.server.sends(ok(100'000).substr(0, 30 * kFullSegment));
  story.wait(11ms);
  c.client.aborts();
  return story.capture();
}

Capture upload_stopped() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(std::string_view(post("/upload", 100'000)).substr(0, 20 * kFullSegment));
  story.wait(15ms);
  c.client.aborts();
  return story.capture();
}

Capture shipped_after_the_close() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 5'140});
  for (int i = 0; i < 5; ++i) {
    c.client.sends(bytes(80));
    story.wait(50ms);
  }
  c.server.closes();
  story.wait(50ms);
  c.client.sends(bytes(80));
  return story.capture();
}

Capture unheard() {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  for (int i = 0; i < 3; ++i) {
    c.exchange(get("/a"), ok());
    story.wait(100ms);
  }
  c.path.drops();
  c.client.sends(get("/b"));
  return story.capture();
}

Capture unheard_from_the_start() {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials({.server_port = 8'443});
  c.path.drops();
  return story.capture();
}

constexpr BookStory kBook[] = {
    {"healthy_pages", "", "", false, pages},
    {"healthy_tls_session", "", "", false, tls_session},
    {"healthy_half_close", "", "", false, half_closed_upload},
    {"healthy_probes", "", "", false, probes_kept_it_alive},
    {"healthy_loss", "", "", false, loss_that_heals},
    {"keepalive_race_crossing", "keepalive_race", "", false, race_crossing},
    {"keepalive_race_unread", "keepalive_race",
     "The server closes idle connections after 6 s. On stream 1 the next request reaches its kernel 1 ms before that: "
     "the "
     "application closes without having read it, and the close becomes a RST+ACK. There is no FIN. Stream 0 shows the "
     "same timer meeting nobody. Seen from the server.",
     true, race_unread},
    {"keepalive_race_discarded", "keepalive_race", "", false, race_discarded},
    {"stale_reuse_reset", "stale_reuse", "", false, stale},
    {"stale_reuse_photo_finish", "stale_reuse",
     "The server closes after 6 s of silence. The client's request leaves 1 ms after the FIN arrived, and is the first "
     "segment to acknowledge it: its kernel knew, its application hardly could. Seen from the client, which delays its "
     "ACKs by 40 ms.",
     true, stale_photo_finish},
    {"stale_reuse_discarded", "stale_reuse", "", false, stale_discarded},
    {"dead_keepalive_reset", "dead_keepalive", "", false, dead_reset},
    {"dead_keepalive_closed", "dead_keepalive",
     "Requests after gaps of 2 and 4 s are answered (streams 0 and 1). On stream 2 the gap is 8 s: the request is "
     "acknowledged, never answered, and 10 s later the server closes with a FIN. Seen from the client.",
     true, dead_closed},
    {"keepalive_mismatch", "keepalive_mismatch",
     "A server closes idle connections after 5 s. Its client keeps them for as long as they last, and once sends a request 15 ms "
     "before the server would have closed: it is answered, by luck.",
     true, reused_in_the_last_moment},
    {"idle_state_lost_middlebox", "idle_state_lost", "", false, forgotten_by_device},
    {"idle_state_lost_peer", "idle_state_lost",
     "A gap of 3 s survives (stream 0). On stream 1 the server's machine forgets the connection during a gap of 8 s; "
     "the "
     "next request is answered by its own kernel: a RST with the server's TTL. Seen from the client.",
     true, forgotten_by_peer},
    {"idle_blackhole", "idle_blackhole", "", false, blackhole},
    {"idle_reset_one_end", "idle_reset",
     "A server with linger 0 closes its connections after 30 s of silence: each of them ends with a RST+ACK of its own "
     "socket, and nothing is outstanding. Seen from the client.",
     true, reset_by_a_timer},
    {"idle_reset_both_ends", "idle_reset",
     "A load balancer with an idle timeout of 240 s and TCP reset: as its entry expires it sends a RST+ACK to each "
     "end, in "
     "the other's name. Captured on both of its interfaces, so that what passes it stands there twice.",
     true, expired_at_a_device},
    {"time_wait_collision_retried", "time_wait_collision", "", false, time_wait_retried},
    {"time_wait_collision_reset", "time_wait_collision",
     "The server closed stream 0 and is in TIME_WAIT. Two seconds later another host takes the same ports (a NAT "
     "between "
     "them) with a lower ISN; no timestamps. The SYN is answered by a bare ACK of the old numbers, the client resets "
     "it, "
     "and gives up. Seen from the server.",
     true, time_wait_reset},
    {"time_wait_collision_blocked", "time_wait_collision",
     "As time_wait_collision_reset, but a firewall drops the server's bare ACK as out of state: the client sends SYN "
     "after "
     "SYN, hears nothing for 50 s, and is gone. Seen from the client.",
     true, time_wait_blocked},
    {"time_wait_reuse", "time_wait_reuse", "", false, time_wait_reused},
    {"half_open_collision_retried", "half_open_collision",
     "The client's machine restarts and takes the same port again with a lower ISN. The server still holds the old "
     "connection for established: it answers the SYN with a challenge ACK (its IP ID runs on), the client's RST ends "
     "the "
     "old connection, and the second SYN, 10 ms later, is accepted. Seen from the server.",
     true, half_open_retried},
    {"half_open_collision_reset", "half_open_collision",
     "As half_open_collision_retried, but the client gives up after its RST. Seen from the server.", true,
     half_open_reset},
    {"half_open_collision_blocked", "half_open_collision",
     "As half_open_collision_retried, but a firewall drops the challenge ACK, so that no RST ever clears the old "
     "connection: SYN after SYN, until the client gives up. Seen from the server.",
     true, half_open_blocked},
    {"timestamp_stripped_both_sides", "timestamp_stripped", "", false, stripped_both_sides},
    {"timestamp_stripped_nops", "timestamp_stripped", "", false, stripped_nops},
    {"timestamp_stripped_one_direction", "timestamp_stripped",
     "A device blanks the timestamp option of SYN-ACKs. The server offered it and was offered it, so it stamps its "
     "segments; the client believes that it was declined and doesn't. Seen from the server.",
     true, stripped_one_direction},
    {"timestamp_declined", "timestamp_declined", "", false, declined},
    {"abortive_close", "abortive_close", "", false, closed_with_a_reset},
    {"abortive_truncation", "abortive_truncation", "", false, truncated},
    {"late_data_after_close", "late_data_after_close", "", false, late_farewell},
    {"unread_close", "unread_close", "", false, answered_early},
    {"connection_refused_reset", "connection_refused", "", false, refused},
    {"connection_refused_icmp", "connection_refused",
     "A SYN is answered by an ICMP error of a router (communication administratively prohibited) that quotes it. Seen "
     "from "
     "the client.",
     true, refused_by_icmp},
    {"handshake_probe", "handshake_probe", "", false, checked},
    {"accept_overflow_reset", "accept_overflow",
     "Four clients connect at once to a server whose accept queue holds two, with tcp_abort_on_overflow=1. Every SYN "
     "is "
     "answered, for the queue is still empty then; the third and the fourth ACK find it full and draw a RST. Seen from "
     "the client.",
     true, queue_overflowed},
    {"accept_overflow_dropped", "accept_overflow",
     "A server accepts too slowly. The SYNs of stream 1 meet a full accept queue and are dropped, four times over; "
     "between them another SYN meets a moment with room (stream 2). After 10 s the client gives up. Seen from the "
     "server, "
     "so that nothing was lost on the way.",
     true, queue_full},
    {"accept_overflow_unserved", "accept_overflow",
     "Nobody accepts any more. On stream 0 the kernel completes the handshake and acknowledges the request, and both "
     "wait in the queue; it is full now, so that the SYNs of stream 1 are dropped, three times over. After 4.5 s the "
     "first client gives up. Seen from the server.",
     true, queued_in_vain},
    {"syn_ack_rejected", "syn_ack_rejected",
     "Backscatter: somebody sent a SYN in this host's name. The SYN-ACK reaches it, and its kernel, without a socket, "
     "resets it. Seen from the host whose name was taken.",
     true, backscatter},
    {"tls_failure_alert", "tls_failure",
     "The server can't agree with anything in the ClientHello: fatal alert handshake_failure, FIN. Seen from the "
     "client.",
     true, tls_refused},
    {"tls_failure_version", "tls_failure",
     "The server's ServerHello picks a version that the client does not speak any more: fatal alert protocol_version, "
     "and "
     "a RST+ACK right behind it. Seen from the server.",
     true, tls_too_old},
    {"propagated", "propagated",
     "A client (10.0.0.10) and a reverse proxy (10.0.0.20), which keeps a connection open to the server behind it "
     "(10.0.0.30). That server closes it after 6 s of silence, as the proxy passes the next request on. The proxy "
     "answers 502 as soon as it sees the FIN; the RST comes later. The cause is on stream 1. Both legs in one "
     "capture, seen from each leg's client.",
     true, passed_on},
    {"injected_reset", "injected_reset", "", false, injected},
    {"conntrack_invalid", "conntrack_invalid",
     "A NAT stands for a service at 10.0.0.20; behind it the server is 10.0.0.30. On stream 0 all goes well, until a "
     "segment far ahead of the window comes by: connection tracking calls it invalid, so that it reaches the client "
     "untranslated (stream 1). The client's kernel knows no such connection and resets it; that RST is translated on "
     "its way back and kills the server's socket. The next request on stream 0 is answered by a RST. The two packets "
     "of stream 1 are written out by hand. Seen from the client.",
     true, left_untranslated},
    {"capture_too_short", "capture_too_short", "", false, began_too_late},
    {"response_timeout", "response_timeout", "", false, response_timed_out},
    {"request_timeout", "request_timeout", "", false, request_timed_out},
    {"keepalive_probe_timeout", "keepalive_probe_timeout", "", false, probed_in_vain},
    {"peer_lost_state", "peer_lost_state",
     "A busy connection: four exchanges, 50 ms apart. Then the server's machine forgets it, and the fifth request is "
     "answered "
     "by a RST. Seen from the client.",
     true, lost_in_conversation},
    {"server_abort", "server_abort",
     "Three large responses end well (streams 0 to 2). On stream 3 the server resets half a second after a third of "
     "the "
     "response. Seen from the client.",
     true, broke_off},
    {"client_abort_response", "client_abort", "", false, download_cancelled},
    {"client_abort_request", "client_abort", "A client stops in the middle of an upload. Seen from the client.", true,
     upload_stopped},
    {"retransmission_timeout_data", "retransmission_timeout",
     "In the middle of a busy conversation the path dies. The next request is sent eight times, with growing pauses, "
     "and "
     "the client gives up in silence. Seen from the client.",
     true, unheard},
    {"retransmission_timeout_syn", "retransmission_timeout",
     "A rule drops every SYN to this port: seven of them within a minute, no answer of any kind. Seen from the client.",
     true, unheard_from_the_start},
    {"write_after_close", "write_after_close", "", false, shipped_after_the_close},
    {"unexplained", "unexplained",
     "A request is acknowledged. Then, 0.3 s later, a RST that looks like the reply of a kernel without a socket, but "
     "nothing "
     "was sent that it could reply to. Written out packet by packet: no kernel known here does that. Seen from the "
     "client.",
     true, answers_nothing},
};

}  // namespace

std::span<const BookStory> story_book() {
  return kBook;
}

}  // namespace tcpwhy::tests
