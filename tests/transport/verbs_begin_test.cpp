// A rail that is no good before a connection's first use: the connection begins on the other one, and takes
// it in once it is good.
#include <cerrno>
#include <map>

#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/verbs_talk.hpp"

namespace tutti::verbs_double {
namespace {

using ::testing::HasSubstr;

enum class Fault { create_cq, create_qp, init, post_recv, rtr, rts, reg_mr, port };

/// What fails, on which devices of which ranks.
struct Plan {
  Fault fault = Fault::create_qp;
  std::string device;  // empty: all
  int rank = -1;       // -1: both
  bool on = false;
};
Plan plan;
std::map<const ibv_context*, int> ranks;  // whose it is: the first rank opens its devices first
std::map<const ibv_context*, int> surveyed;
std::map<std::string, int> opened;
std::map<std::string, std::map<int, int>> connected;  // by device and rank

bool fails(const ibv_context* context, Fault fault) {
  return plan.on && plan.fault == fault && (plan.device.empty() || plan.device == context->device->name) &&
         (plan.rank < 0 || plan.rank == ranks[context]);
}

template <typename Result>
Result refused(int error) {
  errno = error;
  return Result{};
}

ibv_context* open_device(ibv_device* device) {
  ibv_context* const made = table().open_device(device);
  ranks[made] = opened[device->name]++;
  surveyed[made] = 0;
  return made;
}
ibv_cq* create_cq(ibv_context* context, int entries, void* owner, ibv_comp_channel* channel, int vector) {
  if (fails(context, Fault::create_cq)) return refused<ibv_cq*>(ENOMEM);
  return table().create_cq(context, entries, owner, channel, vector);
}
ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* wanted) {
  if (fails(domain->context, Fault::create_qp)) return refused<ibv_qp*>(ENOMEM);
  return table().create_qp(domain, wanted);
}
int modify_qp(ibv_qp* pair, ibv_qp_attr* attributes, int mask) {
  const auto is = [&](ibv_qp_state state, Fault fault) {
    return attributes->qp_state == state && fails(pair->context, fault);
  };
  if (is(IBV_QPS_INIT, Fault::init) || is(IBV_QPS_RTR, Fault::rtr) || is(IBV_QPS_RTS, Fault::rts))
    return ETIMEDOUT;
  if (attributes->qp_state == IBV_QPS_RTS) ++connected[pair->context->device->name][ranks[pair->context]];
  return table().modify_qp(pair, attributes, mask);
}
int post_recv(ibv_qp* pair, ibv_recv_wr* requests, ibv_recv_wr** bad) {
  if (!fails(pair->context, Fault::post_recv)) return table().post_recv(pair, requests, bad);
  *bad = requests;
  return ENOMEM;
}
ibv_mr* reg_mr(ibv_pd* domain, void* data, std::size_t bytes, int access) {
  if (fails(domain->context, Fault::reg_mr)) return refused<ibv_mr*>(ENOMEM);
  return table().reg_mr(domain, data, bytes, access);
}
ibv_mr* reg_mr_iova2(ibv_pd* domain, void* data, std::size_t bytes, std::uint64_t address, unsigned access) {
  if (fails(domain->context, Fault::reg_mr)) return refused<ibv_mr*>(ENOMEM);
  return table().reg_mr_iova2(domain, data, bytes, address, access);
}
int query_port(ibv_context* context, std::uint8_t number, ibv_port_attr* port) {
  const int result = table().query_port(context, number, port);
  // When a transport opens the device it finds its port good.
  if (surveyed[context]++ > 0 && fails(context, Fault::port)) port->state = IBV_PORT_DOWN;
  return result;
}

class VerbsBegin : public ::testing::TestWithParam<std::tuple<Fault, int, int>> {
 protected:
  VerbsBegin() {
    set_log_level(LogLevel::off);
    reset({.devices = 2});
    ranks.clear();
    opened.clear();
    functions_ = table();
    functions_.open_device = open_device;
    functions_.create_cq = create_cq;
    functions_.create_qp = create_qp;
    functions_.modify_qp = modify_qp;
    functions_.post_recv = post_recv;
    functions_.reg_mr = reg_mr;
    functions_.reg_mr_iova2 = reg_mr_iova2;
    functions_.query_port = query_port;
  }
  ~VerbsBegin() override {
    set_log_level(LogLevel::warn);
    plan = {};
    EXPECT_EQ(living(), 0u) << "verbs objects leaked";
  }
  verbs::Table functions_;
};

TEST_P(VerbsBegin, on_the_other_rail) {
  const auto [fault, device, rank] = GetParam();
  const std::string name = "soft" + std::to_string(device);
  for (const int queue_pairs : {1, 2, 3}) {
    SCOPED_TRACE(queue_pairs);
    opened.clear();
    connected.clear();
    plan = {fault, name, rank, true};
    const PairOptions options{.zero_copy = true, .queue_pairs = queue_pairs};
    Pair pair(options, functions_);
    talk_through_the_ring(pair);
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_FALSE(connected["soft" + std::to_string(1 - device)].empty());
    connected.clear();
    plan.on = false;
    if (fault != Fault::reg_mr) {
      // Only the ranks that it failed: the other may have been connected before.
      ASSERT_TRUE(pair.until([&, failed = rank] {
        return failed < 0 ? connected[name].size() == 2 : connected[name].contains(failed);
      })) << "the rail is not taken in";
    }
    talk(pair, options);
    if (fault == Fault::reg_mr) {
      EXPECT_TRUE(connected[name].empty()) << "without its memory";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, VerbsBegin,
                         ::testing::Combine(::testing::Values(Fault::create_cq, Fault::create_qp, Fault::init,
                                                              Fault::post_recv, Fault::rtr, Fault::rts,
                                                              Fault::reg_mr, Fault::port),
                                            ::testing::Values(0, 1), ::testing::Values(0, 1, -1)));

using VerbsBeginFails = VerbsBegin;

TEST_F(VerbsBeginFails, and_names_every_rail) {
  for (const Fault fault : {Fault::create_cq, Fault::create_qp, Fault::init, Fault::post_recv, Fault::rtr,
                            Fault::rts, Fault::reg_mr})
    for (const int rank : {0, 1, -1}) {
      SCOPED_TRACE(fmt::format("fault {}, rank {}", static_cast<int>(fault), rank));
      opened.clear();
      plan = {fault, "", rank, true};
      try {
        Pair pair({}, functions_);
        talk_through_the_ring(pair);
        FAIL() << "it began";
      } catch (const Error& error) {
        for (const char* part : {"soft0", "soft1", fault == Fault::rtr ? "RTR" : "ibv_"})
          EXPECT_THAT(error.what(), HasSubstr(part));
      }
    }
}

}  // namespace
}  // namespace tutti::verbs_double
