// The one loop behind every kernel: blocks of several packs, single packs, then a partial one, each element
// by the same arithmetic wherever it lies. Written once and compiled for each instruction set; everything is
// a template on the set, so that no function of one set can be linked where another was meant.
#pragma once

#include <utility>

#include "reduce/kernel_table.hpp"
#include "reduce/lanes.hpp"

namespace tutti::reduce {

/// Smaller results stay in the cache, whatever is asked: they would not fill the lines that streaming is for.
inline constexpr std::size_t kStreamFrom = 512;
/// From this size on, inputs may come from another core's cache and are prefetched: farther ahead where the
/// results stream past the cache, for then the loop is faster.
inline constexpr std::size_t kPrefetchFrom = 4096;
inline constexpr std::size_t kPrefetchAhead = 1024;
inline constexpr std::size_t kPrefetchAheadStreaming = 2048;
inline constexpr std::size_t kCacheLine = 64;
/// Packs that are in flight at once, and their bytes in memory.
inline constexpr std::size_t kBlockPacks = 4;
template <typename L>
inline constexpr std::size_t kBlock = kBlockPacks * sizeof(typename L::Stored);

/// Addresses of `fixed` inputs, which the compiler keeps in registers; 0: any number, known when called.
template <typename Set, int fixed>
struct Inputs {
  static constexpr int kFixed = fixed;
  const std::byte* address[fixed];

  TUTTI_ALWAYS_INLINE Inputs(const std::byte* const* inputs, int) {
    for (int input = 0; input < fixed; ++input) address[input] = inputs[input];
  }
  static constexpr int size() { return fixed; }
};
template <typename Set>
struct Inputs<Set, 0> {
  static constexpr int kFixed = 0;
  const std::byte* const* address;
  int number;

  TUTTI_ALWAYS_INLINE Inputs(const std::byte* const* inputs, int count) : address(inputs), number(count) {}
  TUTTI_ALWAYS_INLINE int size() const { return number; }
};

/// Writes packs to one or two places, through the cache or past it.
template <typename Set>
struct Writer {
  std::byte* first;
  std::byte* second;
  bool stream_first;
  bool stream_second;

  template <typename P>
  TUTTI_ALWAYS_INLINE void write(std::size_t offset, P pack) const {
    if (first != nullptr) put(first + offset, pack, stream_first);
    if (second != nullptr) put(second + offset, pack, stream_second);
  }
  template <typename P>
  TUTTI_ALWAYS_INLINE void write_partial(std::size_t offset, P pack, std::size_t bytes) const {
    if (first != nullptr) Set::store_partial(first + offset, pack, bytes);
    if (second != nullptr) Set::store_partial(second + offset, pack, bytes);
  }

  /// Streaming stores want whole cache lines: lets stream what will be aligned behind the bytes returned,
  /// which are to be written before. Where no element begins a line, nothing streams.
  TUTTI_ALWAYS_INLINE std::size_t begin_streaming(const Output& output, std::size_t element) {
    const bool ask_first = first != nullptr && output.store_first == Store::streaming;
    const bool ask_second = second != nullptr && output.store_second == Store::streaming;
    if (!ask_first && !ask_second) return 0;
    const std::size_t head = -address_of(ask_first ? first : second) % kCacheLine;
    if (head % element != 0) return 0;
    stream_first = ask_first && address_of(first + head) % kCacheLine == 0;
    stream_second = ask_second && address_of(second + head) % kCacheLine == 0;
    return head;
  }
  TUTTI_ALWAYS_INLINE bool streaming() const { return stream_first || stream_second; }

 private:
  static TUTTI_ALWAYS_INLINE std::uintptr_t address_of(const std::byte* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void put(std::byte* to, P pack, bool streaming) {
    if (streaming) {
      Set::stream(to, pack);
    } else {
      store(to, pack);
    }
  }
};

/// One pass: L the lanes, F the fold, I the inputs, X what is done to the folded value.
template <typename L, typename F, typename I, typename X>
class Pass {
 public:
  using Set = typename L::Set;

  TUTTI_ALWAYS_INLINE Pass(const Writer<Set>& writer, const I& inputs, const X& finish)
      : writer_(writer), inputs_(inputs), finish_(finish) {}

  /// Up to one pack: the bytes from `offset` on.
  TUTTI_ALWAYS_INLINE void partial(std::size_t offset, std::size_t bytes) const {
    Vector folded = L::widen(Set::template load_partial<Stored>(inputs_.address[0] + offset, bytes));
    for (int input = 1; input < inputs_.size(); ++input) {
      const auto next = Set::template load_partial<Stored>(inputs_.address[input] + offset, bytes);
      folded = F::apply(folded, L::widen(next));
    }
    writer_.write_partial(offset, L::narrow(finish_(folded)), bytes);
  }

  /// One block of packs, all in flight at once; the accumulators stay in registers.
  TUTTI_ALWAYS_INLINE void block(std::size_t offset) const {
    block(offset, std::make_index_sequence<kBlockPacks>{});
  }

  /// The first input is the caller's own as a rule and the hardware sees it coming; a copy's only input is
  /// not.
  TUTTI_ALWAYS_INLINE void prefetch(std::size_t offset) const {
    for (int input = inputs_.size() == 1 ? 0 : 1; input < inputs_.size(); ++input) {
      const std::byte* line = inputs_.address[input] + offset;
      for (std::size_t ahead = 0; ahead < kBlock<L>; ahead += kCacheLine) __builtin_prefetch(line + ahead);
    }
  }

 private:
  using Stored = typename L::Stored;
  using Vector = typename L::Vector;

  template <std::size_t... pack>
  TUTTI_ALWAYS_INLINE void block(std::size_t offset, std::index_sequence<pack...> packs) const {
    const std::byte* from = inputs_.address[0] + offset;
    Vector folded[] = {L::widen(load<Stored>(from + pack * sizeof(Stored)))...};
    if constexpr (I::kFixed == 0) {
      for (int input = 1; input < inputs_.size(); ++input) {
        fold_in(folded, inputs_.address[input] + offset, packs);
      }
    } else if constexpr (I::kFixed > 1) {
      fold_all(folded, offset, packs, std::make_index_sequence<I::kFixed - 1>{});
    }
    const Stored results[] = {L::narrow(finish_(folded[pack]))...};
    (writer_.write(offset + pack * sizeof(Stored), results[pack]), ...);
  }

  template <std::size_t... pack, std::size_t... input>
  TUTTI_ALWAYS_INLINE void fold_all(Vector (&folded)[sizeof...(pack)], std::size_t offset,
                                    std::index_sequence<pack...> packs, std::index_sequence<input...>) const {
    (fold_in(folded, inputs_.address[input + 1] + offset, packs), ...);
  }

  template <std::size_t... pack>
  static TUTTI_ALWAYS_INLINE void fold_in(Vector (&folded)[sizeof...(pack)], const std::byte* from,
                                          std::index_sequence<pack...>) {
    ((folded[pack] = F::apply(folded[pack], L::widen(load<Stored>(from + pack * sizeof(Stored))))), ...);
  }

  const Writer<Set>& writer_;
  const I& inputs_;
  const X& finish_;
};

/// What lies before and behind the blocks: pack by pack, the last one partial.
template <typename L, typename F, typename X>
__attribute__((noinline)) void edge_pass(const Writer<typename L::Set>& writer,
                                         const std::byte* const* inputs, int input_count, std::size_t begin,
                                         std::size_t end, const X& finish) {
  const Inputs<typename L::Set, 0> all(inputs, input_count);
  const Pass<L, F, Inputs<typename L::Set, 0>, X> pass(writer, all, finish);
  constexpr std::size_t pack = sizeof(typename L::Stored);
  for (; begin < end; begin += pack) pass.partial(begin, end - begin < pack ? end - begin : pack);
}

/// A pass of any length; out of line, so that a small message pays for none of its registers.
template <typename L, typename F, int fixed, typename X>
__attribute__((noinline)) void long_pass(const Output& output, const std::byte* const* inputs,
                                         int input_count, std::size_t bytes, const X& finish) {
  using Set = typename L::Set;
  using I = Inputs<Set, fixed>;
  Writer<Set> writer{output.first, output.second, false, false};
  const I all(inputs, input_count);
  std::size_t offset = bytes < kStreamFrom ? 0 : writer.begin_streaming(output, sizeof(typename L::Element));
  if (offset != 0) edge_pass<L, F>(writer, inputs, input_count, 0, offset, finish);
  const bool streaming = writer.streaming();
  const std::size_t ahead = bytes < kPrefetchFrom ? 0 : streaming ? kPrefetchAheadStreaming : kPrefetchAhead;
  const Pass<L, F, I, X> pass(writer, all, finish);
  for (; bytes - offset >= kBlock<L>; offset += kBlock<L>) {
    if (ahead != 0) pass.prefetch(offset + ahead);
    pass.block(offset);
  }
  if (offset != bytes) edge_pass<L, F>(writer, inputs, input_count, offset, bytes, finish);
  if (streaming) Set::fence();
}

template <typename Set>
void copy_bytes(const Output& output, const std::byte* source, std::size_t bytes) noexcept {
  using L = Lanes<Set, ElementType::uint8>;
  long_pass<L, Fold<L, Operator::sum>, 1>(output, &source, 1, bytes, Keep<L>{});
}

/// Division by a power of two is multiplication by its inverse, to the bit, and several times as fast.
template <typename L, typename F>
__attribute__((noinline)) void divided_pass(const Output& output, const std::byte* const* inputs,
                                            int input_count, std::size_t bytes, std::int64_t divisor) {
  if constexpr (L::kFloating) {
    using Wide = typename L::Wide;
    if ((divisor & (divisor - 1)) == 0) {
      const Multiply<L> inverse{typename L::Vector{} + Wide{1} / static_cast<Wide>(divisor)};
      long_pass<L, F, 0>(output, inputs, input_count, bytes, inverse);
      return;
    }
  }
  long_pass<L, F, 0>(output, inputs, input_count, bytes, Divide<L>{divisor});
}

/// Two inputs, and the usual numbers of a sum, have loops of their own; the rest share one, and so do the
/// rare operators: each more costs a dozen element types in code.
template <typename L, typename F>
TUTTI_ALWAYS_INLINE void folded_pass(const Output& output, const std::byte* const* inputs, int input_count,
                                     std::size_t bytes) {
  const Keep<L> keep;
  if (input_count == 2) return long_pass<L, F, 2>(output, inputs, input_count, bytes, keep);
  if (input_count == 1) return copy_bytes<typename L::Set>(output, inputs[0], bytes);
  if constexpr (F::kOperator == Operator::sum) {
    if (input_count == 3) return long_pass<L, F, 3>(output, inputs, input_count, bytes, keep);
    if (input_count == 4) return long_pass<L, F, 4>(output, inputs, input_count, bytes, keep);
  }
  long_pass<L, F, 0>(output, inputs, input_count, bytes, keep);
}

template <typename Set, ElementType type, Operator op>
void reduce_elements(const Output& output, const std::byte* const* inputs, int input_count, std::size_t count,
                     std::int64_t divisor) noexcept {
  using L = Lanes<Set, type>;
  using F = Fold<L, op>;
  const std::size_t bytes = count * sizeof(typename L::Element);
  if (op == Operator::sum && divisor != 1) [[unlikely]] {
    if constexpr (op == Operator::sum) divided_pass<L, F>(output, inputs, input_count, bytes, divisor);
  } else if (count > L::kLanes || input_count == 1) {
    folded_pass<L, F>(output, inputs, input_count, bytes);
  } else if (count != 0) {  // small messages: one partial pack, and nothing set up for more
    const Writer<Set> writer{output.first, output.second, false, false};
    const Inputs<Set, 0> all(inputs, input_count);
    const Keep<L> keep;
    Pass<L, F, Inputs<Set, 0>, Keep<L>>(writer, all, keep).partial(0, bytes);
  }
}

template <typename Set, ElementType type>
void scale_elements(std::byte* output, const std::byte* input, std::size_t count,
                    const std::byte* scalar) noexcept {
  using L = Lanes<Set, type>;
  using Stored = typename L::Stored;
  typename L::Element element;
  __builtin_memcpy(&element, scalar, sizeof(element));
  const Multiply<L> finish{L::widen(Stored{} + element)};
  long_pass<L, Fold<L, Operator::sum>, 1>(Output{output}, &input, 1, count * sizeof(element), finish);
}

template <typename Set, std::size_t type, std::size_t... op>
constexpr void fill_type(KernelTable& table, std::index_sequence<op...>) {
  constexpr auto kType = static_cast<ElementType>(type);
  ((table.kernels[type][op] = &reduce_elements<Set, kType, static_cast<Operator>(op)>), ...);
  table.scales[type] = &scale_elements<Set, kType>;
}

template <typename Set, std::size_t... type>
constexpr KernelTable make_table(std::index_sequence<type...>) {
  KernelTable table{};
  (fill_type<Set, type>(table, std::make_index_sequence<kKernelOperators>{}), ...);
  table.copy = &copy_bytes<Set>;
  return table;
}

/// Every kernel of one instruction set.
template <typename Set>
inline constexpr KernelTable kTable = make_table<Set>(std::make_index_sequence<kElementTypes>{});

}  // namespace tutti::reduce
