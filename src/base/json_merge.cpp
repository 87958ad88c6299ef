#include "base/json_merge.hpp"

namespace carillon {

namespace {

void append_merged(JsonWriter& out, JsonValue target, JsonValue changes) {
    if (!changes.is_object()) {
        out.raw(changes.raw());
        return;
    }
    out.begin_object();
    for (JsonValue v = target.is_object() ? target.first() : JsonValue{}; v.exists(); v = v.next()) {
        const JsonValue change = changes.find(v.key());
        if (change.kind() == JsonKind::null) continue;
        out.key(v.key());
        if (change.exists()) {
            append_merged(out, v, change);
        } else {
            out.raw(v.raw());
        }
    }
    for (JsonValue v = changes.first(); v.exists(); v = v.next()) {
        if (v.kind() == JsonKind::null || target.find(v.key()).exists()) continue;
        out.key(v.key());
        append_merged(out, {}, v);
    }
    out.end_object();
}

}  // namespace

std::string merged_json(JsonValue target, JsonValue changes) {
    std::string merged;
    JsonWriter out(merged);
    append_merged(out, target, changes);
    return merged;
}

}  // namespace carillon
