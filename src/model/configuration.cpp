#include "model/configuration.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "model/identity.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <limits>

namespace carillon {
namespace {

auto refuse_configuration(std::string detail) {
    return fail(Errc::argument_invalid, std::move(detail));
}

std::string read_text(MemberReader& in, std::string_view name, std::size_t bytes_max) {
    const std::string_view text = in.text(name).value_or("");
    if (text.size() > bytes_max)
        in.refuse(fmt::format("{} must be a text of at most {} bytes.", name, bytes_max));
    return std::string(text);
}

std::string read_labels(MemberReader& in) {
    const JsonValue labels = in.object("labels");
    if (labels.is_null_or_absent()) return {};
    if (labels.raw().size() > ConfigurationLimits::labels_bytes_max) {
        in.refuse(fmt::format("labels must be an object of at most {} bytes.",
                              ConfigurationLimits::labels_bytes_max));
    }
    return std::string(labels.raw());
}

Result<std::vector<std::pair<std::string, std::string>>> read_queries(JsonValue queries) {
    std::vector<std::pair<std::string, std::string>> read;
    if (queries.is_null_or_absent()) return read;
    if (queries.size() > ConfigurationLimits::metric_queries_max) {
        return refuse_configuration(fmt::format("A configuration has at most {} metrics of its own.",
                                                ConfigurationLimits::metric_queries_max));
    }
    for (JsonValue v = queries.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || v.key().empty() ||
            v.key().size() > ConfigurationLimits::metric_name_bytes_max) {
            return refuse_configuration("metrics.queries must hold queries by their names.");
        }
        read.emplace_back(v.key(), v.string());
    }
    std::sort(read.begin(), read.end());
    return read;
}

/// The content with its kinds in the names that readers look for, its settings as they are.
std::string canonical_content(JsonValue content, MemberReader& parent) {
    constexpr std::array<std::string_view, 3> kinds{"deviceContent", "moduleContent", "modulesContent"};
    MemberReader in(content, parent, "content.");
    for (const std::string_view kind : kinds) in.find(kind);  // It notices two spellings.
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (JsonValue v = content.first(); v.exists(); v = v.next()) {
        const auto known = std::find_if(kinds.begin(), kinds.end(), [v](std::string_view kind) {
            return equals_ignoring_case(kind, v.key());
        });
        json.member_raw(known != kinds.end() ? *known : v.key(), v.raw());
    }
    json.end_object();
    return text;
}

/// The members that a PUT writes and the store keeps.
Result<Configuration> read(std::string_view id, MemberReader& in) {
    Configuration configuration;
    configuration.id = id;
    configuration.schema_version =
        read_text(in, "schemaVersion", ConfigurationLimits::schema_version_bytes_max);
    configuration.labels = read_labels(in);
    configuration.target_condition =
        read_text(in, "targetCondition", std::numeric_limits<std::size_t>::max());
    using Int = std::numeric_limits<std::int32_t>;
    configuration.priority =
        static_cast<std::int32_t>(in.integer("priority", Int::min(), Int::max()).value_or(0));
    MemberReader metrics(in.object("metrics"), in, "metrics.");
    const JsonValue metric_queries = metrics.object("queries");
    const JsonValue content = in.find("content");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (!content.is_object()) return fail(Errc::invalid_configuration_content, "The content is missing.");
    configuration.content = canonical_content(content, in);
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    auto queries = read_queries(metric_queries);
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
        return refuse_configuration(
            "The id of a configuration has up to 128 characters of a-z, 0-9 and -+%_*!'.");
    }
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "A configuration must be a JSON object");
    MemberReader in(body);
    const JsonValue named = in.find("id");
    if (!named.is_null_or_absent() && (!named.is_string() || named.string() != id)) {
        return refuse_configuration("id in the body differs from the one in the path");
    }
    return read(id, in);
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
    MemberReader in(json->root());
    auto configuration = read(json->root().find("id").string(), in);
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
