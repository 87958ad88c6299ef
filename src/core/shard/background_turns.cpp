#include "core/shard/background_turns.hpp"

#include <boost/asio/post.hpp>

namespace carillon {

void BackgroundTurns::wake(BackgroundWork& work) {
    if (work.is_queued_ || is_stopped_) return;
    work.is_queued_ = true;
    waiting_.push_back(work.shared_from_this());
    schedule();
}

void BackgroundTurns::stop() {
    is_stopped_ = true;
    waiting_.clear();
}

void BackgroundTurns::schedule() {
    if (is_scheduled_ || waiting_.empty()) return;
    is_scheduled_ = true;
    boost::asio::post(executor_, callbacks_.bind([this] { turn(); }));
}

void BackgroundTurns::turn() {
    is_scheduled_ = false;
    if (waiting_.empty()) return;
    const auto work = std::move(waiting_.front());
    waiting_.pop_front();
    work->is_queued_ = false;
    if (work->step()) wake(*work);
    schedule();
}

}  // namespace carillon
