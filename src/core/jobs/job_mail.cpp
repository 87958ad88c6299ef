#include "core/jobs/job_mail.hpp"

#include "core/jobs/job_mail_bytes.hpp"

#include <utility>

namespace carillon {
namespace {

constexpr std::size_t coordinator_shard = 0;

}  // namespace

void JobMail::connect(std::function<void(PartNews)> coordinator,
                      std::vector<std::function<void(PartWish)>> parts) {
    coordinator_ = std::move(coordinator);
    parts_ = std::move(parts);
}

void JobMail::wish(std::size_t part, PartWish wish) {
    if (fate_ != nullptr) {
        return fate_->carry([this, alive = alive_, part, bytes = encode_wish(wish)] {
            if (!*alive) return;
            auto held = decode_wish(bytes);
            CARILLON_ASSERT(held);
            parts_[part](*std::move(held));
        });
    }
    if (carrier_ != nullptr && carrier_->carries(part)) return carrier_->carry_wish(part, encode_wish(wish));
    post_wish(part, std::move(wish));
}

void JobMail::tell(PartNews news) {
    if (fate_ != nullptr) {
        return fate_->carry([this, alive = alive_, bytes = encode_news(news)] {
            if (!*alive) return;
            auto held = decode_news(bytes);
            CARILLON_ASSERT(held);
            coordinator_(*std::move(held));
        });
    }
    if (carrier_ != nullptr && carrier_->carries(coordinator_shard))
        return carrier_->carry_news(encode_news(news));
    post_news(std::move(news));
}

void JobMail::post_wish(std::size_t part, PartWish wish) {
    Shards::post(shards_[part],
                 [this, part, held = std::move(wish)]() mutable { parts_[part](std::move(held)); });
}

void JobMail::post_news(PartNews news) {
    Shards::post(shards_.first(), [this, alive = alive_, held = std::move(news)]() mutable {
        if (*alive) coordinator_(std::move(held));
    });
}

bool JobMail::deliver_wish(std::size_t part, std::string_view wish) {
    auto held = decode_wish(wish);
    if (!held || part >= parts_.size()) return false;
    post_wish(part, *std::move(held));
    return true;
}

bool JobMail::deliver_news(std::string_view news) {
    auto held = decode_news(news);
    if (!held) return false;
    post_news(*std::move(held));
    return true;
}

}  // namespace carillon
