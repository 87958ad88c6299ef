// Configurations: the body of a PUT, and its settings on a twin. A twin is given `content`, then also
// `over`, and then neither: each step comes to rest at once, and what is left is what was there before.

#include "model/configuration.hpp"
#include "model/configuration_content.hpp"

#include <vector>

namespace {

using namespace carillon;

std::string plain(const Section& section) {
    std::string out;
    section.append_json(out, SectionForm::plain);
    return out;
}

/// Makes the section hold `given` instead of `taken`; false if it has no room.
bool settle(Section& desired, const std::string& given, const std::string& taken) {
    const auto give = JsonDocument::parse(given);
    const auto take = JsonDocument::parse(taken);
    CARILLON_ASSERT(give && take);
    const std::string text = settings_patch(desired, give->root(), take->root());
    if (text.empty()) return true;
    const auto json = JsonDocument::parse(text);
    CARILLON_ASSERT(json.has_value());
    const auto patch = SectionPatch::parse(json->root());
    if (!patch) return false;
    const auto change = desired.merged(*patch, SectionKind::desired, {}, Notification::omit);
    if (!change) return false;
    desired = change->section;
    CARILLON_ASSERT(settings_patch(desired, give->root(), take->root()).empty());
    return true;
}

void layer(JsonValue body) {
    std::vector<ConfigurationSettings> layers;
    for (const char* name : {"content", "over"}) {
        auto content = ConfigurationContent::parse(body.find(name));
        if (!content) return;
        layers.push_back(std::move(content->settings));
    }
    const ConfigurationSettings* const both[] = {&layers[0], &layers[1]};
    const auto first = layer_settings(std::span(both).first(1));
    CARILLON_ASSERT(first.has_value());
    const auto second = layer_settings(both);
    if (!second) return;  // together they may have no room
    CARILLON_ASSERT(second->is_in_force[1]);
    const auto own = SectionPatch::parse(body.find("desired"));
    Section desired = Section::fresh({});
    if (own) {
        auto change = desired.merged(*own, SectionKind::desired, {}, Notification::omit);
        if (change) desired = change->section;
    }
    Section empty = Section::fresh({});
    const bool has_room = settle(desired, first->json, "{}") && settle(desired, second->json, first->json) &&
                          settle(desired, "{}", second->json);
    CARILLON_ASSERT(!has_room || own || plain(desired) == plain(empty));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static_cast<void>(Configuration::decode(text));
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_object()) return 0;
    layer(json->root());
    const auto configuration = Configuration::parse("c", json->root());
    if (!configuration) return 0;
    const auto decoded = Configuration::decode(configuration->encode());
    CARILLON_ASSERT(decoded.has_value() && decoded->encode() == configuration->encode());
    return 0;
}
