// The conformance suite, first part: what arrives, in which order, and what is refused.
#include "transport/conformance.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace tutti::conformance {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> message_of(std::uint32_t number, std::size_t bytes) {
  return pattern(bytes, number);
}

/// Runs a body with ranks as threads and, where the wire can, as processes.
void on_both(const Wire& wire, int ranks, const Body& body, bool oversubscribed = true) {
  on_threads(wire, ranks, body, oversubscribed);
  if (wire.processes) on_processes(wire, ranks, body, oversubscribed);
}

INSTANTIATE_TEST_SUITE_P(Wires, Conformance, ::testing::ValuesIn(wires()),
                         [](const auto& instance) { return instance.param.name; });

TEST_P(Conformance, reaches_all_ranks_and_has_a_name) {
  on_threads(GetParam(), 3, [](Member& member) {
    EXPECT_FALSE(member.transport->name().empty());
    for (int peer = 0; peer < member.size(); ++peer) {
      EXPECT_TRUE(peer == member.rank() || member.transport->reaches(peer)) << peer;
    }
  });
}

TEST_P(Conformance, keeps_the_order_of_messages_of_any_length) {
  on_both(GetParam(), 2, [](Member& member) {
    const std::size_t lengths[] = {8, 0, 56, 57, 1, 4096, 55, kPieceBytes, 64, 3, 2048, 7};
    constexpr std::uint32_t kMessages = 600;
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      for (std::uint32_t i = 0; i < kMessages; ++i)
        member.send(*outlet, message_of(i, lengths[i % std::size(lengths)]), i);
      member.barrier();
    } else {
      auto inlet = member.inlet(0);
      for (std::uint32_t i = 0; i < kMessages; ++i)
        ASSERT_EQ(member.borrow(*inlet, lengths[i % std::size(lengths)], i),
                  message_of(i, lengths[i % std::size(lengths)]))
            << i;
      member.barrier();
    }
  });
}

TEST_P(Conformance, carries_every_size_up_to_64_MiB) {
  std::vector<std::size_t> sizes{0,  1,  2,  3,  7,  8,  15, 16,   17,   31,
                                 33, 55, 56, 57, 63, 64, 65, 1000, 4095, 4097};
  for (std::size_t bytes = 8192; bytes <= (std::size_t{64} << 20); bytes *= 8) sizes.push_back(bytes + 3);
  sizes.push_back(std::size_t{64} << 20);
  on_threads(GetParam(), 2, [&](Member& member) {
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      for (const std::size_t bytes : sizes) member.send(*outlet, message_of(1, bytes));
      member.barrier();
    } else {
      std::vector<std::byte> data;  // stays longer than the inlet that may still write there
      auto inlet = member.inlet(0);
      for (const std::size_t bytes : sizes) {
        data.assign(bytes, std::byte{0});
        member.receive(*inlet, data);
        ASSERT_TRUE(data == message_of(1, bytes)) << bytes;
      }
      member.barrier();
    }
  });
}

TEST_P(Conformance, says_full_and_goes_on_once_drained) {
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{2048}}) {
    on_threads(GetParam(), 2, [&](Member& member) {
      constexpr int kRounds = 3;
      constexpr std::uint32_t kMost = 1'000'000;
      std::vector<std::byte> length(4);
      if (member.rank() == 0) {
        auto outlet = member.outlet({1});
        // A kernel's buffers hold so many tiny messages that it takes seconds to tidy them up: nothing new in
        // that.
        if (bytes == 8 && outlet->zero_copy()) return;
        auto counts = member.outlet({1}, 1);
        std::uint64_t all = 0;
        for (int round = 0; round < kRounds; ++round) {
          std::uint32_t sent = 0;
          const auto message =
              message_of(7, bytes);  // the same throughout: it stays as it is until completed
          // A wire may have to hear from the reader before it takes the first.
          member.wait([&] { return outlet->send(message.data(), bytes, 0); });
          ++sent;
          while (sent < kMost && outlet->send(message.data(), bytes, sent)) ++sent;
          ASSERT_LT(sent, kMost) << "a wire without bounds";
          std::memcpy(length.data(), &sent, sizeof sent);
          member.send(*counts, length);
          all += sent;
          for (std::uint64_t seen = outlet->completed(); seen < all; seen = outlet->completed())
            member.wait([&] { return outlet->completed() > seen; });
          member.barrier();
        }
      } else {
        auto inlet = member.inlet(0);
        if (bytes == 8 && inlet->places()) return;
        auto counts = member.inlet(0, 1);
        for (int round = 0; round < kRounds; ++round) {
          length = member.borrow(*counts, 4);
          std::uint32_t sent = 0;
          std::memcpy(&sent, length.data(), sizeof sent);
          for (std::uint32_t i = 0; i < sent; ++i)
            ASSERT_EQ(member.borrow(*inlet, bytes, i), message_of(7, bytes));
          EXPECT_EQ(inlet->borrow(bytes, sent), nullptr);
          member.barrier();
        }
      }
    });
  }
}

TEST_P(Conformance, moves_both_directions_at_once) {
  on_both(GetParam(), 2, [](Member& member) {
    const int peer = 1 - member.rank();
    auto outlet = member.outlet({peer});
    auto inlet = member.inlet(peer);
    constexpr std::uint32_t kMessages = 3000;
    std::uint32_t sent = 0, taken = 0;
    const auto bytes_of = [](std::uint32_t i) { return i % 3 == 0 ? std::size_t{5000} : std::size_t{24}; };
    std::vector<std::vector<std::byte>> messages;
    for (std::uint32_t i = 0; i < kMessages; ++i) messages.push_back(message_of(i, bytes_of(i)));
    member.wait([&] {
      while (sent < kMessages && outlet->send(messages[sent].data(), messages[sent].size(), sent)) ++sent;
      while (taken < kMessages) {
        const std::byte* got = inlet->borrow(bytes_of(taken), taken);
        if (got == nullptr) break;
        EXPECT_TRUE(same(messages[taken], {got, messages[taken].size()})) << taken;
        inlet->release();
        ++taken;
      }
      return sent == kMessages && taken == kMessages && outlet->completed() == kMessages;
    });
    member.barrier();
  });
}

TEST_P(Conformance, leases_slots_and_sends_what_was_written_there) {
  on_both(GetParam(), 2, [](Member& member) {
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      ASSERT_GE(outlet->slot_bytes(), kPieceBytes);
      for (std::uint32_t i = 0; i < 100; ++i) {
        const std::size_t bytes = i % 2 == 0 ? kPieceBytes : 16;
        std::byte* slot = nullptr;
        member.wait([&] { return (slot = outlet->lease(bytes)) != nullptr; });
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slot) % (bytes > 56 ? 64 : 8), 0u);
        EXPECT_EQ(outlet->lease(bytes), slot) << "asking again gives the same";
        const auto message = message_of(i, bytes);
        std::copy(message.begin(), message.end(), slot);
        outlet->commit(bytes, i);
      }
      member.wait([&] { return outlet->completed() == 100; });
      member.barrier();
    } else {
      auto inlet = member.inlet(0);
      for (std::uint32_t i = 0; i < 100; ++i) {
        const std::size_t bytes = i % 2 == 0 ? kPieceBytes : 16;
        ASSERT_TRUE(member.borrow(*inlet, bytes, i) == message_of(i, bytes)) << i;
      }
      member.barrier();
    }
  });
}

TEST_P(Conformance, keeps_a_borrowed_message_until_it_is_released) {
  on_threads(GetParam(), 2, [](Member& member) {
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      for (std::uint32_t i = 0; i < 50; ++i) {
        member.send(*outlet, message_of(i, 4096), i);
        member.send(*outlet, message_of(i, 40), i);
      }
      member.barrier();
    } else {
      auto inlet = member.inlet(0);
      for (std::uint32_t i = 0; i < 50; ++i) {
        for (const std::size_t bytes : {std::size_t{4096}, std::size_t{40}}) {
          const std::byte* message = nullptr;
          member.wait([&] { return (message = inlet->borrow(bytes, i)) != nullptr; });
          EXPECT_EQ(inlet->borrow(bytes, i), message) << "asking again gives the same";
          std::this_thread::yield();  // the writer goes on as far as it can
          const auto wanted = message_of(i, bytes);
          EXPECT_TRUE(same(wanted, {message, bytes}));
          inlet->release();
        }
      }
      member.barrier();
    }
  });
}

TEST_P(Conformance, places_messages_where_the_reader_says_between_borrowed_ones) {
  on_threads(GetParam(), 2, [](Member& member) {
    const auto big = message_of(1, 3 << 20), small = message_of(2, 40), middle = message_of(3, 5000);
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      for (Tag i = 0; i < 10; ++i) {
        member.send(*outlet, small, i);
        member.send(*outlet, big, i);
        member.send(*outlet, middle, i);
      }
      member.barrier();
    } else {
      std::vector<std::byte> target;  // stays longer than the inlet that may still write there
      auto inlet = member.inlet(0);
      for (Tag i = 0; i < 10; ++i) {
        EXPECT_TRUE(member.borrow(*inlet, small.size(), i) == small);
        target.assign(big.size(), std::byte{0});
        member.receive(*inlet, target, i);
        EXPECT_TRUE(target == big);
        EXPECT_TRUE(member.borrow(*inlet, middle.size(), i) == middle);
      }
      member.barrier();
    }
  });
}

TEST_P(Conformance, writes_once_for_several_readers) {
  on_both(GetParam(), 4, [](Member& member) {
    if (!member.transport->multicasts()) return;
    const std::vector<int> readers{3, 1, 2};
    constexpr std::uint32_t kMessages = 500;
    const auto bytes_of = [](std::uint32_t i) { return i % 2 == 0 ? std::size_t{32} : std::size_t{3000}; };
    if (member.rank() == 0) {
      auto outlet = member.outlet(readers);
      for (std::uint32_t i = 0; i < kMessages; ++i) member.send(*outlet, message_of(i, bytes_of(i)), i);
    } else {
      auto inlet = member.inlet(0, readers);
      for (std::uint32_t i = 0; i < kMessages; ++i)
        ASSERT_EQ(member.borrow(*inlet, bytes_of(i), i), message_of(i, bytes_of(i))) << i;
    }
    member.barrier();
  });
}

TEST_P(Conformance, keeps_lanes_and_reader_sets_apart_whatever_the_order_of_opening) {
  on_both(GetParam(), 3, [](Member& member) {
    const bool multicast = member.transport->multicasts();
    constexpr int kLanes = 4;
    if (member.rank() == 0) {
      std::vector<std::unique_ptr<Outlet>> outlets;
      for (int lane = 0; lane < kLanes; ++lane) outlets.push_back(member.outlet({1}, lane));
      if (multicast) outlets.push_back(member.outlet({1, 2}, 0));
      if (multicast) outlets.push_back(member.outlet({2, 1}, 0));
      outlets.push_back(member.outlet({2}, 0));
      for (std::uint32_t i = 0; i < outlets.size(); ++i) member.send(*outlets[i], message_of(i, 100), i);
      member.barrier();
    } else {
      const auto first_multicast = static_cast<Tag>(kLanes);
      const Tag to_two = multicast ? kLanes + 2 : kLanes;
      std::vector<std::pair<std::unique_ptr<Inlet>, Tag>> inlets;
      if (multicast) inlets.emplace_back(member.inlet(0, {2, 1}), first_multicast + 1);
      if (multicast) inlets.emplace_back(member.inlet(0, {1, 2}), first_multicast);
      if (member.rank() == 2) inlets.emplace_back(member.inlet(0), to_two);
      for (int lane = kLanes - 1; member.rank() == 1 && lane >= 0; --lane)
        inlets.emplace_back(member.inlet(0, lane), static_cast<Tag>(lane));
      for (auto& [inlet, tag] : inlets)
        EXPECT_EQ(member.borrow(*inlet, 100, tag), message_of(tag, 100)) << tag;
      member.barrier();
    }
  });
}

TEST_P(Conformance, opens_in_whatever_order_each_rank_likes) {
  on_both(GetParam(), 4, [](Member& member) {
    std::vector<std::unique_ptr<Outlet>> outlets(4);
    std::vector<std::unique_ptr<Inlet>> inlets(4);
    const auto each_peer = [&](int step, const auto& action) {
      for (int i = 1; i < 4; ++i) action((member.rank() + (step > 0 ? i : 4 - i)) % 4);
    };
    each_peer(member.rank() % 2 == 0 ? 1 : -1,
              [&](int peer) { outlets[static_cast<std::size_t>(peer)] = member.outlet({peer}); });
    each_peer(member.rank() % 2 == 0 ? -1 : 1,
              [&](int peer) { inlets[static_cast<std::size_t>(peer)] = member.inlet(peer); });
    each_peer(1, [&](int peer) {
      member.send(*outlets[static_cast<std::size_t>(peer)], message_of(static_cast<Tag>(member.rank()), 20));
    });
    each_peer(1, [&](int peer) {
      EXPECT_EQ(member.borrow(*inlets[static_cast<std::size_t>(peer)], 20),
                message_of(static_cast<Tag>(peer), 20));
    });
    member.barrier();
  });
}

TEST_P(Conformance, gives_up_at_the_deadline_naming_the_writer) {
  on_threads(GetParam(), 2, [](Member& member) {
    if (member.rank() == 0) {
      const int reader[] = {0};
      try {
        auto inlet = member.transport->open_inlet(1, reader, 0, after_ms(50));
        ADD_FAILURE() << "rank 1 never opened it";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::timeout);
        EXPECT_EQ(error.rank(), 1);
        EXPECT_THAT(error.what(), HasSubstr("rank 1"));
      }
    }
    member.barrier();
  });
}

TEST_P(Conformance, stops_waiting_for_a_connection_when_the_world_has_failed) {
  on_threads(GetParam(), 2, [](Member& member) {
    if (member.rank() == 0) {
      member.failure.report(Code::remote_error, 1, "rank 1 gave up");
      const int reader[] = {0};
      EXPECT_THROW((void)member.transport->open_inlet(1, reader, 0, after_ms(member.patience_ms)), Error);
    }
    member.barrier();
  });
}

TEST_P(Conformance, reports_another_tag_naming_the_peer) {
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{4096}}) {
    on_threads(GetParam(), 2, [&](Member& member) {
      if (member.rank() == 0) {
        auto outlet = member.outlet({1});
        const auto message = message_of(0, bytes);
        member.wait([&] { return outlet->send(message.data(), bytes, 17); });
        member.barrier();
      } else {
        auto inlet = member.inlet(0);
        EXPECT_THROW((void)member.borrow(*inlet, bytes, 18), Error);
        EXPECT_EQ(member.failure.rank(), 0);
        EXPECT_EQ(member.failure.code(), Code::invalid_usage);
        EXPECT_THAT(member.failure.sentence(), HasSubstr("rank 0"));
        EXPECT_EQ(inlet->borrow(bytes, 18), nullptr) << "not yet, for ever";
        member.barrier();
      }
    });
  }
}

TEST_P(Conformance, reports_another_length_naming_the_peer) {
  const std::pair<std::size_t, std::size_t> sent_and_awaited[] = {
      {8, 16}, {4096, 5000}, {8, 4096}, {4096, 8}};
  for (const auto& [sent, awaited] : sent_and_awaited) {
    on_threads(GetParam(), 2, [sent_bytes = sent, awaited_bytes = awaited](Member& member) {
      if (member.rank() == 0) {
        auto outlet = member.outlet({1});
        const auto message = message_of(0, sent_bytes);
        member.wait([&] { return outlet->send(message.data(), sent_bytes, 1); });
        member.barrier();
      } else {
        auto inlet = member.inlet(0);
        EXPECT_THROW((void)member.borrow(*inlet, awaited_bytes, 1), Error);
        EXPECT_EQ(member.failure.rank(), 0) << member.failure.sentence();
        member.barrier();
      }
    });
  }
}

TEST_P(Conformance, may_be_closed_while_messages_are_on_their_way) {
  for (const bool writer_first : {true, false}) {
    on_both(GetParam(), 2, [&](Member& member) {
      if (member.rank() == 0) {
        auto outlet = member.outlet({1});
        const auto message = message_of(3, 1000);
        std::uint32_t sent = 0;
        while (sent < 20 && outlet->send(message.data(), message.size(), sent)) ++sent;
        member.barrier();
        if (!writer_first) member.barrier();
        outlet.reset();
        member.transport.reset();
        if (writer_first) member.barrier();
      } else {
        auto inlet = member.inlet(0);
        (void)inlet->borrow(1000, 0);
        member.barrier();
        if (writer_first) member.barrier();
        inlet.reset();
        member.transport.reset();
        if (!writer_first) member.barrier();
      }
      EXPECT_FALSE(member.failure.failed()) << member.failure.sentence();
    });
  }
}

}  // namespace
}  // namespace tutti::conformance
