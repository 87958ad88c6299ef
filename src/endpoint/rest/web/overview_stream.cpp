#include "endpoint/rest/web/overview_stream.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <utility>

namespace carillon::rest {

Result<std::shared_ptr<OverviewStream>> OverviewStream::open(OverviewSampler& sampler, Count& count) {
    if (count.fetch_add(1) >= count_max) {
        count.fetch_sub(1);
        return fail(Errc::throttling_exception, "Too many clients watch the hub already.");
    }
    return std::shared_ptr<OverviewStream>(new OverviewStream(sampler, count));
}

OverviewStream::~OverviewStream() {
    count_.fetch_sub(1);
}

void OverviewStream::started() {
    boost::asio::co_spawn(context().executor, run(self<OverviewStream>()), boost::asio::detached);
}

Task<> OverviewStream::run(std::shared_ptr<OverviewStream> self) {
    std::shared_ptr<const std::string> document;
    try {
        document = co_await self->sampler_.document();
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw costs one event.
        log.error("overview failed what={}", problem.what());
    }
    if (self->is_over()) co_return;
    if (document && !self->channel().is_congested()) self->say(*document);
    if (self->is_over()) co_return;
    self->wake_at(self->context().clock.now() + OverviewSampler::interval,
                  [stream = self.get()] { stream->started(); });
}

void OverviewStream::say(std::string_view document) {
    std::string event = "event: overview\ndata: ";
    event.append(document).append("\n\n");
    send_piece(event);
}

}  // namespace carillon::rest
