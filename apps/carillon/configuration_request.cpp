#include "configuration_request.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "json_text.hpp"
#include "query/with_from.hpp"

#include <limits>

namespace carillon {

namespace {

/// The object that `text` is or, as files of other tools have it, holds as its member `name`.
Result<std::string> unwrapped(std::string_view flag, const std::string& text, std::string_view name) {
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_object()) return fail_usage(std::string(flag) + " must be a JSON object");
    const JsonValue inner = json->root().find(name);
    return std::string(inner.is_object() ? inner.raw() : json->root().raw());
}

Result<std::string> queries_of(const std::string& text) {
    auto metrics = unwrapped("--metrics", text, "metrics");
    if (!metrics) return metrics;
    const auto json = JsonDocument::parse(*metrics);
    if (!json || !json->root().find("queries").is_object()) {
        return fail_usage("--metrics must be {\"queries\":{\"name\":\"SELECT …\"}}");
    }
    return std::string(json->root().find("queries").raw());
}

void write_member(JsonWriter& json, const char* name, const std::string& text) {
    if (!text.empty()) json.member_raw(name, text);
}

/// The body of a PUT, whose parts are JSON texts.
struct Body {
    std::string content;
    std::string labels;
    std::string queries;
    std::string target_condition;
    std::int32_t priority = 0;
    std::string schema_version = "\"1.0\"";

    std::string json(const std::string& id) const {
        std::string text;
        JsonWriter out(text);
        out.begin_object().member("id", id);
        write_member(out, "schemaVersion", schema_version);
        write_member(out, "labels", labels);
        out.member_raw("content", content).member("targetCondition", target_condition);
        out.member("priority", priority);
        if (!queries.empty()) out.key("metrics").begin_object().member_raw("queries", queries).end_object();
        out.end_object();
        return text;
    }
    Result<> take(const ConfigurationOrder& order) {
        if (!order.labels.empty()) labels = order.labels;
        if (order.target_condition) target_condition = *order.target_condition;
        if (order.priority) priority = *order.priority;
        if (order.metrics.empty()) return {};
        auto read = queries_of(order.metrics);
        if (!read) return fail(std::move(read).error());
        queries = *std::move(read);
        return {};
    }
};

}  // namespace

Result<> take_sets(ConfigurationOrder& order) {
    for (const std::string& set : order.sets) {
        const auto equals = set.find('=');
        const std::string name = set.substr(0, equals);
        const std::string value = equals == std::string::npos ? std::string() : set.substr(equals + 1);
        if (equals != std::string::npos && name == "targetCondition") {
            order.target_condition = value;
        } else if (equals != std::string::npos && name == "priority") {
            const auto number = parse_i64(value);
            if (!number || *number < std::numeric_limits<std::int32_t>::min() ||
                *number > std::numeric_limits<std::int32_t>::max()) {
                return fail_usage("--set priority= must be an integer");
            }
            order.priority = static_cast<std::int32_t>(*number);
        } else if (equals != std::string::npos && (name == "labels" || name == "metrics")) {
            auto json = read_json_argument("--set " + name, value);
            if (!json) return fail(std::move(json).error());
            (name == "labels" ? order.labels : order.metrics) = *std::move(json);
        } else {
            return fail_usage(
                "--set takes targetCondition=, priority=, labels= or metrics=; content cannot be changed");
        }
    }
    return {};
}

Result<std::string> new_configuration_json(const ConfigurationOrder& order) {
    Body body;
    auto content = unwrapped("--content", order.content, "content");
    if (!content) return content;
    body.content = *std::move(content);
    if (auto taken = body.take(order); !taken) return fail(std::move(taken).error());
    return body.json(order.id);
}

Result<std::string> changed_configuration_json(const ConfigurationOrder& order,
                                               std::string_view current_json) {
    const auto json = JsonDocument::parse(current_json);
    if (!json || !json->root().find("content").is_object()) {
        return fail(Errc::malformed_packet, "the hub's answer is not a configuration");
    }
    const JsonValue current = json->root();
    Body body;
    body.schema_version = current.find("schemaVersion").raw();
    body.labels = current.find("labels").raw();
    body.content = current.find("content").raw();
    body.queries = find_path(current, "metrics.queries").raw();
    body.target_condition = current.find("targetCondition").string();
    body.priority = static_cast<std::int32_t>(current.find("priority").integer().value_or(0));
    if (auto taken = body.take(order); !taken) return fail(std::move(taken).error());
    return body.json(order.id);
}

Result<std::string> metric_statement(std::string_view current_json, std::string_view metric, bool is_system) {
    const auto json = JsonDocument::parse(current_json);
    const JsonValue metrics = json ? json->root().find(is_system ? "systemMetrics" : "metrics") : JsonValue();
    const JsonValue statement = metrics.find("queries").find(metric);
    if (statement.is_string()) {
        const bool is_of_modules = json->root().find("content").find("moduleContent").is_object();
        return query::with_from(statement.string(),
                                is_of_modules ? query::Collection::modules : query::Collection::devices);
    }
    std::string names;
    for (JsonValue v = metrics.find("queries").first(); v.exists(); v = v.next()) {
        names += (names.empty() ? "" : ", ") + std::string(v.key());
    }
    return fail(Errc::not_found_locally, "the configuration has no such metric; it has " +
                                             (names.empty() ? std::string("none") : names));
}

}  // namespace carillon
