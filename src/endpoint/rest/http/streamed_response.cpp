#include "endpoint/rest/http/streamed_response.hpp"

#include <utility>

namespace carillon::rest {

void StreamedResponse::begin(std::unique_ptr<Channel> channel, const HttpContext& context,
                             BodyFraming framing) {
    self_ = shared_from_this();
    channel_ = std::move(channel);
    context_.emplace(context);
    framing_ = framing;
    channel_->set_handler(*this);
    started();
}

bool StreamedResponse::send_piece(std::string_view body) {
    std::string piece;
    append_piece(piece, body, framing_);
    if (channel_->send(as_bytes(piece))) return true;
    stop();
    channel_->abort(Errc::connection_closed);
    return false;
}

void StreamedResponse::wake_at(TimePoint then, std::function<void()> wake) {
    context_->timers.cancel(timer_);
    timer_ = context_->timers.at(then, [weak = weak_from_this(), wake = std::move(wake)] {
        const auto self = weak.lock();
        if (!self || self->is_over_) return;
        self->timer_ = {};
        wake();
    });
}

void StreamedResponse::finish() {
    if (is_over_) return;
    stop();
    const std::string_view end = end_of_body(framing_);
    if (!end.empty() && !channel_->send(as_bytes(end))) return channel_->abort(Errc::connection_closed);
    channel_->close();
}

void StreamedResponse::cut() {
    if (is_over_) return;
    stop();
    channel_->close();
}

void StreamedResponse::stop() {
    is_over_ = true;
    let_sleep();
    stopped();
}

void StreamedResponse::closed(Errc) {
    stop();
    const auto channel = std::move(channel_);
    const auto self = std::move(self_);  // perhaps the last reference
}

}  // namespace carillon::rest
