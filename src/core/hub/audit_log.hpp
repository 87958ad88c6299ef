#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "core/shard/shard.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// One change of the hub, as its log keeps it. Never a secret: contents are told by their SHA-256 alone, and
/// are empty where there is none.
struct AuditEntry {
    std::string policy;      ///< Whose key or session asked; `hub` for the hub itself.
    std::string key;         ///< primary, secondary or session; empty where none is known.
    std::string via;         ///< rest, dashboard, device or hub.
    std::string peer;        ///< `address:port`
    std::string agent;       ///< What the client calls itself; no proof of anything.
    std::string operation;   ///< Such as `PUT /devices/{}`.
    std::string target;      ///< What stands at its `{}`.
    int status = 0;          ///< Of the answer.
    std::string request_id;  ///< As the caller was told (`x-ms-request-id`).
    std::string request;     ///< Of the request's body.
    std::string before;      ///< Of the identity and twin, or the document.
    std::string after;
};

/// Sixty-four hexadecimal digits; nothing for an empty text.
std::string sha256_hex(std::string_view text);

/// Who changed what: a log that is durable, bounded and chained by hashes, so that whoever alters, removes or
/// inserts an entry is found out by `AuditChain`, unless all that follows is made anew as well; the newest
/// hash, kept elsewhere, tells even that. Lives on one shard; any thread may call. Formats: docs/storage.md.
class AuditLog {
public:
    static constexpr std::size_t entries_default = 200'000;
    static constexpr std::size_t page_entries_max = 1000;
    /// Of each text of an entry that a peer chooses; what is longer is cut.
    static constexpr std::size_t text_bytes_max = 300;
    /// So many go at a time when there are too many.
    static constexpr std::uint64_t trimmed_at_once = 1000;

    explicit AuditLog(Shard& shard) : shard_(shard) {}

    /// What is kept; 0 keeps and writes nothing. Before `load`.
    void use(std::size_t entries_max) { entries_max_ = entries_max; }
    /// Finds where the log ends. Before the shard's thread runs. Fails with `store_failed`, `store_corrupt`.
    Result<> load();
    bool is_on() const { return entries_max_ > 0; }

    /// Writes an entry; returns when it is durable. Fails with `service_unavailable`.
    Task<Result<>> write(AuditEntry entry);
    /// Writes one and waits for nothing: a crash within the next commits may lose it.
    void note(AuditEntry entry);
    /// The same of what the hub itself does that changes how it works.
    void note_hub(std::string what);

    struct Page {
        std::uint64_t first = 0;           ///< The oldest that is kept; 0 if there is none.
        std::uint64_t last = 0;            ///< The newest.
        std::string head;                  ///< Its hash.
        std::vector<std::string> entries;  ///< As stored: JSON objects, whose bytes are what hashes cover.
    };
    /// The entries behind `after`, oldest first, at most `count`. Fails with `store_failed`.
    Task<Result<Page>> list(std::uint64_t after, std::size_t count);

private:
    void append(AuditEntry entry);
    Task<Result<>> write_here(AuditEntry entry);
    Task<Result<Page>> list_here(std::uint64_t after, std::size_t count);

    Shard& shard_;
    std::size_t entries_max_ = entries_default;
    std::uint64_t first_ = 1;
    std::uint64_t last_ = 0;
    std::string head_;  ///< The newest entry's hash; empty before the first.
};

/// Follows the chain of an audit log, oldest entry first.
class AuditChain {
public:
    /// The next entry, by its bytes. Fails with `store_corrupt`, saying what does not fit.
    Result<> add(std::string_view entry);
    const std::string& head() const { return head_; }
    std::uint64_t last() const { return last_; }
    std::size_t count() const { return count_; }

private:
    std::string head_;
    std::uint64_t last_ = 0;
    std::size_t count_ = 0;
};

}  // namespace carillon
