#include "core/jobs/job_mail_bytes.hpp"

#include "base/json.hpp"
#include "base/stored_bytes.hpp"
#include "core/jobs/plans/plan_targets.hpp"
#include "core/port/shard_bytes.hpp"
#include "model/rollouts/rollout.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace carillon {
namespace {

// The alternatives of what is sent, as bytes; a number is never given again.
enum class WishKind : std::uint8_t { prepare = 1, place, begin, cancel, discard, obey, permit };
enum class NewsKind : std::uint8_t { prepared = 1, placed, discarded, finished, report };

constexpr std::size_t wave_counts_bytes_min = 3;
constexpr std::size_t word_bytes = 4;
constexpr std::size_t long_bytes = 8;
constexpr std::uint8_t order_kinds_end = 3;
constexpr std::uint8_t member_takings_end = 3;

void put_flag(StoredWriter& out, bool flag) {
    out.u8(flag ? 1 : 0);
}

bool take_flag(StoredReader& in) {
    const std::uint8_t flag = in.u8();
    if (flag > 1) in.spoil();
    return flag == 1;
}

void put_words(StoredWriter& out, const std::vector<std::uint32_t>& words) {
    out.varint(words.size());
    for (const std::uint32_t word : words) out.u32(word);
}

std::vector<std::uint32_t> take_words(StoredReader& in) {
    std::vector<std::uint32_t> words(in.count(word_bytes));
    for (std::uint32_t& word : words) word = in.u32();
    return words;
}

void put_digest(StoredWriter& out, const Sha256Digest& digest) {
    for (const char byte : digest) out.u8(static_cast<std::uint8_t>(byte));
}

Sha256Digest take_digest(StoredReader& in) {
    Sha256Digest digest{};
    for (char& byte : digest) byte = static_cast<char>(in.u8());
    return digest;
}

void put_optional(StoredWriter& out, const std::optional<std::uint32_t>& value) {
    put_flag(out, value.has_value());
    if (value) out.u32(*value);
}

std::optional<std::uint32_t> take_optional(StoredReader& in) {
    if (!take_flag(in)) return std::nullopt;
    return in.u32();
}

/// A rollout says all of itself in its text but for its order and a deadline that nobody wrote, which stay
/// as they are when it is changed.
void put_rollout(StoredWriter& out, const Rollout& rollout) {
    out.text(rollout.text);
    put_flag(out, rollout.has_deadline);
    out.i64(rollout.deadline_s);
    out.u8(static_cast<std::uint8_t>(rollout.order.kind));
    out.varint(rollout.order.spread.size());
    for (const std::string& path : rollout.order.spread) out.text(path);
}

std::shared_ptr<const Rollout> take_rollout(StoredReader& in, JobType type) {
    const auto document = JsonDocument::parse(in.text());
    const bool has_deadline = take_flag(in);
    const std::int64_t deadline_s = in.i64();
    RolloutOrder order;
    const std::uint8_t kind = in.u8();
    if (kind >= order_kinds_end) in.spoil();
    order.kind = static_cast<RolloutOrderKind>(kind);
    for (std::size_t left = in.count(); left > 0; --left) order.spread.emplace_back(in.text());
    if (!in.ok() || !document) return nullptr;
    auto rollout = Rollout::parse(document->root(), type, has_deadline ? 0 : deadline_s);
    if (!rollout || rollout->has_deadline != has_deadline || rollout->deadline_s != deadline_s)
        return nullptr;
    rollout->order = std::move(order);
    return std::make_shared<const Rollout>(*std::move(rollout));
}

void put_orders(StoredWriter& out, const PartOrders& orders) {
    out.varint(orders.number);
    put_flag(out, orders.is_held);
    put_words(out, orders.wave_ends);
    out.u32(orders.open_to);
    out.varint(orders.opened.size());
    for (const WallTime opened : orders.opened) out.i64(opened.ticks);
    out.u8(static_cast<std::uint8_t>(orders.type));
    put_rollout(out, *orders.rollout);
    out.i64(orders.deadline.ticks);
    put_optional(out, orders.tested_wave);
    out.i64(orders.slower_than_ms);
    out.i64(orders.watch_ms);
    out.u32(orders.control);
    out.i64(orders.patient_until.ticks);
    out.u8(static_cast<std::uint8_t>(orders.members));
    put_flag(out, orders.sources != nullptr);
    if (orders.sources) {
        out.varint(orders.sources->from);
        out.varint(orders.sources->undo_of);
        out.text(orders.sources->wrote);
    }
}

std::optional<PartOrders> take_orders(StoredReader& in) {
    PartOrders orders;
    orders.number = in.varint();
    orders.is_held = take_flag(in);
    orders.wave_ends = take_words(in);
    if (!std::is_sorted(orders.wave_ends.begin(), orders.wave_ends.end())) return std::nullopt;
    orders.open_to = in.u32();
    for (std::size_t left = in.count(long_bytes); left > 0; --left)
        orders.opened.push_back(WallTime{in.i64()});
    const std::uint8_t type = in.u8();
    orders.type = static_cast<JobType>(type);
    if (orders.type != JobType::device_method && orders.type != JobType::update_twin) return std::nullopt;
    orders.rollout = take_rollout(in, orders.type);
    if (!orders.rollout) return std::nullopt;
    orders.deadline.ticks = in.i64();
    orders.tested_wave = take_optional(in);
    if (orders.tested_wave && *orders.tested_wave >= orders.wave_ends.size()) return std::nullopt;
    orders.slower_than_ms = in.i64();
    orders.watch_ms = in.i64();
    orders.control = in.u32();
    orders.patient_until.ticks = in.i64();
    const std::uint8_t members = in.u8();
    if (members >= member_takings_end) in.spoil();
    orders.members = static_cast<MemberTaking>(members);
    if (take_flag(in)) {
        MemberSources sources;
        sources.from = in.varint();
        sources.undo_of = in.varint();
        sources.wrote = in.text();
        orders.sources = std::make_shared<const MemberSources>(std::move(sources));
    }
    return orders;
}

void put_report(StoredWriter& out, const GateReport& report) {
    for (const std::uint64_t n :
         {report.number, report.used, report.returned, report.in_flight, report.wanted, report.backing_off,
          report.waits_offline, report.waits_window, report.devices, report.must_missed, report.obeyed}) {
        out.varint(n);
    }
    put_words(out, report.places);
    out.varint(report.waves.size());
    for (const GateCounts& wave : report.waves) {
        out.varint(wave.succeeded);
        out.varint(wave.failed);
        out.varint(wave.canceled);
    }
    out.varint(report.kinds.size());
    for (const std::uint64_t kind : report.kinds) out.varint(kind);
    out.varint(report.log.sequence);
    put_digest(out, report.log.hash);
    put_optional(out, report.tested_wave);
    out.text(report.tested);
    out.i64(report.last_begun.ticks);
    out.text(report.lost);
    for (const std::uint64_t n : {report.watched_in_wave, report.watched_in_control, report.control})
        out.varint(n);
}

GateReport take_report(StoredReader& in, std::size_t part) {
    GateReport report;
    report.part = static_cast<std::uint32_t>(part);
    for (std::uint64_t* n : {&report.number, &report.used, &report.returned, &report.in_flight,
                             &report.wanted, &report.backing_off, &report.waits_offline, &report.waits_window,
                             &report.devices, &report.must_missed, &report.obeyed}) {
        *n = in.varint();
    }
    report.places = take_words(in);
    for (std::size_t left = in.count(wave_counts_bytes_min); left > 0; --left) {
        GateCounts wave;
        wave.succeeded = in.varint();
        wave.failed = in.varint();
        wave.canceled = in.varint();
        report.waves.push_back(wave);
    }
    if (in.count() != report.kinds.size()) in.spoil();
    for (std::uint64_t& kind : report.kinds) kind = in.varint();
    report.log.sequence = in.varint();
    report.log.hash = take_digest(in);
    report.tested_wave = take_optional(in);
    report.tested = in.text();
    report.last_begun.ticks = in.i64();
    report.lost = in.text();
    for (std::uint64_t* n : {&report.watched_in_wave, &report.watched_in_control, &report.control})
        *n = in.varint();
    return report;
}

void put_prepared(StoredWriter& out, const PreparedPart& found) {
    out.varint(found.devices);
    out.varint(found.keys.hashes.size());
    for (const std::uint64_t hash : found.keys.hashes) out.u64(hash);
    put_words(out, found.keys.groups);
    out.varint(found.keys.names.size());
    for (const std::string& name : found.keys.names) out.text(name);
    put_digest(out, found.digest);
    out.varint(found.planned);
}

std::optional<PreparedPart> take_prepared(StoredReader& in) {
    PreparedPart found;
    found.devices = in.varint();
    found.keys.hashes.resize(in.count(long_bytes));
    for (std::uint64_t& hash : found.keys.hashes) hash = in.u64();
    found.keys.groups = take_words(in);
    for (std::size_t left = in.count(); left > 0; --left) found.keys.names.emplace_back(in.text());
    found.digest = take_digest(in);
    found.planned = in.varint();
    // What places are made of: for each device or for none, and of groups that have names.
    const auto& [hashes, groups, names] = found.keys;
    if (!in.ok() || (!hashes.empty() && hashes.size() != found.devices)) return std::nullopt;
    if (!groups.empty() && groups.size() != hashes.size()) return std::nullopt;
    const std::size_t named = names.size();
    if (std::any_of(groups.begin(), groups.end(), [named](std::uint32_t group) { return group >= named; }))
        return std::nullopt;
    return found;
}

template <class Value, class Put>
void put_result(StoredWriter& out, const Result<Value>& result, const Put& put) {
    put_flag(out, !result);
    if (!result) return write_error(out, result.error());
    if constexpr (!std::is_void_v<Value>) put(*result);
}

}  // namespace

std::string encode_wish(const PartWish& wish) {
    std::string bytes;
    StoredWriter out(bytes);
    const auto begin = [&](WishKind kind) {
        out.u8(static_cast<std::uint8_t>(kind));
        out.varint(wish.job);
        out.varint(wish.attempt);
    };
    if (const auto* prepare = std::get_if<PartWish::Prepare>(&wish.what)) {
        begin(WishKind::prepare);
        out.i64(prepare->started.ticks);
        out.varint(prepare->sources.from);
        out.varint(prepare->sources.undo_of);
        out.text(prepare->sources.wrote);
        put_flag(out, prepare->sources.planned != nullptr);
        if (prepare->sources.planned) {
            std::string packed;
            prepare->sources.planned->pack(packed);
            out.text(packed);
        }
        put_flag(out, prepare->sources.wants_digest);
    } else if (const auto* place = std::get_if<PartWish::Place>(&wish.what)) {
        begin(WishKind::place);
        put_words(out, place->places.places);
        put_words(out, place->places.order);
    } else if (std::holds_alternative<PartWish::Begin>(wish.what)) {
        begin(WishKind::begin);
    } else if (std::holds_alternative<PartWish::Cancel>(wish.what)) {
        begin(WishKind::cancel);
    } else if (std::holds_alternative<PartWish::Discard>(wish.what)) {
        begin(WishKind::discard);
    } else if (const auto* obey = std::get_if<PartWish::Obey>(&wish.what)) {
        begin(WishKind::obey);
        put_orders(out, obey->orders);
    } else {
        begin(WishKind::permit);
        out.varint(std::get<PartWish::Permit>(wish.what).granted);
    }
    return bytes;
}

std::optional<PartWish> decode_wish(std::string_view bytes) {
    StoredReader in(as_bytes(bytes));
    const auto kind = static_cast<WishKind>(in.u8());
    PartWish wish;
    wish.job = in.varint();
    wish.attempt = in.varint();
    switch (kind) {
        case WishKind::prepare: {
            PartWish::Prepare prepare;
            prepare.started.ticks = in.i64();
            prepare.sources.from = in.varint();
            prepare.sources.undo_of = in.varint();
            prepare.sources.wrote = in.text();
            if (take_flag(in)) {
                auto planned = PlanTargets::unpack(as_bytes(in.text()));
                if (!planned) return std::nullopt;
                prepare.sources.planned = std::make_shared<const PlanTargets>(*std::move(planned));
            }
            prepare.sources.wants_digest = take_flag(in);
            wish.what = std::move(prepare);
            break;
        }
        case WishKind::place: {
            PartWish::Place place;
            auto& [places, order] = place.places;
            places = take_words(in);
            order = take_words(in);
            const std::size_t devices = places.size();
            if (!order.empty() && order.size() != devices) return std::nullopt;
            const auto is_none = [devices](std::uint32_t index) { return index >= devices; };
            if (std::any_of(order.begin(), order.end(), is_none)) return std::nullopt;
            wish.what = std::move(place);
            break;
        }
        case WishKind::begin:
            wish.what = PartWish::Begin{};
            break;
        case WishKind::cancel:
            wish.what = PartWish::Cancel{};
            break;
        case WishKind::discard:
            wish.what = PartWish::Discard{};
            break;
        case WishKind::obey: {
            auto orders = take_orders(in);
            if (!orders) return std::nullopt;
            wish.what = PartWish::Obey{*std::move(orders)};
            break;
        }
        case WishKind::permit:
            wish.what = PartWish::Permit{in.varint()};
            break;
        default:
            return std::nullopt;
    }
    return in.is_done() ? std::optional(std::move(wish)) : std::nullopt;
}

std::string encode_news(const PartNews& news) {
    std::string bytes;
    StoredWriter out(bytes);
    const auto begin = [&](NewsKind kind) {
        out.u8(static_cast<std::uint8_t>(kind));
        out.varint(news.job);
        out.varint(news.part);
    };
    if (const auto* prepared = std::get_if<PartNews::Prepared>(&news.what)) {
        begin(NewsKind::prepared);
        out.varint(prepared->attempt);
        put_result(out, prepared->found, [&](const PreparedPart& found) { put_prepared(out, found); });
    } else if (const auto* placed = std::get_if<PartNews::Placed>(&news.what)) {
        begin(NewsKind::placed);
        out.varint(placed->attempt);
        put_result(out, placed->stored, 0);
    } else if (const auto* discarded = std::get_if<PartNews::Discarded>(&news.what)) {
        begin(NewsKind::discarded);
        out.varint(discarded->attempt);
    } else if (const auto* finished = std::get_if<PartNews::Finished>(&news.what)) {
        begin(NewsKind::finished);
        put_flag(out, finished->last.has_value());
        if (finished->last) put_report(out, *finished->last);
    } else {
        begin(NewsKind::report);
        put_report(out, std::get<GateReport>(news.what));
    }
    return bytes;
}

std::optional<PartNews> decode_news(std::string_view bytes) {
    StoredReader in(as_bytes(bytes));
    const auto kind = static_cast<NewsKind>(in.u8());
    PartNews news{in.varint(), in.varint(), PartNews::Discarded{}};
    switch (kind) {
        case NewsKind::prepared: {
            PartNews::Prepared prepared;
            prepared.attempt = in.varint();
            if (take_flag(in)) {
                prepared.found = fail(read_error(in));
            } else {
                auto found = take_prepared(in);
                if (!found) return std::nullopt;
                prepared.found = *std::move(found);
            }
            news.what = std::move(prepared);
            break;
        }
        case NewsKind::placed: {
            PartNews::Placed placed;
            placed.attempt = in.varint();
            if (take_flag(in)) placed.stored = fail(read_error(in));
            news.what = std::move(placed);
            break;
        }
        case NewsKind::discarded:
            news.what = PartNews::Discarded{in.varint()};
            break;
        case NewsKind::finished: {
            PartNews::Finished finished;
            if (take_flag(in)) finished.last = take_report(in, news.part);
            news.what = std::move(finished);
            break;
        }
        case NewsKind::report:
            news.what = take_report(in, news.part);
            break;
        default:
            return std::nullopt;
    }
    return in.is_done() ? std::optional(std::move(news)) : std::nullopt;
}

}  // namespace carillon
