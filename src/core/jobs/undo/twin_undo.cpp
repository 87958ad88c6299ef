// What a part of an undo does to know how the writes to its next devices are taken back.

#include "core/jobs/job_twin_part.hpp"

#include "base/log.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {
namespace {

/// Ours: after the log could not be read, how long until it is tried again.
constexpr std::chrono::seconds undone_reading_delay{1};
/// Ours: so many devices are written before those that come next are looked at again.
constexpr std::size_t look_ahead_interval = UndoneDevices::fetched_devices_max / 8;

Error not_kept() {
    return {Errc::generic_request_entity_too_large,
            "The undo does not know what the job overwrote here: an older version of the hub made it. Undo this "
            "device in another one, with rollout.from of the devices that failed here."};
}

}  // namespace

/// Always true of a device that is written without.
bool TwinPart::knows_how_to_undo(std::uint32_t index) const {
    return !undone().has_far() || undone().is_there(index) || is_done_with(index) || is_taken(index);
}

/// What takes back the write to the device.
Result<UndoWriter::Write> TwinPart::restoring(std::uint32_t index, const Twin& twin) {
    auto& known = undone();
    if (!known.is_kept(index)) return carillon::fail(not_kept());
    if (const auto number = known.number(index); number != 0) return undo_.write(known.table(), number, twin);
    return undo_.write(known.take_fetched(index), twin);
}

/// The next devices, as they are to begin.
std::vector<std::uint32_t> TwinPart::next_in_line() const {
    constexpr std::size_t most = UndoneDevices::fetched_devices_max;
    std::vector<std::uint32_t> next;
    const auto add = [&](std::uint32_t index) {
        if (!is_done_with(index) && !is_taken(index)) next.push_back(index);
    };
    for (auto at = again_.begin(); at != again_.end() && next.size() < most; ++at) add(*at);
    if (waits_for_devices()) return next;
    for (auto at = cursor_; at < gate()->open_end() && next.size() < most; ++at) add(gate()->at(at));
    return next;
}

/// Sees to it that what the next devices need is there when it is their turn.
void TwinPart::fetch_undone_ahead() {
    if (is_fetching_ || !has_next()) return;
    if (knows_how_to_undo(peek_next())) {
        if (looked_ahead_ < look_ahead_interval || !undone().is_low()) return;
    } else {
        // What is there is of devices that ended otherwise, or whose turn comes later than was thought.
        undone().clear_fetched();
    }
    looked_ahead_ = 0;
    fetch_undone();
}

void TwinPart::fetch_undone() {
    const auto wanted = undone().to_fetch(next_in_line());
    if (wanted.empty()) return;
    is_fetching_ = true;
    auto places = std::make_shared<std::vector<ReversalPlace>>();
    std::vector<std::uint32_t> indexes;
    for (const auto& [index, place] : wanted) {
        indexes.push_back(index);
        places->push_back(place);
    }
    const auto self = std::static_pointer_cast<TwinPart>(shared_from_this());
    shard().storage().run([self, places, indexes = std::move(indexes), home = shard().executor(),
                           &store = shard().store(), from = ReversalLog{job(), shard().number(), {}}] {
        using Found = std::vector<std::pair<std::uint32_t, Reversal>>;
        auto found = std::make_shared<Found>();
        auto read = read_reversals(store, from, *places, [&](std::size_t place, Reversal reversal) {
            found->emplace_back(indexes[place], std::move(reversal));
        });
        if (read && found->size() < indexes.size())
            read = carillon::fail(Errc::store_corrupt, "the log of an undo does not say how to undo");
        boost::asio::post(home, [self, found, read] {
            if (!read) {
                log.warn("the log of an undo is read again soon, it could not be read job={} reason={}",
                         self->definition().id, read.error().detail);
                return self->after(undone_reading_delay, [part = self.get()] {
                    part->is_fetching_ = false;
                    part->wake();
                });
            }
            self->is_fetching_ = false;
            for (auto& [index, reversal] : *found) self->undone().put(index, std::move(reversal));
            self->wake();
        });
    });
}

}  // namespace carillon
