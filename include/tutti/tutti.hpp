// tutti for C++20: owners, spans and exceptions over the C interface, and nothing but it. Header-only.
//
//     auto comm = tutti::Communicator::from_environment();
//     std::vector<float> gradient = …;
//     comm.all_reduce(gradient, tutti::avg);
//
// What each call does, its in-place rules and threads: see its namesake in tutti.h. Everything that fails
// throws tutti::Error, whose what() is the library's sentence; destructors never throw.
//
// For users of the library only: libtutti's own sources have other things of these names, and never include
// it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/tutti.h>

namespace tutti {
inline namespace v0 {

/// What a failed call throws.
class Error : public std::runtime_error {
 public:
  Error(tuttiResult_t code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  [[nodiscard]] tuttiResult_t code() const noexcept { return code_; }

 private:
  tuttiResult_t code_;
};

/// Throws the Error of a result that is not tuttiSuccess.
inline void check(tuttiResult_t result, tuttiComm_t comm = nullptr) {
  if (result == tuttiSuccess) return;
  const char* sentence = tuttiGetLastError(comm);
  throw Error(result, sentence != nullptr && *sentence != '\0' ? sentence : tuttiGetErrorString(result));
}

// ---- Element types and operators

/// The element type that a C++ type stands for. Specialise it for types of your own that have the layout of
/// one:
///     template <> inline constexpr tuttiDataType_t tutti::data_type<my::bfloat16> = tuttiBfloat16;
template <typename T>
inline constexpr tuttiDataType_t data_type = tuttiNumTypes;
template <>
inline constexpr tuttiDataType_t data_type<float> = tuttiFloat32;
template <>
inline constexpr tuttiDataType_t data_type<double> = tuttiFloat64;
template <std::integral T>
requires(!std::is_same_v<T, bool> && sizeof(T) != 2 &&
         sizeof(T) <= 8) inline constexpr tuttiDataType_t data_type<T> =
    sizeof(T) == 1 ? (std::is_signed_v<T> ? tuttiInt8 : tuttiUint8)
                   : (sizeof(T) == 4 ? (std::is_signed_v<T> ? tuttiInt32 : tuttiUint32)
                                     : (std::is_signed_v<T> ? tuttiInt64 : tuttiUint64));

template <typename T>
concept Element = data_type<std::remove_cv_t<T>>
!= tuttiNumTypes;

/// Bytes of an element.
[[nodiscard]] constexpr std::size_t size_of(tuttiDataType_t type) noexcept {
  switch (type) {
    case tuttiInt32:
    case tuttiUint32:
    case tuttiFloat32: return 4;
    case tuttiInt64:
    case tuttiUint64:
    case tuttiFloat64: return 8;
    case tuttiFloat16:
    case tuttiBfloat16: return 2;
    default: return 1;
  }
}

inline constexpr tuttiRedOp_t sum = tuttiSum;
inline constexpr tuttiRedOp_t prod = tuttiProd;
inline constexpr tuttiRedOp_t max = tuttiMax;
inline constexpr tuttiRedOp_t min = tuttiMin;
inline constexpr tuttiRedOp_t avg = tuttiAvg;

// ---- Buffers

/// Elements that a call reads: made from a std::span, vector, array …, or from address, count and type (the
/// way for half-precision data that has no C++ type). Refers to the memory, does not own it.
struct ConstBuffer {
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>> ConstBuffer(
      const Range& range)  // NOLINT(google-explicit-constructor): that is its purpose
      : data(std::ranges::data(range)),
        count(std::ranges::size(range)),
        type(data_type<std::ranges::range_value_t<Range>>) {}
  ConstBuffer(const void* address, std::size_t elements, tuttiDataType_t element_type) noexcept
      : data(address), count(elements), type(element_type) {}

  const void* data;
  std::size_t count;
  tuttiDataType_t type;
};

/// Elements that a call writes (or, in place, reads and writes).
struct Buffer {
  template <std::ranges::contiguous_range Range>
  requires std::ranges::sized_range<Range> && Element<std::ranges::range_value_t<Range>> &&
      (!std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Range>>>)Buffer(
          Range&& range)  // NOLINT(google-explicit-constructor, bugprone-forwarding-reference-overload)
      : data(std::ranges::data(range)),
        count(std::ranges::size(range)),
        type(data_type<std::ranges::range_value_t<Range>>) {}
  Buffer(void* address, std::size_t elements, tuttiDataType_t element_type) noexcept
      : data(address), count(elements), type(element_type) {}
  operator ConstBuffer() const noexcept {
    return {data, count, type};
  }  // NOLINT(google-explicit-constructor)

  void* data;
  std::size_t count;
  tuttiDataType_t type;
};

// ---- Starting

/// 128 bytes that one rank makes and carries to all others.
struct UniqueId : tuttiUniqueId {
  /// Opens the rendezvous in this process.
  [[nodiscard]] static UniqueId make() {
    UniqueId id;
    check(tuttiGetUniqueId(&id));
    return id;
  }
};

/// tuttiConfig_t with everything undefined. Its strings are not owned: they must live until the call returns.
struct Config : tuttiConfig_t {
  Config() noexcept : tuttiConfig_t TUTTI_CONFIG_INITIALIZER {}
};

/// An operator that multiplies each rank's input by a scalar before summing. Must go before its communicator.
class PreMulSum {
 public:
  template <Element T>
  PreMulSum(tuttiComm_t comm, T scalar) : comm_(comm) {
    check(tuttiRedOpCreatePreMulSum(&op_, &scalar, data_type<T>, tuttiScalarHostImmediate, comm), comm);
  }
  PreMulSum(PreMulSum&& other) noexcept : comm_(std::exchange(other.comm_, nullptr)), op_(other.op_) {}
  PreMulSum& operator=(PreMulSum&& other) noexcept {
    std::swap(comm_, other.comm_);
    std::swap(op_, other.op_);
    return *this;
  }
  ~PreMulSum() {
    if (comm_ != nullptr) tuttiRedOpDestroy(op_, comm_);
  }
  operator tuttiRedOp_t() const noexcept { return op_; }  // NOLINT(google-explicit-constructor)

 private:
  tuttiComm_t comm_;
  tuttiRedOp_t op_ = tuttiSum;
};

/// A rank's part of a window: memory that peers put into. Made and ended by all ranks together, in the same
/// order; must go before its communicator and before its memory.
class Window {
 public:
  Window(tuttiComm_t comm, Buffer memory) : Window(comm, memory.data, memory.count, memory.type) {}
  Window(Window&& other) noexcept
      : comm_(std::exchange(other.comm_, nullptr)), window_(other.window_), type_(other.type_) {}
  Window& operator=(Window&& other) noexcept {
    std::swap(comm_, other.comm_);
    std::swap(window_, other.window_);
    std::swap(type_, other.type_);
    return *this;
  }
  ~Window() {
    if (comm_ != nullptr) tuttiWindowDeregister(comm_, window_);
  }
  [[nodiscard]] tuttiWindow_t get() const noexcept { return window_; }
  /// Of its elements, and of those that are put into it.
  [[nodiscard]] tuttiDataType_t type() const noexcept { return type_; }

 private:
  Window(tuttiComm_t comm, void* data, std::size_t count, tuttiDataType_t type) : comm_(comm), type_(type) {
    check(tuttiWindowRegister(comm, data, count * size_of(type), &window_), comm);
  }

  tuttiComm_t comm_;
  tuttiWindow_t window_ = nullptr;
  tuttiDataType_t type_;
};

// ---- The communicator

/// One rank's part of a communicator. Move-only; one thread at a time. Its destructor destroys the
/// communicator, which is collective; when an error brings it down, abort() it first (or let the process
/// end).
class Communicator {
 public:
  /// Joins the processes that mpirun, srun or torchrun started; alone without one.
  [[nodiscard]] static Communicator from_environment(const Config& config = {}) {
    Communicator made;
    check(tuttiCommInitFromEnvConfig(&made.comm_, &config));
    return made;
  }
  /// Joins the communicator of `id` as `rank` of `size`.
  [[nodiscard]] static Communicator join(int size, const UniqueId& id, int rank, const Config& config = {}) {
    Communicator made;
    check(tuttiCommInitRankConfig(&made.comm_, size, id, rank, &config));
    return made;
  }
  /// All ranks in this process, to be driven by a thread each.
  [[nodiscard]] static std::vector<Communicator> all_here(int size) {
    std::vector<tuttiComm_t> handles(size > 0 ? static_cast<std::size_t>(size) : 1);
    check(tuttiCommInitAll(handles.data(), size, nullptr));
    std::vector<Communicator> made;
    for (tuttiComm_t handle : handles) made.emplace_back(handle);
    return made;
  }

  /// None: what a rank without colour gets from split().
  Communicator() noexcept = default;
  /// Takes ownership of a C handle.
  explicit Communicator(tuttiComm_t comm) noexcept : comm_(comm) {}
  Communicator(Communicator&& other) noexcept : comm_(std::exchange(other.comm_, nullptr)) {}
  Communicator& operator=(Communicator&& other) noexcept {
    std::swap(comm_, other.comm_);
    return *this;
  }
  ~Communicator() {
    if (comm_ != nullptr) tuttiCommDestroy(comm_);
  }

  [[nodiscard]] tuttiComm_t get() const noexcept { return comm_; }
  [[nodiscard]] tuttiComm_t release() noexcept { return std::exchange(comm_, nullptr); }
  explicit operator bool() const noexcept { return comm_ != nullptr; }

  [[nodiscard]] int size() const {
    int count = 0;
    check(tuttiCommCount(comm_, &count), comm_);
    return count;
  }
  [[nodiscard]] int rank() const {
    int rank = -1;
    check(tuttiCommUserRank(comm_, &rank), comm_);
    return rank;
  }

  /// Ranks of one colour get a communicator of their own; of TUTTI_SPLIT_NOCOLOR an empty one. Collective.
  [[nodiscard]] Communicator split(int color, int key) {
    Communicator made;
    check(tuttiCommSplit(comm_, color, key, &made.comm_, nullptr), comm_);
    return made;
  }
  [[nodiscard]] Communicator split(int color, int key, const Config& config) {
    Communicator made;
    check(tuttiCommSplit(comm_, color, key, &made.comm_, &config), comm_);
    return made;
  }
  void finalize() { check(tuttiCommFinalize(comm_), comm_); }
  /// Ends everything at once, here and on the other ranks, and frees the communicator.
  void abort() noexcept { tuttiCommAbort(release()); }
  /// Throws if the communicator has failed, also when no call has said so yet.
  void check_async() const {
    tuttiResult_t state = tuttiSuccess;
    check(tuttiCommGetAsyncError(comm_, &state), comm_);
    if (state != tuttiInProgress) check(state, comm_);
  }

  void all_reduce(ConstBuffer in, Buffer out, tuttiRedOp_t op = sum) {
    same("all_reduce: in and out", in.count, out.count, in.type, out.type);
    check(tuttiAllReduce(in.data, out.data, out.count, out.type, op, comm_, nullptr), comm_);
  }
  void all_reduce(Buffer in_out, tuttiRedOp_t op = sum) { all_reduce(in_out, in_out, op); }

  /// `out` is looked at on the root only.
  void reduce(ConstBuffer in, Buffer out, tuttiRedOp_t op, int root) {
    check(tuttiReduce(in.data, out.data, in.count, in.type, op, root, comm_, nullptr), comm_);
  }
  void reduce(Buffer in_out, tuttiRedOp_t op, int root) { reduce(in_out, in_out, op, root); }

  /// `in` is looked at on the root only.
  void broadcast(ConstBuffer in, Buffer out, int root) {
    check(tuttiBroadcast(in.data, out.data, out.count, out.type, root, comm_, nullptr), comm_);
  }
  void broadcast(Buffer in_out, int root) { broadcast(in_out, in_out, root); }

  /// `in` holds size() times what `out` does. In place: out is block rank() of in.
  void reduce_scatter(ConstBuffer in, Buffer out, tuttiRedOp_t op = sum) {
    same("reduce_scatter: in and size() * out", in.count, out.count * blocks(), in.type, out.type);
    check(tuttiReduceScatter(in.data, out.data, out.count, out.type, op, comm_, nullptr), comm_);
  }
  /// `out` holds size() times what `in` does. In place: in is block rank() of out.
  void all_gather(ConstBuffer in, Buffer out) {
    same("all_gather: size() * in and out", in.count * blocks(), out.count, in.type, out.type);
    check(tuttiAllGather(in.data, out.data, in.count, in.type, comm_, nullptr), comm_);
  }
  /// Both hold a block for each rank.
  void all_to_all(ConstBuffer in, Buffer out) {
    same("all_to_all: in and out", in.count, out.count, in.type, out.type);
    if (in.count % blocks() != 0)
      throw Error(tuttiInvalidArgument,
                  "all_to_all: " + std::to_string(in.count) + " elements are not a multiple of the ranks");
    check(tuttiAlltoAll(in.data, out.data, in.count / blocks(), in.type, comm_, nullptr), comm_);
  }
  /// `out` is looked at on the root only.
  void gather(ConstBuffer in, Buffer out, int root) {
    check(tuttiGather(in.data, out.data, in.count, in.type, root, comm_, nullptr), comm_);
  }
  /// `in` is looked at on the root only.
  void scatter(ConstBuffer in, Buffer out, int root) {
    check(tuttiScatter(in.data, out.data, out.count, out.type, root, comm_, nullptr), comm_);
  }
  void barrier() { check(tuttiBarrier(comm_, nullptr), comm_); }

  /// A count and a displacement for each rank; no displacements: the blocks follow one another.
  void all_gather_v(ConstBuffer in, Buffer out, std::span<const std::size_t> counts,
                    std::span<const std::size_t> displacements = {}) {
    check(tuttiAllGatherV(in.data, in.count, out.data, counts.data(), displacements.data(), in.type, comm_,
                          nullptr),
          comm_);
  }
  void reduce_scatter_v(ConstBuffer in, Buffer out, std::span<const std::size_t> counts,
                        tuttiRedOp_t op = sum) {
    check(tuttiReduceScatterV(in.data, out.data, counts.data(), in.type, op, comm_, nullptr), comm_);
  }
  void all_to_all_v(ConstBuffer in, std::span<const std::size_t> in_counts, Buffer out,
                    std::span<const std::size_t> out_counts,
                    std::span<const std::size_t> in_displacements = {},
                    std::span<const std::size_t> out_displacements = {}) {
    check(tuttiAlltoAllV(in.data, in_counts.data(), in_displacements.data(), out.data, out_counts.data(),
                         out_displacements.data(), in.type, comm_, nullptr),
          comm_);
  }

  void send(ConstBuffer in, int peer) {
    check(tuttiSend(in.data, in.count, in.type, peer, comm_, nullptr), comm_);
  }
  void receive(Buffer out, int peer) {
    check(tuttiRecv(out.data, out.count, out.type, peer, comm_, nullptr), comm_);
  }

  /// Makes `memory` this rank's part of a new window. Collective.
  [[nodiscard]] Window window(Buffer memory) { return Window(comm_, memory); }
  /// Writes to element `at` of the peer's part, whose type must be the same.
  void put(ConstBuffer in, int peer, const Window& window, std::size_t at = 0) {
    const std::size_t offset = place(in, window, at);
    check(tuttiPut(in.data, in.count, in.type, peer, window.get(), offset, comm_, nullptr), comm_);
  }
  /// Likewise, then raises the signal there.
  void put_signal(ConstBuffer in, int peer, const Window& window, std::size_t at = 0, int signal = 0) {
    const std::size_t offset = place(in, window, at);
    check(tuttiPutSignal(in.data, in.count, in.type, peer, window.get(), offset, signal, comm_, nullptr),
          comm_);
  }
  void signal(int peer, int signal = 0) { check(tuttiSignal(peer, signal, comm_, nullptr), comm_); }
  /// Waits for the signal to have come from `peer` so often; what was put before it can be read then.
  void wait_signal(int peer, int signal = 0, int count = 1) {
    const tuttiWaitSignalDesc_t desc{count, peer, signal};
    check(tuttiWaitSignal(1, &desc, comm_, nullptr), comm_);
  }
  void wait_signals(std::span<const tuttiWaitSignalDesc_t> descs) {
    check(tuttiWaitSignal(static_cast<int>(descs.size()), descs.data(), comm_, nullptr), comm_);
  }
  /// Waits until all that this rank has put has landed.
  void flush() { check(tuttiFlush(comm_, nullptr), comm_); }

 private:
  static std::size_t place(const ConstBuffer& in, const Window& window, std::size_t at) {
    if (in.type != window.type())
      throw Error(tuttiInvalidArgument, "put: the elements differ in type from the window's");
    return at * size_of(in.type);
  }
  [[nodiscard]] std::size_t blocks() const { return static_cast<std::size_t>(size()); }
  static void same(const char* what, std::size_t left, std::size_t right, tuttiDataType_t left_type,
                   tuttiDataType_t right_type) {
    if (left != right)
      throw Error(tuttiInvalidArgument, std::string(what) + " must have the same number of elements, not " +
                                            std::to_string(left) + " and " + std::to_string(right));
    if (left_type != right_type) throw Error(tuttiInvalidArgument, std::string(what) + " differ in type");
  }

  tuttiComm_t comm_ = nullptr;
};

// ---- Groups and work

/// Calls that run in the background. Its destructor waits for them.
class Work {
 public:
  explicit Work(tuttiWork_t work) noexcept : work_(work) {}
  Work(Work&& other) noexcept : work_(std::exchange(other.work_, nullptr)) {}
  Work& operator=(Work&& other) noexcept {
    std::swap(work_, other.work_);
    return *this;
  }
  ~Work() {
    if (work_ != nullptr) tuttiWorkFree(work_);
  }

  /// Throws what a call of the work failed with.
  void wait() { check(tuttiWorkWait(work_, -1)); }
  /// false: not done after so long; it goes on.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds limit) {
    const tuttiResult_t result = tuttiWorkWait(work_, static_cast<int>(limit.count()));
    if (result == tuttiInProgress) return false;
    check(result);
    return true;
  }
  [[nodiscard]] bool done() {
    int done = 0;
    check(tuttiWorkTest(work_, &done));
    return done != 0;
  }

 private:
  tuttiWork_t work_;
};

/// From construction on, this thread's calls are collected; end() or end_async() issues them together. A
/// group that is left without either (by an exception) sends nothing.
class [[nodiscard]] Group {
 public:
  Group() { check(tuttiGroupStart()); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (ended_) return;
    tuttiBarrier(nullptr, nullptr);  // fails, and a group with a failed call sends nothing
    tuttiGroupEnd();
  }

  void end() {
    ended_ = true;
    check(tuttiGroupEnd());
  }
  [[nodiscard]] Work end_async() {
    ended_ = true;
    tuttiWork_t work = nullptr;
    check(tuttiGroupEndAsync(&work));
    return Work(work);
  }

 private:
  bool ended_ = false;
};

// ---- Memory

/// An array in the memory that transports handle best (tuttiMemAlloc); zeroed.
template <typename T>
requires std::is_trivially_copyable_v<T>
class Memory {
 public:
  explicit Memory(std::size_t count) : count_(count) {
    void* data = nullptr;
    check(tuttiMemAlloc(&data, count * sizeof(T)));
    data_ = static_cast<T*>(data);
    std::uninitialized_value_construct_n(data_, count);
  }
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Memory() { tuttiMemFree(data_); }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] T* begin() const noexcept { return data_; }
  [[nodiscard]] T* end() const noexcept { return data_ + count_; }
  [[nodiscard]] T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

}  // namespace v0
}  // namespace tutti
