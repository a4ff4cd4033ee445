list(APPEND sources
  shm/bell.cpp shm/direct.cpp shm/explain.cpp shm/fence.cpp shm/greeting.cpp shm/inlet.cpp shm/lending.cpp shm/memory.cpp
  shm/neighbours.cpp shm/outlet.cpp shm/segment.cpp shm/shm.cpp shm/sleeper.cpp shm/socket.cpp)
