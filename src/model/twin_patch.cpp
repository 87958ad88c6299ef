#include "base/member_reader.hpp"
#include "model/twin.hpp"

namespace carillon {

namespace {

/// Reads one section of a service write into `section`, or notes in `clear` that it is null.
Result<> read_section(JsonValue value, std::optional<SectionPatch>& section, bool& clear) {
    if (!value.exists()) return {};
    if (value.kind() == JsonKind::null) {
        clear = true;
        return {};
    }
    auto patch = SectionPatch::parse(value);
    if (!patch) return fail(std::move(patch).error());
    section = *std::move(patch);
    return {};
}

/// Reads `tags` and `properties.desired`.
Result<TwinPatch> read_sections(MemberReader& in) {
    TwinPatch patch;
    const JsonValue tags = in.find("tags");
    MemberReader properties(in.object("properties"), in, "properties.");
    const JsonValue desired = properties.find("desired");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (auto read = read_section(tags, patch.tags, patch.clear_tags); !read)
        return fail(std::move(read).error());
    if (auto read = read_section(desired, patch.desired, patch.clear_desired); !read)
        return fail(std::move(read).error());
    return patch;
}

Result<> check_id(JsonValue id, std::string_view expected, const char* name) {
    if (id.is_null_or_absent() || (id.is_string() && id.string() == expected)) return {};
    return fail(Errc::argument_invalid, std::string(name) + " in the body differs from the one in the path");
}

/// Applies the desired part of a write; `content` is null where the section is to become empty.
Result<SectionChange> write_desired(const Section& desired, const SectionPatch* content, bool replace,
                                    WallTime now, Notification notification) {
    if (content == nullptr)
        return desired.replaced(SectionPatch::empty(), SectionKind::desired, now, notification);
    if (replace) return desired.replaced(*content, SectionKind::desired, now, notification);
    return desired.merged(*content, SectionKind::desired, now, notification);
}

Result<SectionChange> write_tags(const Section& tags, const SectionPatch* content, bool replace,
                                 WallTime now) {
    if (content == nullptr)
        return tags.replaced(SectionPatch::empty(), SectionKind::tags, now, Notification::omit);
    if (replace) return tags.replaced(*content, SectionKind::tags, now, Notification::omit);
    return tags.merged(*content, SectionKind::tags, now, Notification::omit);
}

void take_desired(TwinChange& change, SectionChange desired) {
    if (!desired.touched) return;
    change.twin.desired = std::move(desired.section);
    if (desired.notification.empty()) return;
    // `{…}` gets its `$version` before the closing brace.
    change.notification = std::move(desired.notification);
    change.notification.pop_back();
    if (change.notification.size() > 1) change.notification += ',';
    change.notification += "\"$version\":" + std::to_string(change.twin.desired.version()) + '}';
}

/// A null means a deletion, and a replacement has nothing to delete: who sends one means a PATCH, and would
/// lose all that it does not name. Depth is that of a checked section. Source: azure-iot-cli-extension#693.
Result<> check_no_null(JsonValue object) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        if (v.kind() == JsonKind::null) {
            return fail(
                Errc::argument_invalid,
                "Value of Property or Tag cannot be null. Error in Property/Tag " + describe_json_name(v));
        }
        if (!v.is_object()) continue;
        if (auto checked = check_no_null(v); !checked) return checked;
    }
    return {};
}

bool has_members(const std::optional<SectionPatch>& section) {
    return section && !section->is_empty();
}
const SectionPatch* to_pointer(const std::optional<SectionPatch>& section) {
    return section ? &*section : nullptr;
}

}  // namespace

Result<TwinPatch> TwinPatch::parse(JsonValue body, const IdentityKey& key) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "a twin must be a JSON object");
    MemberReader in(body);
    if (auto checked = check_id(in.find("deviceId"), key.device.str(), "deviceId"); !checked)
        return fail(std::move(checked).error());
    if (key.is_module()) {
        if (auto checked = check_id(in.find("moduleId"), key.module, "moduleId"); !checked)
            return fail(std::move(checked).error());
    }
    return read_sections(in);
}

Result<TwinPatch> TwinPatch::parse_job(JsonValue update_twin, Flavour flavour) {
    if (update_twin.is_null_or_absent()) return fail(Errc::argument_null, "updateTwin is required");
    if (!update_twin.is_object()) return fail(Errc::argument_invalid, "updateTwin must be a JSON object");
    MemberReader in(update_twin);
    const JsonValue etag = in.find("etag");
    const JsonValue root_desired = in.find("desired");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (etag.string() != "*") {
        return fail(Errc::argument_invalid,
                    "Missing or invalid etag for job type ScheduleUpdateTwin. ScheduleUpdateTwin job type is "
                    "a force update, which only accepts '*' as the Etag.");
    }
    auto patch = read_sections(in);
    if (!patch) return patch;
    if (!root_desired.is_null_or_absent()) {
        if (flavour == Flavour::ga) return fail(Errc::argument_invalid, "desired belongs into properties");
        if (!patch->desired && !patch->clear_desired) {
            auto read = read_section(root_desired, patch->desired, patch->clear_desired);
            if (!read) return fail(std::move(read).error());
        }
    }
    if (patch->is_empty())
        return fail(Errc::argument_invalid, "updateTwin has neither tags nor properties.desired");
    return patch;
}

Result<TwinChange> patch_twin(const Twin& twin, const TwinPatch& patch, WallTime now,
                              Notification notification) {
    TwinChange change{.twin = twin, .notification = {}};
    const bool writes_tags = has_members(patch.tags) || patch.clear_tags;
    const bool writes_desired = has_members(patch.desired) || patch.clear_desired;
    if (!writes_tags && !writes_desired) return change;
    if (writes_tags) {
        auto tags = write_tags(twin.tags, to_pointer(patch.tags), false, now);
        if (!tags) return fail(std::move(tags).error());
        change.twin.tags = std::move(tags->section);
    }
    if (writes_desired) {
        auto desired = write_desired(twin.desired, to_pointer(patch.desired), false, now, notification);
        if (!desired) return fail(std::move(desired).error());
        take_desired(change, *std::move(desired));
    }
    change.twin.version += 1;
    change.twin.etag += 1;
    return change;
}

Result<TwinChange> replace_twin(const Twin& twin, const TwinPatch& content, WallTime now,
                                Notification notification) {
    for (const auto* section : {&content.tags, &content.desired}) {
        if (!*section) continue;
        if (auto checked = check_no_null((*section)->root()); !checked)
            return fail(std::move(checked).error());
    }
    TwinChange change{.twin = twin, .notification = {}};
    auto tags = write_tags(twin.tags, to_pointer(content.tags), true, now);
    if (!tags) return fail(std::move(tags).error());
    change.twin.tags = std::move(tags->section);
    auto desired = write_desired(twin.desired, to_pointer(content.desired), true, now, notification);
    if (!desired) return fail(std::move(desired).error());
    take_desired(change, *std::move(desired));
    change.twin.version += 1;
    change.twin.etag += 1;
    return change;
}

Result<TwinChange> patch_reported(const Twin& twin, const SectionPatch& patch, WallTime now) {
    auto reported = twin.reported.merged(patch, SectionKind::reported, now, Notification::omit);
    if (!reported) return fail(Errc::generic_request_entity_too_large, std::move(reported).error().detail);
    TwinChange change{.twin = twin, .notification = {}};
    if (!reported->touched) return change;
    change.twin.reported = std::move(reported->section);
    change.twin.version += 1;
    return change;
}

}  // namespace carillon
