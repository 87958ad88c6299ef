#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Where routes send messages to, and how.
struct RouteEndpoint {
    enum class Kind : std::uint8_t {
        webhook,  ///< `POST` of CloudEvents in batches.
        file,     ///< Files of lines of JSON, in a directory or a blob container.
        nats,     ///< A stream of NATS JetStream, an event a message.
        kafka,    ///< A topic of Kafka, an event a record, by device.
        events,   ///< A log of the hub's own, which Event Hubs clients read under the endpoint's name.
    };
    /// Bounds of what goes in one request or file. Ours.
    static constexpr std::int64_t batch_events_max = 10'000;
    static constexpr std::int64_t batch_bytes_min = 1024;
    static constexpr std::int64_t batch_bytes_max = 4 * 1024 * 1024;
    static constexpr std::int64_t wait_s_max = 3600;
    static constexpr std::int64_t attempts_limit = 100;
    static constexpr std::size_t url_bytes_max = 4096;
    static constexpr std::size_t secret_bytes_max = 256;
    static constexpr std::int64_t rotation_s = 24 * 3600;  ///< For which a secret signs beside a new one.
    static constexpr std::size_t login_bytes_max = 8 * 1024;  ///< Of a broker's secret.
    static constexpr std::size_t certificate_bytes_max = 32 * 1024;
    static constexpr std::size_t path_bytes_max = 256;
    static constexpr std::size_t enrichment_bytes_max = 256;  ///< Of its name, and of its value.
    /// Of a log. Its events are put into the store within a turn of the hub's loop.
    static constexpr std::int64_t log_batch_events_max = 1000;
    static constexpr std::int64_t retention_s_min = 60;
    static constexpr std::int64_t retention_s_max = 365LL * 24 * 3600;
    static constexpr std::int64_t retention_bytes_min = 1024LL * 1024;
    static constexpr std::int64_t retention_bytes_max = 1LL << 50;

    std::string name;
    Kind kind = Kind::webhook;
    /// A webhook's address, the container's, or the brokers'. May hold a secret; see `shown_url`.
    std::string url;
    /// Of a webhook, signs what is sent, as Standard Webhooks has it: `whsec_` and base64. Of a broker,
    /// `USER:PASSWORD` or, at NATS, a token, the seed of an nkey, or a credentials file. Empty for none.
    std::string secret;
    /// Of a webhook: the one before it signs too, until then, so that receivers can change over.
    std::string previous_secret;
    std::int64_t previous_until_s = 0;  ///< Unix time; the hub sets it.
    std::string mechanism;              ///< Of Kafka, by which `secret` logs in (SASL); empty for PLAIN.
    /// Of a broker, shown to it within TLS: a certificate, those that vouch for it, and its private key, in
    /// PEM.
    std::string client_certificate;
    /// A file's name, with `{endpoint}`, `{partition}`, `{sequence}`, `{YYYY}`, `{MM}`, `{DD}`, `{HH}` and
    /// `{mm}` of its first message. Of NATS the subject, in which `{endpoint}` and `{deviceId}` may stand; of
    /// Kafka the topic.
    std::string path;
    std::int64_t events_max = 100;
    std::int64_t bytes_max =
        256 * 1024;  ///< Of messages as they are stored; a batch ends behind the one that reaches it.
    std::int64_t wait_s = 0;  ///< For which the first message of a batch waits for others.
    /// How often a message is refused before it is put among the dead letters.
    std::int64_t attempts_max = 10;
    /// Of a log: what is older is removed, and what is beyond this size of one partition.
    std::int64_t retention_s = 24 * 3600;
    std::int64_t retention_bytes = 1024LL * 1024 * 1024;
    /// Of the events of jobs it gets those of jobs that name it by `notify`, and no others.
    bool hears_named_jobs = false;
    std::uint32_t log = 0;  ///< Its number, which the hub gives; not read by `parse`.
    /// Application properties to add: names, and values as `query::MessageValue` reads them.
    std::vector<std::pair<std::string, std::string>> enrichments;

    /// Reads the body of a PUT. What is omitted is as in `before`, if there is one, else by default. Fails
    /// with `argument_invalid`.
    static Result<RouteEndpoint> parse(std::string_view name, JsonValue body, const RouteEndpoint* before);
    /// Without a shared access signature.
    std::string_view shown_url() const;
};

/// The text of a subject for the events of one device, in which a subject has no meaning of its own.
std::string nats_subject(std::string_view pattern, std::string_view endpoint, std::string_view device);

std::string_view endpoint_kind_text(RouteEndpoint::Kind kind);
/// Appends the members of the object that `parse` reads; `secrets` says whether those are among them.
enum class RouteSecrets : std::uint8_t { omitted, written };
void append_endpoint_members(JsonWriter& json, const RouteEndpoint& endpoint, RouteSecrets secrets);

}  // namespace carillon
