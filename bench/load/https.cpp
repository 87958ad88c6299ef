#include "load/https.hpp"

#include "base/text.hpp"

#include <optional>
#include <utility>

namespace carillon::load {
namespace {

struct Head {
    int status = 0;
    std::size_t body_bytes = 0;
    std::size_t head_bytes = 0;
    bool is_last = false;  ///< The server closes after this answer.
};

/// Nothing while the head is incomplete; status 0 if it is not an HTTP/1.1 answer.
std::optional<Head> parse_head(std::string_view text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    Head head;
    head.head_bytes = end + 4;
    const std::vector<std::string_view> lines = split(text.substr(0, end), '\n');
    if (!lines[0].starts_with("HTTP/1.1 ") || lines[0].size() < 12) return head;
    const auto status = parse_u64(lines[0].substr(9, 3));
    if (!status) return head;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t colon = lines[i].find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = lines[i].substr(0, colon);
        const std::string_view value = trimmed(lines[i].substr(colon + 1));
        if (equals_ignoring_case(name, "content-length")) head.body_bytes = parse_u64(value).value_or(0);
        if (equals_ignoring_case(name, "connection")) head.is_last = equals_ignoring_case(value, "close");
    }
    head.status = static_cast<int>(*status);
    return head;
}

}  // namespace

class HttpConnection final : private TlsPeer {
public:
    explicit HttpConnection(HttpPool& pool) : pool_(pool), connection_(pool.loop_, pool.tls_, *this) {}

    bool is_busy() const { return done_ != nullptr; }
    void start(HttpRequest request, HttpDone done) {
        done_ = std::move(done);
        in_.clear();
        out_ = request.method + ' ' + request.target + " HTTP/1.1\r\nHost: " + pool_.host_name_ +
               "\r\nAuthorization: " + pool_.authorization_ + "\r\n" + request.headers;
        if (request.method != "GET") {
            out_ += "Content-Type: application/json; charset=utf-8\r\nContent-Length: " +
                    std::to_string(request.body.size()) + "\r\n";
        }
        out_ += "\r\n";
        out_ += request.body;
        if (connection_.is_open()) {
            connection_.send(out_);
        } else if (connection_.is_idle()) {
            connection_.open(pool_.server_, pool_.host_name_, 0);
        }
    }

private:
    void opened() override {
        if (is_busy()) connection_.send(out_);
    }
    void received(std::string_view bytes) override {
        in_ += bytes;
        const std::optional<Head> head = parse_head(in_);
        if (!head) return;
        if (head->status == 0) {
            connection_.close();
            return finish({});
        }
        if (in_.size() < head->head_bytes + head->body_bytes) return;
        if (head->is_last) connection_.close();
        finish({head->status, in_.substr(head->head_bytes, head->body_bytes)});
    }
    void closed(const char*) override {
        if (is_busy()) finish({});
    }
    void finish(HttpAnswer answer) {
        const HttpDone done = std::exchange(done_, nullptr);
        if (done) done(std::move(answer));
        if (!is_busy()) pool_.work(*this);
    }

    HttpPool& pool_;
    TlsConnection connection_;
    HttpDone done_;
    std::string out_;
    std::string in_;
};

HttpPool::HttpPool(Loop& loop, TlsContext& tls, Endpoint server, std::string host_name,
                   std::string authorization, std::size_t connections)
    : loop_(loop),
      tls_(tls),
      server_(server),
      host_name_(std::move(host_name)),
      authorization_(std::move(authorization)) {
    for (std::size_t i = 0; i < connections; ++i) {
        connections_.push_back(std::make_unique<HttpConnection>(*this));
    }
}

HttpPool::~HttpPool() = default;

void HttpPool::call(HttpRequest request, HttpDone done) {
    for (const auto& connection : connections_) {
        if (!connection->is_busy()) return connection->start(std::move(request), std::move(done));
    }
    queue_.push_back({std::move(request), std::move(done)});
}

HttpAnswer HttpPool::call_and_wait(HttpRequest request) {
    HttpAnswer answer;
    bool is_done = false;
    call(std::move(request), [&](HttpAnswer got) {
        answer = std::move(got);
        is_done = true;
        loop_.stop();
    });
    while (!is_done) loop_.run();
    return answer;
}

void HttpPool::work(HttpConnection& idle) {
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    idle.start(std::move(job.request), std::move(job.done));
}

}  // namespace carillon::load
