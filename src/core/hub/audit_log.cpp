#include "core/hub/audit_log.hpp"

#include "base/await.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "core/shard/shards.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>

namespace carillon {
namespace {

constexpr std::string_view entry_prefix = "audit/";
constexpr std::string_view head_key = "audit.head";

std::string entry_key(std::uint64_t sequence) {
    std::string key(entry_prefix);
    append_be(key, sequence);
    return key;
}

std::string cut(std::string text) {
    if (text.size() > AuditLog::text_bytes_max) text.resize(AuditLog::text_bytes_max);
    // What a client calls itself may be no UTF-8, and a character may be cut.
    const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    std::replace_if(text.begin(), text.end(), std::not_fn(is_plain), '?');
    return text;
}

}  // namespace

std::string sha256_hex(std::string_view text) {
    if (text.empty()) return {};
    const Sha256Digest digest = sha256({text});
    std::string hex;
    for (const char byte : digest) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return hex;
}

Result<> AuditLog::load() {
    const auto stored = shard_.store().get(Table::meta, head_key);
    if (!stored) return fail(stored.error());
    if (!*stored) return {};
    const auto document = JsonDocument::parse(**stored);
    const std::int64_t first = document ? document->root().find("first").integer().value_or(0) : 0;
    const std::int64_t last = document ? document->root().find("last").integer().value_or(-1) : -1;
    if (first < 1 || last < first - 1) {
        return fail(Errc::store_corrupt, "the head of the audit log is unreadable");
    }
    first_ = static_cast<std::uint64_t>(first);
    last_ = static_cast<std::uint64_t>(last);
    head_ = document->root().find("hash").string();
    return {};
}

void AuditLog::append(AuditEntry entry) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("sequence", ++last_).member("time", to_iso8601(shard_.clock().wall_now()));
    const std::array<std::pair<std::string_view, std::string*>, 11> members{{{"policy", &entry.policy},
                                                                             {"key", &entry.key},
                                                                             {"via", &entry.via},
                                                                             {"peer", &entry.peer},
                                                                             {"agent", &entry.agent},
                                                                             {"operation", &entry.operation},
                                                                             {"target", &entry.target},
                                                                             {"requestId", &entry.request_id},
                                                                             {"request", &entry.request},
                                                                             {"before", &entry.before},
                                                                             {"after", &entry.after}}};
    for (const auto& [name, value] : members) {
        if (!value->empty()) json.member(name, cut(std::move(*value)));
    }
    if (entry.status != 0) json.member("status", entry.status);
    json.member("previous", head_).end_object();
    head_ = sha256_hex(text);
    Batch& batch = shard_.committer().batch();
    batch.put(Table::meta, entry_key(last_), std::move(text));
    if (last_ - first_ + 1 >= entries_max_ + trimmed_at_once) {
        const std::uint64_t kept = last_ - entries_max_ + 1;
        batch.erase_range(Table::meta, entry_key(first_), entry_key(kept));
        first_ = kept;
    }
    std::string head;
    JsonWriter(head)
        .begin_object()
        .member("first", first_)
        .member("last", last_)
        .member("hash", head_)
        .end_object();
    batch.put(Table::meta, std::string(head_key), std::move(head));
}

Task<Result<>> AuditLog::write_here(AuditEntry entry) {
    append(std::move(entry));
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(unavailable(written.error()));
    co_return Result<>{};
}

namespace {

/// Runs a task on the shard's thread and resumes on the caller's.
template <class T>
Task<T> on_shard(Shard& shard, Task<T> task) {
    const boost::asio::any_io_executor here = co_await boost::asio::this_coro::executor;
    if (here == shard.executor()) co_return co_await std::move(task);
    co_return co_await boost::asio::co_spawn(shard.executor(), std::move(task), boost::asio::use_awaitable);
}

}  // namespace

Task<Result<>> AuditLog::write(AuditEntry entry) {
    if (!is_on()) co_return Result<>{};
    auto writing = write_here(std::move(entry));
    co_return co_await on_shard(shard_, std::move(writing));
}

void AuditLog::note(AuditEntry entry) {
    if (!is_on()) return;
    auto held = std::make_shared<AuditEntry>(std::move(entry));
    boost::asio::post(shard_.executor(), [this, held] {
        append(std::move(*held));
        shard_.committer().on_durable([](const Result<>& written) {
            if (!written) log.error("audit entry lost reason={}", written.error().detail);
        });
    });
}

void AuditLog::note_hub(std::string what) {
    AuditEntry entry;
    entry.policy = entry.via = "hub";
    entry.operation = std::move(what);
    entry.target = "carillon " CARILLON_VERSION;
    note(std::move(entry));
}

Task<Result<AuditLog::Page>> AuditLog::list_here(std::uint64_t after, std::size_t count) {
    // What is listed is durable.
    const auto settled = co_await shard_.committer().durable();
    if (!settled) co_return fail(unavailable(settled.error()));
    Page page;
    page.last = last_;
    page.first = last_ == 0 ? 0 : first_;
    page.head = head_;
    const std::uint64_t from = std::max(after + 1, first_);
    if (from > last_) co_return page;
    const std::uint64_t to = std::min(last_, from + std::min(count, page_entries_max) - 1) + 1;
    auto reading = [this, from, to](UniqueFunction<void(Result<std::vector<std::string>>)> done) {
        auto held = std::make_shared<UniqueFunction<void(Result<std::vector<std::string>>)>>(std::move(done));
        shard_.storage().run([held, from, to, &store = shard_.store(), executor = shard_.executor()] {
            auto entries = std::make_shared<std::vector<std::string>>();
            const auto visit = [&entries](std::string_view, std::string_view value) {
                entries->emplace_back(value);
                return true;
            };
            const auto read = store.scan(Table::meta, entry_key(from), entry_key(to), visit);
            boost::asio::post(executor, [held, entries, read] {
                if (!read) return (*held)(fail(read.error()));
                (*held)(std::move(*entries));
            });
        });
    };
    auto entries = co_await from_callback<Result<std::vector<std::string>>>(reading);
    if (!entries) co_return fail(std::move(entries).error());
    page.entries = *std::move(entries);
    co_return page;
}

Task<Result<AuditLog::Page>> AuditLog::list(std::uint64_t after, std::size_t count) {
    auto listing = list_here(after, count);
    co_return co_await on_shard(shard_, std::move(listing));
}

Result<> AuditChain::add(std::string_view entry) {
    const auto document = JsonDocument::parse(entry);
    const std::int64_t sequence = document ? document->root().find("sequence").integer().value_or(0) : 0;
    if (sequence < 1)
        return fail(Errc::store_corrupt, fmt::format("what follows entry {} is no entry", last_));
    const auto number = static_cast<std::uint64_t>(sequence);
    if (count_ > 0 && number != last_ + 1) {
        return fail(Errc::store_corrupt, fmt::format("entry {} follows entry {}", number, last_));
    }
    if (count_ > 0 && document->root().find("previous").string() != head_) {
        return fail(Errc::store_corrupt,
                    fmt::format("entry {} was altered, or another stood before entry {}", last_, number));
    }
    head_ = sha256_hex(entry);
    last_ = number;
    ++count_;
    return {};
}

}  // namespace carillon
