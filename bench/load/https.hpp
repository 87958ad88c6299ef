#pragma once

#include "load/tls.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::load {

/// What a request came to. `status` 0 means that no answer came: the server may or may not have
/// done what was asked.
struct HttpAnswer {
    int status = 0;
    std::string body;
};
using HttpDone = std::function<void(HttpAnswer)>;

struct HttpRequest {
    std::string method;
    std::string target;  ///< Path and query.
    std::string body;
    std::string headers;  ///< More header lines, each with its CRLF.
};

class HttpConnection;

/// Keep-alive HTTPS connections to one server, each with one request at a time; requests wait in
/// one queue for the next free connection.
class HttpPool {
public:
    HttpPool(Loop& loop, TlsContext& tls, Endpoint server, std::string host_name, std::string authorization,
             std::size_t connections);
    ~HttpPool();

    void call(HttpRequest request, HttpDone done);
    /// Runs the loop until the answer is there.
    HttpAnswer call_and_wait(HttpRequest request);
    /// A connection that the server closed before the first byte of an answer gives status 0.
    std::size_t waiting() const { return queue_.size(); }

private:
    friend class HttpConnection;
    struct Job {
        HttpRequest request;
        HttpDone done;
    };
    void work(HttpConnection& idle);

    Loop& loop_;
    TlsContext& tls_;
    Endpoint server_;
    std::string host_name_;
    std::string authorization_;
    std::deque<Job> queue_;
    std::vector<std::unique_ptr<HttpConnection>> connections_;
};

}  // namespace carillon::load
