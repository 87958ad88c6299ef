#include "core/hub/policies.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/hub/provisioning_rights.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <utility>

namespace carillon {
namespace {

KeyTag next_tag() {
    static std::atomic<std::uint32_t> last{0};
    return static_cast<KeyTag>(++last);
}

constexpr std::string_view stored_key = "policies";

constexpr std::array<std::pair<AccessRights, std::string_view>, 9> named_rights{
    {{AccessRights::registry_read, "RegistryRead"},
     {AccessRights::registry_write, "RegistryWrite"},
     {AccessRights::service_connect, "ServiceConnect"},
     {AccessRights::device_connect, "DeviceConnect"},
     {ProvisioningRights::enrollment_read, "EnrollmentRead"},
     {ProvisioningRights::enrollment_write, "EnrollmentWrite"},
     {ProvisioningRights::registration_status_read, "RegistrationStatusRead"},
     {ProvisioningRights::registration_status_write, "RegistrationStatusWrite"},
     {AccessRights::job_approve, "JobApprove"}}};

// A row holds the hub's rights as programs of before provisioning read them, and the others apart. Where
// these are missing, such a program has written the row: who had all rights has them now, too.
constexpr std::string_view provisioning_member = "provisioningRights";
constexpr std::string_view approval_member = "jobApprove";
constexpr unsigned hub_mask = static_cast<unsigned>(AccessRights::all);
constexpr unsigned provisioning_mask = static_cast<unsigned>(ProvisioningRights::all);

std::optional<AccessRights> stored_rights(JsonValue row) {
    const auto of_hub = row.find("rights").integer();
    if (!of_hub || *of_hub < 0 || *of_hub > hub_mask) return std::nullopt;
    const auto approval =
        row.find(approval_member).boolean() ? AccessRights::job_approve : AccessRights::none;
    const JsonValue member = row.find(provisioning_member);
    if (!member.exists()) return *of_hub == hub_mask ? every_right : static_cast<AccessRights>(*of_hub);
    const auto of_provisioning = member.integer();
    const auto is_known = [](std::int64_t rights) {
        return (static_cast<std::uint64_t>(rights) & ~std::uint64_t{provisioning_mask}) == 0;
    };
    if (!of_provisioning || !is_known(*of_provisioning)) return std::nullopt;
    return static_cast<AccessRights>(*of_hub | *of_provisioning) | approval;
}

void give_tags(SharedAccessPolicy& policy) {
    for (KeyTag* tag : {&policy.primary_tag, &policy.secondary_tag, &policy.pair_tag}) *tag = next_tag();
}

std::string to_json(const std::vector<Policies::Shared>& policies) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& policy : policies) {
        json.begin_object()
            .member("name", policy->name)
            .member("rights", static_cast<std::int64_t>(static_cast<unsigned>(policy->rights) & hub_mask))
            .member(provisioning_member,
                    static_cast<std::int64_t>(static_cast<unsigned>(policy->rights) & provisioning_mask))
            .member("primaryKey", policy->primary_key)
            .member("secondaryKey", policy->secondary_key);
        if (includes(policy->rights, AccessRights::job_approve)) json.member(approval_member, true);
        json.end_object();
    }
    json.end_array();
    return out;
}

Result<std::vector<SharedAccessPolicy>> from_json(std::string_view text) {
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_array()) return fail(Errc::store_corrupt, "the policies do not parse");
    std::vector<SharedAccessPolicy> policies;
    for (auto item = json->root().first(); item.exists(); item = item.next()) {
        const auto rights = stored_rights(item);
        if (!rights || item.find("name").string().empty()) {
            return fail(Errc::store_corrupt, "a policy is incomplete");
        }
        SharedAccessPolicy policy;
        policy.name = item.find("name").string();
        policy.rights = *rights;
        policy.primary_key = item.find("primaryKey").string();
        policy.secondary_key = item.find("secondaryKey").string();
        policies.push_back(std::move(policy));
    }
    return policies;
}

std::vector<Policies::Shared> with(std::vector<Policies::Shared> policies, Policies::Shared made) {
    const auto held = std::find_if(policies.begin(), policies.end(),
                                   [&](const auto& one) { return one->name == made->name; });
    if (held == policies.end()) {
        policies.push_back(std::move(made));
    } else {
        *held = std::move(made);
    }
    return policies;
}

std::vector<Policies::Shared> without(std::vector<Policies::Shared> policies, std::string_view name) {
    std::erase_if(policies, [name](const auto& one) { return equals_ignoring_case(one->name, name); });
    return policies;
}

}  // namespace

std::vector<std::string_view> right_names(AccessRights rights) {
    std::vector<std::string_view> names;
    for (const auto& [right, name] : named_rights) {
        if (includes(rights, right)) names.emplace_back(name);
    }
    return names;
}

std::optional<AccessRights> parse_rights(std::string_view names) {
    AccessRights rights = AccessRights::none;
    for (std::size_t at = 0; at <= names.size();) {
        const std::size_t end = std::min(names.find(',', at), names.size());
        const std::string_view word = trimmed(names.substr(at, end - at));
        const auto* known = std::find_if(named_rights.begin(), named_rights.end(), [word](const auto& one) {
            return equals_ignoring_case(one.second, word);
        });
        if (known == named_rights.end()) return std::nullopt;
        rights = rights | known->first;
        at = end + 1;
    }
    return rights;
}

Result<Policies> Policies::load_or_create(Store& store, Random& random) {
    auto stored = store.get(Table::meta, stored_key);
    if (!stored) return fail(std::move(stored).error());
    if (*stored) {
        auto policies = from_json(**stored);
        if (!policies) return fail(std::move(policies).error());
        return Policies(*std::move(policies));
    }
    // Those that a hub and a provisioning service begin with. IoT Hub docs, "Control access to IoT Hub".
    std::vector<SharedAccessPolicy> policies;
    const auto add = [&](std::string name, AccessRights rights) {
        SharedAccessPolicy policy;
        policy.name = std::move(name);
        policy.rights = rights;
        policy.primary_key = random.base64_key();
        policy.secondary_key = random.base64_key();
        policies.push_back(std::move(policy));
    };
    add("iothubowner", every_right);
    add("service", AccessRights::service_connect);
    add("device", AccessRights::device_connect);
    add("registryRead", AccessRights::registry_read);
    add("registryReadWrite", AccessRights::registry_write);
    add("provisioningserviceowner", ProvisioningRights::all);
    Policies made(std::move(policies));
    Batch batch;
    batch.put(Table::meta, std::string(stored_key), to_json(made.policies_));
    if (auto written = store.commit(batch); !written) return fail(std::move(written).error());
    return made;
}

Policies::Policies(std::vector<SharedAccessPolicy> policies) {
    for (auto& policy : policies) {
        give_tags(policy);
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

SharedAccessPolicy Policies::made(std::string name, AccessRights rights, const SharedAccessPolicy* held,
                                  Random& random) {
    SharedAccessPolicy policy;
    policy.name = std::move(name);
    policy.rights = rights;
    policy.primary_key = held != nullptr ? held->primary_key : random.base64_key();
    policy.secondary_key = held != nullptr ? held->secondary_key : random.base64_key();
    give_tags(policy);
    return policy;
}

Result<> Policies::admit(std::string_view name, AccessRights rights) const {
    const auto held = all();
    const bool is_new = find(name) == nullptr;
    if (is_new && held.size() >= count_max) {
        return fail(Errc::argument_invalid, fmt::format("A hub has at most {} policies.", count_max));
    }
    const bool keeps_owner =
        includes(rights, every_right) || std::any_of(held.begin(), held.end(), [name](const Shared& other) {
            return includes(other->rights, every_right) && !equals_ignoring_case(other->name, name);
        });
    if (keeps_owner) return {};
    return fail(Errc::argument_invalid, "No policy would be left that has every right.");
}

void Policies::store(const SharedAccessPolicy& policy, Batch& batch) const {
    batch.put(Table::meta, std::string(stored_key),
              to_json(with(all(), std::make_shared<const SharedAccessPolicy>(policy))));
}

void Policies::store_without(std::string_view name, Batch& batch) const {
    batch.put(Table::meta, std::string(stored_key), to_json(without(all(), name)));
}

void Policies::replace(SharedAccessPolicy policy) {
    auto made = std::make_shared<const SharedAccessPolicy>(std::move(policy));
    const std::lock_guard lock(mutex_);
    policies_ = with(std::move(policies_), std::move(made));
    generation_.fetch_add(1, std::memory_order_release);
}

void Policies::remove(std::string_view name) {
    const std::lock_guard lock(mutex_);
    policies_ = without(std::move(policies_), name);
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
