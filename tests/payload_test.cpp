// read_payload: what a server says of how long it keeps the connection, and bytes that lie about themselves.
#include "payload.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "support/payloads.h"

namespace tcpwhy::tests {
namespace {

PayloadFacts read(std::string_view text) {
  return read_payload({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

PayloadFacts with_field(std::string_view field) {
  return read("HTTP/1.1 200 OK\r\nServer: x\r\n" + std::string(field) + "\r\nContent-Length: 20\r\n\r\n");
}

TEST(Payload, ResponseThatSaysNothingOfItsConnection) {
  const PayloadFacts facts = read(ok());
  EXPECT_FALSE(facts.closes);
  EXPECT_FALSE(facts.used_up);
  EXPECT_EQ(facts.keep_alive, 0);
}

TEST(Payload, ConnectionClose) {
  EXPECT_TRUE(with_field("Connection: close").closes);
  EXPECT_TRUE(with_field("connection:CLOSE").closes);
  EXPECT_FALSE(with_field("Connection: keep-alive").closes);
  EXPECT_FALSE(with_field("Connection: clo").closes);
  EXPECT_FALSE(with_field("Connection:").closes);
  EXPECT_FALSE(with_field("Content-Location: close").closes);
}

TEST(Payload, KeepAliveTimeout) {
  EXPECT_EQ(with_field("Keep-Alive: timeout=5").keep_alive, 5);
  EXPECT_EQ(with_field("keep-alive: max=100, timeout=60").keep_alive, 60);
  EXPECT_EQ(with_field("Keep-Alive: TIMEOUT=7,max=9").keep_alive, 7);
  EXPECT_EQ(with_field("Keep-Alive: timeout=3600").keep_alive, 3600);
}

TEST(Payload, KeepAliveThatIsNoNumber) {
  for (const char* field : {"Keep-Alive:", "Keep-Alive: timeout", "Keep-Alive: timeout=", "Keep-Alive: timeout=x",
                            "Keep-Alive: timeout=-5", "Keep-Alive: ,,=5", "Keep-Alive: xtimeout=5", "Keep-Alive: 5",
                            "Keep-Alive: timeout=99999999999999999999"}) {
    EXPECT_EQ(with_field(field).keep_alive, 0) << field;
  }
  EXPECT_EQ(with_field("Keep-Alive: timeout=70000").keep_alive, 65'535) << "longer than anybody measures";
}

TEST(Payload, KeepAliveThatIsUsedUp) {
  EXPECT_TRUE(with_field("Keep-Alive: timeout=5, max=0").used_up);
  EXPECT_FALSE(with_field("Keep-Alive: timeout=5, max=100").used_up);
  EXPECT_FALSE(with_field("Keep-Alive: timeout=5, max=").used_up);
}

TEST(Payload, WhatARequestWantsOfItsConnectionIsNoAnnouncement) {
  const PayloadFacts facts = read("POST / HTTP/1.1\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(facts.message_size, 84U);
  EXPECT_FALSE(facts.closes);
  EXPECT_EQ(facts.keep_alive, 0);
}

TEST(Payload, FieldThatWasCutIsNotRead) {
  const std::string whole = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: close\r\n";
  for (std::size_t kept = 0; kept < whole.size(); ++kept) {
    const PayloadFacts facts = read(std::string_view(whole).substr(0, kept));
    EXPECT_FALSE(facts.closes) << kept;
    EXPECT_TRUE(facts.keep_alive == 0 || facts.keep_alive == 5) << kept;
  }
  EXPECT_TRUE(read(whole).closes);
}

TEST(Payload, InterimResponseIsReadPast) {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_TRUE(is_interim(read(interim)));
  const PayloadFacts both = read(interim + response(503, 20));
  EXPECT_FALSE(is_interim(both));
  EXPECT_EQ(both.status, 503);
  EXPECT_EQ(both.message_size, (interim + response(503, 20)).size());
  EXPECT_EQ(read("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + interim + ok()).status, 200);
}

TEST(Payload, InterimResponseThatWasCutStaysOne) {
  EXPECT_TRUE(is_interim(read("HTTP/1.1 100 Continue\r\n")));
  EXPECT_TRUE(is_interim(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2")));
}

TEST(Payload, SwitchingProtocolsIsAnAnswer) {
  EXPECT_FALSE(is_interim(read("HTTP/1.1 101 Switching Protocols\r\n\r\n")));
}

TEST(Payload, TlsRecordsSaturate) {
  EXPECT_EQ(read(tls_data(19)).tls_record, 19);
  EXPECT_EQ(read(tls_data(16'000)).tls_record, 255);
}

TEST(Payload, FactsStaySmall) {
  EXPECT_EQ(sizeof(PayloadFacts), 20U);  // Two of them a connection.
}

/// All that is made of a payload, of which so many of the first bytes are there.
std::string facts_of(std::string_view payload, std::size_t there, std::uint32_t length) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(payload.data()), there);
  const PayloadFacts facts = read_payload(bytes);
  std::string all(reinterpret_cast<const char*>(&facts), sizeof facts);
  all += is_tls_goodbye(bytes, length) ? 'g' : '-';
  all += bytes.size() == length && ends_chunked_message(bytes) ? 'e' : '-';
  all += bytes.size() < std::min<std::size_t>(length, kRecognisable) ? 'c' : '-';
  all += bytes.empty() ? '0' : '-';
  return all;
}

/// Checks one, captured whole and cut anywhere. Returns how much of it is needed.
std::size_t expect_nothing_lost(std::string_view payload) {
  std::size_t needed = 0;
  for (const std::size_t behind : {std::size_t{0}, std::size_t{1}, std::size_t{700}}) {
    const auto length = static_cast<std::uint32_t>(payload.size() + behind);
    needed = payload_needed({reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}, length);
    EXPECT_LE(needed, payload.size());
    EXPECT_EQ(facts_of(payload, needed, length), facts_of(payload, payload.size(), length))
        << "of " << testing::PrintToString(std::string(payload)) << " " << needed;
    if (behind == 0 && needed < payload.size()) {
      EXPECT_FALSE(ends_chunked_message({reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}));
    }
  }
  return needed;
}

TEST(Payload, WhatIsNeededOfItSaysAllOfTheWhole) {
  // Of these, in any order, messages and what looks like some are made.
  const std::vector<std::string> pieces = {
      "GET ", "POST ", "PUT", "HTTP/1.1 ", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 304 x\r\n", "HTTP/1.1 100 x\r\n\r\n", "999", "/a/long/target?with=arguments", " ",
      "\r", "\n", "\r\n", "\r\n\r\n", "0\r\n\r\n", "Content-Length: 20\r\n", "Transfer-Encoding: chunked\r\n", ":",
      "Keep-Alive: timeout=5, max=0\r\n", "Connection: close\r\n", "\x16\x03\x01", "\x15\x03\x03", "\x17\x03\x03",
      std::string("\0\2", 2), std::string("\0\x13", 2), std::string("\2\x28", 2), "\1", std::string(60, 'x'), std::string(1'400, 'Y')};
  std::mt19937 random(1);
  for (int round = 0; round < 200'000; ++round) {
    std::string payload;
    for (auto count = random() % 9; count > 0; --count) payload += pieces[random() % pieces.size()];
    if (random() % 4 == 0) payload.resize(random() % (payload.size() + 1));
    expect_nothing_lost(payload);
    if (HasFailure()) break;
  }
}

std::string followed_by(std::string text, std::size_t count) {
  text.append(count, 'x');
  return text;
}

TEST(Payload, OfMostBytesNothingIsNeeded) {
  const std::string header = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\n\r\n";
  EXPECT_EQ(expect_nothing_lost(followed_by(header, 1'000)), header.size());
  EXPECT_EQ(expect_nothing_lost(followed_by("GET /index.html HTTP/1.1\r\n", 1'000)), 16U);
  EXPECT_EQ(expect_nothing_lost(followed_by("", 1'448)), 48U);
  EXPECT_EQ(expect_nothing_lost(tls_data(1'400)), 48U);
  EXPECT_EQ(expect_nothing_lost(""), 0U);
  EXPECT_EQ(payload_needed({}, 1'448), 0U);
  const std::string goes_on = followed_by("HTTP/1.1 200 OK\r\n", 1'000);
  EXPECT_EQ(expect_nothing_lost(goes_on), goes_on.size());
  const std::string may_end_here = followed_by("", 1'000).append("0\r\n\r\n");
  expect_nothing_lost(may_end_here);
  EXPECT_EQ(payload_needed({reinterpret_cast<const std::uint8_t*>(may_end_here.data()), may_end_here.size()}, 1'005U), 1'005U);
}

}  // namespace
}  // namespace tcpwhy::tests
