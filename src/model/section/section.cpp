#include "model/section/section.hpp"

#include "base/json_number.hpp"
#include "base/prefetch.hpp"
#include "model/section/section_find.hpp"
#include "model/section/section_format.hpp"

#include <array>

namespace carillon {

namespace format = section_format;

namespace {

using FreshBytes = std::array<std::uint8_t, format::header_bytes + format::stamp_bytes>;

FreshBytes fresh_bytes(WallTime now) {
    FreshBytes bytes{};
    bytes[0] = format::version;
    format::store<std::uint16_t>(bytes.data() + format::stamp_count_at, 1);
    format::store<std::int64_t>(bytes.data() + format::version_at, 1);
    format::store_stamp(bytes.data(), 0, {.ticks = now.ticks, .version = 0, .uses = 1});
    return bytes;
}

const FreshBytes& never_written() {
    static const FreshBytes bytes = fresh_bytes({});
    return bytes;
}

SectionValue to_section_value(const format::Value& value, const format::Stamp& stamp) {
    SectionValue result;
    result.last_updated.ticks = stamp.ticks;
    result.last_updated_version = stamp.version;
    switch (value.tag) {
        case format::Tag::boolean:
            result.kind = SectionValue::Kind::boolean;
            result.boolean = value.size != 0;
            break;
        case format::Tag::number:
            result.kind = SectionValue::Kind::number;
            result.text = value.text();
            result.number = json_number_value(value.text());
            break;
        case format::Tag::plain_string:
        case format::Tag::string:
            result.kind = SectionValue::Kind::string;
            result.text = value.text();
            break;
        case format::Tag::array:
            result.kind = SectionValue::Kind::array;
            result.text = value.text();
            break;
        case format::Tag::object:
            result.kind = SectionValue::Kind::object;
            result.object = {value.payload, value.size};
            break;
    }
    return result;
}

}  // namespace

Section Section::fresh(WallTime now) {
    return Section(fresh_bytes(now));
}

const std::uint8_t* Section::data() const {
    return encoded().data();
}

Bytes Section::encoded() const {
    return block_ ? block_.bytes() : Bytes(never_written());
}

void Section::prefetch() const {
    // A block's own size is not there yet. Further lines follow soon enough once these are read.
    constexpr std::size_t lines = 3;
    carillon::prefetch(block_.bytes().data(), lines * cache_line_bytes);
}

Result<Section> Section::decode(Bytes bytes) {
    if (!format::is_well_formed(bytes))
        return fail(Errc::store_corrupt, "a stored twin section does not decode");
    if (as_text(bytes) == as_text(never_written())) return Section();
    return Section(bytes);
}

std::int64_t Section::version() const {
    return format::load<std::int64_t>(data() + format::version_at);
}

WallTime Section::last_updated() const {
    const std::uint8_t* const bytes = data();
    return {format::load_stamp(bytes, format::load<std::uint16_t>(bytes + format::root_stamp_at)).ticks};
}

bool Section::is_empty() const {
    const Bytes bytes = encoded();
    return format::members_begin(bytes.data()) == bytes.data() + bytes.size();
}

std::size_t Section::counted_bytes() const {
    return format::load<std::uint32_t>(data() + format::counted_at);
}

SectionValue Section::find(std::span<const std::string_view> path) const {
    std::size_t passed = 0;
    return find_counting(*this, path, passed);
}

SectionValue find_counting(const Section& section, std::span<const std::string_view> path,
                           std::size_t& passed) {
    const Bytes bytes = section.encoded();
    const std::uint8_t* at = format::members_begin(bytes.data());
    const std::uint8_t* end = bytes.data() + bytes.size();
    if (path.empty()) {
        SectionValue root;
        root.kind = SectionValue::Kind::object;
        root.object = {at, end};
        const auto stamp = format::load_stamp(
            bytes.data(), format::load<std::uint16_t>(bytes.data() + format::root_stamp_at));
        root.last_updated.ticks = stamp.ticks;
        root.last_updated_version = stamp.version;
        return root;
    }
    for (std::size_t level = 0; at != end;) {
        const std::uint8_t* const begin = at;
        const format::Step step = format::read_step(at);
        at = step.end;
        ++passed;
        if (step.key != path[level]) continue;
        const format::Member member = format::read_member(begin);
        if (++level == path.size())
            return to_section_value(member.value, format::load_stamp(bytes.data(), member.stamp));
        if (member.value.tag != format::Tag::object) return {};
        at = member.value.payload;
        end = member.value.end();
    }
    return {};
}

}  // namespace carillon
