#include "endpoint/rest/http_connection.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <exception>

namespace carillon::rest {

void HttpConnection::serve(std::unique_ptr<Channel> channel, std::unique_ptr<HttpHandler> handler,
                           const Context& context) {
    Channel& stream = *channel;
    std::shared_ptr<HttpConnection> self(new HttpConnection(std::move(channel), std::move(handler), context));
    self->self_ = self;
    stream.set_handler(*self);
    self->watch_clock();
}

HttpConnection::HttpConnection(std::unique_ptr<Channel> channel, std::unique_ptr<HttpHandler> handler,
                               const Context& context)
    : channel_(std::move(channel)),
      handler_(std::move(handler)),
      context_(context),
      since_(context.clock.now()) {}

void HttpConnection::received(Bytes bytes) {
    if (is_over_ || is_ending_) return;
    if (parser_.is_idle() && input_.empty()) since_ = context_.clock.now();
    input_.append(as_text(bytes));
    advance();
    if (!is_over_ && is_running_ && input_.size() - used_ > HttpLimits::waiting_bytes_max && !is_paused_) {
        is_paused_ = true;
        channel_->pause_reading();
    }
}

void HttpConnection::ended(Channel& channel) {
    has_ended_ = true;
    if (is_over_ || is_running_) return;
    is_over_ = true;
    channel.close();
}

void HttpConnection::shutting_down(Channel& channel) {
    is_ending_ = true;
    ended(channel);
}

void HttpConnection::closed(Errc) {
    is_over_ = true;
    context_.timers.cancel(timer_);
    const auto channel = std::move(channel_);
    const auto self = std::move(self_);  // perhaps the last reference; a running request holds another
}

void HttpConnection::advance() {
    const auto has_work = [this] {
        return used_ < input_.size() || parser_.state() == HttpParser::State::complete ||
               parser_.state() == HttpParser::State::failed;
    };
    while (!is_over_ && !is_running_ && has_work()) {
        used_ += parser_.read(as_bytes(std::string_view(input_).substr(used_)));
        switch (parser_.state()) {
            case HttpParser::State::failed: {
                HttpResponse response = handler_->refuse(parser_.failure(), parser_.failure_text());
                response.closes = true;
                return respond(std::move(response));
            }
            case HttpParser::State::head:
                return compact();
            case HttpParser::State::body: {
                if (is_admitted_) return compact();
                take_head();
                break;
            }
            case HttpParser::State::complete: {
                if (!is_admitted_) take_head();
                if (!is_over_) run_request();
                break;
            }
        }
    }
    compact();
}

void HttpConnection::take_head() {
    const HttpRequest& request = parser_.request();
    HttpHandler::Admission admission = handler_->admit(request);
    is_admitted_ = true;
    if (admission.is_authenticated) channel_->authenticated();
    if (admission.refusal) {
        refusal_ = std::move(admission.refusal);
        // A client that waits for `100 Continue` sends no body now; a long one is not worth reading.
        const bool is_short = !request.is_chunked && !request.expects_continue &&
                              request.content_length.value_or(0) <= HttpLimits::body_bytes_drained_max;
        if (!is_short) {
            refusal_->closes = true;
            return respond(*std::exchange(refusal_, std::nullopt));
        }
        return parser_.set_body_max(HttpLimits::body_bytes_drained_max);
    }
    parser_.set_body_max(admission.body_bytes_max);
    if (parser_.state() == HttpParser::State::body && request.expects_continue) {
        send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

void HttpConnection::run_request() {
    is_running_ = true;
    const HttpRequest& request = parser_.request();
    if (refusal_) return respond(*std::exchange(refusal_, std::nullopt));
    auto self = shared_from_this();
    if (handler_->is_upgrade(request)) {
        channel_->pause_reading();
        return boost::asio::co_spawn(context_.executor, take_over(std::move(self)), boost::asio::detached);
    }
    boost::asio::co_spawn(context_.executor, run(std::move(self)), boost::asio::detached);
}

Task<> HttpConnection::run(std::shared_ptr<HttpConnection> self) {
    std::optional<HttpResponse> response;
    try {
        response = co_await self->handler_->answer(self->parser_.request());
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw ends this request only.
        log.error("request failed what={}", problem.what());
    }
    if (!response)
        response = self->handler_->refuse(Errc::server_error, "The request could not be carried out.");
    if (self->is_over_) co_return;
    if (response->stream) {
        auto streaming = hand_over(self, *std::move(response));
        co_return co_await std::move(streaming);
    }
    self->respond(*std::move(response));
    self->advance();
    if (self->is_over_ || self->is_running_) co_return;
    if (self->has_ended_) {
        self->is_over_ = true;
        self->channel_->close();
    } else if (self->is_paused_) {
        self->is_paused_ = false;
        self->channel_->resume_reading();
    }
}

Task<> HttpConnection::take_over(std::shared_ptr<HttpConnection> self) {
    // A turn of its own, as the channel must not change hands within its callback.
    co_await boost::asio::post(self->context_.executor, boost::asio::use_awaitable);
    if (self->is_over_) co_return;
    self->is_over_ = true;
    self->context_.timers.cancel(self->timer_);
    std::string surplus = self->input_.substr(self->used_);
    self->channel_->resume_reading();
    self->handler_->upgrade(std::move(self->channel_), self->parser_.request(), std::move(surplus));
    self->self_.reset();
}

/// The stream's connection serves no other request: what is pipelined behind it is not read.
Task<> HttpConnection::hand_over(std::shared_ptr<HttpConnection> self, HttpResponse response) {
    // A turn of its own, as the channel must not change hands within its callback.
    co_await boost::asio::post(self->context_.executor, boost::asio::use_awaitable);
    if (self->is_over_) co_return;
    const BodyFraming framing =
        self->parser_.request().is_http_1_0 ? BodyFraming::until_close : BodyFraming::chunked;
    std::string head;
    append_stream_head(head, response, self->date(), framing);
    if (self->is_ending_) head += end_of_body(framing);
    self->send(head);
    if (self->is_over_) co_return;
    self->is_over_ = true;
    self->context_.timers.cancel(self->timer_);
    if (self->is_ending_) co_return self->channel_->close();
    self->channel_->resume_reading();
    response.stream->begin(std::move(self->channel_), self->context_, framing);
    self->self_.reset();
}

const std::string& HttpConnection::date() {
    const std::int64_t now_s = context_.clock.wall_now().unix_s();
    if (now_s != date_s_) {
        date_s_ = now_s;
        date_ = http_date(now_s);
    }
    return date_;
}

void HttpConnection::respond(HttpResponse response) {
    const HttpRequest& request = parser_.request();
    if (!request.keeps_alive || is_ending_) response.closes = true;
    // The 2016 client counts characters, not bytes: the end of its body stands here, and what a
    // next request would be is lost (azure-iothub 2.0.0-dtpreview: rest_api_client.js).
    if (used_ < input_.size() && !HttpParser::may_begin(input_[used_])) response.closes = true;
    std::string bytes;
    append_response(bytes, response, date(), request.method == "HEAD");
    const bool closes = response.closes;
    is_running_ = false;
    is_admitted_ = false;
    send(bytes);
    if (is_over_) return;
    if (closes) {
        is_over_ = true;
        return channel_->close();
    }
    parser_.reset();
    since_ = context_.clock.now();
}

void HttpConnection::send(std::string_view bytes) {
    if (is_over_ || channel_->send(as_bytes(bytes))) return;
    // The peer asks and does not read: its answers have filled the channel's limit.
    is_over_ = true;
    channel_->abort(Errc::connection_closed);
}

void HttpConnection::compact() {
    if (used_ == input_.size()) {
        used_ = 0;
        // Idle connections hold no buffers.
        if (input_.capacity() > 4096) {
            input_ = std::string();
        } else {
            input_.clear();
        }
    } else if (used_ > HttpLimits::waiting_bytes_max) {
        input_.erase(0, used_);
        used_ = 0;
    }
}

TimePoint HttpConnection::deadline() const {
    const int wait_s =
        parser_.is_idle() && input_.empty() ? HttpLimits::idle_timeout_s : HttpLimits::request_timeout_s;
    return since_ + std::chrono::seconds(wait_s);
}

// One timer a connection, looked at when it fires, so that a request costs no timer of its own.
void HttpConnection::watch_clock() {
    const TimePoint now = context_.clock.now();
    // While a request runs nothing is due; the handler's own waits are bounded.
    const TimePoint at =
        is_running_ ? now + std::chrono::seconds(HttpLimits::request_timeout_s)
                    : std::min(deadline(), now + std::chrono::seconds(HttpLimits::request_timeout_s));
    auto fire = [this] { clock_fired(); };
    timer_ = context_.timers.at(at, std::move(fire));
}

void HttpConnection::clock_fired() {
    timer_ = {};
    if (is_over_) return;
    if (!is_running_ && context_.clock.now() >= deadline()) {
        is_over_ = true;
        return channel_->close();
    }
    watch_clock();
}

}  // namespace carillon::rest
