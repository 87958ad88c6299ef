#pragma once

#include <atomic>
#include <cstddef>

namespace carillon::amqp {

/// Counts what is on its way from a device's shard to the connection that carries it, so that a connection
/// whose thread is busy makes the hub hold no more than this for each device. Any thread.
class MailRoom {
public:
    static constexpr std::size_t bytes_max = 256 * 1024;
    /// What each takes besides its texts.
    static constexpr std::size_t overhead_bytes = 256;

    /// False if there is no room for texts of `bytes`. One thread at a time.
    bool take(std::size_t bytes) {
        const std::size_t added = bytes + overhead_bytes;
        if (bytes_.load(std::memory_order_relaxed) + added > bytes_max) return false;
        bytes_.fetch_add(added, std::memory_order_relaxed);
        return true;
    }
    /// They have arrived.
    void give_back(std::size_t bytes) { bytes_.fetch_sub(bytes + overhead_bytes, std::memory_order_relaxed); }
    bool is_half_full() const { return bytes_.load(std::memory_order_relaxed) > bytes_max / 2; }

private:
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace carillon::amqp
