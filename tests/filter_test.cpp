// --filter: what it lets through, its nearest neighbour that it doesn't, and what it says of nonsense.
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "analysis/batch/filter.h"
#include "catalogue.h"

namespace tcpwhy::batch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Filter filter(const std::vector<std::string>& expressions) { return Filter(expressions); }

Finding race() {
  Finding finding;
  finding.client = "10.0.0.1";
  finding.client_port = 40000;
  finding.server = "10.0.1.2:443";
  finding.verdict.diagnosis = find_diagnosis("keepalive_race");
  finding.verdict.variant = "crossing";
  finding.verdict.confidence = Confidence::certain;
  finding.verdict.severity = Severity::warn;
  finding.verdict.fault = Fault::client;
  finding.verdict.impact = Impact::request_lost;
  return finding;
}

Finding race_over_ipv6() {
  Finding finding = race();
  finding.client = "2001:db8::1";
  finding.server = "[2001:db8:1::2]:443";
  return finding;
}

bool lets_race_through(const std::string& expression) { return filter({expression}).lets_through(race()); }
bool lets_ipv6_through(const std::string& expression) { return filter({expression}).lets_through(race_over_ipv6()); }

/// What is said of an expression that can't be understood; "" where it can.
std::string refusal(const std::string& expression) {
  try {
    filter({expression});
  } catch (const FilterError& error) {
    return error.what();
  }
  return {};
}

TEST(Filter, WithoutExpressionsLetsEverythingThrough) {
  EXPECT_TRUE(Filter().lets_through(race()));
  EXPECT_TRUE(Filter().lets_through(Finding{}));
}

TEST(Filter, TakesOneOfSeveralCauses) {
  EXPECT_TRUE(lets_race_through("cause=keepalive_race"));
  EXPECT_TRUE(lets_race_through("cause=stale_reuse, keepalive_race"));
  EXPECT_FALSE(lets_race_through("cause=stale_reuse"));
}

TEST(Filter, TakesEveryCauseOfTheCatalogue) {
  for (const Diagnosis* diagnosis : catalogue()) EXPECT_EQ(refusal("cause=" + std::string(diagnosis->id)), "");
}

TEST(Filter, ComparesSeverities) {
  EXPECT_TRUE(lets_race_through("severity>=chat"));
  EXPECT_TRUE(lets_race_through("severity>=warn"));
  EXPECT_TRUE(lets_race_through("severity >= note"));
  EXPECT_FALSE(lets_race_through("severity>=error"));
  EXPECT_TRUE(lets_race_through("severity=warn"));
  EXPECT_FALSE(lets_race_through("severity=note"));
}

TEST(Filter, TakesTheOtherWordsOfAVerdict) {
  EXPECT_TRUE(lets_race_through("variant=crossing"));
  EXPECT_TRUE(lets_race_through("fault=client"));
  EXPECT_FALSE(lets_race_through("fault=server,path"));
  EXPECT_TRUE(lets_race_through("confidence=certain"));
  EXPECT_FALSE(lets_race_through("confidence=possible"));
  EXPECT_TRUE(lets_race_through("impact=request_lost"));
  EXPECT_FALSE(lets_race_through("impact=response_lost"));
}

TEST(Filter, TakesTheEndpointOfEitherSide) {
  EXPECT_TRUE(lets_race_through("endpoint=10.0.0.1"));
  EXPECT_TRUE(lets_race_through("endpoint=10.0.1.2"));
  EXPECT_FALSE(lets_race_through("endpoint=10.0.0.2"));
  EXPECT_TRUE(lets_race_through("endpoint=10.0.0.2,10.0.0.1"));
}

TEST(Filter, TakesAnEndpointsPort) {
  EXPECT_TRUE(lets_race_through("endpoint=10.0.1.2:443"));
  EXPECT_FALSE(lets_race_through("endpoint=10.0.1.2:80"));
  EXPECT_TRUE(lets_race_through("endpoint=10.0.0.1:40000"));
  EXPECT_FALSE(lets_race_through("endpoint=10.0.0.1:443")) << "the other side's port";
}

TEST(Filter, TakesANetwork) {
  EXPECT_TRUE(lets_race_through("endpoint=10.0.0.0/8"));
  EXPECT_TRUE(lets_race_through("endpoint=10.0.0.0/31"));
  EXPECT_FALSE(lets_race_through("endpoint=10.0.0.2/31"));
  EXPECT_TRUE(lets_race_through("endpoint=10.255.0.0/8")) << "bits behind the prefix don't count";
  EXPECT_TRUE(lets_race_through("endpoint=0.0.0.0/0"));
  EXPECT_FALSE(lets_race_through("endpoint=::/0")) << "of the other family";
  EXPECT_FALSE(lets_race_through("endpoint=11.0.0.0/8"));
  EXPECT_TRUE(lets_race_through("endpoint=10.0.1.0/24:443"));
  EXPECT_FALSE(lets_race_through("endpoint=10.0.1.0/24:80"));
}

TEST(Filter, TakesIpv6) {
  EXPECT_TRUE(lets_ipv6_through("endpoint=2001:db8::1"));
  EXPECT_TRUE(lets_ipv6_through("endpoint=2001:DB8:0::1")) << "however it is written";
  EXPECT_TRUE(lets_ipv6_through("endpoint=[2001:db8:1::2]:443"));
  EXPECT_FALSE(lets_ipv6_through("endpoint=[2001:db8:1::2]:80"));
  EXPECT_TRUE(lets_ipv6_through("endpoint=[2001:db8::1]:40000"));
  EXPECT_TRUE(lets_ipv6_through("endpoint=2001:db8:1::/48"));
  EXPECT_FALSE(lets_ipv6_through("endpoint=2001:db8:2::/47"));
  EXPECT_FALSE(lets_ipv6_through("endpoint=2001:db8::2"));
}

TEST(Filter, DoesNotTakeAForgottenConnectionForAnEndpoint) {
  Finding forgotten = race();
  forgotten.client = forgotten.server = "";
  forgotten.client_port = {};
  EXPECT_FALSE(filter({"endpoint=0.0.0.0/0"}).lets_through(forgotten));
  EXPECT_TRUE(filter({"cause=keepalive_race"}).lets_through(forgotten));
}

TEST(Filter, DoesNotTakeAnUnknownPortForAny) {
  Finding habit = race();
  habit.client_port = {};
  EXPECT_TRUE(filter({"endpoint=10.0.0.1"}).lets_through(habit));
  EXPECT_FALSE(filter({"endpoint=10.0.0.1:0"}).lets_through(habit));
}

TEST(Filter, AllExpressionsMustHold) {
  EXPECT_TRUE(filter({"cause=keepalive_race", "severity>=warn", "endpoint=10.0.0.1", "endpoint=10.0.1.2:443"}).lets_through(race()));
  EXPECT_FALSE(filter({"cause=keepalive_race", "severity>=error"}).lets_through(race()));
  EXPECT_FALSE(filter({"endpoint=10.0.0.1", "endpoint=10.0.0.2"}).lets_through(race()));
}

TEST(Filter, AsksATimeoutForItsEndpointsAlone) {
  NamedTimeout timeout;
  timeout.client = "10.0.0.1";
  timeout.server = "10.0.1.2:443";
  EXPECT_TRUE(filter({"cause=stale_reuse"}).lets_through(timeout));
  EXPECT_TRUE(filter({"endpoint=10.0.1.2:443"}).lets_through(timeout));
  EXPECT_FALSE(filter({"endpoint=10.0.1.3"}).lets_through(timeout));
}

TEST(Filter, SaysWhatItKnowsInstead) {
  EXPECT_THAT(refusal("cause=keepalive_rce"), AllOf(HasSubstr("--filter 'cause=keepalive_rce'"), HasSubstr("no cause \"keepalive_rce\""),
                                                    HasSubstr("did you mean \"keepalive_race\"?"), HasSubstr("stale_reuse")));
  EXPECT_THAT(refusal("severity>=loud"), AllOf(HasSubstr("chat, note, warn, error"), Not(HasSubstr("did you mean"))));
  EXPECT_THAT(refusal("severty>=warn"), AllOf(HasSubstr("did you mean \"severity\"?"), HasSubstr("endpoint, cause")));
  EXPECT_THAT(refusal("cause>=keepalive_race"), HasSubstr(">= is for severity"));
  EXPECT_THAT(refusal("keepalive_race"), HasSubstr("no = or >="));
  EXPECT_THAT(refusal(""), HasSubstr("no = or >="));
  EXPECT_THAT(refusal("=x"), HasSubstr("no field \"\""));
  EXPECT_THAT(refusal("cause="), HasSubstr("no cause \"\""));
  EXPECT_THAT(refusal("cause=keepalive_race,"), HasSubstr("no cause \"\""));
  EXPECT_THAT(refusal("severity>=3"), HasSubstr("no severity \"3\""));
}

TEST(Filter, RefusesWhatIsNoEndpoint) {
  for (const char* word : {"", "web.example", "10.0.0", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:http", "10.0.0.0/33",
                           "10.0.0.0/", "10.0.0.0/-1", "[2001:db8::1", "[2001:db8::1]443", "[10.0.0.1]:80", "2001:db8::/129",
                           "2001:db8::g"}) {
    EXPECT_THAT(refusal(std::string("endpoint=") + word), HasSubstr("is no endpoint")) << word;
  }
  EXPECT_EQ(refusal("endpoint= 10.0.0.1 "), "") << "blanks don't count";
}

}  // namespace
}  // namespace tcpwhy::batch
