#pragma once

#include "base/task.hpp"
#include "core/provisioning/assigner.hpp"
#include "core/provisioning/registration_request.hpp"
#include "core/provisioning/signing_certificates.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/shards.hpp"
#include "model/enrollment.hpp"
#include "model/enrollment_authority.hpp"
#include "model/etag_match.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Tells devices that hold no more than a registration id and a key to which hub they belong, and registers
/// them there: enrollments, which back ends write, and the records of registrations. Any thread may call;
/// what is answered is on disk. An individual enrollment and the records of one registration id live with the
/// shard that owns this id, read from the store when they are needed; groups are few, and kept.
///
/// A device's identity is written before the record of its registration, so a crash between the two leaves a
/// device that registers again and is given the same.
/// Source: DPS docs, "concepts-service", "concepts-device-reprovision".
class Provisioning {
public:
    /// All outlive this.
    Provisioning(Shards& shards, Registry& registry, const std::vector<std::string>& host_names);
    ~Provisioning();
    Provisioning(const Provisioning&) = delete;
    Provisioning& operator=(const Provisioning&) = delete;

    /// The id scopes that devices name; without one nobody registers. Before the threads run.
    void use(std::vector<std::string> id_scopes);
    /// As `Assigner::use`.
    void use(AllocationWebhooks& webhooks, LinkedHubs& hubs, StorageExecutor& threads) {
        assigner_.use(webhooks, hubs, threads);
    }
    bool is_on() const { return !id_scopes_.empty(); }
    /// Compares without case.
    bool has_scope(std::string_view scope) const;
    /// Reads the groups and counts the rest. Before the threads run.
    Result<> load();

    // --- for back ends -----------------------------------------------------------------------------
    /// Creates an enrollment, or with `match` replaces one. `body` as of `Enrollment::parse`. Fails with
    /// `enrollment_already_exists`, `enrollment_not_found`, `precondition_failed`, `argument_invalid`,
    /// `too_many_devices` where a hub has as many as it may.
    Task<Result<Enrollment>> put(Enrollment::Kind kind, std::string id, std::string body, EtagMatch match);
    /// Fails with `enrollment_not_found`.
    Task<Result<Enrollment>> find(Enrollment::Kind kind, std::string id);
    /// Without `match` removes unconditionally. Devices and their identities stay. Fails with
    /// `enrollment_not_found`, `precondition_failed`.
    Task<Result<>> remove(Enrollment::Kind kind, std::string id, EtagMatch match);

    /// A page of what the store holds, by id without case.
    template <class T>
    struct Page {
        std::vector<T> items;
        std::string next;  ///< Where the next page begins; empty on the last.
    };
    Task<Result<Page<Enrollment>>> list(Enrollment::Kind kind, std::string from, std::size_t count);

    /// Fails with `registration_not_found`.
    Task<Result<Registration>> find_registration(std::string id);
    Task<Result<>> remove_registration(std::string id, EtagMatch match);
    /// Those of one group.
    Task<Result<Page<Registration>>> list_registrations(std::string group, std::string from,
                                                        std::size_t count);

    /// The authorities that enrollments may name, by name. `find_authority` and `remove_authority` fail with
    /// `generic_not_found`, the latter with `argument_invalid` if a group names it; devices of individual
    /// enrollments that do are refused from then on.
    std::vector<EnrollmentAuthority> authorities() const;
    Result<EnrollmentAuthority> find_authority(std::string_view name) const;
    /// Makes it, or replaces its certificate, for registrations from then on. Fails with `argument_invalid`.
    Task<Result<EnrollmentAuthority>> put_authority(std::string name, std::string certificate);
    Task<Result<>> remove_authority(std::string name);
    /// Those that the hub keeps for the certificates of devices and that are verified: enrollments may name
    /// them too, and one of `authorities` of the same name goes first. Replaces what was lent before; any
    /// thread.
    void lend(std::vector<EnrollmentAuthority> verified);

    // --- for devices -------------------------------------------------------------------------------
    /// Who may register as `id`: the individual enrollment where there is one, enabled or not, else every
    /// group with keys. Fails with `store_failed`.
    Task<Result<std::vector<Enrollee>>> enrollees(std::string id);
    /// The same for one with a certificate that an authority signed: the group whose certificate is the
    /// nearest of the chain. As `SigningCertificates::find_group`.
    Result<Enrollee> find_signed(const std::string& id, const std::vector<std::string>& chain,
                                 WallTime now) const;
    /// A nonce for a device with a TPM, which only that TPM can open, base64: by its nonce it signs the token
    /// that proves it. `endorsement_key` and `storage_root_key` are its own, as it says. Fails with
    /// `iot_hub_unauthorized_access` if no enabled enrollment has that endorsement key, with
    /// `argument_invalid` if a key is none.
    Task<Result<std::string>> challenge_tpm(std::string id, std::string endorsement_key,
                                            std::string storage_root_key);
    /// Registers a device that has proved itself; the record says how it ended. Fails with
    /// `iot_hub_unauthorized_access` if its enrollment is gone meanwhile.
    Task<Result<Registration>> register_device(RegistrationRequest request);
    /// How the operation ended that `register_device` named. Fails with `operation_not_found` for an id
    /// that is another device's, or not the newest.
    Task<Result<Registration>> operation(std::string id, std::string operation_id);

private:
    struct Part;
    struct Held {
        std::map<std::string, Enrollment> by_id;  ///< In lower case. Bound: EnrollmentLimits::groups_max.
        /// Likewise. Bound: EnrollmentLimits::authorities_max.
        std::map<std::string, EnrollmentAuthority> authorities;
        std::map<std::string, EnrollmentAuthority> lent;  ///< Likewise. Bound: who lends them has one.

        /// Null if there is none of that name.
        const EnrollmentAuthority* named(std::string_view name) const;
    };
    /// All groups, as they are from one change to the next.
    struct Groups : Held {
        explicit Groups(Held held = {});
        SigningCertificates signers;
    };
    using Authorities = std::map<std::string, EnrollmentAuthority>;

    Shard& home(std::string_view lower_id);
    Part& part(const Shard& shard);
    std::shared_ptr<const Groups> groups() const;
    /// Hubs that devices may be assigned to are this one, under any of its names; the twin must be one.
    Result<> check(const Enrollment& enrollment) const;

    Task<Result<Enrollment>> put_there(Part* part, Enrollment::Kind kind, std::string id, std::string body,
                                       EtagMatch match);
    Task<Result<>> remove_there(Part* part, Enrollment::Kind kind, std::string id, EtagMatch match);
    Task<Result<>> remove_record(Part* part, std::string id, EtagMatch match);
    Task<Result<Registration>> register_there(Part* part, RegistrationRequest request);
    Result<std::optional<Enrollment>> read_enrollment(Shard& shard, Enrollment::Kind kind,
                                                      std::string_view lower_id) const;
    /// The nonce of a device's TPM in one span of time, which nobody need remember. Bytes.
    std::string tpm_nonce(std::string_view lower_id, std::string_view endorsement_key,
                          std::int64_t span) const;
    void replace_group(const std::string& lower_id, std::optional<Enrollment> group);
    /// On the first shard, or before its thread runs.
    void replace(Held next);
    Task<Result<EnrollmentAuthority>> put_authority_here(std::string name, std::string certificate);
    Task<Result<>> remove_authority_here(std::string name);
    void replace_authorities(Authorities authorities);
    /// Whoever changes them holds it, on the first shard.
    Task<std::shared_ptr<void>> take_authority_turn();
    static constexpr char authority_mark = 'a';  ///< What keys of authorities begin with in the store.

    Shards& shards_;
    Assigner assigner_;
    std::vector<std::string> id_scopes_;  ///< Bound: the configuration.
    std::vector<std::unique_ptr<Part>> parts_;
    const std::string tpm_secret_;  ///< Nonces are derived from it. Bound: fixed.
    std::atomic<std::size_t> individuals_{0};
    std::atomic<std::size_t> records_{0};
    mutable std::mutex mutex_;  ///< Guards `groups_`, held for a look at it.
    std::shared_ptr<const Groups> groups_ = std::make_shared<const Groups>();
};

}  // namespace carillon
