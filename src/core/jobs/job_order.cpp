#include "core/jobs/job_order.hpp"

#include "base/sha256.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "model/twin.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace carillon {
namespace {

std::uint64_t first_eight(const Sha256Digest& digest) {
    return read_be<std::uint64_t>(as_text(digest));
}

const Section* section_of(const Twin& twin, std::vector<std::string_view>& path) {
    const auto drop = [&path](std::size_t count) {
        path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(count));
    };
    if (path.size() > 1 && path[0] == "tags") {
        drop(1);
        return &twin.tags;
    }
    if (path.size() > 2 && path[0] == "properties" && (path[1] == "desired" || path[1] == "reported")) {
        const bool is_desired = path[1] == "desired";
        drop(2);
        return is_desired ? &twin.desired : &twin.reported;
    }
    return nullptr;
}

/// False if the path is missing.
bool append_value(std::string& out, std::string_view path, const Twin& twin) {
    auto words = split(path, '.');
    const Section* section = section_of(twin, words);
    if (!section) return false;
    const auto value = section->find(words);
    if (value.kind == SectionValue::Kind::absent) return false;
    out += static_cast<char>('a' + static_cast<int>(value.kind));
    switch (value.kind) {
        case SectionValue::Kind::boolean:
            out += value.boolean ? '1' : '0';
            break;
        case SectionValue::Kind::number:
        case SectionValue::Kind::string:
            out += value.text;
            break;
        case SectionValue::Kind::absent:
        case SectionValue::Kind::array:
        case SectionValue::Kind::object:
            break;
    }
    return true;
}

/// One device of the job, on its way to its place.
struct Standing {
    std::uint64_t hash;
    std::uint32_t part;
    std::uint32_t index;
    std::uint32_t group;
    std::uint64_t up = 1;  ///< Of the fraction.
    std::uint64_t down = 1;

    bool operator<(const Standing& o) const {
        return std::tie(hash, part, index) < std::tie(o.hash, o.part, o.index);
    }
};

}  // namespace

std::optional<std::string> twin_text_at(std::string_view path, const Twin& twin, const Twin* parent) {
    for (const Twin* each : {&twin, parent}) {
        if (!each) continue;
        auto words = split(path, '.');
        const Section* section = section_of(*each, words);
        if (!section) return std::nullopt;
        const auto value = section->find(words);
        if (value.kind == SectionValue::Kind::absent) continue;
        if (value.kind != SectionValue::Kind::string) return std::nullopt;
        return std::string(value.text);
    }
    return std::nullopt;
}

std::uint64_t order_hash(std::uint64_t seed, std::string_view key) {
    std::string prefix;
    append_be(prefix, seed);
    return first_eight(sha256({prefix, key}));
}

std::string spread_group(const std::vector<std::string>& paths, const Twin& twin, const Twin* parent) {
    std::string group;
    for (const auto& path : paths) {
        if (!append_value(group, path, twin) && parent) append_value(group, path, *parent);
        group += '\0';
    }
    return group;
}

std::vector<PartPlaces> place_devices(const std::vector<PartKeys>& parts) {
    std::vector<Standing> line;
    std::unordered_map<std::string_view, std::uint32_t> groups;  // Named alike in all parts.
    bool is_spread = false;
    for (std::uint32_t p = 0; p < parts.size(); ++p) {
        const auto& part = parts[p];
        std::vector<std::uint32_t> numbers;
        for (const auto& name : part.names) {
            numbers.push_back(groups.emplace(name, static_cast<std::uint32_t>(groups.size())).first->second);
        }
        is_spread = is_spread || !numbers.empty();
        for (std::uint32_t i = 0; i < part.hashes.size(); ++i) {
            line.push_back({part.hashes[i], p, i, numbers.empty() ? 0 : numbers[part.groups[i]]});
        }
    }
    std::sort(line.begin(), line.end());
    if (is_spread) {
        std::vector<std::uint64_t> sizes(groups.size());
        for (const auto& device : line) ++sizes[device.group];
        std::vector<std::uint64_t> seen(groups.size());
        for (auto& device : line) {
            device.up = 2 * ++seen[device.group] - 1;
            device.down = sizes[device.group];
        }
        // Compared as fractions, exactly: both products are below 2^48.
        std::stable_sort(line.begin(), line.end(),
                         [](const Standing& a, const Standing& b) { return a.up * b.down < b.up * a.down; });
    }
    std::vector<PartPlaces> placed(parts.size());
    for (std::size_t p = 0; p < parts.size(); ++p) {
        placed[p].places.resize(parts[p].hashes.size());
        placed[p].order.reserve(parts[p].hashes.size());
    }
    for (std::uint32_t place = 0; place < line.size(); ++place) {
        auto& part = placed[line[place].part];
        part.places[line[place].index] = place;
        part.order.push_back(line[place].index);
    }
    return placed;
}

std::int64_t retry_wait_ms(const RolloutRetry& retry, std::uint64_t seed, std::string_view key,
                           std::uint32_t attempts) {
    long double wait = static_cast<long double>(retry.from.ms);
    const auto most = static_cast<long double>(retry.to.ms);
    for (std::uint32_t i = 1; i < attempts && wait < most; ++i) {
        wait *= static_cast<long double>(retry.factor_hundredths) / 100;
    }
    wait = std::min(wait, most);
    std::string numbers;
    append_be(numbers, seed);
    std::string attempt;
    append_be(attempt, attempts);
    // The upper half of the range by chance, so that devices that failed together do not come back together.
    const auto chance = first_eight(sha256({numbers, key, attempt})) >> 11;
    const auto u = 0.5L + static_cast<long double>(chance) / static_cast<long double>(std::uint64_t{1} << 54);
    return static_cast<std::int64_t>(wait * u);
}

}  // namespace carillon
