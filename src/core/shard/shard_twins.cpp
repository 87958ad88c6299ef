#include "core/shard/refusal.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"

#include <fmt/core.h>

namespace carillon {

void Shard::write_twin_change(Record& record, Document document, std::string notification) {
    const auto version = document.twin.desired.version();
    write_whole(record, std::move(document));
    if (notification.empty()) return;
    committer_.on_durable(
        [this, ordinal = record.ordinal, version, body = std::move(notification)](const Result<>& result) {
            const Record* told = directory_.find(ordinal);
            if (result && told && told->link && told->link->takes_desired()) {
                told->link->send_desired(version, body);
            }
        });
}

Result<Document> Shard::stage_twin(const IdentityKey& key, TwinWrite kind, const TwinPatch& patch,
                                   const EtagMatch& match) {
    Record* record = directory_.find(key);
    const Document* before = record ? record->newest() : nullptr;
    if (!before) return fail(Errc::device_not_found, key.device.str());
    if (!match.accepts(twin_etag_text(before->twin.etag))) {
        return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
    }
    if (kind == TwinWrite::patch && patch.is_empty()) return *before;

    const auto now = context_.clock.wall_now();
    auto change = kind == TwinWrite::patch ? patch_twin(before->twin, patch, now)
                                           : replace_twin(before->twin, patch, now);
    if (!change) return fail(std::move(change).error());
    Document document;
    document.identity = before->identity;
    document.twin = std::move(change->twin);
    if (kind == TwinWrite::replace) telemetry_->hub_events().replaces_twin();
    write_twin_change(*record, document, std::move(change->notification));
    return document;
}

Task<Result<Document>> Shard::write_twin(IdentityKey key, TwinWrite kind, TwinPatch patch, EtagMatch match) {
    const bool is_write = kind == TwinWrite::replace || !patch.is_empty();
    auto document = stage_twin(key, kind, patch, match);
    if (!document) {
        const auto holds = co_await wait_for_reason(directory_.find(key), committer_);
        if (!holds) co_return fail(unavailable(holds.error()));
    }
    if (!document || !is_write) co_return document;
    const auto written = co_await committer_.durable();
    if (!written) co_return fail(unavailable(written.error()));
    co_return document;
}

void Shard::write_reported(Record& record, const SectionPatch& patch,
                           std::optional<std::int64_t> expected_version,
                           UniqueFunction<void(Result<std::int64_t>)> done) {
    const Document* before = record.newest();
    if (!before) return done(fail(Errc::device_not_found, record.key.path()));
    if (expected_version && *expected_version != before->twin.reported.version()) {
        return done(
            fail(Errc::precondition_failed, fmt::format("The reported properties are at version {}, not {}.",
                                                        before->twin.reported.version(), *expected_version)));
    }
    auto change = patch_reported(before->twin, patch, context_.clock.wall_now());
    if (!change) return done(fail(std::move(change).error()));
    Document document;
    document.identity = before->identity;
    document.twin = std::move(change->twin);
    const auto version = document.twin.reported.version();
    write_whole(record, std::move(document));
    committer_.on_durable([version, answer = std::move(done)](const Result<>& result) mutable {
        if (!result) return answer(fail(unavailable(result.error())));
        answer(version);
    });
}

}  // namespace carillon
