#pragma once

#include "base/errc.hpp"

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace carillon {

/// What went wrong: `code` decides, `detail` explains to a person and may be empty.
struct Error {
    Errc code;
    std::string detail;
};

/// A value or an `Error`; the project's one way to report what a peer, a disk or a user caused.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
    using tl::expected<T, Error>::expected;
};

/// The only way out with an error, so that a search for `fail(` finds every one.
inline tl::unexpected<Error> fail(Errc code, std::string detail = {}) {
    return tl::unexpected<Error>(Error{code, std::move(detail)});
}
inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

/// Stops the process with file, line and the condition; for what only a bug can cause, never
/// for input. Stays on in release builds.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace carillon

#define CARILLON_ASSERT(condition)                       \
    (static_cast<bool>(condition) ? static_cast<void>(0) \
                                  : ::carillon::assertion_failed(#condition, __FILE__, __LINE__))
