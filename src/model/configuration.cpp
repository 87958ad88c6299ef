#include "model/configuration.hpp"

#include "base/text.hpp"
#include "model/identity.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <limits>

namespace carillon {
namespace {

auto refuse(std::string detail) {
    return fail(Errc::argument_invalid, std::move(detail));
}

/// A text that may be left out, or be null.
Result<std::string> read_text(JsonValue body, std::string_view name, std::size_t bytes_max) {
    const JsonValue value = body.find(name);
    if (value.is_null_or_absent()) return std::string();
    if (!value.is_string() || value.string().size() > bytes_max) {
        return refuse(fmt::format("{} must be a text of at most {} bytes.", name, bytes_max));
    }
    return std::string(value.string());
}

Result<std::string> read_labels(JsonValue body) {
    const JsonValue labels = body.find("labels");
    if (labels.is_null_or_absent()) return std::string();
    if (!labels.is_object() || labels.raw().size() > ConfigurationLimits::labels_bytes_max) {
        return refuse(fmt::format("labels must be an object of at most {} bytes.",
                                  ConfigurationLimits::labels_bytes_max));
    }
    return std::string(labels.raw());
}

Result<std::int32_t> read_priority(JsonValue body) {
    const JsonValue value = body.find("priority");
    if (value.is_null_or_absent()) return 0;
    const auto priority = value.is_number() ? value.integer() : std::nullopt;
    if (!priority || *priority < std::numeric_limits<std::int32_t>::min() ||
        *priority > std::numeric_limits<std::int32_t>::max()) {
        return refuse("priority must be an integer of 32 bits.");
    }
    return static_cast<std::int32_t>(*priority);
}

Result<std::vector<std::pair<std::string, std::string>>> read_queries(JsonValue queries) {
    std::vector<std::pair<std::string, std::string>> read;
    if (queries.is_null_or_absent()) return read;
    if (!queries.is_object()) return refuse("metrics.queries must be an object.");
    if (queries.size() > ConfigurationLimits::metric_queries_max) {
        return refuse(fmt::format("A configuration has at most {} metrics of its own.",
                                  ConfigurationLimits::metric_queries_max));
    }
    for (JsonValue v = queries.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || v.key().empty() ||
            v.key().size() > ConfigurationLimits::metric_name_bytes_max) {
            return refuse("metrics.queries must hold queries by their names.");
        }
        read.emplace_back(v.key(), v.string());
    }
    std::sort(read.begin(), read.end());
    return read;
}

/// The members that a PUT writes and the store keeps.
Result<Configuration> read(std::string_view id, JsonValue body) {
    Configuration configuration;
    configuration.id = id;
    auto schema_version = read_text(body, "schemaVersion", ConfigurationLimits::schema_version_bytes_max);
    if (!schema_version) return fail(std::move(schema_version).error());
    configuration.schema_version = *std::move(schema_version);
    auto labels = read_labels(body);
    if (!labels) return fail(std::move(labels).error());
    configuration.labels = *std::move(labels);
    if (!body.find("content").is_object()) {
        return fail(Errc::invalid_configuration_content, "The content is missing.");
    }
    configuration.content = body.find("content").raw();
    auto condition = read_text(body, "targetCondition", std::numeric_limits<std::size_t>::max());
    if (!condition) return fail(std::move(condition).error());
    configuration.target_condition = *std::move(condition);
    auto priority = read_priority(body);
    if (!priority) return fail(std::move(priority).error());
    configuration.priority = *priority;
    auto queries = read_queries(body.find("metrics").find("queries"));
    if (!queries) return fail(std::move(queries).error());
    configuration.metric_queries = *std::move(queries);
    return configuration;
}

void write_definition(JsonWriter& json, const Configuration& configuration) {
    json.member("id", configuration.id);
    json.key("schemaVersion");
    if (configuration.schema_version.empty()) {
        json.null();
    } else {
        json.value(configuration.schema_version);
    }
    json.member_raw("labels", configuration.labels.empty() ? "null" : std::string_view(configuration.labels));
    json.member_raw("content", configuration.content);
    json.member("targetCondition", configuration.target_condition);
    json.member("createdTimeUtc", to_iso8601(configuration.created));
    json.member("lastUpdatedTimeUtc", to_iso8601(configuration.updated));
    json.member("priority", configuration.priority);
}

void write_queries(JsonWriter& json, const Configuration& configuration) {
    json.key("queries").begin_object();
    for (const auto& [name, query] : configuration.metric_queries) json.member(name, query);
    json.end_object();
}

bool is_of_modules(const Configuration& configuration) {
    const auto content = JsonDocument::parse(configuration.content);
    return content && !content->root().find("moduleContent").is_null_or_absent();
}

/// The queries that count what the system counts, for whoever wants to see the devices.
/// Source: azure-iot-cli-extension, `iot hub configuration show-metric`.
void write_system_queries(JsonWriter& json, const Configuration& configuration) {
    std::string from = is_of_modules(configuration) ? "SELECT deviceId, moduleId FROM devices.modules"
                                                    : "SELECT deviceId FROM devices";
    const std::string status = fmt::format("configurations.[[{}]].status", configuration.id);
    json.key("queries").begin_object();
    json.member("targetedCount", fmt::format("{} WHERE IS_DEFINED({})", from, status));
    json.member("appliedCount", fmt::format("{} WHERE {} = 'Applied'", from, status));
    json.end_object();
}

}  // namespace

bool is_configuration_id(std::string_view id) {
    // Lower case only, as the service has it. Source: IoT Hub docs, "Automatic device management".
    constexpr std::string_view marks = "-+%_*!'";
    return !id.empty() && id.size() <= ConfigurationLimits::id_chars_max &&
           std::all_of(id.begin(), id.end(), [marks](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      marks.find(c) != std::string_view::npos;
           });
}

Result<Configuration> Configuration::parse(std::string_view id, JsonValue body) {
    if (!is_configuration_id(id)) {
        return refuse("The id of a configuration has up to 128 characters of a-z, 0-9 and -+%_*!'.");
    }
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "A configuration must be a JSON object");
    const JsonValue named = body.find("id");
    if (!named.is_null_or_absent() && (!named.is_string() || named.string() != id)) {
        return refuse("id in the body differs from the one in the path");
    }
    return read(id, body);
}

std::string Configuration::encode() const {
    std::string stored;
    JsonWriter json(stored);
    json.begin_object();
    write_definition(json, *this);
    json.key("metrics").begin_object();
    write_queries(json, *this);
    json.end_object();
    json.member("etag", etag);
    json.end_object();
    return stored;
}

Result<Configuration> Configuration::decode(std::string_view stored) {
    const auto corrupt = [] { return fail(Errc::store_corrupt, "a stored configuration does not decode"); };
    const auto json = JsonDocument::parse(stored);
    if (!json || !is_configuration_id(json->root().find("id").string())) return corrupt();
    auto configuration = read(json->root().find("id").string(), json->root());
    const auto created = parse_iso8601(json->root().find("createdTimeUtc").string());
    const auto updated = parse_iso8601(json->root().find("lastUpdatedTimeUtc").string());
    const auto etag = json->root().find("etag").integer();
    if (!configuration || !created || !updated || !etag) return corrupt();
    configuration->created = *created;
    configuration->updated = *updated;
    configuration->etag = static_cast<std::uint64_t>(*etag);
    return configuration;
}

void append_configuration_json(std::string& out, const Configuration& configuration,
                               const std::optional<ConfigurationCounts>& counts) {
    JsonWriter json(out);
    json.begin_object();
    write_definition(json, configuration);
    json.key("systemMetrics").begin_object();
    json.key("results").begin_object();
    if (counts) json.member("targetedCount", counts->targeted).member("appliedCount", counts->applied);
    json.end_object();
    write_system_queries(json, configuration);
    json.end_object();
    json.key("metrics").begin_object();
    json.key("results").begin_object();
    if (counts) {
        for (const auto& [name, count] : counts->custom) json.member(name, count);
    }
    json.end_object();
    write_queries(json, configuration);
    json.end_object();
    json.member("etag", identity_etag_text(configuration.etag));
    json.end_object();
}

}  // namespace carillon
