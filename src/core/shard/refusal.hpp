#pragma once

#include "base/task.hpp"
#include "core/shard/committer.hpp"
#include "core/shard/record.hpp"

namespace carillon {

/// Writers build on writes that are still on their way to disk, and so does a refusal of theirs ("the etag
/// has changed"). A crash takes such a write back, and whoever was refused because of it was told of
/// something that never happened. So a refusal is answered when it holds. Fails as `Committer::durable`.
inline Task<Result<>> wait_for_reason(const Record* record, Committer& committer) {
    if (record == nullptr || record->writes == 0) co_return Result<>{};
    co_return co_await committer.durable();
}

}  // namespace carillon
