#pragma once

#include "base/task.hpp"
#include "core/port/shard_requests.hpp"

namespace carillon {

// What a shard does when it is asked; each on the shard's thread.

Task<Result<FoundRow>> answer(Shard& shard, FindIdentity request);
Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ListModules request);
Task<Result<FoundRow>> answer(Shard& shard, PutIdentity request);
Task<Result<>> answer(Shard& shard, RemoveIdentity request);
Task<Result<FoundRow>> answer(Shard& shard, RenewKeys request);
Task<Result<FoundRow>> answer(Shard& shard, WriteTwin request);
Task<Result<MethodAnswer>> answer(Shard& shard, InvokeMethod request);
Task<Result<DeviceCounts>> answer(Shard& shard, CountDevices request);
Task<Result<std::uint64_t>> answer(Shard& shard, CountRecords request);
Task<Result<ExportPage>> answer(Shard& shard, ReadExportPage request);
Task<Result<std::vector<Result<>>>> answer(ShardSeat& seat, ApplyEntries request);
Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ScanRows request);
Task<GatheredGroups> answer(Shard& shard, ScanGroups request);
Task<Result<std::uint64_t>> answer(Shard& shard, SendMessage request);
Task<Result<std::uint64_t>> answer(Shard& shard, PurgeMessages request);
Task<Result<>> answer(Shard& shard, ApplyContent request);
Task<Result<std::vector<ConfigurationCount>>> answer(ShardSeat& seat, CountConfigurations request);
Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ReadRows request);
Task<Result<>> answer(Shard& shard, EndLinks request);

/// The same for a request as bytes: what `encode_request` wrote becomes what `decode_answer` reads. Bytes
/// that are no request are answered with `malformed_packet`.
Task<std::string> answer_bytes(ShardSeat& seat, std::string request);

}  // namespace carillon
