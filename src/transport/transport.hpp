// The transport interface: how bytes move between two ranks.
//
// A connection is one-way, reliable, ordered and message-based: it has one Outlet at its writer and an Inlet
// at each of its readers (several readers where the wire can multicast). Both ends know every message's
// length beforehand; nothing is negotiated per message. Every message carries the caller's 32-bit tag, and
// the reader says which tag it awaits: a difference means that the two ranks called different things, and is
// reported.
//
// Threads: an Outlet or Inlet is used by one thread at a time, as is the Transport that made it. All calls on
// the progress path are noexcept and never block. Failures (peer gone, wrong tag or length, I/O error) are
// reported into World::failure, once, naming the peer's rank and the reason; afterwards endpoints answer "not
// yet" for ever, and it is the caller who looks at the failure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/settings.hpp"

namespace tutti {

using Tag = std::uint32_t;
/// What a tag says of the call that its message belongs to, for people; empty: nothing.
using TagDescriber = std::string (*)(Tag);

/// Memory of a connection's reader that its writer can write into without the reader's help. Used by the
/// connection's thread, and gone before it.
class Reach {
 public:
  virtual ~Reach() = default;
  /// Whether bytes can go from here: a device may ask for memory that it knows (add_memory(), expose()).
  [[nodiscard]] virtual bool takes(const std::byte* data, std::size_t bytes) const noexcept {
    (void)data, (void)bytes;
    return true;
  }
  /// Begins to write at `offset` of the exposed memory, inside which it must be; how many bytes were taken,
  /// 0: none now. They are there when the reader takes a message that the outlet was given after this.
  [[nodiscard]] virtual std::size_t write(std::size_t offset, const std::byte* data,
                                          std::size_t bytes) noexcept = 0;
  /// Whether the sources of all that was taken may be changed.
  [[nodiscard]] virtual bool written() noexcept = 0;
};

/// The writer's end of a connection.
class Outlet {
 public:
  virtual ~Outlet() = default;

  /// The largest message that lease() and borrow() can carry, in bytes. Every wire has slots (its own or
  /// staging).
  [[nodiscard]] std::size_t slot_bytes() const noexcept { return slot_bytes_; }

  /// The outgoing slot for the next message, `bytes` <= slot_bytes() long, 64-byte aligned (8-byte aligned up
  /// to 56 bytes: flag and payload may share a cache line); nullptr: none free now. Asking again before
  /// commit() gives the same.
  [[nodiscard]] virtual std::byte* lease(std::size_t bytes) noexcept = 0;
  /// Sends what was written into the leased slot, as the next message; `bytes` as leased.
  virtual void commit(std::size_t bytes, Tag tag) noexcept = 0;

  /// Sends `bytes` (0 allowed, may exceed slot_bytes() only if zero_copy() or where the transport
  /// takes_added()) at `data` as the next message. false: no room now, nothing was taken. After true, the
  /// memory must stay unchanged until completed() has counted the message.
  [[nodiscard]] virtual bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept = 0;

  /// Sends bytes that it takes() as the next message by letting the readers read them where they lie. As
  /// send() otherwise. Only where the transport lends_added().
  [[nodiscard]] virtual bool lend(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
    return send(data, bytes, tag);
  }

  /// The slot for the next message in the reader's own memory: at `offset` of what it has offered (
  /// Inlet::offer()) for the messages from `first` on, which is how many came before on this connection.
  /// nullptr: there is none (yet), or no room for the message now. To be sent by commit_offered(), before
  /// anything else is.
  [[nodiscard]] virtual std::byte* lease_offered(std::uint64_t first, std::size_t offset,
                                                 std::size_t bytes) noexcept {
    (void)first, (void)offset, (void)bytes;
    return nullptr;
  }
  virtual void commit_offered(std::size_t bytes, Tag tag) noexcept { (void)bytes, (void)tag; }

  /// How many messages (committed, sent and lent, from the first one on) no longer need the caller's memory.
  /// A wire that copies in send() counts those at once.
  [[nodiscard]] virtual std::uint64_t completed() noexcept = 0;

  /// A way into memory that the reader's Transport::expose() described so; nullptr: this wire has none, or it
  /// is closed, and messages serve.
  [[nodiscard]] virtual std::unique_ptr<Reach> reach(const std::string& exposed) {
    (void)exposed;
    return nullptr;
  }

  /// send() takes the bytes from where they lie, without a copy and of any length.
  [[nodiscard]] bool zero_copy() const noexcept { return zero_copy_; }
  /// send() or lend() would take these bytes from where they lie, and completed() count them when they are no
  /// longer needed.
  [[nodiscard]] virtual bool takes(const std::byte* data, std::size_t bytes) const noexcept {
    (void)data, (void)bytes;
    return zero_copy_;
  }

  /// Large leased slots are best written by streaming stores now: the reader shares no cache with this core.
  /// Changes as ranks move among cores.
  [[nodiscard]] bool prefers_streaming() const noexcept { return prefers_streaming_; }

 protected:
  Outlet(std::size_t slot_bytes, bool zero_copy) noexcept : slot_bytes_(slot_bytes), zero_copy_(zero_copy) {}
  void prefer_streaming(bool streaming) noexcept { prefers_streaming_ = streaming; }

 private:
  std::size_t slot_bytes_;
  bool zero_copy_;
  bool prefers_streaming_ = false;
};

/// A reader's end of a connection.
class Inlet {
 public:
  virtual ~Inlet() = default;

  /// The next message where it lies in the wire's own memory, `bytes` <= the outlet's slot_bytes() long, once
  /// all of it is here; nullptr: not yet, ask again (with the same arguments). "Next" is after every expected
  /// message. A message of 0 bytes gives some non-null pointer. in_place(): it is in the memory that was
  /// offered for it.
  [[nodiscard]] virtual const std::byte* borrow(std::size_t bytes, Tag tag) noexcept = 0;
  /// Gives the borrowed message's memory back to the wire.
  virtual void release() noexcept = 0;

  /// The writer may write the messages that come after `ahead` more straight to `target`, one behind the
  /// other, `bytes` in all; or send them as any others. One offer at a time: until all of them are taken.
  /// Does nothing where writers cannot (Transport::lends_added()), or not into this memory.
  virtual void offer(std::uint64_t ahead, std::byte* target, std::size_t bytes) noexcept {
    (void)ahead, (void)target, (void)bytes;
  }
  [[nodiscard]] static const std::byte* in_place() noexcept {
    static constexpr std::byte mark{};
    return &mark;
  }

  /// The wire writes messages straight to where the reader says: expect() is to be used for plain receives.
  [[nodiscard]] bool places() const noexcept { return places_; }
  /// expect() is to be used for a plain receive of these bytes.
  [[nodiscard]] virtual bool places_at(const std::byte* target, std::size_t bytes) const noexcept {
    (void)target, (void)bytes;
    return places_;
  }
  /// Announces that the next message, of any length, goes to `target`. false: too many outstanding, ask
  /// again. Not allowed between a borrow() that gave nullptr and its message's release(). Only if places() or
  /// where the transport takes_added().
  [[nodiscard]] virtual bool expect(std::byte* target, std::size_t bytes, Tag tag) noexcept {
    (void)target, (void)bytes, (void)tag;
    return false;
  }
  /// How many expected messages are wholly in their targets, from the first one on.
  [[nodiscard]] virtual std::uint64_t placed() noexcept { return 0; }

 protected:
  explicit Inlet(bool places) noexcept : places_(places) {}

 private:
  bool places_;
};

/// HMAC-SHA256 over the bytes with the communicator's secret: proves to a peer that one belongs.
using Digest = std::array<std::byte, 32>;
using Signer = std::function<Digest(std::span<const std::byte>)>;

/// What a transport is told about the communicator it serves. Outlives the transport.
struct World {
  int rank = 0;
  int size = 1;
  std::uint64_t communicator = 0;  // random, the same on all ranks of one communicator, unique to it
  std::vector<int> host_of;        // per rank: index of its host, 0 … hosts-1, in order of first appearance
  bool oversubscribed = false;  // on this host, ranks outnumber cores: give way at once instead of spinning
  Settings settings;
  Signer sign;
  Failure* failure = nullptr;
  TagDescriber describe_tag = nullptr;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// "shm", "tcp", "loop": as TUTTI_TRANSPORT and the logs say it.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// What peers need to reach this rank, opaque, under 4 KiB. Listening starts here at the latest.
  [[nodiscard]] virtual std::string address() = 0;
  /// Every rank's address(), by rank; called once, before anything is opened.
  virtual void meet(std::vector<std::string> addresses) = 0;
  /// Whether this wire can join this rank with `peer`.
  [[nodiscard]] virtual bool reaches(int peer) const noexcept = 0;
  /// One connection can have several readers: a message is written once for all.
  [[nodiscard]] virtual bool multicasts() const noexcept { return false; }

  /// The largest message that slots of this wire can hold, in bytes; known after meet(), the same on every
  /// rank.
  [[nodiscard]] virtual std::size_t slot_bytes() const = 0;

  /// What its devices say of the link that one connection uses.
  struct LinkSpeed {
    double bytes_per_ns = 0;  // 0: unknown
    bool software = false;    // made of the kernel's network stack
  };
  [[nodiscard]] virtual LinkSpeed link_speed() const noexcept { return {}; }

  /// Opens the writer's end of connection (this rank, readers, lane). Never waits for a reader's own calls.
  /// Each (readers, lane) is opened once; connections with different readers are different connections.
  [[nodiscard]] virtual std::unique_ptr<Outlet> open_outlet(std::span<const int> readers, int lane) = 0;
  /// Opens this rank's end of connection (writer, readers, lane); `readers` contains this rank, same order as
  /// at the writer. Waits until the writer has opened its end; throws timeout at the deadline or the recorded
  /// failure.
  [[nodiscard]] virtual std::unique_ptr<Inlet> open_inlet(int writer, std::span<const int> readers, int lane,
                                                          Deadline deadline) = 0;

  /// These bytes will be sent from and received into: a wire whose devices can prepare memory does it here.
  /// They stay mapped until they are taken back; nothing may be on its way then. Throws what the device says.
  virtual void add_memory(std::byte* data, std::size_t bytes) { (void)data, (void)bytes; }
  virtual void remove_memory(std::byte* data, std::size_t bytes) noexcept { (void)data, (void)bytes; }
  /// The same of a GPU's memory, for wires whose devices reach it: by a dma-buf, in which it lies from
  /// `offset` on and which may be closed afterwards, or, with -1, by its address. A message counts as placed
  /// there when the GPU would read it. Others do nothing.
  virtual void add_gpu_memory(std::byte* data, std::size_t bytes, int dma_buf, std::uint64_t offset) {
    (void)data, (void)bytes, (void)dma_buf, (void)offset;
  }
  /// Its endpoints copy in general, but move messages of added memory from where they lie and to where they
  /// go: Outlet::takes() and Inlet::places_at() say of which. What goes through lease() and borrow() is
  /// copied even so.
  [[nodiscard]] virtual bool takes_added() const noexcept { return false; }
  /// Its endpoints copy, but readers borrow() what an outlet was told to lend() where it lies in the writer's
  /// added memory (Outlet::takes() says of which), and writers can write into a reader's that it offers.
  [[nodiscard]] virtual bool lends_added() const noexcept { return false; }

  /// Lets peers write into this memory by themselves; what they have to know, under 1 KiB, empty: this wire
  /// does not. It stays mapped until it is concealed, by the same words; no peer may be writing then. Throws
  /// what the device says.
  [[nodiscard]] virtual std::string expose(std::byte* data, std::size_t bytes) {
    (void)data, (void)bytes;
    return {};
  }
  virtual void conceal(const std::string& exposed) noexcept { (void)exposed; }

  /// Moves what can be moved without waiting. Only wires with needs_progress() have to be called.
  virtual void progress() noexcept {}
  [[nodiscard]] virtual bool needs_progress() const noexcept { return false; }

  // Sleeping. The caller has found nothing to do for a while: arm(), poll everything once more, then sleep()
  // (when this is the only wire in use) or poll() on the wake_fd() of each, then disarm(). Whatever a peer
  // does after arm() that could make a poll succeed ends the sleep.
  virtual void arm() noexcept = 0;
  virtual void disarm() noexcept = 0;
  virtual void sleep(int timeout_ms) noexcept = 0;
  [[nodiscard]] virtual int wake_fd() noexcept = 0;
};

}  // namespace tutti
