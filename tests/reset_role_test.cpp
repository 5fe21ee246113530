// tcpwhy.role: each RST frame is its incident's cause, an echo of it, or a copy of either, so that causes count
// failures.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "analyzer.h"
#include "support/packet.h"
#include "support/payloads.h"
#include "support/story.h"

namespace tcpwhy::tests {
namespace {

/// How many RST frames play each role.
std::map<std::string, int> roles(const Capture& capture) {
  Analyzer analyzer{Settings{}};
  std::map<std::string, int> counts;
  feed(analyzer, capture, [&](FrameNumber frame, const Remarks& remarks) {
    if (remarks.role != ResetRole::none) ++counts[std::string(to_string(remarks.role))];
    EXPECT_EQ(analyzer.reset_role(frame), remarks.role);
  });
  return counts;
}

using Roles = std::map<std::string, int>;

TEST(ResetRole, TheServerAnswersTheLateRequestAndThenTheFin) {
  Story story({.vantage = Vantage::server});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.server.idles_for(5s);
  c.server.closes();
  story.wait(1s);
  c.client.sends(get("/b"));
  story.wait(5ms);  // The answer is still on its way.
  c.client.closes();
  EXPECT_EQ(roles(story.capture()), (Roles{{"cause", 1}, {"echo", 1}}));
}

TEST(ResetRole, AMirrorOfBothPortsAddsCopiesAndNoFailure) {
  Story story({.vantage = Vantage::server});
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  story.wait(1s);
  c.server.aborts();
  EXPECT_EQ(roles(mirrored(story.capture())), (Roles{{"cause", 1}, {"copy", 1}}));
}

TEST(ResetRole, ARefusedConnectIsOneFailureHoweverOftenItIsTried) {
  Story story;
  story.play(R"(
    +0 > S  0:0(0)
    +0 < R. 0:0(0)
    +1 > S  0:0(0)
    +0 < R. 0:0(0)
  )");
  EXPECT_EQ(roles(story.capture()), (Roles{{"cause", 1}, {"echo", 1}}));
}

TEST(ResetRole, TwoConnectionsTwoCauses) {
  Story story;
  for (int i = 0; i < 2; ++i) {
    const Connection c = story.connect();
    c.exchange(get("/a"), ok());
    story.wait(1s);
    c.server.aborts();
  }
  EXPECT_EQ(roles(story.capture()), (Roles{{"cause", 2}}));
}

TEST(ResetRole, AHealthyConnectionHasNone) {
  Story story;
  const Connection c = story.connect();
  c.exchange(get("/a"), ok());
  c.closes_cleanly();
  EXPECT_EQ(roles(story.capture()), Roles{});
}

}  // namespace
}  // namespace tcpwhy::tests
