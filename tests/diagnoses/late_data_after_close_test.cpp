// late_data_after_close: a RST for something that arrived after a complete close; everything had been delivered.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

TEST(LateDataAfterClose, ServersFarewellMeetsAClosedClient) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.client.idles_for(1s);
  c.client.closes();
  story.wait(11ms);
  c.server.sends(close_notify());
  c.server.closes();
  EXPECT_THAT(story, says("#0 late_data_after_close chat fault=nobody reset_by=client impact=none"));
}

TEST(LateDataAfterClose, ClientsFarewellMeetsAClosedServer) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  c.server.idles_for(5s);
  c.server.closes();
  story.wait(11ms);
  c.client.sends(close_notify());
  c.client.closes();
  EXPECT_THAT(story, says("#0 late_data_after_close chat fault=nobody reset_by=server impact=none"));
}

TEST(LateDataAfterClose, FinsThatCrossed) {
  Story story({.round_trip = 100ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(1s);
  c.client.sends(close_notify());
  c.client.closes();
  c.server.sends(close_notify());
  c.server.closes();
  EXPECT_THAT(story, is_silent());
}

// Stays silent.

TEST(LateDataAfterClose, FarewellInTime) {
  Story story;
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.client.sends(close_notify());
  c.client.shuts_down();
  story.wait(50ms);
  c.server.sends(close_notify());
  c.server.closes();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(LateDataAfterClose, RequestIsNoFarewell) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(5s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse"));
}

TEST(LateDataAfterClose, LargeResponseThatComesTooLateWasWanted) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/report"));
  story.wait(2s);
  c.client.closes();  // gives up
  story.wait(1s);
  c.server.sends(ok(50'000));
  EXPECT_THAT(story, ::testing::Not(says("#0 late_data_after_close")));
}

}  // namespace
}  // namespace tcpwhy::tests
