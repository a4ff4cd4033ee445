list(APPEND sources
  shm/bell.cpp shm/greeting.cpp shm/inlet.cpp shm/outlet.cpp shm/segment.cpp shm/shm.cpp shm/socket.cpp shm/station.cpp)
