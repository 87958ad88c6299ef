#include "core/shard/twin_log.hpp"

#include "base/pack.hpp"
#include "base/stored_number.hpp"

#include <algorithm>

namespace carillon {
namespace {

constexpr std::uint8_t twin_log_version = 1;

enum Flag : std::uint8_t { has_tags = 1, has_desired = 2, clears_tags = 4, clears_desired = 8 };

std::uint8_t flags_of(const TwinPatch& patch) {
    return static_cast<std::uint8_t>((patch.tags ? has_tags : 0) | (patch.desired ? has_desired : 0) |
                                     (patch.clear_tags ? clears_tags : 0) |
                                     (patch.clear_desired ? clears_desired : 0));
}

tl::unexpected<Error> corrupt() {
    return fail(Errc::store_corrupt, "a twin-log entry does not decode");
}

Result<SectionPatch> parse_section(std::string_view text) {
    const auto document = JsonDocument::parse(text);
    if (!document) return corrupt();
    auto patch = SectionPatch::parse(document->root());
    if (!patch) return corrupt();
    return patch;
}

}  // namespace

std::string twin_log_key(std::uint32_t shard, std::uint64_t sequence) {
    std::string key;
    append_be(key, shard);
    append_be(key, sequence);
    return key;
}

std::string encode_twin_log_entry(WallTime time, const TwinPatch& patch, std::vector<Ordinal> ordinals) {
    std::sort(ordinals.begin(), ordinals.end());
    std::string out;
    out.reserve(64 + ordinals.size() * 2);
    Packer pack{out};
    pack.u8(twin_log_version);
    pack.time(time);
    pack.number(ordinals.size());
    pack.u8(flags_of(patch));
    if (patch.tags) pack.text(patch.tags->text());
    if (patch.desired) pack.text(patch.desired->text());
    Ordinal previous = 0;
    for (const Ordinal ordinal : ordinals) {
        pack.number(ordinal - previous);
        previous = ordinal;
    }
    return out;
}

Result<TwinLogEntry> decode_twin_log_entry(Bytes bytes) {
    Unpacker in{bytes};
    if (in.u8() != twin_log_version) return corrupt();
    TwinLogEntry entry;
    entry.time = in.time();
    const auto count = in.count();
    const auto flags = in.u8();
    entry.patch.clear_tags = (flags & clears_tags) != 0;
    entry.patch.clear_desired = (flags & clears_desired) != 0;
    if ((flags & has_tags) != 0) {
        auto section = parse_section(in.text());
        if (!section) return fail(std::move(section).error());
        entry.patch.tags = *std::move(section);
    }
    if ((flags & has_desired) != 0) {
        auto section = parse_section(in.text());
        if (!section) return fail(std::move(section).error());
        entry.patch.desired = *std::move(section);
    }
    entry.ordinals.reserve(count);
    std::uint64_t ordinal = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const auto step = in.number();
        ordinal += step;
        if ((i > 0 && step == 0) || ordinal > UINT32_MAX) return corrupt();
        entry.ordinals.push_back(static_cast<Ordinal>(ordinal));
    }
    if (!in.at_end() || count == 0) return corrupt();
    return entry;
}

std::size_t count_twin_log_entry(Bytes bytes) {
    Unpacker in{bytes};
    if (in.u8() != twin_log_version) return 0;
    in.time();
    return in.count();
}

}  // namespace carillon
