#include "core/jobs/job_mail.hpp"

#include "core/jobs/job_mail_bytes.hpp"

#include <utility>

namespace carillon {

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
    Shards::post(shards_[part],
                 [this, part, held = std::move(wish)]() mutable { parts_[part](std::move(held)); });
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
    Shards::post(shards_.first(), [this, alive = alive_, held = std::move(news)]() mutable {
        if (*alive) coordinator_(std::move(held));
    });
}

}  // namespace carillon
