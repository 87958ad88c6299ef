#pragma once

// Reading and measuring the bytes of a section; docs/twin-encoding.md has the format. Internal to
// the model. Nothing here checks bounds: a block was checked when it was decoded or is our own work.

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace carillon::section_format {

enum class Tag : std::uint8_t {
    boolean = 0,
    number = 1,
    plain_string = 2,
    string = 3,
    array = 4,
    object = 5
};

inline constexpr std::uint8_t version = 1;
inline constexpr std::size_t stamp_count_at = 2;
inline constexpr std::size_t root_stamp_at = 4;
inline constexpr std::size_t version_at = 8;
inline constexpr std::size_t counted_at = 16;
inline constexpr std::size_t header_bytes = 20;
inline constexpr std::size_t stamp_bytes = 16;
inline constexpr int uses_bits = 24;
inline constexpr std::uint64_t uses_mask = (std::uint64_t{1} << uses_bits) - 1;

/// A length below this fits into a tag; others follow it as a varint, less this.
inline constexpr std::uint32_t short_length_end = 31;
inline constexpr std::size_t object_length_bytes = 3;
/// The most a member takes beside its key and its leaf's bytes: tag, object length, stamp.
inline constexpr std::size_t member_overhead_max = 1 + object_length_bytes + 3;

inline constexpr std::uint32_t number_counts = 8;
inline constexpr std::uint32_t boolean_counts = 4;

template <class T>
T load(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class T>
void store(std::uint8_t* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

/// When a node was last written: `version` is 0 where `$lastUpdatedVersion` is not kept.
struct Stamp {
    std::int64_t ticks = 0;
    std::int64_t version = 0;
    std::uint32_t uses = 0;  ///< Nodes that refer to it; a stamp without is free for the next write.
};

inline Stamp load_stamp(const std::uint8_t* section, std::uint32_t index) {
    const std::uint8_t* const at = section + header_bytes + index * stamp_bytes;
    const auto packed = load<std::uint64_t>(at + 8);
    return {.ticks = load<std::int64_t>(at),
            .version = static_cast<std::int64_t>(packed >> uses_bits),
            .uses = static_cast<std::uint32_t>(packed & uses_mask)};
}
inline void store_stamp(std::uint8_t* section, std::uint32_t index, const Stamp& stamp) {
    std::uint8_t* const at = section + header_bytes + index * stamp_bytes;
    store(at, stamp.ticks);
    store(at + 8, static_cast<std::uint64_t>(stamp.version) << uses_bits | stamp.uses);
}

inline const std::uint8_t* members_begin(const std::uint8_t* section) {
    return section + header_bytes + load<std::uint16_t>(section + stamp_count_at) * stamp_bytes;
}

inline std::uint32_t read_varint(const std::uint8_t*& at) {
    std::uint32_t value = *at++;
    if (value < 0x80) return value;
    value &= 0x7F;
    for (int shift = 7;; shift += 7) {
        const std::uint32_t byte = *at++;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
}

inline const std::uint8_t* skip_varint(const std::uint8_t* at) {
    while (*at++ >= 0x80) {
    }
    return at;
}

/// A member as far as a walk over many of them needs it: its key, its value's place, its end. Much
/// cheaper than `read_member`, so what looks for keys uses this.
struct Step {
    std::string_view key;
    const std::uint8_t* value;
    const std::uint8_t* end;
};

[[gnu::always_inline]] inline Step read_step(const std::uint8_t* at) {
    const std::uint32_t key_size = read_varint(at);
    const std::string_view key(reinterpret_cast<const char*>(at), key_size);
    at += key_size;
    const std::uint8_t* const value = at;
    const auto tag = static_cast<Tag>(*at & 7);
    std::uint32_t size = *at >> 3;
    ++at;
    if (tag == Tag::object) {
        size = at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16;
        at += object_length_bytes;
    } else if (tag == Tag::boolean) {
        size = 0;
    } else {
        if (size == short_length_end) size += read_varint(at);
        if (tag == Tag::array) at = skip_varint(at);
    }
    return {key, value, skip_varint(at + size)};
}

/// One value in place.
struct Value {
    Tag tag = Tag::boolean;
    std::uint32_t size = 0;     ///< Of the payload; a boolean's value.
    std::uint32_t counted = 0;  ///< Arrays only: what the service counts.
    const std::uint8_t* begin = nullptr;
    const std::uint8_t* payload = nullptr;

    const std::uint8_t* end() const { return tag == Tag::boolean ? payload : payload + size; }
    std::string_view text() const { return {reinterpret_cast<const char*>(payload), size}; }
};

/// A range of encoded members.
struct Range {
    const std::uint8_t* begin = nullptr;
    const std::uint8_t* end = nullptr;
};
inline Range members_of(Bytes section) {
    return {members_begin(section.data()), section.data() + section.size()};
}
inline Range members_of(const Value& object) {
    return {object.payload, object.end()};
}

inline Value read_value(const std::uint8_t* at) {
    Value value;
    value.begin = at;
    value.tag = static_cast<Tag>(*at & 7);
    value.size = *at >> 3;
    ++at;
    if (value.tag == Tag::object) {
        value.size = at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16;
        at += object_length_bytes;
    } else if (value.size == short_length_end) {
        value.size += read_varint(at);
    }
    if (value.tag == Tag::array) value.counted = read_varint(at);
    value.payload = at;
    return value;
}

/// One member of an object in place.
struct Member {
    std::string_view key;
    Value value;
    std::uint32_t stamp = 0;
    const std::uint8_t* begin = nullptr;
    const std::uint8_t* end = nullptr;
};

inline Member read_member(const std::uint8_t* at) {
    Member member;
    member.begin = at;
    const std::uint32_t key_size = read_varint(at);
    member.key = {reinterpret_cast<const char*>(at), key_size};
    member.value = read_value(at + key_size);
    at = member.value.end();
    member.stamp = read_varint(at);
    member.end = at;
    return member;
}

/// UTF-8 bytes of `text` less those of control characters (C0, DEL and C1).
std::uint32_t counted_text(std::string_view text);
/// True if JSON and the device's ASCII-only form both print `text` as it is.
bool is_plain(std::string_view text);
/// What the service counts for a value; an object's members are walked.
std::uint32_t counted_value(const Value& value);

/// Appends a value as JSON; `ascii` escapes everything beyond ASCII.
void append_value(std::string& out, const Value& value, bool ascii);
/// Appends the members in [at, end) as `"k":v,…`, without braces.
void append_members(std::string& out, const std::uint8_t* at, const std::uint8_t* end, bool ascii);

/// True if the bytes are a whole section, every length, index and count in it being right.
bool is_well_formed(Bytes bytes);

}  // namespace carillon::section_format
