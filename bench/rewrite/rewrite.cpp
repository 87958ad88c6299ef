// The baseline of twin jobs: RocksDB rewriting whole documents in synced batches, as a hub would
// that kept each twin as one value and nothing resident. Through the same driver and options as the
// hub's own store.
#include "base/json.hpp"
#include "base/text.hpp"
#include "load/measure.hpp"
#include "load/options.hpp"
#include "store/rocks_store.hpp"

#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::load;

/// A twin of `bytes` bytes whose `wave` member, of one width, a job changes.
std::string document(std::uint64_t number, std::uint64_t wave, std::size_t bytes) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("deviceId", device_id(number)).key("properties").begin_object();
    json.key("desired").begin_object().member("wave", "w" + std::to_string(1'000'000 + wave));
    json.member("firmware", "1.4." + std::to_string(number % 9)).end_object().end_object();
    // Half of it varies from twin to twin, so that compression finds about what it does in real ones.
    std::string filling;
    for (std::uint64_t i = 0; out.size() + filling.size() + 30 < bytes; ++i) {
        filling += i % 2 == 0 ? hex_encode(std::to_string(number * 2'654'435'761 + i)) : "calibration-value-";
    }
    json.member("filling", filling).end_object();
    return out;
}

struct Job {
    std::uint64_t devices;
    std::uint64_t batch;
    std::size_t twin_bytes;
    bool reads;  ///< Takes each document from the store, rather than from memory.
};

/// One job over all devices in order of their keys; answers devices a second.
Result<double> run_job(RocksStore& store, const Job& job, std::uint64_t wave) {
    std::vector<std::string> ready;
    if (!job.reads) {
        for (std::uint64_t i = 0; i < job.devices; ++i) ready.push_back(document(i, wave, job.twin_bytes));
    }
    const std::string mark = "\"w" + std::to_string(1'000'000 + wave) + "\"";
    const auto began = load::Clock::now();
    for (std::uint64_t first = 0; first < job.devices; first += job.batch) {
        Batch batch;
        for (std::uint64_t i = first; i < std::min(first + job.batch, job.devices); ++i) {
            std::string value;
            if (job.reads) {
                auto found = store.get(Table::identities, device_id(i));
                if (!found) return fail(std::move(found).error());
                if (!*found) return fail(Errc::store_corrupt, "a document is missing");
                value = **std::move(found);
                value.replace(value.find("\"w1"), mark.size(), mark);
            } else {
                value = std::move(ready[i]);
            }
            batch.put(Table::identities, device_id(i), std::move(value));
        }
        batch.put(Table::jobs, "cursor", std::to_string(first));
        if (auto done = store.commit(batch); !done) return fail(std::move(done).error());
    }
    return static_cast<double>(job.devices) / seconds_between(began, load::Clock::now());
}

Result<> run(Options& options, JsonWriter& out) {
    Job job{options.number("devices", 100'000), options.number("batch", 1000),
            options.number("twin-bytes", 900), false};
    const std::uint64_t repeats = options.number("repeats", 5);
    const std::string folder = options.text("folder");
    if (auto checked = options.check(); !checked) return checked;
    if (folder.empty()) return fail(Errc::config_invalid, "--folder wants an empty folder");
    auto store = RocksStore::open(folder);
    if (!store) return fail(std::move(store).error());
    if (auto filled = run_job(**store, job, 0); !filled) return fail(std::move(filled).error());
    std::uint64_t wave = 0;
    for (const bool reads : {false, true}) {
        job.reads = reads;
        std::vector<double> rates;
        for (std::uint64_t i = 0; i < repeats; ++i) {
            const double cpu_before = read_process(::getpid()).cpu_s;
            const auto rate = run_job(**store, job, ++wave);
            if (!rate) return fail(rate.error());
            rates.push_back(*rate);
            std::fprintf(stderr, "rewrite: reads=%d %.0f devices/s, %.1f s of CPU\n", reads ? 1 : 0, *rate,
                         read_process(::getpid()).cpu_s - cpu_before);
        }
        std::sort(rates.begin(), rates.end());
        out.member(reads ? "read_and_rewrite_per_second" : "rewrite_per_second", rates[rates.size() / 2]);
    }
    out.member("devices", job.devices).member("repeats", repeats);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    auto options = Options::parse(argc, argv);
    if (!options || options->mode() != "rewrite") {
        std::fputs(
            "usage: carillon_rewrite rewrite --folder DIR [--devices N] [--twin-bytes N] [--repeats N]\n",
            stderr);
        return 2;
    }
    std::string text;
    JsonWriter out(text);
    out.begin_object().member("mode", "rewrite");
    if (auto done = run(*options, out); !done) {
        std::fprintf(stderr, "carillon_rewrite: %s\n", done.error().detail.c_str());
        return 1;
    }
    out.end_object();
    std::printf("%s\n", text.c_str());
    return 0;
}
