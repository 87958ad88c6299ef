#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon {

/// Limits on what a twin may hold. Source: IoT Hub docs, "Understand and use device twins",
/// device twin size and property formats.
struct TwinLimits {
    static constexpr std::size_t key_bytes_max = 1024;
    static constexpr std::size_t string_bytes_max = 4096;
    static constexpr std::size_t depth_max = 10;  ///< Levels of objects below the section's root.
    static constexpr std::size_t tags_bytes_max = 8 * 1024;
    static constexpr std::size_t properties_bytes_max = 32 * 1024;
    static constexpr std::int64_t integer_min = -4503599627370496;
    static constexpr std::int64_t integer_max = 4503599627370495;
};

/// How a section is written as JSON.
enum class SectionForm {
    plain,   ///< Members only, as in tags or an echo.
    device,  ///< Members, then `$version`; all but ASCII escaped. What a device is told.
    full,    ///< Members, then `$metadata` and `$version`. What a back end is told.
};

/// A checked change to one section: an object whose null members delete. Owns its text.
/// Immutable, so that one job's patch serves every shard.
class SectionPatch {
public:
    /// Checks `value` against the key, value and depth rules; `$metadata` and `$version` at its root
    /// are dropped, any other `$` key is refused. `allow_null` false is for PUT, where a null means
    /// that the key is absent. Fails with `argument_invalid`.
    /// Source: contract twins.md sections 3 and 4.
    static Result<SectionPatch> parse(JsonValue value);

    bool is_empty() const;  ///< No members at all.
    JsonValue root() const;
    /// The checked JSON text, members as sent; what a log record or an echo keeps.
    std::string_view text() const;

private:
    struct Impl;
    explicit SectionPatch(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

/// A value inside a section, as a query sees it; views the section's bytes.
struct SectionValue {
    enum class Kind : std::uint8_t { absent, boolean, number, string, array, object };
    Kind kind = Kind::absent;
    bool boolean = false;
    double number = 0;
    std::string_view text;  ///< A string's UTF-8, an array's JSON, or a number's source text.
    Bytes object;           ///< An object's encoded members, for `append_object_json`.
    WallTime last_updated{};                 ///< `$metadata…$lastUpdated` of this node.
    std::int64_t last_updated_version = 0;   ///< `$lastUpdatedVersion`; 0 where there is none.
};

/// What a merge or a replacement produced.
struct SectionChange;

/// One section of a twin: tags, desired or reported properties with their metadata, in one
/// immutable block that is shared by reference count (safe across threads). Costs 8 bytes and,
/// unless empty, about the JSON text's size plus one byte a key: each key refers to a small table
/// of the writes (time and version) that touched it. Format: docs/twin-encoding.md.
class Section {
public:
    Section() = default;
    /// A section that never was written: `$version` 1, `$lastUpdated` `now`.
    static Section fresh(WallTime now);

    Section(const Section& other);
    Section(Section&& other) noexcept;
    Section& operator=(Section other) noexcept;
    ~Section();

    std::int64_t version() const;      ///< `$version`
    WallTime last_updated() const;     ///< `$metadata.$lastUpdated` of the root
    bool is_empty() const;             ///< No members.
    /// Size as the service counts it: UTF-8 bytes of keys and strings (without control
    /// characters), 8 a number, 4 a boolean; `$` members do not count.
    std::size_t counted_bytes() const;

    /// Appends this section as a JSON object.
    void append_json(std::string& out, SectionForm form) const;
    /// Appends a nested object found by `find` in plain form.
    static void append_object_json(std::string& out, Bytes object);
    /// The value at `path` (exact case); `$`-members are not looked up here, see `SectionValue`.
    SectionValue find(std::span<const std::string_view> path) const;

    /// Merges `patch` (null deletes, objects merge member by member, anything else replaces),
    /// stamps what it touched with `now` and `version() + 1`, and raises `$version`. `with_version`
    /// stamps `$lastUpdatedVersion` too (desired properties). The result is refused with
    /// `argument_invalid` if it is larger than `bytes_max` and larger than before, or nests too deep.
    /// Source: contract twins.md sections 3, 4, 6, 7; RFC 7396 section 2.
    Result<SectionChange> merged(const SectionPatch& patch, WallTime now, bool with_version,
                                 std::size_t bytes_max) const;
    /// Replaces everything by `content`, in which nulls mean absent; otherwise as `merged`.
    Result<SectionChange> replaced(const SectionPatch& content, WallTime now, bool with_version,
                                   std::size_t bytes_max) const;

    /// The block for the disk, and back. `decode` fails with `store_corrupt`.
    Bytes encoded() const;
    static Result<Section> decode(Bytes bytes);

private:
    struct Block;
    friend struct SectionBuilder;
    explicit Section(Block* block) : block_(block) {}
    Block* block_ = nullptr;
};

struct SectionChange {
    Section section;
    /// False if nothing but nulls for missing keys was in the patch (or it was empty): such a write
    /// raises no `$version` and `section` equals the old one.
    bool touched = false;
    /// What a connected device is told, without `$version`: the patch less nulls for keys that did
    /// not exist; for a replacement the new content plus null for each key that vanished. `{…}`.
    std::string notification;
};

}  // namespace carillon
