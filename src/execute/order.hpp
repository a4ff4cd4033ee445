// The order of messages on each connection: a wavefront that both ends compute alike.
#pragma once

#include <vector>

#include "execute/plan.hpp"

namespace tutti {

/// Fills plan.queues and the steps' queue numbers. `rounds`: per step. See Parameters::lag.
void arrange_queues(Plan& plan, const std::vector<int>& rounds, int lag);

}  // namespace tutti
