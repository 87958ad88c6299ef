#pragma once

#include "base/random.hpp"
#include "base/spans.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace carillon {

/// The spans as the body of an export request. Source: OTLP 1.3, "OTLP/HTTP", JSON Protobuf Encoding;
/// opentelemetry-proto: trace.proto.
std::string otlp_json(const std::vector<Span>& spans, std::string_view host_name);

/// Sends spans to a collector by OTLP over HTTP, as JSON, from a thread of its own. What comes faster than it
/// goes, and what a collector does not take, is dropped and counted.
class OtlpExporter final : public SpanSink {
public:
    static constexpr std::size_t spans_max = 4096;  ///< That wait; some 2 MB.
    static constexpr std::size_t batch_spans_max = 512;
    static constexpr std::chrono::milliseconds between_batches{1000};
    /// Of one batch; the collector may be starting. Source: OTLP 1.3, "Failures", retryable status codes.
    static constexpr int attempts_max = 3;
    static constexpr std::chrono::milliseconds first_pause{500};
    static constexpr std::size_t answer_bytes_max = 64 * 1024;
    static constexpr std::size_t followed_max = 1024;  ///< Each some 200 bytes.

    /// Reads `http[s]://HOST[:PORT]/PATH` and starts the thread. Of traces that begin here `sampled_percent`
    /// of a hundred are kept, of others what their caller says. Fails with `config_invalid` and `tls_failed`.
    static Result<std::unique_ptr<OtlpExporter>> open(const std::string& url, unsigned sampled_percent,
                                                      const std::string& ca_file, std::string host_name,
                                                      Random& random);
    /// Sends what waits, for `WebClient::connect_max` at the most.
    ~OtlpExporter() override;
    OtlpExporter(const OtlpExporter&) = delete;
    OtlpExporter& operator=(const OtlpExporter&) = delete;

    TraceContext continue_from(const std::optional<TraceContext>& caller) override;
    void ended(Span span) override;
    void follow(Look look) override;
    /// What is followed has gone; when this returns none of it is looked at any more.
    void follow_nothing();

    std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
    std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
    std::uint64_t waiting() const;

private:
    OtlpExporter(WebServer server, std::string target, std::shared_ptr<const WebTrust> trust,
                 unsigned sampled_percent, std::string host_name, Random& random);
    void run();
    std::vector<Span> take_batch();
    void send(const std::vector<Span>& batch);
    bool pause(std::chrono::milliseconds time);
    void look_at_followed();

    const std::string target_;
    const unsigned sampled_percent_;
    const std::string host_name_;
    Random& random_;
    std::atomic<bool> stops_ = false;
    WebClient client_;          ///< Used by the thread only.
    mutable std::mutex mutex_;  ///< Guards the two below.
    std::deque<Span> waiting_;  ///< Bound: spans_max
    bool ends_ = false;
    std::condition_variable changed_;
    std::mutex follow_mutex_;     ///< Guards the two below; held while they are asked.
    std::vector<Look> followed_;  ///< Bound: followed_max
    bool follows_ = true;
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> lost_{0};
    bool said_failure_ = false;
    std::thread thread_;
};

}  // namespace carillon
