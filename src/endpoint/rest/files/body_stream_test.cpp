// Bodies that a connection gives to its handler as they come.
#include "endpoint/rest/http/http_connection.hpp"
#include "endpoint/rest/testing.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <vector>

namespace carillon::rest {
namespace {

struct Script {
    bool holds = false;         ///< It is at work on a piece.
    std::size_t bytes_max = 0;  ///< Takes no more than these; 0: all.
    std::vector<std::string> pieces;
    std::string body;  ///< All of them.
    int answered = 0;
};

/// Takes bodies of `PUT` piece by piece.
class TakingHandler final : public HttpHandler {
public:
    explicit TakingHandler(Script& script) : script_(script) {}

    Admission admit(const HttpRequest& request) override {
        Admission admission;
        admission.is_authenticated = true;
        admission.is_streamed = request.method == "PUT";
        admission.body_bytes_max = 1'000'000;
        return admission;
    }
    Task<bool> take_body(std::string piece) override {
        const auto executor = co_await boost::asio::this_coro::executor;
        script_.body += piece;
        script_.pieces.push_back(std::move(piece));
        while (script_.holds) co_await boost::asio::post(executor, boost::asio::use_awaitable);
        co_return script_.bytes_max == 0 || script_.body.size() <= script_.bytes_max;
    }
    Task<HttpResponse> answer(const HttpRequest& request) override {
        ++script_.answered;
        HttpResponse response;
        response.status = script_.bytes_max == 0 || script_.body.size() <= script_.bytes_max ? 201 : 403;
        response.body = std::string(request.method) + ":" + request.body;
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

class BodyStream : public ::testing::Test {
protected:
    BodyStream() {
        const HttpConnection::Context context{io.get_executor(), timers, clock};
        HttpConnection::serve(std::make_unique<testing::FakeChannel>(wire),
                              std::make_unique<TakingHandler>(script), context);
    }
    ~BodyStream() override {
        script.holds = false;
        if (wire.handler != nullptr) wire.handler->closed(Errc::connection_closed);
        run();
    }
    void run() {
        io.restart();
        for (int i = 0; i < 1000 && io.poll_one() > 0; ++i) continue;
    }
    std::string exchange(const std::string& text) {
        wire.sent.clear();
        wire.receive(text);
        run();
        return wire.sent;
    }

    boost::asio::io_context io;
    Timers timers;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    testing::Wire wire;
    Script script;
};

TEST_F(BodyStream, GoesToTheHandlerAsItComesAndIsNotInTheRequest) {
    EXPECT_EQ(exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nab"), "");
    EXPECT_EQ(script.pieces, std::vector<std::string>{"ab"});
    EXPECT_EQ(exchange("cd"), "");
    const std::string answer = exchange("efGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(script.pieces, (std::vector<std::string>{"ab", "cd", "ef"}));
    EXPECT_NE(answer.find("HTTP/1.1 201"), std::string::npos);
    EXPECT_NE(answer.find("PUT:"), std::string::npos);
    EXPECT_NE(answer.find("GET:"), std::string::npos) << "the connection goes on";
}

TEST_F(BodyStream, OfChunksComesWithoutTheirFraming) {
    for (const char* text : {"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "2", "\r",
                             "\nab\r\n3\r\ncd", "e\r\n0\r\n"}) {
        EXPECT_EQ(exchange(text), "");
    }
    EXPECT_NE(exchange("\r\n").find("HTTP/1.1 201"), std::string::npos);
    EXPECT_EQ(script.body, "abcde");
}

TEST_F(BodyStream, ThatIsEmptyIsAnsweredAtOnce) {
    EXPECT_NE(exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").find("HTTP/1.1 201"),
              std::string::npos);
    EXPECT_TRUE(script.pieces.empty());
}

TEST_F(BodyStream, IsNotReadWhileAPieceIsAtWork) {
    script.holds = true;
    exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nab");
    for (int i = 0; i < 10; ++i) exchange(std::string(20'000, 'x'));
    EXPECT_EQ(script.body, "ab");
    EXPECT_TRUE(wire.is_paused);
    script.holds = false;
    run();
    EXPECT_EQ(script.body.size(), 200'002U);
    EXPECT_FALSE(wire.is_paused);
    EXPECT_NE(exchange(std::string(299'998, 'x')).find("HTTP/1.1 201"), std::string::npos);
}

TEST_F(BodyStream, ThatTheHandlerTakesNoMoreOfIsAnsweredAndEndsTheConnection) {
    script.bytes_max = 3;
    const std::string answer = exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabcdef");
    EXPECT_NE(answer.find("HTTP/1.1 403"), std::string::npos);
    EXPECT_EQ(script.answered, 1);
    EXPECT_TRUE(wire.is_closed);
}

TEST_F(BodyStream, MayTakeLongAsLongAsItComes) {
    exchange("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
        exchange(std::string(20'000, 'x'));
        clock.advance(std::chrono::seconds(9));
        timers.run_due(clock.now());
        run();
        ASSERT_FALSE(wire.is_closed) << i;
    }
    for (int i = 0; i < 3; ++i) {
        clock.advance(std::chrono::seconds(9));
        timers.run_due(clock.now());
        run();
    }
    EXPECT_TRUE(wire.is_closed) << "nothing came";
}

}  // namespace
}  // namespace carillon::rest
