/* tutti: collective communication between the ranks of a program. The C interface (C99), complete.
 *
 * A *communicator* joins n *ranks*, 0 … n-1: processes or threads, on one host or many. Every rank holds its
 * own tuttiComm_t of it and makes the same collective calls, in the same order, with matching counts and
 * types.
 *
 *     tuttiComm_t comm;
 *     tuttiCommInitFromEnv(&comm);                             // under mpirun, srun or torchrun
 *     tuttiAllReduce(in, out, count, tuttiFloat32, tuttiSum, comm, NULL);
 *     tuttiCommDestroy(comm);
 *
 * Names, values and argument order follow NCCL, so that its users are at home.
 *
 * Streams and memory. `stream` NULL means host memory, and a call that returns when the result is there: the
 * send buffer may be changed and the receive buffer read. This version knows host memory only; any other
 * stream is refused with tuttiInvalidArgument. Buffers need no alignment. Counts are in elements, 0 is
 * allowed (the buffer may then be NULL), and there is no upper limit but memory. A send and a receive buffer
 * may not overlap, except in the way that a call names "in place".
 *
 * Threads. A communicator is used by one thread at a time (any thread, the caller sees to that); different
 * communicators, also those of several ranks within one process, may be used by different threads
 * concurrently. Groups belong to the thread that started them. Any thread may call tuttiCommAbort,
 * tuttiCommGetAsyncError, tuttiCommCount and tuttiCommUserRank at any time. fork(): do not use communicators
 * made before it in the child.
 *
 * Errors. Every call returns a tuttiResult_t, and tuttiGetLastError gives one sentence with what, where,
 * which rank and what to do. Bad arguments give tuttiInvalidArgument and wrong use tuttiInvalidUsage before
 * anything is sent: the communicator stays usable (though the other ranks then wait for a call that this one
 * did not make). Every other error leaves the communicator failed: from then on its calls return the first
 * error, here and, within seconds, on the other ranks; what remains is tuttiCommAbort or tuttiCommDestroy.
 * The content of the receive buffers of a failed call is undefined.
 *
 * Results. Every rank gets bit-identical results. Integer sums and products wrap around. float16, bfloat16
 * and float8 are accumulated in float32 within each step of an algorithm and rounded to nearest even. NaN and
 * infinity behave as in a scalar loop; min and max of a NaN are NaN. Averages are the sum divided by the
 * number of ranks, for integers truncated towards zero. The order of summation depends on the algorithm; with
 * `reproducible` (tuttiConfig_t) it is the order of ranks, always. */
#ifndef TUTTI_TUTTI_H
#define TUTTI_TUTTI_H

#include <limits.h>
#include <stddef.h>

#include <tutti/version.h>

#define TUTTI_EXPORT __attribute__((visibility("default")))

/* As in C, the value of an enumeration may be any int in C++, too: a wrong one is an error, not undefined. */
#ifdef __cplusplus
#define TUTTI_OF_INT : int
extern "C" {
#else
#define TUTTI_OF_INT
#endif

/* ---- Types --------------------------------------------------------------------------- */

/** What a call returns. The values are those of ncclResult_t. */
typedef enum TUTTI_OF_INT {
  tuttiSuccess = 0,
  tuttiUnhandledDeviceError = 1, /**< a device (GPU) call failed */
  tuttiSystemError = 2,          /**< the operating system refused something: memory, files, sockets */
  tuttiInternalError = 3,        /**< a bug in tutti; please report it */
  tuttiInvalidArgument = 4,      /**< an argument is out of its range; nothing was sent */
  tuttiInvalidUsage = 5,         /**< the call is not allowed here, or ranks called different things */
  tuttiRemoteError = 6,          /**< another rank died, aborted, or cannot be reached */
  tuttiInProgress = 7,           /**< not done yet; ask again */
  tuttiTimeout = 8,              /**< nothing happened for as long as the communicator's time limits allow */
  tuttiNumResults = 9
} tuttiResult_t;

/** Element types. The values are those of ncclDataType_t. */
typedef enum TUTTI_OF_INT {
  tuttiInt8 = 0,
  tuttiChar = 0,
  tuttiUint8 = 1,
  tuttiInt32 = 2,
  tuttiInt = 2,
  tuttiUint32 = 3,
  tuttiInt64 = 4,
  tuttiUint64 = 5,
  tuttiFloat16 = 6, /**< IEEE 754 binary16 */
  tuttiHalf = 6,
  tuttiFloat32 = 7,
  tuttiFloat = 7,
  tuttiFloat64 = 8,
  tuttiDouble = 8,
  tuttiBfloat16 = 9,
  tuttiFloat8e4m3 = 10, /**< 4 exponent and 3 mantissa bits, no infinity: largest value 448 */
  tuttiFloat8e5m2 = 11, /**< 5 exponent and 2 mantissa bits, with infinity: largest finite value 57344 */
  tuttiNumTypes = 12
} tuttiDataType_t;

/** Operators of reductions. Those made by tuttiRedOpCreatePreMulSum have values from tuttiNumOps on. */
typedef enum TUTTI_OF_INT {
  tuttiSum = 0,
  tuttiProd = 1,
  tuttiMax = 2,
  tuttiMin = 3,
  tuttiAvg = 4, /**< sum divided by the number of ranks */
  tuttiNumOps = 5,
  tuttiMaxRedOp = 0x7fffffff
} tuttiRedOp_t;

/** Where the scalar of tuttiRedOpCreatePreMulSum lies. */
typedef enum TUTTI_OF_INT {
  tuttiScalarDevice = 0,       /**< in device memory, read when the operator is used; not in this version */
  tuttiScalarHostImmediate = 1 /**< in host memory, read during the call that creates the operator */
} tuttiScalarResidence_t;

/** One rank's part of a communicator. Made by tuttiCommInit… and tuttiCommSplit, freed by tuttiCommDestroy or
 *  tuttiCommAbort. */
typedef struct tuttiComm* tuttiComm_t;
#define TUTTI_COMM_NULL NULL

/** A group of calls that runs asynchronously: made by tuttiGroupEndAsync, freed by tuttiWorkFree. */
typedef struct tuttiWork* tuttiWork_t;

/** Memory that all ranks of a communicator have registered together, each its own. Made by
 *  tuttiWindowRegister, freed by tuttiWindowDeregister or with the communicator. */
typedef struct tuttiWindow* tuttiWindow_t;

/** NULL: host memory, and calls that return when they are done. */
typedef void* tuttiStream_t;

#define TUTTI_UNIQUE_ID_BYTES 128
/** Names a communicator to be made: 128 bytes that one rank gets from tuttiGetUniqueId and the user carries
 * to all the others, by whatever means there are. It contains a secret: who has it can join. */
typedef struct {
  char internal[TUTTI_UNIQUE_ID_BYTES];
} tuttiUniqueId;

#define TUTTI_CONFIG_UNDEF_INT INT_MIN
#define TUTTI_CONFIG_UNDEF_SIZE 0
#define TUTTI_CONFIG_UNDEF_PTR NULL
#define TUTTI_CONFIG_MAGIC 0x54757474u

/** How a communicator is shaped. Start from TUTTI_CONFIG_INITIALIZER and change what matters; a field left
 * undefined takes its value from `settings`, else from the environment (TUTTI_…), else from the configuration
 * file, else the default. Fields that decide what travels (transport, algorithm, lanes, chunkBytes,
 * reproducible) must be the same on all ranks. The strings are copied. */
typedef struct {
  size_t size;      /**< sizeof(tuttiConfig_t), set by the initializer */
  unsigned magic;   /**< TUTTI_CONFIG_MAGIC, set by the initializer */
  unsigned version; /**< TUTTI_VERSION_CODE of the caller's header, set by the initializer */

  /** "shm", "tcp" or "verbs": only this one. Default: the best that reaches each peer. */
  const char* transport;
  /** "ring", "tree", …: always this one where it fits. Default: chosen by cost. */
  const char* algorithm;
  /** Parallel copies of each program, 1 and up. Default: chosen by cost. */
  int lanes;
  /** Pipelining unit in bytes. Default: chosen by cost. */
  size_t chunkBytes;
  /** 1: an element's bits depend only on the inputs in rank order, not on size, position, algorithm, layout
   * or number of hosts; reductions move up to n times the bytes. Default 0. */
  int reproducible;
  /** A call in which nothing moves for so long fails with tuttiTimeout; 0: never. */
  int timeoutMs;
  /** Limit for joining, connecting and splitting, in milliseconds. */
  int initTimeoutMs;
  /** Another identity for this host: ranks with different ones share no memory. */
  const char* hostId;
  /** Network interfaces: prefixes "eth,ib", exact names "=eth0", or exclusions "^docker,lo". */
  const char* socketInterfaces;
  /** Any settings, as "NAME=VALUE;NAME=VALUE" without the TUTTI_ prefix. */
  const char* settings;
  /** A name for logs and errors. */
  const char* commName;
} tuttiConfig_t;

#define TUTTI_CONFIG_INITIALIZER                                                                         \
  {                                                                                                      \
    sizeof(tuttiConfig_t), TUTTI_CONFIG_MAGIC, TUTTI_VERSION_CODE, TUTTI_CONFIG_UNDEF_PTR,               \
        TUTTI_CONFIG_UNDEF_PTR, TUTTI_CONFIG_UNDEF_INT, TUTTI_CONFIG_UNDEF_SIZE, TUTTI_CONFIG_UNDEF_INT, \
        TUTTI_CONFIG_UNDEF_INT, TUTTI_CONFIG_UNDEF_INT, TUTTI_CONFIG_UNDEF_PTR, TUTTI_CONFIG_UNDEF_PTR,  \
        TUTTI_CONFIG_UNDEF_PTR, TUTTI_CONFIG_UNDEF_PTR                                                   \
  }

/* ---- Version and errors -------------------------------------------------------------- */

/** The library's version, as TUTTI_VERSION computes it. tuttiInvalidArgument: `version` is NULL. Any thread.
 */
TUTTI_EXPORT tuttiResult_t tuttiGetVersion(int* version);

/** What a result means, in a few words; "unknown result code" for any other value. A constant. Any thread. */
TUTTI_EXPORT const char* tuttiGetErrorString(tuttiResult_t result);

/** One sentence on the last call on `comm` that failed (on what tuttiCommGetAsyncError says, if none did),
 * or, with NULL, on the calling thread's last call that failed (also for calls that have no communicator
 * yet). A communicator none of whose calls failed answers for the thread too: the calls of a group fail in
 * tuttiGroupEnd. "" if none did. Valid until the next failing call on `comm`, or of this thread. */
TUTTI_EXPORT const char* tuttiGetLastError(tuttiComm_t comm);

/* ---- Starting ------------------------------------------------------------------------ */

/** Makes an id for one new communicator and opens its rendezvous in this process, which must live until all
 * ranks have joined; usually rank 0 calls it. Each id makes one communicator. tuttiSystemError: no network
 * interface, or no free port. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiGetUniqueId(tuttiUniqueId* id);

/** Joins the communicator of `id` as `rank` of `nranks`. Returns when all ranks have joined.
 *  tuttiInvalidArgument: `comm` NULL, nranks < 1, rank outside 0 … nranks-1, an id that tuttiGetUniqueId did
 * not make. tuttiInvalidUsage: called within a group, a rank taken twice, or ranks that disagree on nranks or
 * settings. tuttiTimeout: not all joined in time (the sentence names who is missing). On error *comm is NULL.
 * Ranks of one process join from a thread each. */
TUTTI_EXPORT tuttiResult_t tuttiCommInitRank(tuttiComm_t* comm, int nranks, tuttiUniqueId id, int rank);

/** Likewise, shaped by `config` (NULL: as tuttiCommInitRank). tuttiInvalidArgument also: a config that was
 * not made by TUTTI_CONFIG_INITIALIZER, or a field out of range. */
TUTTI_EXPORT tuttiResult_t tuttiCommInitRankConfig(tuttiComm_t* comm, int nranks, tuttiUniqueId id, int rank,
                                                   const tuttiConfig_t* config);

/** Joins all processes that a launcher started: rank and size are read from the variables of mpirun (Open
 * MPI, MPICH, Intel MPI), srun or torchrun, or from TUTTI_RANK and TUTTI_SIZE; they meet at
 * MASTER_ADDR:MASTER_PORT or through the shared file TUTTI_RENDEZVOUS_FILE, or, where all run on one host, by
 * themselves. Without a launcher: one rank. Errors as tuttiCommInitRank. May be called again after that
 * communicator was destroyed, and for several communicators, in the same order on all ranks. */
TUTTI_EXPORT tuttiResult_t tuttiCommInitFromEnv(tuttiComm_t* comm);

/** Likewise, shaped by `config` (NULL: as tuttiCommInitFromEnv). */
TUTTI_EXPORT tuttiResult_t tuttiCommInitFromEnvConfig(tuttiComm_t* comm, const tuttiConfig_t* config);

/** Makes a communicator whose ranks all live in this process: comms[r] is rank r of `ndev`. Each must then be
 * driven by a thread of its own, for a collective waits for the others. `devlist` must be NULL in this
 * version (host memory). */
TUTTI_EXPORT tuttiResult_t tuttiCommInitAll(tuttiComm_t* comms, int ndev, const int* devlist);

#define TUTTI_SPLIT_NOCOLOR -1
/** Splits a communicator: ranks with the same `color` (>= 0) form a new one, ordered by `key`, then by rank
 * in `comm`; with TUTTI_SPLIT_NOCOLOR a rank takes part and gets *newcomm NULL. Collective: all ranks of
 * `comm` call it. `config` NULL: as the parent. The parent stays usable and the two are independent of each
 * other. tuttiInvalidArgument: color < -1, newcomm NULL, a bad config. tuttiInvalidUsage: within a group. */
TUTTI_EXPORT tuttiResult_t tuttiCommSplit(tuttiComm_t comm, int color, int key, tuttiComm_t* newcomm,
                                          const tuttiConfig_t* config);

/* ---- Ending and asking --------------------------------------------------------------- */

/** Waits until everything issued on `comm` is done on all ranks, and says farewell to them: afterwards only
 *  tuttiCommDestroy, tuttiCommAbort and the questions below are allowed. Collective. */
TUTTI_EXPORT tuttiResult_t tuttiCommFinalize(tuttiComm_t comm);

/** Frees the communicator, after tuttiCommFinalize if that was not called yet (then it is collective, too).
 * Unfinished work is waited for; free it (tuttiWorkFree) before. NULL is allowed. The handle is freed
 * whatever the result. */
TUTTI_EXPORT tuttiResult_t tuttiCommDestroy(tuttiComm_t comm);

/** Ends everything that runs on `comm` at once and frees it: calls in progress in other threads return
 *  tuttiRemoteError, and so do those of the other ranks, which learn who aborted. Not collective. Any thread;
 * no new call may start on `comm` meanwhile. NULL is allowed. */
TUTTI_EXPORT tuttiResult_t tuttiCommAbort(tuttiComm_t comm);

/** The number of ranks. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiCommCount(tuttiComm_t comm, int* count);

/** This rank. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiCommUserRank(tuttiComm_t comm, int* rank);

/** The error that made the communicator fail, also one that no call has returned yet (a peer died in the
 * meantime); tuttiInProgress while asynchronous work runs; else tuttiSuccess. Never blocks. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiCommGetAsyncError(tuttiComm_t comm, tuttiResult_t* asyncError);

/* ---- Collectives --------------------------------------------------------------------- */

/* n is the number of ranks, r this rank. All take part, with the same counts, type, operator and root. Common
 * errors: tuttiInvalidArgument: a NULL communicator, or buffer with a count above 0; an unknown type or
 * operator; a root or peer outside 0 … n-1; a stream that is not NULL; buffers that overlap in another way
 * than "in place". tuttiInvalidUsage: ranks that called different things (noticed where messages meet).
 * tuttiRemoteError, tuttiTimeout: see tuttiResult_t. The first
 * call between two ranks connects them: it waits for the other's first call as long as joining may take
 * (initTimeoutMs), later ones as long as timeoutMs says. After tuttiCommFinalize: tuttiInvalidUsage. */

/** recvbuff[i] = op over all ranks of sendbuff[i], on every rank. Both hold `count` elements.
 *  In place: sendbuff == recvbuff. */
TUTTI_EXPORT tuttiResult_t tuttiAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                                          tuttiDataType_t datatype, tuttiRedOp_t op, tuttiComm_t comm,
                                          tuttiStream_t stream);

/** As tuttiAllReduce, with the result on `root` only. recvbuff is ignored elsewhere and may be NULL.
 *  In place: sendbuff == recvbuff on the root. */
TUTTI_EXPORT tuttiResult_t tuttiReduce(const void* sendbuff, void* recvbuff, size_t count,
                                       tuttiDataType_t datatype, tuttiRedOp_t op, int root, tuttiComm_t comm,
                                       tuttiStream_t stream);

/** recvbuff on every rank = sendbuff of `root`, `count` elements. sendbuff is ignored elsewhere and may be
 * NULL. In place: sendbuff == recvbuff on the root. */
TUTTI_EXPORT tuttiResult_t tuttiBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                                          tuttiDataType_t datatype, int root, tuttiComm_t comm,
                                          tuttiStream_t stream);

/** sendbuff holds n * recvcount elements, n blocks; recvbuff = block r, reduced over all ranks.
 *  In place: recvbuff == sendbuff + r * recvcount. */
TUTTI_EXPORT tuttiResult_t tuttiReduceScatter(const void* sendbuff, void* recvbuff, size_t recvcount,
                                              tuttiDataType_t datatype, tuttiRedOp_t op, tuttiComm_t comm,
                                              tuttiStream_t stream);

/** recvbuff holds n * sendcount elements: block i is rank i's sendbuff.
 *  In place: sendbuff == recvbuff + r * sendcount. */
TUTTI_EXPORT tuttiResult_t tuttiAllGather(const void* sendbuff, void* recvbuff, size_t sendcount,
                                          tuttiDataType_t datatype, tuttiComm_t comm, tuttiStream_t stream);

/** Both buffers hold n * count elements: block i of sendbuff goes to rank i, block i of recvbuff comes from
 * rank i. There is no in place: the buffers may not overlap. */
TUTTI_EXPORT tuttiResult_t tuttiAlltoAll(const void* sendbuff, void* recvbuff, size_t count,
                                         tuttiDataType_t datatype, tuttiComm_t comm, tuttiStream_t stream);

/** recvbuff on `root` holds n * count elements: block i is rank i's sendbuff (`count` elements). recvbuff is
 * ignored elsewhere. In place: sendbuff == recvbuff + root * count on the root. */
TUTTI_EXPORT tuttiResult_t tuttiGather(const void* sendbuff, void* recvbuff, size_t count,
                                       tuttiDataType_t datatype, int root, tuttiComm_t comm,
                                       tuttiStream_t stream);

/** sendbuff on `root` holds n * count elements: block i goes to rank i's recvbuff (`count` elements).
 * sendbuff is ignored elsewhere. In place: recvbuff == sendbuff + root * count on the root. */
TUTTI_EXPORT tuttiResult_t tuttiScatter(const void* sendbuff, void* recvbuff, size_t count,
                                        tuttiDataType_t datatype, int root, tuttiComm_t comm,
                                        tuttiStream_t stream);

/** Returns when every rank has called it. */
TUTTI_EXPORT tuttiResult_t tuttiBarrier(tuttiComm_t comm, tuttiStream_t stream);

/* With counts that differ between ranks. Counts and displacements are arrays of n values, in elements, read
 * during the call (or until the group ends). Displacements NULL: the blocks follow one another. Blocks of a
 * buffer that is written may not overlap. */

/** Block i of recvbuff, at displs[i], = rank i's sendbuff, recvcounts[i] elements. recvcounts is the same on
 * all ranks, and sendcount == recvcounts[r] (else tuttiInvalidArgument); displs may differ. In place:
 * sendbuff == recvbuff + displs[r]. */
TUTTI_EXPORT tuttiResult_t tuttiAllGatherV(const void* sendbuff, size_t sendcount, void* recvbuff,
                                           const size_t recvcounts[], const size_t displs[],
                                           tuttiDataType_t datatype, tuttiComm_t comm, tuttiStream_t stream);

/** sendbuff holds n blocks one after another, block i of recvcounts[i] elements; recvbuff = block r, reduced
 * over all ranks. recvcounts is the same on all ranks. In place: recvbuff == sendbuff + the sum of
 * recvcounts[0 … r-1]. */
TUTTI_EXPORT tuttiResult_t tuttiReduceScatterV(const void* sendbuff, void* recvbuff,
                                               const size_t recvcounts[], tuttiDataType_t datatype,
                                               tuttiRedOp_t op, tuttiComm_t comm, tuttiStream_t stream);

/** Block i of sendbuff, sendcounts[i] elements at sdispls[i], goes to rank i; block i of recvbuff,
 * recvcounts[i] at rdispls[i], comes from rank i. What rank a sends to b must be what b receives from a.
 * There is no in place. */
TUTTI_EXPORT tuttiResult_t tuttiAlltoAllV(const void* sendbuff, const size_t sendcounts[],
                                          const size_t sdispls[], void* recvbuff, const size_t recvcounts[],
                                          const size_t rdispls[], tuttiDataType_t datatype, tuttiComm_t comm,
                                          tuttiStream_t stream);

/* ---- Point to point ------------------------------------------------------------------ */

/** Sends `count` elements to `peer`, which calls tuttiRecv with the same count and type. Messages between two
 * ranks arrive in the order in which they were sent. May wait for the receiver: calls that depend on each
 * other, as in an exchange, belong into one group. A message to oneself needs its receive in the same group.
 */
TUTTI_EXPORT tuttiResult_t tuttiSend(const void* sendbuff, size_t count, tuttiDataType_t datatype, int peer,
                                     tuttiComm_t comm, tuttiStream_t stream);

/** Receives `count` elements from `peer`. */
TUTTI_EXPORT tuttiResult_t tuttiRecv(void* recvbuff, size_t count, tuttiDataType_t datatype, int peer,
                                     tuttiComm_t comm, tuttiStream_t stream);

/* ---- One-sided ----------------------------------------------------------------------- */

/* A rank writes into memory of another one, which need not call anything for it:
 *
 *     tuttiWindow_t win;
 *     tuttiWindowRegister(comm, buffer, bytes, &win);                         // all ranks
 *     tuttiPutSignal(data, count, tuttiFloat32, right, win, offset, 0, comm, NULL);
 *     tuttiWaitSignalDesc_t one = {1, left, 0};
 *     tuttiWaitSignal(1, &one, comm, NULL);                                   // now left's data are here
 *     tuttiWindowDeregister(comm, win);                                       // all ranks
 *
 * When a put or a signal returns, its source may be changed (local completion). It has not necessarily landed
 * then. Data are visible at the target when tuttiWaitSignal has returned there for a signal that the same
 * rank sent to it with that put or after it, into whatever window: a signal stands for all that its sender
 * has put there before. Between two signals puts land in any order, and of those that overlap either may
 * win. Of what two ranks put, nothing is known but what their signals say. To read a place of a window where
 * a put may be under way, or to put there before its last reader has said (by a signal of its own, say) that
 * it is done, is a race of the program's.
 *
 * Progress. Data arrive whatever the target is doing: in a call of this library the calling thread takes
 * them in, between calls a thread of the communicator's, which the first window starts. So a put may wait
 * for room on the wire, but never for a call of its target's, and no order of puts, signals, waits and
 * collectives deadlocks by itself.
 *
 * In a group, puts and signals are issued first, in the order of their calls, and tuttiWaitSignal and
 * tuttiFlush last; tuttiGroupEndAsync's work is done when the sources may be changed and the awaited signals
 * have come. Threads, streams and errors are those of collectives: one thread at a time uses a communicator;
 * bad arguments (the sentence names the window, offset and size) leave it usable; a peer that died makes
 * every waiting call fail with its name, and one that has destroyed its communicator the calls that still
 * need it. A peer (or this rank) may be any rank, oneself included. */

/** Signals of each pair of ranks have indices 0 … TUTTI_NUM_SIGNALS-1. Each is a count: how often it was
 * sent to this rank by that peer, less how often it was waited for. */
#define TUTTI_NUM_SIGNALS 64

/** One signal to be waited for: `opCnt` times index `sigIdx` from `peer`. */
typedef struct {
  int opCnt;
  int peer;
  int sigIdx;
} tuttiWaitSignalDesc_t;

/** Makes `size` bytes at `buff` this rank's part of a new window. Sizes may differ between ranks and be 0
 * (then buff may be NULL). Windows may overlap. The memory must stay until tuttiWindowDeregister, or until
 * the communicator is destroyed. Collective: ranks register and deregister windows in the same order. The
 * first window of a communicator connects all its ranks, and takes memory for it (docs/one-sided.md).
 * tuttiInvalidArgument: NULL. tuttiInvalidUsage: within a group. tuttiTimeout: not all ranks called it
 * (within initTimeoutMs; the sentence names who is missing). */
TUTTI_EXPORT tuttiResult_t tuttiWindowRegister(tuttiComm_t comm, void* buff, size_t size, tuttiWindow_t* win);

/** Ends a window. Collective: returns when everything that any rank has put into this rank's part has landed,
 * and nobody will put more; the memory may then be freed. tuttiInvalidArgument: not a window of `comm`.
 * tuttiInvalidUsage: within a group, or ranks that deregister different windows. */
TUTTI_EXPORT tuttiResult_t tuttiWindowDeregister(tuttiComm_t comm, tuttiWindow_t win);

/** Writes `count` elements to byte `peerWinOffset` of `peer`'s part of the window, which must hold them (else
 * tuttiInvalidArgument, and nothing is sent). */
TUTTI_EXPORT tuttiResult_t tuttiPut(const void* localbuff, size_t count, tuttiDataType_t datatype, int peer,
                                    tuttiWindow_t peerWin, size_t peerWinOffset, tuttiComm_t comm,
                                    tuttiStream_t stream);

/** Likewise, followed by signal `sigIdx`. With a count of 0: the signal alone. */
TUTTI_EXPORT tuttiResult_t tuttiPutSignal(const void* localbuff, size_t count, tuttiDataType_t datatype,
                                          int peer, tuttiWindow_t peerWin, size_t peerWinOffset, int sigIdx,
                                          tuttiComm_t comm, tuttiStream_t stream);

/** Sends signal `sigIdx` to `peer`: all that this rank has put there before has landed when it comes.
 * tuttiInvalidUsage: no window was ever registered on `comm`. */
TUTTI_EXPORT tuttiResult_t tuttiSignal(int peer, int sigIdx, tuttiComm_t comm, tuttiStream_t stream);

/** Waits until each of the signals has come as often as its description says, and takes them off their
 * counts. Errors as tuttiSignal; tuttiTimeout: nothing moved for timeoutMs (the sentence names the signal).
 */
TUTTI_EXPORT tuttiResult_t tuttiWaitSignal(int nDesc, const tuttiWaitSignalDesc_t* signalDescs,
                                           tuttiComm_t comm, tuttiStream_t stream);

/** Returns when everything that this rank has put has landed in its targets' windows (remote completion); the
 * targets are told nothing. Errors as tuttiSignal. */
TUTTI_EXPORT tuttiResult_t tuttiFlush(tuttiComm_t comm, tuttiStream_t stream);

/* ---- Operators ----------------------------------------------------------------------- */

/** Makes an operator that multiplies each rank's input by that rank's own `scalar` (one element of
 * `datatype`) before summing. Usable on `comm` with that type only. All ranks must create such operators in
 * the same order (though with whatever scalar). tuttiInvalidArgument: NULL, an unknown type, or a residence
 * other than tuttiScalarHostImmediate. */
TUTTI_EXPORT tuttiResult_t tuttiRedOpCreatePreMulSum(tuttiRedOp_t* op, const void* scalar,
                                                     tuttiDataType_t datatype,
                                                     tuttiScalarResidence_t residence, tuttiComm_t comm);

/** Frees the operator; work that uses it goes on. tuttiInvalidArgument: not an operator of `comm` or a
 * built-in one. */
TUTTI_EXPORT tuttiResult_t tuttiRedOpDestroy(tuttiRedOp_t op, tuttiComm_t comm);

/* ---- Groups and asynchronous work ---------------------------------------------------- */

/** Calls of this thread up to the matching tuttiGroupEnd are only collected (and their arguments checked),
 * then issued together: small ones are fused, and point-to-point calls cannot wait for one another. All ranks
 * group the same collectives. Groups nest; only the outermost end issues. A group may hold calls on several
 * communicators: they run one communicator after the other, in the order of their first call. If any call of
 * the group failed, nothing of it is sent, and its end returns that first error. */
TUTTI_EXPORT tuttiResult_t tuttiGroupStart(void);

/** Issues the group's calls and returns when all are done. tuttiInvalidUsage: without tuttiGroupStart. */
TUTTI_EXPORT tuttiResult_t tuttiGroupEnd(void);

/** Issues the group's calls and returns at once; *work stands for all of them. Until it is done, the buffers
 * must stay, sends be unchanged and receives be left alone. The calls progress in the background, even if
 * nobody waits. Later calls on the same communicators are allowed and run after them. Within another group:
 * tuttiInvalidUsage. On error *work is NULL. */
TUTTI_EXPORT tuttiResult_t tuttiGroupEndAsync(tuttiWork_t* work);

/** Waits until the work is done, at most timeoutMs milliseconds (-1: without limit of its own) and lends it
 * this thread's help. tuttiSuccess: all calls are done. tuttiInProgress: not yet, it goes on; wait again.
 * Else: the first error of a call. A work is used by one thread at a time; while a thread waits, its
 * communicators count as used by it. */
TUTTI_EXPORT tuttiResult_t tuttiWorkWait(tuttiWork_t work, int timeoutMs);

/** *done = 1 if the work is done or failed (the result is then the first error), else 0. Never blocks. */
TUTTI_EXPORT tuttiResult_t tuttiWorkTest(tuttiWork_t work, int* done);

/** Frees the handle, after waiting for the work if it is not done. NULL is allowed. */
TUTTI_EXPORT tuttiResult_t tuttiWorkFree(tuttiWork_t work);

/* ---- Memory -------------------------------------------------------------------------- */

/** Allocates host memory that every transport handles best (page-aligned, zeroed, huge pages where there are
 * any; RDMA devices move it without a copy, and lock it for that; ranks of one host read it where it lies and
 * write sums into it in calls on more than caches hold). Any memory works, this is faster. It is shared
 * memory: a child of fork() gets the same, not a copy. After a call that failed, a peer that has not heard of
 * the failure may still write into the call's receive buffer; not once tuttiCommDestroy has returned, but for
 * the piece of at most a slot that it is at. Zero bytes give a NULL pointer. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiMemAlloc(void** ptr, size_t size);

/** Frees what tuttiMemAlloc gave. NULL is allowed. tuttiInvalidArgument: any other pointer. Any thread. */
TUTTI_EXPORT tuttiResult_t tuttiMemFree(void* ptr);

/** Announces that `size` bytes at `buff` will be used often on `comm`: transports may prepare them (RDMA
 * moves them without a copy then). Optional. The memory must stay until tuttiCommDeregister. */
TUTTI_EXPORT tuttiResult_t tuttiCommRegister(tuttiComm_t comm, void* buff, size_t size, void** handle);

/** Takes back a tuttiCommRegister. tuttiInvalidArgument: not a handle of `comm`. */
TUTTI_EXPORT tuttiResult_t tuttiCommDeregister(tuttiComm_t comm, void* handle);

#ifdef __cplusplus
}
#endif

#endif
