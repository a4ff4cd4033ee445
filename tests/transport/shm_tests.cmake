conformance_test(shm)
tutti_test(transport_shm_test SOURCES shm_test.cpp shm_greeting_test.cpp shm_lending_test.cpp
  USES transport LIBRARIES conformance_ranks)
