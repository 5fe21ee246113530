// unexplained: all was seen and nothing fits; causes that aren't built yet among it. Never a wrong name.
#include "support/payloads.h"
#include "support/verdicts.h"

namespace tcpwhy::tests {
namespace {

/// A RST in the form of a reply, when nothing was sent that it could reply to.
void answers_nothing(Story& story) {
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
}

TEST(Unexplained, ReplyToNothing) {
  Story story;
  answers_nothing(story);
  EXPECT_THAT(story, says("#0 unexplained warn fault=unknown reset_by=server kind=reply"));
}

TEST(Unexplained, SaysWhichFactsAreOdd) {
  Story story;
  answers_nothing(story);
  const Finding finding = the_finding(findings(story), "unexplained");
  EXPECT_FALSE(finding.narrative.explanation.empty());
  EXPECT_FALSE(finding.proofs.empty());
}

// Stays silent.

TEST(Unexplained, HealthyTrafficOfManyKinds) {
  Story story({.round_trip = 30ms});
  const Connection web = story.connect();
  for (int i = 0; i < 10; ++i) {
    web.exchange(get("/page"), ok(20'000));
    story.wait(i * 300ms);
  }
  web.closes_cleanly();
  const Connection tls = story.connect({.server_port = 443});
  tls.exchange(client_hello(), server_hello());
  tls.exchange(tls_data(), tls_data(30'000));
  tls.closes_cleanly(Side::server);
  const Connection upload = story.connect();
  upload.exchange(post("/upload", 80'000), response(201));
  upload.client.shuts_down();
  story.wait(200ms);
  upload.server.closes();
  EXPECT_THAT(story, says_nothing());
}

TEST(Unexplained, ConnectionThatIsStillOpen) {
  Story story;
  story.connect().exchange(get("/a"), ok());
  EXPECT_THAT(story, says_nothing());
}

TEST(Unexplained, ResetOutsideTheWindowDidNotBite) {
  Story story({.round_trip = 20ms});
  story.play(R"(
    +0    > S  win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +.02  < S. win 65160 <mss 1460,nop,nop,sackOK,nop,wscale 7> ttl 62 id 0
    +0    > .
    +.001 > P. 1:40(39)
    +.02  < .                     ttl 62
    +.001 < P. 1:100(99)          ttl 62
    +0    > .
    +1    < R  900000:900000(0)   ttl 62 id 0
    +1    > P. 40:80(40)
    +.02  < P. 100:200(100)       ttl 62
    +0    > .
    +1    > F.
    +.02  < F.                    ttl 62
    +0    > .
  )");
  EXPECT_THAT(story, says("#0 injected_reset|unexplained note|chat impact=none"));
}

// Nearest neighbour.

TEST(Unexplained, WhereTheStartIsMissingItIsTheCapturesFault) {
  Story story({.round_trip = 20ms});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(50ms);
  c.server.forgets();
  story.begins_capturing();
  c.client.sends(get("/b"));
  EXPECT_THAT(story, says("#0 capture_too_short"));
}

}  // namespace
}  // namespace tcpwhy::tests
