#include "query/value.hpp"

#include "base/text.hpp"
#include "model/configuration_states.hpp"

#include <utility>

namespace carillon::query {
namespace {

Value text_or_null(std::string_view text) {
    return text.empty() ? Value{.kind = Value::Kind::null} : Value::of(text);
}

Value text_or_undefined(std::string_view text) {
    return text.empty() ? Value{} : Value::of(text);
}

Value from_section(const SectionValue& found) {
    switch (found.kind) {
        case SectionValue::Kind::absent:
            return {};
        case SectionValue::Kind::boolean:
            return Value::of(found.boolean);
        case SectionValue::Kind::number:
            return Value{.kind = Value::Kind::number, .number = found.number, .text = found.text};
        case SectionValue::Kind::string:
            return Value::of(found.text);
        case SectionValue::Kind::array:
            return Value{.kind = Value::Kind::array, .text = found.text};
        case SectionValue::Kind::object:
            break;
    }
    return Value{.kind = Value::Kind::object, .object = found.object};
}

/// Steps into an array's text.
Value walk(const Value& from, const std::vector<Segment>& tail, Scratch& scratch) {
    if (!from.is(Value::Kind::array)) return {};
    JsonValue json = scratch.parse(from.text);
    for (const Segment& step : tail) {
        if (!step.index) {
            json = json.find(step.name);  // absent, too, in what is no object
            continue;
        }
        if (!json.is_array() || *step.index >= json.size()) return {};
        json = json.first();
        for (std::uint32_t i = 0; i < *step.index; ++i) json = json.next();
    }
    return from_json(json);
}

Value read_section(const Section& section, const Path& path, Scratch& scratch) {
    if (path.keys.empty()) return path.tail.empty() ? Value{.kind = Value::Kind::object} : Value{};
    const Value value = from_section(section.find(path.keys));
    return path.tail.empty() ? value : walk(value, path.tail, scratch);
}

Value read_metadata(const Section& section, const Path& path) {
    const SectionValue node = section.find(path.keys);
    if (node.kind == SectionValue::Kind::absent && !path.keys.empty()) return {};
    switch (path.metadata_part) {
        case MetadataPart::node:
            return Value{.kind = Value::Kind::object};
        case MetadataPart::last_updated:
            return Value::of(path.keys.empty() ? section.last_updated() : node.last_updated);
        case MetadataPart::last_updated_version:
            break;
    }
    if (node.last_updated_version == 0) return {};
    return Value::of(static_cast<double>(node.last_updated_version));
}

std::string scopes_json(const std::vector<std::string>& scopes) {
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    for (const std::string& scope : scopes) json.value(scope);
    json.end_array();
    return text;
}

/// Fields that take unpacking the identity; few queries name them.
Value read_identity(const Path& path, const Row& row, Scratch& scratch) {
    const Identity& identity = scratch.identity(row);
    switch (path.field) {
        case Field::status_reason:
            return identity.status_reason ? Value::of(*identity.status_reason) : Value{};
        case Field::status_update_time:
            return Value::of(identity.status_updated);
        case Field::device_scope:
            return text_or_undefined(identity.device_scope);
        case Field::x509_primary:
            return text_or_null(identity.auth.primary_thumbprint);
        case Field::x509_secondary:
            return text_or_null(identity.auth.secondary_thumbprint);
        case Field::parent_scopes: {
            if (identity.parent_scopes.empty()) return {};
            const Value scopes{.kind = Value::Kind::array,
                               .text = scratch.keep(scopes_json(identity.parent_scopes))};
            return path.tail.empty() ? scopes : walk(scopes, path.tail, scratch);
        }
        default:
            return {};
    }
}

Value read_configurations(const Path& path, const Row& row) {
    const auto& configurations = row.live()->configurations;
    if (!configurations) return {};  // as the twin is printed without them
    if (path.keys.empty()) return Value{.kind = Value::Kind::object};
    const auto* state = configurations->find(path.keys[0]);
    if (state == nullptr) return {};
    if (path.field == Field::configurations) return Value{.kind = Value::Kind::object};
    return Value::of(configuration_status_text(*state));
}

/// `outcome.…` and `error.…`: read back from the row as it is printed, since few queries ask.
Value read_job_object(const Path& path, const DeviceJob& job, Scratch& scratch) {
    std::string text;
    append_device_job_json(text, job);
    JsonValue json = scratch.parse(scratch.keep(std::move(text)));
    json = json.find(path.field == Field::job_outcome ? "outcome" : "error");
    for (const std::string_view key : path.keys) json = json.find(key);
    const Value value = from_json(json);
    return path.tail.empty() ? value : walk(value, path.tail, scratch);
}

Value read_job(const Path& path, const DeviceJob& job, Scratch& scratch) {
    switch (path.field) {
        case Field::device_id:
            return Value::of(std::string_view(job.device_id));
        case Field::module_id:
            return text_or_undefined(job.module_id);
        case Field::job_id:
            return Value::of(std::string_view(job.job_id));
        case Field::job_type:
            return Value::of(job_type_text(job.type));
        case Field::job_status:
            return Value::of(device_job_status_text(job.status));
        case Field::job_start:
            return Value::of(job.start);
        case Field::job_end:
            return Value::of(job.end);
        case Field::job_created:
            return Value::of(job.created);
        case Field::job_updated:
            return Value::of(job.last_updated);
        case Field::job_outcome:
        case Field::job_error:
            return read_job_object(path, job, scratch);
        default:
            return {};
    }
}

}  // namespace

// --- scratch -----------------------------------------------------------------------------------

struct Scratch::Kept {
    std::deque<std::string> texts;
    std::deque<JsonDocument> documents;
    std::optional<Identity> identity;
};

void Scratch::Drop::operator()(Kept* kept) const {
    delete kept;
}

Scratch::Kept& Scratch::kept() {
    if (!kept_) kept_.reset(new Kept);
    return *kept_;
}

std::string_view Scratch::keep(std::string text) {
    return kept().texts.emplace_back(std::move(text));
}

const Identity& Scratch::identity(const Row& row) {
    auto& identity = kept().identity;
    if (!identity) identity = row.document()->identity.unpack();
    return *identity;
}

JsonValue Scratch::parse(std::string_view json) {
    auto document = JsonDocument::parse(json);
    if (!document) return {};
    return kept().documents.emplace_back(*std::move(document)).root();
}

// --- values ------------------------------------------------------------------------------------

std::string_view text_of(const Value& value, Scratch& scratch) {
    return value.time == Value::Time::system ? scratch.keep(to_iso8601(value.instant)) : value.text;
}

Value from_json(JsonValue json) {
    switch (json.kind()) {
        case JsonKind::absent:
            return {};
        case JsonKind::null:
            return Value{.kind = Value::Kind::null};
        case JsonKind::boolean:
            return Value::of(json.boolean());
        case JsonKind::number:
            return Value{.kind = Value::Kind::number, .number = json.number(), .text = json.raw()};
        case JsonKind::string:
            return Value::of(json.string());
        case JsonKind::array:
            return Value{.kind = Value::Kind::array, .text = json.raw()};
        case JsonKind::object:
            break;
    }
    return Value{.kind = Value::Kind::object, .text = json.raw()};
}

Value read_path(const Path& path, const Row& row, Scratch& scratch) {
    if (row.job() != nullptr) return read_job(path, *row.job(), scratch);
    if (row.value() != nullptr) return path.field == Field::unknown ? Value{} : *row.value();
    const Document& document = *row.document();
    const Twin& twin = document.twin;
    switch (path.field) {
        case Field::tags:
            if (twin.tags.is_empty()) return {};  // as the twin is printed without them
            return read_section(twin.tags, path, scratch);
        case Field::desired:
            return read_section(twin.desired, path, scratch);
        case Field::reported:
            return read_section(twin.reported, path, scratch);
        case Field::desired_version:
            return Value::of(static_cast<double>(twin.desired.version()));
        case Field::reported_version:
            return Value::of(static_cast<double>(twin.reported.version()));
        case Field::desired_metadata:
            return read_metadata(twin.desired, path);
        case Field::reported_metadata:
            return read_metadata(twin.reported, path);
        case Field::device_id:
            return Value::of(std::string_view(row.key()->device.str()));
        case Field::module_id:
            return text_or_undefined(row.key()->module);
        case Field::status:
            return Value::of(device_status_text(document.identity.status()));
        case Field::connection_state:
            return Value::of(std::string_view(row.live()->connected ? "Connected" : "Disconnected"));
        case Field::last_activity_time:
            return Value::of(row.live()->last_activity);
        case Field::c2d_count:
            return Value::of(static_cast<double>(row.live()->c2d_count));
        case Field::version:
            return Value::of(static_cast<double>(twin.version));
        case Field::etag:
            return Value::of(scratch.keep(twin_etag_text(twin.etag)));
        case Field::device_etag:
            return Value::of(scratch.keep(identity_etag_text(document.identity.etag())));
        case Field::authentication_type:
            return Value::of(auth_type_text(document.identity.auth_type()));
        case Field::model_id:
            return Value::of(std::string_view(scratch.identity(row).model_id));
        case Field::iot_edge:
            return Value::of(document.identity.iot_edge());
        case Field::configurations:
        case Field::configuration_status:
            return read_configurations(path, row);
        case Field::x509_thumbprint:
        case Field::capabilities:
        case Field::properties:
            return Value{.kind = Value::Kind::object};
        case Field::unknown:
            return {};
        default:
            return read_identity(path, row, scratch);
    }
}

}  // namespace carillon::query
