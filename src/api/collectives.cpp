// The collectives of tutti.h: arguments are checked and become a Call; a call that was made before finds its
// plan with no allocation, lock or log.
#include "api/check.hpp"
#include "api/group.hpp"
#include "api/guard.hpp"

namespace tutti::api {
namespace {

struct Arguments {
  Collective collective;
  const void* send;
  void* receive;
  std::size_t count;
  tuttiDataType_t type;
  int op = tuttiSum;
  int root = 0;
};

bool same_place(const Arguments& given, const Communicator& comm) {
  const auto* send = static_cast<const std::byte*>(given.send);
  const auto* receive = static_cast<const std::byte*>(given.receive);
  const std::size_t share = given.count * size_of(static_cast<ElementType>(given.type));
  const std::size_t at_rank = static_cast<std::size_t>(comm.rank()) * share;
  switch (given.collective) {
    case Collective::all_reduce:
    case Collective::broadcast:
    case Collective::reduce: return send == receive;
    case Collective::all_gather: return send == receive + at_rank;
    case Collective::reduce_scatter: return receive == send + at_rank;
    case Collective::gather: return comm.rank() == given.root && send == receive + at_rank;
    case Collective::scatter: return comm.rank() == given.root && receive == send + at_rank;
    default: return false;
  }
}

/// Buffers that are not in place may share nothing. A buffer that this rank does not use has no bytes.
void check_places(const Arguments& given, const Communicator& comm, bool in_place) {
  if (in_place) return;
  const std::size_t share = given.count * size_of(static_cast<ElementType>(given.type));
  const std::size_t all = share * static_cast<std::size_t>(comm.size());
  const std::size_t at_root = comm.rank() == given.root ? 1 : 0;
  std::size_t send = share, receive = share;
  switch (given.collective) {
    case Collective::reduce: receive *= at_root; break;
    case Collective::broadcast: send *= at_root; break;
    case Collective::reduce_scatter: send = all; break;
    case Collective::all_gather: receive = all; break;
    case Collective::gather: receive = all * at_root; break;
    case Collective::scatter: send = all * at_root; break;
    case Collective::all_to_all: send = receive = all; break;
    default: break;
  }
  check_apart(given.send, send, given.receive, receive);
}

std::byte* bytes(const void* pointer) {
  return static_cast<std::byte*>(const_cast<void*>(pointer));
}

void call(const Arguments& given, Communicator& comm, bool in_place) {
  Call call;
  call.collective = given.collective;
  call.type = static_cast<ElementType>(given.type);
  const PreMultiply* multiply = nullptr;
  if (given.op < kOperators) {
    call.op = static_cast<Operator>(given.op);
  } else {
    multiply = &comm.user_operator(given.op - kOperators);
    check_scalar_type(*multiply, call.type);
  }
  call.root = given.root;
  call.count = given.count;
  call.in_place = in_place;
  submit({&comm, std::move(call), {bytes(given.send), bytes(given.receive)}, multiply});
}

/// The way of every plain collective.
tuttiResult_t collective(const Arguments& given, tuttiComm_t handle, tuttiStream_t stream) {
  return guarded(handle, [&] {
    Communicator& comm = communicator_of(handle);
    check_stream(stream);
    check_type(given.type);
    if (reduces(given.collective)) check_operator(given.op);
    if (has_root(given.collective)) check_root(given.root, comm.size());
    check_buffers(given.send, given.receive, given.count, given.collective, comm.rank() == given.root);
    const bool in_place = same_place(given, comm);
    check_places(given, comm, in_place);
    if (!in_group() && given.op < kOperators) [[likely]] {
      const std::uint64_t word = key_word(given.collective, given.type, given.op, given.root, in_place);
      if (Plan* plan = comm.cached(word, given.count)) [[likely]] {
        std::byte* const buffers[] = {bytes(given.send), bytes(given.receive)};
        comm.run(*plan, buffers);
        return;
      }
    }
    if (given.count == 0 && given.collective != Collective::barrier) return;
    call(given, comm, in_place);
  });
}

std::vector<std::size_t> list(const std::size_t values[], int size) {
  if (values == nullptr) return {};
  return {values, values + size};
}

/// Blocks follow one another where no displacements were given.
std::vector<std::size_t> placed(const std::size_t displacements[], const std::vector<std::size_t>& counts) {
  if (displacements != nullptr) return {displacements, displacements + counts.size()};
  std::vector<std::size_t> result;
  std::size_t next = 0;
  for (const std::size_t count : counts) {
    result.push_back(next);
    next += count;
  }
  return result;
}

tuttiResult_t transfer(bool sends, const void* buffer, std::size_t count, tuttiDataType_t type, int peer,
                       tuttiComm_t handle, tuttiStream_t stream) {
  return guarded(handle, [&] {
    Communicator& comm = communicator_of(handle);
    check_stream(stream);
    check_type(type);
    check_peer(peer, comm.size());
    check_pointer(buffer, count, sends ? "sendbuff" : "recvbuff");
    Call call;
    call.collective = Collective::send_receive;
    call.transfers.push_back({sends, peer, count * size_of(static_cast<ElementType>(type))});
    submit({&comm, std::move(call), {bytes(buffer)}, nullptr});
  });
}

}  // namespace
}  // namespace tutti::api

using tutti::Call;
using tutti::Collective;
using tutti::Communicator;
using namespace tutti::api;

extern "C" {

tuttiResult_t tuttiAllReduce(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                             tuttiRedOp_t op, tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::all_reduce, sendbuff, recvbuff, count, datatype, op}, comm, stream);
}

tuttiResult_t tuttiReduce(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                          tuttiRedOp_t op, int root, tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::reduce, sendbuff, recvbuff, count, datatype, op, root}, comm, stream);
}

tuttiResult_t tuttiBroadcast(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                             int root, tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::broadcast, sendbuff, recvbuff, count, datatype, tuttiSum, root}, comm,
                    stream);
}

tuttiResult_t tuttiReduceScatter(const void* sendbuff, void* recvbuff, size_t recvcount,
                                 tuttiDataType_t datatype, tuttiRedOp_t op, tuttiComm_t comm,
                                 tuttiStream_t stream) {
  return collective({Collective::reduce_scatter, sendbuff, recvbuff, recvcount, datatype, op}, comm, stream);
}

tuttiResult_t tuttiAllGather(const void* sendbuff, void* recvbuff, size_t sendcount, tuttiDataType_t datatype,
                             tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::all_gather, sendbuff, recvbuff, sendcount, datatype}, comm, stream);
}

tuttiResult_t tuttiAlltoAll(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                            tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::all_to_all, sendbuff, recvbuff, count, datatype}, comm, stream);
}

tuttiResult_t tuttiGather(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                          int root, tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::gather, sendbuff, recvbuff, count, datatype, tuttiSum, root}, comm, stream);
}

tuttiResult_t tuttiScatter(const void* sendbuff, void* recvbuff, size_t count, tuttiDataType_t datatype,
                           int root, tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::scatter, sendbuff, recvbuff, count, datatype, tuttiSum, root}, comm, stream);
}

tuttiResult_t tuttiBarrier(tuttiComm_t comm, tuttiStream_t stream) {
  return collective({Collective::barrier, nullptr, nullptr, 0, tuttiUint8}, comm, stream);
}

tuttiResult_t tuttiAllGatherV(const void* sendbuff, size_t sendcount, void* recvbuff,
                              const size_t recvcounts[], const size_t displs[], tuttiDataType_t datatype,
                              tuttiComm_t comm, tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    check_type(datatype);
    check_list(recvcounts, "recvcounts");
    Call call;
    call.collective = Collective::all_gather;
    call.type = static_cast<tutti::ElementType>(datatype);
    call.counts = list(recvcounts, communicator.size());
    call.displacements = placed(displs, call.counts);
    const auto rank = static_cast<std::size_t>(communicator.rank());
    check_equal(sendcount, call.counts[rank], "sendcount", "recvcounts[rank]");
    check_pointer(sendbuff, sendcount, "sendbuff");
    check_pointer(recvbuff, total(call.counts), "recvbuff");
    const std::size_t element = size_of(call.type);
    call.in_place = sendbuff == bytes(recvbuff) + call.displacements[rank] * element;
    for (std::size_t i = 0; i < call.counts.size(); ++i) {
      if (call.in_place && i == rank) continue;
      check_apart(sendbuff, sendcount * element, bytes(recvbuff) + call.displacements[i] * element,
                  call.counts[i] * element);
    }
    submit({&communicator, std::move(call), {bytes(sendbuff), bytes(recvbuff)}, nullptr});
  });
}

tuttiResult_t tuttiReduceScatterV(const void* sendbuff, void* recvbuff, const size_t recvcounts[],
                                  tuttiDataType_t datatype, tuttiRedOp_t op, tuttiComm_t comm,
                                  tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    check_type(datatype);
    check_operator(op);
    check_list(recvcounts, "recvcounts");
    Call call;
    call.collective = Collective::reduce_scatter;
    call.type = static_cast<tutti::ElementType>(datatype);
    call.counts = list(recvcounts, communicator.size());
    call.displacements = placed(nullptr, call.counts);
    const auto rank = static_cast<std::size_t>(communicator.rank());
    check_pointer(sendbuff, total(call.counts), "sendbuff");
    check_pointer(recvbuff, call.counts[rank], "recvbuff");
    const tutti::PreMultiply* multiply = nullptr;
    if (op < tutti::kOperators) {
      call.op = static_cast<tutti::Operator>(op);
    } else {
      multiply = &communicator.user_operator(op - tutti::kOperators);
      check_scalar_type(*multiply, call.type);
    }
    const std::size_t element = size_of(call.type);
    call.in_place = recvbuff == bytes(sendbuff) + call.displacements[rank] * element;
    if (!call.in_place)
      check_apart(sendbuff, total(call.counts) * element, recvbuff, call.counts[rank] * element);
    submit({&communicator, std::move(call), {bytes(sendbuff), bytes(recvbuff)}, multiply});
  });
}

tuttiResult_t tuttiAlltoAllV(const void* sendbuff, const size_t sendcounts[], const size_t sdispls[],
                             void* recvbuff, const size_t recvcounts[], const size_t rdispls[],
                             tuttiDataType_t datatype, tuttiComm_t comm, tuttiStream_t stream) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_stream(stream);
    check_type(datatype);
    check_list(sendcounts, "sendcounts");
    check_list(recvcounts, "recvcounts");
    Call call;
    call.collective = Collective::all_to_all;
    call.type = static_cast<tutti::ElementType>(datatype);
    call.counts = list(sendcounts, communicator.size());
    call.displacements = placed(sdispls, call.counts);
    call.receive_counts = list(recvcounts, communicator.size());
    call.receive_displacements = placed(rdispls, call.receive_counts);
    const auto rank = static_cast<std::size_t>(communicator.rank());
    check_equal(call.counts[rank], call.receive_counts[rank], "sendcounts[rank]", "recvcounts[rank]");
    check_pointer(sendbuff, total(call.counts), "sendbuff");
    check_pointer(recvbuff, total(call.receive_counts), "recvbuff");
    check_pieces_apart(call, sendbuff, recvbuff, size_of(call.type));
    submit({&communicator, std::move(call), {bytes(sendbuff), bytes(recvbuff)}, nullptr});
  });
}

tuttiResult_t tuttiSend(const void* sendbuff, size_t count, tuttiDataType_t datatype, int peer,
                        tuttiComm_t comm, tuttiStream_t stream) {
  return transfer(true, sendbuff, count, datatype, peer, comm, stream);
}

tuttiResult_t tuttiRecv(void* recvbuff, size_t count, tuttiDataType_t datatype, int peer, tuttiComm_t comm,
                        tuttiStream_t stream) {
  return transfer(false, recvbuff, count, datatype, peer, comm, stream);
}

}  // extern "C"
