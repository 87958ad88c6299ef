#include "endpoint/brokers/kafka_sender.hpp"

#include "core/events/event_json.hpp"
#include "endpoint/brokers/broker_login.hpp"

#include <fmt/core.h>
#include <librdkafka/rdkafka.h>
#include <sys/mman.h>
#include <unistd.h>
#include <array>
#include <utility>

namespace carillon {

namespace {

using Verdict = DeliveryOutcome::Verdict;

DeliveryOutcome kafka_failure(std::string_view what, rd_kafka_resp_err_t error) {
    const bool is_refused = error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                            error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
                            error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
    return {is_refused ? Verdict::refused : Verdict::failed,
            fmt::format("Kafka: {}: {}", what, rd_kafka_err2str(error)),
            {}};
}

/// What became of a batch; filled within `rd_kafka_poll`, on the sending thread.
struct Reports {
    DeliveryOutcome worst;
    std::string last_error;   ///< Of the connection to a broker.
    bool is_refused = false;  ///< The brokers do not take the hub, or the hub not them.
};

void reported(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& worst = static_cast<Reports*>(opaque)->worst;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (worst.verdict != Verdict::failed) worst = kafka_failure("a record", message->err);
}

void troubled(rd_kafka_t*, int error, const char* reason, void* opaque) {
    auto* const reports = static_cast<Reports*>(opaque);
    const bool is_login = error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL;
    // That all brokers are away, as is said last, is no more than what was said of each.
    if (!is_login && (reports->is_refused || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) &&
        !reports->last_error.empty())
        return;
    reports->is_refused = is_login;
    reports->last_error =
        fmt::format("{}: {}", rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error)), reason);
}

/// A text as a file, in memory alone: the library takes a chain of certificates by no other way.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view text) : fd_(::memfd_create("certificate", MFD_CLOEXEC)) {
        is_good_ = fd_ >= 0 && ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }
    ~MemoryFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    bool is_good() const { return is_good_; }
    std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

private:
    const int fd_;
    bool is_good_ = false;
};

}  // namespace

struct KafkaSender::Line {
    Line() = default;
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    ~Line() {
        if (producer == nullptr) return;
        // What is on its way is given up: it is sent again.
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(producer, 0);
        rd_kafka_destroy(producer);
    }
    Reports reports;
    rd_kafka_t* producer = nullptr;
};

KafkaSender::KafkaSender(const RouteEndpoint& endpoint, std::vector<BrokerAddress> brokers,
                         std::string hub_name, std::string ca_file, const std::atomic<bool>& stops)
    : endpoint_(endpoint),
      brokers_(std::move(brokers)),
      hub_name_(std::move(hub_name)),
      ca_file_(std::move(ca_file)),
      stops_(stops) {}

KafkaSender::~KafkaSender() = default;

DeliveryOutcome KafkaSender::connect() {
    auto line = std::make_unique<Line>();
    const auto certificate = endpoint_.client_certificate.empty()
                                 ? Result<BrokerCertificate>()
                                 : BrokerCertificate::parse(endpoint_.client_certificate);
    if (!certificate) return {Verdict::failed, "Kafka: " + certificate.error().detail, {}};
    const MemoryFile chain(certificate->chain);
    std::array<char, 512> why{};
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    bool is_good = true;
    const auto set = [&](const char* name, const std::string& value) {
        is_good = is_good &&
                  rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK;
    };
    std::string servers;
    for (const BrokerAddress& broker : brokers_) servers += (servers.empty() ? "" : ",") + broker.place();
    const bool is_tls = brokers_.front().is_tls;
    const bool has_login = !endpoint_.secret.empty();
    set("bootstrap.servers", servers);
    set("client.id", "carillon-" + hub_name_);
    set("enable.idempotence", "true");
    set("linger.ms", "5");
    set("message.timeout.ms", std::to_string(wait_max.count()));
    // By the key alone, as Kafka's own clients do.
    set("partitioner", "murmur2_random");
    set("security.protocol",
        has_login ? (is_tls ? "SASL_SSL" : "SASL_PLAINTEXT") : (is_tls ? "SSL" : "PLAINTEXT"));
    set("ssl.endpoint.identification.algorithm", "https");
    if (is_tls && !ca_file_.empty()) set("ssl.ca.location", ca_file_);
    if (has_login) {
        const auto colon = endpoint_.secret.find(':');
        set("sasl.mechanism", endpoint_.mechanism.empty() ? "PLAIN" : endpoint_.mechanism);
        set("sasl.username", endpoint_.secret.substr(0, colon));
        set("sasl.password", endpoint_.secret.substr(colon + 1));
    }
    if (!certificate->key.empty()) {
        if (!chain.is_good()) {
            rd_kafka_conf_destroy(conf);
            return {Verdict::failed, "Kafka: no memory for the certificate", {}};
        }
        set("ssl.certificate.location", chain.path());
        set("ssl.key.pem", certificate->key);
    }
    // The library's own lines go nowhere: what matters is in the endpoint's status.
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_conf_set_opaque(conf, &line->reports);
    rd_kafka_conf_set_dr_msg_cb(conf, reported);
    rd_kafka_conf_set_error_cb(conf, troubled);
    if (is_good) line->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    if (line->producer == nullptr) {
        rd_kafka_conf_destroy(conf);
        return {Verdict::failed, fmt::format("Kafka: {}", why.data()), {}};
    }
    line_ = std::move(line);
    return {};
}

DeliveryOutcome KafkaSender::send(const std::vector<RoutedEvent>& events) {
    if (!line_) {
        if (auto connected = connect(); connected.verdict != Verdict::taken) return connected;
    }
    auto outcome = produce(events);
    // What is still on its way must not come behind what is sent again.
    if (outcome.verdict == Verdict::failed) line_.reset();
    return outcome;
}

// The macros of rd_kafka_producev cast, and are expressions of GNU C.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wpedantic"
DeliveryOutcome KafkaSender::produce(const std::vector<RoutedEvent>& events) {
    rd_kafka_t* const producer = line_->producer;
    line_->reports = {};
    const auto until = std::chrono::steady_clock::now() + wait_max;
    const auto is_over = [&] { return stops_.load() || std::chrono::steady_clock::now() > until; };
    for (const RoutedEvent& event : events) {
        std::string body;
        append_event_json(body, event.partition, event.sequence, event.message);
        const std::string id = fmt::format("{}-{}-{}", hub_name_, event.partition, event.sequence);
        const std::string& device = event.message.device_id;
        for (;;) {
            const rd_kafka_resp_err_t error = rd_kafka_producev(
                producer, RD_KAFKA_V_TOPIC(endpoint_.path.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                RD_KAFKA_V_KEY(device.empty() ? nullptr : device.data(), device.size()),
                RD_KAFKA_V_VALUE(body.data(), body.size()),
                RD_KAFKA_V_HEADER("carillon-id", id.data(), static_cast<ssize_t>(id.size())), RD_KAFKA_V_END);
            if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
            if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || is_over()) return kafka_failure("produce", error);
            rd_kafka_poll(producer, static_cast<int>(step.count()));
        }
    }
    while (rd_kafka_flush(producer, static_cast<int>(step.count())) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (is_over() || line_->reports.is_refused) {
            const std::string& cause = line_->reports.last_error;
            return {
                Verdict::failed, "Kafka: " + (cause.empty() ? std::string("no answer in time") : cause), {}};
        }
    }
    DeliveryOutcome& worst = line_->reports.worst;
    // That a record's time was over says less than what became of the connections.
    if (worst.verdict == Verdict::failed && !line_->reports.last_error.empty())
        worst.detail = "Kafka: " + line_->reports.last_error;
    return worst;
}
#pragma GCC diagnostic pop

}  // namespace carillon
