tutti_test(transport_loop_test SOURCES loop_test.cpp USES transport)
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/conformance_processes.cpp)
  conformance_test(loop loop_conformance.cpp)
endif()
