#include "query/test_fleet.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/configuration_states.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace carillon::query {
namespace {

/// The value of a result that a test's data makes certain.
template <class T>
T sure(Result<T> result, std::string_view what) {
    if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().detail);
    return *std::move(result);
}

void append_canonical(std::string& out, JsonValue value) {
    if (value.is_object()) {
        std::map<std::string, JsonValue> members;
        for (auto v = value.first(); v.exists(); v = v.next()) members.emplace(v.key(), v);
        out += '{';
        for (const auto& [key, member] : members) {
            if (out.back() != '{') out += ',';
            append_json_string(out, key);
            out += ':';
            append_canonical(out, member);
        }
        out += '}';
    } else if (value.is_array()) {
        out += '[';
        for (auto v = value.first(); v.exists(); v = v.next()) {
            if (out.back() != '[') out += ',';
            append_canonical(out, v);
        }
        out += ']';
    } else if (value.is_string()) {
        append_json_string(out, value.string());
    } else {
        out += value.raw();
    }
}

}  // namespace

TestRow make_row(std::string_view device, std::string_view module, std::string_view json, WallTime created) {
    const auto spec_text = sure(JsonDocument::parse(json), json);
    const JsonValue spec = spec_text.root();
    const IdentityKey key = sure(IdentityKey::parse(device, module), device);

    SeededRandom random(1);
    const auto empty = sure(JsonDocument::parse("{}"), "{}");
    const JsonValue body = spec.find("identity").exists() ? spec.find("identity") : empty.root();
    // The hub makes the modules of an edge device itself, `$edgeAgent` and `$edgeHub`.
    const bool is_system = module.starts_with('$');
    const Identity identity =
        is_system ? Identity(key) : sure(parse_identity(body, key, nullptr, created, random), json);

    Twin twin = Twin::fresh(created);
    WallTime now = created;
    if (const JsonValue tags = spec.find("tags"); tags.exists()) {
        TwinPatch patch;
        patch.tags = sure(SectionPatch::parse(tags), json);
        twin = sure(patch_twin(twin, patch, now), json).twin;
    }
    for (JsonValue v = spec.find("desired").first(); v.exists(); v = v.next()) {
        now = now.plus_s(1);
        TwinPatch patch;
        patch.desired = sure(SectionPatch::parse(v), json);
        twin = sure(patch_twin(twin, patch, now), json).twin;
    }
    for (JsonValue v = spec.find("reported").first(); v.exists(); v = v.next()) {
        now = now.plus_s(1);
        twin = sure(patch_reported(twin, sure(SectionPatch::parse(v), json), now), json).twin;
    }

    LiveState live;
    live.connected = spec.find("connected").boolean();
    if (auto at = parse_iso8601(spec.find("lastActivityTime").string())) live.last_activity = *at;
    live.c2d_count = static_cast<std::uint32_t>(spec.find("messages").integer().value_or(0));
    std::vector<ConfigurationStates::State> states;
    for (JsonValue v = spec.find("configurations").first(); v.exists(); v = v.next()) {
        states.push_back({std::string(v.key()), v.string() == "Applied"});
    }
    if (!states.empty()) live.configurations = std::make_shared<ConfigurationStates>(std::move(states));
    return TestRow{key, Document{.identity = PackedIdentity(identity), .twin = twin}, live};
}

std::vector<std::string> run_query(const Query& query, const std::vector<TestRow>& rows) {
    std::vector<std::string> items;
    Aggregation aggregation(query);
    Meter meter;
    for (const TestRow& row : rows) {
        if (row.key.is_module() != (query.collection == Collection::modules)) continue;
        if (!query.where.keeps(row.row())) continue;
        if (query.is_aggregated()) {
            if (auto added = aggregation.add(row.row(), meter); !added)
                throw std::runtime_error(added.error().detail);
        } else if (query.is_whole_rows()) {
            items.push_back(row.path());
        } else {
            if (auto added = query.append_projected(items.emplace_back(), row.row(), meter); !added)
                throw std::runtime_error(added.error().detail);
        }
    }
    if (query.is_aggregated()) items = aggregation.rows();
    if (query.top && items.size() > *query.top) items.resize(*query.top);
    return items;
}

std::string canonical_json(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    if (!document) return "no JSON: " + std::string(json);
    std::string out;
    append_canonical(out, document->root());
    return out;
}

}  // namespace carillon::query
