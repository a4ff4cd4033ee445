// One rank's buffers: filled before the calls, and able to tell whether a call's result is right. Allocated
// once for the largest size of a run; smaller sizes use their beginnings, as a program that keeps its
// buffers.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>

#include "ranks.hpp"

namespace peers {

enum class Collective { all_reduce, all_gather, reduce_scatter, broadcast, reduce, alltoall };

inline const std::map<std::string, Collective> kCollectives = {{"all_reduce", Collective::all_reduce},
                                                               {"all_gather", Collective::all_gather},
                                                               {"reduce_scatter", Collective::reduce_scatter},
                                                               {"broadcast", Collective::broadcast},
                                                               {"reduce", Collective::reduce},
                                                               {"alltoall", Collective::alltoall}};

// Where buffers come from: malloc's pages, unless the measured library has memory of its own.
struct Source {
  std::function<void*(size_t)> take = [](size_t bytes) {
    const size_t page = 4096;
    return std::aligned_alloc(page, (bytes + page - 1) / page * page);
  };
  std::function<void(void*)> give_back = [](void* memory) { std::free(memory); };
};

class Buffers {
 public:
  Buffers(Collective collective, size_t largest_bytes, const Ranks& ranks, const Source& source)
      : collective_(collective),
        rank_(ranks.rank()),
        size_(ranks.size()),
        in_(take(source, largest_bytes)),
        out_(take(source, largest_bytes)) {
    const size_t elements = largest_bytes / sizeof(float);
    for (size_t i = 0; i < elements; ++i) in_.get()[i] = value(rank_, i);
    std::fill_n(out_.get(), elements, kUntouched);
  }

  // From here on, calls are about so many bytes: all-gather's output, every other collective's input.
  void resize(size_t bytes) { elements_ = bytes / sizeof(float); }

  // Makes the output such that only a call can make it right.
  void spoil() {
    if (collective_ == Collective::broadcast && rank_ == 0)
      std::copy_n(in_.get(), elements_, out_.get());
    else
      std::fill_n(out_.get(), elements_, kUntouched);
  }

  [[nodiscard]] const float* in() const { return in_.get(); }
  [[nodiscard]] float* out() { return out_.get(); }  // broadcast: in and out
  [[nodiscard]] size_t elements() const { return elements_; }
  // What a call takes: a rank's share where the collective cuts the buffer.
  [[nodiscard]] size_t count() const { return cuts() ? elements_ / static_cast<size_t>(size_) : elements_; }

  [[nodiscard]] size_t wrong() const {
    if (collective_ == Collective::reduce && rank_ != 0) return 0;
    const size_t held = collective_ == Collective::reduce_scatter ? count() : elements_;
    size_t wrong = 0;
    for (size_t i = 0; i < held; ++i) wrong += out_.get()[i] != expected(i);
    return wrong;
  }

 private:
  using Memory = std::unique_ptr<float, std::function<void(void*)>>;
  static constexpr float kUntouched = -1;

  // Small whole numbers: every order of summation gives the same bits.
  static float value(int rank, size_t i) {
    return static_cast<float>(i % 13 + static_cast<size_t>(rank) + 1);
  }

  [[nodiscard]] bool cuts() const {
    return collective_ == Collective::all_gather || collective_ == Collective::reduce_scatter ||
           collective_ == Collective::alltoall;
  }
  [[nodiscard]] float sum(size_t i) const {
    float sum = 0;
    for (int rank = 0; rank < size_; ++rank) sum += value(rank, i);
    return sum;
  }
  [[nodiscard]] float expected(size_t i) const {
    const auto mine = static_cast<size_t>(rank_) * count();
    switch (collective_) {
      case Collective::all_reduce:
      case Collective::reduce: return sum(i);
      case Collective::reduce_scatter: return sum(mine + i);
      case Collective::broadcast: return value(0, i);
      case Collective::all_gather: return value(static_cast<int>(i / count()), i % count());
      case Collective::alltoall: return value(static_cast<int>(i / count()), mine + i % count());
    }
    return kUntouched;
  }
  static Memory take(const Source& source, size_t bytes) {
    void* memory = source.take(std::max<size_t>(bytes, sizeof(float)));
    if (memory == nullptr) throw std::bad_alloc();
    return Memory(static_cast<float*>(memory), source.give_back);
  }

  Collective collective_;
  int rank_, size_;
  size_t elements_ = 0;
  Memory in_, out_;
};

}  // namespace peers
