#include "core/jobs/jobs.hpp"

#include "base/log.hpp"
#include "core/jobs/budgets/job_budgets.hpp"
#include "core/jobs/job_coordinator.hpp"
#include "core/jobs/job_log_json.hpp"
#include "core/jobs/job_rows.hpp"
#include "core/jobs/job_watcher.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/jobs/templates/job_templates.hpp"

#include <boost/asio/post.hpp>

namespace carillon {

/// The engine's members in the order in which they may be relied on.
struct Jobs::Engine {
    Engine(Shards& s, Throttles& throttles, JobEngineLimits l, const query::QueryOptions& options)
        : shards(s), limits(l), mail(s, l.fate) {
        for (std::size_t i = 0; i < shards.count(); ++i) {
            job_shards.push_back(std::make_unique<JobShard>(shards[i], board, options, limits, throttles,
                                                            zones, methods_in_flight, mail));
        }
        coordinator =
            std::make_unique<JobCoordinator>(shards, limits, options, board, job_shards, mail, zones);
        std::vector<std::function<void(PartWish)>> parts;
        for (const auto& part : job_shards) {
            parts.emplace_back([part = part.get()](PartWish wish) { part->receive(std::move(wish)); });
        }
        mail.connect([this](PartNews news) { coordinator->receive(std::move(news)); }, std::move(parts));
        budgets = std::make_unique<JobBudgets>(shards, options, job_shards);
        templates = std::make_unique<JobTemplates>(shards, zones, *coordinator, board);
        rows = std::make_unique<JobRows>(shards, board);
    }

    Result<> load();
    Result<> load_job(std::uint64_t number, Bytes stored_definition, Batch& cleaning);
    Result<JobPart::Targets> fold_part(std::uint64_t number, std::uint32_t shard, bool is_undo) const;
    Result<JobCoordinator::Stored> read_log(std::uint64_t number) const;

    Shards& shards;
    const JobEngineLimits limits;
    std::shared_ptr<std::atomic<std::size_t>> methods_in_flight =
        std::make_shared<std::atomic<std::size_t>>(0);
    JobMail mail;
    JobBoard board;
    Zones zones;
    std::shared_ptr<std::atomic<std::size_t>> watchers = std::make_shared<std::atomic<std::size_t>>(0);
    DeviceReports::Count reports = std::make_shared<OpenReports>();
    std::vector<std::unique_ptr<JobShard>> job_shards;
    std::unique_ptr<JobCoordinator> coordinator;
    std::unique_ptr<JobBudgets> budgets;
    std::unique_ptr<JobTemplates> templates;
    std::unique_ptr<JobRows> rows;
};

namespace {

/// Lines of a job's own log behind event `after`. Counted on the way, so that a call stays short.
Result<std::vector<std::string>> read_job_log(Store& store, std::uint64_t number, std::uint64_t after) {
    std::vector<std::string> lines;
    std::size_t bytes = 0;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto event = decode_job_log_event(as_bytes(value));
        if (!event) {
            outcome = fail(event.error());
            return false;
        }
        const auto hash = split_chained(as_bytes(value)).hash;
        lines.push_back(job_log_event_json(number, sequence_of_event_key(key), *event, hash));
        bytes += lines.back().size();
        return lines.size() < JobEngineLimits::history_page_events_max &&
               bytes < JobEngineLimits::history_page_bytes_max;
    };
    const auto from = job_event_key(number, job_log_part, after + 1);
    auto scanned = store.scan(Table::job_events, from, job_event_key(number + 1), visit);
    if (!scanned) return fail(Errc::service_unavailable, scanned.error().detail);
    if (!outcome) return fail(std::move(outcome).error());
    return lines;
}

}  // namespace

Result<> Jobs::Engine::load() {
    for (auto& shard : job_shards) {
        if (auto measured = shard->folder().load(); !measured) return measured;
    }
    auto& store = shards.first().store();
    std::vector<std::uint64_t> numbers;  // One definition at a time is held beside what it becomes.
    const auto visit = [&](std::string_view key, std::string_view) {
        numbers.push_back(job_of_key(key));
        return true;
    };
    if (auto read = store.scan(Table::jobs, job_definitions_from, job_definitions_to, visit); !read)
        return read;
    if (auto plans = coordinator->plans().load(); !plans) return plans;
    if (auto rules = coordinator->approval_rules().load(); !rules) return rules;
    if (auto made = templates->load(); !made) return made;
    if (auto held = budgets->load(); !held) return held;
    Batch cleaning;
    for (const std::uint64_t number : numbers) {
        const auto definition = store.get(Table::jobs, job_definition_key(number));
        if (!definition) return fail(definition.error());
        if (!*definition) return fail(Errc::store_corrupt, "a job's definition is gone");
        if (auto loaded = load_job(number, as_bytes(**definition), cleaning); !loaded) return loaded;
    }
    for (auto& shard : job_shards) {
        if (auto loaded = shard->notices().load(board); !loaded) return loaded;
    }
    if (!numbers.empty()) coordinator->set_last_number(numbers.back());
    const auto sealed = store.get(Table::jobs, std::string(final_seal_key));
    if (!sealed) return fail(sealed.error());
    if (*sealed) {
        const auto seal = decode_final_seal(as_bytes(**sealed));
        if (!seal) return fail(seal.error());
        coordinator->set_final_seal(*seal);
    }
    return cleaning.is_empty() ? Result<>{} : store.commit(cleaning);
}

Result<> Jobs::Engine::load_job(std::uint64_t number, Bytes stored_definition, Batch& cleaning) {
    auto definition = decode_job_definition(stored_definition);
    if (!definition) return fail(std::move(definition).error());
    auto stored_record = shards.first().store().get(Table::jobs, job_record_key(number));
    if (!stored_record) return fail(std::move(stored_record).error());
    if (!*stored_record)
        return fail(Errc::store_corrupt, "job '" + definition->id + "' has no status record");
    const auto record = decode_job_record(as_bytes(**stored_record));
    if (!record) return fail(record.error());

    const auto shared = std::make_shared<const JobDefinition>(*std::move(definition));
    const auto entry = std::make_shared<JobEntry>(number, shared, job_shards.size());
    // Those of its parts; a job's own log begins with its acceptance.
    const auto erase_events = [&] {
        cleaning.erase_range(Table::job_events, job_event_key(number), job_event_key(number, job_log_part));
    };
    JobCoordinator::Stored stored;
    if (shared->rollout) {
        auto read = read_log(number);
        if (!read) return fail(std::move(read).error());
        stored = *std::move(read);
    }
    const auto approval = shards.first().store().get(Table::jobs, job_approval_key(number));
    if (!approval) return fail(approval.error());
    if (*approval) {
        auto decoded = decode_approval(as_bytes(**approval));
        if (!decoded) return fail(std::move(decoded).error());
        stored.approval = *std::move(decoded);
    }
    if (is_terminal(record->status)) {
        // Targets of a start that was cancelled while it was under way.
        if (!record->counts) erase_events();
        entry->set_terminal(*record);
    } else if (record->status == JobStatus::running) {
        entry->set_running(record->started);
        for (std::uint32_t i = 0; i < job_shards.size(); ++i) {
            auto targets = fold_part(number, i, shared->rollout && !shared->rollout->undo_of.empty());
            if (!targets) return fail(std::move(targets).error());
            // A part without devices has no event that says it.
            if (stored.chain && targets->next_sequence == 1) targets->chain.emplace();
            entry->publish(i, targets->state, targets->next_sequence, shards.first().clock().now());
            stored.part_sizes.push_back(targets->started());
            stored.members += targets->state.size();
            job_shards[i]->adopt(entry, *std::move(targets), record->is_cancelling, stored.start_number());
        }
    } else {
        erase_events();
    }
    if (!board.add(entry)) return fail(Errc::store_corrupt, "two jobs are called '" + shared->id + "'");
    if (record->started.ticks != 0) board.add_started(entry);
    if (is_terminal(record->status)) {
        coordinator->recall(entry, *record, stored);
        coordinator->remember(entry);
    } else {
        coordinator->resume(entry, *record, stored);
    }
    return {};
}

Result<JobPart::Targets> Jobs::Engine::fold_part(std::uint64_t number, std::uint32_t shard,
                                                 bool is_undo) const {
    JobPart::Targets targets;
    targets.undone = UndoneDevices(limits.undo_bytes_max);
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto event = decode_job_event(as_bytes(value));
        if (!event || !targets.state.apply(*event)) {
            outcome = fail(Errc::store_corrupt, "the log of a running job does not fold");
            return false;
        }
        if (const auto* found = std::get_if<TargetsEvent>(&*event)) {
            targets.ordinals.insert(targets.ordinals.end(), found->ordinals.begin(), found->ordinals.end());
        } else if (const auto* came = std::get_if<JoinedEvent>(&*event)) {
            targets.joined.emplace_back(static_cast<std::uint32_t>(targets.ordinals.size()), came->time);
            targets.ordinals.insert(targets.ordinals.end(), came->ordinals.begin(), came->ordinals.end());
        } else if (const auto* placed = std::get_if<OrderEvent>(&*event)) {
            targets.places.insert(targets.places.end(), placed->places.begin(), placed->places.end());
        } else if (auto* kept = std::get_if<ReversalsEvent>(&*event)) {
            targets.undone.take(std::move(*kept), sequence_of_event_key(key));
        } else if (const auto* must = std::get_if<MustSucceedEvent>(&*event)) {
            targets.must_succeed.insert(targets.must_succeed.end(), must->indexes.begin(),
                                        must->indexes.end());
        } else if (const auto* written = std::get_if<WrittenEvent>(&*event)) {
            for (const auto& device : written->devices) {
                if (device.is_awaited)
                    targets.awaited.push_back({device.index, device.version, written->time});
                if (device.failure.reason == FailReason::none) targets.begun.push_back(device.index);
            }
        } else if (const auto* begun = std::get_if<BegunEvent>(&*event)) {
            for (const auto& device : begun->devices) {
                if (device.attempt == 1) targets.begun.push_back(device.index);
            }
        } else if (const auto* known = std::get_if<Outcomes2Event>(&*event)) {
            for (const auto& each : known->outcomes) {
                if (each.again_ms > 0)
                    targets.backing_off.emplace_back(each.index, until_of(each, known->time));
            }
        }
        const auto sequence = sequence_of_event_key(key);
        const auto hash = split_chained(as_bytes(value)).hash;
        targets.chain.reset();
        if (hash) targets.chain.emplace(sequence, *hash);
        targets.next_sequence = sequence + 1;
        return true;
    };
    auto read = shards.first().store().scan(Table::job_events, job_event_key(number, shard),
                                            job_event_key(number, shard + 1), visit);
    if (!read) return fail(std::move(read).error());
    if (!outcome) return fail(std::move(outcome).error());
    std::erase_if(targets.awaited, [&targets](const JobPart::Awaited& device) {
        return targets.state.at(device.index) != TargetState::running;
    });
    if (targets.undone.size() != (is_undo ? targets.ordinals.size() : 0))
        return fail(Errc::store_corrupt, "the log of an undo does not say how to undo");
    return targets;
}

Result<JobCoordinator::Stored> Jobs::Engine::read_log(std::uint64_t number) const {
    JobCoordinator::Stored stored;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto event = decode_job_log_event(as_bytes(value));
        if (!event) {
            outcome = fail(std::move(event).error());
            return false;
        }
        const auto sequence = sequence_of_event_key(key);
        const auto hash = split_chained(as_bytes(value)).hash;
        stored.chain.reset();
        if (hash) stored.chain.emplace(sequence, *hash);
        if (std::holds_alternative<SealEvent>(*event)) stored.seal = hash;
        stored.log.push_back(*std::move(event));
        stored.next_sequence = sequence + 1;
        return true;
    };
    auto read = shards.first().store().scan(Table::job_events, job_event_key(number, job_log_part),
                                            job_event_key(number + 1), visit);
    if (!read) return fail(std::move(read).error());
    if (!outcome) return fail(std::move(outcome).error());
    return stored;
}

Jobs::Jobs(Shards& shards, Throttles& throttles, JobEngineLimits limits, const query::QueryOptions& options)
    : engine_(std::make_unique<Engine>(shards, throttles, limits, options)) {}

Jobs::~Jobs() = default;

Result<> Jobs::load() {
    return engine_->load();
}

void Jobs::start() {
    for (std::size_t i = 0; i < engine_->job_shards.size(); ++i) {
        Shards::post(engine_->shards[i], [shard = engine_->job_shards[i].get()] { shard->start(); });
    }
    Shards::post(engine_->shards.first(), [engine = engine_.get()] {
        engine->coordinator->start();
        engine->templates->start();
    });
}

Task<> Jobs::rest() {
    auto& engine = *engine_;
    for (std::size_t i = 0; i < engine.job_shards.size(); ++i) {
        auto rest_shard = [&engine, i](Shard&) {
            engine.job_shards[i]->rest();
            return true;
        };
        co_await engine.shards.call(engine.shards[i], rest_shard);
    }
}

std::size_t Jobs::methods_in_flight() const {
    return engine_->methods_in_flight->load(std::memory_order_relaxed);
}

Task<> Jobs::stop() {
    auto& engine = *engine_;
    auto stop_coordinator = [&engine](Shard&) {
        engine.templates->stop();
        engine.coordinator->stop();
        return true;
    };
    co_await engine.shards.call(engine.shards.first(), stop_coordinator);
    for (std::size_t i = 0; i < engine.job_shards.size(); ++i) {
        auto stop_shard = [&engine, i](Shard&) {
            engine.job_shards[i]->stop();
            return true;
        };
        co_await engine.shards.call(engine.shards[i], stop_shard);
    }
}

Task<Result<JobSnapshot>> Jobs::create(JobDefinition definition) {
    auto& shards = engine_->shards;
    auto shared = std::make_shared<JobDefinition>(std::move(definition));
    return shards.on(shards.first(), engine_->coordinator->create(std::move(shared)));
}

std::optional<JobSnapshot> Jobs::snapshot(const std::string& id) const {
    const auto entry = engine_->board.find(id);
    return entry ? std::optional(entry->snapshot()) : std::nullopt;
}

Task<std::optional<JobSnapshot>> Jobs::find(std::string id) {
    co_return snapshot(id);
}

std::optional<JobProgress> Jobs::progress(const std::string& id) const {
    const auto entry = engine_->board.find(id);
    if (!entry) return std::nullopt;
    const auto& clock = engine_->shards.first().clock();
    return entry->progress(clock.now(), clock.wall_now());
}

Result<std::unique_ptr<JobWatcher>> Jobs::watch(const std::string& id) {
    auto entry = engine_->board.find(id);
    if (!entry) return fail(Errc::job_not_found, "There is no job with id '" + id + "'.");
    return JobWatcher::open(std::move(entry), engine_->watchers);
}

Result<std::unique_ptr<DeviceReports>> Jobs::report(const std::string& id, const DeviceReportFilter& filter) {
    auto entry = engine_->board.find(id);
    if (!entry) return fail(Errc::job_not_found, "There is no job with id '" + id + "'.");
    auto& shards = engine_->shards;
    const auto& clock = shards.first().clock();
    auto progress = entry->progress(clock.now(), clock.wall_now());
    return DeviceReports::open(shards, engine_->board, std::move(entry), std::move(progress), filter,
                               engine_->reports);
}

Task<Result<std::vector<std::string>>> Jobs::history(std::string id, std::uint64_t after) {
    auto& shards = engine_->shards;
    const auto entry = engine_->board.find(id);
    if (!entry) co_return fail(Errc::job_not_found, "There is no job with id '" + id + "'.");
    auto read = [number = entry->number(), after](Shard& shard) -> Result<std::vector<std::string>> {
        return read_job_log(shard.store(), number, after);
    };
    co_return co_await shards.call(shards.first(), read);
}

Task<Result<std::string>> Jobs::plan(JobDefinition definition, std::string document) {
    auto& shards = engine_->shards;
    auto shared = std::make_shared<JobDefinition>(std::move(definition));
    return shards.on(shards.first(), engine_->coordinator->plan(std::move(shared), std::move(document)));
}

Task<std::shared_ptr<const PlannedJob>> Jobs::find_plan(std::string id) {
    auto& shards = engine_->shards;
    auto find = [engine = engine_.get(), id](Shard&) {
        // A copy, as one that is on its way changes.
        const auto plan = engine->coordinator->plans().find(id);
        return plan ? std::shared_ptr<const PlannedJob>(std::make_shared<PlannedJob>(*plan)) : nullptr;
    };
    co_return co_await shards.call(shards.first(), find);
}

Task<Result<bool>> Jobs::remove_plan(std::string id) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->coordinator->plans().remove(std::move(id)));
}

Task<Result<>> Jobs::decide(std::string id, bool is_approval, std::string hash, JobActor by,
                            std::string why) {
    auto& shards = engine_->shards;
    JobCoordinator::Decision decision{is_approval, std::move(hash), std::move(by), std::move(why)};
    return shards.on(shards.first(), engine_->coordinator->decide(std::move(id), std::move(decision)));
}

Task<std::vector<ApprovalRule>> Jobs::approval_rules() {
    auto& shards = engine_->shards;
    auto all = [engine = engine_.get()](Shard&) { return engine->coordinator->approval_rules().all(); };
    return shards.call(shards.first(), all);
}

Task<Result<>> Jobs::put_approval_rule(ApprovalRule rule) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->coordinator->approval_rules().put(std::move(rule)));
}

Task<Result<bool>> Jobs::remove_approval_rule(std::string name) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->coordinator->approval_rules().remove(std::move(name)));
}

Task<std::vector<JobBudget>> Jobs::budgets() {
    auto& shards = engine_->shards;
    auto all = [engine = engine_.get()](Shard&) { return engine->budgets->all(); };
    return shards.call(shards.first(), all);
}

Task<Result<>> Jobs::put_budget(JobBudget budget) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->budgets->put(std::move(budget)));
}

Task<Result<bool>> Jobs::remove_budget(std::string name) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->budgets->remove(std::move(name)));
}

Task<std::vector<std::string>> Jobs::templates() {
    auto& shards = engine_->shards;
    auto all = [engine = engine_.get()](Shard&) { return engine->templates->show_all(); };
    return shards.call(shards.first(), all);
}

Task<std::optional<std::string>> Jobs::find_template(std::string name) {
    auto& shards = engine_->shards;
    auto find = [engine = engine_.get(), held = std::move(name)](Shard&) {
        return engine->templates->show(held);
    };
    return shards.call(shards.first(), find);
}

Task<Result<std::string>> Jobs::put_template(std::string name, std::string text, JobActor by) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(),
                     engine_->templates->put(std::move(name), std::move(text), std::move(by)));
}

Task<Result<bool>> Jobs::remove_template(std::string name) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->templates->remove(std::move(name)));
}

Task<Result<std::vector<JobSnapshot>>> Jobs::run_template(std::string name, std::string id,
                                                          std::string parameters, JobActor by) {
    auto& shards = engine_->shards;
    return shards.on(shards.first(), engine_->templates->run(std::move(name), std::move(id),
                                                             std::move(parameters), std::move(by)));
}

const JobMetrics& Jobs::metrics() const {
    return engine_->coordinator->metrics();
}

JobDeviceMetrics Jobs::device_metrics(JobType type) const {
    JobDeviceMetrics sum;
    for (const auto& shard : engine_->job_shards) sum += shard->metrics()[place_of(type)];
    return sum;
}

Task<Result<JobSnapshot>> Jobs::cancel(std::string id, JobActor by) {
    auto& shards = engine_->shards;
    co_return co_await shards.on(shards.first(), engine_->coordinator->cancel(std::move(id), std::move(by)));
}

Task<Result<>> Jobs::direct(std::string id, JobWish wish) {
    auto& shards = engine_->shards;
    co_return co_await shards.on(shards.first(),
                                 engine_->coordinator->direct(std::move(id), std::move(wish)));
}

Task<JobListPage> Jobs::list(JobFilter filter, std::string position, std::size_t page_size) {
    co_return engine_->board.list(filter, position, page_size);
}

Task<Result<DeviceJobPage>> Jobs::device_jobs(std::optional<std::vector<std::string>> job_ids,
                                              std::optional<std::vector<std::string>> device_ids,
                                              DeviceJobKeep keep, std::string position, std::size_t page_size,
                                              std::optional<std::vector<DeviceJobStatus>> states) {
    auto& shards = engine_->shards;
    co_return co_await shards.on(
        shards.first(), engine_->rows->page(std::move(job_ids), std::move(device_ids), std::move(keep),
                                            std::move(position), page_size, std::move(states)));
}

}  // namespace carillon
