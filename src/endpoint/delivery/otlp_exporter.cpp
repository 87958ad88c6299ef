#include "endpoint/delivery/otlp_exporter.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "endpoint/delivery/webhook_sender.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <utility>

namespace carillon {
namespace {

/// In nanoseconds since 1970; as a text, since JSON's numbers do not hold it.
std::string unix_ns(WallTime time, Duration later = {}) {
    const std::int64_t ticks = time.ticks - WallTime::unix_epoch_s * WallTime::ticks_per_second;
    return std::to_string(ticks * 100 + std::chrono::duration_cast<std::chrono::nanoseconds>(later).count());
}

void append_text(JsonWriter& out, std::string_view name, std::string_view value) {
    out.begin_object().member("key", name).key("value").begin_object().member("stringValue", value);
    out.end_object().end_object();
}

void append_span(JsonWriter& out, const Span& span) {
    constexpr int status_error = 2;
    out.begin_object().member("traceId", span.context.trace_hex()).member("spanId", span.context.span_hex());
    if (!span.context.state.empty()) out.member("traceState", span.context.state);
    if (span.parent) out.member("parentSpanId", span.parent->span_hex());
    out.member("name", span.name).member("kind", static_cast<int>(span.kind));
    out.member("startTimeUnixNano", unix_ns(span.began))
        .member("endTimeUnixNano", unix_ns(span.began, span.took));
    out.key("attributes").begin_array();
    for (const auto& [name, value] : span.texts) append_text(out, name, value);
    for (const auto& [name, value] : span.numbers) {
        out.begin_object().member("key", name).key("value").begin_object();
        out.member("intValue", std::to_string(value)).end_object().end_object();
    }
    out.end_array().key("status").begin_object();
    if (span.has_failed) out.member("code", status_error);
    out.end_object().end_object();
}

/// Worth another attempt. Source: OTLP 1.3, "Retryable Response Codes".
bool may_pass(const Result<WebAnswer>& answer) {
    if (!answer) return true;
    return answer->status == 429 || answer->status == 502 || answer->status == 503 || answer->status == 504;
}

}  // namespace

std::string otlp_json(const std::vector<Span>& spans, std::string_view host_name) {
    std::string text;
    JsonWriter out(text);
    out.begin_object().key("resourceSpans").begin_array().begin_object();
    out.key("resource").begin_object().key("attributes").begin_array();
    append_text(out, "service.name", "carillon");
    append_text(out, "service.version", CARILLON_VERSION);
    append_text(out, "service.instance.id", host_name);
    out.end_array().end_object();
    out.key("scopeSpans").begin_array().begin_object();
    out.key("scope").begin_object().member("name", "carillon").end_object().key("spans").begin_array();
    for (const Span& span : spans) append_span(out, span);
    out.end_array().end_object().end_array().end_object().end_array().end_object();
    return text;
}

Result<std::unique_ptr<OtlpExporter>> OtlpExporter::open(const std::string& url, unsigned sampled_percent,
                                                         const std::string& ca_file, std::string host_name,
                                                         Random& random) {
    auto address = WebhookAddress::parse(url);
    if (!address) return fail(Errc::config_invalid, "tracing.endpoint: " + address.error().detail);
    // Who configures the hub names the collector, which may have any address.
    const bool has_colon = address->server.host.find(':') != std::string::npos;
    const std::string host = has_colon ? '[' + address->server.host + ']' : address->server.host;
    auto reach = WebReach::parse(
        WebReach::Mode::listed,
        {fmt::format("{}://{}:{}", address->server.is_tls ? "https" : "http", host, address->server.port)});
    if (!reach) return fail(std::move(reach).error());
    auto trust = WebTrust::load(ca_file, *std::move(reach));
    if (!trust) return fail(std::move(trust).error());
    return std::unique_ptr<OtlpExporter>(new OtlpExporter(std::move(address->server),
                                                          std::move(address->target), *std::move(trust),
                                                          sampled_percent, std::move(host_name), random));
}

OtlpExporter::OtlpExporter(WebServer server, std::string target, std::shared_ptr<const WebTrust> trust,
                           unsigned sampled_percent, std::string host_name, Random& random)
    : target_(std::move(target)),
      sampled_percent_(sampled_percent),
      host_name_(std::move(host_name)),
      random_(random),
      client_(std::move(server), std::move(trust), stops_),
      thread_([this] { run(); }) {}

OtlpExporter::~OtlpExporter() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

TraceContext OtlpExporter::continue_from(const std::optional<TraceContext>& caller) {
    if (caller) return caller->child(random_);
    return TraceContext::begin(random_, random_.u64() % 100 < sampled_percent_);
}

void OtlpExporter::ended(Span span) {
    if (!span.context.is_sampled) return;
    const std::lock_guard lock(mutex_);
    if (ends_ || waiting_.size() == spans_max) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    waiting_.push_back(std::move(span));
    if (waiting_.size() == batch_spans_max) changed_.notify_all();
}

void OtlpExporter::follow(Look look) {
    const std::lock_guard lock(follow_mutex_);
    if (follows_ && followed_.size() < followed_max) return followed_.push_back(std::move(look));
    lost_.fetch_add(1, std::memory_order_relaxed);
}

void OtlpExporter::follow_nothing() {
    look_at_followed();  // What has ended since the last look is known now.
    const std::lock_guard lock(follow_mutex_);
    follows_ = false;
    lost_.fetch_add(followed_.size(), std::memory_order_relaxed);
    followed_.clear();
}

void OtlpExporter::look_at_followed() {
    const std::lock_guard lock(follow_mutex_);
    std::erase_if(followed_, [this](const Look& look) {
        auto span = look();
        if (span) ended(*std::move(span));
        return span.has_value();
    });
}

std::uint64_t OtlpExporter::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

std::vector<Span> OtlpExporter::take_batch() {
    const std::size_t count = std::min(waiting_.size(), batch_spans_max);
    std::vector<Span> batch;
    batch.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return batch;
}

void OtlpExporter::run() {
    for (;;) {
        look_at_followed();
        std::vector<Span> batch;
        {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, between_batches,
                              [this] { return ends_ || waiting_.size() >= batch_spans_max; });
            // What is left at the end has one attempt in all.
            if (ends_) client_.give_up_at(std::chrono::steady_clock::now() + WebClient::connect_max);
            batch = take_batch();
            if (batch.empty() && ends_) return;
        }
        if (!batch.empty()) send(batch);
    }
}

/// False when there is nothing to wait for any more.
bool OtlpExporter::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return ends_; });
}

void OtlpExporter::send(const std::vector<Span>& batch) {
    const std::string body = otlp_json(batch, host_name_);
    std::string why;
    for (int attempt = 1; attempt <= attempts_max; ++attempt) {
        const auto answer =
            client_.exchange("POST", target_, "Content-Type: application/json\r\n", body, answer_bytes_max);
        if (answer && answer->status >= 200 && answer->status < 300) {
            sent_.fetch_add(batch.size(), std::memory_order_relaxed);
            if (std::exchange(said_failure_, false)) log.info("collector of traces takes spans again");
            return;
        }
        why = answer ? fmt::format("status {}", answer->status) : answer.error().detail;
        if (!may_pass(answer) || attempt == attempts_max || !pause(first_pause * (1 << (attempt - 1)))) break;
    }
    lost_.fetch_add(batch.size(), std::memory_order_relaxed);
    if (!std::exchange(said_failure_, true)) log.warn("collector of traces takes no spans reason={:?}", why);
}

}  // namespace carillon
