#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// Tokens of single devices that are refused before their time is over. A SAS token says when it ends and not
/// when it was made, so a revocation is the moment up to which a token may end and be refused: of devices
/// that make tokens for an hour, those made before now end within the hour, and those made later end later.
/// Holds for tokens of the device and its modules, whoever signed them, a policy too. A revocation is over
/// when no such token is valid any more, and is then forgotten. Ours. Any thread.
class TokenRevocations {
public:
    static constexpr std::size_t count_max = 10'000;
    /// How long after its end a token is still accepted; `sas::clock_skew_s`.
    static constexpr std::int64_t skew_s = 300;
    /// How far ahead a revocation may lie.
    static constexpr std::int64_t lifetime_max_s = std::int64_t{366} * 24 * 3600;

    /// Reads them. Fails with `store_failed`, `store_corrupt`.
    Result<> load(const Store& store);

    /// True if a token for `device` that ends (`se`) at `token_end` is refused.
    bool refuses(const DeviceId& device, WallTime token_end) const;
    /// Up to which end tokens of `device` are refused.
    std::optional<WallTime> find(const DeviceId& device) const;

    /// Puts a revocation into `batch`, and the end of those that are over. Fails with
    /// `throttling_exception` beyond `count_max`.
    Result<> stage(const DeviceId& device, WallTime up_to, WallTime now, Batch& batch) const;
    void stage_removal(const DeviceId& device, Batch& batch) const;
    /// From here on it holds; those that are over are forgotten.
    void set(const DeviceId& device, WallTime up_to, WallTime now);
    void remove(const DeviceId& device);

private:
    using Ends = std::map<std::string, WallTime, std::less<>>;

    std::atomic<std::size_t> count_{0};  ///< Of `ends_`, so that a login with none costs one look.
    mutable std::mutex mutex_;           ///< Guards `ends_`; held for a look-up.
    Ends ends_;                          ///< By device id. Bound: count_max.
};

}  // namespace carillon
