// The baseline of queries that no index helps: simdjson reads the asked path of each of a million
// twins as JSON, which lie one behind the other in memory. The twins are those of `carillon_load
// register`, as the hub prints them less `$metadata`.
#include "load/hub.hpp"
#include "load/measure.hpp"
#include "load/options.hpp"

#include <simdjson.h>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::load;

struct Fleet {
    std::string json;                ///< All of it, and what simdjson wants behind its end.
    std::vector<std::size_t> begin;  ///< Of each document, and of the end.
};

Fleet make_fleet(std::uint64_t devices, std::size_t twin_bytes) {
    Fleet fleet;
    for (std::uint64_t i = 0; i < devices; ++i) {
        fleet.begin.push_back(fleet.json.size());
        JsonWriter json(fleet.json);
        json.begin_object().member("deviceId", device_id(i)).member("etag", "AAAAAAAAAAE=");
        json.member("status", "enabled").member("connectionState", "Disconnected").member("version", 2);
        add_twin(json, i, twin_bytes);
        json.end_object();
    }
    fleet.begin.push_back(fleet.json.size());
    fleet.json.reserve(fleet.json.size() + simdjson::SIMDJSON_PADDING);
    return fleet;
}

/// Devices in `building`; what does not parse does not count.
std::uint64_t count_in_building(simdjson::ondemand::parser& parser, const Fleet& fleet,
                                std::string_view building) {
    std::uint64_t count = 0;
    const std::size_t capacity = fleet.json.capacity();
    for (std::size_t i = 0; i + 1 < fleet.begin.size(); ++i) {
        const std::size_t begin = fleet.begin[i];
        const simdjson::padded_string_view text(fleet.json.data() + begin, fleet.begin[i + 1] - begin,
                                                capacity - begin);
        simdjson::ondemand::document document;
        if (parser.iterate(text).get(document) != simdjson::SUCCESS) continue;
        std::string_view found;
        if (document["tags"]["building"].get_string().get(found) != simdjson::SUCCESS) continue;
        count += found == building ? 1 : 0;
    }
    return count;
}

Result<> run(Options& options, JsonWriter& out) {
    const std::uint64_t devices = options.number("devices", 1'000'000);
    const std::size_t twin_bytes = options.number("twin-bytes", 900);
    const std::uint64_t repeats = options.number("repeats", 5);
    if (auto checked = options.check(); !checked) return checked;
    const Fleet fleet = make_fleet(devices, twin_bytes);
    simdjson::ondemand::parser parser;
    Samples samples;
    std::uint64_t count = 0;
    for (std::uint64_t i = 0; i < repeats; ++i) {
        const auto began = load::Clock::now();
        count = count_in_building(parser, fleet, "42");
        samples.add(load::Clock::now() - began);
    }
    out.member("devices", devices).member("bytes", fleet.json.size()).member("found", count);
    out.member("p50_us", samples.percentile(50)).member("p99_us", samples.percentile(99));
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    auto options = carillon::load::Options::parse(argc, argv);
    if (!options) {
        std::fprintf(stderr, "usage: carillon_scan scan [--devices N] [--twin-bytes N] [--repeats N]\n");
        return 2;
    }
    std::string text;
    carillon::JsonWriter out(text);
    out.begin_object();
    if (const auto done = run(*options, out); !done) {
        std::fprintf(stderr, "carillon_scan: %s\n", done.error().detail.c_str());
        return 1;
    }
    out.end_object();
    std::printf("%s\n", text.c_str());
    return 0;
}
