// One TCP connection between two ranks, driven without sleeping: what a collective over TCP can at best be
// made of.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ranks.hpp"

namespace peers {

class TcpExchange {
 public:
  // Collective. Rank 0 listens at the address (IPv4), at a port that it tells through the shared mapping.
  TcpExchange(const std::string& address, Ranks& ranks) : rank_(ranks.rank()) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    if (inet_pton(AF_INET, address.c_str(), &at.sin_addr) != 1)
      throw std::runtime_error("no address: " + address);
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (rank_ == 0) {
      socklen_t length = sizeof at;
      must(bind(socket_, reinterpret_cast<sockaddr*>(&at), length), "bind");
      must(listen(socket_, 1), "listen");
      must(getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &length), "getsockname");
      std::memcpy(ranks.blob(), &at.sin_port, sizeof at.sin_port);
    }
    ranks.barrier();
    if (rank_ == 0) {
      const int listener = socket_;
      socket_ = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      close(listener);
      must(socket_, "accept");
    } else {
      std::memcpy(&at.sin_port, ranks.blob(), sizeof at.sin_port);
      must(connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at), "connect");
    }
    const int yes = 1;
    must(setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "TCP_NODELAY");
    must(fcntl(socket_, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
  }
  TcpExchange(const TcpExchange&) = delete;
  TcpExchange& operator=(const TcpExchange&) = delete;
  ~TcpExchange() { close(socket_); }

  // Both ranks send and receive so much at the same time.
  void exchange(const char* out, char* in, size_t bytes) {
    size_t sent = 0, received = 0;
    while (sent < bytes || received < bytes) {
      if (sent < bytes) sent += moved(send(socket_, out + sent, part(bytes - sent), MSG_NOSIGNAL));
      if (received < bytes) received += moved(recv(socket_, in + received, part(bytes - received), 0));
    }
  }

  // Rank `from` sends, the other receives.
  void one_way(const char* out, char* in, size_t bytes, int from = 0) {
    for (size_t done = 0; done < bytes;)
      done += rank_ == from ? moved(send(socket_, out + done, bytes - done, MSG_NOSIGNAL))
                            : moved(recv(socket_, in + done, bytes - done, 0));
  }

  // Rank 0 sends, then receives; rank 1 the other way round.
  void ping(char* memory, size_t bytes) {
    for (const int from : {0, 1}) one_way(memory, memory, bytes, from);
  }

 private:
  static constexpr size_t kPart = 256 << 10;  // a call does not keep the other direction waiting for longer
  static size_t part(size_t bytes) { return std::min(bytes, kPart); }

  static size_t moved(ssize_t result) {
    if (result > 0) return static_cast<size_t>(result);
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    throw std::runtime_error("the connection broke");
  }
  static void must(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }

  int rank_;
  int socket_ = -1;
};

}  // namespace peers
