#include "endpoint/rest/http/http_connection.hpp"

#include "endpoint/rest/testing.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

namespace carillon::rest {
namespace {

/// A body of one chunk, by whoever took the channel over.
class OneChunk final : public ResponseStream, public ChannelHandler {
public:
    void begin(std::unique_ptr<Channel> channel, const HttpContext&, BodyFraming framing) override {
        channel_ = std::move(channel);
        channel_->set_handler(*this);
        std::string chunk;
        append_piece(chunk, "a piece", framing);
        EXPECT_TRUE(channel_->send(as_bytes(chunk)));
    }
    void received(Bytes) override {}
    void closed(Errc) override { channel_.reset(); }

private:
    std::unique_ptr<Channel> channel_;
};

/// Gives as many pieces as it is told to.
class Pieces final : public BodySource {
public:
    Pieces(int count, std::size_t bytes) : left_(count), bytes_(bytes) {}
    Task<std::string> next() override {
        if (left_ == 0) co_return std::string();
        --left_;
        ++asked;
        co_return std::string(bytes_, 'p');
    }
    int asked = 0;

private:
    int left_;
    std::size_t bytes_;
};

/// Answers with the request's method, target and body; holds an answer back while told to.
class EchoHandler final : public HttpHandler {
public:
    struct Script {
        bool holds = false;
        bool refuses = false;
        int refuses_after_s = 0;
        bool throws = false;
        std::shared_ptr<ResponseStream> stream;
        std::shared_ptr<BodySource> source;
        std::string_view shared_body;
        std::string body;  ///< In place of the echo, unless empty.
        int admitted = 0;
        int answered = 0;
    };
    explicit EchoHandler(Script& script) : script_(script) {}

    Admission admit(const HttpRequest& request) override {
        ++script_.admitted;
        Admission admission;
        admission.is_authenticated = request.find("authorization").has_value();
        admission.body_bytes_max = 100'000;
        if (script_.refuses) {
            admission.refusal.emplace();
            admission.refusal->status = 401;
            admission.refusal->wait = std::chrono::seconds(script_.refuses_after_s);
        }
        return admission;
    }
    Task<HttpResponse> answer(const HttpRequest& request) override {
        const auto executor = co_await boost::asio::this_coro::executor;
        while (script_.holds) co_await boost::asio::post(executor, boost::asio::use_awaitable);
        ++script_.answered;
        if (script_.throws) throw std::runtime_error("as told");
        HttpResponse response;
        response.stream = script_.stream;
        response.shared_body = script_.shared_body;
        if (!script_.shared_body.empty()) co_return response;
        if (script_.source || !script_.body.empty()) {
            response.source = script_.source;
            response.body = script_.body;
            co_return response;
        }
        response.body.append(request.method)
            .append(" ")
            .append(request.target)
            .append(" ")
            .append(request.body);
        co_return response;
    }
    HttpResponse refuse(Errc code, std::string_view) override {
        HttpResponse response;
        response.status = http_status(code);
        return response;
    }

private:
    Script& script_;
};

class HttpConnectionTest : public ::testing::Test {
protected:
    HttpConnectionTest() { start(); }
    void start() {
        wire = {};
        const HttpConnection::Context context{io.get_executor(), timers, clock};
        HttpConnection::serve(std::make_unique<testing::FakeChannel>(wire),
                              std::make_unique<EchoHandler>(script), context);
    }
    ~HttpConnectionTest() override {
        script.holds = false;
        if (wire.handler != nullptr) wire.handler->closed(Errc::connection_closed);
        run();
    }
    void run() {
        io.restart();
        // A handler that holds its answer back is ready again and again.
        for (int i = 0; i < 1000 && io.poll_one() > 0; ++i) continue;
    }
    std::string exchange(const std::string& text) {
        wire.sent.clear();
        wire.receive(text);
        run();
        return wire.sent;
    }
    void advance(int seconds) {
        clock.advance(std::chrono::seconds(seconds));
        timers.run_due(clock.now());
        run();
    }
    static int count(const std::string& text, std::string_view part) {
        int n = 0;
        for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
        return n;
    }

    boost::asio::io_context io;
    ManualClock clock{WallTime::from_unix_s(1'795'600'000)};
    Timers timers;
    EchoHandler::Script script;
    testing::Wire wire;
};

std::string request(const std::string& method, const std::string& target, const std::string& fields = {},
                    const std::string& body = {}) {
    std::string length;
    if (!body.empty()) length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return method + " " + target + " HTTP/1.1\r\nHost: h\r\n" + length + fields + "\r\n" + body;
}

TEST_F(HttpConnectionTest, AnswersInOneSendWithLengthTypeAndDate) {
    EXPECT_EQ(exchange(request("GET", "/a")),
              "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Type: application/json; charset=utf-8\r\n"
              "Date: Wed, 25 Nov 2026 09:46:40 GMT\r\n\r\nGET /a ");
    EXPECT_FALSE(wire.is_closed);
}

TEST_F(HttpConnectionTest, HandsTheConnectionToAStreamBehindTheHeader) {
    script.stream = std::make_shared<OneChunk>();
    const std::string sent = exchange(request("GET", "/1") + request("GET", "/2"));
    EXPECT_EQ(sent,
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: Wed, 25 Nov 2026 09:46:40 GMT\r\n"
              "Connection: close\r\n\r\n7\r\na piece\r\n")
        << "and what is pipelined behind it is not answered";
    EXPECT_EQ(script.answered, 1);
    EXPECT_TRUE(timers.is_empty()) << "the connection's own timer is gone";
    advance(HttpLimits::idle_timeout_s + 1);
    EXPECT_FALSE(wire.is_closed);
}

TEST_F(HttpConnectionTest, SendsNoChunksToAClientOfHttp10) {
    script.stream = std::make_shared<OneChunk>();
    EXPECT_EQ(exchange("GET /1 HTTP/1.0\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 09:46:40 GMT\r\nConnection: close\r\n\r\na piece");
}

TEST_F(HttpConnectionTest, BeginsNoStreamWhileTheServerGoesDown) {
    script.stream = std::make_shared<OneChunk>();
    script.holds = true;
    wire.receive(request("GET", "/1"));
    run();
    testing::FakeChannel channel(wire);
    wire.handler->shutting_down(channel);
    script.holds = false;
    run();
    EXPECT_TRUE(wire.sent.ends_with("\r\n\r\n0\r\n\r\n")) << wire.sent;
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, AnswersPipelinedRequestsInOrder) {
    const std::string sent =
        exchange(request("GET", "/1") + request("PUT", "/2", "", "two") + request("GET", "/3"));
    EXPECT_EQ(count(sent, "HTTP/1.1 200"), 3);
    EXPECT_LT(sent.find("GET /1"), sent.find("PUT /2 two"));
    EXPECT_LT(sent.find("PUT /2 two"), sent.find("GET /3"));
}

TEST_F(HttpConnectionTest, AnswersTheSameFedByteByByte) {
    const std::string text = request("GET", "/1") + request("PUT", "/2", "", "two") + request("GET", "/3");
    const std::string whole = exchange(text);
    wire.sent.clear();
    for (const char c : text) {
        wire.receive(std::string_view(&c, 1));
        run();
    }
    EXPECT_EQ(wire.sent, whole);
}

TEST_F(HttpConnectionTest, StopsReadingWhileMuchWaitsBehindARequest) {
    script.holds = true;
    wire.receive(request("GET", "/1", "Authorization: x\r\n"));
    wire.receive(request("PUT", "/2", "", std::string(HttpLimits::waiting_bytes_max - 1000, 'x')));
    EXPECT_FALSE(wire.is_paused);
    wire.receive(request("PUT", "/3", "", std::string(2000, 'x')));
    EXPECT_TRUE(wire.is_paused);
    script.holds = false;
    run();
    EXPECT_FALSE(wire.is_paused);
    EXPECT_EQ(count(wire.sent, "HTTP/1.1 200"), 3);
}

TEST_F(HttpConnectionTest, ClosesAfterABadRequestAndAnswersNothingBehindIt) {
    const std::string sent = exchange("GET / HTTP/1.1\nHost: h\n\n" + request("GET", "/2"));
    EXPECT_EQ(count(sent, "HTTP/1.1 "), 1);
    EXPECT_EQ(count(sent, "HTTP/1.1 400 Bad Request"), 1);
    EXPECT_EQ(count(sent, "Connection: close"), 1);
    EXPECT_TRUE(wire.is_closed);
}

// The 2016 client counts characters where it should count bytes, so the end of a body that is not
// ASCII stands where the next request should begin.
TEST_F(HttpConnectionTest, ClosesAfterABodyLongerThanItSays) {
    const std::string text =
        "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n\"\xc3\xa4\xc3\xb6\xc3\xbc\"" +
        request("GET", "/b");
    const std::string sent = exchange(text);
    EXPECT_EQ(count(sent, "HTTP/1.1 "), 1);
    EXPECT_EQ(count(sent, "Connection: close"), 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ClosesOnTheRestOfABodyThatComesLater) {
    EXPECT_EQ(count(exchange(request("PUT", "/a", "", "abc")), "HTTP/1.1 200"), 1);
    EXPECT_EQ(count(exchange("}"), "HTTP/1.1 400"), 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ClosesWhenTheClientAsksForIt) {
    EXPECT_EQ(count(exchange(request("GET", "/", "Connection: close\r\n")), "Connection: close"), 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ClosesAfterHttp10) {
    exchange("GET / HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, InvitesABodyThatWaitsForIt) {
    EXPECT_EQ(exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
              "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(count(exchange("abc"), "PUT /a abc"), 1);
}

TEST_F(HttpConnectionTest, DoesNotInviteABodyThatIsThere) {
    const std::string sent =
        exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(count(sent, "100 Continue"), 0);
    EXPECT_EQ(count(sent, "HTTP/1.1 200"), 1);
}

TEST_F(HttpConnectionTest, RefusesByTheHeaderAloneABodyThatWaits) {
    script.refuses = true;
    const std::string sent =
        exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(count(sent, "HTTP/1.1 401"), 1);
    EXPECT_EQ(count(sent, "100 Continue"), 0);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ReadsPastAShortRefusedBodyAndGoesOn) {
    script.refuses = true;
    EXPECT_EQ(count(exchange(request("PUT", "/a", "", "abc")), "HTTP/1.1 401"), 1);
    EXPECT_FALSE(wire.is_closed);
    script.refuses = false;
    EXPECT_EQ(count(exchange(request("GET", "/b")), "HTTP/1.1 200"), 1);
}

TEST_F(HttpConnectionTest, DoesNotReadALongRefusedBody) {
    script.refuses = true;
    EXPECT_EQ(count(exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n"), "HTTP/1.1 401"),
              1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, RefusesADeclaredBodyAboveTheRoutesLimit) {
    EXPECT_EQ(count(exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n"), "HTTP/1.1 413"),
              1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, SendsNoBodyForHead) {
    const std::string sent = exchange(request("HEAD", "/a"));
    EXPECT_TRUE(sent.ends_with("\r\n\r\n")) << sent;
}

TEST_F(HttpConnectionTest, TellsTheChannelThatThePeerIsKnown) {
    exchange(request("GET", "/"));
    EXPECT_FALSE(wire.is_authenticated);
    exchange(request("GET", "/", "Authorization: x\r\n"));
    EXPECT_TRUE(wire.is_authenticated);
}

TEST_F(HttpConnectionTest, ClosesAnIdleConnectionAndNotABusyOne) {
    exchange(request("GET", "/"));
    advance(HttpLimits::idle_timeout_s - 1);
    EXPECT_FALSE(wire.is_closed);
    exchange(request("GET", "/"));
    script.holds = true;
    wire.receive(request("GET", "/"));
    advance(700);  // a method call may take ten minutes
    EXPECT_FALSE(wire.is_closed);
    script.holds = false;
    run();
    EXPECT_EQ(count(wire.sent, "HTTP/1.1 200"), 2);
    advance(HttpLimits::idle_timeout_s);
    advance(HttpLimits::request_timeout_s);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ClosesOnARequestThatDripsForTooLong) {
    for (int i = 0; i < 2 * HttpLimits::request_timeout_s && !wire.is_closed; ++i) {
        wire.receive(i == 0 ? "GET /" : "a");
        advance(1);
    }
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, CutsABodyThatComesTooSlowly) {
    const auto window_s = static_cast<int>(HttpLimits::slow_window.count());
    wire.receive("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n");
    const std::string second(HttpLimits::slow_window_bytes_min / HttpLimits::slow_window.count(), 'x');
    for (int i = 0; i < 3 * window_s; ++i) {
        wire.receive(second);
        advance(1);
        ASSERT_FALSE(wire.is_closed) << i;
    }
    for (int i = 0; i < window_s - 1; ++i) {
        wire.receive(second.substr(1));
        advance(1);
    }
    EXPECT_FALSE(wire.is_closed);
    wire.receive(second.substr(1));
    advance(1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, CutsASlowRequestOnAConnectionThatWasIdle) {
    wire.receive(request("GET", "/"));
    run();
    advance(HttpLimits::idle_timeout_s - 1);
    ASSERT_FALSE(wire.is_closed);
    wire.receive("GET /");
    advance(static_cast<int>(HttpLimits::slow_window.count()));
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, OutlivesAPeerThatLeavesDuringItsRequest) {
    script.holds = true;
    wire.receive(request("GET", "/") + request("GET", "/2"));
    run();
    wire.handler->closed(Errc::connection_closed);
    wire.handler = nullptr;
    script.holds = false;
    run();
    EXPECT_EQ(script.answered, 1);
    EXPECT_EQ(wire.sent, "");
}

TEST_F(HttpConnectionTest, AnswersAPeerThatOnlyStoppedSending) {
    script.holds = true;
    wire.receive(request("GET", "/1") + request("GET", "/2"));
    testing::FakeChannel channel(wire);
    wire.handler->ended(channel);
    EXPECT_FALSE(wire.is_closed);
    script.holds = false;
    run();
    EXPECT_EQ(count(wire.sent, "HTTP/1.1 200"), 2);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, FinishesTheCurrentRequestWhenTheServerGoesDown) {
    script.holds = true;
    wire.receive(request("GET", "/1") + request("GET", "/2"));
    testing::FakeChannel channel(wire);
    wire.handler->shutting_down(channel);
    script.holds = false;
    run();
    EXPECT_EQ(count(wire.sent, "HTTP/1.1 200"), 1);
    EXPECT_EQ(count(wire.sent, "Connection: close"), 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, AbortsAPeerThatAsksAndDoesNotRead) {
    wire.accepts = false;
    exchange(request("GET", "/"));
    EXPECT_TRUE(wire.is_aborted);
}

TEST_F(HttpConnectionTest, ReadsNoRequestWhileTheAnswerBeforeHasNotLeft) {
    wire.is_congested = true;
    wire.receive(request("GET", "/1"));
    run();
    EXPECT_EQ(script.admitted, 0);
    wire.is_congested = false;
    wire.unsent = HttpLimits::stranger_piece_bytes_max;  // Queued in this turn, and not tried yet.
    wire.receive(request("GET", "/2"));
    run();
    EXPECT_EQ(script.admitted, 0);
    wire.unsent = 0;
    run();
    EXPECT_EQ(script.answered, 2);
    wire.is_congested = true;
    wire.receive(request("GET", "/3"));
    run();
    EXPECT_EQ(script.answered, 2);
    wire.is_congested = false;
    wire.handler->drained();
    run();
    EXPECT_EQ(script.answered, 3);
}

TEST_F(HttpConnectionTest, KeepsLittleOfAStrangerWhoAsksAndDoesNotRead) {
    static const std::string page(100'000, 'x');
    script.shared_body = page;
    wire.is_slow = true;
    wire.receive(request("GET", "/1"));
    for (int i = 0; i < 5; ++i) {
        wire.receive(request("GET", "/2"));
        run();
        EXPECT_LE(wire.sent.size(), HttpLimits::stranger_piece_bytes_max);
        EXPECT_EQ(script.answered, 1);
    }
    wire.receive(std::string(HttpLimits::stranger_waiting_bytes_max, 'x'));
    EXPECT_TRUE(wire.is_paused);
    EXPECT_EQ(wire.held, 0U) << "what is shared costs nothing";
}

TEST_F(HttpConnectionTest, SendsALongAnswerInPiecesAndReadsOnBehindIt) {
    script.body = std::string(300'000, 'b');
    wire.is_slow = true;
    wire.receive(request("GET", "/1", "Authorization: x\r\n") + request("GET", "/2"));
    run();
    std::size_t pieces = 0;
    std::string sent;
    for (; !wire.sent.empty(); ++pieces) {
        EXPECT_LE(wire.sent.size(), HttpLimits::piece_bytes_max);
        EXPECT_LE(script.answered, sent.size() < 300'000 ? 1 : 2);
        sent += std::exchange(wire.sent, {});
        EXPECT_TRUE(wire.held == 300'000 || sent.size() > 200'000);
        wire.is_congested = false;
        wire.handler->drained();
        run();
    }
    EXPECT_GE(pieces, 2 * 300'000 / HttpLimits::piece_bytes_max);
    EXPECT_EQ(count(sent, "HTTP/1.1 200"), 2);
    EXPECT_EQ(count(sent, "Content-Length: 300000"), 2);
    EXPECT_EQ(std::count(sent.begin(), sent.end(), 'b'), 600'000);
    EXPECT_EQ(wire.held, 0U);
}

TEST_F(HttpConnectionTest, SendsAShortSourceWithItsLength) {
    script.source = std::make_shared<Pieces>(3, 10);
    const std::string sent = exchange(request("GET", "/1"));
    EXPECT_EQ(count(sent, "Content-Length: 30\r\n"), 1);
    EXPECT_TRUE(sent.ends_with("\r\n\r\n" + std::string(30, 'p'))) << sent;
}

TEST_F(HttpConnectionTest, SendsALongSourceInChunksAndAsksItForNoMoreThanIsRead) {
    constexpr std::size_t size = 100'000;
    const auto pieces = std::make_shared<Pieces>(20, size);
    script.source = pieces;
    wire.is_slow = true;
    wire.receive(request("GET", "/1", "Authorization: x\r\n"));
    run();
    EXPECT_EQ(pieces->asked, 3) << "as much as is gathered";
    wire.is_congested = wire.is_slow = false;
    wire.handler->drained();
    run();
    EXPECT_EQ(pieces->asked, 20);
    EXPECT_EQ(count(wire.sent, "Transfer-Encoding: chunked\r\n"), 1);
    EXPECT_EQ(count(wire.sent, "Content-Type: application/json"), 1);
    EXPECT_EQ(std::count(wire.sent.begin(), wire.sent.end(), 'p'), 20 * size + 3);  // Three in the header.
    EXPECT_TRUE(wire.sent.ends_with("p\r\n0\r\n\r\n"));
    EXPECT_FALSE(wire.is_closed);
    script.source = nullptr;
    EXPECT_EQ(count(exchange(request("GET", "/2")), "HTTP/1.1 200"), 1);
}

TEST_F(HttpConnectionTest, EndsALongSourceByTheConnectionForAClientOfHttp10) {
    script.source = std::make_shared<Pieces>(3, 200'000);
    const std::string sent = exchange("GET /1 HTTP/1.0\r\nHost: h\r\n\r\n");
    EXPECT_EQ(count(sent, "chunked"), 0);
    EXPECT_TRUE(sent.ends_with("\r\n\r\n" + std::string(600'000, 'p')));
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, KeepsAnAnswerBackThatIsToWaitAndClosesThen) {
    script.refuses = true;
    script.refuses_after_s = 3;
    EXPECT_EQ(exchange(request("PUT", "/a", "", "abc") + request("GET", "/b")), "");
    wire.receive(std::string(HttpLimits::stranger_waiting_bytes_max, 'x'));
    EXPECT_TRUE(wire.is_paused) << "and little is read meanwhile";
    advance(2);
    EXPECT_EQ(wire.sent, "");
    advance(1);
    EXPECT_EQ(count(wire.sent, "HTTP/1.1 401"), 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(HttpConnectionTest, ForgetsAnAnswerThatWaitsWhenThePeerLeaves) {
    script.refuses = true;
    script.refuses_after_s = 3;
    EXPECT_EQ(exchange(request("GET", "/a")), "");
    wire.handler->closed(Errc::connection_closed);
    wire.handler = nullptr;
    EXPECT_TRUE(timers.is_empty());
    advance(3);
    EXPECT_EQ(wire.sent, "");
}

TEST_F(HttpConnectionTest, AnswersServerErrorWhenAHandlerThrows) {
    script.throws = true;
    EXPECT_EQ(count(exchange(request("GET", "/")), "HTTP/1.1 500"), 1);
    script.throws = false;
    EXPECT_EQ(count(exchange(request("GET", "/")), "HTTP/1.1 200"), 1);
}

}  // namespace
}  // namespace carillon::rest
