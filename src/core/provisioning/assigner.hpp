#pragma once

#include "base/random.hpp"
#include "base/task.hpp"
#include "core/provisioning/allocation.hpp"
#include "core/provisioning/linked_hubs.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/committer.hpp"
#include "model/enrollment.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct RegistrationRequest;

/// Decides to which hub a device that has proved itself belongs, and makes it there. Of this hub's shards,
/// any thread may call. Source: DPS docs, "How to use allocation policies", "concepts-device-reprovision".
class Assigner {
public:
    /// Both outlive this.
    Assigner(Registry& registry, const std::vector<std::string>& host_names)
        : registry_(registry), host_names_(host_names) {}

    /// Webhooks, where enrollments name them, and other hubs; asked on `threads`. All outlive this. Before
    /// the threads run.
    void use(AllocationWebhooks& webhooks, LinkedHubs& hubs, StorageExecutor& threads);

    /// Whether an enrollment may be kept that names these hubs and this webhook. Fails with
    /// `argument_invalid`, `feature_not_supported`.
    Result<> check(const Enrollment& enrollment) const;

    /// Assigns the device, on the thread of `shard`, or has `record` say why not; `last` is its record so
    /// far, null for none. Fails for a reason that passes: the device is to come again.
    Task<Result<>> assign(Shard* shard, RegistrationRequest* request, Enrollment enrollment,
                          const Registration* last, Registration* record);

private:
    /// What the twin of a device that registers is to be.
    enum class TwinStart : std::uint8_t {
        by_policy,  ///< As the enrollment's policy has it.
        anew,       ///< The initial twin, also of a device that is there.
    };
    /// What is known of an assignment under way.
    struct Assignment {
        Shard* shard;
        RegistrationRequest* request;
        Enrollment enrollment;
        const Registration* last;
        Registration* record;
        ReprovisionPolicy policy{};
        TwinStart start = TwinStart::by_policy;

        bool was_assigned() const;
        bool moves() const;  ///< From one hub to another.
    };

    bool is_ours(std::string_view hub) const;
    /// The hub of that name as registrations spell it; nothing if it is neither this one nor linked.
    std::optional<std::string> known(std::string_view hub) const;
    std::vector<std::string> known_hubs() const;
    std::string choose(const Enrollment& enrollment, std::string_view registration_id) const;

    Task<Result<>> choose_hub(Assignment* of);
    Task<Result<>> fetch_twin(Assignment* of);
    Task<Result<>> seal_key(Assignment* of);
    Task<Result<>> place(Assignment* of);
    /// Makes the device's identity here; gives the substatus.
    Task<Result<std::string>> give_identity(Assignment* of);
    Task<Result<>> leave_last_hub(Assignment* of);
    /// Runs blocking work elsewhere. Fails with `throttling_exception` if too much waits, and as the work
    /// does.
    template <class T, class Work>
    Task<Result<T>> elsewhere(Shard* shard, Work work);

    Registry& registry_;
    const std::vector<std::string>& host_names_;
    AllocationWebhooks* webhooks_ = nullptr;  ///< Null where there are none, as are the next.
    LinkedHubs* hubs_ = nullptr;
    StorageExecutor* threads_ = nullptr;
    std::atomic<std::size_t> waiting_{0};  ///< Devices for which work runs elsewhere.
};

}  // namespace carillon
