#include "server/cluster/mail_calls.hpp"

#include "base/stored_bytes.hpp"

#include <utility>

namespace carillon {
namespace {

constexpr std::size_t coordinators_shard = 0;

}  // namespace

void LinkMail::carry_wish(std::size_t part, std::string wish) {
    const auto map = read_map_();
    if (map == nullptr || map->shards.empty()) return;
    std::string bytes;
    StoredWriter out(bytes);
    out.i64(map->shards[coordinators_shard].epoch);
    bytes += wish;
    owners_.tell(CallKind::wish, part, std::move(bytes), patience);
}

void LinkMail::carry_news(std::string news) {
    owners_.tell(CallKind::news, coordinators_shard, std::move(news), patience);
}

void MailCalls::call(const CallHead& head, std::chrono::milliseconds, std::string request,
                     CallAnswer answer) {
    if (head.kind == CallKind::news) {
        if (jobs_.deliver_news(request)) answer.answer({});
        return;  // Others are refused.
    }
    constexpr std::size_t epoch_bytes = 8;
    if (request.size() < epoch_bytes) return;
    StoredReader in(as_bytes(request));
    if (!takes_wishes_of(in.i64())) return;
    if (jobs_.deliver_wish(head.shard, std::string_view(request).substr(epoch_bytes))) answer.answer({});
}

bool MailCalls::takes_wishes_of(std::int64_t epoch) {
    std::int64_t newest = newest_epoch_.load();
    while (epoch > newest && !newest_epoch_.compare_exchange_weak(newest, epoch)) {
    }
    return epoch >= newest;
}

}  // namespace carillon
