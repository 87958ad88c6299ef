#pragma once

#include "base/key_tag.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What a shared access policy allows, as flags. `registry_write` implies read.
/// Source: azure-iot-sdk-csharp: AccessRights.cs; IoT Hub docs, "Control access to IoT Hub".
enum class AccessRights : std::uint16_t {
    none = 0,
    registry_read = 1,
    registry_write = 3,
    service_connect = 4,
    device_connect = 8,
    all = 15,  ///< Of the hub, as the service has them.
    // The next four flags are those of provisioning, see provisioning_rights.hpp.
    job_approve = 256,  ///< Ours: to let a job begin that somebody else made. No standard policy has it.
};
constexpr AccessRights operator|(AccessRights a, AccessRights b) {
    return static_cast<AccessRights>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// True if `held` includes every right of `needed`.
constexpr bool includes(AccessRights held, AccessRights needed) {
    return (static_cast<unsigned>(held) & static_cast<unsigned>(needed)) == static_cast<unsigned>(needed);
}

/// The names of the rights, as the service writes them.
std::vector<std::string_view> right_names(AccessRights rights);
/// The rights that a list of their names gives, separated by commas; nothing if one is unknown, or there is
/// none.
std::optional<AccessRights> parse_rights(std::string_view names);

struct SharedAccessPolicy {
    std::string name;
    AccessRights rights = AccessRights::none;
    std::string primary_key;  ///< base64
    std::string secondary_key;
    // What connections say that they stand on; given by `Policies`.
    KeyTag primary_tag = KeyTag::none;
    KeyTag secondary_tag = KeyTag::none;
    KeyTag pair_tag = KeyTag::none;  ///< Of what both keys sign together.
};

/// What is made new of a policy's keys: one of them, or, by `swap`, which is which.
/// Source: azure-cli: az iot hub policy renew-key.
enum class PolicyRenewal : std::uint8_t { primary, secondary, swap };

/// The hub's shared access policies. A policy does not change: it is replaced by another of its name. Any
/// thread.
class Policies {
public:
    /// Ours: the service has a few more than its own five.
    static constexpr std::size_t count_max = 16;
    static constexpr std::size_t name_chars_max = 64;

    /// Reads them from the store's `meta` table; an empty store gets the five standard ones with
    /// random keys (`iothubowner`, `service`, `device`, `registryRead`, `registryReadWrite`).
    static Result<Policies> load_or_create(Store& store, Random& random);
    explicit Policies(std::vector<SharedAccessPolicy> policies);
    /// Of one that nobody else uses yet.
    Policies(Policies&& other) noexcept;

    using Shared = std::shared_ptr<const SharedAccessPolicy>;
    /// Null if there is none. Names compare without regard to case (azure-iot-sdk-csharp:
    /// SharedAccessSignature.cs).
    Shared find(std::string_view name) const;
    std::vector<Shared> all() const;
    /// Differs from what it was once any policy has been replaced.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

    /// `policy` after a renewal, and the tags of what it ended.
    struct Renewed {
        SharedAccessPolicy policy;
        std::vector<KeyTag> ended;
    };
    static Renewed renewed(const SharedAccessPolicy& policy, PolicyRenewal what, Random& random);
    /// A policy with keys of its own, or the one that `held` becomes by other rights: with its keys, and tags
    /// that nothing stands on.
    static SharedAccessPolicy made(std::string name, AccessRights rights, const SharedAccessPolicy* held,
                                   Random& random);
    /// Fails with `argument_invalid` if there may not be a policy of this name and these rights beside the
    /// others: they must be few, and one of them must keep every right.
    Result<> admit(std::string_view name, AccessRights rights) const;
    /// Puts into `batch` what makes `policy` the one of its name in the store, or what removes this one.
    void store(const SharedAccessPolicy& policy, Batch& batch) const;
    void store_without(std::string_view name, Batch& batch) const;
    /// From here on `policy` is the one of its name.
    void replace(SharedAccessPolicy policy);
    /// From here on there is none of this name.
    void remove(std::string_view name);

private:
    mutable std::mutex mutex_;      ///< Guards `policies_`; held for a look at it.
    std::vector<Shared> policies_;  ///< Bound: Policies::count_max.
    std::atomic<std::uint64_t> generation_{1};
};

}  // namespace carillon
