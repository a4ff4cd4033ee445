list(APPEND sources loop/connection.cpp loop/endpoints.cpp loop/loop.cpp loop/wire.cpp)
