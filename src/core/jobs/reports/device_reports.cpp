#include "core/jobs/reports/device_reports.hpp"

#include "core/jobs/job_control.hpp"
#include "core/jobs/reports/on_storage.hpp"

#include <utility>

namespace carillon {
namespace {

struct Stretch {
    std::vector<std::pair<std::uint64_t, JobEvent>> events;
};

/// Events of a part behind a sequence, so many as one look takes.
Result<Stretch> read_events(Store& store, std::uint64_t job, std::uint32_t part, std::uint64_t from) {
    Stretch stretch;
    std::size_t bytes = 0;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto event = decode_job_event(as_bytes(value));
        if (!event) {
            outcome = fail(std::move(event).error());
            return false;
        }
        stretch.events.emplace_back(sequence_of_event_key(key), *std::move(event));
        bytes += value.size();
        return bytes < DeviceReports::read_bytes_max;
    };
    auto scanned =
        store.scan(Table::job_events, job_event_key(job, part, from), job_event_key(job, part + 1), visit);
    if (!scanned) return fail(Errc::service_unavailable, std::move(scanned).error().detail);
    if (!outcome) return fail(std::move(outcome).error());
    return stretch;
}

}  // namespace

DeviceReports::DeviceReports(Shards& shards, const JobBoard& board, std::shared_ptr<JobEntry> entry,
                             JobProgress progress, DeviceReportFilter filter, Count count)
    : shards_(shards),
      board_(board),
      entry_(std::move(entry)),
      progress_(std::move(progress)),
      filter_(filter),
      count_(std::move(count)) {}

DeviceReports::~DeviceReports() {
    count_->readers.fetch_sub(1, std::memory_order_relaxed);
}

Result<std::unique_ptr<DeviceReports>> DeviceReports::open(Shards& shards, const JobBoard& board,
                                                           std::shared_ptr<JobEntry> entry,
                                                           JobProgress progress, DeviceReportFilter filter,
                                                           Count count) {
    if (count->readers.fetch_add(1, std::memory_order_relaxed) >= open_max) {
        count->readers.fetch_sub(1, std::memory_order_relaxed);
        return fail(Errc::throttling_exception, "Too many clients read the devices of jobs of this hub.");
    }
    return std::unique_ptr<DeviceReports>(
        new DeviceReports(shards, board, std::move(entry), std::move(progress), filter, std::move(count)));
}

Task<Result<std::vector<DeviceReport>>> DeviceReports::next() {
    // A job that has found no targets yet, or never did, has no devices.
    if (!progress_.snapshot.counts) co_return std::vector<DeviceReport>{};
    while (part_ < shards_.count()) {
        auto stepping = step();
        auto rows = co_await shards_.on(shards_.first(), std::move(stepping));
        if (!rows || !rows->empty()) co_return rows;
    }
    co_return std::vector<DeviceReport>{};
}

/// One turn on the first shard's thread.
Task<Result<std::vector<DeviceReport>>> DeviceReports::step() {
    if (!std::exchange(has_waves_, true)) {
        auto cutting = cut_waves();
        if (auto cut = co_await std::move(cutting); !cut) co_return fail(std::move(cut).error());
    }
    if (!report_) {
        auto reading = read_part();
        if (auto read = co_await std::move(reading); !read) co_return fail(std::move(read).error());
    }
    std::vector<DeviceReport> rows;
    for (std::size_t looked = 0; index_ < report_->size() && rows.size() < rows_max && looked < looked_max;
         ++looked) {
        auto row = report_->at(index_++, wave_ends_[part_]);
        if (!is_wanted(row)) continue;
        const auto taker = row.canceled_by == 0 ? nullptr : board_.find_number(row.canceled_by);
        if (taker) row.taker = taker->definition().id;
        rows.push_back(std::move(row));
    }
    if (index_ == report_->size()) {
        report_.reset();
        index_ = 0;
        ++part_;
    }
    co_return rows;
}

Task<Result<>> DeviceReports::read_part() {
    Shard& first = shards_.first();
    PartReport report;
    std::uint64_t from = 0;
    for (;;) {
        auto work = [&store = first.store(), job = entry_->number(), part = part_, from] {
            return read_events(store, job, part, from);
        };
        auto reading = on_storage<Result<Stretch>>(first, std::move(work));
        auto stretch = co_await std::move(reading);
        if (!stretch) co_return fail(std::move(stretch).error());
        if (stretch->events.empty()) break;
        for (const auto& [sequence, event] : stretch->events) {
            if (!report.apply(sequence, event))
                co_return fail(Errc::store_corrupt, "the log of a job does not fold");
        }
        from = stretch->events.back().first + 1;
    }
    report_.emplace(std::move(report));
    co_return Result<>{};
}

/// Where the waves end in each part.
Task<Result<>> DeviceReports::cut_waves() {
    wave_ends_.resize(shards_.count());
    if (!progress_.rollout || progress_.rollout->rollout->waves.empty()) co_return Result<>{};
    const auto& waves = progress_.rollout->waves;
    if (progress_.rollout->rollout->order.kind != RolloutOrderKind::as_stored) {
        std::uint64_t end = 0;
        for (const auto& wave : waves) {
            end += wave.size;
            for (auto& ends : wave_ends_) ends.push_back(end);
        }
        co_return Result<>{};
    }
    // Each part has its share of each wave.
    Shard& first = shards_.first();
    std::vector<std::uint64_t> left(shards_.count());
    for (std::uint32_t part = 0; part < left.size(); ++part) {
        auto work = [&store = first.store(), job = entry_->number(), part]() -> Result<std::uint64_t> {
            std::uint64_t devices = 0;
            const auto visit = [&](std::string_view, std::string_view value) {
                const auto event = decode_job_event(as_bytes(value));
                const auto* targets = event ? std::get_if<TargetsEvent>(&*event) : nullptr;
                if (targets != nullptr) devices += targets->ordinals.size();
                return targets != nullptr;
            };
            auto scanned =
                store.scan(Table::job_events, job_event_key(job, part), job_event_key(job, part + 1), visit);
            if (!scanned) return fail(Errc::service_unavailable, std::move(scanned).error().detail);
            return devices;
        };
        auto counting = on_storage<Result<std::uint64_t>>(first, std::move(work));
        const auto devices = co_await std::move(counting);
        if (!devices) co_return fail(devices.error());
        left[part] = *devices;
    }
    for (const auto& wave : waves) {
        const auto shares = share_out(wave.size, left);
        for (std::size_t part = 0; part < left.size(); ++part) {
            left[part] -= shares[part];
            auto& ends = wave_ends_[part];
            ends.push_back((ends.empty() ? 0 : ends.back()) + shares[part]);
        }
    }
    co_return Result<>{};
}

bool DeviceReports::is_wanted(const DeviceReport& report) const {
    if (filter_.status && status_of(report.state) != *filter_.status) return false;
    if (filter_.kind && (report.state != TargetState::failed || report.kind != filter_.kind)) return false;
    return !filter_.wave || report.wave == filter_.wave;
}

}  // namespace carillon
