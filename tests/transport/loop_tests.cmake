tutti_test(transport_loop_test SOURCES loop_test.cpp USES transport)
conformance_test(loop)
