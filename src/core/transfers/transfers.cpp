#include "core/transfers/transfers.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "core/transfers/transfer_engine.hpp"

#include <boost/asio/post.hpp>

// gcc 12 takes Asio's pooled coroutine frames for memory freed by the wrong function.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace carillon {

// --- the table of jobs -----------------------------------------------------------------------------

Result<> Transfers::Engine::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto job = decode_transfer(as_bytes(value));
        if (!job) {
            outcome = fail(std::move(job).error());
            return false;
        }
        Entry entry;
        entry.job = *std::move(job);
        entry.job.number = transfer_of_key(key);
        next_number = entry.job.number + 1;
        entries.emplace(entry.job.number, std::move(entry));
        return true;
    };
    auto scanned = shard.store().scan(Table::jobs, transfers_from, transfers_to, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    for (auto& [number, entry] : entries) {
        if (entry.job.status != TransferStatus::running) continue;
        auto marks = read_marks(number);
        if (!marks) return fail(std::move(marks).error());
        entry.marks = *std::move(marks);
        auto cancelled = shard.store().get(Table::jobs, transfer_cancel_key(number));
        if (!cancelled) return fail(std::move(cancelled).error());
        entry.is_cancelling = cancelled->has_value();
    }
    return {};
}

/// How far each shard is with an import, by what is on disk. Blocking.
Result<std::vector<std::uint64_t>> Transfers::Engine::read_marks(std::uint64_t number) const {
    std::vector<std::uint64_t> marks;
    for (std::size_t i = 0; i < shards.count(); ++i) {
        auto mark = shard.store().get(Table::jobs, transfer_mark_key(number, static_cast<std::uint32_t>(i)));
        if (!mark) return fail(std::move(mark).error());
        marks.push_back(*mark ? read_be<std::uint64_t>(**mark) : 0);
    }
    return marks;
}

Transfers::Engine::Entry* Transfers::Engine::find_entry(const std::string& id) {
    for (auto& [number, entry] : entries) {
        if (entry.job.id == id) return &entry;
    }
    return nullptr;
}

void Transfers::Engine::put(const Entry& entry) {
    shard.committer().batch().put(Table::jobs, transfer_key(entry.job.number), encode_transfer(entry.job));
}

Task<Result<>> Transfers::Engine::save(const Entry& entry) {
    put(entry);
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    co_return Result<>{};
}

Result<> Transfers::Engine::check_quota() const {
    std::size_t active = 0;
    for (const auto& [number, entry] : entries) active += entry.job.is_over() ? 0U : 1U;
    if (active < limits.active_max) return {};
    return fail(Errc::job_quota_exceeded, "Job quota has been exceeded");
}

/// Opens the input of an import, to refuse at once what is not there.
Task<Result<>> Transfers::Engine::look_at_input(std::string container, std::string name) {
    // Servers that do not answer shall not keep others from beginning a job, which looks at it itself.
    if (looking >= limits.looks_max) co_return Result<>{};
    UniqueFunction<Result<>()> look = [this, container = std::move(container),
                                       name = std::move(name)]() -> Result<> {
        auto opened = blobs->open(container, name, 0);
        if (!opened) return fail(Errc::blob_container_validation_error, std::move(opened).error().detail);
        return {};
    };
    ++looking;
    auto found = co_await take(begin<Result<>>(*lookout, std::move(look)));
    --looking;
    co_return found;
}

Task<Result<TransferJob>> Transfers::Engine::create(TransferOrder order) {
    if (blobs == nullptr) co_return fail(Errc::feature_not_supported, "This hub has no blob containers.");
    if (auto quota = check_quota(); !quota) co_return fail(std::move(quota).error());
    if (auto checked = blobs->check(order.output_container); !checked) co_return fail(checked.error());
    if (order.type == TransferType::import_devices) {
        if (auto checked = blobs->check(order.input_container); !checked) co_return fail(checked.error());
        auto look = look_at_input(order.input_container, order.input_blob);
        const auto found = co_await std::move(look);
        if (!found) co_return fail(found.error());
        // Others may have been accepted meanwhile.
        if (auto quota = check_quota(); !quota) co_return fail(std::move(quota).error());
    }
    const std::uint64_t number = next_number++;
    Entry& entry = entries[number];
    entry.job.number = number;
    entry.job.id = shard.random().uuid();
    entry.job.order = std::move(order);
    entry.job.created = now();
    TransferJob created = entry.job;
    const auto saved = co_await save(entry);
    if (!saved) {
        entries.erase(number);
        co_return fail(saved.error());
    }
    prune();
    wake();
    co_return created;
}

Task<Result<TransferJob>> Transfers::Engine::find(std::string id) {
    const Entry* entry = find_entry(id);
    if (entry == nullptr) co_return fail(Errc::job_not_found, std::move(id));
    co_return entry->job;
}

Task<std::vector<TransferJob>> Transfers::Engine::list() {
    std::vector<TransferJob> jobs;
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) jobs.push_back(entry->second.job);
    co_return jobs;
}

Task<Result<>> Transfers::Engine::cancel(std::string id) {
    Entry* entry = find_entry(id);
    if (entry == nullptr) co_return fail(Errc::job_not_found, std::move(id));
    if (entry->job.is_over()) {
        co_return fail(Errc::operation_not_allowed_in_current_state, "The job has ended already.");
    }
    entry->is_cancelling = true;
    const std::uint64_t number = entry->job.number;
    if (number != at_work) {
        Result<> fine;
        co_return co_await conclude(entry, std::move(fine));
    }
    shard.committer().batch().put(Table::jobs, transfer_cancel_key(number), {});
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    co_return Result<>{};
}

/// Forgets what ended long ago, or many jobs ago.
void Transfers::Engine::prune() {
    const WallTime oldest = now().plus_s(-limits.ended_age_max_s);
    std::size_t ended = 0;
    for (const auto& [number, entry] : entries) ended += entry.job.is_over() ? 1U : 0U;
    for (auto next = entries.begin(); next != entries.end();) {
        const auto& job = next->second.job;
        const bool goes =
            job.is_over() && job.number != at_work && (ended > limits.ended_max || job.ended < oldest);
        if (!goes) {
            ++next;
            continue;
        }
        shard.committer().batch().erase(Table::jobs, transfer_key(job.number));
        --ended;
        next = entries.erase(next);
    }
}

void Transfers::Engine::wake() {
    if (at_work != 0 || is_stopping || blobs == nullptr) return;
    for (const auto& [number, entry] : entries) {
        if (entry.job.is_over()) continue;
        at_work = number;
        auto ended = [](const std::exception_ptr& problem) {
            if (problem) log.error("transfer job ended by an exception");
        };
        boost::asio::co_spawn(shard.executor(), work(number), std::move(ended));
        return;
    }
}

Task<> Transfers::Engine::stop() {
    is_stopping = true;
    if (at_work == 0) co_return;
    auto rest = std::make_shared<Pending<bool>>();
    at_rest.push_back(rest);
    co_await take(std::move(rest));
}

// --- for every thread --------------------------------------------------------------------------------

Transfers::Transfers(Shards& shards, ShardPort& port) : engine_(std::make_unique<Engine>(shards, port)) {}
Transfers::~Transfers() = default;

void Transfers::use(Blobs& blobs, StorageExecutor& worker, StorageExecutor& lookout,
                    const TransferLimits& limits) {
    engine_->blobs = &blobs;
    engine_->worker = &worker;
    engine_->lookout = &lookout;
    engine_->limits = limits;
}

Result<> Transfers::load() {
    return engine_->load();
}

void Transfers::start() {
    boost::asio::post(engine_->shard.executor(), [engine = engine_.get()] {
        engine->prune();
        engine->wake();
    });
}

Task<> Transfers::stop() {
    auto stopping = engine_->stop();
    co_await engine_->shards.on(engine_->shard, std::move(stopping));
}

Task<Result<TransferJob>> Transfers::create(TransferOrder order) {
    auto creation = engine_->create(std::move(order));
    co_return co_await engine_->shards.on(engine_->shard, std::move(creation));
}

Task<Result<TransferJob>> Transfers::find(std::string id) {
    auto search = engine_->find(std::move(id));
    co_return co_await engine_->shards.on(engine_->shard, std::move(search));
}

Task<std::vector<TransferJob>> Transfers::list() {
    auto listing = engine_->list();
    co_return co_await engine_->shards.on(engine_->shard, std::move(listing));
}

Task<Result<>> Transfers::cancel(std::string id) {
    auto cancelling = engine_->cancel(std::move(id));
    co_return co_await engine_->shards.on(engine_->shard, std::move(cancelling));
}

}  // namespace carillon
