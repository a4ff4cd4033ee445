// Stands between tutti-perf and libtutti (LD_PRELOAD), and spoils what tuttiAllReduce gave: SPOIL=element
// changes one element, after and before write one byte next to the receive buffer, kill ends one of the
// processes.
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <dlfcn.h>

#include <tutti/tutti.h>

extern "C" TUTTI_EXPORT tuttiResult_t tuttiAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                                                     tuttiDataType_t datatype, tuttiRedOp_t op,
                                                     tuttiComm_t comm, tuttiStream_t stream) {
  static const auto real = reinterpret_cast<decltype(&tuttiAllReduce)>(dlsym(RTLD_NEXT, "tuttiAllReduce"));
  const tuttiResult_t result = real(sendbuff, recvbuff, count, datatype, op, comm, stream);
  const char* spoil = std::getenv("SPOIL");
  const std::string_view what = spoil != nullptr ? spoil : "";
  int rank = -1;
  tuttiCommUserRank(comm, &rank);
  if (rank != 1) return result;
  char* bytes = static_cast<char*>(recvbuff);
  if (what == "element") bytes[4 * (count / 2)] ^= 1;
  if (what == "after") bytes[4 * count] = 0;
  if (what == "before") bytes[-1] = 0;
  if (what == "kill") std::raise(SIGKILL);
  return result;
}
