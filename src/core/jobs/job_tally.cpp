#include "core/jobs/job_tally.hpp"

#include "base/pack.hpp"

#include <algorithm>
#include <tuple>

namespace carillon {
namespace {

auto identity_of(const Failure& failure) {
    return std::tuple(failure.reason, failure.code, std::string_view(failure.text));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::string grouped_description(std::string_view text) {
    std::string grouped;
    for (std::size_t i = 0; i < text.size() && grouped.size() < JobTally::text_bytes_max; ++i) {
        if (!is_digit(text[i])) {
            grouped += text[i];
        } else if (i == 0 || !is_digit(text[i - 1])) {
            grouped += '#';
        }
    }
    if (grouped.size() < JobTally::text_bytes_max) return grouped;
    // A character is not cut in two: what begins UTF-8's last character goes with it.
    auto end = grouped.size();
    while (end > 0 && (static_cast<unsigned char>(grouped[end - 1]) & 0xC0) == 0x80) --end;
    if (end > 0 && (static_cast<unsigned char>(grouped[end - 1]) & 0x80) != 0) grouped.resize(end - 1);
    return grouped;
}

bool JobTally::Failures::operator==(const Failures& o) const {
    return count == o.count && identity_of(failure) == identity_of(o.failure);
}

JobTally::Failures* JobTally::find(const Failure& grouped) {
    const auto is_same = [&](const Failures& group) {
        return group.failure.reason == grouped.reason &&
               (grouped.reason != FailReason::other ||
                (group.failure.code == grouped.code && group.failure.text == grouped.text));
    };
    const auto found = std::find_if(failures_.begin(), failures_.end(), is_same);
    return found == failures_.end() ? nullptr : &*found;
}

void JobTally::add(Failure grouped, std::uint64_t count) {
    if (auto* group = find(grouped)) {
        group->count += count;
        return;
    }
    failures_.push_back({std::move(grouped), count});
}

void JobTally::add_failure(FailReason reason) {
    Failure failure;
    failure.reason = reason;
    add(std::move(failure), 1);
}

void JobTally::add_failure(const Failure& failure) {
    if (failure.reason != FailReason::other) return add_failure(failure.reason);
    Failure grouped;
    grouped.reason = failure.reason;
    grouped.code = failure.code;
    grouped.text = grouped_description(failure.text);
    if (auto* group = find(grouped)) {
        ++group->count;
        return;
    }
    const auto is_other = [](const Failures& group) { return group.failure.reason == FailReason::other; };
    const auto others = std::count_if(failures_.begin(), failures_.end(), is_other);
    if (static_cast<std::size_t>(others) >= texts_max) {
        ++unnamed_failures_;
    } else {
        failures_.push_back({std::move(grouped), 1});
    }
}

void JobTally::add_answer(int status) {
    for (auto& group : answers_) {
        if (group.status != status) continue;
        ++group.count;
        return;
    }
    if (answers_.size() >= answers_max) {
        ++unnamed_answers_;
    } else {
        answers_.push_back({status, 1});
    }
}

JobTally& JobTally::operator+=(const JobTally& o) {
    for (const auto& group : o.failures_) add(group.failure, group.count);
    for (const auto& group : o.answers_) {
        const auto is_same = [&](const Answers& mine) { return mine.status == group.status; };
        const auto found = std::find_if(answers_.begin(), answers_.end(), is_same);
        if (found == answers_.end()) {
            answers_.push_back(group);
        } else {
            found->count += group.count;
        }
    }
    unnamed_failures_ += o.unnamed_failures_;
    unnamed_answers_ += o.unnamed_answers_;
    return *this;
}

void JobTally::trim() {
    if (failures_.size() > texts_max) {
        // Fixed reasons stay, as they are few; of the others the most frequent.
        std::sort(failures_.begin(), failures_.end(), [](const Failures& a, const Failures& b) {
            const bool a_is_other = a.failure.reason == FailReason::other;
            const bool b_is_other = b.failure.reason == FailReason::other;
            if (a_is_other != b_is_other) return b_is_other;
            return std::tuple(b.count, identity_of(a.failure)) < std::tuple(a.count, identity_of(b.failure));
        });
        const auto is_other = [](const Failures& group) { return group.failure.reason == FailReason::other; };
        auto first = std::find_if(failures_.begin(), failures_.end(), is_other);
        if (failures_.end() - first > static_cast<std::ptrdiff_t>(texts_max)) {
            first += static_cast<std::ptrdiff_t>(texts_max);
            for (auto at = first; at != failures_.end(); ++at) unnamed_failures_ += at->count;
            failures_.erase(first, failures_.end());
        }
    }
    if (answers_.size() > answers_max) {
        std::sort(answers_.begin(), answers_.end(), [](const Answers& a, const Answers& b) {
            return std::tuple(b.count, a.status) < std::tuple(a.count, b.status);
        });
        const auto first = answers_.begin() + static_cast<std::ptrdiff_t>(answers_max);
        for (auto at = first; at != answers_.end(); ++at) unnamed_answers_ += at->count;
        answers_.erase(first, answers_.end());
    }
}

std::uint64_t JobTally::failed() const {
    auto sum = unnamed_failures_;
    for (const auto& group : failures_) sum += group.count;
    return sum;
}

void JobTally::pack(Packer& pack) const {
    pack.number(failures_.size());
    for (const auto& [failure, count] : failures_) {
        pack.u8(static_cast<std::uint8_t>(failure.reason));
        if (failure.reason == FailReason::other) {
            pack.number(static_cast<std::uint64_t>(failure.code));
            pack.text(failure.text);
        }
        pack.number(count);
    }
    pack.number(unnamed_failures_);
    pack.number(answers_.size());
    for (const auto& [status, count] : answers_) {
        pack.signed_number(status);
        pack.number(count);
    }
    pack.number(unnamed_answers_);
}

bool JobTally::unpack(Unpacker& in) {
    *this = JobTally();
    for (auto left = in.count(); left > 0; --left) {
        Failures group;
        const auto reason = in.u8();
        if (reason < static_cast<std::uint8_t>(FailReason::deadline) ||
            reason > static_cast<std::uint8_t>(fail_reason_last)) {
            return false;
        }
        group.failure.reason = static_cast<FailReason>(reason);
        if (group.failure.reason == FailReason::other) {
            group.failure.code = static_cast<Errc>(in.number());
            group.failure.text = in.text();
        }
        group.count = in.number();
        failures_.push_back(std::move(group));
    }
    unnamed_failures_ = in.number();
    for (auto left = in.count(); left > 0; --left) {
        Answers group;
        group.status = static_cast<int>(in.signed_number());
        group.count = in.number();
        answers_.push_back(group);
    }
    unnamed_answers_ = in.number();
    return in.ok();
}

}  // namespace carillon
