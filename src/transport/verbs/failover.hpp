// How a connection survives the death of a rail. Pure: words of the protocol; end_failover.cpp carries it
// out.
//
// A connection has queue pairs on more than one rail where there are any. When one fails in a way that means
// its rail (retries exceeded, flushed, the device's or the port's own word), all of the connection's queue
// pairs on that path are doomed, and what was on its way there goes again over the ones that are left,
// exactly once. Either end may be the first to notice; both do the same, each for what it had sent.
//
// 0. Leave out. Where an end cannot make or connect a queue pair in the first place, or its port is not
//    active, the offer or the answer says so. Nothing was sent on it: for both ends it is gone from the
//    beginning, and its way back is that of any other. (Not if its device did not take the connection's
//    memory: then it stays away.)
// 1. Stop. The end puts the queue pair into its error state, so that nothing that still travels is taken. The
//    connection pauses: no end sends anything while it has a doomed queue pair. (A slot that was leased
//    before is committed to the doomed one's log.)
// 2. Drain. The device flushes the receives that are left; until the last one has come, what had arrived is
//    still told of. Then, or after a moment's patience, the queue pair is destroyed: the device writes
//    nothing any more for it, whatever the network delivers late.
// 3. Tell. Over the first queue pair that serves goes a word `closed`: which one, how many of the peer's
//    immediates were heard on it, and whether the device has failed, as far as it says. For the peer that is
//    also the news that it has to close its own. The word may come twice; it says the same each time. If the
//    queue pair that carried it dies too, it goes again over the next.
// 4. Repeat. An end that has closed its side and knows the peer's count looks into the log of that queue
//    pair: every request that its device had not acknowledged is there, in order. Those up to the last
//    immediate that the peer heard have landed; the rest is posted again, in order, on a queue pair that
//    serves. Then the connection goes on, and the doomed queue pair is forgotten.
//
// Why nothing is lost: a request leaves the log only when acknowledged, and what was acknowledged is among
// what the peer heard, since it drained. (If its device died between acknowledging and telling, the counts
// say so, and the connection fails: wrong bits never. So it does if the peer's device failed and the last
// that it acknowledged had no immediate: nobody knows whether that is there.) The memory that the log points
// to is unchanged: a slot is reused only when the reader has given it back, which it does after it heard; the
// user's memory is given back when the message is acknowledged on every queue pair; an advert's place is
// reused when its message is over.
//
// Why nothing is doubled: immediates are what counts as a message's arrival. One that was heard is not
// repeated; one that is repeated cannot be heard from the old queue pair any more, since that end destroyed
// it before it told its count. A write without immediate may land twice, with the same bytes, but only before
// the immediate behind it is heard, so before anybody may use the memory for something else.
//
// When a rail comes back, the connection goes back to it, by a queue pair that is made anew (end_return.cpp):
//
// 5. Offer. Once nothing is doomed, the port is active and has its address still, and a pause is over, the
//    writer makes a queue pair and tells its address by two words `fresh` over the carrier. (There they are
//    in the carrier's log: they come once and in order, whatever dies. The socket might run over a cable that
//    is cut, and what comes from it would have to be signed.)
// 6. Answer. When the reader's port is active too, it makes its own, connects it, and tells its address
//    likewise. Nothing goes on it yet: the writer may take long to connect.
// 7. Try. The writer connects, and sends a word on the new queue pair itself. For the reader its service
//    begins when that arrives, for the writer when it is acknowledged: then the way is good in both
//    directions. Data goes on meanwhile. It is the last of the route: it carries its share of large messages,
//    and the ring when the carrier dies.
// 8. If any of this fails, or the rail does again, both ends close it as in 1 to 4; the word that tried it is
//    not repeated, and nothing pauses for a queue pair that never served. Who found the fault itself rests
//    before it takes part again, each time twice as long unless the queue pair had served for a while.
//
// Each time is a new life of the queue pair. Its count of immediates begins anew; `closed` says which life is
// meant, since it may come twice and late. A `fresh` needs not: the writer offers only after both ends have
// closed the life before. What the device tells late of an earlier life is known by its ticket. The numbers
// of requests go on, so that a message that waited for some of an earlier life does not wait for them again.
//
// Words that the peer repeats may be old: a credit that says less than is known is passed over, an advert
// whose place holds another message's is too.
#pragma once

#include <cstdint>

#include "transport/verbs/ring.hpp"

namespace tutti::verbs {

/// What a word `closed` says: this life of `pair` (cut to kLifeMask) is closed at my end, where `heard` of
/// your immediates came, cut to kHeardMask: far more than can be on their way. Mine `failed`: its device may
/// have acknowledged what it did not write.
struct Closed {
  std::uint32_t pair = 0;
  std::uint32_t life = 0;
  std::uint32_t heard = 0;
  bool failed = false;
};
inline constexpr unsigned kHeardBits = 16, kLifeBits = 8;
inline constexpr std::uint32_t kHeardMask = (1u << kHeardBits) - 1;
inline constexpr std::uint32_t kLifeMask = (1u << kLifeBits) - 1;
static_assert((kMostPairs << kLifeBits << kHeardBits << 1) - 1 == kNumberMask, "an immediate holds all four");

[[nodiscard]] constexpr std::uint32_t immediate_of(const Closed& closed) noexcept {
  const std::uint32_t which = closed.pair << kLifeBits | (closed.life & kLifeMask);
  const std::uint32_t what = (closed.heard & kHeardMask) << 1 | std::uint32_t{closed.failed};
  return immediate_of(Word::closed, which << kHeardBits << 1 | what);
}
[[nodiscard]] constexpr Closed closed_of(std::uint32_t immediate) noexcept {
  const std::uint32_t which = (immediate & kNumberMask) >> 1 >> kHeardBits;
  return {which >> kLifeBits, which & kLifeMask, immediate >> 1 & kHeardMask, (immediate & 1) != 0};
}

/// What a word `fresh` says: one half of the address of my new queue pair `pair`, its number first, then that
/// of its first packet. On that queue pair itself it says only that it got there.
struct Fresh {
  std::uint32_t pair = 0;
  bool second = false;
  std::uint32_t half = 0;
};
inline constexpr unsigned kHalfBits = 24;  // of numbers of queue pairs and of packets
inline constexpr std::uint32_t kHalfMask = (1u << kHalfBits) - 1;
static_assert((kMostPairs << 1 << kHalfBits) - 1 == kNumberMask, "an immediate holds all three");

[[nodiscard]] constexpr std::uint32_t immediate_of(const Fresh& fresh) noexcept {
  return immediate_of(
      Word::fresh, (fresh.pair << 1 | std::uint32_t{fresh.second}) << kHalfBits | (fresh.half & kHalfMask));
}
[[nodiscard]] constexpr Fresh fresh_of(std::uint32_t immediate) noexcept {
  return {(immediate & kNumberMask) >> kHalfBits >> 1, (immediate >> kHalfBits & 1) != 0,
          immediate & kHalfMask};
}

}  // namespace tutti::verbs
