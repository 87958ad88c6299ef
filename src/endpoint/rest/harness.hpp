#pragma once

// A client of the REST endpoint over a hub in memory, for tests; no part of the product.

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/testing/test_hub.hpp"
#include "endpoint/rest/http/http_connection.hpp"
#include "endpoint/rest/rest_handler.hpp"
#include "endpoint/rest/testing.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"
#include "wire/sas/sas_token.hpp"

#include <gtest/gtest.h>
#include <array>
#include <map>
#include <string>

namespace carillon::rest::testing {

struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    std::string body;

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
    bool has(const std::string& name) const { return headers.contains(name); }
    /// The name between `ErrorCode:` and `;`, or of the header where the body is of another shape.
    std::string error() const { return header("iothub-errorcode"); }
    bool contains(std::string_view text) const { return body.find(text) != std::string::npos; }
};

constexpr const char* ga = "api-version=2021-04-12";
constexpr const char* preview = "api-version=2016-09-30-preview";

/// A page and a script, in place of the dashboard.
inline constexpr std::array web_files{
    WebFile{"/ui/index.html", "text/html; charset=utf-8", "\"page-1\"", "<p>page</p>", "gzip of the page"},
    WebFile{"/ui/assets/a-1.js", "text/javascript; charset=utf-8", "\"script-1\"", "let a", ""},
};

/// A hub in memory behind the REST operations, and a connection to it.
class RestTest : public ::testing::Test {
protected:
    explicit RestTest(const HubOptions& options = {}, const JobEngineLimits& jobs = {})
        : hub_{store_, clock_, 2, jobs, 1, options} {
        connect();
    }
    ~RestTest() override { disconnect(); }

    void connect() {
        wire_ = {};
        const HttpConnection::Context context{hub_.io().get_executor(), timers_, clock_};
        HttpConnection::serve(
            std::make_unique<FakeChannel>(wire_),
            std::make_unique<RestHandler>(*hub_, nullptr, running_, metrics_, &web_, "192.0.2.1:50000"),
            context);
    }
    void disconnect() {
        if (wire_.handler != nullptr) wire_.handler->closed(Errc::connection_closed);
        wire_.handler = nullptr;
        hub_.settle();
    }
    std::string token(std::string_view policy = "iothubowner") const {
        const auto found = hub_->policies().find(policy);
        return sas::make_token("hub.example.net", found->primary_key, clock_.wall_now().plus_s(3600), policy);
    }
    /// Writes a request as the SDKs do, authorised by iothubowner unless `fields` has its own token.
    std::string text_of(std::string_view method, std::string_view target, std::string_view body,
                        std::string_view fields) const {
        std::string text(method);
        text.append(" ").append(target).append(" HTTP/1.1\r\nHost: hub.example.net\r\n");
        if (fields.find("Authorization") == std::string_view::npos) {
            text.append("Authorization: ").append(token()).append("\r\n");
        }
        if (method != "GET" && method != "DELETE") {
            text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
        }
        return text.append(fields).append("\r\n").append(body);
    }
    /// Sends a request and lets the hub work until nothing is ready; time stands still.
    Answer call(std::string_view method, std::string_view target, std::string_view body = {},
                std::string_view fields = {}) {
        begin(method, target, body, fields);
        hub_.settle();
        return take();
    }
    void begin(std::string_view method, std::string_view target, std::string_view body = {},
               std::string_view fields = {}) {
        if (wire_.is_closed) {
            disconnect();
            connect();
        }
        wire_.receive(text_of(method, target, body, fields));
    }
    /// Takes the first answer off the wire; status 0 if there is none.
    Answer take() {
        Answer answer;
        const std::size_t end = wire_.sent.find("\r\n\r\n");
        if (end == std::string::npos) return answer;
        answer.status = std::stoi(wire_.sent.substr(9, 3));
        const std::string head = wire_.sent.substr(0, end);
        for (std::string_view line : split(head, '\n')) {
            const std::size_t colon = line.find(':');
            if (colon == std::string_view::npos) continue;
            answer.headers[to_lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
        }
        const std::string length = answer.header("content-length");
        answer.body = wire_.sent.substr(end + 4, length.empty() ? 0 : std::stoul(length));
        wire_.sent.erase(0, end + 4 + answer.body.size());
        return answer;
    }
    static std::string at(std::string_view path, std::string_view version = ga) {
        std::string target(path);
        target += target.find('?') == std::string::npos ? '?' : '&';
        return target.append(version);
    }
    Answer create(std::string_view id) { return call("PUT", at("/devices/" + std::string(id)), "{}"); }

    MemoryStore store_;
    ManualClock clock_{WallTime::from_unix_s(1'795'514'400)};
    Timers timers_;
    mutable carillon::testing::TestHub hub_;
    std::atomic<std::size_t> running_{0};
    RestMetrics metrics_;
    SeededRandom random_{7};
    WebDashboard web_{*hub_, "token key", random_, web_files};
    Wire wire_;
};

/// One member of a JSON object, as text; empty if absent.
inline std::string member(const std::string& json, std::string_view name) {
    const auto parsed = JsonDocument::parse(json);
    return parsed ? std::string(parsed->root().find(name).raw()) : "not JSON: " + json;
}

}  // namespace carillon::rest::testing
