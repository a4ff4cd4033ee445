/* Values, sizes and offsets of tutti.h as programs in the field have them compiled in (LP64). C99 has no
 * static assertion: an array of negative size does it. */
#include <stdio.h>
#include <string.h>

#include <tutti/tutti.h>

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define HOLDS(condition) typedef char JOIN(holds_, __LINE__)[(condition) ? 1 : -1] __attribute__((unused))

/* NCCL's values: a program may cast. */
HOLDS(tuttiSuccess == 0 && tuttiUnhandledDeviceError == 1 && tuttiSystemError == 2 &&
      tuttiInternalError == 3);
HOLDS(tuttiInvalidArgument == 4 && tuttiInvalidUsage == 5 && tuttiRemoteError == 6 && tuttiInProgress == 7);
HOLDS(tuttiTimeout == 8 && tuttiNumResults == 9);
HOLDS(tuttiInt8 == 0 && tuttiUint8 == 1 && tuttiInt32 == 2 && tuttiUint32 == 3 && tuttiInt64 == 4 &&
      tuttiUint64 == 5);
HOLDS(tuttiFloat16 == 6 && tuttiFloat32 == 7 && tuttiFloat64 == 8 && tuttiBfloat16 == 9);
HOLDS(tuttiFloat8e4m3 == 10 && tuttiFloat8e5m2 == 11 && tuttiNumTypes == 12);
HOLDS(tuttiChar == tuttiInt8 && tuttiInt == tuttiInt32 && tuttiHalf == tuttiFloat16 &&
      tuttiFloat == tuttiFloat32);
HOLDS(tuttiDouble == tuttiFloat64);
HOLDS(tuttiSum == 0 && tuttiProd == 1 && tuttiMax == 2 && tuttiMin == 3 && tuttiAvg == 4 && tuttiNumOps == 5);
HOLDS(tuttiScalarDevice == 0 && tuttiScalarHostImmediate == 1);
HOLDS(sizeof(tuttiResult_t) == 4 && sizeof(tuttiDataType_t) == 4 && sizeof(tuttiRedOp_t) == 4);
HOLDS(sizeof(tuttiUniqueId) == 128 && TUTTI_SPLIT_NOCOLOR == -1);

/* Fields are only ever appended to the config. */
HOLDS(offsetof(tuttiConfig_t, size) == 0 && offsetof(tuttiConfig_t, magic) == 8);
HOLDS(offsetof(tuttiConfig_t, version) == 12 && offsetof(tuttiConfig_t, transport) == 16);
HOLDS(offsetof(tuttiConfig_t, algorithm) == 24 && offsetof(tuttiConfig_t, lanes) == 32);
HOLDS(offsetof(tuttiConfig_t, chunkBytes) == 40 && offsetof(tuttiConfig_t, reproducible) == 48);
HOLDS(offsetof(tuttiConfig_t, timeoutMs) == 52 && offsetof(tuttiConfig_t, initTimeoutMs) == 56);
HOLDS(offsetof(tuttiConfig_t, hostId) == 64 && offsetof(tuttiConfig_t, socketInterfaces) == 72);
HOLDS(offsetof(tuttiConfig_t, settings) == 80 && offsetof(tuttiConfig_t, commName) == 88);
HOLDS(sizeof(tuttiConfig_t) == 96);

HOLDS(TUTTI_NUM_SIGNALS == 64 && sizeof(tuttiWaitSignalDesc_t) == 12);
HOLDS(offsetof(tuttiWaitSignalDesc_t, opCnt) == 0 && offsetof(tuttiWaitSignalDesc_t, peer) == 4);
HOLDS(offsetof(tuttiWaitSignalDesc_t, sigIdx) == 8);

HOLDS(TUTTI_MAJOR == PROJECT_MAJOR && TUTTI_MINOR == PROJECT_MINOR && TUTTI_PATCH == PROJECT_PATCH);
HOLDS(TUTTI_VERSION_CODE == TUTTI_MAJOR * 10000 + TUTTI_MINOR * 100 + TUTTI_PATCH);

int main(void) {
  const tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
  int version = 0;
  if (config.size != sizeof config || config.version != TUTTI_VERSION_CODE || config.lanes != INT_MIN)
    return 1;
  if (tuttiGetVersion(&version) != tuttiSuccess || version != TUTTI_VERSION_CODE) {
    fprintf(stderr, "the library says %d, the header %d\n", version, TUTTI_VERSION_CODE);
    return 1;
  }
  if (strcmp(tuttiGetErrorString((tuttiResult_t)77), "unknown result code") != 0) return 1;
  return 0;
}
