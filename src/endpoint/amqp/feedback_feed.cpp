#include "endpoint/amqp/feedback_feed.hpp"

#include "core/hub/hub.hpp"
#include "core/messages/messages.hpp"
#include "endpoint/amqp/cloud_message_format.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/link_failure.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace carillon::amqp {

FeedbackFeed::FeedbackFeed(HubConnection& connection, LinkId link)
    : connection_(connection.shared_from_this()),
      feedback_(connection.hub().messages().feedback()),
      thread_(connection.endpoint().threads().of_shard(connection.hub().shards().first().number())),
      link_(link),
      hub_name_(
          connection.hub().host_names().front().substr(0, connection.hub().host_names().front().find('.'))) {}

template <class F>
void FeedbackFeed::there(F function) {
    thread_.post([self = shared_from_this(), function = std::move(function)]() mutable { function(*self); });
}

void FeedbackFeed::start() {
    there([](FeedbackFeed& self) {
        self.watcher_ = self.feedback_.watch([weak = self.weak_from_this()] {
            if (const auto known = weak.lock()) known->ask();
        });
    });
}

void FeedbackFeed::leave() {
    there([](FeedbackFeed& self) {
        self.has_left_ = true;
        self.feedback_.unwatch(self.watcher_);
    });
}

void FeedbackFeed::set_room(std::uint32_t credit, std::uint64_t seen) {
    there([credit, seen](FeedbackFeed& self) {
        self.credit_ = credit;
        self.seen_ = seen;
        self.ask();
    });
}

void FeedbackFeed::ask() {
    is_told_ = true;
    if (is_asking_ || has_left_ || sent_ - seen_ >= credit_) return;
    is_asking_ = true;
    is_told_ = false;
    boost::asio::co_spawn(thread_.executor(), feedback_.receive(CloudMessageLimits::lock_time),
                          [self = shared_from_this()](const std::exception_ptr& error,
                                                      Result<std::optional<FeedbackBatch>> batch) {
                              if (error) std::rethrow_exception(error);
                              self->received(std::move(batch));
                          });
}

void FeedbackFeed::received(Result<std::optional<FeedbackBatch>> batch) {
    is_asking_ = false;
    if (!batch || !*batch) {
        if (is_told_) ask();
        return;
    }
    ++sent_;
    connection_->post([self = shared_from_this(), lock = (**batch).lock,
                       message = format_feedback(**batch, hub_name_)](HubConnection& connection) {
        if (connection.handler(self->link_) != nullptr) deliver(connection, self->link_, lock, message);
    });
    ask();
}

void FeedbackFeed::settle(const LockToken& lock, Settlement how, const Disposal& disposal) {
    there([lock, how,
           disposal = Disposal{.link = disposal.link,
                               .id = disposal.id,
                               .cookie = 0,
                               .state = {},
                               .settled = disposal.settled}](FeedbackFeed& self) {
        boost::asio::co_spawn(self.thread_.executor(), self.feedback_.settle(lock, how),
                              [self = self.shared_from_this(), disposal](const std::exception_ptr& error,
                                                                         const Result<>& result) {
                                  if (error) std::rethrow_exception(error);
                                  self->connection_->post([disposal, result](HubConnection& connection) {
                                      answer_disposal(connection, disposal, result);
                                  });
                              });
    });
}

Settlement settlement_of(const DeliveryState& state) {
    if (state.outcome == Outcome::accepted) return Settlement::complete;
    if (state.outcome == Outcome::rejected) return Settlement::reject;
    return Settlement::abandon;
}

void answer_disposal(HubConnection& connection, const Disposal& disposal, const Result<>& result) {
    if (disposal.settled) return;
    DeliveryState state;
    state.outcome = result ? Outcome::accepted : Outcome::rejected;
    if (result) return connection.wire().settle(disposal, state);
    const LinkFailure failure(result.error(), connection.wall_now(), connection.random());
    state.condition = failure.condition();
    connection.wire().settle(disposal, state);
}

}  // namespace carillon::amqp
