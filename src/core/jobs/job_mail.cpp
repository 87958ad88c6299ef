#include "core/jobs/job_mail.hpp"

#include <utility>

namespace carillon {

void JobMail::connect(std::function<void(PartNews)> coordinator,
                      std::vector<std::function<void(PartWish)>> parts) {
    coordinator_ = std::move(coordinator);
    parts_ = std::move(parts);
}

void JobMail::wish(std::size_t part, PartWish wish) {
    if (fate_ != nullptr) {
        return fate_->carry([this, alive = alive_, part, held = std::move(wish)] {
            if (*alive) parts_[part](held);
        });
    }
    Shards::post(shards_[part],
                 [this, part, held = std::move(wish)]() mutable { parts_[part](std::move(held)); });
}

void JobMail::tell(PartNews news) {
    if (fate_ != nullptr) {
        return fate_->carry([this, alive = alive_, held = std::move(news)] {
            if (*alive) coordinator_(held);
        });
    }
    Shards::post(shards_.first(), [this, alive = alive_, held = std::move(news)]() mutable {
        if (*alive) coordinator_(std::move(held));
    });
}

}  // namespace carillon
