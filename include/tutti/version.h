/* The version of these headers. The library's own: tuttiGetVersion(). */
#ifndef TUTTI_VERSION_H
#define TUTTI_VERSION_H

#define TUTTI_MAJOR 0
#define TUTTI_MINOR 1
#define TUTTI_PATCH 0

/* TUTTI_VERSION(0, 1, 0) == 100: comparable with TUTTI_VERSION_CODE and with what tuttiGetVersion() gives. */
#define TUTTI_VERSION(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#define TUTTI_VERSION_CODE TUTTI_VERSION(TUTTI_MAJOR, TUTTI_MINOR, TUTTI_PATCH)

#endif
