#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

enum class JsonKind : std::uint8_t { absent, null, boolean, number, string, array, object };

/// Bounds on a JSON text; breaking one is an ordinary parse error.
struct JsonLimits {
    std::size_t depth_max = 64;         ///< Nesting of arrays and objects.
    std::size_t nodes_max = 1'000'000;  ///< Values in all.
};

class JsonDocument;
struct JsonTree;

/// One value of a `JsonDocument`, or nothing (`absent`). A cheap handle, valid as long as the
/// document or what it was moved to. Every accessor is safe on any kind: it then gives the empty value.
///
/// Numbers keep their source text, as the service round-trips `1` and `1.0` differently.
class JsonValue {
public:
    JsonValue() = default;

    JsonKind kind() const;
    bool exists() const { return kind() != JsonKind::absent; }
    /// True for an explicit `null` and for an absent member, which the service's clients mean alike.
    bool is_null_or_absent() const { return kind() <= JsonKind::null; }
    bool is_object() const { return kind() == JsonKind::object; }
    bool is_array() const { return kind() == JsonKind::array; }
    bool is_string() const { return kind() == JsonKind::string; }
    bool is_number() const { return kind() == JsonKind::number; }
    bool is_boolean() const { return kind() == JsonKind::boolean; }

    /// The value exactly as it stands in the source text; empty if absent.
    std::string_view raw() const;
    /// A string's decoded text (UTF-8).
    std::string_view string() const;
    bool boolean() const;
    /// A number's value as a double; infinity where it exceeds the range.
    double number() const;
    /// A number's value if it is written as, or equals, an integer of 64 bits (`5`, `5.0`, `5e0`).
    std::optional<std::int64_t> integer() const;

    /// Members of an object or elements of an array; duplicates of a key count once (last wins).
    std::size_t size() const;
    /// The member named `key` (exact case), else absent.
    JsonValue find(std::string_view key) const;

    /// Walks members (with `key()`) or elements: `for (auto v = x.first(); v.exists(); v = v.next())`.
    JsonValue first() const;
    JsonValue next() const;
    /// This value's name within its object, decoded; empty for elements and the root.
    std::string_view key() const;

private:
    friend class JsonDocument;
    JsonValue(const JsonTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
    const JsonTree* tree_ = nullptr;
    std::uint32_t index_ = 0;
};

/// A parsed JSON text (RFC 8259, strict; UTF-8 checked; duplicate keys: the last wins and the
/// earlier ones are gone). Views the text given to `parse`, which must outlive it; movable.
class JsonDocument {
public:
    /// Fails with `iot_hub_format_error` and the byte offset of the first fault; also if `text` is
    /// 2 GiB or more. An escaped surrogate without its other half is a fault (it has no UTF-8).
    static Result<JsonDocument> parse(std::string_view text, const JsonLimits& limits = {});

    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) noexcept;
    ~JsonDocument();

    JsonValue root() const;

private:
    explicit JsonDocument(std::unique_ptr<JsonTree> tree);
    std::unique_ptr<JsonTree> tree_;  ///< At a fixed address, so that a move does not disturb the values.
};

/// Appends `text` as a JSON string literal with its quotes. `ascii` writes everything beyond
/// ASCII as `\uXXXX`, for clients that read bodies byte by byte (azure-iot-device 1.1).
void append_json_string(std::string& out, std::string_view text, bool ascii = false);

/// Writes one JSON text onto `out`, adding commas where they are due. Not checked: the caller
/// pairs begin and end, and gives each member a key.
class JsonWriter {
public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
    JsonWriter& value(bool flag);
    JsonWriter& value(std::int64_t number);
    JsonWriter& value(std::uint64_t number);
    JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
    JsonWriter& value(std::uint32_t number) { return value(static_cast<std::uint64_t>(number)); }
    JsonWriter& value(double number);  ///< Shortest form that reads back the same; null if not finite.
    JsonWriter& null();
    /// A value that is JSON text already.
    JsonWriter& raw(std::string_view json);

    template <class T>
    JsonWriter& member(std::string_view name, const T& v) {
        return key(name).value(v);
    }
    /// Null if `text` is empty.
    JsonWriter& member_or_null(std::string_view name, std::string_view text);
    JsonWriter& member_raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

private:
    void separate();
    std::string& out_;
    bool need_comma_ = false;
};

}  // namespace carillon
