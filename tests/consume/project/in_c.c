/* A C99 program that sees only the installed headers: one rank, one all-reduce. */
#include <stdio.h>

#include <tutti/tutti.h>

int main(void) {
  tuttiComm_t comm = NULL;
  float in[3] = {1, 2, 3}, out[3] = {0, 0, 0};
  tuttiResult_t result = tuttiCommInitAll(&comm, 1, NULL);
  if (result == tuttiSuccess) result = tuttiAllReduce(in, out, 3, tuttiFloat32, tuttiSum, comm, NULL);
  if (result != tuttiSuccess) {
    fprintf(stderr, "%s: %s\n", tuttiGetErrorString(result), tuttiGetLastError(comm));
    return 1;
  }
  tuttiCommDestroy(comm);
  return out[0] == 1 && out[1] == 2 && out[2] == 3 ? 0 : 1;
}
