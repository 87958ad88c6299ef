#include "core/shard/shard.hpp"
#include "model/registry_line.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

namespace carillon {
namespace {

/// An import gives way to the shard's other work after this long, or so many entries.
constexpr std::chrono::microseconds slice_max{500};
constexpr std::size_t slice_entries_max = 256;
/// Entries between looks at the clock; one takes some ten microseconds.
constexpr std::size_t lines_a_look = 8;

/// What the callbacks of an import's commits leave for the coroutine that waits for the last of them.
struct ImportProgress {
    std::vector<Result<>> outcomes;
    std::optional<Error> refusal;  ///< Of the store.
};

/// An identity that was there already, and how it proved itself then.
struct Replaced {
    IdentityKey key;
    Authentication before;
};

}  // namespace

Result<std::optional<Authentication>> Shard::stage_entry(const ImportEntry& entry) {
    using Staged = std::optional<Authentication>;
    if (entry.mode() == ImportMode::remove) {
        auto removed = stage_removal(entry.key(), entry.match());
        if (!removed) return fail(std::move(removed).error());
        return Staged();
    }
    if (entry.mode() == ImportMode::update_twin) {
        if (is_reserved(entry.key())) return fail(refused_as_reserved());
        auto written = stage_twin(entry.key(), TwinWrite::patch, *entry.twin(), entry.match());
        if (!written) return fail(std::move(written).error());
        return Staged();
    }
    // A system module is there as soon as its device is, before its own line comes.
    const bool creates =
        !is_reserved(entry.key()) && (entry.mode() == ImportMode::create ||
                                      (entry.mode() == ImportMode::create_or_update && !newest(entry.key())));
    auto staged =
        stage_identity(entry.key(), entry.identity(), creates ? EtagMatch{} : entry.match(), &entry);
    if (!staged) return fail(std::move(staged).error());
    return std::move(staged->before);
}

Task<std::vector<Result<>>> Shard::apply_entries(std::vector<ImportEntry> entries, ImportMark mark) {
    auto progress = std::make_shared<ImportProgress>();
    progress->outcomes.resize(entries.size());
    std::size_t next = 0;
    while (next < entries.size()) {
        if (progress->refusal) {
            // A mark beyond entries that were refused would say that they are done.
            for (; next < entries.size(); ++next) progress->outcomes[next] = fail(*progress->refusal);
            break;
        }
        const std::size_t begin = next;
        const TimePoint until = context_.clock.now() + slice_max;
        std::vector<Replaced> replaced;
        bool waits = false;
        for (; next < entries.size() && next - begin < slice_entries_max; ++next) {
            if ((next - begin) % lines_a_look == lines_a_look - 1 && context_.clock.now() >= until) break;
            const ImportEntry& entry = entries[next];
            // What is being removed must be gone before its name is given again, with a new ordinal.
            waits = is_leaving(entry.key()) || committer_.is_full();
            if (waits) break;
            auto staged = stage_entry(entry);
            if (!staged) {
                progress->outcomes[next] = fail(std::move(staged).error());
            } else if (*staged) {
                replaced.push_back(Replaced{entry.key(), **std::move(staged)});
            }
        }
        if (next > begin) {
            if (mark) mark(committer_.batch(), entries, progress->outcomes, begin, next);
            committer_.on_durable(
                [this, progress, begin, next, old = std::move(replaced)](const Result<>& result) {
                    if (!result) {
                        progress->refusal = unavailable(result.error());
                        for (std::size_t i = begin; i < next; ++i) {
                            if (progress->outcomes[i]) progress->outcomes[i] = fail(*progress->refusal);
                        }
                        return;
                    }
                    for (const Replaced& one : old) enforce_registration(one.key, one.before);
                });
        }
        if (waits) {
            const auto settled = co_await committer_.durable();
            // A removal that did not reach the disk is taken back, and the next look finds it so.
            if (!settled) continue;
        } else if (next < entries.size()) {
            co_await boost::asio::post(background(), boost::asio::use_awaitable);
        }
    }
    // Callbacks run in the order they were added: when this one does, all above have, and they tell
    // which entries were refused.
    [[maybe_unused]] const auto last = co_await committer_.durable();
    co_return std::move(progress->outcomes);
}

}  // namespace carillon
