#include "query/value.hpp"

#include "base/text.hpp"
#include "model/configuration_states.hpp"
#include "model/pieces/section_text.hpp"
#include "model/section/section_find.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

/// Steps of what takes a fixed time that is worth counting: unpacking an identity, writing a date.
constexpr std::uint64_t identity_steps = 32;
constexpr std::uint64_t date_steps = 8;
/// What a kept text costs beside its bytes, and the nodes of a parsed text for each of its bytes.
constexpr std::size_t text_overhead = 64;
constexpr std::size_t node_bytes_a_byte = 4;
constexpr std::size_t parsed_bytes_a_step = 8;
/// Parsed texts that are looked through before one is parsed again.
constexpr std::size_t parsed_again_max = 8;

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

SectionValue find(const Section& section, const Path& path, Scratch& scratch) {
    std::size_t passed = 0;
    SectionValue found = find_counting(section, path.keys, passed);
    std::uint64_t steps = 1 + passed / members_a_step;
    if (found.kind == SectionValue::Kind::number) steps += found.text.size() / 16;  // it was read
    if (!scratch.spend(steps)) return {};
    return found;
}

Value read_section(const Section& section, const Path& path, Scratch& scratch) {
    if (path.keys.empty()) return path.tail.empty() ? Value{.kind = Value::Kind::object} : Value{};
    const Value value = from_section(find(section, path, scratch));
    return path.tail.empty() ? value : walk_array(value, path.tail, scratch);
}

Value read_metadata(const Section& section, const Path& path, Scratch& scratch) {
    const SectionValue node = find(section, path, scratch);
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
            return path.tail.empty() ? scopes : walk_array(scopes, path.tail, scratch);
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
    JsonValue json = scratch.printed(job);
    json = json.find(path.field == Field::job_outcome ? "outcome" : "error");
    for (const std::string_view key : path.keys) json = json.find(key);
    const Value value = from_json(json);
    return path.tail.empty() ? value : walk_array(value, path.tail, scratch);
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
    struct Parsed {
        std::string_view text;
        JsonDocument document;
    };
    struct Printed {
        const void* what;
        std::string_view text;
    };
    std::deque<std::string> texts;
    std::deque<Parsed> documents;
    std::vector<Printed> printed;
    std::optional<Identity> identity;
};

void Scratch::Drop::operator()(Kept* kept) const {
    delete kept;
}

Scratch::Kept& Scratch::kept() {
    if (!kept_) kept_.reset(new Kept);
    return *kept_;
}

bool Scratch::spend_bytes(std::size_t bytes) {
    if (bytes > limits_.row_bytes_max - bytes_) {
        overdraw();
        return false;
    }
    bytes_ += bytes;
    return spend(steps_to_copy(bytes));
}

bool Scratch::settle(Meter& meter) const {
    meter.steps += limits_.row_steps_max - steps_left_;
    if (is_overdrawn_) ++meter.overdrawn;
    return !is_overdrawn_;
}

std::string_view Scratch::keep(std::string text) {
    if (!spend_bytes(text.size() + text_overhead)) return {};
    return kept().texts.emplace_back(std::move(text));
}

const Identity& Scratch::identity(const Row& row) {
    auto& identity = kept().identity;
    if (!identity) {
        spend(identity_steps);
        identity = row.document()->identity.unpack();
    }
    return *identity;
}

JsonValue Scratch::parse(std::string_view json) {
    auto& documents = kept().documents;
    const std::size_t looks = std::min(documents.size(), parsed_again_max);
    for (auto parsed = documents.rbegin(); parsed != documents.rbegin() + static_cast<std::ptrdiff_t>(looks);
         ++parsed) {
        if (parsed->text.data() != json.data() || parsed->text.size() != json.size()) continue;
        return spend(1) ? parsed->document.root() : JsonValue();
    }
    if (!spend(1 + json.size() / parsed_bytes_a_step) ||
        !spend_bytes(text_overhead + json.size() * node_bytes_a_byte)) {
        return {};
    }
    auto document = JsonDocument::parse(json);
    if (!document) return {};
    documents.push_back(Kept::Parsed{json, *std::move(document)});
    return documents.back().document.root();
}

template <class Print>
JsonValue Scratch::printed(const void* what, const Print& print) {
    auto& printed = kept().printed;
    auto is_same = [&](const Kept::Printed& known) { return known.what == what; };
    auto known = std::find_if(printed.begin(), printed.end(), is_same);
    if (known == printed.end()) {
        std::string text;
        print(text);
        const std::string_view kept_text = keep(std::move(text));
        if (is_overdrawn()) return {};
        known = printed.insert(known, Kept::Printed{what, kept_text});
    }
    return parse(known->text);
}

JsonValue Scratch::printed(const Section& section) {
    return printed(&section, [&](std::string& text) {
        // One of megabytes is not parsed, and so not written to its end.
        SectionText(section, SectionForm::full).append(text, steps_left_ * parsed_bytes_a_step + 1);
    });
}

JsonValue Scratch::printed(const DeviceJob& job) {
    return printed(&job, [&](std::string& text) { append_device_job_json(text, job); });
}

// --- values ------------------------------------------------------------------------------------

std::string_view text_of(const Value& value, Scratch& scratch) {
    if (value.time != Value::Time::system) return value.text;
    return scratch.spend(date_steps) ? scratch.keep(to_iso8601(value.instant)) : std::string_view();
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

Value walk_array(const Value& from, const std::vector<Segment>& tail, Scratch& scratch) {
    if (!from.is(Value::Kind::array)) return {};
    JsonValue json = scratch.parse(from.text);
    for (const Segment& step : tail) {
        if (!step.index) {
            if (!scratch.spend(1 + json.size() / members_a_step)) return {};
            json = json.find(step.name);  // absent, too, in what is not an object
            continue;
        }
        if (!json.is_array() || *step.index >= json.size()) return {};
        if (!scratch.spend(1 + *step.index / members_a_step)) return {};
        json = json.first();
        for (std::uint32_t i = 0; i < *step.index; ++i) json = json.next();
    }
    if (json.is_number() && !scratch.spend(steps_to_read(json.raw().size()))) return {};
    return from_json(json);
}

Value read_path(const Path& path, const Row& row, Scratch& scratch) {
    if (!scratch.spend(1)) return {};
    if (path.field >= Field::message_body) return read_message_path(path, scratch);
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
            return read_metadata(twin.desired, path, scratch);
        case Field::reported_metadata:
            return read_metadata(twin.reported, path, scratch);
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
