// tutti-perf: measures the collectives of tutti and checks their results. Written against the public headers
// only.
#include <algorithm>
#include <array>
#include <numeric>

#include <unistd.h>

#include <tutti/tutti.hpp>

#include "launch.hpp"
#include "measure.hpp"
#include "options.hpp"
#include "report.hpp"

namespace perf {
namespace {

/// The operator on this communicator: a built-in one, or, of mulsum, one made for it.
class RankOperator {
 public:
  RankOperator(const Member& member, Operator op, tuttiDataType_t type) : op_(static_cast<tuttiRedOp_t>(op)) {
    if (op != Operator::mulsum) return;
    alignas(8) std::array<std::byte, 8> scalar{};
    store(scalar.data(), type, mulsum_scalar(member.rank));
    tutti::check(tuttiRedOpCreatePreMulSum(&op_, scalar.data(), type, tuttiScalarHostImmediate, member.comm),
                 member.comm);
    comm_ = member.comm;
  }
  RankOperator(const RankOperator&) = delete;
  RankOperator& operator=(const RankOperator&) = delete;
  ~RankOperator() {
    if (comm_ != nullptr) tuttiRedOpDestroy(op_, comm_);
  }
  [[nodiscard]] tuttiRedOp_t get() const { return op_; }

 private:
  tuttiComm_t comm_ = nullptr;
  tuttiRedOp_t op_;
};

std::vector<Participant> participants(const Member& member) {
  Participant own{.pid = getpid()};
  gethostname(own.host, sizeof own.host - 1);
  std::vector<Participant> all(static_cast<std::size_t>(member.ranks));
  tutti::check(tuttiAllGather(&own, all.data(), sizeof own, tuttiInt8, member.comm, nullptr), member.comm);
  return all;
}

/// Everything that one rank measures, in the same order on all ranks.
class Sweep {
 public:
  Sweep(const Member& member, const Options& options)
      : member_(member), options_(options), bench_(member, options), roots_(roots()) {
    if (member.rank == 0) report_.emplace(options, member.ranks);
    rows_ = options.sizes.size() * options.types.size() * options.operators.size() * roots_.size() *
            static_cast<std::size_t>(options.cycles);
  }

  int run() {
    const std::vector<Participant> all = participants(member_);
    if (report_) report_->head(all);
    for (int cycle = 0; options_.cycles == 0 || cycle < options_.cycles; ++cycle)
      for (tuttiDataType_t type : options_.types)
        for (Operator op : options_.operators) all_sizes(type, op);
    if (report_) report_->foot();
    return right_ ? kExitRight : kExitWrongResults;
  }

 private:
  [[nodiscard]] std::vector<int> roots() const {
    if (options_.root >= member_.ranks)
      throw std::invalid_argument("The root (-r " + std::to_string(options_.root) + ") is outside 0 to " +
                                  std::to_string(member_.ranks - 1) + ".");
    if (options_.root >= 0) return {options_.root};
    std::vector<int> every(static_cast<std::size_t>(member_.ranks));
    std::iota(every.begin(), every.end(), 0);
    return every;
  }

  void all_sizes(tuttiDataType_t type, Operator op) {
    const Collective& collective = *options_.collective;
    const Patterns patterns =
        collective.reduces ? reduced(type, op, member_.ranks) : moved(type, member_.ranks);
    const RankOperator rank_operator(member_, op, type);
    for (std::size_t bytes : options_.sizes)
      for (int root : roots_) {
        const Scene scene{member_.rank, member_.ranks, root, bytes / size_of(type)};
        const Case what{scene, collective.layout(scene), type, rank_operator.get(), patterns};
        one_row(what, collective.reduces ? name_of(op) : "none");
      }
  }

  void one_row(const Case& what, std::string_view op) {
    const Collective& collective = *options_.collective;
    Row row{what.layout.elements * size_of(what.type),
            what.layout.count,
            name_of(what.type),
            op,
            collective.rooted ? what.scene.root : -1,
            {},
            {}};
    if (report_) report_->progress(done_++, rows_, row.bytes);
    row.out_of_place = bench_.out_of_place(what);
    if (collective.in_place) row.in_place = bench_.in_place(what);
    for (const Outcome& outcome : {row.out_of_place, row.in_place.value_or(Outcome{})})
      right_ = right_ && outcome.wrong.value_or(0) == 0 && outcome.out_of_bounds == 0;
    if (report_) report_->row(row);
  }

  const Member& member_;
  const Options& options_;
  Bench bench_;
  std::vector<int> roots_;
  std::optional<Report> report_;
  std::size_t rows_ = 0, done_ = 0;
  bool right_ = true;
};

}  // namespace
}  // namespace perf

int main(int argc, char** argv) {
  int status = 0;
  const auto all = perf::parse(argc, argv, status);
  if (all.empty()) return status;
  return perf::run_ranks(all.front(), [&](const perf::Member& member) {
    int worst = perf::kExitRight;
    for (const perf::Options& options : all) worst = std::max(worst, perf::Sweep(member, options).run());
    return worst;
  });
}
