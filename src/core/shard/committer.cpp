#include "core/shard/committer.hpp"

#include "base/await.hpp"
#include "base/log.hpp"

#include <boost/asio/post.hpp>

namespace carillon {

Committer::Committer(boost::asio::any_io_executor executor, Store& store, StorageExecutor& storage)
    : executor_(std::move(executor)), store_(store), storage_(storage) {}

Committer::~Committer() {
    *alive_ = false;
}

Batch& Committer::batch() {
    schedule();
    return gathered_;
}

void Committer::on_durable(UniqueFunction<void(Result<>)> done) {
    // A batch on its way with nothing gathered behind it holds everything added so far.
    if (under_way_ && gathered_.is_empty() && waiting_.empty()) {
        departed_.push_back(std::move(done));
        return;
    }
    waiting_.push_back(std::move(done));
    schedule();
}

Task<Result<>> Committer::durable() {
    auto start = [this](UniqueFunction<void(Result<>)> done) { on_durable(std::move(done)); };
    co_return co_await from_callback<Result<>>(start);
}

void Committer::schedule() {
    if (under_way_ || scheduled_) return;
    scheduled_ = true;
    boost::asio::post(executor_, [this, alive = alive_] {
        if (*alive) depart();
    });
}

void Committer::depart() {
    scheduled_ = false;
    if (under_way_ || (gathered_.is_empty() && waiting_.empty())) return;
    under_way_ = true;
    departed_ = std::exchange(waiting_, {});
    ++gathering_;
    Batch batch = std::exchange(gathered_, {});
    if (batch.is_empty()) {  // Only callbacks: there is nothing to wait for.
        boost::asio::post(executor_, [this, alive = alive_] {
            if (*alive) arrived({});
        });
        return;
    }
    ++commits_;
    storage_.run([this, alive = alive_, executor = executor_, &store = store_,
                  leaving = std::move(batch)]() mutable {
        auto result = store.commit(leaving);
        leaving = {};  // Freed here, off the shard's thread.
        boost::asio::post(executor, [this, alive = std::move(alive), outcome = std::move(result)]() mutable {
            if (*alive) arrived(outcome);
        });
    });
}

void Committer::arrived(const Result<>& result) {
    under_way_ = false;
    auto callbacks = std::exchange(departed_, {});
    if (result) {
        if (settler_) settler_(gathering_ - 1, true);
    } else {
        log.error("commit failed reason={}", result.error().detail);
        // What was gathered meanwhile builds on what just failed.
        for (auto& callback : waiting_) callbacks.push_back(std::move(callback));
        waiting_.clear();
        gathered_ = {};
        ++gathering_;
        if (settler_) {
            settler_(gathering_ - 2, false);
            settler_(gathering_ - 1, false);
        }
    }
    for (auto& callback : callbacks) callback(result);
    if (!gathered_.is_empty() || !waiting_.empty()) schedule();
}

}  // namespace carillon
