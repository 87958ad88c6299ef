#include "core/jobs/jobs.hpp"

#include "base/log.hpp"
#include "core/jobs/budgets/job_budgets.hpp"
#include "core/jobs/job_coordinator.hpp"
#include "core/jobs/job_log_json.hpp"
#include "core/jobs/job_rows.hpp"
#include "core/jobs/job_watcher.hpp"
#include "core/jobs/loaded_job.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/jobs/templates/job_templates.hpp"
#include "model/rollouts/canary.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <map>
#include <utility>

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
    using Logs = std::map<std::uint64_t, JobCoordinator::Stored>;
    Result<std::vector<LoadedJob>> read_jobs(Logs& logs) const;
    Result<> read_running(LoadedJob& job, Logs& logs) const;
    Result<> load_parts(std::vector<LoadedJob>& jobs);
    Result<> load_job(LoadedJob& job, JobCoordinator::Stored stored, Batch& cleaning);
    Result<JobCoordinator::Stored> read_log(std::uint64_t number) const;
    Result<std::shared_ptr<JobEntry>> read_entry(std::uint64_t number) const;

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

/// True if a test of a wave looks at when devices began and answered.
bool asks_for_times(const JobDefinition& definition, const std::vector<JobLogEvent>& log) {
    JobControl control(definition);
    for (const auto& event : log) control.apply(event);
    const auto tests = wave_tests_of(control.rollout());
    return std::any_of(tests.begin(), tests.end(),
                       [](const auto& test) { return test && test->signals() > 1; });
}

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
    Logs logs;
    auto jobs = read_jobs(logs);
    if (!jobs) return fail(std::move(jobs).error());
    if (auto plans = coordinator->plans().load(); !plans) return plans;
    if (auto rules = coordinator->approval_rules().load(); !rules) return rules;
    if (auto made = templates->load(); !made) return made;
    if (auto held = budgets->load(); !held) return held;
    if (auto parts = load_parts(*jobs); !parts) return parts;
    Batch cleaning;
    for (LoadedJob& job : *jobs) {
        if (auto loaded = load_job(job, std::exchange(logs[job.number], {}), cleaning); !loaded)
            return loaded;
        logs.erase(job.number);
    }
    for (auto& shard : job_shards) {
        if (auto loaded = shard->notices().load(board); !loaded) return loaded;
    }
    if (!jobs->empty()) coordinator->set_last_number(jobs->back().number);
    const auto sealed = shards.first().store().get(Table::jobs, std::string(final_seal_key));
    if (!sealed) return fail(sealed.error());
    if (*sealed) {
        const auto seal = decode_final_seal(as_bytes(**sealed));
        if (!seal) return fail(seal.error());
        coordinator->set_final_seal(*seal);
    }
    return cleaning.is_empty() ? Result<>{} : shards.first().store().commit(cleaning);
}

/// The records of all jobs, by number, and of those that run what their parts have to know, and their logs.
Result<std::vector<LoadedJob>> Jobs::Engine::read_jobs(Logs& logs) const {
    std::vector<LoadedJob> jobs;
    const auto visit = [&jobs](std::string_view key, std::string_view) {
        jobs.emplace_back();
        jobs.back().number = job_of_key(key);
        return true;
    };
    const auto& store = shards.first().store();
    if (auto read = store.scan(Table::jobs, job_definitions_from, job_definitions_to, visit); !read)
        return fail(std::move(read).error());
    for (LoadedJob& job : jobs) {
        auto stored = store.get(Table::jobs, job_record_key(job.number));
        if (!stored) return fail(std::move(stored).error());
        if (!*stored)
            return fail(Errc::store_corrupt, fmt::format("job {} has no status record", job.number));
        auto record = decode_job_record(as_bytes(**stored));
        if (!record) return fail(std::move(record).error());
        job.record = *std::move(record);
        if (!job.is_running()) continue;
        if (auto read = read_running(job, logs); !read) return fail(std::move(read).error());
    }
    return jobs;
}

Result<> Jobs::Engine::read_running(LoadedJob& job, Logs& logs) const {
    auto entry = read_entry(job.number);
    if (!entry) return fail(std::move(entry).error());
    job.entry = *std::move(entry);
    job.entry->set_running(job.record.started);
    job.parts.resize(job_shards.size());
    if (!job.entry->definition().rollout) return {};
    auto read = read_log(job.number);
    if (!read) return fail(std::move(read).error());
    job.start = read->start_number();
    job.is_chained = read->chain.has_value();
    job.wants_times = asks_for_times(job.entry->definition(), read->log);
    logs.emplace(job.number, *std::move(read));
    return {};
}

/// Each shard its own parts, from its own store, side by side.
Result<> Jobs::Engine::load_parts(std::vector<LoadedJob>& jobs) {
    if (std::none_of(jobs.begin(), jobs.end(), [](const LoadedJob& job) { return job.is_running(); }))
        return {};
    std::vector<std::future<Result<>>> loading;
    for (auto& shard : job_shards) {
        loading.push_back(std::async(job_shards.size() > 1 ? std::launch::async : std::launch::deferred,
                                     [&jobs, part = shard.get()] { return part->load(jobs); }));
    }
    Result<> outcome;
    for (auto& each : loading) {
        if (auto loaded = each.get(); !loaded && outcome) outcome = std::move(loaded);
    }
    return outcome;
}

Result<std::shared_ptr<JobEntry>> Jobs::Engine::read_entry(std::uint64_t number) const {
    const auto stored = shards.first().store().get(Table::jobs, job_definition_key(number));
    if (!stored) return fail(stored.error());
    if (!*stored) return fail(Errc::store_corrupt, "a job's definition is gone");
    auto definition = decode_job_definition(as_bytes(**stored));
    if (!definition) return fail(std::move(definition).error());
    return std::make_shared<JobEntry>(number, std::make_shared<const JobDefinition>(*std::move(definition)),
                                      job_shards.size());
}

/// One definition at a time is held beside what it becomes.
Result<> Jobs::Engine::load_job(LoadedJob& job, JobCoordinator::Stored stored, Batch& cleaning) {
    if (!job.entry) {
        auto read = read_entry(job.number);
        if (!read) return fail(std::move(read).error());
        job.entry = *std::move(read);
        if (job.entry->definition().rollout) {
            auto found = read_log(job.number);
            if (!found) return fail(std::move(found).error());
            stored = *std::move(found);
        }
    }
    const auto entry = std::move(job.entry);
    const auto approval = shards.first().store().get(Table::jobs, job_approval_key(job.number));
    if (!approval) return fail(approval.error());
    if (*approval) {
        auto decoded = decode_approval(as_bytes(**approval));
        if (!decoded) return fail(std::move(decoded).error());
        stored.approval = *std::move(decoded);
    }
    for (const auto& part : job.parts) {
        stored.part_sizes.push_back(part.started);
        stored.members += part.devices;
    }
    const auto& record = job.record;
    if (is_terminal(record.status)) entry->set_terminal(record);
    // Targets of a start that was cancelled while it was under way; the job's own log begins with its
    // acceptance. Those of a start that was only cut off are erased by the next: the job may begin to run as
    // soon as a shard is at work again.
    if (is_terminal(record.status) && !record.counts) {
        cleaning.erase_range(Table::job_events, job_event_key(job.number),
                             job_event_key(job.number, job_log_part));
    }
    if (!board.add(entry))
        return fail(Errc::store_corrupt, "two jobs are called '" + entry->definition().id + "'");
    if (record.started.ticks != 0) board.add_started(entry);
    if (is_terminal(record.status)) {
        coordinator->recall(entry, record, stored);
        coordinator->remember(entry);
    } else {
        coordinator->resume(entry, record, stored);
    }
    return {};
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

void Jobs::use(MailCarrier& carrier) {
    engine_->mail.use(carrier);
}

bool Jobs::deliver_wish(std::size_t part, std::string_view wish) {
    return engine_->mail.deliver_wish(part, wish);
}

bool Jobs::deliver_news(std::string_view news) {
    return engine_->mail.deliver_news(news);
}

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
