#pragma once

#include "base/random.hpp"
#include "base/task.hpp"
#include "core/hub.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// What to ask and how much of the answer.
struct QueryRequest {
    std::string statement;
    std::size_t page_size = 100;
    std::string continuation;  ///< Empty for the first page.
    Flavour flavour = Flavour::ga;
};

enum class ItemKind { twin, device_job, raw };

struct QueryPage {
    ItemKind kind = ItemKind::twin;
    std::vector<std::string> items;  ///< JSON objects.
    std::string continuation;        ///< Empty when nothing follows.
};

/// Runs statements over all shards, in key order, a page at a time. Any thread.
class Queries {
public:
    /// Evaluation gives way to other work of a shard after this long.
    static constexpr std::chrono::microseconds slice_max{2000};

    /// `token_key` signs continuation tokens; it is the hub's own and survives restarts.
    Queries(Hub& hub, std::string token_key);

    /// Fails with `argument_invalid` for statements and for tokens that are not ours or belong to
    /// another statement or flavour. Source: contract query.md 1, decisions.md 19.
    Task<Result<QueryPage>> run(QueryRequest request);

    /// Seals `position` into an opaque, URL-safe token bound to `purpose` (statement and flavour),
    /// and opens one again; `argument_invalid` if it was forged or bound to something else.
    std::string seal(std::string_view purpose, std::string_view position) const;
    Result<std::string> open(std::string_view purpose, std::string_view token) const;

private:
    Hub& hub_;
    std::string token_key_;
};

}  // namespace carillon
