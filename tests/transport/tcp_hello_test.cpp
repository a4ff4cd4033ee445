// Who may connect: only those that know the secret, each once; and nobody else holds a rank up.
#include <random>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "transport/tcp/hello.hpp"
#include "transport/tcp/listener.hpp"
#include "transport/tcp_pair.hpp"

namespace tutti::tcp {
namespace {

using tcp_test::describe_world;
using tcp_test::Pair;
using tcp_test::toy_sign;

class TcpHello : public ::testing::Test {
 protected:
  TcpHello() { describe_world(world, failure, 1); }
  [[nodiscard]] Hello genuine() const {
    Hello hello;
    hello.communicator = world.communicator;
    hello.writer = 0;
    hello.reader = 1;
    hello.lane = 3;
    return hello;
  }
  World world;
  Failure failure;
};

TEST_F(TcpHello, a_genuine_one_is_understood) {
  const auto parsed = parse(encode(genuine(), toy_sign), world);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, genuine());
}

TEST_F(TcpHello, no_bit_of_it_may_change) {
  const HelloBytes good = encode(genuine(), toy_sign);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    HelloBytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(parse(bytes, world)) << "bit " << bit;
  }
}

TEST_F(TcpHello, random_bytes_are_refused) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    HelloBytes bytes;
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    EXPECT_FALSE(parse(bytes, world));
  }
}

TEST_F(TcpHello, a_signed_one_that_makes_no_sense_is_refused) {
  const auto refused = [&](auto change) {
    Hello hello = genuine();
    change(hello);
    return !parse(encode(hello, toy_sign), world);
  };
  EXPECT_TRUE(refused([](Hello& hello) { hello.magic += 1; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.communicator += 1; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.reader = 0; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.writer = -1; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.writer = 2; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.sockets = 0; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.sockets = 10'000; }));
  EXPECT_TRUE(refused([](Hello& hello) { hello.socket = 1; }));
}

FileDescriptor client_of(const SocketAddress& address) {
  return connect_to(address, after_ms(10'000));
}

void say(const FileDescriptor& socket, std::span<const std::byte> bytes) {
  ASSERT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

template <typename Done>
bool serve(Listener& listener, Done done) {
  const Deadline deadline = after_ms(20'000);
  while (!done()) {
    listener.wait(10);
    listener.accept_clients();
    if (passed(deadline)) return false;
  }
  return true;
}

TEST_F(TcpHello, one_that_was_recorded_cannot_be_played_again) {
  Listener listener(world);
  const HelloBytes bytes = encode(genuine(), toy_sign);
  const FileDescriptor first = client_of(listener.addresses().front());
  say(first, bytes);
  ASSERT_TRUE(serve(listener, [&] { return listener.arrived(0, 3) == 1; }));
  EXPECT_EQ(listener.take(0, 3).size(), 1u);

  const FileDescriptor second = client_of(listener.addresses().front());
  say(second, bytes);
  std::byte answer{};
  ASSERT_TRUE(serve(listener, [&] { return ::recv(second.get(), &answer, 1, MSG_DONTWAIT) == 0; }))
      << "not hung up";
  EXPECT_EQ(listener.arrived(0, 3), 0u);
}

TEST_F(TcpHello, one_that_comes_in_pieces_is_put_together) {
  Listener listener(world);
  const HelloBytes bytes = encode(genuine(), toy_sign);
  const FileDescriptor client = client_of(listener.addresses().front());
  say(client, std::span(bytes).first(10));
  listener.wait(1000);
  listener.accept_clients();
  EXPECT_EQ(listener.arrived(0, 3), 0u);
  say(client, std::span(bytes).subspan(10));
  EXPECT_TRUE(serve(listener, [&] { return listener.arrived(0, 3) == 1; }));
}

TEST(TcpStrangers, do_not_keep_peers_from_meeting) {
  Pair pair;
  std::vector<FileDescriptor> strangers;
  std::mt19937_64 random(2);
  for (int i = 0; i < 300;
       ++i) {  // more than are held: silent ones, talkers, and those that say half a hello
    strangers.push_back(client_of(pair.listener_of(1)));
    std::vector<std::byte> noise(static_cast<std::size_t>(i % 3) * 60);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    say(strangers.back(), noise);
  }
  const auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const std::byte word{42};
  ASSERT_TRUE(outlet->send(&word, 1, 5));
  const std::byte* message = nullptr;
  ASSERT_TRUE(pair.until([&] { return (message = inlet->borrow(1, 5)) != nullptr; }));
  EXPECT_EQ(*message, word);
  EXPECT_FALSE(pair.failures[1].failed());
}

}  // namespace
}  // namespace tutti::tcp
