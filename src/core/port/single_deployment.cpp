#include "core/port/single_deployment.hpp"

#include "base/member_reader.hpp"

namespace carillon {
namespace {

/// The write that gives a twin these settings; empty if it has them.
Result<TwinPatch> patch_for(const Twin& twin, const ConfigurationSettings& settings) {
    const ConfigurationSettings* const layers[] = {&settings};
    const auto layered = layer_settings(layers);
    if (!layered) return fail(layered.error());
    const auto given = JsonDocument::parse(layered->json);
    CARILLON_ASSERT(given);
    // Desired properties given as a whole take the place of all there were.
    bool is_whole = false;
    for (const ConfigurationSetting& setting : settings) is_whole = is_whole || setting.path.empty();
    std::string held = "{}";
    if (is_whole) {
        held.clear();
        twin.desired.append_json(held, SectionForm::plain);
    }
    const auto taken = JsonDocument::parse(held);
    CARILLON_ASSERT(taken);
    TwinPatch patch;
    const std::string text = settings_patch(twin.desired, given->root(), taken->root());
    if (text.empty()) return patch;
    const auto json = JsonDocument::parse(text);
    CARILLON_ASSERT(json);
    auto desired = SectionPatch::parse(json->root());
    if (!desired) return fail(std::move(desired).error());
    patch.desired = *std::move(desired);
    return patch;
}

}  // namespace

Result<std::vector<SingleDeployment>> read_single_deployment(const IdentityKey& device, JsonValue body) {
    std::vector<SingleDeployment> orders;
    MemberReader in(body);
    const JsonValue modules = in.find("modulesContent");
    const JsonValue device_content = in.find("deviceContent");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (modules.is_null_or_absent() == device_content.is_null_or_absent() ||
        !(modules.is_object() || device_content.is_object())) {
        return fail(Errc::invalid_configuration_content,
                    "The content must have either modulesContent or deviceContent.");
    }
    if (modules.is_null_or_absent()) {
        auto settings = parse_configuration_settings(device_content);
        if (!settings) return fail(std::move(settings).error());
        orders.push_back({device, *std::move(settings)});
        return orders;
    }
    for (JsonValue v = modules.first(); v.exists(); v = v.next()) {
        auto key = IdentityKey::parse(device.device.str(), v.key());
        if (!key) return fail(std::move(key).error());
        const bool is_system = v.key().starts_with('$');
        if (!key->is_module() || (is_system && v.key() != "$edgeAgent" && v.key() != "$edgeHub")) {
            return fail(Errc::argument_invalid, "A module of the content has a name that none may have.");
        }
        auto settings = parse_configuration_settings(v);
        if (!settings) return fail(std::move(settings).error());
        orders.push_back({*std::move(key), *std::move(settings)});
    }
    return orders;
}

Task<Result<>> apply_single_deployment(Shard* shard, IdentityKey device,
                                       std::vector<SingleDeployment> orders) {
    const auto find = [shard](const IdentityKey& key) {
        const Record* record = shard->directory().find(key);
        return record != nullptr ? record->newest() : nullptr;
    };
    const Document* target = find(device);
    if (target == nullptr) co_return fail(Errc::device_not_found, device.device.str());
    if (!target->identity.iot_edge()) {
        co_return fail(Errc::argument_invalid, "A content is applied to an IoT Edge device only.");
    }
    for (const SingleDeployment& order : orders) {
        if (find(order.twin) == nullptr) {
            const auto made = co_await shard->make_module(order.twin);
            if (!made && made.error().code != Errc::module_already_exists_on_device) {
                co_return fail(made.error());
            }
        }
        const Document* before = find(order.twin);
        if (before == nullptr) co_return fail(Errc::device_not_found, device.device.str());
        auto patch = patch_for(before->twin, order.settings);
        if (!patch) co_return fail(std::move(patch).error());
        if (patch->is_empty()) continue;
        EtagMatch always;
        auto write =
            shard->write_twin(order.twin, Shard::TwinWrite::patch, *std::move(patch), std::move(always));
        const auto written = co_await std::move(write);
        if (!written) co_return fail(written.error());
    }
    co_return Result<>{};
}

}  // namespace carillon
