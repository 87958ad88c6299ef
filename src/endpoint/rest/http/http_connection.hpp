#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "endpoint/rest/http/http_message.hpp"
#include "endpoint/rest/http/http_parser.hpp"
#include "net/channel.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>

namespace carillon::rest {

/// What a stream or a connection works with: its channel's thread, and the timers and clock of that.
struct HttpContext {
    boost::asio::any_io_executor executor;
    Timers& timers;
    Clock& clock;
};

/// The body of an answer that goes on for long, such as events. Takes over the connection when the
/// header has been sent, and closes it when the body is over.
class ResponseStream {
public:
    virtual ~ResponseStream() = default;
    /// Called once, on the channel's thread, outside its callbacks; sets the channel's handler. The
    /// stream keeps itself alive from here on until the channel has closed.
    virtual void begin(std::unique_ptr<Channel> channel, const HttpContext& context, BodyFraming framing) = 0;
};

/// What the requests of one connection mean; a connection has its own.
class HttpHandler {
public:
    virtual ~HttpHandler() = default;

    /// What a request's header says about it, before its body is read.
    struct Admission {
        std::optional<HttpResponse> refusal;  ///< Answer at once; the body is read past if it is short.
        std::size_t body_bytes_max = HttpLimits::body_bytes_default_max;
        bool is_authenticated = false;  ///< The peer has proved who it is.
        KeyTag key = KeyTag::none;      ///< By what, if that may end before the connection does.
        /// Who the peer is has to be looked up before the body is read, by `authenticate`.
        bool awaits_authentication = false;
        /// The body is given to `take_body` as it comes, and is not in the request.
        bool is_streamed = false;
    };
    virtual Admission admit(const HttpRequest& request) = 0;
    /// Decides about a request that `awaits_authentication`: how it is refused, or nothing if the peer has
    /// proved who it is. The request lives until the task ends.
    virtual Task<std::optional<HttpResponse>> authenticate(const HttpRequest&) { co_return std::nullopt; }
    /// Takes a piece of the body of a request whose body `is_streamed`; nothing more of it is read meanwhile.
    /// False if it takes no more: the request is then answered and the connection closed.
    virtual Task<bool> take_body(std::string) { co_return false; }
    /// Answers the request last admitted, which lives until the task ends.
    virtual Task<HttpResponse> answer(const HttpRequest& request) = 0;
    /// The answer to bytes that are no acceptable HTTP.
    virtual HttpResponse refuse(Errc code, std::string_view text) = 0;
    /// True if the connection is to be taken over by `upgrade`, answer included.
    virtual bool is_upgrade(const HttpRequest&) const { return false; }
    virtual void upgrade(std::unique_ptr<Channel>, const HttpRequest&, std::string /*surplus*/) {}
};

/// An HTTP/1.1 server on one channel: keep-alive, pipelining in order, `100-continue`, limits and
/// timeouts. One request at a time is answered, by a coroutine on the channel's thread; what is
/// pipelined behind it waits, up to `waiting_bytes_max`, until the answer has left but for a piece. It
/// owns itself: it lives until the channel has closed and its last request has ended, whichever comes
/// later.
class HttpConnection final : public ChannelHandler, public std::enable_shared_from_this<HttpConnection> {
public:
    using Context = HttpContext;
    static void serve(std::unique_ptr<Channel> channel, std::unique_ptr<HttpHandler> handler,
                      const Context& context);

    void received(Bytes bytes) override;
    void drained() override;
    void ended(Channel& channel) override;
    void shutting_down(Channel& channel) override;
    void closed(Errc reason) override;

private:
    /// An answer that is being sent.
    struct Outgoing {
        std::string head;         ///< Until it was handed to the channel.
        std::string text;         ///< The body, or the piece of it that the source gave last.
        std::string_view shared;  ///< In place of `text`.
        std::size_t sent = 0;     ///< How much of either was handed to the channel.
        std::shared_ptr<BodySource> source;
        BodyFraming framing = BodyFraming::chunked;
        bool closes = false;
        bool is_asking = false;  ///< The source is at work.
        std::string_view rest() const { return (shared.empty() ? text : shared).substr(sent); }
    };
    HttpConnection(std::unique_ptr<Channel> channel, std::unique_ptr<HttpHandler> handler,
                   const Context& context);

    /// Reads what has arrived until it is used up or a request must be answered first.
    void advance();
    void take_head();
    void take_admission(HttpHandler::Admission admission);
    static Task<> authenticate(std::shared_ptr<HttpConnection> self, HttpHandler::Admission admission);
    void give_body();
    static Task<> give_body_on(std::shared_ptr<HttpConnection> self, std::string piece);
    void run_request();
    static Task<> run(std::shared_ptr<HttpConnection> self);
    static Task<> ask_source(std::shared_ptr<HttpConnection> self);
    static Task<> take_over(std::shared_ptr<HttpConnection> self);
    static Task<> hand_over(std::shared_ptr<HttpConnection> self, HttpResponse response);
    const std::string& date();
    void respond(HttpResponse response);
    void respond_later(HttpResponse response);
    void pump();
    void finish_answer();
    void go_on();
    bool is_clear() const;
    void wait_until_clear();
    std::size_t piece_bytes_max() const;
    std::size_t waiting_bytes_max() const;
    void send(std::string_view bytes);
    void compact();
    void watch_clock();
    void clock_fired();
    void begin_wait();
    bool is_idle() const;
    bool may_go_on();
    TimePoint deadline() const;

    std::unique_ptr<Channel> channel_;
    std::unique_ptr<HttpHandler> handler_;
    Context context_;
    std::shared_ptr<HttpConnection> self_;  ///< Until `closed`.
    HttpParser parser_;
    /// Bytes received and not yet read, from `used_` on. Bound: HttpLimits::waiting_bytes_max.
    std::string input_;
    std::size_t used_ = 0;
    std::optional<HttpResponse> refusal_;  ///< Given once the body has been read past.
    bool is_admitted_ = false;             ///< The current request's header has been judged.
    bool is_streamed_ = false;             ///< Its body goes to the handler piece by piece.
    bool is_cut_ = false;                  ///< The rest of its body is not read.
    bool is_running_ = false;              ///< A request is being answered.
    bool is_ending_ = false;               ///< No request after the current one: the server goes down.
    bool has_ended_ = false;               ///< The peer sends no more; what it has asked is still answered.
    bool is_over_ = false;                 ///< `close` was called, or the channel closed.
    bool is_paused_ = false;
    bool is_known_ = false;         ///< A request of this peer was authenticated.
    bool is_waiting_ = false;       ///< For the channel to have room.
    bool recheck_asked_ = false;    ///< It will be looked at again, in a later turn.
    bool holds_something_ = false;  ///< As the channel was told.
    std::optional<Outgoing> outgoing_;
    std::optional<HttpResponse> delayed_;  ///< Given when `delay_` fires.
    Timers::Id delay_;
    Timers::Id timer_;
    TimePoint window_since_{};      ///< When the current stretch of a request's bytes began,
    std::size_t window_bytes_ = 0;  ///< and how many have come in it.
    TimePoint timer_at_{};
    TimePoint since_{};  ///< When the current wait began: for a request, or for its rest.
    std::int64_t date_s_ = -1;
    std::string date_;  ///< The Date header of `date_s_`. Bound: fixed.
};

}  // namespace carillon::rest
