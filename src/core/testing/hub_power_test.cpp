// Power that goes in the middle of whatever a whole hub does: jobs, messages to devices, imports,
// configurations and writes of twins, over RocksDB. Nothing acknowledged is lost, each job patches each twin
// exactly once, and the hub goes on. Each round is a process of its own that starts on what the one before
// left, looks, works, and loses its power at a call that chance picks. HUB_POWER_CUTS=1000 is the long form.

#include "core/testing/test_hub.hpp"

#include "base/text.hpp"
#include "core/registry/registry.hpp"
#include "model/configuration.hpp"
#include "model/registry_line.hpp"
#include "model/twin.hpp"
#include "store/power_cut_files_testing.hpp"
#include "store/rocks_store.hpp"
#include "store/store_test_util.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>

namespace carillon {
namespace {

using testing::TestHub;

constexpr int cuts_default = 30;
constexpr std::size_t fleet_size = 6;
constexpr std::uint64_t queue_max = 40;
constexpr std::uint64_t configurations_max = 20;
/// Then a new hub begins, so that one round is like another.
constexpr int rounds_of_hub = 50;
constexpr int power_gone = 42;
constexpr int is_wrong = 43;

/// How far something that only grows was begun, and how far it was acknowledged.
struct Progress {
    std::atomic<std::uint64_t> begun;
    std::atomic<std::uint64_t> acknowledged;
};

/// What processes of all rounds know.
struct HubJournal {
    std::array<Progress, fleet_size> writes;    ///< The number that stands in the device's tags.
    std::array<Progress, fleet_size> messages;  ///< In the device's queue.
    Progress jobs;
    Progress imports;
    Progress configurations;
    std::atomic<std::uint64_t> rounds;
    std::array<char, 1024> fault;
};

/// What was acknowledged, over several hubs.
struct Totals {
    std::uint64_t jobs = 0;
    std::uint64_t writes = 0;
    std::uint64_t messages = 0;
    std::uint64_t imports = 0;
    std::uint64_t configurations = 0;

    void add(const HubJournal& journal) {
        jobs += journal.jobs.acknowledged;
        imports += journal.imports.acknowledged;
        configurations += journal.configurations.acknowledged;
        for (const Progress& progress : journal.writes) writes += progress.acknowledged;
        for (const Progress& progress : journal.messages) messages += progress.acknowledged;
    }
};

std::string device_id(std::size_t number) {
    return fmt::format("d{}", number);
}

Task<std::uint64_t> messages_of(Hub& hub, IdentityKey key) {
    auto finding = hub.registry().find(std::move(key));
    const auto found = co_await std::move(finding);
    co_return found ? static_cast<std::uint64_t>(found->live.c2d_count) : 0;
}

class HubRound {
public:
    HubRound(HubJournal& journal, std::filesystem::path folder, std::uint64_t seed)
        : journal_(journal), folder_(std::move(folder)), seed_(seed), chance_(seed) {}

    [[noreturn]] void run() {
        const std::filesystem::path aside = folder_ / fmt::format("aside-{}", seed_);
        auto power =
            std::make_shared<PowerState>(aside, seed_, 1 + chance_() % 600, [] { ::_exit(power_gone); });
        RocksOptions options;
        options.write_buffer_bytes = 64 * 1024;
        options.write_buffers_bytes_max = 256 * 1024;
        options.wal_bytes_max = 128 * 1024;
        options.event_bytes = 512 * 1024;
        options.files = std::make_shared<PoweredFiles>(power);
        auto opened = RocksStore::open(folder_ / "store", options);
        if (!opened) give_up("not opened: " + opened.error().detail);
        JobEngineLimits limits;
        limits.twin_chunk_devices = 2;
        ManualClock clock{
            WallTime::from_unix_s(1'795'341'600 + static_cast<std::int64_t>(journal_.rounds) * 60)};
        ++journal_.rounds;
        TestHub hub(**opened, clock, 2, limits, seed_);
        hub_ = &hub;
        clock_ = &clock;
        settle();
        look();
        for (;;) act();
    }

private:
    [[noreturn]] void give_up(const std::string& why) {
        std::strncpy(journal_.fault.data(), why.c_str(), journal_.fault.size() - 1);
        ::_exit(is_wrong);
    }
    template <class T>
    T must(Result<T> result, std::string_view what) {
        if (!result) give_up(fmt::format("{} was refused: {}", what, result.error().detail));
        return *std::move(result);
    }
    /// Time passes until jobs have ended, however they wait.
    void settle() {
        hub_->settle();
        for (int i = 0; i < 20; ++i) hub_->advance(std::chrono::milliseconds(500));
    }

    // --- what is there -------------------------------------------------------------------------

    void hold(Progress& progress, std::uint64_t found, const std::string& what) {
        if (found < progress.acknowledged || found > progress.begun) {
            give_up(fmt::format("{}: {} found, {} acknowledged, {} begun", what, found,
                                progress.acknowledged.load(), progress.begun.load()));
        }
        progress.acknowledged = found;
        progress.begun = found;
    }

    void look() {
        std::uint64_t jobs = 0;
        while (auto job = hub_->run((*hub_)->jobs().find(fmt::format("job-{}", jobs + 1)))) {
            if (job->status != JobStatus::completed) give_up(fmt::format("job-{} has not ended", jobs + 1));
            ++jobs;
        }
        hold(journal_.jobs, jobs, "jobs");
        std::uint64_t imports = 0;
        while (hub_->find(fmt::format("import-{}", imports)) != nullptr) ++imports;
        hold(journal_.imports, imports, "imports");
        std::uint64_t configurations = 0;
        while (hub_->run((*hub_)->configurations().find(fmt::format("c{}", configurations))))
            ++configurations;
        hold(journal_.configurations, configurations, "configurations");
        for (std::size_t i = 0; i < fleet_size; ++i) look_at(i, jobs);
    }

    void look_at(std::size_t i, std::uint64_t jobs) {
        const Record* record = hub_->find(device_id(i));
        if (record == nullptr) {
            if (journal_.writes[i].acknowledged > 0) give_up(device_id(i) + " is lost");
            record = &hub_->add_device(device_id(i));
        }
        const Twin& twin = record->committed->twin;
        const std::array<std::string_view, 1> path{"n"};
        hold(journal_.writes[i], static_cast<std::uint64_t>(twin.tags.find(path).number),
             device_id(i) + ": writes of the twin");
        const auto waiting = hub_->run(messages_of(**hub_, *IdentityKey::parse(device_id(i))));
        hold(journal_.messages[i], waiting, device_id(i) + ": messages");
        // Configurations write the first device's desired properties, too.
        if (i > 0 && twin.desired.version() != static_cast<std::int64_t>(1 + jobs)) {
            give_up(fmt::format("{} was patched {} times by {} jobs", device_id(i),
                                twin.desired.version() - 1, jobs));
        }
    }

    // --- what is done --------------------------------------------------------------------------

    void act() {
        const std::size_t i = chance_() % fleet_size;
        switch (chance_() % 8) {
            case 0:
                return create_job();
            case 1:
                return import();
            case 2:
                return put_configuration();
            case 3:
            case 4:
                return send(i);
            default:
                return write(i);
        }
    }

    void write(std::size_t i) {
        const std::uint64_t number = ++journal_.writes[i].begun;
        const auto body =
            fmt::format(R"({{"tags":{{"n":{},"pad":"{}"}}}})", number, std::string(chance_() % 2000, 'x'));
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(device_id(i));
        auto patch = TwinPatch::parse(json->root(), key);
        Shard& owner = (*hub_)->shards().owner(key.device);
        if (!hub_->run(owner.write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{})))
            give_up("a write was refused");
        journal_.writes[i].acknowledged = number;
    }

    void send(std::size_t i) {
        if (journal_.messages[i].acknowledged >= queue_max) return;
        const std::uint64_t number = ++journal_.messages[i].begun;
        CloudMessage message;
        message.body = std::string(chance_() % 3000, 'm');
        message.expiry = clock_->wall_now().plus_s(2 * 24 * 3600);
        must(hub_->run((*hub_)->messages().send(*IdentityKey::parse(device_id(i)), std::move(message))),
             "a message");
        journal_.messages[i].acknowledged = number;
    }

    void create_job() {
        const std::uint64_t number = ++journal_.jobs.begun;
        const auto body = fmt::format(
            R"({{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{{"etag":"*","properties":{{"desired":)"
            R"({{"j":{}}}}}}},"startTime":"{}","maxExecutionTimeInSeconds":3600}})",
            number, to_iso8601(clock_->wall_now()));
        const auto json = JsonDocument::parse(body);
        auto definition = JobDefinition::parse(fmt::format("job-{}", number), json->root(), Flavour::ga,
                                               clock_->wall_now());
        must(hub_->run((*hub_)->jobs().create(*std::move(definition))), "a job");
        journal_.jobs.acknowledged = number;
    }

    void import() {
        const std::uint64_t first = journal_.imports.begun;
        std::vector<ImportEntry> entries;
        constexpr std::uint64_t devices = 5;
        journal_.imports.begun = first + devices;
        for (std::uint64_t n = first; n < first + devices; ++n) {
            ImportName name;
            // Shards commit by themselves, so one that was cut off may have left some of its last devices.
            auto entry = ImportEntry::parse(
                fmt::format(R"({{"id":"import-{}","importMode":"createOrUpdate"}})", n), name);
            entries.push_back(must(std::move(entry), "an entry"));
        }
        for (auto& outcome : hub_->run((*hub_)->registry().apply(std::move(entries)))) {
            if (!outcome) give_up("an import was refused: " + outcome.error().detail);
        }
        journal_.imports.acknowledged = first + devices;
    }

    void put_configuration() {
        const std::uint64_t number = journal_.configurations.begun;
        if (number >= configurations_max) return;
        ++journal_.configurations.begun;
        const auto body = fmt::format(
            R"({{"content":{{"deviceContent":{{"properties.desired.c{}":1}}}},"targetCondition":"deviceId='d0'","priority":1}})",
            number);
        const auto json = JsonDocument::parse(body);
        auto wanted = must(Configuration::parse(fmt::format("c{}", number), json->root()), "a configuration");
        must(hub_->run((*hub_)->configurations().put(std::move(wanted), EtagMatch{})), "a configuration");
        journal_.configurations.acknowledged = number + 1;
    }

    HubJournal& journal_;
    const std::filesystem::path folder_;
    const std::uint64_t seed_;
    std::mt19937_64 chance_;
    TestHub* hub_ = nullptr;
    ManualClock* clock_ = nullptr;
};

int power_cuts() {
    const char* const wanted = std::getenv("HUB_POWER_CUTS");
    return wanted != nullptr ? std::atoi(wanted) : cuts_default;
}

// Run by the test below, in a process of its own.
TEST(HubPower, DISABLED_Rounds) {
    const TestFolder folder;
    void* const shared =
        ::mmap(nullptr, sizeof(HubJournal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    HubJournal* journal = nullptr;
    std::filesystem::path home;
    Totals totals;
    const char* const first = std::getenv("HUB_POWER_SEED");
    const std::uint64_t seed = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
    for (int i = 0; i < power_cuts(); ++i) {
        if (i % rounds_of_hub == 0) {
            if (journal != nullptr) totals.add(*journal);
            journal = new (shared) HubJournal{};
            std::error_code ignored;
            std::filesystem::remove_all(home, ignored);
            home = folder.path() / fmt::format("hub-{}", i);
            std::filesystem::create_directories(home);
        }
        const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(i);
        // This process has no threads of RocksDB, which is opened in the children only.
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) HubRound(*journal, home, own_seed).run();
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status))
            << "seed " << seed << ", round " << i << ": signal " << WTERMSIG(status);
        ASSERT_EQ(WEXITSTATUS(status), power_gone)
            << "seed " << seed << ", round " << i << ": " << journal->fault.data();
        std::error_code ignored;
        std::filesystem::remove_all(home / fmt::format("aside-{}", own_seed), ignored);
    }
    totals.add(*journal);
    fmt::print("{} cuts: {} jobs, {} writes of twins, {} messages, {} devices imported, {} configurations\n",
               power_cuts(), totals.jobs, totals.writes, totals.messages, totals.imports,
               totals.configurations);
    EXPECT_GT(totals.writes, 0U);
    EXPECT_GT(totals.jobs, 0U);
    ::munmap(shared, sizeof(HubJournal));
}

/// Starts this program anew, so that the children of the rounds fork from a process without threads.
TEST(HubPower, NothingAcknowledgedIsLostWhenItGoes) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::execl("/proc/self/exe", "hub_power_test", "--gtest_filter=HubPower.DISABLED_Rounds",
                "--gtest_also_run_disabled_tests", nullptr);
        ::_exit(EXIT_FAILURE);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace carillon
