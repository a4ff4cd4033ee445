/* The C interface: two processes, started by fork and joined by an id that goes through a pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tutti/tutti.h>

#define RANKS 2
#define COUNT 1024

static void check(tuttiResult_t result, tuttiComm_t comm) {
  if (result == tuttiSuccess) return;
  fprintf(stderr, "%s: %s\n", tuttiGetErrorString(result), tuttiGetLastError(comm));
  exit(1); /* the other rank notices, and fails, too */
}

/* Each rank contributes its number plus one; the sum must be 3 everywhere. */
static int work(tuttiUniqueId id, int rank) {
  tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
  tuttiComm_t comm = NULL;
  float values[COUNT];
  int i, wrong = 0;

  config.commName = "example";
  config.timeoutMs = 60000;
  check(tuttiCommInitRankConfig(&comm, RANKS, id, rank, &config), NULL);
  for (i = 0; i < COUNT; ++i) values[i] = (float)(rank + 1);
  check(tuttiAllReduce(values, values, COUNT, tuttiFloat32, tuttiSum, comm, NULL), comm);
  for (i = 0; i < COUNT; ++i) wrong += values[i] != 3.0f;
  check(tuttiCommDestroy(comm), NULL);

  printf("rank %d: every element is %g\n", rank, (double)values[0]);
  return wrong == 0 ? 0 : 1;
}

int main(void) {
  int ends[2], status = 1, failed;
  tuttiUniqueId id;
  pid_t child;

  if (pipe(ends) != 0) return 1;
  child = fork(); /* before anything of tutti is used */
  if (child < 0) return 1;
  if (child == 0) {
    if (read(ends[0], &id, sizeof id) != (ssize_t)sizeof id) return 1;
    return work(id, 1);
  }
  check(tuttiGetUniqueId(&id), NULL);
  if (write(ends[1], &id, sizeof id) != (ssize_t)sizeof id) return 1;
  failed = work(id, 0);
  if (waitpid(child, &status, 0) != child) return 1;
  return failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
