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

    /// How an etag without quotes counts: as if quoted (identities; twins of the preview), or not
    /// at all (twins and configurations today). Source: contract rest.md 3.4.
    enum class Unquoted { compare, ignore };
    static EtagMatch parse(std::optional<std::string_view> header, Unquoted unquoted);
};

}  // namespace carillon
