// Communicators of tutti.h: made, split, asked and ended.
#include <cstring>
#include <thread>

#include "api/check.hpp"
#include "api/config.hpp"
#include "api/group.hpp"
#include "api/guard.hpp"
#include "bootstrap/environment.hpp"

namespace tutti::api {
namespace {

/// The calls that make communicators, where all that can go wrong has no communicator to tell it to.
template <typename Body>
tuttiResult_t make(tuttiComm_t* result, const Body& body) noexcept {
  return guarded(nullptr, [&] {
    if (result == nullptr)
      fail(Code::invalid_argument, "comm: NULL given, a place for the communicator expected");
    *result = nullptr;
    if (in_group())
      fail(Code::invalid_usage, "communicators are made outside of groups: call tuttiGroupEnd first");
    auto handle = std::make_unique<tuttiComm>();
    handle->communicator = body();
    if (handle->communicator) *result = handle.release();
  });
}

UniqueId unwrap(const tuttiUniqueId& id) {
  UniqueId inner;
  static_assert(sizeof inner.bytes == sizeof id.internal);
  std::memcpy(inner.bytes.data(), id.internal, sizeof id.internal);
  return inner;
}

std::unique_ptr<Communicator> from_environment(const tuttiConfig_t* config) {
  const Settings settings = configured(Settings::from_environment(), config);
  const auto launch = detect_launch(settings);
  if (!launch) return Communicator::create(create_unique_id(settings), 1, 0, settings);
  return Communicator::create(id_from_environment(*launch, settings), launch->size, launch->rank, settings);
}

void make_all(tuttiComm_t* comms, int count) {
  const Settings settings = Settings::from_environment();
  const UniqueId id = create_unique_id(settings);
  const auto size = static_cast<std::size_t>(count);
  std::vector<std::unique_ptr<tuttiComm>> handles(size);
  std::vector<std::exception_ptr> errors(size);
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      try {
        handles[r] = std::make_unique<tuttiComm>();
        handles[r]->communicator = Communicator::create(id, count, static_cast<int>(r), settings);
      } catch (...) {
        errors[r] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  for (std::size_t r = 0; r < size; ++r) comms[r] = handles[r].release();
}

}  // namespace
}  // namespace tutti::api

using namespace tutti;
using namespace tutti::api;

extern "C" {

tuttiResult_t tuttiGetUniqueId(tuttiUniqueId* id) {
  return guarded(nullptr, [&] {
    if (id == nullptr) fail(Code::invalid_argument, "id: NULL given, a place for 128 bytes expected");
    const UniqueId made = create_unique_id(Settings::from_environment());
    std::memcpy(id->internal, made.bytes.data(), sizeof id->internal);
  });
}

tuttiResult_t tuttiCommInitRank(tuttiComm_t* comm, int nranks, tuttiUniqueId id, int rank) {
  return tuttiCommInitRankConfig(comm, nranks, id, rank, nullptr);
}

tuttiResult_t tuttiCommInitRankConfig(tuttiComm_t* comm, int nranks, tuttiUniqueId id, int rank,
                                      const tuttiConfig_t* config) {
  return make(comm, [&] {
    return Communicator::create(unwrap(id), nranks, rank, configured(Settings::from_environment(), config));
  });
}

tuttiResult_t tuttiCommInitFromEnv(tuttiComm_t* comm) {
  return tuttiCommInitFromEnvConfig(comm, nullptr);
}

tuttiResult_t tuttiCommInitFromEnvConfig(tuttiComm_t* comm, const tuttiConfig_t* config) {
  return make(comm, [&] { return from_environment(config); });
}

tuttiResult_t tuttiCommInitAll(tuttiComm_t* comms, int ndev, const int* devlist) {
  return guarded(nullptr, [&] {
    if (comms == nullptr) fail(Code::invalid_argument, "comms: NULL given, an array of {} expected", ndev);
    if (ndev < 1) fail(Code::invalid_argument, "ndev: {} given, 1 or more allowed", ndev);
    if (devlist != nullptr) {
      fail(Code::invalid_argument, "devlist: only NULL (host memory) is allowed in this version");
    }
    make_all(comms, ndev);
  });
}

tuttiResult_t tuttiCommSplit(tuttiComm_t comm, int color, int key, tuttiComm_t* newcomm,
                             const tuttiConfig_t* config) {
  return guarded(comm, [&] {
    Communicator& parent = communicator_of(comm);
    if (newcomm == nullptr)
      fail(Code::invalid_argument, "newcomm: NULL given, a place for the communicator expected");
    *newcomm = nullptr;
    if (in_group())
      fail(Code::invalid_usage, "communicators are split outside of groups: call tuttiGroupEnd first");
    auto handle = std::make_unique<tuttiComm>();
    handle->communicator = parent.split(color, key, configured(parent.settings(), config));
    if (handle->communicator) *newcomm = handle.release();
  });
}

tuttiResult_t tuttiCommFinalize(tuttiComm_t comm) {
  return guarded(comm, [&] { communicator_of(comm).finalize(); });
}

tuttiResult_t tuttiCommDestroy(tuttiComm_t comm) {
  if (comm == nullptr) return tuttiSuccess;
  return guarded(nullptr, [&] {
    Communicator& communicator = communicator_of(comm);
    const std::unique_ptr<tuttiComm> owner(comm);
    communicator.engine().drain();
  });
}

tuttiResult_t tuttiCommAbort(tuttiComm_t comm) {
  if (comm == nullptr) return tuttiSuccess;
  return guarded(nullptr, [&] {
    Communicator& communicator = communicator_of(comm);
    communicator.abort("the user called tuttiCommAbort");
    communicator.wait_until_left();
    const std::unique_ptr<tuttiComm> owner(comm);
  });
}

tuttiResult_t tuttiCommCount(tuttiComm_t comm, int* count) {
  return guarded(comm, [&] {
    const Communicator& communicator = communicator_of(comm);
    if (count == nullptr) fail(Code::invalid_argument, "count: NULL given, a place for a number expected");
    *count = communicator.size();
  });
}

tuttiResult_t tuttiCommUserRank(tuttiComm_t comm, int* rank) {
  return guarded(comm, [&] {
    const Communicator& communicator = communicator_of(comm);
    if (rank == nullptr) fail(Code::invalid_argument, "rank: NULL given, a place for a number expected");
    *rank = communicator.rank();
  });
}

tuttiResult_t tuttiCommGetAsyncError(tuttiComm_t comm, tuttiResult_t* asyncError) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    if (asyncError == nullptr)
      fail(Code::invalid_argument, "asyncError: NULL given, a place for a result expected");
    const Failure& failure = communicator.failure();
    *asyncError = failure.failed()               ? static_cast<tuttiResult_t>(failure.code())
                  : communicator.engine().idle() ? tuttiSuccess
                                                 : tuttiInProgress;
  });
}

}  // extern "C"
