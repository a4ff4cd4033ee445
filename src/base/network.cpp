#include "base/network.hpp"
