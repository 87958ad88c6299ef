#include "endpoint/delivery/delivery_drivers.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "core/events/event_json.hpp"
#include "endpoint/brokers/broker_login.hpp"
#include "endpoint/brokers/kafka_sender.hpp"
#include "endpoint/brokers/nats_sender.hpp"
#include "endpoint/delivery/file_sender.hpp"
#include "endpoint/delivery/webhook_sender.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <utility>

namespace carillon {

namespace {

/// Sends nothing: for an address that the hub's configuration has ceased to allow.
class NoSender final : public EventSender {
public:
    explicit NoSender(std::string why) : why_(std::move(why)) {}
    DeliveryOutcome send(const std::vector<RoutedEvent>&) override {
        return {DeliveryOutcome::Verdict::failed, why_, {}};
    }

private:
    const std::string why_;
};

bool is_to_brokers(RouteEndpoint::Kind kind) {
    return kind == RouteEndpoint::Kind::nats || kind == RouteEndpoint::Kind::kafka;
}

/// Fails with `argument_invalid`.
Result<std::vector<BrokerAddress>> brokers_of(const RouteEndpoint& endpoint) {
    const bool is_nats = endpoint.kind == RouteEndpoint::Kind::nats;
    const auto wanted = is_nats ? BrokerAddress::Kind::nats : BrokerAddress::Kind::kafka;
    auto brokers = BrokerAddress::parse_list(endpoint.url);
    if (brokers && brokers->front().kind == wanted) return brokers;
    return fail(Errc::argument_invalid,
                is_nats
                    ? "url takes nats://HOST[:PORT] or tls://HOST[:PORT], further ones behind a comma"
                    : "url takes kafka://HOST[:PORT] or kafkas://HOST[:PORT], further ones behind a comma");
}

Error io_error(std::string_view what) {
    return {Errc::io_failed, fmt::format("{}: {}", what, std::strerror(errno))};
}

/// Appends `line` and waits until it is on disk.
Result<> append_line(const std::string& file, std::string_view line, std::uint64_t bytes_max) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(io_error(file));
    Result<> outcome;
    struct stat facts {};
    if (::fstat(fd, &facts) != 0) {
        outcome = fail(io_error(file));
    } else if (static_cast<std::uint64_t>(facts.st_size) + line.size() > bytes_max) {
        outcome = fail(Errc::io_failed, fmt::format("{} is full: move it away", file));
    } else if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
               ::fsync(fd) != 0) {
        outcome = fail(io_error(file));
        // A line that was cut off is taken back; the next would stand behind it.
        if (::ftruncate(fd, facts.st_size) != 0) outcome = fail(io_error(file));
    }
    ::close(fd);
    return outcome;
}

}  // namespace

DeliveryDrivers::DeliveryDrivers(Blobs& blobs, std::shared_ptr<const WebTrust> trust, BrokerReach brokers,
                                 std::string hub_name, std::string dead_letters, const Clock& clock)
    : blobs_(blobs),
      trust_(std::move(trust)),
      brokers_(std::move(brokers)),
      hub_name_(std::move(hub_name)),
      dead_letters_(std::move(dead_letters)),
      clock_(clock) {}

Result<> DeliveryDrivers::check(const RouteEndpoint& endpoint) const {
    Result<> reached;
    if (is_to_brokers(endpoint.kind)) {
        const auto brokers = brokers_of(endpoint);
        if (!brokers) return fail(brokers.error());
        if (auto good = check_broker_login(endpoint, brokers->front().is_tls); !good) return good;
        for (const BrokerAddress& broker : *brokers) {
            if (reached) reached = brokers_.check(broker);
        }
    } else if (endpoint.kind == RouteEndpoint::Kind::file) {
        reached = blobs_.check(endpoint.url);
    } else {
        const auto address = WebhookAddress::parse(endpoint.url);
        if (!address) return fail(address.error());
        reached = trust_->reach().check(address->server);
    }
    if (reached) return {};
    return fail(Errc::argument_invalid, "The hub does not send there: " + reached.error().detail);
}

std::unique_ptr<EventSender> DeliveryDrivers::open(const RouteEndpoint& endpoint,
                                                   const std::atomic<bool>& stops) {
    if (auto good = check(endpoint); !good) return std::make_unique<NoSender>(good.error().detail);
    if (endpoint.kind == RouteEndpoint::Kind::file) return std::make_unique<FileSender>(endpoint, blobs_);
    if (is_to_brokers(endpoint.kind)) {
        auto brokers = *brokers_of(endpoint);
        const std::string& ca_file = brokers_.ca_file;
        if (endpoint.kind == RouteEndpoint::Kind::nats)
            return std::make_unique<NatsSender>(endpoint, std::move(brokers), hub_name_, ca_file, stops);
        return std::make_unique<KafkaSender>(endpoint, std::move(brokers), hub_name_, ca_file, stops);
    }
    auto address = WebhookAddress::parse(endpoint.url);
    return std::make_unique<WebhookSender>(endpoint, *std::move(address), hub_name_, trust_, clock_, stops,
                                           spans_);
}

Result<> DeliveryDrivers::keep_dead_letter(std::string_view endpoint, const RoutedEvent& event,
                                           std::string_view reason) {
    if (::mkdir(dead_letters_.c_str(), 0700) != 0 && errno != EEXIST) return fail(io_error(dead_letters_));
    std::string line;
    JsonWriter json(line);
    json.begin_object().member("reason", reason).member("time", to_iso8601(clock_.wall_now())).key("event");
    std::string text;
    append_event_json(text, event.partition, event.sequence, event.message);
    json.raw(text).end_object();
    line += '\n';
    return append_line(fmt::format("{}/{}.ndjson", dead_letters_, to_lower(endpoint)), line,
                       dead_letters_bytes_max);
}

}  // namespace carillon
