#include "core/hub/policies.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace carillon {
namespace {

constexpr std::string_view stored_key = "policies";

std::string to_json(const std::vector<SharedAccessPolicy>& policies) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& policy : policies) {
        json.begin_object()
            .member("name", policy.name)
            .member("rights", static_cast<std::int64_t>(policy.rights))
            .member("primaryKey", policy.primary_key)
            .member("secondaryKey", policy.secondary_key)
            .end_object();
    }
    json.end_array();
    return out;
}

Result<std::vector<SharedAccessPolicy>> from_json(std::string_view text) {
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_array()) return fail(Errc::store_corrupt, "the policies do not parse");
    std::vector<SharedAccessPolicy> policies;
    for (auto item = json->root().first(); item.exists(); item = item.next()) {
        const auto rights = item.find("rights").integer();
        if (!rights || *rights < 0 || *rights > 15 || item.find("name").string().empty()) {
            return fail(Errc::store_corrupt, "a policy is incomplete");
        }
        SharedAccessPolicy policy;
        policy.name = item.find("name").string();
        policy.rights = static_cast<AccessRights>(*rights);
        policy.primary_key = item.find("primaryKey").string();
        policy.secondary_key = item.find("secondaryKey").string();
        policies.push_back(std::move(policy));
    }
    return policies;
}

}  // namespace

Result<Policies> Policies::load_or_create(Store& store, Random& random) {
    auto stored = store.get(Table::meta, stored_key);
    if (!stored) return fail(std::move(stored).error());
    if (*stored) {
        auto policies = from_json(**stored);
        if (!policies) return fail(std::move(policies).error());
        return Policies(*std::move(policies));
    }
    // The five that every hub of the service begins with. IoT Hub docs, "Control access to IoT Hub".
    std::vector<SharedAccessPolicy> policies;
    const auto add = [&](std::string name, AccessRights rights) {
        SharedAccessPolicy policy;
        policy.name = std::move(name);
        policy.rights = rights;
        policy.primary_key = random.base64_key();
        policy.secondary_key = random.base64_key();
        policies.push_back(std::move(policy));
    };
    add("iothubowner", AccessRights::all);
    add("service", AccessRights::service_connect);
    add("device", AccessRights::device_connect);
    add("registryRead", AccessRights::registry_read);
    add("registryReadWrite", AccessRights::registry_write);
    Batch batch;
    batch.put(Table::meta, std::string(stored_key), to_json(policies));
    if (auto written = store.commit(batch); !written) return fail(std::move(written).error());
    return Policies(std::move(policies));
}

const SharedAccessPolicy* Policies::find(std::string_view name) const {
    for (const auto& policy : policies_) {
        if (equals_ignoring_case(policy.name, name)) return &policy;
    }
    return nullptr;
}

}  // namespace carillon
