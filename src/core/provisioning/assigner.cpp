#include "core/provisioning/assigner.hpp"

#include "base/await.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/provisioning/registration_request.hpp"
#include "core/provisioning/tpm_blob.hpp"
#include "core/shard/placement.hpp"
#include "model/registry_line.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

/// From here on clients know `reprovisionedToInitialAssignment`. Source: azure-iot-sdk-csharp#2397.
constexpr std::string_view substatus_since = "2019-04-15";
/// Up to here an enrollment without a policy keeps a device where it is. Source: DPS docs,
/// "concepts-device-reprovision".
constexpr std::string_view sticky_until = "2018-04-01";

/// Source: iotedge#3233, "Custom allocation failed with status code".
constexpr int allocation_failed = 400207;
/// Source: azure-iot-sdk-c maps it to a hub that was not specified.
constexpr int hub_not_given = 400208;

ReprovisionPolicy policy_of(const Enrollment& enrollment, const std::string& api_version) {
    const bool is_old_client = !api_version.empty() && api_version <= sticky_until;
    return enrollment.reprovision.value_or(
        ReprovisionPolicy{.update_hub_assignment = !is_old_client, .migrate_device_data = !is_old_client});
}

/// The value of an identity's `authentication`.
void write_authentication(JsonWriter& json, const RegistrationRequest& request) {
    json.begin_object();
    if (request.enrollee.attestation != AttestationType::x509) {
        // The device signs the hub's tokens by the key it registered with.
        // Source: DPS docs, "iot-dps-https-sym-key-support".
        json.member("type", "sas").key("symmetricKey").begin_object();
        json.member("primaryKey", request.enrollee.primary_key);
        json.member("secondaryKey", request.enrollee.secondary_key);
    } else {
        json.member("type", "selfSigned").key("x509Thumbprint").begin_object();
        json.member("primaryThumbprint", request.certificate_sha256);
        json.key("secondaryThumbprint").null();
    }
    json.end_object().end_object();
}

/// The entry that makes the device, or gives the one there is its credentials; what an operator set of it
/// stays.
std::string entry_text(const RegistrationRequest& request, const Enrollment& enrollment,
                       std::string_view device_id, const FoundRow* existing) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member("id", device_id).member("importMode", "createOrUpdate");
    if (existing != nullptr) {
        const Identity identity = existing->document.identity.unpack();
        json.member("status", device_status_text(identity.status));
        if (identity.status_reason) json.member("statusReason", *identity.status_reason);
        if (!identity.device_scope.empty()) json.member("deviceScope", identity.device_scope);
        json.key("parentScopes").begin_array();
        for (const std::string& scope : identity.parent_scopes) json.value(scope);
        json.end_array();
    }
    json.key("authentication");
    write_authentication(json, request);
    json.key("capabilities").begin_object().member("iotEdge", enrollment.iot_edge).end_object();
    if (!enrollment.initial_twin.empty()) {
        const auto twin = JsonDocument::parse(enrollment.initial_twin);
        CARILLON_ASSERT(twin);
        const JsonValue tags = twin->root().find("tags");
        const JsonValue properties = twin->root().find("properties");
        if (tags.is_object()) json.member_raw("tags", tags.raw());
        if (properties.find("desired").is_object()) {
            json.key("properties").begin_object();
            json.member_raw("desired", properties.find("desired").raw());
            json.end_object();
        }
    }
    json.end_object();
    return text;
}

/// The twin of a device here, as `PlacedDevice::twin`.
std::string twin_text(const FoundRow& row) {
    std::string tags;
    row.document.twin.tags.append_json(tags, SectionForm::plain);
    std::string desired;
    row.document.twin.desired.append_json(desired, SectionForm::plain);
    std::string text;
    JsonWriter json(text);
    json.begin_object().member_raw("tags", tags);
    json.key("properties").begin_object().member_raw("desired", desired).end_object().end_object();
    return text;
}

/// Of a device that registers for the first time.
std::string first_substatus(bool was_there, std::string_view api_version) {
    const bool knows = api_version.empty() || api_version >= substatus_since;
    return was_there && knows ? "reprovisionedToInitialAssignment" : "initialAssignment";
}

bool is_passing(Errc code) {
    return http_status(code) >= 429;
}

}  // namespace

bool Assigner::Assignment::was_assigned() const {
    return last != nullptr && !last->assigned_hub.empty();
}

bool Assigner::Assignment::moves() const {
    return was_assigned() && !equals_ignoring_case(last->assigned_hub, record->assigned_hub);
}

void Assigner::use(AllocationWebhooks& webhooks, LinkedHubs& hubs, StorageExecutor& threads) {
    webhooks_ = &webhooks;
    hubs_ = &hubs;
    threads_ = &threads;
}

bool Assigner::is_ours(std::string_view hub) const {
    return std::any_of(host_names_.begin(), host_names_.end(),
                       [hub](const std::string& name) { return equals_ignoring_case(name, hub); });
}

std::optional<std::string> Assigner::known(std::string_view hub) const {
    if (is_ours(hub)) return host_names_.front();
    if (hubs_ == nullptr) return std::nullopt;
    for (const std::string& name : hubs_->names()) {
        if (equals_ignoring_case(name, hub)) return name;
    }
    return std::nullopt;
}

std::vector<std::string> Assigner::known_hubs() const {
    std::vector<std::string> all{host_names_.front()};
    if (hubs_ != nullptr) all.insert(all.end(), hubs_->names().begin(), hubs_->names().end());
    return all;
}

Result<> Assigner::check(const Enrollment& enrollment) const {
    std::vector<std::string> named = enrollment.hubs;
    if (!enrollment.hub_host_name.empty()) named.push_back(enrollment.hub_host_name);
    for (const std::string& hub : named) {
        if (known(hub)) continue;
        return fail(Errc::argument_invalid,
                    fmt::format("{} is neither a name of this hub nor a linked hub.", hub));
    }
    if (!enrollment.is_custom()) return {};
    if (webhooks_ == nullptr) return fail(Errc::feature_not_supported, "This hub does not call webhooks.");
    return webhooks_->check(enrollment.webhook_url);
}

// By the highest hash of device and hub: a device changes its hub only if that one goes, or the new one wins
// it. Without a measure of the distance geoLatency is the same.
std::string Assigner::choose(const Enrollment& enrollment, std::string_view registration_id) const {
    std::vector<std::string> candidates = enrollment.hubs;
    if (candidates.empty() && !enrollment.hub_host_name.empty())
        candidates.push_back(enrollment.hub_host_name);
    if (candidates.empty()) candidates = known_hubs();
    std::vector<std::string> reachable;  // Those of an older configuration may have gone.
    for (const std::string& hub : candidates) {
        if (auto name = known(hub)) reachable.push_back(*std::move(name));
    }
    if (reachable.empty()) return {};
    if (enrollment.allocation_policy == "static") return reachable.front();
    const auto weight = [id = to_lower(registration_id)](const std::string& hub) {
        return device_hash(id + "\n" + to_lower(hub));
    };
    return *std::max_element(
        reachable.begin(), reachable.end(),
        [&weight](const std::string& a, const std::string& b) { return weight(a) < weight(b); });
}

template <class T, class Work>
Task<Result<T>> Assigner::elsewhere(Shard* shard, Work work) {
    if (waiting_.fetch_add(1) >= EnrollmentLimits::webhook_calls_max) {
        --waiting_;
        co_return fail(Errc::throttling_exception, "Too many devices wait for other servers.");
    }
    auto start = [&](UniqueFunction<void(Result<T>)> done) {
        threads_->run([shard, &work, answered = std::move(done)]() mutable {
            Result<T> answer = work();
            boost::asio::post(shard->executor(),
                              [go_on = std::move(answered), held = std::move(answer)]() mutable {
                                  go_on(std::move(held));
                              });
        });
    };
    auto answer = co_await from_callback<Result<T>>(start);
    --waiting_;
    co_return answer;
}

Task<Result<>> Assigner::assign(Shard* shard, RegistrationRequest* request, Enrollment enrollment,
                                const Registration* last, Registration* record) {
    Assignment of{shard, request, std::move(enrollment), last, record};
    of.policy = policy_of(of.enrollment, request->api_version);
    record->device_id = of.enrollment.device_id;
    if (record->device_id.empty())
        record->device_id =
            last != nullptr && !last->device_id.empty() ? last->device_id : request->enrollee.registration_id;
    for (auto step : {&Assigner::choose_hub, &Assigner::fetch_twin, &Assigner::seal_key, &Assigner::place,
                      &Assigner::leave_last_hub}) {
        auto doing = (this->*step)(&of);
        auto done = co_await std::move(doing);
        if (!done && is_passing(done.error().code)) co_return done;
        if (!done) {
            record->error_code = static_cast<int>(done.error().code);
            record->error_message = done.error().detail;
        }
        if (record->error_code != 0) {
            record->status = RegistrationStatus::failed;
            record->stay_where(last);
            co_return Result<>{};
        }
    }
    co_return Result<>{};
}

/// Fails for a reason that passes; one that does not is in the record.
Task<Result<>> Assigner::choose_hub(Assignment* of) {
    Registration& record = *of->record;
    const Enrollment& enrollment = of->enrollment;
    if (of->was_assigned() && !of->policy.update_hub_assignment) {
        record.payload = of->last->payload;
        if (auto name = known(of->last->assigned_hub)) {
            record.assigned_hub = *std::move(name);
            co_return Result<>{};
        }
    }
    if (!enrollment.is_custom()) {
        record.assigned_hub = choose(enrollment, record.id);
        if (!record.assigned_hub.empty()) co_return Result<>{};
        record.error_code = hub_not_given;
        record.error_message = "None of the enrollment's hubs is this one or a linked hub.";
        co_return Result<>{};
    }
    const std::vector<std::string> hubs = known_hubs();
    const std::string question = AllocationQuestion{enrollment, *of->request, of->last, hubs}.json();
    auto asking = elsewhere<std::string>(of->shard, [this, &enrollment, &question] {
        return webhooks_->ask(enrollment.webhook_url, question);
    });
    const auto answer = co_await std::move(asking);
    if (!answer && (answer.error().code == Errc::throttling_exception ||
                    answer.error().code == Errc::service_unavailable))
        co_return fail(answer.error());
    auto allocated = answer ? Allocation::parse(*answer, hubs) : Result<Allocation>(fail(answer.error()));
    if (!allocated) {
        record.error_code = allocation_failed;
        record.error_message = "Custom allocation failed: " + allocated.error().detail;
        co_return Result<>{};
    }
    record.assigned_hub = std::move(allocated->hub);
    record.payload = std::move(allocated->payload);
    if (!allocated->initial_twin.empty()) {
        of->enrollment.initial_twin = std::move(allocated->initial_twin);
        of->start = TwinStart::anew;
    }
    co_return Result<>{};
}

/// Of a device that moves, and takes its twin along.
Task<Result<>> Assigner::fetch_twin(Assignment* of) {
    if (!of->moves()) co_return Result<>{};
    Registration& record = *of->record;
    const bool is_given = of->start == TwinStart::anew;
    of->start = TwinStart::anew;
    record.substatus = of->policy.migrate_device_data ? "deviceDataMigrated" : "deviceDataReset";
    if (is_given || !of->policy.migrate_device_data) co_return Result<>{};
    const std::string& id = of->last->device_id;
    std::string twin;
    if (is_ours(of->last->assigned_hub)) {
        const auto key = IdentityKey::parse(id);
        if (!key) co_return fail(key.error());
        auto finding = registry_.find(*key);
        const auto found = co_await std::move(finding);
        if (found) twin = twin_text(*found);
    } else if (known(of->last->assigned_hub)) {
        auto asking = elsewhere<std::string>(
            of->shard, [this, of] { return hubs_->twin(of->last->assigned_hub, of->last->device_id); });
        auto found = co_await std::move(asking);
        if (!found) co_return fail(std::move(found).error());
        twin = *std::move(found);
    }
    if (!twin.empty()) of->enrollment.initial_twin = std::move(twin);
    co_return Result<>{};
}

/// Gives the device of a TPM a key, which the record tells that TPM only: its own if it has one here, else a
/// new one.
Task<Result<>> Assigner::seal_key(Assignment* of) {
    Registration& record = *of->record;
    if (record.attestation != AttestationType::tpm) co_return Result<>{};
    Enrollee& enrollee = of->request->enrollee;
    Random& random = of->shard->random();
    const auto id = IdentityKey::parse(record.device_id);
    if (!id) co_return fail(id.error());
    auto finding = registry_.find(*id);
    const auto existing = co_await std::move(finding);
    enrollee.primary_key.clear();
    if (existing) enrollee.primary_key = existing->document.identity.unpack().auth.primary_key;
    if (enrollee.primary_key.empty()) enrollee.primary_key = random.base64_key();
    enrollee.secondary_key = random.base64_key();
    const auto holder = base64_decode(enrollee.endorsement_key);
    const auto parent = base64_decode(of->request->storage_root_key);
    const auto key = base64_decode(enrollee.primary_key);
    const auto sealed = seal_for_tpm(holder.value_or(""), parent.value_or(""), key.value_or(""), random);
    if (!sealed) co_return fail(sealed.error());
    record.tpm_key = base64_encode(*sealed);
    co_return Result<>{};
}

Task<Result<>> Assigner::place(Assignment* of) {
    Registration& record = *of->record;
    if (is_ours(record.assigned_hub)) {
        auto giving = give_identity(of);
        auto given = co_await std::move(giving);
        if (!given) co_return fail(std::move(given).error());
        if (!of->moves()) record.substatus = *std::move(given);
        co_return Result<>{};
    }
    const bool stays = of->was_assigned() && !of->moves();
    if (stays && !of->policy.update_hub_assignment && !of->policy.migrate_device_data) {
        record.substatus = of->last->substatus;
        record.tpm_key = of->last->tpm_key;
        co_return Result<>{};
    }
    PlacedDevice device{
        .device_id = record.device_id,
        .authentication = {},
        .iot_edge = of->enrollment.iot_edge,
        .twin = of->enrollment.initial_twin,
        .replaces_twin = of->start == TwinStart::anew || (stays && !of->policy.migrate_device_data)};
    JsonWriter json(device.authentication);
    write_authentication(json, *of->request);
    auto placing = elsewhere<bool>(
        of->shard, [this, of, &device] { return hubs_->place(of->record->assigned_hub, device); });
    const auto was_there = co_await std::move(placing);
    if (!was_there) co_return fail(was_there.error());
    if (of->moves()) co_return Result<>{};
    record.substatus = first_substatus(*was_there, of->request->api_version);
    if (stays) record.substatus = device.replaces_twin ? "deviceDataReset" : of->last->substatus;
    co_return Result<>{};
}

/// The device is where it belongs, with its twin, so what is left of it may go. If it cannot be reached it
/// stays, and the log says so: the device is not to wait for that.
Task<Result<>> Assigner::leave_last_hub(Assignment* of) {
    if (!of->moves()) co_return Result<>{};
    Result<> removed;
    const auto key = IdentityKey::parse(of->last->device_id);
    if (!key) co_return fail(key.error());
    if (is_ours(of->last->assigned_hub)) {
        auto removing = registry_.remove(*key, {.kind = EtagMatch::Kind::any, .etag = {}});
        removed = co_await std::move(removing);
        if (!removed && removed.error().code == Errc::device_not_found) removed = {};
    } else if (known(of->last->assigned_hub)) {
        auto removing = elsewhere<bool>(of->shard, [this, of]() -> Result<bool> {
            auto done = hubs_->remove(of->last->assigned_hub, of->last->device_id);
            if (!done) return fail(std::move(done).error());
            return true;
        });
        const auto done = co_await std::move(removing);
        if (!done) removed = fail(done.error());
    }
    if (!removed)
        log.warn("device that moved stays at its last hub, too device={} hub={} reason={:?}",
                 of->last->device_id, of->last->assigned_hub, removed.error().detail);
    co_return Result<>{};
}

Task<Result<std::string>> Assigner::give_identity(Assignment* of) {
    const auto key = IdentityKey::parse(of->record->device_id);
    if (!key) co_return fail(key.error());
    auto finding = registry_.find(*key);
    const auto existing = co_await std::move(finding);
    const bool was_assigned = of->was_assigned();
    // Never to be reprovisioned: same hub, same device, as it is.
    if (existing && was_assigned && !of->moves() && !of->policy.update_hub_assignment &&
        !of->policy.migrate_device_data)
        co_return of->last->substatus;

    ImportName name;
    auto entry = ImportEntry::parse(
        entry_text(*of->request, of->enrollment, of->record->device_id, existing ? &*existing : nullptr),
        name);
    if (!entry) co_return fail(std::move(entry).error());
    const bool is_reset =
        existing && (of->start == TwinStart::anew || (was_assigned && !of->policy.migrate_device_data));
    std::optional<TwinPatch> initial;
    if (is_reset) initial = entry->twin() ? *entry->twin() : TwinPatch{};
    std::vector<ImportEntry> entries;
    entries.push_back(*std::move(entry));
    auto applying = registry_.apply(std::move(entries));
    auto applied = co_await std::move(applying);
    if (!applied.front()) co_return fail(std::move(applied.front()).error());
    if (is_reset) {
        auto resetting =
            registry_.write_twin(*key, Shard::TwinWrite::replace, *std::move(initial), EtagMatch{});
        const auto reset = co_await std::move(resetting);
        if (!reset) co_return fail(reset.error());
        co_return "deviceDataReset";
    }
    if (was_assigned && existing) co_return of->last->substatus;
    co_return first_substatus(existing.has_value(), of->request->api_version);
}

}  // namespace carillon
