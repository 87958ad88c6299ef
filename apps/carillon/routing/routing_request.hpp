#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// What `endpoint create` is given.
struct EndpointOrder {
    std::string kind;  ///< Empty for what `url` or `container` says.
    std::string url;
    std::string container;
    std::string secret;              ///< Itself, not the file that holds it.
    bool rotates = false;            ///< The secret before signs too for a day.
    std::string mechanism;           ///< Of Kafka.
    std::string client_certificate;  ///< As PEM, with its key.
    std::string path;
    std::string subject;  ///< Of NATS.
    std::string topic;    ///< Of Kafka.
    std::string start;
    std::optional<std::int64_t> events_max;
    std::optional<std::int64_t> bytes_max;
    std::optional<std::int64_t> wait_s;
    std::string jobs;  ///< `all` or `named`.
    std::optional<std::int64_t> attempts_max;
    std::optional<std::int64_t> retention_s;      ///< Of a log.
    std::optional<std::int64_t> retention_bytes;  ///< The same.
    std::vector<std::string> enrichments;         ///< `NAME=VALUE`
};
/// The body of `PUT /carillon/endpoints/{name}`. Fails with `config_invalid`.
Result<std::string> endpoint_json(const EndpointOrder& order);

/// What `route create` is given.
struct RouteOrder {
    std::string source = "DeviceMessages";
    std::string condition = "true";
    std::vector<std::string> endpoints;
    bool is_disabled = false;
};
std::string route_json(const RouteOrder& order);

/// A file of endpoints and routes: `{"endpoints":[{"name":…}],"routes":[{"name":…}]}`.
struct RoutingFile {
    struct Item {
        std::string name;
        std::string json;
    };
    std::vector<Item> endpoints;
    std::vector<Item> routes;
};
/// Fails with `config_invalid`, with what is wrong in it.
Result<RoutingFile> read_routing_file(std::string_view text);

/// What `route test` is given.
struct RouteTrial {
    std::string body = "{}";
    std::vector<std::string> properties;  ///< `NAME=VALUE`
    std::string device;
    std::string source;     ///< Empty for what the condition's route or the hub takes it for.
    std::string condition;  ///< To try in place of the hub's routes.
};
/// The body of `POST /carillon/routes/test`. Fails with `config_invalid`.
Result<std::string> trial_json(const RouteTrial& trial);

}  // namespace carillon
