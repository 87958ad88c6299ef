#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// A blob container as a URI names it.
struct ContainerUri {
    enum class Kind : std::uint8_t {
        directory,  ///< `file:`
        web,        ///< `https:` or `http:`
    };
    Kind kind = Kind::directory;
    /// A directory's path, decoded: absolute, or relative to the root for imports. A web container's,
    /// still encoded, without a slash at its end.
    std::string path;
    bool is_tls = true;
    std::string host;  ///< Without brackets.
    std::uint16_t port = 443;
    std::string query;  ///< The shared access signature; a secret.

    /// Reads `file:NAME`, `file:///PATH`, `https://HOST[:PORT]/PATH?SAS`, and `http://…`; whether
    /// the host may be reached is `WebReach`'s business. Fails with `blob_container_validation_error`, in
    /// words that repeat nothing of the query.
    static Result<ContainerUri> parse(std::string_view text);
};

/// Checks the name of a blob, and the parts of a directory's path: no part is empty, `.` or `..`, and no
/// byte is a control character or a backslash. Fails with `blob_container_validation_error`.
Result<> check_blob_path(std::string_view path);

}  // namespace carillon
