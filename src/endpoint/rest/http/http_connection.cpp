#include "endpoint/rest/http/http_connection.hpp"

#include "base/log.hpp"

#include <algorithm>
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
      window_since_(context.clock.now()),
      since_(window_since_) {}

void HttpConnection::received(Bytes bytes) {
    if (is_over_ || is_ending_) return;
    if (parser_.is_idle() && input_.empty()) begin_wait();
    window_bytes_ += bytes.size();
    input_.append(as_text(bytes));
    advance();
    // The timer was set for an idle connection: one that has begun a request has less time.
    if (!is_over_ && !is_running_ && !is_idle() && timer_at_ > deadline()) {
        context_.timers.cancel(timer_);
        watch_clock();
    }
    const bool waits = is_running_ || is_waiting_;
    if (!is_over_ && waits && input_.size() - used_ > waiting_bytes_max() && !is_paused_) {
        is_paused_ = true;
        channel_->pause_reading();
    }
}

void HttpConnection::drained() {
    if (is_waiting_) go_on();
}

std::size_t HttpConnection::piece_bytes_max() const {
    return is_known_ ? HttpLimits::piece_bytes_max : HttpLimits::stranger_piece_bytes_max;
}

std::size_t HttpConnection::waiting_bytes_max() const {
    return is_known_ ? HttpLimits::waiting_bytes_max : HttpLimits::stranger_waiting_bytes_max;
}

void HttpConnection::ended(Channel& channel) {
    has_ended_ = true;
    if (is_over_ || is_running_ || is_waiting_) return;
    is_over_ = true;
    channel.close();
}

void HttpConnection::shutting_down(Channel& channel) {
    is_ending_ = true;
    if (delayed_) {
        is_over_ = true;
        return channel.close();
    }
    ended(channel);
}

void HttpConnection::closed(Errc) {
    is_over_ = true;
    context_.timers.cancel(timer_);
    context_.timers.cancel(delay_);
    outgoing_.reset();
    const auto channel = std::move(channel_);
    const auto self = std::move(self_);  // perhaps the last reference; a running request holds another
}

void HttpConnection::advance() {
    const auto has_work = [this] {
        return used_ < input_.size() || parser_.state() == HttpParser::State::complete ||
               parser_.state() == HttpParser::State::failed;
    };
    while (!is_over_ && !is_running_ && has_work()) {
        // What is asked for next is not even read while an answer before it has not left.
        if (!is_clear()) {
            wait_until_clear();
            break;
        }
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
                if (!is_admitted_) {
                    take_head();
                } else if (!is_streamed_ || parser_.request().body.empty()) {
                    return compact();
                } else {
                    give_body();
                }
                break;
            }
            case HttpParser::State::complete: {
                if (!is_admitted_) take_head();
                if (is_over_ || is_running_) break;
                if (is_streamed_ && !parser_.request().body.empty()) {
                    give_body();
                } else {
                    run_request();
                }
                break;
            }
        }
    }
    compact();
}

void HttpConnection::take_head() {
    HttpHandler::Admission admission = handler_->admit(parser_.request());
    is_admitted_ = true;
    if (admission.awaits_authentication && !admission.refusal) {
        is_running_ = true;  // So that nothing of what follows is read meanwhile.
        return boost::asio::co_spawn(
            context_.executor, authenticate(shared_from_this(), std::move(admission)), boost::asio::detached);
    }
    take_admission(std::move(admission));
}

Task<> HttpConnection::authenticate(std::shared_ptr<HttpConnection> self, HttpHandler::Admission admission) {
    // A turn of its own: `advance`, which began this, is not to find that the request is over already.
    co_await boost::asio::post(self->context_.executor, boost::asio::use_awaitable);
    if (self->is_over_) co_return;
    try {
        admission.refusal = co_await self->handler_->authenticate(self->parser_.request());
    } catch (const std::exception& problem) {
        log.error("authentication failed what={}", problem.what());
        admission.refusal =
            self->handler_->refuse(Errc::server_error, "The request could not be carried out.");
    }
    if (self->is_over_) co_return;
    admission.is_authenticated = !admission.refusal;
    self->is_running_ = false;
    self->take_admission(std::move(admission));
    self->go_on();
}

void HttpConnection::take_admission(HttpHandler::Admission admission) {
    const HttpRequest& request = parser_.request();
    if (admission.is_authenticated && !std::exchange(is_known_, true)) channel_->authenticated();
    if (admission.key != KeyTag::none) channel_->stand_on(admission.key);
    if (admission.refusal) {
        refusal_ = std::move(admission.refusal);
        // A client that waits for `100 Continue` sends no body now; a long one is not worth reading.
        const bool is_short = !request.is_chunked && !request.expects_continue &&
                              request.content_length.value_or(0) <= HttpLimits::body_bytes_drained_max;
        if (!is_short) {
            refusal_->closes = true;
            return respond(*std::exchange(refusal_, std::nullopt));
        }
        return parser_.skip_body(HttpLimits::body_bytes_drained_max);
    }
    is_streamed_ = admission.is_streamed;
    parser_.set_body_max(admission.body_bytes_max);
    if (parser_.state() == HttpParser::State::body && request.expects_continue) {
        send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/// Gives the handler what has been read of a body.
void HttpConnection::give_body() {
    is_running_ = true;  // So that nothing of what follows is read meanwhile.
    boost::asio::co_spawn(context_.executor, give_body_on(shared_from_this(), parser_.take_body()),
                          boost::asio::detached);
}

Task<> HttpConnection::give_body_on(std::shared_ptr<HttpConnection> self, std::string piece) {
    // A turn of its own, as in `authenticate`.
    co_await boost::asio::post(self->context_.executor, boost::asio::use_awaitable);
    if (self->is_over_) co_return;
    bool goes_on = false;
    try {
        goes_on = co_await self->handler_->take_body(std::move(piece));
    } catch (const std::exception& problem) {
        log.error("body not taken what={}", problem.what());
    }
    if (self->is_over_) co_return;
    self->is_running_ = false;
    if (goes_on) co_return self->go_on();
    self->is_cut_ = true;
    self->run_request();
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
        while (response->source && response->body.size() < HttpLimits::gathered_bytes_max) {
            const std::string piece = co_await response->source->next();
            response->body += piece;
            if (piece.empty()) response->source.reset();
        }
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw ends this request only.
        log.error("request failed what={}", problem.what());
        response.reset();  // Nothing of it has been sent yet.
    }
    if (!response)
        response = self->handler_->refuse(Errc::server_error, "The request could not be carried out.");
    if (self->is_over_) co_return;
    if (response->stream) {
        auto streaming = hand_over(self, *std::move(response));
        co_return co_await std::move(streaming);
    }
    self->respond(*std::move(response));
    self->go_on();
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

void HttpConnection::respond_later(HttpResponse response) {
    is_running_ = true;
    const TimePoint due = context_.clock.now() + std::exchange(response.wait, Duration::zero());
    response.closes = true;
    delayed_ = std::move(response);
    delay_ = context_.timers.at(due, [this] {
        delay_ = {};
        if (is_over_) return;
        respond(*std::exchange(delayed_, std::nullopt));
        go_on();
    });
}

void HttpConnection::respond(HttpResponse response) {
    if (response.wait > Duration::zero()) return respond_later(std::move(response));
    const HttpRequest& request = parser_.request();
    if (!request.keeps_alive || is_ending_ || is_cut_) response.closes = true;
    // The 2016 client counts characters, not bytes: the end of its body stands here, and what a
    // next request would be is lost (azure-iothub 2.0.0-dtpreview: rest_api_client.js).
    if (used_ < input_.size() && !HttpParser::may_begin(input_[used_])) response.closes = true;
    Outgoing& out = outgoing_.emplace(Outgoing{});
    if (response.source) {
        out.framing = request.is_http_1_0 ? BodyFraming::until_close : BodyFraming::chunked;
        append_sourced_head(out.head, response, date(), out.framing);
        append_piece(out.text, response.body, out.framing);
        out.source = std::move(response.source);
    } else {
        append_head(out.head, response, date());
        if (request.method != "HEAD" && may_have_body(response)) {
            out.shared = response.shared_body;
            out.text = std::move(response.body);
        }
    }
    out.closes = response.closes;
    is_running_ = true;
    pump();
    if (!outgoing_ || is_over_) return;
    holds_something_ = true;
    channel_->holds(outgoing_->text.size());
}

bool HttpConnection::is_clear() const {
    return !channel_->is_congested() && channel_->unsent() < piece_bytes_max();
}

void HttpConnection::wait_until_clear() {
    is_waiting_ = true;
    // The channel says when it is no longer congested; what it has not tried to send leaves in this turn.
    if (channel_->is_congested() || std::exchange(recheck_asked_, true)) return;
    boost::asio::post(context_.executor, [self = shared_from_this()] {
        self->recheck_asked_ = false;
        self->go_on();
    });
}

/// Hands the channel as much of the answer as it has room for.
void HttpConnection::pump() {
    while (outgoing_ && !is_over_) {
        if (!is_clear()) return wait_until_clear();
        Outgoing& out = *outgoing_;
        const std::string_view rest = out.rest();
        if (out.head.empty() && rest.empty()) {
            if (!out.source) return finish_answer();
            if (std::exchange(out.is_asking, true)) return;
            return boost::asio::co_spawn(context_.executor, ask_source(shared_from_this()),
                                         boost::asio::detached);
        }
        const std::size_t room = piece_bytes_max() - std::min(piece_bytes_max(), out.head.size());
        const std::string_view piece = rest.substr(0, room);
        out.sent += piece.size();
        if (out.head.empty()) {
            send(piece);
        } else {
            out.head.append(piece);
            send(std::exchange(out.head, {}));
        }
    }
}

Task<> HttpConnection::ask_source(std::shared_ptr<HttpConnection> self) {
    const auto source = self->outgoing_->source;
    std::optional<std::string> piece;
    try {
        piece = co_await source->next();
    } catch (const std::exception& problem) {
        log.error("answer failed what={}", problem.what());
    }
    if (self->is_over_) co_return;
    if (!piece) {
        // A body that is cut short must not look whole.
        self->is_over_ = true;
        co_return self->channel_->abort(Errc::server_error);
    }
    Outgoing& out = *self->outgoing_;
    out.is_asking = false;
    out.sent = 0;
    out.text.clear();
    if (piece->empty()) {
        out.text = end_of_body(out.framing);
        out.source.reset();
    } else {
        append_piece(out.text, *piece, out.framing);
    }
    self->holds_something_ = true;
    self->channel_->holds(out.text.size());
    self->go_on();
}

void HttpConnection::finish_answer() {
    const bool closes = outgoing_->closes || is_ending_;
    outgoing_.reset();
    is_running_ = false;
    is_admitted_ = false;
    is_streamed_ = false;
    if (std::exchange(holds_something_, false)) channel_->holds(0);
    if (closes) {
        is_over_ = true;
        return channel_->close();
    }
    parser_.reset();
    begin_wait();
}

/// Whatever may be done once the channel has room, or an answer is there.
void HttpConnection::go_on() {
    if (is_over_) return;
    is_waiting_ = false;
    pump();
    if (is_over_ || is_running_) return;
    advance();
    if (is_over_ || is_running_ || is_waiting_) return;
    if (has_ended_) {
        is_over_ = true;
        channel_->close();
    } else if (std::exchange(is_paused_, false)) {
        channel_->resume_reading();
    }
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

void HttpConnection::begin_wait() {
    since_ = window_since_ = context_.clock.now();
    window_bytes_ = 0;
}

bool HttpConnection::is_idle() const {
    return parser_.is_idle() && input_.empty();
}

TimePoint HttpConnection::deadline() const {
    if (is_idle()) return since_ + std::chrono::seconds(HttpLimits::idle_timeout_s);
    const TimePoint slow = window_since_ + HttpLimits::slow_window;
    // A file takes its time, as long as it comes.
    if (is_streamed_) return slow;
    return std::min(since_ + std::chrono::seconds(HttpLimits::request_timeout_s), slow);
}

/// A request that comes slowly but not too slowly has another stretch of time.
bool HttpConnection::may_go_on() {
    const TimePoint now = context_.clock.now();
    const bool is_late = now >= since_ + std::chrono::seconds(HttpLimits::request_timeout_s);
    if (is_idle() || window_bytes_ < HttpLimits::slow_window_bytes_min || (is_late && !is_streamed_)) {
        return false;
    }
    window_since_ = now;
    window_bytes_ = 0;
    return true;
}

// One timer a connection, looked at when it fires, so that a request costs no timer of its own.
void HttpConnection::watch_clock() {
    const TimePoint now = context_.clock.now();
    // While a request runs nothing is due; the handler's own waits are bounded.
    const TimePoint at =
        is_running_ ? now + std::chrono::seconds(HttpLimits::request_timeout_s)
                    : std::min(deadline(), now + std::chrono::seconds(HttpLimits::request_timeout_s));
    auto fire = [this] { clock_fired(); };
    timer_at_ = at;
    timer_ = context_.timers.at(at, std::move(fire));
}

void HttpConnection::clock_fired() {
    timer_ = {};
    if (is_over_) return;
    if (!is_running_ && context_.clock.now() >= deadline() && !may_go_on()) {
        is_over_ = true;
        return channel_->close();
    }
    watch_clock();
}

}  // namespace carillon::rest
