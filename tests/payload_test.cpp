// read_payload: what a server says of how long it keeps the connection, and bytes that lie about themselves.
#include "payload.h"

#include <gtest/gtest.h>

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

TEST(Payload, TlsRecordsSaturate) {
  EXPECT_EQ(read(tls_data(19)).tls_record, 19);
  EXPECT_EQ(read(tls_data(16'000)).tls_record, 255);
}

TEST(Payload, FactsStaySmall) {
  EXPECT_EQ(sizeof(PayloadFacts), 20U);  // Two of them a connection.
}

}  // namespace
}  // namespace tcpwhy::tests
