#include "core/shard/committer.hpp"

#include "base/await.hpp"
#include "base/log.hpp"

#include <boost/asio/post.hpp>

namespace carillon {

Committer::Committer(boost::asio::any_io_executor executor, Store& store, StorageExecutor& storage)
    : executor_(std::move(executor)), store_(store), storage_(storage) {}

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
    boost::asio::post(executor_, callbacks_.bind([this] { depart(); }));
}

void Committer::depart() {
    scheduled_ = false;
    if (under_way_ || (gathered_.is_empty() && waiting_.empty())) return;
    under_way_ = true;
    departed_ = std::exchange(waiting_, {});
    ++gathering_;
    Batch batch = std::exchange(gathered_, {});
    if (batch.is_empty()) {  // Only callbacks: there is nothing to wait for.
        boost::asio::post(executor_, callbacks_.bind([this] { arrived({}); }));
        return;
    }
    ++commits_;
    storage_.run([done = callbacks_.bind([this](const Result<>& outcome) { arrived(outcome); }),
                  executor = executor_, &store = store_, leaving = std::move(batch)]() mutable {
        auto result = store.commit(leaving);
        leaving = {};  // Freed here, off the shard's thread.
        boost::asio::post(executor,
                          [done = std::move(done), outcome = std::move(result)]() mutable { done(outcome); });
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
