// Which call registers memory, and with which access.
#include <gmock/gmock.h>
#include <sys/mman.h>

#include "base/handle.hpp"
#include "transport/verbs/memory.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti::verbs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kRead = IBV_ACCESS_LOCAL_WRITE;
constexpr int kWrite = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
constexpr int kRelaxed = kWrite | IBV_ACCESS_RELAXED_ORDERING;
constexpr std::size_t kBytes = 8192;

struct VerbsMemory : ::testing::Test {
  void SetUp() override { verbs_double::reset(); }
  void TearDown() override { EXPECT_EQ(verbs_double::living(), 0u) << "verbs objects leaked"; }

  [[nodiscard]] std::shared_ptr<Device> device(const std::string& ordering = "auto") const {
    Settings settings;
    settings.verbs_relaxed_ordering = ordering;
    return find_rails(table, settings).front().device;
  }
  /// What a registration of the buffer says.
  [[nodiscard]] std::string refusal(Device& by, const Range& what) const {
    try {
      const Region region = register_memory(by, what, Use::data);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Table table = verbs_faults::around(verbs_double::table());
  std::vector<std::byte> buffer{kBytes};
  Range range{buffer.data(), kBytes};
};

std::vector<int> accesses_of_every_use(Device& device, const Range& range) {
  std::vector<Region> regions;
  for (const Use use : {Use::source, Use::ring, Use::mailbox, Use::data, Use::window})
    regions.push_back(register_memory(device, range, use));
  return verbs_double::accesses();
}

TEST_F(VerbsMemory, is_relaxed_where_only_completions_tell_of_it) {
  EXPECT_THAT(accesses_of_every_use(*device("auto"), range),
              ElementsAre(kRead, kRelaxed, kWrite, kRelaxed, kWrite));
  EXPECT_THAT(accesses_of_every_use(*device("on"), range),
              ElementsAre(kRead, kRelaxed, kWrite, kRelaxed, kWrite));
  EXPECT_THAT(accesses_of_every_use(*device("off"), range),
              ElementsAre(kRead, kWrite, kWrite, kWrite, kWrite));
}

TEST_F(VerbsMemory, is_plain_on_a_device_that_does_not_know_relaxed_ordering) {
  verbs_double::reset({.relaxes = false});
  const auto plain = device("auto");
  EXPECT_THAT(accesses_of_every_use(*plain, range), ElementsAre(kRead, kWrite, kWrite, kWrite, kWrite));
  const long calls = verbs_faults::calls();
  EXPECT_EQ(refusal(*plain, range), "");
  EXPECT_EQ(verbs_faults::calls(), calls + 1) << "it asks only once";
  EXPECT_THAT(refusal(*device("on"), range), HasSubstr("ibv_reg_mr_iova2"));
}

// EINVAL for another reason says nothing of relaxed ordering.
TEST_F(VerbsMemory, keeps_relaxed_ordering_when_a_range_is_refused) {
  table.reg_mr_iova2 = [](ibv_pd*, void*, std::size_t, std::uint64_t, unsigned) -> ibv_mr* {
    return errno = EINVAL, nullptr;
  };
  table.reg_mr = [](ibv_pd*, void*, std::size_t, int) -> ibv_mr* { return errno = EINVAL, nullptr; };
  const auto some = device("auto");
  EXPECT_THAT(refusal(*some, range), HasSubstr("ibv_reg_mr of 8192 bytes"));
  EXPECT_EQ(some->relaxing(), Relaxing::where_possible);
}

TEST_F(VerbsMemory, is_not_relaxed_by_an_old_library) {
  table.reg_mr_iova2 = nullptr;
  EXPECT_THAT(accesses_of_every_use(*device("auto"), range),
              ElementsAre(kRead, kWrite, kWrite, kWrite, kWrite));
  EXPECT_THROW((void)device("on"), Error);
}

struct File {
  explicit File(std::size_t bytes) : descriptor(::memfd_create("dma-buf", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(descriptor.get(), static_cast<off_t>(bytes)), 0);
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
    EXPECT_NE(mapped, MAP_FAILED);
    mapping = Mapping(static_cast<std::byte*>(mapped), bytes);
  }
  FileDescriptor descriptor;
  Mapping mapping;
};

/// Regions that live.
std::size_t regions() {
  return verbs_double::accesses().size();
}

TEST_F(VerbsMemory, is_registered_once_a_page_range_until_its_last_owner_takes_it_back) {
  const std::vector devices{device()};
  File file(16 * 4096);  // some pages
  std::byte* const pages = file.mapping.data();
  Registrations known;
  known.add(devices, {pages, 3 * 4096});
  known.add(devices, {pages + 10, 3 * 4096 - 100});  // the same pages
  EXPECT_EQ(regions(), 1u);
  known.add(devices, {pages + 4096, 4096});  // others
  EXPECT_EQ(regions(), 2u);
  known.remove(pages, 3 * 4096);
  EXPECT_EQ(regions(), 2u);
  EXPECT_NE(known.find(pages + 10, 3 * 4096 - 100), nullptr);
  known.remove(pages + 10, 3 * 4096 - 100);
  EXPECT_EQ(regions(), 1u);
  EXPECT_EQ(known.find(pages + 10, 20), nullptr);
  EXPECT_NE(known.find(pages + 4096, 4096), nullptr);
  known.remove(pages + 8 * 4096, 4096);  // never given
  known.remove(pages + 4096, 4096);
  EXPECT_EQ(regions(), 0u);
}

// One that begins later is shorter; an earlier one may still reach.
TEST_F(VerbsMemory, is_found_in_whatever_range_holds_all_of_it) {
  const std::vector devices{device()};
  File file(32 * 4096);
  std::byte* const pages = file.mapping.data();
  Registrations known;
  known.add(devices, {pages + 4096, 20 * 4096});
  for (const std::size_t page : {2, 5, 9}) known.add(devices, {pages + page * 4096, 4096});
  for (std::size_t page = 0; page < 32; ++page) {
    EXPECT_EQ(known.find(pages + page * 4096, 4096) != nullptr, page >= 1 && page <= 20) << page;
    EXPECT_EQ(known.find(pages + page * 4096, 2 * 4096) != nullptr, page >= 1 && page < 20) << page;
  }
  EXPECT_EQ(known.find(pages, 32 * 4096), nullptr);
}

TEST_F(VerbsMemory, that_cannot_be_registered_is_not_known) {
  verbs_double::reset({.devices = 2});
  std::vector<std::shared_ptr<Device>> devices;
  for (const Rail& rail : find_rails(table, {})) devices.push_back(rail.device);
  Registrations known;
  for (const long call : {0, 1}) {
    verbs_faults::fail_call(call);
    EXPECT_THROW(known.add(devices, range), Error);
    verbs_faults::fail_call(-1);
    EXPECT_EQ(regions(), 0u);
    EXPECT_EQ(known.find(range.data, range.bytes), nullptr);
  }
  known.add(devices, range);
  EXPECT_EQ(regions(), 2u);
}

TEST_F(VerbsMemory, of_a_gpu_is_registered_by_its_dma_buf) {
  File memory(4 * kBytes);
  const auto some = device();
  const Range part{memory.mapping.data() + kBytes, kBytes, MemoryKind::dma_buf, memory.descriptor.get(),
                   kBytes};
  const Registration registration(std::vector{some}, part, Use::data);
  memory.descriptor.reset();
  EXPECT_THAT(verbs_double::accesses(), ElementsAre(kRelaxed | IBV_ACCESS_REMOTE_READ)) << "a flush reads it";
  ASSERT_NE(registration.region(*some), nullptr);
  EXPECT_EQ(registration.region(*some)->addr, part.data);
  EXPECT_TRUE(registration.covers(part.data + 1, kBytes - 1));
  EXPECT_FALSE(registration.covers(memory.mapping.data(), kBytes));
}

TEST_F(VerbsMemory, of_a_gpu_that_cannot_be_registered_says_why) {
  File memory(kBytes);
  Range beyond{memory.mapping.data(), kBytes, MemoryKind::dma_buf, memory.descriptor.get(), 1};
  EXPECT_THAT(refusal(*device(), beyond), HasSubstr("ibv_reg_dmabuf_mr of 8192 bytes of a GPU on soft0"));
  beyond.dma_buf = -1;
  EXPECT_THAT(refusal(*device(), beyond), HasSubstr("Bad file descriptor"));
  table.reg_dmabuf_mr = nullptr;
  EXPECT_THAT(refusal(*device(), beyond), HasSubstr("rdma-core 34"));

  Range by_address = range;
  by_address.kind = MemoryKind::device;
  const auto some = device("off");
  EXPECT_EQ(refusal(*some, by_address), "");
  verbs_faults::fail_call(0);
  EXPECT_THAT(refusal(*some, by_address), HasSubstr("nvidia_peermem"));
  verbs_faults::fail_call(-1);
}

}  // namespace
}  // namespace tutti::verbs
