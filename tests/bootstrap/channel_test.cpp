// The handshake and the frames, and every parser against bytes that nobody meant to send.
#include "bootstrap/channel.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bootstrap/describe.hpp"
#include "bootstrap/endpoint.hpp"
#include "bootstrap/gathering.hpp"
#include "bootstrap/unique_id.hpp"
#include "bootstrap/wire.hpp"

namespace tutti::testing {
namespace {

using ::testing::HasSubstr;

struct Pair {
  Pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) std::abort();
    left = FileDescriptor(fds[0]);
    right = FileDescriptor(fds[1]);
  }
  FileDescriptor left, right;
};

Secret secret_of(const char* text) {
  return secret_from(text);
}

// A client and a server, and what they say to each other.
struct Talk {
  explicit Talk(const char* client_secret = "s", const char* server_secret = "s",
                std::uint64_t server_context = 7)
      : client(std::move(pair.left), Channel::Role::client, secret_of(client_secret), 7),
        server(std::move(pair.right), Channel::Role::server, secret_of(server_secret), server_context) {}
  void settle() {
    for (int turn = 0; turn < 10; ++turn) client.progress(), server.progress();
  }
  Pair pair;
  Channel client, server;
};

TEST(Channel, opens_between_those_who_know_the_secret) {
  Talk talk;
  talk.client.send(FrameType::join, "early");  // before the handshake: kept until then
  talk.settle();
  ASSERT_TRUE(talk.client.authenticated());
  ASSERT_TRUE(talk.server.authenticated());
  const auto frame = talk.server.receive();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::join);
  EXPECT_EQ(frame->payload, "early");
  EXPECT_FALSE(talk.server.receive());
}

TEST(Channel, closes_on_a_wrong_secret_or_context) {
  Talk wrong_secret("s", "t");
  wrong_secret.settle();
  EXPECT_FALSE(wrong_secret.client.authenticated());
  EXPECT_EQ(wrong_secret.client.reason(), "the peer does not know the secret");
  Talk wrong_context("s", "s", 8);
  wrong_context.settle();
  EXPECT_EQ(wrong_context.client.reason(), "the peer does not know the secret");
}

TEST(Channel, a_server_believes_no_client_that_cannot_answer) {
  Pair pair;
  Channel server(std::move(pair.right), Channel::Role::server, secret_of("s"), 7);
  const std::string hello = std::string("TUTTI\0\0\1", 8) + std::string(32, 'n');
  ASSERT_EQ(::write(pair.left.get(), hello.data(), hello.size()), 40);
  server.progress();
  // A client that sends the server's own proof back, and a frame behind it.
  std::string answer(72, '\0');
  ASSERT_EQ(::read(pair.left.get(), answer.data(), answer.size()), 72);
  const std::string proof = answer.substr(40) + std::string("\1\0\0\0\0\0\0\0", 8);
  ASSERT_EQ(::write(pair.left.get(), proof.data(), proof.size()), 40);
  server.progress();
  EXPECT_FALSE(server.authenticated());
  EXPECT_FALSE(server.receive());
  EXPECT_EQ(server.reason(), "the peer does not know the secret");
}

TEST(Channel, carries_large_frames_both_ways_at_once) {
  Talk talk;
  const std::string large(5'000'000, 'x');
  talk.client.send(FrameType::contribution, large);
  talk.server.send(FrameType::gathered, large);
  std::optional<Frame> to_server;
  std::optional<Frame> to_client;
  for (int turn = 0; turn < 100'000 && (!to_server || !to_client); ++turn) {
    talk.client.progress();
    talk.server.progress();
    if (!to_server) to_server = talk.server.receive();
    if (!to_client) to_client = talk.client.receive();
  }
  ASSERT_TRUE(to_server && to_client);
  EXPECT_EQ(to_server->payload, large);
  EXPECT_EQ(to_client->payload, large);
}

TEST(Channel, hands_out_what_came_before_the_end) {
  Talk talk;
  talk.settle();
  talk.client.send(FrameType::goodbye, "");
  talk.client.progress();
  { const Channel gone = std::move(talk.client); }
  talk.server.progress();
  EXPECT_TRUE(talk.server.closed());
  ASSERT_TRUE(talk.server.receive());
  EXPECT_EQ(talk.server.reason(), "its connection closed");
}

TEST(Frames, are_refused_when_longer_than_allowed) {
  std::string_view bytes("\1\0\0\0\xff\xff\xff\xff....", 12);
  bool broken = false;
  EXPECT_FALSE(take_frame(bytes, broken));
  EXPECT_TRUE(broken);
}

TEST(Secrets, are_compared_and_derived) {
  EXPECT_TRUE(same(hmac(secret_of("a"), "x"), hmac(secret_of("a"), "x")));
  EXPECT_FALSE(same(hmac(secret_of("a"), "x"), hmac(secret_of("a"), "y")));
  EXPECT_NE(derive(secret_of("a"), "p"), derive(secret_of("a"), "q"));
  EXPECT_NE(random_secret(), random_secret());
  // RFC 4231, test case 2, whose key "Jefe" is padded with zero bytes as HMAC itself does.
  Secret jefe{};
  const std::string_view key = "Jefe";
  for (std::size_t index = 0; index < key.size(); ++index) jefe[index] = static_cast<std::byte>(key[index]);
  EXPECT_EQ(hmac(jefe, "what do ya want for nothing?")[0], std::byte{0x5b});
  EXPECT_EQ(hmac(jefe, "what do ya want for nothing?")[31], std::byte{0x43});
}

TEST(UniqueIds, say_what_was_put_in) {
  IdContents contents;
  contents.secret = random_secret();
  contents.context = 0x0123456789abcdef;
  contents.root.network = 42;
  contents.root.port = 4711;
  for (const char* text : {"10.1.2.3:0", "[fd00::1]:0", "192.168.0.1:0"})
    contents.root.addresses.push_back(*parse_socket_address(text));
  const auto back = decode(encode(contents));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->secret, contents.secret);
  EXPECT_EQ(back->context, contents.context);
  EXPECT_EQ(back->root.network, 42u);
  EXPECT_EQ(back->root.port, 4711);
  EXPECT_EQ(back->root.addresses, contents.root.addresses);
}

TEST(UniqueIds, keep_the_first_addresses_when_not_all_fit) {
  IdContents contents;
  contents.root.port = 1;
  contents.root.addresses.assign(40, *parse_socket_address("[fd00::1]:0"));
  EXPECT_EQ(decode(encode(contents))->root.addresses.size(), 4u);
}

TEST(Words, name_ranks_and_times) {
  EXPECT_EQ(ranks_text({3}), "rank 3");
  EXPECT_EQ(ranks_text({2, 5}), "ranks 2 and 5");
  EXPECT_EQ(ranks_text({1, 2, 3}), "ranks 1, 2 and 3");
  std::vector<int> many(100);
  for (int rank = 0; rank < 100; ++rank) many[static_cast<std::size_t>(rank)] = rank;
  EXPECT_THAT(ranks_text(many), HasSubstr("14, 15 and 84 others"));
  EXPECT_EQ(duration_text(60'000), "60 s");
  EXPECT_EQ(duration_text(1'500), "1.5 s");
  EXPECT_EQ(duration_text(200), "200 ms");
}

// Random bytes, and valid messages with a few bytes changed, into everything that reads what comes from
// outside. There is nothing to expect but that all is still well (and what the sanitizers see).
class Noise : public ::testing::TestWithParam<unsigned> {
 protected:
  std::string random_bytes(std::size_t most) {
    std::string bytes(random_() % (most + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  std::string damaged(std::string bytes) {
    for (int change = 0; change < 3 && !bytes.empty(); ++change)
      bytes[random_() % bytes.size()] = static_cast<char>(random_());
    if (random_() % 4 == 0) bytes.resize(random_() % (bytes.size() + 1));
    return bytes;
  }
  static void parse_everything(const std::string& bytes) {
    std::string_view frames = bytes;
    bool broken = false;
    while (take_frame(frames, broken)) continue;
    (void)decode_endpoint(bytes);
    (void)unpack_exchange(bytes, 5);
    (void)unpack_report(bytes);
    (void)parse_socket_address(bytes);
    UniqueId id;
    std::transform(bytes.begin(), bytes.begin() + std::min<std::ptrdiff_t>(std::ssize(bytes), 128),
                   id.bytes.begin(), [](char byte) { return static_cast<std::byte>(byte); });
    (void)decode(id);
  }
  std::mt19937 random_{GetParam()};
};

TEST_P(Noise, breaks_no_parser) {
  IdContents contents;
  contents.root.port = 9;
  contents.root.addresses.push_back(*parse_socket_address("10.1.2.3:0"));
  const UniqueId id = encode(contents);
  const std::vector<std::string> valid = {
      std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()),
      encode(contents.root),
      pack_exchange(3, {"a", "bb", "", "ccc", "d"}),
      pack({Code::timeout, 3, "sentence"}),
      "[fd00::1]:80",
      std::string("\1\0\0\0\3\0\0\0abc\2\0\0\0\0\0\0\0", 19)};
  for (int turn = 0; turn < 2'000; ++turn) {
    parse_everything(random_bytes(200));
    for (const std::string& message : valid) parse_everything(damaged(message));
  }
}

TEST_P(Noise, opens_no_channel) {
  for (int turn = 0; turn < 50; ++turn)
    for (const Channel::Role role : {Channel::Role::client, Channel::Role::server}) {
      Pair pair;
      Channel channel(std::move(pair.right), role, secret_of("s"), 7);
      std::string bytes = random_bytes(300);
      if (turn % 2 == 0) bytes = std::string("TUTTI\0\0\1", 8) + bytes;
      (void)!::write(pair.left.get(), bytes.data(), bytes.size());
      channel.progress();
      EXPECT_FALSE(channel.authenticated());
      EXPECT_FALSE(channel.receive());
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Noise, ::testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace tutti::testing
