list(APPEND sources tcp/activity.cpp tcp/address.cpp tcp/dial.cpp tcp/hello.cpp tcp/inlet.cpp tcp/link.cpp
  tcp/listener.cpp tcp/outlet.cpp tcp/slots.cpp tcp/socket.cpp tcp/tcp.cpp)
