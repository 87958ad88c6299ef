#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace carillon {

class IoThreads;

/// Whether every event loop still turns. One thread, which is none of them; the loops run meanwhile.
class LoopWatch {
public:
    explicit LoopWatch(IoThreads& threads) : threads_(threads) {}
    /// True if each loop has come to what the last call asked of it; then asks again.
    bool all_turn();

private:
    IoThreads& threads_;
    /// Loops that have not come to it. Shared with what is posted, which may outlive this.
    std::shared_ptr<std::atomic<std::size_t>> late_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace carillon
