// tls_failure: the TLS handshake failed, with a fatal alert, or without a word on the ClientHello.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Terms kTls = {.server_port = 443};
constexpr std::uint8_t kDecodeError = 50;

TEST(TlsFailure, ServerAlertsAndCloses) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.client.sends(client_hello());
  story.wait(11ms);
  const Sent alert = c.server.sends(fatal_alert(kHandshakeFailure));
  c.server.closes();
  story.wait(11ms);
  c.client.closes();
  EXPECT_THAT(story, says("#0 tls_failure certain error fault=client impact=connect_failed"));
  EXPECT_EQ(the_finding(findings(story), "tls_failure").verdict.deciding_frame, story.frame(alert));
}

TEST(TlsFailure, ClientAlertsAndResets) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect(kTls);
    c.exchange(client_hello(), server_hello());
    story.wait(1ms);
    c.client.sends(fatal_alert(kProtocolVersion));
    c.client.aborts();
    EXPECT_THAT(story, says("#0 tls_failure certain error fault=server reset_by=client impact=connect_failed"));
  }
}

TEST(TlsFailure, ServerResetsOnTheClientHello) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.server.stops_reading();
  c.client.sends(client_hello());
  story.wait(12ms);
  c.server.closes();
  EXPECT_THAT(story, says("#0 tls_failure possible error reset_by=server kind=abort impact=connect_failed"));
}

TEST(TlsFailure, ServerClosesOnTheClientHello) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.client.sends(client_hello());
  story.wait(12ms);
  c.closes_cleanly(Side::server);
  EXPECT_THAT(story, says("#0 tls_failure possible error impact=connect_failed"));
}

/// Without the client's Finished no handshake is complete, however much the server has said.
TEST(TlsFailure, ServerClosesBehindItsOwnFlight) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect(kTls);
    c.client.sends(client_hello());
    story.wait(11ms);
    c.server.sends(server_hello());
    c.server.closes();
    story.wait(60ms);
    c.client.sends(finished() + tls_data(87));
    c.client.closes();
    EXPECT_THAT(story, says("#0 tls_failure possible error fault=server impact=connect_failed"));
  }
}

/// What reads no TLS closes without a word; the client's alert and its FIN then meet no socket.
TEST(TlsFailure, ServerClosesOnTheClientHelloAndTheClientComplains) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect(kTls);
    c.client.sends(client_hello());
    story.wait(12ms);
    c.server.closes();
    story.wait(11ms);
    c.client.sends(fatal_alert(kDecodeError));
    c.client.closes();
    EXPECT_THAT(story, says("#0 tls_failure possible error fault=server reset_by=server kind=reply impact=connect_failed"));
    const Finding finding = the_finding(findings(story), "tls_failure");
    EXPECT_THAT(finding.narrative.explanation, ::testing::HasSubstr("closed the connection on the ClientHello"));
  }
}

/// TLS 1.3: the client has gone on to its request when the server says, sealed, that its certificate is missing.
void asks_before_it_is_heard(const Connection& c, const Story& story) {
  c.client.sends(client_hello());
  story.wait(12ms);
  c.server.sends(server_hello());
  story.wait(11ms);
  c.client.sends(finished());
  c.server.stops_reading();
  c.client.sends(tls_data(200));
  story.wait(12ms);
}

TEST(TlsFailure, SealedAlertAfterTheClientsFinished) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = story.connect(kTls);
    asks_before_it_is_heard(c, story);
    c.server.sends(close_notify());  // all sealed alerts look like it
    c.server.closes();
    EXPECT_THAT(story, says("#0 tls_failure possible error fault=client reset_by=server kind=abort impact=connect_failed"));
  }
}

// Stays silent.

TEST(TlsFailure, SessionThatSaysGoodbye) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data(5'000));
  story.wait(100ms);
  c.client.sends(close_notify());
  c.client.shuts_down();
  story.wait(100ms);
  c.server.sends(close_notify());
  c.server.closes();
  EXPECT_THAT(story, says_nothing());
}

TEST(TlsFailure, HandshakeOnly) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(TlsFailure, LateCloseNotifyIsNoFailure) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.client.idles_for(1s);
  c.client.closes();
  story.wait(11ms);
  c.server.sends(close_notify());
  c.server.closes();
  EXPECT_THAT(story, says("#0 late_data_after_close chat"));
}

TEST(TlsFailure, ResetThatComesTooEarlyIsInjected) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect(kTls);
  c.client.sends(client_hello());
  story.wait(31ms);
  c.path.forges_reset(Side::server, 113);
  story.wait(20ms);
  c.server.sends(server_hello());
  EXPECT_THAT(story, says("#0 injected_reset"));
}

TEST(TlsFailure, WithoutAnAlertAnUnreadRequestIsAnUnreadClose) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  asks_before_it_is_heard(c, story);
  c.server.closes();
  EXPECT_THAT(story, says("#0 unread_close error impact=request_lost"));
}

TEST(TlsFailure, AlertAfterAnAnswerEndsASession) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  asks_before_it_is_heard(c, story);
  c.server.sends(tls_data());
  story.wait(30ms);
  c.server.sends(close_notify());
  c.server.closes();
  for (const Finding& finding : findings(story)) EXPECT_NE(finding.verdict.diagnosis->id, "tls_failure");
}

TEST(TlsFailure, ResetAfterApplicationDataIsNot) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect(kTls);
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(50ms);
  c.client.aborts();
  EXPECT_THAT(story, says("#0 abortive_close chat"));
}

}  // namespace
}  // namespace tcpwhy::tests
