#pragma once

#include "base/result.hpp"

#include <mutex>
#include <string>
#include <string_view>

namespace carillon {

/// Continuation tokens of lists and queries: a position that only this hub can have made, bound to what it is
/// for. Any thread.
class PageTokens {
public:
    static constexpr std::size_t bytes_max = 8 * 1024;

    /// `key` is the hub's secret; it survives restarts, and so do tokens.
    explicit PageTokens(std::string key) : key_(std::move(key)) {}

    /// Seals `position` into an opaque, URL-safe token bound to `purpose`, such as a statement and flavour.
    std::string seal(std::string_view purpose, std::string_view position) const;
    /// The position again. Fails with `argument_invalid` if the token was forged, bound to something else, or
    /// is over `bytes_max`.
    Result<std::string> open(std::string_view purpose, std::string_view token) const;

    /// From here on tokens are made under `key`; older ones are void.
    void renew(std::string key);

private:
    std::string key() const;

    mutable std::mutex mutex_;  ///< Guards `key_`; held for a copy.
    std::string key_;
};

}  // namespace carillon
