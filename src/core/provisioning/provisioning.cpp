#include "core/provisioning/provisioning.hpp"

#include "base/await.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/provisioning/tpm_blob.hpp"
#include "model/registry_line.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>

namespace carillon {
namespace {

// Keys of the table: what it is, then the id in lower case.
constexpr char individual_mark = 'i';
constexpr char group_mark = 'g';
constexpr char record_mark = 'r';

/// How long a nonce is given out; it is taken as long again. Ours: a registration takes seconds.
constexpr std::int64_t nonce_span_s = 600;

/// Rows looked at for one page, which may so come out short: the shard has other work.
constexpr std::size_t page_rows_max = 1000;

char mark_of(Enrollment::Kind kind) {
    return kind == Enrollment::Kind::group ? group_mark : individual_mark;
}

std::string stored_key(char mark, std::string_view lower_id) {
    return mark + std::string(lower_id);
}

/// Behind all keys of a mark.
std::string end_of(char mark) {
    return std::string(1, static_cast<char>(mark + 1));
}

bool accepts(const EtagMatch& match, std::uint64_t etag) {
    return match.accepts(provisioning_etag_text(etag));
}

auto stale() {
    return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
}

auto no_enrollment() {
    return fail(Errc::enrollment_not_found, "Enrollment not found.");
}

/// Counts one in, unless that would be too many.
bool take_place(std::atomic<std::size_t>& taken, std::size_t most) {
    if (taken.fetch_add(1) < most) return true;
    --taken;
    return false;
}

/// Reads what a key holds, decoded by `T::decode`.
template <class T>
Result<std::optional<T>> read_stored(Shard& shard, const std::string& key) {
    auto stored = shard.store().get(Table::provisioning, key);
    if (!stored) return fail(std::move(stored).error());
    if (!*stored) return std::optional<T>();
    auto decoded = T::decode(**stored);
    if (!decoded) return fail(std::move(decoded).error());
    return std::optional<T>(*std::move(decoded));
}

/// The values of a mark from `from` on, as many as are wanted of those that `takes` says yes to.
template <class T, class Takes>
Result<Provisioning::Page<T>> read_page(Shard& shard, char mark, std::string_view from, std::size_t count,
                                        const Takes& takes) {
    Provisioning::Page<T> page;
    Result<> outcome;
    std::size_t looked_at = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
        if (page.items.size() == count || looked_at++ == page_rows_max) {
            page.next = key.substr(1);
            return false;
        }
        auto decoded = T::decode(value);
        if (!decoded) {
            outcome = fail(std::move(decoded).error());
            return false;
        }
        if (takes(*decoded)) page.items.push_back(*std::move(decoded));
        return true;
    };
    auto scanned = shard.store().scan(Table::provisioning, stored_key(mark, from), end_of(mark), visit);
    if (!scanned) return fail(std::move(scanned).error());
    if (!outcome) return fail(std::move(outcome).error());
    return page;
}

}  // namespace

/// The share of one shard, on its thread.
struct Provisioning::Part {
    /// Whoever is to go on with a key.
    using Waiting = std::deque<UniqueFunction<void(bool)>>;
    /// Keys whose write is on its way, and who waits for its end. Outlives the part where a hub ends while
    /// one waits for a server elsewhere.
    struct Changing {
        boost::asio::any_io_executor executor;
        std::map<std::string, Waiting> keys{};  ///< Bound: the requests under way.
    };

    Shard& shard;
    std::shared_ptr<Changing> changing = std::make_shared<Changing>(Changing{shard.executor()});

    explicit Part(Shard& s) : shard(s) {}

    /// Holds the turn of one key: what is written of it is checked against what is there.
    class Turn {
    public:
        Turn(std::shared_ptr<Changing> changing, std::string key)
            : changing_(std::move(changing)), key_(std::move(key)) {}
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn() {
            const auto held = changing_->keys.find(key_);
            if (held->second.empty()) {
                changing_->keys.erase(held);
                return;
            }
            auto next = std::move(held->second.front());
            held->second.pop_front();
            boost::asio::post(changing_->executor, [go_on = std::move(next)]() mutable { go_on(true); });
        }

    private:
        std::shared_ptr<Changing> changing_;
        std::string key_;
    };

    Task<std::unique_ptr<Turn>> take_turn(std::string key) {
        const auto [held, is_free] = changing->keys.try_emplace(key);
        if (!is_free) {
            // Whoever ends hands its turn on, so the key stays held.
            Waiting& waiting = held->second;
            auto wait = [&waiting](UniqueFunction<void(bool)> done) { waiting.push_back(std::move(done)); };
            co_await from_callback<bool>(wait);
        }
        co_return std::make_unique<Turn>(changing, std::move(key));
    }
};

Provisioning::Provisioning(Shards& shards, Registry& registry, const std::vector<std::string>& host_names)
    : shards_(shards), assigner_(registry, host_names), tpm_secret_(SystemRandom().base64_key()) {
    for (std::size_t i = 0; i < shards.count(); ++i) parts_.push_back(std::make_unique<Part>(shards[i]));
}
Provisioning::~Provisioning() = default;

void Provisioning::use(std::vector<std::string> id_scopes) {
    id_scopes_ = std::move(id_scopes);
}

bool Provisioning::has_scope(std::string_view scope) const {
    return std::any_of(id_scopes_.begin(), id_scopes_.end(),
                       [scope](const std::string& ours) { return equals_ignoring_case(ours, scope); });
}

Result<> Provisioning::load() {
    std::map<std::string, Enrollment> groups;
    Authorities authorities;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        if (key.starts_with(individual_mark)) ++individuals_;
        if (key.starts_with(record_mark)) ++records_;
        if (key.starts_with(authority_mark)) {
            auto authority = EnrollmentAuthority::decode(value);
            if (!authority) outcome = fail(std::move(authority).error());
            if (authority) authorities.emplace(key.substr(1), *std::move(authority));
            return outcome.has_value();
        }
        if (!key.starts_with(group_mark)) return true;
        auto group = Enrollment::decode(value);
        if (!group) {
            outcome = fail(std::move(group).error());
            return false;
        }
        groups.emplace(key.substr(1), *std::move(group));
        return true;
    };
    auto scanned = shards_.first().store().scan(Table::provisioning, {}, {}, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    Held held = *this->groups();  // What was lent.
    held.by_id = std::move(groups);
    held.authorities = std::move(authorities);
    replace(std::move(held));
    return {};
}

Shard& Provisioning::home(std::string_view lower_id) {
    return shards_[shard_number(lower_id, shards_.count())];
}

Provisioning::Part& Provisioning::part(const Shard& shard) {
    return *parts_[shard.number()];
}

std::shared_ptr<const Provisioning::Groups> Provisioning::groups() const {
    const std::lock_guard lock(mutex_);
    return groups_;
}

const EnrollmentAuthority* Provisioning::Held::named(std::string_view name) const {
    const std::string lower_name = to_lower(name);
    for (const auto* held : {&authorities, &lent}) {
        if (const auto found = held->find(lower_name); found != held->end()) return &found->second;
    }
    return nullptr;
}

Provisioning::Groups::Groups(Held held) : Held(std::move(held)) {
    for (const auto& [lower_id, group] : by_id) {
        for (const std::string* name : {&group.primary_authority, &group.secondary_authority}) {
            if (const auto* authority = named(*name)) signers.add(authority->certificate.der, lower_id);
        }
        if (group.primary_certificate) signers.add(group.primary_certificate->der, lower_id);
        if (group.secondary_certificate) signers.add(group.secondary_certificate->der, lower_id);
    }
}

void Provisioning::replace(Held next) {
    auto replaced = std::make_shared<const Groups>(std::move(next));
    const std::lock_guard lock(mutex_);
    groups_ = std::move(replaced);
}

void Provisioning::replace_group(const std::string& lower_id, std::optional<Enrollment> group) {
    Held next = *groups();  // Only the first shard changes groups, one at a time.
    if (group) {
        next.by_id.insert_or_assign(lower_id, *std::move(group));
    } else {
        next.by_id.erase(lower_id);
    }
    replace(std::move(next));
}

void Provisioning::replace_authorities(Authorities authorities) {
    Held next = *groups();
    next.authorities = std::move(authorities);
    replace(std::move(next));
}

Task<std::shared_ptr<void>> Provisioning::take_authority_turn() {
    auto taking = part(shards_.first()).take_turn(std::string(1, authority_mark));
    std::shared_ptr<void> turn = co_await std::move(taking);
    co_return turn;
}

Result<> Provisioning::check(const Enrollment& enrollment) const {
    if (auto checked = assigner_.check(enrollment); !checked) return checked;
    for (const std::string* name : {&enrollment.primary_authority, &enrollment.secondary_authority}) {
        if (name->empty() || groups()->named(*name) != nullptr) continue;
        return fail(Errc::argument_invalid,
                    fmt::format("attestation.x509.caReferences: this hub keeps no authority {}.", *name));
    }
    for (const std::string* key : {&enrollment.endorsement_key, &enrollment.storage_root_key}) {
        if (key->empty()) continue;
        if (auto checked = check_tpm_key(*key); !checked) return checked;
    }
    if (enrollment.initial_twin.empty()) return {};
    const auto twin = JsonDocument::parse(enrollment.initial_twin);
    CARILLON_ASSERT(twin);
    const auto key = IdentityKey::parse(enrollment.id);
    if (!key) return fail(key.error());
    const auto patch = TwinPatch::parse(twin->root(), *key);
    if (!patch) return fail(patch.error().code, "initialTwin: " + patch.error().detail);
    return {};
}

// A single key, mostly from the store's cache: shorter than the way to another thread and back.
Result<std::optional<Enrollment>> Provisioning::read_enrollment(Shard& shard, Enrollment::Kind kind,
                                                                std::string_view lower_id) const {
    if (kind == Enrollment::Kind::individual)
        return read_stored<Enrollment>(shard, stored_key(individual_mark, lower_id));
    const auto all = groups();
    const auto found = all->by_id.find(std::string(lower_id));
    return found != all->by_id.end() ? std::optional(found->second) : std::nullopt;
}

// --- for back ends -------------------------------------------------------------------------------------

Task<Result<Enrollment>> Provisioning::put(Enrollment::Kind kind, std::string id, std::string body,
                                           EtagMatch match) {
    Shard& shard = kind == Enrollment::Kind::group ? shards_.first() : home(to_lower(id));
    auto putting = put_there(&part(shard), kind, std::move(id), std::move(body), std::move(match));
    co_return co_await shards_.on(shard, std::move(putting));
}

Task<Result<Enrollment>> Provisioning::put_there(Part* part, Enrollment::Kind kind, std::string id,
                                                 std::string body, EtagMatch match) {
    Shard& shard = part->shard;
    const std::string lower_id = to_lower(id);
    const std::string key = stored_key(mark_of(kind), lower_id);
    const auto turn = co_await part->take_turn(key);
    auto existing = read_enrollment(shard, kind, lower_id);
    if (!existing) co_return fail(std::move(existing).error());
    if (match.is_absent() && *existing)
        co_return fail(Errc::enrollment_already_exists, "Enrollment already exists.");
    if (!match.is_absent() && !*existing) co_return no_enrollment();
    if (*existing && !accepts(match, (*existing)->etag)) co_return stale();
    const auto document = JsonDocument::parse(body);
    if (!document) co_return fail(document.error());
    const Enrollment* before = *existing ? &**existing : nullptr;
    auto enrollment = Enrollment::parse(kind, id, document->root(), before, shard.random());
    if (!enrollment) co_return fail(std::move(enrollment).error());
    if (auto checked = check(*enrollment); !checked) co_return fail(std::move(checked).error());
    enrollment->updated = shard.clock().wall_now();
    enrollment->created = before != nullptr ? before->created : enrollment->updated;
    enrollment->etag = before != nullptr ? before->etag + 1 : shard.random().u64() >> 33;
    const bool is_new_individual = before == nullptr && kind == Enrollment::Kind::individual;
    const bool has_room =
        kind == Enrollment::Kind::group
            ? before != nullptr || groups()->by_id.size() < EnrollmentLimits::groups_max
            : !is_new_individual || take_place(individuals_, EnrollmentLimits::individuals_max);
    if (!has_room) co_return fail(Errc::too_many_devices, "The hub has the maximum number of enrollments.");
    shard.committer().batch().put(Table::provisioning, key, enrollment->encode());
    const auto saved = co_await shard.committer().durable();
    if (!saved) {
        if (is_new_individual) --individuals_;
        co_return fail(unavailable(saved.error()));
    }
    if (kind == Enrollment::Kind::group) replace_group(lower_id, *enrollment);
    log.info("enrollment written kind={} id={}", kind == Enrollment::Kind::group ? "group" : "individual",
             id);
    co_return *std::move(enrollment);
}

Task<Result<Enrollment>> Provisioning::find(Enrollment::Kind kind, std::string id) {
    const std::string lower_id = to_lower(id);
    Shard& shard = kind == Enrollment::Kind::group ? shards_.first() : home(lower_id);
    auto read = [this, kind, lower_id](Shard& there) { return read_enrollment(there, kind, lower_id); };
    auto found = co_await shards_.call(shard, read);
    if (!found) co_return fail(std::move(found).error());
    if (!*found) co_return no_enrollment();
    co_return **std::move(found);
}

Task<Result<>> Provisioning::remove(Enrollment::Kind kind, std::string id, EtagMatch match) {
    Shard& shard = kind == Enrollment::Kind::group ? shards_.first() : home(to_lower(id));
    auto removing = remove_there(&part(shard), kind, std::move(id), std::move(match));
    co_return co_await shards_.on(shard, std::move(removing));
}

/// The record of an individual enrollment goes with it; those of a group stay.
/// Source: DPS docs, "how-to-unprovision-devices".
Task<Result<>> Provisioning::remove_there(Part* part, Enrollment::Kind kind, std::string id,
                                          EtagMatch match) {
    Shard& shard = part->shard;
    const std::string lower_id = to_lower(id);
    const std::string key = stored_key(mark_of(kind), lower_id);
    const std::string record_key = stored_key(record_mark, lower_id);
    const auto turn = co_await part->take_turn(key);
    const auto record_turn = co_await part->take_turn(record_key);
    const auto existing = read_enrollment(shard, kind, lower_id);
    if (!existing) co_return fail(existing.error());
    if (!*existing) co_return no_enrollment();
    if (!match.is_absent() && !accepts(match, (*existing)->etag)) co_return stale();
    bool had_record = false;
    if (kind == Enrollment::Kind::individual) {
        const auto record = read_stored<Registration>(shard, record_key);
        if (!record) co_return fail(record.error());
        had_record = *record && (*record)->group.empty();
        if (had_record) shard.committer().batch().erase(Table::provisioning, record_key);
    }
    shard.committer().batch().erase(Table::provisioning, key);
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    if (had_record) --records_;
    if (kind == Enrollment::Kind::group) {
        replace_group(lower_id, std::nullopt);
    } else {
        --individuals_;
    }
    log.info("enrollment removed kind={} id={}", kind == Enrollment::Kind::group ? "group" : "individual",
             id);
    co_return Result<>{};
}

Task<Result<Provisioning::Page<Enrollment>>> Provisioning::list(Enrollment::Kind kind, std::string from,
                                                                std::size_t count) {
    auto read = [kind, start = to_lower(from), count](Shard& shard) {
        return read_page<Enrollment>(shard, mark_of(kind), start, count,
                                     [](const Enrollment&) { return true; });
    };
    co_return co_await shards_.call(shards_.first(), read);
}

Task<Result<Registration>> Provisioning::find_registration(std::string id) {
    const std::string lower_id = to_lower(id);
    auto read = [key = stored_key(record_mark, lower_id)](Shard& shard) {
        return read_stored<Registration>(shard, key);
    };
    auto found = co_await shards_.call(home(lower_id), read);
    if (!found) co_return fail(std::move(found).error());
    if (!*found) co_return fail(Errc::registration_not_found, "Registration not found.");
    co_return **std::move(found);
}

Task<Result<>> Provisioning::remove_registration(std::string id, EtagMatch match) {
    Shard& shard = home(to_lower(id));
    auto removing = remove_record(&part(shard), std::move(id), std::move(match));
    co_return co_await shards_.on(shard, std::move(removing));
}

Task<Result<>> Provisioning::remove_record(Part* part, std::string id, EtagMatch match) {
    const std::string key = stored_key(record_mark, to_lower(id));
    const auto turn = co_await part->take_turn(key);
    const auto record = read_stored<Registration>(part->shard, key);
    if (!record) co_return fail(record.error());
    if (!*record) co_return fail(Errc::registration_not_found, "Registration not found.");
    if (!match.is_absent() && !accepts(match, (*record)->etag)) co_return stale();
    part->shard.committer().batch().erase(Table::provisioning, key);
    const auto saved = co_await part->shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    --records_;
    co_return Result<>{};
}

Task<Result<Provisioning::Page<Registration>>> Provisioning::list_registrations(std::string group,
                                                                                std::string from,
                                                                                std::size_t count) {
    auto read = [group, start = to_lower(from), count](Shard& shard) {
        return read_page<Registration>(shard, record_mark, start, count, [&group](const Registration& one) {
            return equals_ignoring_case(one.group, group);
        });
    };
    co_return co_await shards_.call(shards_.first(), read);
}

// --- for devices ---------------------------------------------------------------------------------------

Task<Result<std::vector<Enrollee>>> Provisioning::enrollees(std::string id) {
    const std::string lower_id = to_lower(id);
    auto read = [this, lower_id](Shard& shard) {
        return read_enrollment(shard, Enrollment::Kind::individual, lower_id);
    };
    const auto individual = co_await shards_.call(home(lower_id), read);
    if (!individual) co_return fail(individual.error());
    std::vector<Enrollee> found;  // Bound: EnrollmentLimits::groups_max, twice
    if (*individual) {
        const Enrollment& own = **individual;
        Enrollee enrollee{.registration_id = id,
                          .group = {},
                          .attestation = own.attestation,
                          .primary_key = own.primary_key,
                          .secondary_key = own.secondary_key,
                          .primary_sha256 = {},
                          .secondary_sha256 = {}};
        if (own.attestation == AttestationType::tpm) {
            const std::int64_t span = shards_.first().clock().wall_now().unix_s() / nonce_span_s;
            enrollee.endorsement_key = own.endorsement_key;
            enrollee.primary_key = base64_encode(tpm_nonce(lower_id, own.endorsement_key, span));
            enrollee.secondary_key = base64_encode(tpm_nonce(lower_id, own.endorsement_key, span - 1));
        }
        enrollee.is_by_authority = own.names_authorities();
        const auto held = groups();
        for (const std::string* name : {&own.primary_authority, &own.secondary_authority}) {
            if (const auto* named = held->named(*name))
                enrollee.authorities.push_back(named->certificate.der);
        }
        if (own.primary_certificate) enrollee.primary_sha256 = own.primary_certificate->sha256;
        if (own.secondary_certificate) enrollee.secondary_sha256 = own.secondary_certificate->sha256;
        found.push_back(std::move(enrollee));
        co_return found;
    }
    // Ids are compared without case, and a maker may have derived keys from either spelling.
    std::vector<std::string> spellings{id};
    if (lower_id != id) spellings.push_back(lower_id);
    const auto all = groups();
    for (const auto& [lower_group, group] : all->by_id) {
        if (group.attestation != AttestationType::symmetric_key) continue;
        for (const std::string& spelled : spellings) {
            found.push_back({.registration_id = id,
                             .group = group.id,
                             .attestation = AttestationType::symmetric_key,
                             .primary_key = derived_device_key(group.primary_key, spelled),
                             .secondary_key = derived_device_key(group.secondary_key, spelled),
                             .primary_sha256 = {},
                             .secondary_sha256 = {}});
        }
    }
    co_return found;
}

Result<Enrollee> Provisioning::find_signed(const std::string& id, const std::vector<std::string>& chain,
                                           WallTime now) const {
    const auto all = groups();
    const auto group = all->signers.find_group(chain, now);
    if (!group) return fail(group.error());
    return Enrollee{.registration_id = id,
                    .group = all->by_id.at(*group).id,
                    .attestation = AttestationType::x509,
                    .primary_key = {},
                    .secondary_key = {},
                    .primary_sha256 = {},
                    .secondary_sha256 = {}};
}

std::string Provisioning::tpm_nonce(std::string_view lower_id, std::string_view endorsement_key,
                                    std::int64_t span) const {
    return hmac_sha256(tpm_secret_, fmt::format("{}\n{}\n{}", lower_id, endorsement_key, span));
}

Task<Result<std::string>> Provisioning::challenge_tpm(std::string id, std::string endorsement_key,
                                                      std::string storage_root_key) {
    auto finding = enrollees(id);
    const auto found = co_await std::move(finding);
    if (!found) co_return fail(found.error());
    const bool is_its = found->size() == 1 && found->front().attestation == AttestationType::tpm &&
                        found->front().endorsement_key == endorsement_key;
    if (!is_its) co_return fail(Errc::iot_hub_unauthorized_access, "no enrollment with that endorsement key");
    const auto holder = base64_decode(endorsement_key);
    const auto parent = base64_decode(storage_root_key);
    const auto nonce = base64_decode(found->front().primary_key);
    auto sealed =
        seal_for_tpm(holder.value_or(""), parent.value_or(""), nonce.value_or(""), shards_.first().random());
    if (!sealed) co_return fail(std::move(sealed).error());
    co_return base64_encode(*sealed);
}

Task<Result<Registration>> Provisioning::register_device(RegistrationRequest request) {
    Shard& shard = home(to_lower(request.enrollee.registration_id));
    auto registering = register_there(&part(shard), std::move(request));
    co_return co_await shards_.on(shard, std::move(registering));
}

Task<Result<Registration>> Provisioning::register_there(Part* part, RegistrationRequest request) {
    Shard& shard = part->shard;
    const std::string& id = request.enrollee.registration_id;
    const std::string lower_id = to_lower(id);
    const std::string key = stored_key(record_mark, lower_id);
    const auto turn = co_await part->take_turn(key);
    const bool is_of_group = !request.enrollee.group.empty();
    const auto kind = is_of_group ? Enrollment::Kind::group : Enrollment::Kind::individual;
    const std::string enrolled_as = is_of_group ? to_lower(request.enrollee.group) : lower_id;
    const auto enrollment = read_enrollment(shard, kind, enrolled_as);
    if (!enrollment) co_return fail(enrollment.error());
    if (!*enrollment) co_return fail(Errc::iot_hub_unauthorized_access, "Unauthorized");
    const auto before = read_stored<Registration>(shard, key);
    if (!before) co_return fail(before.error());
    if (!*before && !take_place(records_, EnrollmentLimits::registrations_max))
        co_return fail(Errc::throttling_exception, "The hub has the maximum number of registrations.");

    const Registration* last = *before ? &**before : nullptr;
    Registration record;
    record.id = last != nullptr ? last->id : id;
    record.operation_id = "5." + shard.random().uuid();
    record.group = request.enrollee.group;
    record.attestation = request.enrollee.attestation;
    record.updated = shard.clock().wall_now();
    record.created = last != nullptr ? last->created : record.updated;
    record.etag = last != nullptr ? last->etag + 1 : shard.random().u64() >> 33;
    if (!(*enrollment)->is_enabled) {
        record.status = RegistrationStatus::disabled;
        record.error_code = static_cast<int>(Errc::iot_hub_unauthorized_access);
        record.error_message = "The enrollment is disabled.";
        record.stay_where(last);
    } else {
        auto assigning = assigner_.assign(&shard, &request, **enrollment, last, &record);
        const auto assigned = co_await std::move(assigning);
        if (!assigned) {  // Passing: the device is told to try again.
            if (last == nullptr) --records_;
            co_return fail(assigned.error());
        }
    }
    shard.committer().batch().put(Table::provisioning, key, record.encode());
    const auto saved = co_await shard.committer().durable();
    if (!saved) {
        if (last == nullptr) --records_;
        co_return fail(unavailable(saved.error()));
    }
    log.debug("registered id={} device={} substatus={}", id, record.device_id, record.substatus);
    co_return record;
}

Task<Result<Registration>> Provisioning::operation(std::string id, std::string operation_id) {
    auto record = co_await find_registration(std::move(id));
    if (record && record->operation_id == operation_id) co_return *std::move(record);
    if (!record && record.error().code != Errc::registration_not_found)
        co_return fail(std::move(record).error());
    co_return fail(Errc::operation_not_found, "Operation not found.");
}

}  // namespace carillon
