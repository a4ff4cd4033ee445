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

/// Addresses of `fixed` inputs, which the compiler keeps in registers; 0: any number, known when called.
template <typename Set, int fixed>
struct Inputs {
  const std::byte* address[fixed];

  TUTTI_ALWAYS_INLINE Inputs(const std::byte* const* inputs, int) {
    for (int input = 0; input < fixed; ++input) address[input] = inputs[input];
  }
  static constexpr int size() { return fixed; }
};
template <typename Set>
struct Inputs<Set, 0> {
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

 private:
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

  TUTTI_ALWAYS_INLINE Pass(const Output& output, I inputs, const X& finish)
      : writer_{output.first, output.second, false, false}, inputs_(inputs), finish_(finish) {}

  /// The first `count` elements, of 1 to a pack full: small messages come here at once.
  TUTTI_ALWAYS_INLINE void partial(std::size_t offset, std::size_t count) const {
    const std::size_t bytes = count * kElement;
    Vector folded = L::widen(Set::template load_partial<Stored>(inputs_.address[0] + offset, bytes));
    for (int input = 1; input < inputs_.size(); ++input) {
      const auto next = Set::template load_partial<Stored>(inputs_.address[input] + offset, bytes);
      folded = F::apply(folded, L::widen(next));
    }
    writer_.write_partial(offset, L::narrow(finish_(folded)), bytes);
  }

  TUTTI_ALWAYS_INLINE void run(std::size_t bytes, Store store_first, Store store_second) {
    std::size_t offset = bytes < kStreamFrom ? 0 : begin_streaming(store_first, store_second);
    const bool streaming = writer_.stream_first || writer_.stream_second;
    const std::size_t ahead = bytes < kPrefetchFrom ? 0
                              : streaming           ? kPrefetchAheadStreaming
                                                    : kPrefetchAhead;
    for (; bytes - offset >= kBlock; offset += kBlock) {
      if (ahead != 0) prefetch(offset + ahead);
      packs(offset, std::make_index_sequence<kUnroll>{});
    }
    for (; bytes - offset >= sizeof(Stored); offset += sizeof(Stored)) {
      packs(offset, std::make_index_sequence<1>{});
    }
    if (offset != bytes) partial(offset, (bytes - offset) / kElement);
    if (streaming) Set::fence();
  }

 private:
  using Stored = typename L::Stored;
  using Vector = typename L::Vector;
  static constexpr std::size_t kElement = sizeof(typename L::Element);
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kBlock = kUnroll * sizeof(Stored);

  /// The packs of one block, all in flight at once; the accumulators stay in registers.
  template <std::size_t... pack>
  TUTTI_ALWAYS_INLINE void packs(std::size_t offset, std::index_sequence<pack...>) const {
    const std::byte* from = inputs_.address[0] + offset;
    Vector folded[] = {L::widen(load<Stored>(from + pack * sizeof(Stored)))...};
    for (int input = 1; input < inputs_.size(); ++input) {
      from = inputs_.address[input] + offset;
      ((folded[pack] = F::apply(folded[pack], L::widen(load<Stored>(from + pack * sizeof(Stored))))), ...);
    }
    const Stored results[] = {L::narrow(finish_(folded[pack]))...};
    (writer_.write(offset + pack * sizeof(Stored), results[pack]), ...);
  }

  /// The first input is the caller's own as a rule and the hardware sees it coming; a copy's only input is
  /// not.
  TUTTI_ALWAYS_INLINE void prefetch(std::size_t offset) const {
    for (int input = inputs_.size() == 1 ? 0 : 1; input < inputs_.size(); ++input) {
      const std::byte* line = inputs_.address[input] + offset;
      for (std::size_t ahead = 0; ahead < kBlock; ahead += kCacheLine) __builtin_prefetch(line + ahead);
    }
  }

  /// Streaming stores want whole cache lines: does the elements before the first one and lets stream what is
  /// aligned from there on. Returns the bytes done. Where no element begins a line, nothing streams.
  TUTTI_ALWAYS_INLINE std::size_t begin_streaming(Store store_first, Store store_second) {
    const bool first = writer_.first != nullptr && store_first == Store::streaming;
    const bool second = writer_.second != nullptr && store_second == Store::streaming;
    if (!first && !second) return 0;
    const std::size_t head = -address_of(first ? writer_.first : writer_.second) % kCacheLine;
    if (head % kElement != 0) return 0;
    for (std::size_t offset = 0; offset < head;) {
      const std::size_t bytes = head - offset < sizeof(Stored) ? head - offset : sizeof(Stored);
      partial(offset, bytes / kElement);
      offset += bytes;
    }
    writer_.stream_first = first && address_of(writer_.first + head) % kCacheLine == 0;
    writer_.stream_second = second && address_of(writer_.second + head) % kCacheLine == 0;
    return head;
  }

  static TUTTI_ALWAYS_INLINE std::uintptr_t address_of(const std::byte* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
  }

  Writer<Set> writer_;
  I inputs_;
  X finish_;
};

/// Out of line, so that a small message pays for none of its registers.
template <typename L, typename F, int fixed, typename X>
__attribute__((noinline)) void long_pass(const Output& output, const std::byte* const* inputs,
                                         int input_count, std::size_t count, const X& finish) {
  using I = Inputs<typename L::Set, fixed>;
  Pass<L, F, I, X> pass(output, I(inputs, input_count), finish);
  pass.run(count * sizeof(typename L::Element), output.store_first, output.store_second);
}

template <typename L, typename F, int fixed, typename X>
TUTTI_ALWAYS_INLINE void any_pass(const Output& output, const std::byte* const* inputs, int input_count,
                                  std::size_t count, const X& finish) {
  using I = Inputs<typename L::Set, fixed>;
  if (count > L::kLanes) {
    long_pass<L, F, fixed>(output, inputs, input_count, count, finish);
  } else if (count != 0) {
    const Pass<L, F, I, X> pass(output, I(inputs, input_count), finish);
    pass.partial(0, count);
  }
}

template <typename Set>
void copy_bytes(const Output& output, const std::byte* source, std::size_t bytes) noexcept {
  using L = Lanes<Set, ElementType::uint8>;
  any_pass<L, Fold<L, Operator::sum>, 1>(output, &source, 1, bytes, Keep<L>{});
}

/// Division by a power of two is multiplication by its inverse, to the bit, and several times as fast.
template <typename L, typename F>
__attribute__((noinline)) void divided_pass(const Output& output, const std::byte* const* inputs,
                                            int input_count, std::size_t count, std::int64_t divisor) {
  if constexpr (L::kFloating) {
    using Wide = typename L::Wide;
    if ((divisor & (divisor - 1)) == 0) {
      const Multiply<L> inverse{typename L::Vector{} + Wide{1} / static_cast<Wide>(divisor)};
      any_pass<L, F, 0>(output, inputs, input_count, count, inverse);
      return;
    }
  }
  any_pass<L, F, 0>(output, inputs, input_count, count, Divide<L>{divisor});
}

template <typename Set, ElementType type, Operator op>
void reduce_elements(const Output& output, const std::byte* const* inputs, int input_count, std::size_t count,
                     std::int64_t divisor) noexcept {
  using L = Lanes<Set, type>;
  using F = Fold<L, op>;
  const Keep<L> keep;
  if (divisor != 1) [[unlikely]] {
    divided_pass<L, F>(output, inputs, input_count, count, divisor);
  } else if (input_count == 2) [[likely]] {
    any_pass<L, F, 2>(output, inputs, input_count, count, keep);
  } else if (input_count == 3) {
    any_pass<L, F, 3>(output, inputs, input_count, count, keep);
  } else if (input_count == 4) {
    any_pass<L, F, 4>(output, inputs, input_count, count, keep);
  } else if (input_count == 1) {
    copy_bytes<Set>(output, inputs[0], count * sizeof(typename L::Element));
  } else {
    any_pass<L, F, 0>(output, inputs, input_count, count, keep);
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
  any_pass<L, Fold<L, Operator::sum>, 1>(Output{output}, &input, 1, count, finish);
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
