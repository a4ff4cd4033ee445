// Bits: every rank gets the same, always; and with `reproducible` an element's bits depend on nothing but the
// inputs of that element.
#include <cmath>
#include <cstring>
#include <random>

#include "api/elements.hpp"
#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kRanks = 4;
constexpr std::size_t kElements = 64;

/// The rank's inputs: floats of many sizes and both signs, so that the order of summation shows.
Bytes random_inputs(tuttiDataType_t type, int rank) {
  std::mt19937 random(static_cast<unsigned>(rank) * 16 + type);
  Bytes bytes(kElements * bytes_of(type));
  for (std::size_t i = 0; i < kElements; ++i) {
    std::byte* place = &bytes[i * bytes_of(type)];
    const double value =
        std::ldexp(1 + static_cast<double>(random() % 1024) / 1024, static_cast<int>(random() % 12) - 6);
    put(type, place, value);
    if (random() % 2 == 0) place[bytes_of(type) - 1] |= std::byte{0x80};
  }
  return bytes;
}

/// One way to compute the same elements.
struct Way {
  std::string settings;
  int hosts = 1;
  std::size_t count = kElements;  // of the whole call; the elements of interest lie at `first`
  std::size_t first = 0;
};

/// Rank 0's results of the elements of interest, computed that way.
Bytes computed(const Way& way, tuttiDataType_t type, Ranks& ranks) {
  const std::size_t width = bytes_of(type);
  Bytes result(kElements * width);
  ranks.run([&](int rank, tuttiComm_t comm) {
    const Bytes inputs = random_inputs(type, rank);
    Bytes all(way.count * width);
    std::copy(inputs.begin(), inputs.end(), &all[way.first * width]);
    EXPECT_OK(tuttiAllReduce(all.data(), all.data(), way.count, type, tuttiSum, comm, nullptr), comm);
    if (rank == 0) std::memcpy(result.data(), &all[way.first * width], result.size());
  });
  return result;
}

constexpr tuttiDataType_t kFloats[] = {tuttiFloat32, tuttiFloat16, tuttiBfloat16};

/// The inputs summed in the order of ranks.
std::vector<float> summed_in_order() {
  std::vector<float> sums(kElements);
  for (int rank = 0; rank < kRanks; ++rank) {
    const Bytes inputs = random_inputs(tuttiFloat32, rank);
    for (std::size_t i = 0; i < kElements; ++i) {
      float value = 0;
      std::memcpy(&value, &inputs[4 * i], 4);
      sums[i] = rank == 0 ? value : sums[i] + value;
    }
  }
  return sums;
}

TEST(Reproducible, bits_depend_on_the_inputs_alone) {
  const std::vector<Way> ways = {
      {"TRANSPORT=shm"},
      {"TRANSPORT=shm", 1, 1000, 900},
      {"TRANSPORT=shm;CHUNK=256;LANES=3", 1, 20'000, 777},
      {"TRANSPORT=tcp", 1, 5000, 13},
      {"", 2},
      {"", 2, 30'000, 12'345},
      {"ALGORITHM=one_shot", 1, 3000, 1},
      {"ALGORITHM=two_shot", 2, 3000, 2},
      {"ALGORITHM=ring", 1, 3000, 3},  // not reproducible: another is taken
  };
  std::vector<Bytes> wanted(tuttiNumTypes);
  for (const Way& way : ways) {
    Ranks ranks(kRanks, [&](int rank) {
      return "REPRODUCIBLE=1;" + way.settings + ";HOSTID=host" + std::to_string(rank % way.hosts);
    });
    for (const tuttiDataType_t type : kFloats) {
      const Bytes got = computed(way, type, ranks);
      Bytes& first = wanted[type];
      if (first.empty()) first = got;
      EXPECT_EQ(got, first) << "type " << type << " " << way.settings << " count " << way.count;
    }
  }
  const std::vector<float> sums = summed_in_order();
  EXPECT_EQ(std::memcmp(sums.data(), wanted[tuttiFloat32].data(), 4 * kElements), 0)
      << "not in the order of ranks";
}

TEST(Reproducible, every_count_gives_the_same_bits) {
  Ranks ranks(kRanks, "REPRODUCIBLE=1");
  const std::vector<float> wanted = summed_in_order();
  ranks.run([&](int rank, tuttiComm_t comm) {
    const Bytes inputs = random_inputs(tuttiFloat32, rank);
    for (std::size_t count = 1; count <= kElements; ++count) {
      std::vector<float> result(count);
      EXPECT_OK(tuttiAllReduce(inputs.data(), result.data(), count, tuttiFloat32, tuttiSum, comm, nullptr),
                comm);
      EXPECT_EQ(std::memcmp(result.data(), wanted.data(), 4 * count), 0) << count;
    }
  });
}

TEST(SameBits, arrive_at_every_rank_whatever_the_algorithm) {
  constexpr std::size_t kCount = 5000;
  for (const char* algorithm : {"ring", "tree", "recursive_doubling", "rabenseifner", "one_shot", "two_shot",
                                "hierarchical", "hierarchical_ring", "hierarchical_leaders"}) {
    Ranks ranks(kRanks, [&](int rank) {
      return std::string("ALGORITHM=") + algorithm + ";HOSTID=host" + std::to_string(rank / 2);
    });
    for (const tuttiDataType_t type : kFloats) {
      std::vector<Bytes> results(kRanks);
      ranks.run([&](int rank, tuttiComm_t comm) {
        // Any bits at all: NaN of every payload, infinities, -0, denormals.
        std::mt19937 random(static_cast<unsigned>(rank));
        Bytes values(kCount * bytes_of(type));
        for (std::byte& byte : values) byte = static_cast<std::byte>(random());
        for (std::size_t i = 0; i < 10 * bytes_of(type); ++i) values[i] = std::byte{0};
        for (std::size_t i = 1; i <= 10; ++i) values[i * bytes_of(type) - 1] = std::byte{0x80};  // -0
        EXPECT_OK(tuttiAllReduce(values.data(), values.data(), kCount, type, tuttiSum, comm, nullptr), comm);
        results[static_cast<std::size_t>(rank)] = std::move(values);
      });
      for (std::size_t rank = 1; rank < kRanks; ++rank)
        EXPECT_TRUE(results[rank] == results[0]) << algorithm << " type " << type << " rank " << rank;
      EXPECT_EQ(results[0][bytes_of(type) - 1], std::byte{0x80}) << "-0 + -0 is -0";
    }
  }
}

}  // namespace
}  // namespace tutti_tests
