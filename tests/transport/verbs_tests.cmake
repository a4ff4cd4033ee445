conformance_test(verbs verbs_conformance.cpp verbs_double.cpp verbs_fabric.cpp verbs_faults.cpp)
tutti_test(transport_verbs_test
  SOURCES known_memory_test.cpp verbs_memory_test.cpp verbs_rules_test.cpp verbs_test.cpp verbs_failover_test.cpp
    verbs_return_test.cpp verbs_begin_test.cpp verbs_setup_test.cpp verbs_talk.cpp verbs_double.cpp verbs_fabric.cpp verbs_faults.cpp conformance_ranks.cpp
  USES transport)
tutti_test(transport_verbs_faults_test
  SOURCES verbs_faults_test.cpp verbs_talk.cpp verbs_double.cpp verbs_fabric.cpp verbs_faults.cpp conformance_ranks.cpp
  USES transport)
