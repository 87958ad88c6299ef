#include "endpoint/rest/overview_stream.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <utility>

namespace carillon::rest {

Result<std::shared_ptr<OverviewStream>> OverviewStream::open(OverviewSampler& sampler, Count& count) {
    if (count.fetch_add(1) >= count_max) {
        count.fetch_sub(1);
        return fail(Errc::throttling_exception, "Too many look at the hub already.");
    }
    return std::shared_ptr<OverviewStream>(new OverviewStream(sampler, count));
}

OverviewStream::~OverviewStream() {
    count_.fetch_sub(1);
}

void OverviewStream::begin(std::unique_ptr<Channel> channel, const HttpContext& context,
                           BodyFraming framing) {
    self_ = shared_from_this();
    channel_ = std::move(channel);
    context_.emplace(context);
    framing_ = framing;
    channel_->set_handler(*this);
    boost::asio::co_spawn(context_->executor, run(self_), boost::asio::detached);
}

Task<> OverviewStream::run(std::shared_ptr<OverviewStream> self) {
    std::shared_ptr<const std::string> document;
    try {
        document = co_await self->sampler_.document();
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw costs one event.
        log.error("overview failed what={}", problem.what());
    }
    if (self->is_over_) co_return;
    if (document && !self->channel_->is_congested()) self->say(*document);
    if (!self->is_over_) self->sleep();
}

void OverviewStream::say(std::string_view document) {
    std::string event = "event: overview\ndata: ";
    event.append(document).append("\n\n");
    std::string piece;
    append_piece(piece, event, framing_);
    if (channel_->send(as_bytes(piece))) return;
    is_over_ = true;
    channel_->abort(Errc::connection_closed);
}

void OverviewStream::sleep() {
    const auto weak = weak_from_this();
    timer_ = context_->timers.at(context_->clock.now() + OverviewSampler::interval, [weak] {
        const auto self = weak.lock();
        if (!self || self->is_over_) return;
        self->timer_ = {};
        boost::asio::co_spawn(self->context_->executor, run(self), boost::asio::detached);
    });
}

void OverviewStream::ended(Channel&) {
    finish();
}

void OverviewStream::shutting_down(Channel&) {
    finish();
}

void OverviewStream::finish() {
    if (is_over_) return;
    is_over_ = true;
    context_->timers.cancel(timer_);
    const std::string_view end = end_of_body(framing_);
    if (!end.empty() && !channel_->send(as_bytes(end))) return channel_->abort(Errc::connection_closed);
    channel_->close();
}

void OverviewStream::closed(Errc) {
    is_over_ = true;
    context_->timers.cancel(timer_);
    const auto channel = std::move(channel_);
    const auto self = std::move(self_);  // perhaps the last reference
}

}  // namespace carillon::rest
