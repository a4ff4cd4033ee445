// Where a rank listens and by which way its peers come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "transport/tcp/address.hpp"
#include "transport/tcp_pair.hpp"

namespace tutti::tcp {
namespace {

using tcp_test::describe_world;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SocketAddress address(const std::string& text) {
  return parse_socket_address(text).value();
}

TEST(TcpAddress, its_text_can_be_read_back) {
  const Address original{0xbeef, 0xfeed, {address("10.0.0.1:5000"), address("[fd00::1]:5000")}};
  const auto parsed = parse_address(to_text(original));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->machine, original.machine);
  EXPECT_EQ(parsed->network, original.network);
  EXPECT_EQ(parsed->addresses, original.addresses);
}

TEST(TcpAddress, other_texts_are_refused) {
  for (const char* text :
       {"", "tcp1", "tcp1 beef feed", "tcp1 beef feed nonsense", "tcp1 beef xyz 10.0.0.1:5000",
        "tcp1 xyz feed 10.0.0.1:5000", "tcp1 feed 10.0.0.1:5000", "tcp2 beef feed 10.0.0.1:5",
        "tcp1 beef feed 10.0.0.1:5000 10.0.0.1"})
    EXPECT_FALSE(parse_address(text)) << text;
}

class TcpWays : public ::testing::Test {
 protected:
  const std::vector<Interface> own_{{"slow0", address("192.168.7.1:0"), 24},
                                    {"fast0", address("10.1.0.1:0"), 16},
                                    {"fast1", address("10.2.0.1:0"), 16}};
  [[nodiscard]] std::vector<std::string> ways_of(const std::vector<Way>& ways) const {
    std::vector<std::string> texts;
    for (const Way& way : ways) texts.push_back(to_text(way));
    return texts;
  }
};

TEST_F(TcpWays, a_network_that_both_share_comes_first) {
  const Address peer{1, 1, {address("203.0.113.9:80"), address("10.2.0.9:80")}};
  Settings settings;
  settings.socket_interfaces = "slow,fast";
  EXPECT_EQ(to_text(ways_to(peer, 2, own_, settings).front()), "10.2.0.9:80 via fast1");
}

TEST_F(TcpWays, loopback_leads_only_to_the_same_network_stack) {
  const Address peer{1, 1, {address("127.0.0.1:80")}};
  const std::vector<Interface> loopback{{"lo", address("127.0.0.1:0"), 8}};
  EXPECT_THAT(ways_to(peer, 2, loopback, {}), IsEmpty());
  EXPECT_THAT(ways_of(ways_to(peer, 1, loopback, {})), ElementsAre("127.0.0.1:80 via lo"));
}

TEST_F(TcpWays, sockets_are_spread_over_the_interfaces_that_share_a_network) {
  const Address peer{1, 1, {address("10.1.0.9:80"), address("10.1.0.10:80"), address("10.2.0.9:80")}};
  EXPECT_THAT(spread(ways_to(peer, 2, own_, {})), ElementsAre(0u, 2u));
}

TEST(TcpListening, is_refused_with_the_interfaces_that_there_are) {
  Failure failure;
  World world;
  describe_world(world, failure, 0);
  world.settings.socket_interfaces = "=nosuch0";
  try {
    (void)make_tcp_transport(world);
    FAIL() << "there is no such interface";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_THAT(error.what(), HasSubstr("=nosuch0"));
    EXPECT_THAT(error.what(), HasSubstr("lo (ipv4)"));
  }
}

TEST(TcpListening, says_when_the_ports_are_used_up) {
  Failure failure;
  World world;
  describe_world(world, failure, 0);
  const FileDescriptor taken = listen_in_range(SocketAddress::loopback(AF_INET), {});
  const int port = local_address(taken.get()).port();
  world.settings.port_range = fmt::format("{}-{}", port, port);
  try {
    (void)make_tcp_transport(world);
    FAIL() << "the port is taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::system_error);
    EXPECT_THAT(error.what(), HasSubstr("TUTTI_PORT_RANGE"));
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(port)));
  }
}

TEST(TcpListening, keeps_to_the_interfaces_of_the_setting) {
  Failure failure;
  World world;
  describe_world(world, failure, 0);
  const auto transport = make_tcp_transport(world);
  const auto parsed = parse_address(transport->address());
  ASSERT_TRUE(parsed);
  for (const SocketAddress& one : parsed->addresses) EXPECT_TRUE(one.is_loopback()) << tutti::to_text(one);
}

}  // namespace
}  // namespace tutti::tcp
