#include "endpoint/rest/http/http_parser.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace carillon::rest {
namespace {

/// What came of one request: its status of refusal, or 200 and what was read.
struct Outcome {
    int status = 0;  ///< 0: more bytes are wanted.
    std::string method;
    std::string target;
    std::string body;
    std::string surplus;
    bool operator==(const Outcome&) const = default;
};

/// Feeds `text` in pieces of `step` bytes, offering again what was left, as a connection does.
Outcome read(const std::string& text, std::size_t step) {
    HttpParser parser;
    std::string waiting;
    for (std::size_t at = 0; at < text.size(); at += step) {
        waiting += text.substr(at, step);
        while (true) {
            const auto before = parser.state();
            const std::size_t used = parser.read(as_bytes(waiting));
            waiting.erase(0, used);
            if (parser.state() == before && used == 0) break;
            if (parser.state() == HttpParser::State::complete ||
                parser.state() == HttpParser::State::failed) {
                break;
            }
        }
        if (parser.state() == HttpParser::State::failed) {
            Outcome refused;
            refused.status = http_status(parser.failure());
            return refused;
        }
        if (parser.state() == HttpParser::State::complete) {
            const HttpRequest& request = parser.request();
            return {.status = 200,
                    .method = std::string(request.method),
                    .target = std::string(request.target),
                    .body = request.body,
                    .surplus = waiting + text.substr(std::min(text.size(), at + step))};
        }
    }
    return {};
}

struct Case {
    const char* name;
    std::string text;
    int status;
};

std::string get(const std::string& fields) {
    return "GET /devices/d HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
std::string put(const std::string& fields, const std::string& body) {
    return "PUT /devices/d HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

std::vector<Case> cases() {
    return {
        {"plain", get(""), 200},
        {"an empty line before the request is forgiven", "\r\n" + get(""), 200},
        {"two empty lines are not", "\r\n\r\n" + get(""), 400},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
        {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
        {"another protocol", "GET / HTTX/1.1\r\nHost: h\r\n\r\n", 400},
        {"lower-case protocol", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
        {"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"tab in the request line", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"absolute-form", "GET https://h/devices HTTP/1.1\r\nHost: h\r\n\r\n", 200},
        {"absolute-form without a Host", "GET https://h/devices HTTP/1.1\r\n\r\n", 400},
        {"absolute-form of another scheme", "GET http://h/devices HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"absolute-form without a host", "GET https:///devices HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"absolute-form with a user", "GET https://u:p@h/devices HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"absolute-form cut short", "GET https:/h/devices HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"authority-form", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"relative target", "GET devices HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
        {"bare LF after a field", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400},
        {"bare LF only", "GET / HTTP/1.1\nHost: h\n\n", 400},
        {"bare CR in a field", get("A: b\rc\r\n"), 400},
        {"CR CR LF", get("A: b\r\r\n"), 400},
        {"NUL in a value", get(std::string("A: b\0c\r\n", 8)), 400},
        {"NUL in a name", get(std::string("A\0b: c\r\n", 8)), 400},
        {"NUL in the target", std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28), 400},
        {"escape character in a value", get("A: \x1b[31m\r\n"), 400},
        {"DEL in a value", get("A: \x7f\r\n"), 400},
        {"folded field", get("A: b\r\n c\r\n"), 400},
        {"folded by a tab", get("A: b\r\n\tc\r\n"), 400},
        {"white space before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
        {"space before the colon", get("A : b\r\n"), 400},
        {"space within a name", get("A B: c\r\n"), 400},
        {"empty name", get(": b\r\n"), 400},
        {"no colon", get("Abc\r\n"), 400},
        {"an empty value is fine", get("A:\r\n"), 200},
        {"bytes beyond ASCII in a value are fine", get("A: \xc3\xa9\r\n"), 200},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", get("Host: h\r\n"), 400},
        {"length of zero", put("Content-Length: 0\r\n", ""), 200},
        {"length", put("Content-Length: 3\r\n", "abc"), 200},
        {"length beyond the bytes", put("Content-Length: 4\r\n", "abc"), 0},
        {"two equal lengths", put("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
        {"two lengths that differ", put("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
        {"a list of lengths", put("Content-Length: 3, 3\r\n", "abc"), 400},
        {"a negative length", put("Content-Length: -1\r\n", "abc"), 400},
        {"a signed length", put("Content-Length: +3\r\n", "abc"), 400},
        {"a length in hex", put("Content-Length: 0x3\r\n", "abc"), 400},
        {"a length with a fraction", put("Content-Length: 3.0\r\n", "abc"), 400},
        {"a length of 21 digits", put("Content-Length: 100000000000000000000\r\n", "abc"), 400},
        {"an empty length", put("Content-Length:\r\n", ""), 400},
        {"a length among other things", put("Content-Length: 3 abc\r\n", "abc"), 400},
        {"length and chunks", put("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        {"chunks and length", put("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400},
        {"chunks twice", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         400},
        {"chunked, chunked", put("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
        {"gzip, chunked", put("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
        {"chunked, identity", put("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400},
        {"gzip", put("Transfer-Encoding: gzip\r\n", ""), 501},
        {"identity", put("Transfer-Encoding: identity\r\n", ""), 501},
        {"xchunked", put("Transfer-Encoding: xchunked\r\n", ""), 501},
        {"an empty transfer coding", put("Transfer-Encoding:\r\n", ""), 400},
        {"chunks in HTTP/1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunks", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 200},
        {"CHUNKED", put("Transfer-Encoding: CHUNKED\r\n", "3\r\nabc\r\n0\r\n\r\n"), 200},
        {"no chunks", put("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 200},
        {"a chunk extension", put("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n"), 200},
        {"a trailer", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nA: b\r\n\r\n"), 200},
        {"a chunk size that is none", put("Transfer-Encoding: chunked\r\n", "x\r\nabc\r\n0\r\n\r\n"), 400},
        {"an empty chunk size", put("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"), 400},
        {"a negative chunk size", put("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"), 400},
        {"a prefixed chunk size", put("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), 400},
        {"a chunk size of 17 digits",
         put("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
        {"a chunk longer than it says", put("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), 400},
        {"a chunk line ended by LF", put("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), 400},
        {"a chunk ended by LF", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\n0\r\n\r\n"), 400},
        {"a huge chunk", put("Transfer-Encoding: chunked\r\n", "fffffff\r\nabc"), 413},
        {"the last chunk, cut short", put("Transfer-Encoding: chunked\r\n", "0\r\n\r"), 0},
        {"white space behind a chunk size", put("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n0\r\n\r\n"),
         400},
        {"a signed chunk size", put("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"), 400},
        {"NUL in a chunk line", put("Transfer-Encoding: chunked\r\n", std::string("3;\0\r\nabc\r\n", 10)),
         400},
        {"CR within a chunk line", put("Transfer-Encoding: chunked\r\n", "3;a\rb\r\nabc\r\n"), 400},
        {"a folded trailer", put("Transfer-Encoding: chunked\r\n", "0\r\nA: b\r\n c\r\n\r\n"), 400},
        {"a bad trailer", put("Transfer-Encoding: chunked\r\n", "0\r\nA b\r\n\r\n"), 400},
        {"long chunk extensions",
         put("Transfer-Encoding: chunked\r\n", "3;a=" + std::string(10'000, 'x') + "\r\nabc\r\n0\r\n\r\n"),
         413},
        {"a chunk line without end",
         put("Transfer-Encoding: chunked\r\n", "3;a=" + std::string(100'000, 'x')), 413},
        {"long trailers",
         put("Transfer-Encoding: chunked\r\n", "0\r\nA: " + std::string(10'000, 'x') + "\r\n\r\n"), 413},
        {"a header of 16 KB and more", get("A: " + std::string(17'000, 'x') + "\r\n"), 431},
        {"a header without end", "GET /" + std::string(20'000, 'a'), 431},
        {"a header just below 16 KB", get("A: " + std::string(16'000, 'x') + "\r\n"), 200},
    };
}

TEST(HttpParser, JudgesEachRequestTheSameWholeAndByteByByte) {
    for (const Case& c : cases()) {
        const Outcome whole = read(c.text, c.text.size());
        EXPECT_EQ(whole.status, c.status) << c.name;
        EXPECT_EQ(read(c.text, 1), whole) << c.name;
        EXPECT_EQ(read(c.text, 7), whole) << c.name;
    }
}

TEST(HttpParser, RefusesTheGreetingOfAnotherProtocolAtItsFirstLine) {
    for (const char* greeting :
         {"SSH-2.0-OpenSSH_9.2p1\r\n", "EHLO stranger\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
          "GET /\r\n", "QUIT\r\n", "\x10", "AMQP\x01", "\x16\x03"}) {
        for (const std::size_t step : {std::size_t{1}, std::size_t{64}}) {
            EXPECT_EQ(read(greeting, step).status, 400) << greeting;
        }
    }
    EXPECT_EQ(read("GET / HTTP/1.1\r\n", 1).status, 0) << "more is awaited";
}

TEST(HttpParser, RefusesMoreFieldsThanItsLimit) {
    std::string fields;
    for (std::size_t i = 0; i < HttpLimits::fields_max; ++i) fields += "A: b\r\n";
    EXPECT_EQ(read(get(fields), 4096).status, 431);
}

TEST(HttpParser, ReadsMethodTargetAndBody) {
    const Outcome outcome = read(put("Content-Length: 3\r\n", "abcGET"), 1000);
    EXPECT_EQ(outcome.method, "PUT");
    EXPECT_EQ(outcome.target, "/devices/d");
    EXPECT_EQ(outcome.body, "abc");
    EXPECT_EQ(outcome.surplus, "GET");
}

TEST(HttpParser, TakesTheHostOffAnAbsoluteTarget) {
    struct Absolute {
        const char* target;
        const char* authority;
        const char* path;
    };
    for (const Absolute& a : {Absolute{"https://h/devices?x=/y", "h", "/devices?x=/y"},
                              {"HTTPS://H:443/%2Fd", "H:443", "/%2Fd"},
                              {"https://h", "h", "/"},
                              {"https://h?x", "h", "/"},
                              {"/https://h/d", "", "/https://h/d"}}) {
        HttpParser parser;
        const std::string text = "GET " + std::string(a.target) + " HTTP/1.1\r\nHost: other\r\n\r\n";
        parser.read(as_bytes(text));
        ASSERT_EQ(parser.state(), HttpParser::State::complete) << a.target;
        EXPECT_EQ(parser.request().authority, a.authority) << a.target;
        EXPECT_EQ(parser.request().target, a.path) << a.target;
        parser.reset();
        EXPECT_EQ(parser.request().authority, "");
    }
}

TEST(HttpParser, JoinsChunksAndDropsTrailers) {
    const Outcome outcome =
        read(put("Transfer-Encoding: chunked\r\n",
                 "3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\nrest"),
             1000);
    EXPECT_EQ(outcome.status, 200);
    EXPECT_EQ(outcome.body, "abc0123456789abcdef");
    EXPECT_EQ(outcome.surplus, "rest");
}

TEST(HttpParser, HoldsABodyToItsLimit) {
    for (const bool chunked : {false, true}) {
        HttpParser parser;
        const std::string head =
            put(chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 11\r\n", "");
        EXPECT_EQ(parser.read(as_bytes(head)), head.size());
        ASSERT_EQ(parser.state(), HttpParser::State::body);
        parser.set_body_max(10);
        // Chunks that each fit, and together do not.
        if (chunked) static_cast<void>(parser.read(as_bytes("6\r\nabcdef\r\n6\r\nabcdef\r\n")));
        EXPECT_EQ(parser.state(), HttpParser::State::failed);
        EXPECT_EQ(parser.failure(), Errc::generic_request_entity_too_large);
    }
}

TEST(HttpParser, ReadsPastABodyWithoutKeepingIt) {
    const std::string chunked =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const std::string counted = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    for (const std::string& text : {chunked, counted}) {
        for (const std::size_t limit : {3U, 2U}) {
            HttpParser parser;
            std::size_t used = parser.read(as_bytes(text));
            ASSERT_EQ(parser.state(), HttpParser::State::body);
            parser.skip_body(limit);
            used += parser.read(as_bytes(std::string_view(text).substr(used)));
            EXPECT_EQ(parser.state(), limit == 3 ? HttpParser::State::complete : HttpParser::State::failed);
            EXPECT_EQ(parser.request().body, "");
        }
    }
}

TEST(HttpParser, ReadsOneRequestAfterAnother) {
    HttpParser parser;
    for (int i = 0; i < 3; ++i) {
        const std::string text =
            put("Content-Length: 3\r\nConnection: close\r\nExpect: 100-continue\r\n", "abc");
        EXPECT_TRUE(parser.is_idle());
        const std::size_t head = parser.read(as_bytes(text));
        EXPECT_FALSE(parser.is_idle());
        static_cast<void>(parser.read(as_bytes(std::string_view(text).substr(head))));
        ASSERT_EQ(parser.state(), HttpParser::State::complete);
        EXPECT_EQ(parser.request().body, "abc");
        EXPECT_FALSE(parser.request().keeps_alive);
        EXPECT_TRUE(parser.request().expects_continue);
        parser.reset();
    }
    static_cast<void>(parser.read(as_bytes(get(""))));
    ASSERT_EQ(parser.state(), HttpParser::State::complete);
    EXPECT_EQ(parser.request().body, "");
    EXPECT_TRUE(parser.request().keeps_alive);
    EXPECT_FALSE(parser.request().expects_continue);
    EXPECT_FALSE(parser.request().has_length());
}

TEST(HttpParser, FindsFieldsInAnyCaseWithoutTheirWhiteSpace) {
    HttpParser parser;
    static_cast<void>(parser.read(as_bytes(get("x-ms-Thing:  one two \t\r\nx-ms-thing: three\r\n"))));
    ASSERT_EQ(parser.state(), HttpParser::State::complete);
    EXPECT_EQ(parser.request().find("X-MS-THING"), "one two");
    EXPECT_FALSE(parser.request().find("x-ms"));
}

}  // namespace
}  // namespace carillon::rest
