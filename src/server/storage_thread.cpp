#include "server/storage_thread.hpp"

#include <pthread.h>
#include <string>

namespace carillon {

StorageThread::StorageThread(std::uint32_t number, std::size_t threads) {
    const std::string name = "carillon-st-" + std::to_string(number);
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { loop(); });
        ::pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
    }
}

StorageThread::~StorageThread() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void StorageThread::run(UniqueFunction<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(work));
    }
    changed_.notify_one();
}

void StorageThread::loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ends_ || !queue_.empty(); });
        if (queue_.empty()) return;
        UniqueFunction<void()> work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        work = {};  // Whatever it holds is let go of here, not under the lock.
        lock.lock();
    }
}

}  // namespace carillon
