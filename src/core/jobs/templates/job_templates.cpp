#include "core/jobs/templates/job_templates.hpp"

#include "base/log.hpp"
#include "base/pack.hpp"
#include "base/text.hpp"
#include "core/jobs/job_coordinator.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace carillon {

namespace {

// Import and export jobs have `t` in this table.
constexpr std::string_view templates_from = "m";
constexpr std::string_view templates_to = "n";
constexpr std::uint8_t template_format = 1;

Error no_template(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no template '{}'.", name)};
}

}  // namespace

// --- as stored -----------------------------------------------------------------------------------

std::string job_template_key(std::string_view name) {
    return std::string(templates_from) + std::string(name);
}

std::string encode_template(const StoredTemplate& stored) {
    std::string out;
    Packer pack(out);
    pack.u8(template_format);
    pack.text(stored.text);
    pack.text(stored.by.policy);
    pack.text(stored.by.says);
    pack.time(stored.considered);
    pack.time(stored.waiting.value_or(WallTime()));
    pack.number(stored.runs.size());
    for (const auto& run : stored.runs) {
        pack.time(run.planned);
        pack.text(run.job);
        pack.text(run.why);
    }
    return out;
}

Result<StoredTemplate> decode_template(Bytes bytes) {
    Unpacker in(bytes);
    StoredTemplate stored;
    const bool is_known = in.u8() == template_format;
    stored.text = in.text();
    stored.by.policy = in.text();
    stored.by.says = in.text();
    stored.considered = in.time();
    if (const auto waiting = in.time(); waiting.ticks != 0) stored.waiting = waiting;
    const auto count = in.count();
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        TemplateRun run;
        run.planned = in.time();
        run.job = in.text();
        run.why = in.text();
        stored.runs.push_back(std::move(run));
    }
    if (!is_known || !in.at_end()) return fail(Errc::store_corrupt, "a template does not decode");
    return stored;
}

// -------------------------------------------------------------------------------------------------

JobTemplates::JobTemplates(Shards& shards, Zones& zones, JobCoordinator& coordinator, const JobBoard& board)
    : shard_(shards.first()), zones_(zones), coordinator_(coordinator), board_(board) {}

JobTemplates::~JobTemplates() {
    *alive_ = false;
}

WallTime JobTemplates::now() const {
    return shard_.clock().wall_now();
}

Result<> JobTemplates::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto name = key.substr(templates_from.size());
        auto stored = decode_template(as_bytes(value));
        if (!stored) {
            outcome = fail(std::move(stored).error());
            return false;
        }
        auto made = JobTemplate::parse(name, stored->text);
        if (!made) {
            outcome = fail(Errc::store_corrupt, "a template does not read: " + made.error().detail);
            return false;
        }
        auto entry = std::make_shared<Entry>();
        entry->made = *std::move(made);
        entry->stored = *std::move(stored);
        // One whose zone this machine does not know makes no job; `show` has no next one.
        if (entry->made.repeat) entry->zone = zones_.find(entry->made.repeat->zone);
        plan_next(*entry);
        templates_.emplace(name, std::move(entry));
        return true;
    };
    auto read = shard_.store().scan(Table::jobs, templates_from, templates_to, visit);
    return read ? outcome : fail(std::move(read).error());
}

void JobTemplates::start() {
    is_open_ = true;
    look();
}

void JobTemplates::stop() {
    is_open_ = false;
    shard_.timers().cancel(timer_);
}

// --- what people see and want --------------------------------------------------------------------

std::string JobTemplates::json_of(const Entry& entry) const {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("name", entry.made.name);
    const auto document = JsonDocument::parse(entry.made.text);
    for (JsonValue v = document ? document->root().first() : JsonValue(); v.exists(); v = v.next())
        json.member_raw(v.key(), v.raw());
    json.member("createdBy", entry.stored.by.policy);
    if (entry.made.repeat) {
        if (entry.next) json.member("next", to_iso8601(*entry.next));
        if (entry.stored.waiting) json.member("waiting", to_iso8601(*entry.stored.waiting));
        json.key("runs").begin_array();
        for (auto run = entry.stored.runs.rbegin(); run != entry.stored.runs.rend(); ++run) {
            json.begin_object().member("planned", to_iso8601(run->planned));
            if (!run->job.empty()) json.member("jobId", run->job);
            if (!run->why.empty()) json.member("missed", run->why);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object();
    return body;
}

std::optional<std::string> JobTemplates::show(const std::string& name) const {
    const auto found = templates_.find(name);
    return found == templates_.end() ? std::nullopt : std::optional(json_of(*found->second));
}

std::vector<std::string> JobTemplates::show_all() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : templates_) all.push_back(json_of(*entry));
    return all;
}

Task<Result<std::string>> JobTemplates::put(std::string name, std::string text, JobActor by) {
    auto made = JobTemplate::parse(name, text);
    if (!made) co_return fail(std::move(made).error());
    if (templates_.size() >= JobTemplate::count_max && !templates_.contains(name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("There are {} templates already, which is the most.", templates_.size()));
    }
    auto entry = std::make_shared<Entry>();
    entry->made = *std::move(made);
    entry->stored.text = entry->made.text;
    entry->stored.by = std::move(by);
    entry->stored.considered = now();
    if (entry->made.repeat) {
        entry->zone = zones_.find(entry->made.repeat->zone);
        if (!entry->zone) {
            co_return fail(
                Errc::argument_invalid,
                fmt::format("repeat.zone: this hub knows no time zone '{}'", entry->made.repeat->zone));
        }
        plan_next(*entry);
        if (!entry->next) co_return fail(Errc::argument_invalid, "repeat.cron: such a time never comes");
    }
    if (const auto before = templates_.find(name); before != templates_.end())
        entry->stored.runs = before->second->stored.runs;
    save(*entry);
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    auto& place = templates_[name];
    if (place) place->is_gone = true;
    place = entry;
    log.info("template put name={} by={}", name, entry->stored.by.policy);
    look();
    co_return json_of(*entry);
}

Task<Result<bool>> JobTemplates::remove(std::string name) {
    if (!templates_.contains(name)) co_return false;
    shard_.committer().batch().erase(Table::jobs, job_template_key(name));
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    const auto found = templates_.find(name);
    if (found == templates_.end()) co_return true;
    found->second->is_gone = true;
    templates_.erase(found);
    log.info("template removed name={}", name);
    co_return true;
}

Result<std::vector<std::shared_ptr<JobDefinition>>> JobTemplates::definitions(const JobTemplate& made,
                                                                              std::string_view id,
                                                                              JsonValue values,
                                                                              const JobActor& by) const {
    const auto jobs = made.fill(id, values);
    if (!jobs) return fail(jobs.error());
    std::vector<std::shared_ptr<JobDefinition>> found;
    for (const auto& job : *jobs) {
        const auto body = JsonDocument::parse(job.body);
        if (!body) return fail(body.error());
        auto definition = JobDefinition::parse(job.id, body->root(), Flavour::ga, now());
        if (!definition) return fail(std::move(definition).error());
        definition->creator = by;
        found.push_back(std::make_shared<JobDefinition>(*std::move(definition)));
    }
    return found;
}

Task<Result<std::vector<JobSnapshot>>> JobTemplates::run(std::string name, std::string id,
                                                         std::string parameters, JobActor by) {
    const auto found = templates_.find(name);
    if (found == templates_.end()) co_return fail(no_template(name));
    const auto values = JsonDocument::parse(parameters.empty() ? std::string_view("{}") : parameters);
    if (!values) co_return fail(values.error());
    auto jobs = definitions(found->second->made, id, values->root(), by);
    if (!jobs) co_return fail(std::move(jobs).error());
    auto creating = coordinator_.create_all(*std::move(jobs));
    co_return co_await std::move(creating);
}

// --- by the clock --------------------------------------------------------------------------------

void JobTemplates::plan_next(Entry& entry) const {
    entry.next.reset();
    if (!entry.made.repeat || !entry.zone) return;
    const auto next = entry.made.repeat->times.next(entry.stored.considered.unix_s(), *entry.zone);
    if (next) entry.next = WallTime::from_unix_s(*next);
}

void JobTemplates::note(Entry& entry, WallTime planned, std::string job, std::string why) {
    if (!why.empty()) log.warn("run of a template missed name={} why={}", entry.made.name, why);
    entry.stored.runs.push_back({planned, std::move(job), std::move(why)});
    while (entry.stored.runs.size() > runs_kept) entry.stored.runs.pop_front();
}

/// What is refused is written with the next change; until then a restart looks at those times again, and
/// finds their jobs.
void JobTemplates::save(const Entry& entry) {
    shard_.committer().batch().put(Table::jobs, job_template_key(entry.made.name),
                                   encode_template(entry.stored));
}

void JobTemplates::look() {
    if (!is_open_) return;
    const auto all = templates_;
    for (const auto& [name, entry] : all) {
        if (!entry->is_busy) look_at(entry);
    }
    arm();
}

/// Of the planned times that have come the newest counts, if it is not too late; the others are missed.
void JobTemplates::look_at(const EntryPtr& entry) {
    auto& stored = entry->stored;
    const auto& repeat = entry->made.repeat;
    if (!repeat) return;
    const auto before = stored.runs.size();
    const auto came_before = stored.considered;
    std::optional<WallTime> newest;
    for (int looked = 0; entry->next && *entry->next <= now(); ++looked) {
        if (newest) note(*entry, *newest, "", "the hub was down, and a later one has come");
        newest = entry->next;
        stored.considered = *newest;
        if (looked == missed_looked_max && stored.considered < now().plus_s(-repeat->within_s))
            stored.considered = now().plus_s(-repeat->within_s);
        plan_next(*entry);
    }
    if (newest && now().ticks - newest->ticks > repeat->within_s * WallTime::ticks_per_second) {
        note(*entry, *newest, "", "the hub was down, or late by more than within");
        newest.reset();
    }
    if (newest) return begin(entry, *newest);
    if (stored.considered != came_before || stored.runs.size() != before) save(*entry);
    if (stored.waiting && has_ended(*entry)) {
        const auto planned = *std::exchange(stored.waiting, std::nullopt);
        begin(entry, planned);
    }
}

void JobTemplates::arm() {
    shard_.timers().cancel(timer_);
    if (!is_open_) return;
    Duration left = timer_distance_max;
    bool is_needed = false;
    for (const auto& [name, entry] : templates_) {
        if (entry->is_busy || !entry->made.repeat) continue;
        if (entry->stored.waiting) left = std::min<Duration>(left, retry_delay);
        is_needed |= entry->stored.waiting || entry->next;
        if (!entry->next) continue;
        const auto most = std::int64_t{60} * WallTime::ticks_per_second;
        const auto ticks = std::clamp<std::int64_t>(entry->next->ticks - now().ticks, 0, most);
        left = std::min<Duration>(left, std::chrono::nanoseconds(ticks * 100));
    }
    if (!is_needed) return;
    timer_ = shard_.timers().at(shard_.clock().now() + left, [this, alive = alive_] {
        if (*alive) look();
    });
}

/// Whether the jobs of the newest run that made some are over.
bool JobTemplates::has_ended(const Entry& entry) const {
    const auto& runs = entry.stored.runs;
    const auto last =
        std::find_if(runs.rbegin(), runs.rend(), [](const auto& run) { return !run.job.empty(); });
    if (last == runs.rend()) return true;
    return std::all_of(entry.made.jobs.begin(), entry.made.jobs.end(), [&](const auto& job) {
        const auto there =
            board_.find(job.name.empty() ? last->job : fmt::format("{}-{}", last->job, job.name));
        return !there || is_terminal(there->status());
    });
}

void JobTemplates::begin(const EntryPtr& entry, WallTime planned) {
    entry->is_busy = true;
    auto ended = [](const std::exception_ptr& problem) {
        if (problem) log.error("the run of a template ended by an exception");
    };
    boost::asio::co_spawn(shard_.executor(), make(entry, planned), std::move(ended));
}

Task<> JobTemplates::make(EntryPtr entry, WallTime planned) {
    const auto alive = alive_;
    auto& stored = entry->stored;
    const auto& made = entry->made;
    const auto id = made.run_id(planned.unix_s());
    if (!has_ended(*entry)) {
        const auto overlap = made.repeat->overlap;
        if (overlap == TemplateOverlap::skip) note(*entry, planned, "", "the run before has not ended");
        if (overlap == TemplateOverlap::queue) {
            if (stored.waiting) note(*entry, *stored.waiting, "", "a later one waits in its place");
            stored.waiting = planned;
        }
        if (overlap != TemplateOverlap::cancel) {
            save(*entry);
            entry->is_busy = false;
            look();
            co_return;
        }
        const auto last = std::find_if(stored.runs.rbegin(), stored.runs.rend(),
                                       [](const auto& run) { return !run.job.empty(); });
        const auto head = last->job;
        for (const auto& job : made.jobs) {
            JobActor hub;
            hub.policy = "$hub";
            auto cancelling = coordinator_.cancel(
                job.name.empty() ? head : fmt::format("{}-{}", head, job.name), std::move(hub));
            (void)co_await std::move(cancelling);  // One that is over cannot be.
            if (!*alive) co_return;
        }
    }
    if (entry->is_gone) co_return;
    if (stored.waiting && *stored.waiting < planned) {
        note(*entry, *stored.waiting, "", "a later one has come");
        stored.waiting.reset();
    }
    Result<std::vector<JobSnapshot>> outcome;
    const auto values = JsonDocument::parse("{}");
    auto jobs = definitions(made, id, values->root(), stored.by);
    if (jobs) {
        auto creating = coordinator_.create_all(*std::move(jobs));
        outcome = co_await std::move(creating);
        if (!*alive) co_return;
    } else {
        outcome = fail(std::move(jobs).error());
    }
    const bool is_there = outcome || outcome.error().code == Errc::job_already_exists;
    const bool is_late = now().ticks - planned.ticks > made.repeat->within_s * WallTime::ticks_per_second;
    if (!is_there && outcome.error().code == Errc::service_unavailable && !is_late) {
        shard_.timers().at(shard_.clock().now() + retry_delay, [this, alive, entry, planned] {
            if (!*alive) return;
            if (is_open_ && !entry->is_gone) return begin(entry, planned);
            entry->is_busy = false;
        });
        co_return;
    }
    note(*entry, planned, is_there ? id : std::string(), is_there ? std::string() : outcome.error().detail);
    entry->is_busy = false;
    if (!entry->is_gone) save(*entry);
    look();
}

}  // namespace carillon
