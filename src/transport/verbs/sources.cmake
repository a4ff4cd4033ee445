list(APPEND sources verbs/address.cpp verbs/completions.cpp verbs/device.cpp verbs/end.cpp verbs/end_failover.cpp
  verbs/end_return.cpp verbs/filter.cpp verbs/flush.cpp
  verbs/gid.cpp verbs/greeting.cpp verbs/handles.cpp verbs/inlet.cpp verbs/inlet_placing.cpp verbs/link.cpp
  verbs/memory.cpp verbs/outlet.cpp verbs/outlet_messages.cpp verbs/outlet_reach.cpp verbs/queue_pair.cpp verbs/registration.cpp verbs/station.cpp
  verbs/status.cpp verbs/table.cpp verbs/verbs.cpp verbs/watcher.cpp)
list(APPEND libraries ${CMAKE_DL_LIBS})
