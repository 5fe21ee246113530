// capture_too_short: the start, one direction or the middle is missing, so that the cause can't be told.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// stale_reuse, if one sees all of it.
void reuses_a_closed_connection(Story& story, const Connection& c) {
  c.exchange(get("/a"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
}

TEST(CaptureTooShort, RequestAndResetOnly) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  reuses_a_closed_connection(story, c);
  story.begins_capturing();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 capture_too_short error reset_by=server kind=reply impact=request_lost"));
  EXPECT_FALSE(the_finding(findings(story), "capture_too_short").narrative.blind_spot.empty());
}

TEST(CaptureTooShort, ResetOnly) {
  Story story;
  story.play("+0 < R 77:77(0)");
  EXPECT_THAT(story, says("#0 capture_too_short note"));
}

TEST(CaptureTooShort, ServersDirectionIsMissing) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.client.aborts();
  story.sees_only(Side::client);
  EXPECT_THAT(story, is_silent()) << "what was captured before is whole";

  Story deaf({.round_trip = 20ms});
  deaf.sees_only(Side::client);
  const Connection d = deaf.connect();
  d.exchange(get("/a"), ok());
  deaf.wait(100ms);
  d.client.aborts();
  EXPECT_THAT(deaf, says("#0 capture_too_short note"));
}

TEST(CaptureTooShort, ClientsDirectionIsMissing) {
  Story story({.round_trip = 20ms});
  story.sees_only(Side::server);
  reuses_a_closed_connection(story, story.connect());
  EXPECT_THAT(story, is_silent()) << "a FIN and nothing else";
  Story reset({.round_trip = 20ms});
  reset.sees_only(Side::server);
  const Connection c = reset.connect();
  reuses_a_closed_connection(reset, c);
  c.client.sends(get("/b"));
  EXPECT_THAT(reset, says("#0 capture_too_short"));
}

// Stays silent.

TEST(CaptureTooShort, MiddleOfAHealthyConnection) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.begins_capturing();
  c.exchange(get("/b"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

TEST(CaptureTooShort, CaptureThatEndsInTheMiddle) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.client.sends(get("/b"));
  story.stops_capturing();
  EXPECT_THAT(story, is_silent());
}

/// A NAT lets an older connection's data out by ports that another one had, and closed.
TEST(CaptureTooShort, StrayOfAnotherConnectionBehindTheClose) {
  Story story;
  const Connection c = story.connect({.client_port = 40'000});
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  story.play(R"(
      +1     >   P.   900000000:900000039(39) ack 800000000
      +.001  <   R    800000000:800000000(0)  id 0
      +.2    >   P.   900000000:900000039(39) ack 800000000
      +.001  <   R    800000000:800000000(0)  id 0)",
             {.client_port = 40'000});
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

/// Its own numbers: the client had not noticed the close.
TEST(CaptureTooShort, LateRequestBehindTheCloseIsNoStray) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.closes();
  story.wait(100ms);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse|unread_close|write_after_close error"));
}

TEST(CaptureTooShort, WhereTheFinWasSeenTheCauseIsKnown) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.begins_capturing();
  c.exchange(get("/a2"), ok());
  c.server.idles_for(6s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 stale_reuse/reset"));
}

TEST(CaptureTooShort, WholeCaptureNeedsNoExcuse) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(100ms);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 peer_lost_state"));
}

}  // namespace
}  // namespace tcpwhy::tests
