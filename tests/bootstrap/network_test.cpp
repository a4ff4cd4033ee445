// Addresses and their text, the choice of interfaces, ports and connections. (base/network.hpp)
#include "base/network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace tutti::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SocketAddress address(const char* text) {
  return *parse_socket_address(text);
}

TEST(SocketAddresses, have_a_text_and_come_back_from_it) {
  for (const char* text : {"10.0.0.1:5000", "[fd00::1]:65535", "0.0.0.0:0", "[::]:1"})
    EXPECT_EQ(to_text(address(text)), text);
  for (const char* text :
       {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0:1", "fd00::1:5", "[fd00::1:5", "host:5"})
    EXPECT_FALSE(parse_socket_address(text)) << text;
  EXPECT_EQ(to_text(SocketAddress()), "none");
}

TEST(SocketAddresses, know_what_they_are) {
  EXPECT_TRUE(address("127.3.2.1:0").is_loopback());
  EXPECT_TRUE(address("[::1]:0").is_loopback());
  EXPECT_FALSE(address("10.0.0.1:0").is_loopback());
  EXPECT_TRUE(address("[fe80::1]:0").is_link_local());
  EXPECT_TRUE(address("169.254.7.7:0").is_link_local());
  EXPECT_EQ(to_text(address("[::ffff:10.0.0.1]:7")), "10.0.0.1:7");  // IPv4 in IPv6's clothes
  EXPECT_FALSE(SocketAddress());
}

const std::vector<Interface> kHost = {
    {"lo", address("127.0.0.1:0"), 8},    {"lo", address("[::1]:0"), 128},
    {"eth0", address("[fd00::1]:0"), 64}, {"eth0", address("10.0.0.1:0"), 24},
    {"eth0", address("[fe80::1]:0"), 64}, {"eth10", address("10.1.0.1:0"), 24},
    {"ib0", address("10.2.0.1:0"), 24},   {"docker0", address("172.17.0.1:0"), 16},
};

std::vector<std::string> chosen(std::string_view pattern, std::string_view family = "") {
  std::vector<std::string> texts;
  for (const Interface& one : choose_interfaces(kHost, pattern, family))
    texts.push_back(one.name + " " + to_text(one.address));
  return texts;
}

TEST(Interfaces, are_those_that_other_hosts_can_reach) {
  EXPECT_THAT(chosen(""),
              ElementsAre("eth0 10.0.0.1:0", "eth10 10.1.0.1:0", "ib0 10.2.0.1:0", "eth0 [fd00::1]:0"));
  EXPECT_THAT(chosen("", "ipv6"), ElementsAre("eth0 [fd00::1]:0"));
}

TEST(Interfaces, are_chosen_by_prefix_by_name_and_by_exclusion) {
  EXPECT_THAT(chosen("eth", "ipv4"), ElementsAre("eth0 10.0.0.1:0", "eth10 10.1.0.1:0"));
  EXPECT_THAT(chosen("=eth1", "ipv4"), ElementsAre());
  EXPECT_THAT(chosen("=eth10,ib0"), ElementsAre("eth10 10.1.0.1:0", "ib0 10.2.0.1:0"));
  EXPECT_THAT(chosen("^eth,lo,docker"), ElementsAre("ib0 10.2.0.1:0"));
  EXPECT_THAT(chosen("docker"), ElementsAre("docker0 172.17.0.1:0"));
}

TEST(Interfaces, are_loopback_when_there_is_nothing_else) {
  const std::vector<Interface> lonely = {kHost[0], kHost[1]};
  EXPECT_EQ(choose_interfaces(lonely, "", "").size(), 2u);
}

TEST(Interfaces, that_nobody_has_are_an_error_that_lists_what_there_is) {
  Settings settings;
  settings.socket_interfaces = "=nosuchinterface";
  try {
    (void)usable_interfaces(settings);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_THAT(error.what(), HasSubstr("=nosuchinterface"));
  }
}

TEST(Ports, are_parsed) {
  EXPECT_EQ(parse_port_range("20000-20100").last, 20100);
  EXPECT_EQ(parse_port_range("7").last, 7);
  EXPECT_EQ(parse_port_range("").first, 0);
  for (const char* text : {"0-5", "9-8", "x", "1-", "1-65536", "-5"})
    EXPECT_THROW((void)parse_port_range(text), Error) << text;
}

TEST(Ports, of_a_range_are_taken_in_turn_until_none_is_free) {
  const SocketAddress loopback = SocketAddress::loopback(AF_INET);
  const FileDescriptor any = listen_in_range(loopback, {});
  const std::uint16_t port = local_address(any.get()).port();
  try {
    (void)listen_in_range(loopback, {port, port});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(port)));
    EXPECT_THAT(error.what(), HasSubstr("in use"));
  }
}

TEST(Connections, are_made_within_a_deadline) {
  const FileDescriptor listener = listen_in_range(SocketAddress::loopback(AF_INET), {});
  const SocketAddress there = local_address(listener.get());
  const FileDescriptor client = connect_to(there, after_ms(5'000));
  const FileDescriptor server = accept_connection(listener.get());
  ASSERT_TRUE(server);
  EXPECT_EQ(peer_address(client.get()), there);
  EXPECT_EQ(peer_address(server.get()), local_address(client.get()));
}

TEST(Connections, that_are_refused_name_the_peer) {
  SocketAddress there;
  {
    const FileDescriptor listener = listen_in_range(SocketAddress::loopback(AF_INET), {});
    there = local_address(listener.get());
  }
  try {
    (void)connect_to(there, after_ms(5'000));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("connect to " + to_text(there)));
    EXPECT_THAT(error.what(), HasSubstr("refused"));
  }
}

TEST(Routes, to_this_host_leave_from_loopback) {
  EXPECT_TRUE(route_to(SocketAddress::loopback(AF_INET)).is_loopback());
  EXPECT_EQ(network_identity(), network_identity());
}

}  // namespace
}  // namespace tutti::testing
