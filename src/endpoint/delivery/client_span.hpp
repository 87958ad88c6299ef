#pragma once

#include "base/spans.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// A request that the hub makes to another server, as a trace of its own; nothing where no spans are kept.
class ClientSpan {
public:
    /// `name` is a literal; both references outlive it.
    ClientSpan(SpanSink* spans, const Clock& clock, std::string_view name, std::string_view server)
        : spans_(spans), clock_(clock), began_(clock.now()) {
        if (spans_ == nullptr) return;
        span_.context = spans_->continue_from(std::nullopt);
        span_.name = name;
        span_.kind = Span::Kind::client;
        span_.began = clock.wall_now();
        span_.texts.emplace_back("http.request.method", "POST");
        span_.texts.emplace_back("server.address", server);
    }

    /// Header lines that name the trace to the server; empty where no spans are kept.
    std::string field() const {
        return spans_ == nullptr ? std::string() : span_.context.fields();
    }
    /// `status` of the answer; 0 where none came.
    void ended(int status) {
        if (spans_ == nullptr) return;
        span_.took = clock_.now() - began_;
        span_.has_failed = status == 0 || status >= 400;
        if (status != 0) span_.numbers.emplace_back("http.response.status_code", status);
        spans_->ended(std::move(span_));
    }

private:
    SpanSink* const spans_;
    const Clock& clock_;
    const TimePoint began_;
    Span span_;
};

}  // namespace carillon
