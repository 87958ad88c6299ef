#include "server/process/usable_cores.hpp"

#include <sched.h>
#include <algorithm>
#include <thread>

namespace carillon {

unsigned usable_cores() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    if (::sched_getaffinity(0, sizeof usable, &usable) != 0) {
        return std::max(1U, std::thread::hardware_concurrency());
    }
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&usable)));
}

}  // namespace carillon
