// Windows, puts and signals of tutti.h.
#include <algorithm>

#include "api/check.hpp"
#include "api/group.hpp"
#include "api/guard.hpp"

namespace tutti::api {
namespace {

using onesided::Awaited;
using onesided::Operation;

tuttiWindow& window_of(tuttiComm_t comm, tuttiWindow_t window) {
  const auto found = std::find_if(comm->windows.begin(), comm->windows.end(),
                                  [&](const tuttiWindow& known) { return &known == window; });
  if (found == comm->windows.end())
    fail(Code::invalid_argument, "win: {} is no window of this communicator{}", static_cast<void*>(window),
         window == nullptr ? "" : ", or was deregistered");
  return *found;
}

void check_signal(int signal) {
  if (signal < 0 || signal >= TUTTI_NUM_SIGNALS) [[unlikely]]
    fail(Code::invalid_argument, "sigIdx: {} given, 0 to {} allowed", signal, TUTTI_NUM_SIGNALS - 1);
}

[[noreturn]] void refuse_range(const onesided::Window& window, int peer, std::size_t offset,
                               std::size_t count, std::size_t element) {
  fail(Code::invalid_argument,
       "peerWinOffset: {} elements of {} bytes at offset {} end outside window {} of rank {}, which has {} "
       "bytes",
       count, element, offset, window.number, peer, window.sizes[static_cast<std::size_t>(peer)]);
}

/// Where the bytes of a put go; throws where they cannot.
Operation put_into(const onesided::Window& window, int peer, std::size_t offset, const void* data,
                   std::size_t count, tuttiDataType_t type) {
  const std::size_t element = size_of(static_cast<ElementType>(type));
  const std::size_t room = window.sizes[static_cast<std::size_t>(peer)];
  if (offset > room || count > (room - offset) / element) [[unlikely]]
    refuse_range(window, peer, offset, count, element);
  Operation put;
  put.kind = Operation::Kind::put;
  put.peer = peer;
  put.window = &window;
  put.offset = offset;
  put.data = static_cast<const std::byte*>(data);
  put.bytes = count * element;
  return put;
}

/// Now, or with the group's other calls.
void issue(Communicator& comm, Operation operation) {
  if (!in_group()) [[likely]]
    return comm.run(operation);
  submit({&comm, {}, {}, nullptr, std::make_shared<OneSidedTask>(comm, operation)});
}

struct Put {
  const void* data;
  std::size_t count;
  tuttiDataType_t type;
  int peer;
  tuttiWindow_t window;
  std::size_t offset;
  int signal;
};

tuttiResult_t put(const Put& given, bool signals, tuttiComm_t handle, tuttiStream_t stream) {
  return guarded(handle, [&] {
    Communicator& comm = communicator_of(handle);
    check_stream(stream);
    check_type(given.type);
    check_peer(given.peer, comm.size());
    check_pointer(given.data, given.count, "localbuff");
    if (signals) check_signal(given.signal);
    const tuttiWindow& window = window_of(handle, given.window);
    Operation operation =
        put_into(*window.window, given.peer, given.offset, given.data, given.count, given.type);
    if (signals) operation.signal = given.signal;
    if (given.count > 0 || signals) issue(comm, operation);
  });
}

Awaited awaited(const tuttiWaitSignalDesc_t& desc, int size) {
  if (desc.opCnt < 0)
    fail(Code::invalid_argument, "signalDescs: opCnt {} given, 0 or more allowed", desc.opCnt);
  check_peer(desc.peer, size);
  check_signal(desc.sigIdx);
  return {static_cast<std::uint64_t>(desc.opCnt), desc.peer, desc.sigIdx};
}

void refuse_group(const char* what) {
  if (in_group())
    fail(Code::invalid_usage, "windows are {} outside of groups: call tuttiGroupEnd first", what);
}

}  // namespace
}  // namespace tutti::api

using namespace tutti;
using namespace tutti::api;

static_assert(TUTTI_NUM_SIGNALS == onesided::kSignals);

extern "C" {

tuttiResult_t tuttiWindowRegister(tuttiComm_t comm, void* buff, size_t size, tuttiWindow_t* win) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    if (win == nullptr) fail(Code::invalid_argument, "win: NULL given, a place for the window expected");
    *win = nullptr;
    if (buff == nullptr && size != 0)
      fail(Code::invalid_argument, "buff: NULL given for a window of {} bytes", size);
    refuse_group("registered");
    auto& window = communicator.register_window(static_cast<std::byte*>(buff), size);
    *win = &comm->windows.emplace_back(tuttiWindow{&window});
  });
}

tuttiResult_t tuttiWindowDeregister(tuttiComm_t comm, tuttiWindow_t win) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    const tuttiWindow& window = window_of(comm, win);
    refuse_group("deregistered");
    communicator.deregister_window(*window.window);
    comm->windows.remove_if([&](const tuttiWindow& known) { return &known == win; });
  });
}

tuttiResult_t tuttiPut(const void* localbuff, size_t count, tuttiDataType_t datatype, int peer,
                       tuttiWindow_t peerWin, size_t peerWinOffset, tuttiComm_t comm, tuttiStream_t stream) {
  return put({localbuff, count, datatype, peer, peerWin, peerWinOffset, 0}, false, comm, stream);
}

tuttiResult_t tuttiPutSignal(const void* localbuff, size_t count, tuttiDataType_t datatype, int peer,
                             tuttiWindow_t peerWin, size_t peerWinOffset, int sigIdx, tuttiComm_t comm,
                             tuttiStream_t stream) {
  return put({localbuff, count, datatype, peer, peerWin, peerWinOffset, sigIdx}, true, comm, stream);
}

tuttiResult_t tuttiSignal(int peer, int sigIdx, tuttiComm_t comm, tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    check_peer(peer, communicator.size());
    check_signal(sigIdx);
    (void)communicator.one_sided();
    onesided::Operation operation;
    operation.kind = onesided::Operation::Kind::put;
    operation.peer = peer;
    operation.signal = sigIdx;
    issue(communicator, operation);
  });
}

tuttiResult_t tuttiWaitSignal(int nDesc, const tuttiWaitSignalDesc_t* signalDescs, tuttiComm_t comm,
                              tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    if (nDesc < 0) fail(Code::invalid_argument, "nDesc: {} given, 0 or more allowed", nDesc);
    if (nDesc > 0 && signalDescs == nullptr)
      fail(Code::invalid_argument, "signalDescs: NULL given, an array of {} expected", nDesc);
    (void)communicator.one_sided();
    comm->awaited.clear();  // keeps its memory
    for (int i = 0; i < nDesc; ++i) comm->awaited.push_back(awaited(signalDescs[i], communicator.size()));
    if (nDesc == 0) return;
    onesided::Operation operation;
    operation.kind = onesided::Operation::Kind::wait;
    operation.awaited = comm->awaited;
    issue(communicator, operation);
  });
}

tuttiResult_t tuttiFlush(tuttiComm_t comm, tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    (void)communicator.one_sided();
    onesided::Operation operation;
    operation.kind = onesided::Operation::Kind::flush;
    issue(communicator, operation);
  });
}

}  // extern "C"
