// Kills a real hub at random moments, again and again, while jobs run over a connected fleet and twins
// and identities are written, and holds it to its promises: nothing acknowledged is lost, each twin is
// patched exactly once by each job, no method is sent twice, counters equal the records, every job ends.
#include "kill/scenario.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

namespace {

using namespace carillon;
using namespace carillon::kill;
using std::chrono::milliseconds;

constexpr auto ready_patience = std::chrono::seconds(60);
constexpr auto end_patience = std::chrono::seconds(300);  // for jobs, after the last kill
constexpr std::uint64_t life_ms_min = 50;
constexpr std::uint64_t life_ms_max = 3000;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : parse_u64(text).value_or(otherwise);
}

/// Starts the hub and runs the loop until it is ready.
Result<> start(HubProcess& hub, load::Loop& loop, Duration& took_max) {
    const auto began = std::chrono::steady_clock::now();
    hub.start();
    for (;;) {
        loop.run_for(milliseconds(2));
        const auto ready = hub.is_ready();
        if (!ready) return fail(ready.error());
        const Duration took = std::chrono::steady_clock::now() - began;
        if (*ready) {
            took_max = std::max(took_max, took);
            return {};
        }
        if (took > ready_patience) return fail(Errc::io_failed, "the hub does not become ready");
    }
}

struct Plan {
    std::uint64_t seed;
    FleetShape fleet;
    std::uint64_t kills;
};

Result<> run(const std::string& binary, const std::filesystem::path& folder, const Plan& plan,
             Findings& findings) {
    load::Loop loop;
    load::TlsContext tls;
    HubProcess hub(binary, folder);
    Duration ready_max{};
    if (auto started = start(hub, loop, ready_max); !started) return started;
    const auto target = hub.target();
    if (!target) return fail(target.error());
    Scenario scenario(loop, tls, *target, plan.fleet, plan.seed, findings);
    if (auto prepared = scenario.prepare(); !prepared) return prepared;
    scenario.start_writing();
    scenario.start_watching();

    std::mt19937_64 random(plan.seed + 1);
    for (std::uint64_t life = 0; life < plan.kills; ++life) {
        // Two jobs of each kind are ordered in every life, each at a moment of its own before the kill, so
        // that kills fall into every phase of a job: accepted, evaluated, dispatched, answered, ended.
        const std::uint64_t life_ms = life_ms_min + random() % (life_ms_max - life_ms_min);
        for (int job = 0; job < 4; ++job) {
            loop.after(milliseconds(random() % life_ms), [&scenario, job] { scenario.order(job % 2 == 0); });
        }
        loop.run_for(milliseconds(life_ms));
        const std::size_t connected = scenario.fleet().ready_count();
        hub.kill();
        std::printf("kill %llu of %llu after %llu ms, %zu devices connected\n",
                    static_cast<unsigned long long>(life + 1), static_cast<unsigned long long>(plan.kills),
                    static_cast<unsigned long long>(life_ms), connected);
        if (auto started = start(hub, loop, ready_max); !started) return started;
    }

    const auto deadline = std::chrono::steady_clock::now() + end_patience;
    scenario.stop_writing();
    do loop.run_for(milliseconds(200));
    while ((!scenario.is_all_ended() || scenario.pool().waiting() > 0) &&
           std::chrono::steady_clock::now() < deadline);
    loop.run_for(milliseconds(500));
    findings.expect(scenario.is_all_ended(),
                    "a job has not ended " + std::to_string(end_patience.count()) + " s after the last kill");
    scenario.stop_watching();
    loop.run_for(milliseconds(200));
    check_outcome(scenario, findings);

    std::uint64_t delivered = 0;
    std::uint64_t unknown = 0;
    for (const Job& job : scenario.jobs()) {
        if (!job.is_method) continue;
        for (const std::uint8_t count : job.deliveries) delivered += count;
        unknown += static_cast<std::uint64_t>(job.last.failed);
    }
    std::printf(
        "%zu jobs, %llu looks, %llu writes acknowledged, %llu methods delivered (%llu outcomes failed), "
        "%llu notifications, ready again within %.0f ms\n",
        scenario.jobs().size(), static_cast<unsigned long long>(scenario.looks()),
        static_cast<unsigned long long>(scenario.writes()), static_cast<unsigned long long>(delivered),
        static_cast<unsigned long long>(unknown), static_cast<unsigned long long>(scenario.notifications()),
        std::chrono::duration<double, std::milli>(ready_max).count());
    scenario.fleet().disconnect();
    findings.expect(hub.stop() == 0, "the hub did not stop with 0 on SIGTERM");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs(
            "usage: carillon_kill_test CARILLON\n"
            "environment: KILL_COUNT (10), KILL_DEVICES (2000), KILL_CONNECTED (all of them),\n"
            "  KILL_EXECUTION_S (600, of a method job), KILL_SEED\n",
            stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    Plan plan{};
    plan.seed = setting("KILL_SEED", std::random_device()());
    plan.kills = setting("KILL_COUNT", 10);
    plan.fleet.devices = setting("KILL_DEVICES", 2000);
    plan.fleet.connected = std::min(plan.fleet.devices, setting("KILL_CONNECTED", plan.fleet.devices));
    plan.fleet.execution_s = static_cast<int>(setting("KILL_EXECUTION_S", 600));
    std::printf(
        "seed %llu (KILL_SEED), %llu devices of which %llu connect, %llu kills\n",
        static_cast<unsigned long long>(plan.seed), static_cast<unsigned long long>(plan.fleet.devices),
        static_cast<unsigned long long>(plan.fleet.connected), static_cast<unsigned long long>(plan.kills));
    std::string name = (std::filesystem::temp_directory_path() / "carillon-kill-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return 1;
    Findings findings;
    const auto done = run(argv[1], name, plan, findings);
    if (!done) findings.add(done.error().detail);
    if (findings.count() > 0) {
        std::fprintf(stderr, "%llu broken promises; seed %llu; the hub's folder is kept: %s\n",
                     static_cast<unsigned long long>(findings.count()),
                     static_cast<unsigned long long>(plan.seed), name.c_str());
        return 1;
    }
    std::filesystem::remove_all(name);
    std::puts("every promise held");
    return 0;
}
