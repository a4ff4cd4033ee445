// Ranks as the conformance tests see them, and ranks as threads.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/settings.hpp"
#include "transport/conformance.hpp"

namespace tutti::conformance {
namespace {

// Enough to tell members from strangers in a test; the real one is an HMAC.
Digest toy_sign(std::uint64_t communicator, std::span<const std::byte> bytes) {
  Digest digest{};
  std::uint64_t state = communicator * 0x9e3779b97f4a7c15u + 1;
  for (std::size_t i = 0; i < bytes.size() + digest.size(); ++i) {
    const auto in = i < bytes.size() ? std::to_integer<std::uint64_t>(bytes[i]) : 0;
    state = (state ^ in) * 0x100000001b3u;
    state ^= state >> 29;
    digest[i % digest.size()] = static_cast<std::byte>(state);
  }
  return digest;
}

std::uint64_t next_communicator() {
  static std::uint64_t count = static_cast<std::uint64_t>(::getpid()) << 32;
  return ++count;
}

}  // namespace

std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed) {
  std::vector<std::byte> data(bytes);
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (auto& byte : data) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  return data;
}

bool same(std::span<const std::byte> one, std::span<const std::byte> other) {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

int slowness() {
  const std::string text = environment("TUTTI_TEST_SLOWNESS");
  return text.empty() ? 1 : std::stoi(text);
}

Member::Member(const Wire& wire, int rank, int size, bool oversubscribed) {
  world.rank = rank;
  world.size = size;
  world.communicator = 1;
  world.host_of.assign(static_cast<std::size_t>(size), 0);
  world.oversubscribed = oversubscribed;
  world.failure = &failure;
  world.settings.init_timeout_ms = patience_ms;
  world.sign = [this](std::span<const std::byte> bytes) { return toy_sign(world.communicator, bytes); };
  if (wire.adapt) wire.adapt(world);
}

std::unique_ptr<Outlet> Member::outlet(std::vector<int> readers, int lane) {
  return transport->open_outlet(readers, lane);
}

std::unique_ptr<Inlet> Member::inlet(int writer, std::vector<int> readers, int lane) {
  return transport->open_inlet(writer, readers, lane, after_ms(patience_ms));
}

void Member::wait(const std::function<bool()>& done) {
  const Deadline deadline = after_ms(patience_ms);
  const auto poll_once = [&] {
    if (transport->needs_progress()) transport->progress();
    return done();
  };
  for (;;) {
    for (int i = 0; i <= spins; ++i)
      if (poll_once()) return;
    failure.check();
    if (passed(deadline)) fail(Code::timeout, "rank {} has waited for {} ms", rank(), patience_ms);
    transport->arm();
    const bool now = poll_once();
    const bool over = now || failure.failed();  // found out by arm() or that poll: no more will ring
    if (!over && sleep_on_fd) {
      pollfd waiting{transport->wake_fd(), POLLIN, 0};
      if (::poll(&waiting, 1, ms_until(deadline)) == 0)
        fail(Code::timeout, "rank {} slept for {} ms: a wake-up was lost", rank(), patience_ms);
    } else if (!over) {
      transport->sleep(100);
    }
    transport->disarm();
    if (now) return;
  }
}

void Member::send(Outlet& outlet, std::span<const std::byte> data, Tag tag) {
  std::uint64_t messages = 0;
  const std::uint64_t before = outlet.completed();
  do {
    const bool whole = outlet.zero_copy() || transport->takes_added();
    const auto piece = data.first(whole ? data.size() : std::min(data.size(), kPieceBytes));
    wait([&] { return outlet.send(piece.data(), piece.size(), tag); });
    data = data.subspan(piece.size());
    ++messages;
  } while (!data.empty());
  // Counted from before the first of ours: every message before had completed by then, as send() waits.
  wait([&] { return outlet.completed() >= before + messages; });
}

void Member::receive(Inlet& inlet, std::span<std::byte> data, Tag tag) {
  if (inlet.places() || transport->takes_added()) {
    const std::uint64_t before = inlet.placed();
    wait([&] { return inlet.expect(data.data(), data.size(), tag); });
    wait([&] { return inlet.placed() > before; });
    return;
  }
  do {
    const auto piece = data.first(std::min(data.size(), kPieceBytes));
    const auto got = borrow(inlet, piece.size(), tag);
    std::copy(got.begin(), got.end(), piece.begin());
    data = data.subspan(piece.size());
  } while (!data.empty());
}

std::vector<std::byte> Member::borrow(Inlet& inlet, std::size_t bytes, Tag tag) {
  const std::byte* message = nullptr;
  wait([&] { return (message = inlet.borrow(bytes, tag)) != nullptr; });
  std::vector<std::byte> copy(message, message + bytes);
  inlet.release();
  return copy;
}

namespace {
/// Where threads wait for each other. Who waits makes progress, as a rank does whose peers are late.
class Barrier {
 public:
  explicit Barrier(int ranks) : left_(ranks) {}
  void wait(const Member& member) {
    const int round = arrive(0);
    progress_until(member, [&] { return rounds_.load() != round; });
  }
  /// For a rank that is over: from now on it holds nobody up.
  void leave(const Member& member) {
    (void)arrive(1);
    progress_until(member, [&] { return left_.load() == 0; });
  }

 private:
  int arrive(int leaving) {
    const std::lock_guard lock(mutex_);
    const int round = rounds_.load();
    left_ -= leaving;
    arrived_ += 1 - leaving;
    if (arrived_ == left_) {
      arrived_ = 0;
      rounds_.store(round + 1);
    }
    return round;
  }
  template <class Done>
  static void progress_until(const Member& member, const Done& done) {
    for (; !done(); std::this_thread::yield())
      if (member.transport && member.transport->needs_progress()) member.transport->progress();
  }

  std::mutex mutex_;
  std::atomic<int> left_;  // those that are not over
  int arrived_ = 0;
  std::atomic<int> rounds_ = 0;
};
}  // namespace

void on_threads(const Wire& wire, int ranks, const Body& body, bool oversubscribed) {
  std::vector<std::unique_ptr<Member>> members;
  std::vector<std::string> addresses;
  const auto communicator = next_communicator();
  for (int rank = 0; rank < ranks; ++rank) {
    members.push_back(std::make_unique<Member>(wire, rank, ranks, oversubscribed));
    members.back()->world.communicator = communicator;
    members.back()->transport = wire.make(members.back()->world);
    addresses.push_back(members.back()->transport->address());
  }
  Barrier barrier(ranks);
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (auto& member : members) {
    threads.emplace_back([&, mine = member.get()] {
      mine->barrier = [&] { barrier.wait(*mine); };
      try {
        mine->transport->meet(addresses);
        body(*mine);
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        ADD_FAILURE() << "rank " << mine->rank() << ": " << error.what();
      }
      barrier.leave(*mine);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace tutti::conformance
