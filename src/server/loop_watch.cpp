#include "server/loop_watch.hpp"

#include "net/io_thread.hpp"

namespace carillon {

bool LoopWatch::all_turn() {
    if (*late_ != 0) return false;
    *late_ = threads_.size();
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        threads_[i].post([late = late_] { --*late; });
    }
    return true;
}

}  // namespace carillon
