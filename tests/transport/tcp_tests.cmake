tutti_test(transport_tcp_test SOURCES tcp_address_test.cpp tcp_hello_test.cpp tcp_test.cpp USES transport
  LIBRARIES conformance_ranks)
conformance_test(tcp)
