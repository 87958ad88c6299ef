#include "endpoint/rest/jobs/job_event_stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace carillon::rest {

void JobEventStream::started() {
    feed_.emplace(after_, context().clock.now());
    pump();
}

void JobEventStream::pump() {
    while (!is_over() && !channel().is_congested()) {
        const auto now = context().clock.now();
        feed_->share_with(watcher_->count());
        const auto body = feed_->next(watcher_->look(now, context().clock.wall_now()), now);
        if (!body.empty() && !send_piece(body)) return;
        if (feed_->is_over()) return finish();
        if (sleep(now)) return;
    }
}

/// False if there is news already.
bool JobEventStream::sleep(TimePoint now) {
    wake_at(feed_->deadline(now), [this] { pump(); });
    if (!feed_->is_open_to_news(now)) return true;
    const std::weak_ptr<JobEventStream> weak = self<JobEventStream>();
    return watcher_->wake_at_change(feed_->seen(), [weak, executor = context().executor] {
        boost::asio::post(executor, [weak] {
            if (const auto self = weak.lock()) self->pump();
        });
    });
}

}  // namespace carillon::rest
