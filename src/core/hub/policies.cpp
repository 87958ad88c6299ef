#include "core/hub/policies.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <utility>

namespace carillon {
namespace {

KeyTag next_tag() {
    static std::atomic<std::uint32_t> last{0};
    return static_cast<KeyTag>(++last);
}

constexpr std::string_view stored_key = "policies";

std::string to_json(const std::vector<Policies::Shared>& policies) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& policy : policies) {
        json.begin_object()
            .member("name", policy->name)
            .member("rights", static_cast<std::int64_t>(policy->rights))
            .member("primaryKey", policy->primary_key)
            .member("secondaryKey", policy->secondary_key)
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

std::vector<std::string_view> right_names(AccessRights rights) {
    std::vector<std::string_view> names;
    for (const auto& [right, name] : {std::pair(AccessRights::registry_read, "RegistryRead"),
                                      {AccessRights::registry_write, "RegistryWrite"},
                                      {AccessRights::service_connect, "ServiceConnect"},
                                      {AccessRights::device_connect, "DeviceConnect"}}) {
        if (includes(rights, right)) names.emplace_back(name);
    }
    return names;
}

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
    Policies made(std::move(policies));
    Batch batch;
    batch.put(Table::meta, std::string(stored_key), to_json(made.policies_));
    if (auto written = store.commit(batch); !written) return fail(std::move(written).error());
    return made;
}

Policies::Policies(std::vector<SharedAccessPolicy> policies) {
    for (auto& policy : policies) {
        for (KeyTag* tag : {&policy.primary_tag, &policy.secondary_tag, &policy.pair_tag}) *tag = next_tag();
        policies_.push_back(std::make_shared<const SharedAccessPolicy>(std::move(policy)));
    }
}

Policies::Policies(Policies&& other) noexcept : policies_(std::move(other.policies_)) {}

std::vector<Policies::Shared> Policies::all() const {
    const std::lock_guard lock(mutex_);
    return policies_;
}

Policies::Renewed Policies::renewed(const SharedAccessPolicy& policy, PolicyRenewal what, Random& random) {
    Renewed renewed{policy, {policy.pair_tag}};
    SharedAccessPolicy& made = renewed.policy;
    made.pair_tag = next_tag();
    const auto renew = [&](std::string& key, KeyTag& tag) {
        renewed.ended.push_back(tag);
        key = random.base64_key();
        tag = next_tag();
    };
    switch (what) {
        case PolicyRenewal::primary:
            renew(made.primary_key, made.primary_tag);
            break;
        case PolicyRenewal::secondary:
            renew(made.secondary_key, made.secondary_tag);
            break;
        case PolicyRenewal::swap:
            std::swap(made.primary_key, made.secondary_key);
            std::swap(made.primary_tag, made.secondary_tag);
            break;
    }
    return renewed;
}

void Policies::store(const SharedAccessPolicy& policy, Batch& batch) const {
    auto stored = all();
    for (auto& held : stored) {
        if (held->name == policy.name) held = std::make_shared<const SharedAccessPolicy>(policy);
    }
    batch.put(Table::meta, std::string(stored_key), to_json(stored));
}

void Policies::replace(SharedAccessPolicy policy) {
    const auto made = std::make_shared<const SharedAccessPolicy>(std::move(policy));
    const std::lock_guard lock(mutex_);
    for (auto& held : policies_) {
        if (held->name == made->name) held = made;
    }
    generation_.fetch_add(1, std::memory_order_release);
}

Policies::Shared Policies::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    for (const auto& policy : policies_) {
        if (equals_ignoring_case(policy->name, name)) return policy;
    }
    return nullptr;
}

}  // namespace carillon
