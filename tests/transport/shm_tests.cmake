conformance_test(shm shm_conformance.cpp)
tutti_test(transport_shm_test
  SOURCES shm_test.cpp shm_greeting_test.cpp shm_lending_test.cpp conformance_ranks.cpp conformance_processes.cpp
  USES transport)
