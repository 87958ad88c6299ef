#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/shared_bytes.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon {

/// Limits on what a twin may hold. Source: IoT Hub docs, "Understand and use device twins",
/// device twin size and property formats. Ours: the length of a number, which the service counts as
/// 8 bytes however long it is written, and the bytes a section takes here, since control characters
/// and brackets do not count at all.
struct TwinLimits {
    static constexpr std::size_t key_bytes_max = 1024;
    static constexpr std::size_t string_bytes_max = 4096;
    static constexpr std::size_t depth_max = 10;  ///< Levels of objects below the section's root.
    static constexpr std::size_t tags_bytes_max = 8 * 1024;
    static constexpr std::size_t properties_bytes_max = 32 * 1024;
    static constexpr std::size_t number_chars_max = 128;
    static constexpr std::size_t encoded_bytes_max = 256 * 1024;
    static constexpr std::int64_t integer_min = -4503599627370496;
    static constexpr std::int64_t integer_max = 4503599627370495;
};

/// Which section of a twin: decides its size limit, and whether `$lastUpdatedVersion` is kept.
enum class SectionKind : std::uint8_t { tags, desired, reported };

/// The most bytes a section of this kind may count.
constexpr std::size_t section_bytes_max(SectionKind kind) {
    return kind == SectionKind::tags ? TwinLimits::tags_bytes_max : TwinLimits::properties_bytes_max;
}

/// Whether a write also says what a connected device is told about it; costs some time.
enum class Notification : std::uint8_t { omit, write };

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
    /// Checks `value`, an object, against the key, value and depth rules; `$metadata` and `$version`
    /// at its root are dropped, as tools send whole twins back; any other `$` key is refused. Fails
    /// with `argument_invalid`.
    /// Source: IoT Hub docs, "Understand and use device twins", property formats. Ours: null is
    /// refused anywhere inside an array.
    static Result<SectionPatch> parse(JsonValue value);
    /// The patch `{}`.
    static const SectionPatch& empty();

    bool is_empty() const;  ///< No members at all.
    JsonValue root() const;
    /// The checked JSON text, members as sent; what a log record or an echo keeps.
    std::string_view text() const;

private:
    friend class Section;
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
    std::string_view text;                  ///< A string's UTF-8, an array's JSON, or a number's source text.
    Bytes object;                           ///< An object's encoded members, for `append_object_json`.
    WallTime last_updated{};                ///< `$metadata…$lastUpdated` of this node.
    std::int64_t last_updated_version = 0;  ///< `$lastUpdatedVersion`; 0 where there is none.
};

/// What a merge or a replacement produced.
struct SectionChange;

/// One section of a twin: tags, desired or reported properties with their metadata, in one
/// immutable block that is shared by reference count (safe across threads). Costs 8 bytes and,
/// unless empty, about the JSON text's size plus one byte a key: each key refers to a small table
/// of the writes (time and version) that touched it. Format: docs/twin-encoding.md.
class Section {
public:
    Section() = default;  ///< As `fresh({})`, but without a block.
    /// A section that never was written: `$version` 1, `$lastUpdated` `now`.
    static Section fresh(WallTime now);

    std::int64_t version() const;   ///< `$version`
    WallTime last_updated() const;  ///< `$metadata.$lastUpdated` of the root
    bool is_empty() const;          ///< No members.
    /// Size as the service counts it: UTF-8 bytes of keys and strings (without control
    /// characters), 8 a number, 4 a boolean; `$` members do not count.
    std::size_t counted_bytes() const;

    /// Appends this section as a JSON object.
    void append_json(std::string& out, SectionForm form) const;
    /// Appends a nested object found by `find` in plain form.
    static void append_object_json(std::string& out, Bytes object);
    /// The value at `path` (exact case); `$`-members are not looked up here, see `SectionValue`.
    SectionValue find(std::span<const std::string_view> path) const;

    /// Merges `patch` (null deletes, objects merge member by member, anything else replaces), stamps
    /// what it touched with `now` (in desired properties also with the new version), and raises
    /// `$version`. An object that holds nothing but nulls does not come into being. The result is
    /// refused with `argument_invalid` if it is larger than the section may be and larger than before.
    /// Source: IoT Hub docs, "Understand and use device twins"; RFC 7396 §2.
    Result<SectionChange> merged(const SectionPatch& patch, SectionKind kind, WallTime now,
                                 Notification notification) const;
    /// Replaces everything by `content`, in which nulls mean absent; stamps all of it; otherwise as
    /// `merged`.
    Result<SectionChange> replaced(const SectionPatch& content, SectionKind kind, WallTime now,
                                   Notification notification) const;

    /// The block for the disk, and back. `decode` fails with `store_corrupt`.
    Bytes encoded() const;
    /// Asks for the block's beginning to be in the caches soon; for who reads many sections in a row.
    void prefetch() const;
    static Result<Section> decode(Bytes bytes);

private:
    explicit Section(Bytes encoded) : block_(encoded) {}
    const std::uint8_t* data() const;
    SharedBytes block_;
};

struct SectionChange {
    Section section;
    /// False if nothing but nulls for missing keys was in the patch (or it was empty), or nothing
    /// replaced nothing: such a write raises no `$version` and `section` equals the old one.
    bool touched = false;
    /// What a connected device is told, if that was asked for and something was touched, without
    /// `$version`: the patch less nulls for keys that did not exist; for a replacement the new content
    /// plus null for each key that vanished. `{…}`, all but ASCII escaped.
    /// Source: azure-iot-sdk-node#64, azure-iot-sdk-csharp#954.
    std::string notification;
};

}  // namespace carillon
