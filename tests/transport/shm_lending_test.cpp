// Messages that readers read where they lie in the writer's memory, and that writers write into the reader's.
#include <cstring>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/allocations.hpp"
#include "transport/conformance.hpp"
#include "transport/shm/segment.hpp"
#include "transport/shm/shm.hpp"

namespace tutti::shm {
namespace {

using conformance::Member;
using conformance::on_processes;
using conformance::on_threads;
using conformance::pattern;
using conformance::Wire;

constexpr std::size_t kBytes = 1 << 20;
constexpr std::size_t kPart = 48 << 10;

const Wire kWire{.name = "shm", .make = [](const World& world) { return make_shm_transport(world); }};

/// What tuttiMemAlloc gives, told to the transport.
class Memory {
 public:
  explicit Memory(Transport& transport, bool shared = true) : transport_(transport) {
    FileDescriptor file;
    if (shared) {
      file = FileDescriptor(::memfd_create("test-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
      EXPECT_EQ(::ftruncate(file.get(), kBytes), 0);
      EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    }
    void* data = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                        shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file.get(), 0);
    EXPECT_NE(data, MAP_FAILED);
    data_ = Allocations::instance().add(Mapping(static_cast<std::byte*>(data), kBytes), std::move(file));
    transport_.add_memory(data_, kBytes);
  }
  ~Memory() {
    transport_.remove_memory(data_, kBytes);
    EXPECT_TRUE(Allocations::instance().remove(data_));
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] std::byte* data() const { return data_; }
  void fill(std::uint32_t seed) {
    const auto bytes = pattern(kBytes, seed);
    std::memcpy(data_, bytes.data(), kBytes);
  }

 private:
  Transport& transport_;
  std::byte* data_;
};

const std::byte* await(Member& member, Inlet& inlet, std::size_t bytes, Tag tag = 1) {
  const std::byte* message = nullptr;
  member.wait([&] { return (message = inlet.borrow(bytes, tag)) != nullptr; });
  return message;
}

TEST(Lending, shows_the_writers_memory_itself) {
  on_threads(kWire, 2, [](Member& member) {
    Memory memory(*member.transport);
    memory.fill(7);
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      ASSERT_TRUE(outlet->takes(memory.data() + 100, kPart));
      member.send(*outlet, pattern(8, 1));
      ASSERT_TRUE(outlet->lend(memory.data() + 100, kPart, 1));
      member.barrier();
      EXPECT_EQ(outlet->completed(), 1u) << "the reader still reads the second";
      memory.data()[100] = std::byte{1};
      member.barrier();
      ASSERT_TRUE(outlet->send(pattern(8, 2).data(), 8, 1));
      EXPECT_EQ(outlet->completed(), 1u) << "they are counted in order";
      memory.data()[100] = std::byte{2};
      member.barrier();
      member.wait([&] { return outlet->completed() == 3; });
    } else {
      auto inlet = member.inlet(0);
      EXPECT_EQ(member.borrow(*inlet, 8), pattern(8, 1));
      const std::byte* const message = await(member, *inlet, kPart);
      member.barrier();
      member.barrier();
      EXPECT_NE(message[0], std::byte{0});
      member.barrier();
      EXPECT_EQ(message[0], std::byte{2}) << "no copy was made";
      inlet->release();
      EXPECT_EQ(member.borrow(*inlet, 8), pattern(8, 2));
    }
    member.barrier();
  });
}

TEST(Lending, is_for_shared_memory_that_the_transport_knows) {
  on_threads(kWire, 2, [](Member& member) {
    const Memory shared(*member.transport), unshared(*member.transport, false);
    auto outlet = member.outlet({1 - member.rank()});
    auto inlet = member.inlet(1 - member.rank());
    std::vector<std::byte> own(kBytes);
    EXPECT_TRUE(outlet->takes(shared.data(), kBytes));
    EXPECT_FALSE(outlet->takes(shared.data(), 100)) << "short messages are copied";
    EXPECT_FALSE(outlet->takes(shared.data() + kPart, kBytes)) << "it ends before that";
    EXPECT_FALSE(outlet->takes(unshared.data(), kBytes));
    EXPECT_FALSE(outlet->takes(own.data(), kBytes));
    member.barrier();
  });
}

/// More of them than headers, among messages that take the ring, to several readers in other processes.
TEST(Lending, keeps_messages_in_order) {
  constexpr int kRounds = 3 * static_cast<int>(kHeaders);
  on_processes(kWire, 3, [](Member& member) {
    const std::vector<int> readers{1, 2};
    Memory memory(*member.transport);
    memory.fill(3);
    const auto expected = pattern(kBytes, 3);
    const auto offset = [](int round) { return static_cast<std::size_t>(round) * 977 % (kBytes - kPart); };
    if (member.rank() == 0) {
      auto outlet = member.outlet(readers);
      ASSERT_TRUE(outlet->takes(memory.data(), kPart));
      for (int round = 0; round < kRounds; ++round) {
        const std::byte* const data = memory.data() + offset(round);
        member.wait([&] { return outlet->lend(data, kPart, 1); });
        if (round % 3 == 0) member.wait([&] { return outlet->send(data, 20'000, 1); });
        if (round % 5 == 0) member.wait([&] { return outlet->lend(data, 40, 1); });
      }
      member.wait([&] { return outlet->completed() == kRounds + kRounds / 3 + (kRounds + 4) / 5; });
    } else {
      auto inlet = member.inlet(0, readers);
      for (int round = 0; round < kRounds; ++round) {
        const std::byte* const data = expected.data() + offset(round);
        const auto expect = [&](std::size_t bytes) {
          const std::byte* const message = await(member, *inlet, bytes);
          EXPECT_EQ(std::memcmp(message, data, bytes), 0) << "round " << round << ", " << bytes << " bytes";
          inlet->release();
        };
        expect(kPart);
        if (round % 3 == 0) expect(20'000);
        if (round % 5 == 0) expect(40);
      }
    }
    member.barrier();
  });
}

/// This process's, its own memory's among them.
std::size_t mappings() {
  std::size_t count = 0;
  FILE* const maps = std::fopen("/proc/self/maps", "r");
  for (char line[4096]; std::fgets(line, sizeof line, maps) != nullptr;) {
    const std::string_view text(line);
    count += text.find("test-memory") != text.npos ? 1 : 0;
  }
  std::fclose(maps);
  return count;
}

TEST(Lending, forgets_memory_that_is_freed) {
  on_processes(kWire, 2, [](Member& member) {
    auto outlet = member.outlet({1 - member.rank()});
    auto inlet = member.inlet(1 - member.rank());
    for (std::uint32_t round = 0; round < 5; ++round) {
      {
        Memory memory(*member.transport);
        memory.fill(round + static_cast<std::uint32_t>(member.rank()));
        ASSERT_TRUE(outlet->takes(memory.data(), kPart));
        ASSERT_TRUE(outlet->lend(memory.data(), kPart, 1));
        const auto expected = pattern(kBytes, round + 1 - static_cast<std::uint32_t>(member.rank()));
        EXPECT_EQ(std::memcmp(await(member, *inlet, kPart), expected.data(), kPart), 0);
        EXPECT_EQ(mappings(), 2u) << "its own and the peer's, round " << round;
        inlet->release();
        member.wait([&] { return outlet->completed() == round + 1; });
      }
      member.barrier();  // both have told the other
      const Memory other(*member.transport);
      EXPECT_EQ(mappings(), 1u) << "round " << round;
      member.barrier();
    }
  });
}

void fill_offered(Member& member, Outlet& outlet, std::uint64_t first, std::size_t offset,
                  std::span<const std::byte> bytes) {
  std::byte* slot = nullptr;
  member.wait([&] { return (slot = outlet.lease_offered(first, offset, bytes.size())) != nullptr; });
  std::memcpy(slot, bytes.data(), bytes.size());
  outlet.commit_offered(bytes.size(), 1);
}

/// An offer after the next message; other messages before, between and behind.
TEST(Offering, takes_messages_in_place) {
  on_processes(kWire, 2, [](Member& member) {
    Memory memory(*member.transport);
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      memory.fill(5);
      ASSERT_TRUE(outlet->takes(memory.data(), kPart));
      for (std::uint64_t first = 1; first <= 9; first += 4) {
        member.barrier();  // offered
        EXPECT_EQ(outlet->lease_offered(first - 1, 0, kPart), nullptr) << "not for that message";
        ASSERT_NE(outlet->lease_offered(first, 100, kPart), nullptr);
        EXPECT_EQ(outlet->lease_offered(first, 3 * kPart, 1), nullptr) << "it ends there";
        EXPECT_EQ(outlet->lease_offered(first, 2 * kPart + 1, kPart), nullptr);
        EXPECT_EQ(outlet->lease_offered(first, 0, 56), nullptr) << "in a line with its header";
        ASSERT_TRUE(outlet->send(memory.data(), 20'000, 1));
        fill_offered(member, *outlet, first, 0, pattern(kPart, 1));
        ASSERT_TRUE(outlet->lend(memory.data(), kPart, 1)) << "an offer need not be taken";
        fill_offered(member, *outlet, first, 2 * kPart, pattern(kPart, 3));
        member.wait([&] { return outlet->completed() == first + 3; });
      }
    } else {
      auto inlet = member.inlet(0);
      const auto sent = pattern(kBytes, 5);
      for (int round = 0; round < 3; ++round) {
        memory.fill(7);
        std::byte* const target = memory.data() + 1000 * round;
        inlet->offer(1, target, 3 * kPart);
        member.barrier();
        const auto take = [&](std::size_t bytes, const std::byte* expected) {
          const std::byte* const message = await(member, *inlet, bytes);
          if (expected == nullptr)
            EXPECT_EQ(message, Inlet::in_place());
          else
            EXPECT_EQ(std::memcmp(message, expected, bytes), 0);
          inlet->release();
        };
        take(20'000, sent.data());
        take(kPart, nullptr);
        take(kPart, sent.data());
        take(kPart, nullptr);
        EXPECT_EQ(std::memcmp(target, pattern(kPart, 1).data(), kPart), 0);
        EXPECT_EQ(std::memcmp(target + kPart, pattern(kBytes, 7).data() + 1000 * round + kPart, kPart), 0);
        EXPECT_EQ(std::memcmp(target + 2 * kPart, pattern(kPart, 3).data(), kPart), 0);
      }
    }
    member.barrier();
  });
}

TEST(Offering, waits_for_headers) {
  on_threads(kWire, 2, [](Member& member) {
    const Memory memory(*member.transport);
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      member.barrier();
      for (std::uint32_t i = 0; i < kHeaders; ++i) fill_offered(member, *outlet, 0, i * 64, pattern(64, i));
      EXPECT_EQ(outlet->lease_offered(0, kHeaders * 64, 64), nullptr);
      member.barrier();
      fill_offered(member, *outlet, 0, kHeaders * 64, pattern(64, kHeaders));
    } else {
      auto inlet = member.inlet(0);
      inlet->offer(0, memory.data(), kBytes);
      member.barrier();
      member.barrier();
      for (std::uint32_t i = 0; i <= kHeaders; ++i) {
        EXPECT_EQ(await(member, *inlet, 64), Inlet::in_place());
        EXPECT_EQ(std::memcmp(memory.data() + i * 64, pattern(64, i).data(), 64), 0);
        inlet->release();
      }
    }
    member.barrier();
  });
}

TEST(Offering, is_for_shared_memory_and_one_reader) {
  on_threads(kWire, 3, [](Member& member) {
    const Memory shared(*member.transport), unshared(*member.transport, false);
    std::vector<std::byte> own(kBytes);
    if (member.rank() == 0) {
      auto to_one = member.outlet({1});
      auto to_both = member.outlet({1, 2});
      for (int offer = 0; offer < 3; ++offer) {
        member.barrier();
        for (Outlet* outlet : {to_one.get(), to_both.get()})
          EXPECT_EQ(outlet->lease_offered(0, 0, kPart), nullptr) << "offer " << offer;
        member.barrier();
      }
    } else {
      auto alone = member.rank() == 1 ? member.inlet(0) : nullptr;
      auto both = member.inlet(0, {1, 2});
      for (std::byte* const memory : {unshared.data(), own.data(), shared.data() + kBytes - 100}) {
        if (alone) alone->offer(0, memory, kPart);
        both->offer(0, shared.data(), kPart);
        member.barrier();
        member.barrier();
      }
    }
  });
}

}  // namespace
}  // namespace tutti::shm
