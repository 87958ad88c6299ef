#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// An `If-Match` header, as each kind of route reads it.
struct EtagMatch {
    enum class Kind { absent, any, exact };
    Kind kind = Kind::absent;
    std::string etag;  ///< Without quotes; for `exact`.

    bool is_absent() const { return kind == Kind::absent; }
    /// True if a write to an object whose etag is `current` may go on.
    bool accepts(std::string_view current) const { return kind != Kind::exact || etag == current; }

    /// How an etag without quotes counts: as if quoted (identities; twins of the preview, whose SDK
    /// never quotes), or not at all (twins and configurations today). A star counts either way: Node
    /// sends it quoted. Source: azure-iot-sdk-node#606, azure-iot-sdk-java#574.
    enum class Unquoted { compare, ignore };
    static EtagMatch parse(std::optional<std::string_view> header, Unquoted unquoted);
};

}  // namespace carillon
