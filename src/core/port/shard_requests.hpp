#pragma once

#include "base/device_id.hpp"
#include "core/port/shard_seat.hpp"
#include "core/port/single_deployment.hpp"
#include "core/scan/query_scan.hpp"
#include "core/shard/found_row.hpp"
#include "core/shard/shard.hpp"
#include "model/cloud_message.hpp"
#include "model/etag_match.hpp"
#include "model/method.hpp"
#include "model/registry_line.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace carillon {

// What a shard is asked, and what it answers. Requests and answers are values: they view nothing of the asker
// nor of the shard, so they can be moved to another thread as they are, or written as bytes
// (`shard_bytes.hpp`). `number` names the request in those and is never given to another. What only reads
// may be asked twice.

/// The registered devices by state.
struct DeviceCounts {
    std::int64_t enabled = 0;
    std::int64_t disabled = 0;
    std::int64_t connected = 0;
};

/// An identity with its twin. Fails with `device_not_found` or `module_not_found`, whichever is missing.
struct FindIdentity {
    static constexpr std::uint8_t number = 0;
    static constexpr bool only_reads = true;
    using Answer = FoundRow;
    IdentityKey key;
};

/// The modules of a device by id. Fails with `device_not_found`.
struct ListModules {
    static constexpr std::uint8_t number = 1;
    static constexpr bool only_reads = true;
    using Answer = std::vector<FoundRow>;
    IdentityKey device;
};

/// As `Shard::put_identity`.
struct PutIdentity {
    static constexpr std::uint8_t number = 2;
    static constexpr bool only_reads = false;
    using Answer = FoundRow;
    IdentityKey key;
    std::string body;
    EtagMatch match;
};

/// As `Shard::remove_identity`.
struct RemoveIdentity {
    static constexpr std::uint8_t number = 3;
    static constexpr bool only_reads = false;
    using Answer = void;
    IdentityKey key;
    EtagMatch match;
};

/// As `Shard::regenerate_keys`.
struct RenewKeys {
    static constexpr std::uint8_t number = 4;
    static constexpr bool only_reads = false;
    using Answer = FoundRow;
    IdentityKey key;
    Shard::KeyChoice choice = Shard::KeyChoice::both;
};

/// As `Shard::write_twin`. Fails with `system_module_modify_unauthorized` for a system module.
struct WriteTwin {
    static constexpr std::uint8_t number = 5;
    static constexpr bool only_reads = false;
    using Answer = FoundRow;
    IdentityKey key;
    Shard::TwinWrite kind = Shard::TwinWrite::patch;
    TwinPatch patch;
    EtagMatch match;
};

/// As `Methods::invoke`.
struct InvokeMethod {
    static constexpr std::uint8_t number = 6;
    static constexpr bool only_reads = false;
    using Answer = MethodAnswer;
    IdentityKey key;
    MethodCall call;
};

/// Counts the devices of the shard, in slices.
struct CountDevices {
    static constexpr std::uint8_t number = 7;
    static constexpr bool only_reads = true;
    using Answer = DeviceCounts;
};

/// How many records the shard has; cheap.
struct CountRecords {
    static constexpr std::uint8_t number = 8;
    static constexpr bool only_reads = true;
    using Answer = std::uint64_t;
};

/// Lines of `devices.txt` in the order of their keys.
struct ExportPage {
    /// Lines and bytes of one page; the bytes may be passed by one line.
    static constexpr std::size_t lines_max = 200;
    static constexpr std::size_t bytes_max = 256 * 1024;
    struct Line {
        std::string key;  ///< Device, and for a module NUL and the module: sorts as they do.
        std::string text;
    };
    std::vector<Line> lines;
    bool is_last = false;
};

/// A page of the lines behind `after`, the key of a line, or of the first ones if that is empty.
struct ReadExportPage {
    static constexpr std::uint8_t number = 9;
    static constexpr bool only_reads = true;
    using Answer = ExportPage;
    std::string after;
    ExportedKeys keys = ExportedKeys::included;
};

/// As `Shard::apply_entries`. The entries of an import are marked in the store with what they write, so that
/// who lost the answer finds there how far the shard is. They are refused with `service_unavailable`, and
/// nothing of them is done, unless the shard has come to just where they follow on, and while earlier ones
/// are being applied: so what comes late or twice counts once.
struct ApplyEntries {
    static constexpr std::uint8_t number = 10;
    static constexpr bool only_reads = false;
    using Answer = std::vector<Result<>>;
    struct Import {
        std::uint64_t job = 0;
        std::uint64_t follows = 0;         ///< The shard's mark, 0 before its first entry.
        std::vector<std::uint64_t> lines;  ///< Of the entries, each one's.
    };
    std::vector<ImportEntry> entries;
    std::optional<Import> import{};
};

/// As `scan_rows`; the cost is added to the plan's.
struct ScanRows {
    static constexpr std::uint8_t number = 11;
    static constexpr bool only_reads = true;
    using Answer = std::vector<FoundRow>;
    std::shared_ptr<const ScanPlan> plan;
    std::optional<IdentityKey> after;
    std::size_t rows_max = 0;
};

/// As `scan_groups`; the cost is added to the plan's.
struct ScanGroups {
    static constexpr std::uint8_t number = 12;
    static constexpr bool only_reads = true;
    using Answer = std::unique_ptr<query::Aggregation>;
    std::shared_ptr<const ScanPlan> plan;
};

/// As `CloudMessages::enqueue`; gives the sequence number. Fails with `device_not_found`, `module_not_found`.
struct SendMessage {
    static constexpr std::uint8_t number = 13;
    static constexpr bool only_reads = false;
    using Answer = std::uint64_t;
    IdentityKey key;
    CloudMessage message;
};

/// As `CloudMessages::purge`; gives how many messages there were.
struct PurgeMessages {
    static constexpr std::uint8_t number = 14;
    static constexpr bool only_reads = false;
    using Answer = std::uint64_t;
    IdentityKey key;
};

/// As `apply_single_deployment`.
struct ApplyContent {
    static constexpr std::uint8_t number = 15;
    static constexpr bool only_reads = false;
    using Answer = void;
    IdentityKey device;
    std::vector<SingleDeployment> orders;
};

/// How many twins of the shard each configuration selects; those that select none are absent.
struct CountConfigurations {
    static constexpr std::uint8_t number = 16;
    static constexpr bool only_reads = true;
    using Answer = std::vector<ConfigurationCount>;
};

/// Those of these identities that exist, in the same order.
struct ReadRows {
    static constexpr std::size_t keys_max = 128;
    static constexpr std::uint8_t number = 17;
    static constexpr bool only_reads = true;
    using Answer = std::vector<FoundRow>;
    std::vector<IdentityKey> keys;
};

/// Ends the connections of a device and of its modules, as their credentials count no more. Who asked and got
/// no answer may ask again: devices with another credential come back.
struct EndLinks {
    static constexpr std::uint8_t number = 18;
    static constexpr bool only_reads = false;
    using Answer = void;
    IdentityKey device;
};

/// All requests, by number.
using ShardRequests =
    std::tuple<FindIdentity, ListModules, PutIdentity, RemoveIdentity, RenewKeys, WriteTwin, InvokeMethod,
               CountDevices, CountRecords, ReadExportPage, ApplyEntries, ScanRows, ScanGroups, SendMessage,
               PurgeMessages, ApplyContent, CountConfigurations, ReadRows, EndLinks>;

/// Calls `visit` with the type of each request, as `std::type_identity`.
template <class Visit>
constexpr void each_shard_request(Visit visit) {
    [&]<class... Request>(std::type_identity<std::tuple<Request...>>) {
        (visit(std::type_identity<Request>{}), ...);
    }(std::type_identity<ShardRequests>{});
}

}  // namespace carillon
