// The queue of a communicator: in order, helped by whoever waits, and ended with a sentence where it cannot
// go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/ranks.hpp"

namespace tutti {
namespace {

std::vector<std::byte*> buffers_of(std::vector<float>& send, std::vector<float>& receive) {
  return {reinterpret_cast<std::byte*>(send.data()), reinterpret_cast<std::byte*>(receive.data())};
}

TEST(Engine, runs_what_is_queued_in_order) {
  with_ranks(3, Settings{}, [](Communicator& comm) {
    std::vector<float> a(1000, 1), b(1000), c(1000);
    Plan& plan = comm.plan(all_reduce_of(1000));
    auto work = std::make_shared<Work>(2);
    comm.engine().enqueue(plan, buffers_of(a, b), work, nullptr);  // 3
    comm.engine().enqueue(plan, buffers_of(b, c), work, nullptr);  // 9
    comm.engine().drain();
    EXPECT_TRUE(work->done());
    EXPECT_TRUE(comm.engine().idle());
    EXPECT_NO_THROW(work->check());
    EXPECT_THAT(c, testing::Each(9));
  });
}

TEST(Engine, keeps_alive_what_a_queued_plan_uses) {
  with_ranks(2, Settings{}, [](Communicator& comm) {
    std::vector<float> a(10, 1), b(10);
    auto kept = std::make_shared<int>(7);
    const std::weak_ptr<int> watched = kept;
    auto work = std::make_shared<Work>(1);
    comm.engine().enqueue(comm.plan(all_reduce_of(10)), buffers_of(a, b), work, std::move(kept));
    comm.engine().drain();
    EXPECT_TRUE(watched.expired());
    EXPECT_THAT(b, testing::Each(2));
  });
}

TEST(Engine, fails_queued_work_when_a_peer_does_not_come) {
  Settings settings;
  settings.set("INIT_TIMEOUT_MS", "300");
  std::atomic<int> left{2};
  with_ranks(2, settings, [&](Communicator& comm) {
    if (comm.rank() == 0) {
      std::vector<float> a(10, 1), b(10);
      auto work = std::make_shared<Work>(1);
      comm.engine().enqueue(comm.plan(all_reduce_of(10)), buffers_of(a, b), work, nullptr);
      comm.engine().drain();
      EXPECT_TRUE(work->done());
      try {
        work->check();
        ADD_FAILURE() << "nobody answered, yet the work succeeded";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::timeout);
        EXPECT_THAT(error.what(), testing::HasSubstr("rank 1"));
      }
    }
    --left;
    while (left > 0) std::this_thread::yield();  // rank 1 is there and calls nothing
  });
}

TEST(Arena, grows_and_keeps_its_size) {
  Arena arena;
  std::byte* small = arena.reserve(100);
  EXPECT_EQ(arena.reserve(4096), small);
  std::byte* large = arena.reserve(1 << 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large) % 64, 0U);
  EXPECT_EQ(arena.reserve(1), large);
}

}  // namespace
}  // namespace tutti
