// write_after_close: the peer had closed its side, and this side went on sending data that was lost.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A log shipper: five messages, none of them answered, and the collector closes.
Connection ships(Story& story) {
  const Connection c = story.connect({.server_port = 5'140});
  for (int i = 0; i < 5; ++i) {
    c.client.sends(bytes(80));
    story.wait(50ms);
  }
  return c;
}

TEST(WriteAfterClose, LogShipper) {
  Story story({.round_trip = 20ms});
  const Connection c = ships(story);
  c.server.closes();
  story.wait(50ms);
  c.client.sends(bytes(80));
  EXPECT_THAT(story, says("#0 write_after_close error fault=client|server reset_by=server kind=reply lost=80"));
}

TEST(WriteAfterClose, ThatPassedTheFinOnItsWayIsToldSo) {
  Story story({.vantage = Vantage::client, .round_trip = 100ms});
  const Connection c = ships(story);
  story.settle();
  c.server.closes();
  story.wait(10ms);
  c.client.sends(bytes(80));
  EXPECT_THAT(the_finding(findings(story), "write_after_close").narrative.explanation,
              ::testing::HasSubstr("passed that on the way, and 80 bytes"));
}

TEST(WriteAfterClose, BeforeTheFinWasSeen) {
  Story story({.round_trip = 100ms});
  const Connection c = ships(story);
  story.settle();
  c.server.closes();
  story.wait(10ms);
  c.client.sends(bytes(80));
  EXPECT_THAT(story, says("#0 write_after_close error reset_by=server"));
}

TEST(WriteAfterClose, FarewellIsNoEarlyAnswer) {
  Story story({.round_trip = 100ms});
  const Connection c = ships(story);
  c.server.sends(bytes(4));  // a close frame of WebSocket
  c.server.closes();
  story.wait(10ms);
  c.client.sends(bytes(80));
  EXPECT_THAT(story, says("#0 write_after_close error reset_by=server"));
}

// Stays silent.

TEST(WriteAfterClose, ShipperThatLooks) {
  Story story({.round_trip = 20ms});
  ships(story).closes_cleanly(Side::server);
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

TEST(WriteAfterClose, AfterACompleteExchangeItIsStaleReuse) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset"));
}

TEST(WriteAfterClose, FarewellIsNoData) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect({.server_port = 443});
  c.exchange(client_hello(), server_hello());
  c.exchange(tls_data(), tls_data());
  story.wait(1s);
  c.server.closes();
  story.wait(11ms);
  c.client.sends(close_notify());
  c.client.closes();
  EXPECT_THAT(story, says("#0 late_data_after_close chat"));
}

}  // namespace
}  // namespace tcpwhy::tests
