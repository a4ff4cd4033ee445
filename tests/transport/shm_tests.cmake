conformance_test(shm shm_conformance.cpp)
