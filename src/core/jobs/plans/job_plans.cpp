#include "core/jobs/plans/job_plans.hpp"

#include "base/log.hpp"
#include "base/pack.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"

#include <fmt/core.h>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

constexpr std::uint8_t plan_format = 1;

std::uint64_t number_of_plan(std::string_view id) {
    if (!id.starts_with("p-")) return 0;
    return parse_u64(id.substr(2)).value_or(0);
}

}  // namespace

std::size_t PlannedJob::bytes() const {
    std::size_t sum = sizeof(PlannedJob) + document.size() + answer.size();
    if (targets) {
        for (const auto& part : *targets) sum += part.bytes();
    }
    return sum;
}

/// A plan on its way.
struct JobPlans::Making {
    std::shared_ptr<PlannedJob> plan;
    std::shared_ptr<const JobDefinition> definition;
    std::vector<PlanPart> parts;
    std::size_t parts_left = 0;
};

JobPlans::JobPlans(Shards& shards, std::vector<std::unique_ptr<JobShard>>& job_shards)
    : shards_(shards), shard_(shards.first()), job_shards_(job_shards) {}

JobPlans::~JobPlans() {
    *alive_ = false;
}

Result<> JobPlans::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto plan = decode_job_plan(job_of_key(key), as_bytes(value));
        if (!plan) {
            outcome = fail(std::move(plan).error());
            return false;
        }
        last_number_ = plan->number;
        bytes_ += plan->bytes();
        plans_.emplace(plan->number, std::make_shared<PlannedJob>(*std::move(plan)));
        return true;
    };
    auto read = shard_.store().scan(Table::jobs, job_plans_from, job_plans_to, visit);
    return read ? outcome : fail(std::move(read).error());
}

Result<std::string> JobPlans::begin(std::shared_ptr<const JobDefinition> definition, std::string document,
                                    std::uint64_t seed, std::optional<query::JobCondition> condition,
                                    const JobSources& sources) {
    forget_old();
    if (under_way_ >= PlanLimits::under_way_max) {
        return fail(Errc::throttling_exception,
                    fmt::format("{} plans are on their way; try again when one is done.", under_way_));
    }
    if (plans_.size() >= PlanLimits::count_max || bytes_ + document.size() > PlanLimits::bytes_max) {
        return fail(Errc::throttling_exception,
                    fmt::format("{} plans take {} bytes; delete one, or wait until the oldest is 24 h old.",
                                plans_.size(), bytes_));
    }
    auto plan = std::make_shared<PlannedJob>();
    plan->number = ++last_number_;
    plan->id = fmt::format("p-{}", plan->number);
    plan->created = shard_.clock().wall_now();
    plan->by = definition->creator;
    plan->document = std::move(document);
    plan->seed = seed;
    bytes_ += plan->bytes();
    plans_.emplace(plan->number, plan);
    ++under_way_;

    const auto making = std::make_shared<Making>();
    making->plan = plan;
    making->definition = definition;
    making->parts.resize(job_shards_.size());
    making->parts_left = job_shards_.size();
    const auto entry = std::make_shared<JobEntry>(0, definition, job_shards_.size());
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        auto done = [this, alive = alive_, home = shard_.executor(), making, i](Result<PlanPart> part) {
            boost::asio::post(home, [this, alive, making, i, held = std::move(part)]() mutable {
                if (*alive) found(making, i, std::move(held));
            });
        };
        Shards::post(shards_[i], [shard = job_shards_[i].get(), number = plan->number, entry, seed, condition,
                                  sources, held = std::move(done)]() mutable {
            shard->plan(number, entry, seed, std::move(condition), std::move(sources), std::move(held));
        });
    }
    return plan->id;
}

void JobPlans::found(const std::shared_ptr<Making>& making, std::size_t part, Result<PlanPart> result) {
    if (result) {
        making->parts[part] = *std::move(result);
    } else if (!making->plan->refused) {
        making->plan->refused = result.error();
    }
    if (--making->parts_left > 0) return;
    if (!plans_.contains(making->plan->number)) return;  // It was removed meanwhile, and counts no more.
    complete(*making);
}

/// It is shown, and a job may name it.
void JobPlans::end(PlannedJob& plan) {
    plan.is_done = true;
    --under_way_;
}

void JobPlans::complete(Making& making) {
    auto& plan = *making.plan;
    if (plan.refused) {
        end(plan);
        log.warn("plan not made plan={} reason={}", plan.id, plan.refused->detail);
        return;
    }
    bytes_ -= plan.bytes();
    std::vector<Sha256Digest> digests;
    auto targets = std::make_shared<std::vector<PlanTargets>>();
    for (auto& part : making.parts) {
        plan.counts += part.counts;
        digests.push_back(part.digest);
        targets->push_back(std::move(part.targets));
    }
    plan.targets = std::move(targets);
    const auto digest = digest_of(digests);
    plan.hash = hash_of(plan.document, digest);
    plan.answer = plan_json(plan, *making.definition, making.parts, hex_encode(digest));
    bytes_ += plan.bytes();
    log.info("plan made plan={} devices={}", plan.id, plan.counts.devices);
    shard_.committer().batch().put(Table::jobs, job_plan_key(plan.number), encode_job_plan(plan));
    // Nobody sees it before it is on disk: who has seen it may rely on it.
    shard_.committer().on_durable([this, alive = alive_, held = making.plan](const Result<>& result) {
        if (!*alive || !plans_.contains(held->number)) return;
        if (!result) held->refused = result.error();
        end(*held);
    });
}

std::shared_ptr<const PlannedJob> JobPlans::find(std::string_view id) {
    forget_old();
    const auto found = plans_.find(number_of_plan(id));
    return found == plans_.end() ? nullptr : found->second;
}

Task<Result<bool>> JobPlans::remove(std::string id) {
    const auto found = plans_.find(number_of_plan(id));
    if (found == plans_.end()) co_return false;
    if (is_held(id)) {
        co_return fail(Errc::operation_not_allowed_in_current_state,
                       fmt::format("A job that has not ended carries out plan '{}'.", id));
    }
    const auto plan = found->second;
    forget(*plan);
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    co_return true;
}

void JobPlans::hold(const std::string& id, int change) {
    if ((held_[id] += change) == 0) held_.erase(id);
}

void JobPlans::forget_old() {
    const auto oldest = shard_.clock().wall_now().plus_s(-PlanLimits::kept_s);
    for (auto next = plans_.begin(); next != plans_.end();) {
        const auto plan = (next++)->second;
        if (plan->created < oldest && !is_held(plan->id)) forget(*plan);
    }
}

void JobPlans::forget(const PlannedJob& plan) {
    const auto number = plan.number;
    if (!plan.is_done) {
        for (std::size_t i = 0; i < job_shards_.size(); ++i)
            Shards::post(shards_[i], [shard = job_shards_[i].get(), number] { shard->drop_plan(number); });
        --under_way_;
    }
    bytes_ -= plan.bytes();
    // If this is refused, the next start reads it again, and it is forgotten then.
    shard_.committer().batch().erase(Table::jobs, job_plan_key(number));
    plans_.erase(number);
}

std::string JobPlans::digest_of(const std::vector<Sha256Digest>& parts) {
    std::string all;
    for (const auto& part : parts) all += as_text(part);
    return std::string(as_text(sha256({all})));
}

std::string JobPlans::hash_of(std::string_view document, std::string_view digest) {
    return hex_encode(as_text(sha256({document, digest})));
}

std::string job_plan_key(std::uint64_t number) {
    auto key = job_definition_key(number);
    key.replace(0, 1, job_plans_from);
    return key;
}

std::string encode_job_plan(const PlannedJob& plan) {
    std::string out;
    Packer pack(out);
    pack.u8(plan_format);
    pack.time(plan.created);
    pack.text(plan.by.policy);
    pack.text(plan.by.says);
    pack.text(plan.document);
    pack.number(plan.seed);
    pack.number(plan.counts.devices);
    pack.text(plan.hash);
    pack.text(plan.answer);
    pack.number(plan.targets->size());
    for (const auto& part : *plan.targets) {
        std::string packed;
        part.pack(packed);
        pack.text(packed);
    }
    return out;
}

Result<PlannedJob> decode_job_plan(std::uint64_t number, Bytes bytes) {
    Unpacker in(bytes);
    const bool is_known = in.u8() == plan_format;
    PlannedJob plan;
    plan.number = number;
    plan.id = fmt::format("p-{}", number);
    plan.is_done = true;
    plan.created = in.time();
    plan.by.policy = in.text();
    plan.by.says = in.text();
    plan.document = in.text();
    plan.seed = in.number();
    plan.counts.devices = in.number();
    plan.hash = in.text();
    plan.answer = in.text();
    auto targets = std::make_shared<std::vector<PlanTargets>>();
    const auto parts = in.count();
    for (std::size_t i = 0; i < parts && in.ok(); ++i) {
        auto part = PlanTargets::unpack(as_bytes(in.text()));
        if (!part) return fail(std::move(part).error());
        targets->push_back(*std::move(part));
    }
    if (!is_known || !in.at_end()) return fail(Errc::store_corrupt, fmt::format("plan p-{}", number));
    plan.targets = std::move(targets);
    return plan;
}

}  // namespace carillon
