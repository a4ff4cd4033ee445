tutti_test(transport_tcp_test SOURCES tcp_address_test.cpp tcp_hello_test.cpp tcp_test.cpp USES transport)
conformance_test(tcp tcp_conformance.cpp)
