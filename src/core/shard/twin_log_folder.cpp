#include "core/shard/twin_log_folder.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "core/shard/twin_log.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {

TwinLogFolder::TwinLogFolder(Shard& shard, std::size_t devices_max, std::size_t bytes_max)
    : shard_(shard), devices_max_(devices_max), bytes_max_(bytes_max) {}

Result<> TwinLogFolder::load() {
    const auto visit = [this](std::string_view key, std::string_view value) {
        devices_ += count_twin_log_entry(as_bytes(value));
        bytes_ += key.size() + value.size();
        return true;
    };
    return shard_.store().scan(Table::twin_log, twin_log_key(shard_.number(), 0),
                               twin_log_key(shard_.number() + 1, 0), visit);
}

void TwinLogFolder::start() {
    begin_if_due();
}

void TwinLogFolder::logged(std::size_t devices, std::size_t bytes) {
    devices_ += devices;
    bytes_ += bytes;
    last_logged_ = shard_.clock().now();
    begin_if_due();
}

void TwinLogFolder::after(Duration delay, void (TwinLogFolder::*next)()) {
    shard_.timers().at(shard_.clock().now() + delay, callbacks_.bind([this, next] {
        if (!is_stopped_) (this->*next)();
    }));
}

void TwinLogFolder::begin_if_due() {
    if (is_folding_ || is_stopped_) return;
    if (devices_ > devices_max_ || bytes_ > bytes_max_) is_emptying_ = true;
    if (devices_ <= devices_max_ / 2 && bytes_ <= bytes_max_ / 2) is_emptying_ = false;
    if (!is_emptying_) return;
    is_folding_ = true;
    begin();
}

void TwinLogFolder::begin() {
    // Not before: a pass writes each document once, for all entries that there are by then.
    if (gives_way()) return after(stretch_pause, &TwinLogFolder::begin);
    pass_.end = shard_.next_sequence();
    folded_ = 0;
    has_refusal_ = false;
    read();
}

Result<TwinLogFolder::Piece> TwinLogFolder::read_piece(const Store& store, std::string_view from,
                                                       std::string_view to) {
    Piece piece;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto entry = decode_twin_log_entry(as_bytes(value));
        if (!entry) {
            outcome = fail(std::move(entry).error());
            return false;
        }
        piece.last_sequence = read_be<std::uint64_t>(key.substr(4));
        piece.devices += entry->ordinals.size();
        piece.bytes += key.size() + value.size();
        piece.ordinals.insert(piece.ordinals.end(), entry->ordinals.begin(), entry->ordinals.end());
        return piece.devices < piece_devices_max;
    };
    auto scanned = store.scan(Table::twin_log, from, to, visit);
    if (!scanned) return fail(std::move(scanned).error());
    if (!outcome) return fail(std::move(outcome).error());
    return piece;
}

void TwinLogFolder::read() {
    shard_.storage().run([done = callbacks_.bind([this](const Result<Piece>& found) { add_or_end(found); }),
                          executor = shard_.executor(), &store = shard_.store(),
                          from = twin_log_key(shard_.number(), pass_.from),
                          to = twin_log_key(shard_.number(), pass_.end)]() mutable {
        auto found = read_piece(store, from, to);
        boost::asio::post(executor,
                          [done = std::move(done), held = std::move(found)]() mutable { done(held); });
    });
}

void TwinLogFolder::add_or_end(const Result<Piece>& found) {
    if (is_stopped_) return;
    if (!found) {
        log.error("twin log could not be folded shard={} reason={}", shard_.number(), found.error().detail);
        return end(true);
    }
    if (found->devices > 0) {
        add(*found);
        return read();
    }
    if (pass_.devices == 0) {  // Nothing is there, whatever we counted.
        devices_ = bytes_ = 0;
        return end(false);
    }
    fold();
}

void TwinLogFolder::add(const Piece& piece) {
    pass_.is_in.resize(shard_.directory().next_ordinal());
    for (const Ordinal ordinal : piece.ordinals) {
        if (ordinal < pass_.is_in.size()) pass_.is_in[ordinal] = true;
    }
    pass_.from = piece.last_sequence + 1;
    pass_.devices += piece.devices;
    pass_.bytes += piece.bytes;
}

bool TwinLogFolder::gives_way() const {
    return shard_.clock().now() - last_logged_ < quiet_after && devices_ <= devices_max_ * patience &&
           bytes_ <= bytes_max_ * patience;
}

void TwinLogFolder::fold() {
    if (has_refusal_) return end(true);
    if (folded_ == pass_.is_in.size()) return erase();
    const bool has_room = !shard_.committer().is_full() && !gives_way();
    if (has_room) fold_slice();
    if (!has_room || ++slices_ % slices_at_a_stretch == 0) return after(stretch_pause, &TwinLogFolder::fold);
    boost::asio::post(shard_.background(), callbacks_.bind([this] {
        if (!is_stopped_) fold();
    }));
}

void TwinLogFolder::fold_slice() {
    for (std::size_t written = 0; folded_ < pass_.is_in.size() && written < slice_devices; ++folded_) {
        if (!pass_.is_in[folded_]) continue;
        // A document that is going or gone needs no bytes any more.
        Record* record = shard_.directory().find(folded_);
        const Document* newest = record != nullptr ? record->newest() : nullptr;
        if (newest == nullptr) continue;
        shard_.write_whole(*record, *newest);
        ++written;
    }
    shard_.committer().on_durable(callbacks_.bind([this](const Result<>& result) {
        if (!result) has_refusal_ = true;
    }));
}

void TwinLogFolder::erase() {
    // Only when every document is known to be durable: a refused batch would take some with it.
    shard_.committer().on_durable(callbacks_.bind([this](const Result<>& rewritten) {
        if (!rewritten || has_refusal_) return end(true);
        shard_.committer().batch().erase_range(Table::twin_log, twin_log_key(shard_.number(), 0),
                                               twin_log_key(shard_.number(), pass_.from));
        shard_.committer().on_durable(callbacks_.bind([this](const Result<>& erased) {
            if (erased) {
                devices_ -= std::min(devices_, pass_.devices);
                bytes_ -= std::min(bytes_, pass_.bytes);
                log.debug("twin log folded shard={} entries_of={} left={}", shard_.number(), pass_.devices,
                          devices_);
            }
            end(!erased);
        }));
    }));
}

void TwinLogFolder::end(bool is_refused) {
    pass_ = {};
    if (is_refused) return after(retry_delay, &TwinLogFolder::go_on);
    go_on();
}

void TwinLogFolder::go_on() {
    is_folding_ = false;
    begin_if_due();
}

}  // namespace carillon
