// accept_overflow: the listener had no room: a reset straight after the handshake, or silence to SYNs.
#include <vector>

#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

constexpr Duration kSynAckIsOnItsWay = 15ms;

/// `fitting` connections out of `all` that were opened at once find room in the accept queue.
std::vector<Connection> open_at_once(Story& story, std::size_t all, std::size_t fitting) {
  std::vector<Connection> burst;
  for (std::size_t i = 0; i < all; ++i) burst.push_back(story.dials());
  story.wait(kSynAckIsOnItsWay);
  for (std::size_t i = fitting; i < all; ++i) burst[i].server.forgets();
  story.wait(100ms);
  return burst;
}

/// One connection whose SYNs the server drops; another one gets through 4 s later.
void drop_syns_of_one(Story& story, std::uint16_t port_of_the_other) {
  const Connection c = story.dials();
  c.server.vanishes();
  story.wait(4s);
  const Connection other = story.connect({.server_port = port_of_the_other});
  other.exchange(get("/a"), ok());
  other.closes_cleanly();
}

TEST(AcceptOverflow, AckFindsTheQueueFull) {
  Story story({.round_trip = 20ms});
  open_at_once(story, 4, 2);
  EXPECT_THAT(story, says("#2 accept_overflow/reset likely error fault=server reset_by=server kind=reply "
                          "impact=connect_failed\n"
                          "#3 accept_overflow/reset likely error"));
}

TEST(AcceptOverflow, RequestRightBehindTheAckIsLost) {
  Story story({.round_trip = 20ms});
  open_at_once(story, 1, 1)[0].closes_cleanly();
  const Connection c = story.dials();
  story.wait(kSynAckIsOnItsWay);
  c.server.forgets();
  story.wait(6ms);
  c.client.sends(get("/a"));
  EXPECT_THAT(story, says("#1 accept_overflow/reset error impact=connect_failed lost=39"));
}

TEST(AcceptOverflow, WithNobodyElseToCompareItIsOnlyPossible) {
  Story story({.round_trip = 20ms});
  open_at_once(story, 1, 0);
  EXPECT_THAT(story, says("#0 accept_overflow/reset possible error"));
}

TEST(AcceptOverflow, SynsAreDroppedWhileOthersGetThrough) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    drop_syns_of_one(story, 80);
    EXPECT_THAT(story, says("#0 accept_overflow/dropped possible error fault=server impact=connect_failed"));
  }
}

/// One whose handshake the kernel completed, and whom nobody accepted: its request is acknowledged and waits.
Connection waits_in_the_queue(Story& story) {
  const Connection c = story.connect();
  c.client.sends(get("/a"));
  story.wait(500ms);
  return c;
}

/// The next one finds the queue full: its SYNs are dropped.
void finds_no_room(Story& story) {
  story.dials({.syn_retries = 2}).server.vanishes();
  story.wait(4s);
}

/// Its handshake was completed, and nothing that it sends finds room.
void is_not_taken_in(const Connection& c) {
  c.path.drops([](Side sender, const Packet&) { return sender == Side::client; });
  c.client.sends(get("/a"));
}

void its_listener_is_closed(const Connection& c) {
  c.server.forgets();
  c.path.carries();
}

TEST(AcceptOverflow, UnservedUntilTheClientGivesUp) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = waits_in_the_queue(story);
    finds_no_room(story);
    c.client.closes();
    EXPECT_THAT(story, says("#0 accept_overflow/unserved likely error fault=server impact=request_lost lost=39\n"
                            "#1 retransmission_timeout error impact=connect_failed"));
  }
}

TEST(AcceptOverflow, UnservedUntilTheListenerIsClosed) {
  Story story({.round_trip = 20ms});
  const Connection c = waits_in_the_queue(story);
  finds_no_room(story);
  c.server.aborts();
  EXPECT_THAT(story, says("#0 accept_overflow/unserved error fault=server reset_by=server impact=request_lost\n"
                          "#1 retransmission_timeout"));
}

TEST(AcceptOverflow, UnservedWhileOthersAreReset) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    const Connection c = waits_in_the_queue(story);
    open_at_once(story, 1, 0);
    story.wait(4s);
    c.client.closes();
    EXPECT_THAT(story, says("#0 accept_overflow/unserved likely error fault=server impact=request_lost lost=39\n"
                            "#1 accept_overflow/reset"));
  }
}

/// With SYN cookies there is a SYN-ACK for everybody, and room for some.
TEST(AcceptOverflow, UnservedWhereNothingAfterTheHandshakeIsTakenIn) {
  Story story({.round_trip = 20ms});
  const Connection waiting = story.connect();
  const Connection c = story.connect();
  is_not_taken_in(c);
  finds_no_room(story);
  waiting.client.sends(get("/b"));
  story.wait(100ms);
  its_listener_is_closed(c);
  EXPECT_THAT(story, says("#1 accept_overflow/unserved possible error fault=server reset_by=server impact=request_lost lost=39\n"
                          "#2 retransmission_timeout"));
}

/// The listener is closed with the connection in its queue, or the application drops it as it comes.
TEST(AcceptOverflow, SocketThatResetsWhileTheFirstRequestIsOnItsWay) {
  for (const Vantage vantage : {Vantage::client, Vantage::server}) {
    Story story({.vantage = vantage, .round_trip = 20ms});
    open_at_once(story, 1, 1)[0].closes_cleanly();
    const Connection c = story.dials();
    story.wait(28ms);
    c.client.sends(get("/a"));
    story.wait(4ms);
    c.server.aborts();
    EXPECT_THAT(story, says("#1 accept_overflow/reset possible error fault=server reset_by=server kind=abort "
                            "impact=connect_failed lost=39"));
  }
}

TEST(AcceptOverflow, DroppedWhereThePortWasHeardMeanwhile) {
  Story story({.round_trip = 20ms});
  const Connection served = story.connect();
  const Connection c = story.dials({.syn_retries = 3});
  c.server.vanishes();
  story.wait(2s);
  served.exchange(get("/a"), ok());
  story.wait(10s);
  served.closes_cleanly();
  EXPECT_THAT(story, says("#1 accept_overflow/dropped possible error fault=server impact=connect_failed"));
}

// Stays silent.

TEST(AcceptOverflow, RoomForAll) {
  Story story({.round_trip = 20ms});
  for (const Connection& c : open_at_once(story, 4, 4)) {
    c.exchange(get("/a"), ok());
    c.closes_cleanly();
  }
  EXPECT_THAT(story, says_nothing());
}

TEST(AcceptOverflow, LostSynThatIsRepeated) {
  Story story({.round_trip = 20ms});
  const Connection c = story.dials();
  c.path.drops();
  story.wait(500ms);
  c.path.carries();
  story.settle();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_THAT(story, says_nothing());
}

// Nearest neighbours.

/// A connect that a NAT passes on, seen on both sides of it, and so many others in between; the listener drops it.
void dials_through_a_nat(Story& story, int others) {
  constexpr std::uint32_t kIsn = 409'428'881;
  story.dials({.client_host = 10, .client_isn = kIsn}).server.vanishes();
  story.wait(1ms);
  for (int i = 0; i < others; ++i) story.dials();
  story.dials({.client_host = 30, .client_isn = kIsn}).server.vanishes();
  story.wait(4s);
  story.connect().exchange(get("/a"), ok());
}

/// A capture on a NAT holds each SYN twice. What the listener did shows behind the NAT; before it, it only shows that no answer
/// came back.
TEST(AcceptOverflow, SynThatANatPassesOnIsJudgedBehindTheNat) {
  Story story({.vantage = Vantage::middle});
  dials_through_a_nat(story, 0);
  EXPECT_THAT(story, says("#0 retransmission_timeout error impact=connect_failed\n"
                          "#1 accept_overflow/dropped possible error"));
}

TEST(AcceptOverflow, SynBehindTheNatIsFoundAmongManyOthers) {
  Story story({.vantage = Vantage::middle});
  for (int i = 0; i < 100; ++i) story.connect();
  dials_through_a_nat(story, 40);
  EXPECT_THAT(story, says("#100 retransmission_timeout error impact=connect_failed\n"
                          "#141 accept_overflow/dropped possible error"));
}

TEST(AcceptOverflow, SynItselfRejectedIsARefusal) {
  Story story({.round_trip = 20ms});
  (void)story.connect({.listening = false});
  EXPECT_THAT(story, says("#0 connection_refused/reset"));
}

TEST(AcceptOverflow, ResetByTheClientIsAProbe) {
  Story story({.round_trip = 20ms});
  story.connect().client.aborts();
  EXPECT_THAT(story, says("#0 handshake_probe"));
}

TEST(AcceptOverflow, SilenceToEverybodyIsARetransmissionTimeout) {
  Story story({.round_trip = 20ms});
  story.dials().server.vanishes();
  EXPECT_THAT(story, says("#0 retransmission_timeout"));
}

TEST(AcceptOverflow, AnotherPortThatAnswersProvesNothing) {
  Story story({.round_trip = 20ms});
  drop_syns_of_one(story, 8'080);
  EXPECT_THAT(story, says("#0 retransmission_timeout"));
}

TEST(AcceptOverflow, PortThatWasHeardOnlyBeforeProvesNothing) {
  Story story({.round_trip = 20ms});
  const Connection before = story.connect();
  before.exchange(get("/a"), ok());
  before.closes_cleanly();
  story.wait(1s);
  story.dials({.syn_retries = 3}).server.vanishes();
  EXPECT_THAT(story, says("#1 retransmission_timeout impact=connect_failed"));
}

TEST(AcceptOverflow, PortThatWasHeardOnlyAfterwardsProvesNothing) {
  Story story({.round_trip = 20ms});
  story.dials({.syn_retries = 3}).server.vanishes();
  story.settle();
  story.wait(1s);
  const Connection later = story.connect();
  later.exchange(get("/a"), ok());
  later.closes_cleanly();
  EXPECT_THAT(story, says("#0 retransmission_timeout impact=connect_failed"));
}

TEST(AcceptOverflow, WhereNoSynWasDroppedTheAnswerTookTooLong) {
  Story story({.round_trip = 20ms});
  const Connection c = waits_in_the_queue(story);
  story.wait(4s);
  c.client.closes();
  EXPECT_THAT(story, says("#0 response_timeout error fault=client impact=response_lost"));
}

/// A path that loses all after the handshake loses the SYNs of others, too.
TEST(AcceptOverflow, WhereThePortIsNotHeardThePathMayLoseIt) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  is_not_taken_in(c);
  finds_no_room(story);
  its_listener_is_closed(c);
  EXPECT_THAT(story, ::testing::Not(says("#0 accept_overflow/unserved\n#1 retransmission_timeout")));
}

TEST(AcceptOverflow, SocketThatResetsARequestItHadIsAnUnreadClose) {
  Story story({.vantage = Vantage::server, .round_trip = 20ms});
  const Connection c = story.connect();
  c.client.sends(get("/a"));
  story.wait(11ms);
  c.server.aborts();
  EXPECT_THAT(story, says("#0 unread_close error"));
}

/// Nobody had asked for anything.
TEST(AcceptOverflow, SocketThatResetsWithoutARequestOnItsWay) {
  Story story({.round_trip = 20ms});
  story.connect().server.aborts();
  EXPECT_THAT(story, ::testing::Not(says("#0 accept_overflow")));
}

TEST(AcceptOverflow, AfterAnExchangeTheServerLostState) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.server.forgets();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 peer_lost_state"));
}

}  // namespace
}  // namespace tcpwhy::tests
