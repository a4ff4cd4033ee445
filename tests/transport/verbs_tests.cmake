tutti_test_objects(verbs_double SOURCES verbs_double.cpp verbs_fabric.cpp verbs_faults.cpp USES transport)
tutti_test_objects(verbs_talk SOURCES verbs_talk.cpp USES transport)
conformance_test(verbs verbs_double)
tutti_test(transport_verbs_test
  SOURCES known_memory_test.cpp verbs_memory_test.cpp verbs_rules_test.cpp verbs_test.cpp verbs_failover_test.cpp
    verbs_return_test.cpp verbs_begin_test.cpp verbs_setup_test.cpp
  USES transport LIBRARIES verbs_talk verbs_double conformance_ranks PROPERTIES COST 90)
tutti_test(transport_verbs_faults_test SOURCES verbs_faults_test.cpp verbs_flush_test.cpp
  USES transport LIBRARIES verbs_talk verbs_double conformance_ranks)
