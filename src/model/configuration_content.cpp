#include "model/configuration_content.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace carillon {
namespace {

auto refuse_content(std::string detail) {
    return fail(Errc::invalid_configuration_content, std::move(detail));
}

/// The names of a path below `properties.desired`.
Result<std::vector<std::string>> parse_path(std::string_view text) {
    std::string dotted(text);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    std::vector<std::string> names;
    for (const std::string_view name : split(dotted, '.')) names.emplace_back(name);
    if (names.size() < 2 || names[0] != "properties" || names[1] != "desired") {
        return refuse_content("A path of the content must begin with properties.desired.");
    }
    names.erase(names.begin(), names.begin() + 2);
    for (const std::string& name : names) {
        if (name.empty()) return refuse_content("A path of the content holds an empty name.");
    }
    return names;
}

/// A tree of values, each leaf with the layer that put it there.
struct Node {
    std::map<std::string, Node, std::less<>> children;
    std::string leaf;  ///< JSON text; empty for an object.
    std::size_t layer = 0;

    /// Becomes `value`, as that of `of`.
    void set(JsonValue value, std::size_t of) {
        children.clear();
        leaf.clear();
        layer = of;
        if (!value.is_object()) {
            leaf = value.raw();
            return;
        }
        for (JsonValue v = value.first(); v.exists(); v = v.next()) children[std::string(v.key())].set(v, of);
    }
    /// The node at `path`; what stands in the way of it becomes an object.
    Node& at(const std::vector<std::string>& path) {
        Node* node = this;
        for (const std::string& name : path) {
            node->leaf.clear();
            node = &node->children[name];
        }
        return *node;
    }
    bool is_object() const { return leaf.empty(); }

    void print(JsonWriter& json, std::vector<bool>& is_in_force) const {
        if (children.empty()) is_in_force[layer] = true;
        if (!is_object()) {
            json.raw(leaf);
            return;
        }
        json.begin_object();
        for (const auto& [name, child] : children) {
            json.key(name);
            child.print(json, is_in_force);
        }
        json.end_object();
    }
};

bool holds_null(JsonValue value) {
    if (value.kind() == JsonKind::null) return true;
    if (!value.is_object()) return false;  // a patch refuses null in an array by itself
    for (JsonValue v = value.first(); v.exists(); v = v.next()) {
        if (holds_null(v)) return true;
    }
    return false;
}

/// True if every value in `have` is one that `taken` names.
bool covers(JsonValue taken, JsonValue have) {
    for (JsonValue h = have.first(); h.exists(); h = h.next()) {
        const JsonValue t = taken.find(h.key());
        if (!t.exists() || (t.is_object() && !(h.is_object() && covers(t, h)))) return false;
    }
    return true;
}

/// Collects the members of a patch; what is inside an object that stays empty leaves nothing.
class PatchText {
public:
    std::string text;

    void put(std::string_view key, std::string_view json) {
        text += text.empty() ? '{' : ',';
        append_json_string(text, key);
        text += ':';
        text += json;
    }
    void put(std::string_view key, PatchText&& inner) {
        if (!inner.text.empty()) put(key, inner.close());
    }
    std::string close() {
        if (!text.empty()) text += '}';
        return std::move(text);
    }
};

PatchText difference(JsonValue have, JsonValue given, JsonValue taken) {
    PatchText patch;
    for (JsonValue g = given.first(); g.exists(); g = g.next()) {
        const JsonValue h = have.find(g.key());
        if (g.is_object() && h.is_object()) {
            patch.put(g.key(), difference(h, g, taken.find(g.key())));
        } else if (h.raw() != g.raw()) {
            patch.put(g.key(), g.raw());
        }
    }
    for (JsonValue t = taken.first(); t.exists(); t = t.next()) {
        const JsonValue h = have.find(t.key());
        if (!h.exists() || given.find(t.key()).exists()) continue;
        if (!t.is_object() || (h.is_object() && covers(t, h))) {
            patch.put(t.key(), "null");
        } else if (h.is_object()) {
            patch.put(t.key(), difference(h, {}, t));
        }
    }
    return patch;
}

}  // namespace

Result<ConfigurationSettings> parse_configuration_settings(JsonValue settings) {
    if (!settings.is_object() || settings.size() == 0) {
        return refuse_content("The content must be an object of settings by their paths.");
    }
    ConfigurationSettings parsed;
    for (JsonValue v = settings.first(); v.exists(); v = v.next()) {
        auto path = parse_path(v.key());
        if (!path) return fail(std::move(path).error());
        if (path->empty() && !v.is_object())
            return refuse_content("The desired properties must be an object.");
        if (holds_null(v)) return refuse_content("The content must not hold null.");
        ConfigurationSetting& setting = parsed.emplace_back();
        setting.path = *std::move(path);
        setting.value = v.raw();
    }
    const ConfigurationSettings* const alone[] = {&parsed};
    if (auto layered = layer_settings(alone); !layered)
        return refuse_content(std::move(layered).error().detail);
    return parsed;
}

Result<ConfigurationContent> ConfigurationContent::parse(JsonValue content) {
    const JsonValue device = content.find("deviceContent");
    const JsonValue module = content.find("moduleContent");
    const JsonValue edge = content.find("modulesContent");
    const int kinds = static_cast<int>(!device.is_null_or_absent()) +
                      static_cast<int>(!module.is_null_or_absent()) +
                      static_cast<int>(!edge.is_null_or_absent());
    if (kinds != 1) {
        return refuse_content(
            "The content must have exactly one of deviceContent, moduleContent and modulesContent.");
    }
    if (!edge.is_null_or_absent()) {
        return refuse_content(
            "This hub does not deploy modules to edge devices, modulesContent is not offered.");
    }
    ConfigurationContent parsed;
    parsed.of = module.is_null_or_absent() ? Of::devices : Of::modules;
    auto settings = parse_configuration_settings(parsed.of == Of::devices ? device : module);
    if (!settings) return fail(std::move(settings).error());
    parsed.settings = *std::move(settings);
    return parsed;
}

Result<LayeredSettings> layer_settings(std::span<const ConfigurationSettings* const> layers) {
    LayeredSettings layered;
    layered.is_in_force.resize(layers.size());
    if (layers.empty()) return layered;
    Node root;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        for (const ConfigurationSetting& setting : *layers[i]) {
            const auto value = JsonDocument::parse(setting.value);
            if (!value) return fail(Errc::argument_invalid, value.error().detail);
            root.at(setting.path).set(value->root(), i);
        }
    }
    std::string text;
    JsonWriter json(text);
    root.print(json, layered.is_in_force);
    // Printed by a section, numbers and texts look as they will in the twin.
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(Errc::argument_invalid, document.error().detail);
    auto patch = SectionPatch::parse(document->root());
    if (!patch) return fail(std::move(patch).error());
    auto section = Section::fresh({}).merged(*patch, SectionKind::desired, {}, Notification::omit);
    if (!section) return fail(std::move(section).error());
    layered.json.clear();
    section->section.append_json(layered.json, SectionForm::plain);
    return layered;
}

std::string settings_patch(const Section& desired, JsonValue given, JsonValue taken) {
    std::string text;
    desired.append_json(text, SectionForm::plain);
    const auto have = JsonDocument::parse(text);
    CARILLON_ASSERT(have);  // a section prints what was checked when it came in
    return difference(have->root(), given, taken).close();
}

}  // namespace carillon
