#include "endpoint/rest/job_event_stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace carillon::rest {

void JobEventStream::begin(std::unique_ptr<Channel> channel, const HttpContext& context,
                           BodyFraming framing) {
    self_ = shared_from_this();
    channel_ = std::move(channel);
    context_.emplace(context);
    framing_ = framing;
    feed_.emplace(after_, context.clock.now());
    channel_->set_handler(*this);
    pump();
}

void JobEventStream::ended(Channel&) {
    // Whoever closes its side of a stream without an end has left.
    finish();
}

void JobEventStream::shutting_down(Channel&) {
    // A whole body without an `end` event: the client comes again with its token.
    finish();
}

void JobEventStream::closed(Errc) {
    is_over_ = true;
    context_->timers.cancel(timer_);
    watcher_.reset();
    const auto channel = std::move(channel_);
    const auto self = std::move(self_);  // perhaps the last reference
}

void JobEventStream::pump() {
    while (!is_over_ && !channel_->is_congested()) {
        const auto now = context_->clock.now();
        const auto body = feed_->next(watcher_->look(now, context_->clock.wall_now()), now);
        if (!body.empty()) send(body);
        if (is_over_) return;
        if (feed_->is_over()) return finish();
        if (sleep(now)) return;
    }
}

/// False if there is news already.
bool JobEventStream::sleep(TimePoint now) {
    context_->timers.cancel(timer_);
    const auto weak = weak_from_this();
    timer_ = context_->timers.at(feed_->deadline(now), [weak] {
        const auto self = weak.lock();
        if (!self) return;
        self->timer_ = {};
        self->pump();
    });
    if (!feed_->is_open_to_news(now)) return true;
    return watcher_->wake_at_change(feed_->seen(), [weak, executor = context_->executor] {
        boost::asio::post(executor, [weak] {
            if (const auto self = weak.lock()) self->pump();
        });
    });
}

void JobEventStream::finish() {
    if (is_over_) return;
    const std::string_view end = end_of_body(framing_);
    if (!end.empty() && !channel_->send(as_bytes(end))) return channel_->abort(Errc::connection_closed);
    is_over_ = true;
    context_->timers.cancel(timer_);
    watcher_.reset();
    channel_->close();
}

void JobEventStream::send(std::string_view body) {
    std::string piece;
    append_piece(piece, body, framing_);
    if (channel_->send(as_bytes(piece))) return;
    is_over_ = true;
    channel_->abort(Errc::connection_closed);
}

}  // namespace carillon::rest
