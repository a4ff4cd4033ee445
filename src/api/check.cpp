#include "api/check.hpp"

#include <algorithm>

namespace tutti::api {

void refuse_stream() {
  fail(Code::invalid_argument,
       "stream: a stream was given, only NULL (host memory) is allowed in this version");
}

void refuse_type(int type) {
  fail(Code::invalid_argument, "datatype: {} given, 0 (tuttiInt8) to {} (tuttiFloat8e5m2) allowed", type,
       kElementTypes - 1);
}

void refuse_operator(int op) {
  fail(Code::invalid_argument,
       "op: {} given, 0 (tuttiSum) to {} (tuttiAvg) allowed, or an operator that tuttiRedOpCreatePreMulSum "
       "made",
       op, kOperators - 1);
}

void refuse_rank(const char* argument, int rank, int size) {
  fail(Code::invalid_argument, "{}: {} given, a rank from 0 to {} allowed", argument, rank, size - 1);
}

void refuse_null(const char* argument, std::size_t count) {
  fail(Code::invalid_argument, "{}: NULL given{}", argument,
       count == 0 ? std::string(", an array of one value a rank expected")
                  : fmt::format(" for {} elements", count));
}

void refuse_unequal(const char* left, std::size_t left_value, const char* right, std::size_t right_value) {
  fail(Code::invalid_argument, "{}: {} given, but {} is {}: both must be equal", left, left_value, right,
       right_value);
}

void refuse_overlap(const void* send, std::size_t send_bytes, const void* receive,
                    std::size_t receive_bytes) {
  fail(Code::invalid_argument,
       "recvbuff: its {} bytes at {} overlap the {} bytes of sendbuff at {}: they must lie apart, or exactly "
       "as "
       "the call's \"in place\" says",
       receive_bytes, receive, send_bytes, send);
}

namespace {

struct Piece {
  const std::byte* begin;
  std::size_t bytes;
};

/// The pieces that hold something, by address.
std::vector<Piece> pieces(const void* base, const std::vector<std::size_t>& displacements,
                          const std::vector<std::size_t>& counts, std::size_t element) {
  std::vector<Piece> result;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    result.push_back({static_cast<const std::byte*>(base) + displacements[i] * element, counts[i] * element});
  }
  std::sort(result.begin(), result.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  return result;
}

}  // namespace

void check_pieces_apart(const Call& call, const void* send, const void* receive, std::size_t element) {
  const auto sent = pieces(send, call.displacements, call.counts, element);
  const auto received = pieces(receive, call.receive_displacements, call.receive_counts, element);
  auto s = sent.begin();
  auto r = received.begin();
  while (s != sent.end() &&
         r != received.end()) {  // sent pieces may overlap each other: drop what ends first
    check_apart(s->begin, s->bytes, r->begin, r->bytes);
    if (s->begin + s->bytes <= r->begin) {
      ++s;
    } else {
      ++r;
    }
  }
}

void check_scalar_type(const PreMultiply& op, ElementType type) {
  if (op.type != type) {
    fail(Code::invalid_argument, "op: its scalar is of type {}, but datatype is {}", name_of(op.type),
         name_of(type));
  }
}

}  // namespace tutti::api
