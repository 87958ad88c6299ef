#include "server/backup/backup_reader.hpp"

#include "server/format_file.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <optional>

namespace carillon {
namespace {

std::optional<std::uint64_t> parse_octal(std::string_view field) {
    std::uint64_t value = 0;
    for (const char digit : field) {
        if (digit < '0' || digit > '7') return std::nullopt;
        value = value * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    return value;
}

/// A plain file name: nothing that leads out of a folder.
bool is_plain(std::string_view name) {
    return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return is_letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
}

}  // namespace

Error BackupReader::damaged(std::string_view what) const {
    return {Errc::store_corrupt, fmt::format("the backup is damaged at byte {}: {}", at_, what)};
}

Result<> BackupReader::read(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto take = [&](std::uint64_t most) {
            const std::string_view part =
                bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes.size())));
            bytes.remove_prefix(part.size());
            return part;
        };
        Result<> done;
        if (state_ == State::header) {
            block_ += take(tar_block_bytes - block_.size());
            if (block_.size() == tar_block_bytes) done = take_header();
        } else if (state_ == State::content) {
            const std::string_view part = take(left_);
            done = take_content(part);
        } else if (state_ == State::padding) {
            const std::string_view part = take(left_);
            if (part.find_first_not_of('\0') != std::string_view::npos)
                done = fail(damaged("the padding is not zero"));
            left_ -= part.size();
            at_ += part.size();
            if (left_ == 0) state_ = last_name_ == backup_sums_name ? State::ended : State::header;
        } else {
            const std::string_view part = take(2 * tar_block_bytes + 1 - zero_bytes_);
            zero_bytes_ += part.size();
            at_ += part.size();
            const bool is_zero = part.find_first_not_of('\0') == std::string_view::npos;
            if (!is_zero || zero_bytes_ > 2 * tar_block_bytes)
                done = fail(damaged("there is more behind the end"));
        }
        if (!done) return done;
    }
    return {};
}

Result<> BackupReader::take_header() {
    const std::string_view header = block_;
    const std::string name(header.substr(0, std::min(header.find('\0'), tar_name_bytes_max)));
    const auto bytes = parse_octal(header.substr(124, 11));
    const auto unix_s = parse_octal(header.substr(136, 11));
    if (!bytes || !unix_s) return fail(damaged("this is not a header of a backup"));
    if (unix_s_ < 0) unix_s_ = static_cast<std::int64_t>(*unix_s);
    if (header != tar_header(name, *bytes, unix_s_)) return fail(damaged("this is not a header of a backup"));
    if (auto checked = check_name(name); !checked) return checked;
    at_ += block_.size();
    block_.clear();
    name_ = name;
    bytes_ = left_ = *bytes;
    state_ = State::content;
    const bool is_sums = name_ == backup_sums_name;
    if (is_sums && bytes_ != sums_.size()) return fail(damaged("the checksums are not those of the members"));
    if (sink_ != nullptr && !is_sums && name_ != backup_head_name) {
        if (auto begun = sink_->begin(name_, bytes_); !begun) return begun;
    }
    return left_ == 0 ? end_content() : Result<>();
}

Result<> BackupReader::check_name(const std::string& name) {
    const bool is_stored = name.starts_with(backup_store_prefix);
    if (!is_plain(is_stored ? std::string_view(name).substr(backup_store_prefix.size()) : name)) {
        return fail(damaged(fmt::format("{:?} is not the name of a file of a backup", name)));
    }
    if (names_.size() == backup_members_max)
        return fail(damaged("it has more members than a backup may have"));
    if (!names_.insert(name).second) return fail(damaged(name + " is there twice"));
    if ((names_.size() == 1) != (name == backup_head_name)) {
        return fail(damaged("a backup begins with backup.json, and this does not"));
    }
    if ((name == backup_sums_name) != (last_name_ == backup_current_name)) {
        return fail(damaged("a backup ends with store/CURRENT and SHA256SUMS, and this does not"));
    }
    return {};
}

Result<> BackupReader::take_content(std::string_view part) {
    if (name_ == backup_sums_name) {
        const std::size_t from = static_cast<std::size_t>(bytes_ - left_);
        const std::string_view right = std::string_view(sums_).substr(from, part.size());
        if (right != part) {
            const auto wrong = std::mismatch(right.begin(), right.end(), part.begin()).first - right.begin();
            return fail(damaged(sums_name_at(from + static_cast<std::size_t>(wrong)) +
                                " does not have the checksum that was written with it"));
        }
    } else {
        digest_.add(part);
        if (name_ == backup_head_name) {
            if (bytes_ > BackupHead::bytes_max) return fail(damaged("backup.json is too large"));
            head_text_ += part;
        } else if (sink_ != nullptr) {
            if (auto written = sink_->write(part); !written) return written;
        }
    }
    left_ -= part.size();
    at_ += part.size();
    return left_ == 0 ? end_content() : Result<>();
}

/// The member whose line of the sums holds this byte.
std::string BackupReader::sums_name_at(std::size_t at) const {
    const std::size_t begin = at == 0 ? 0 : sums_.rfind('\n', at - 1) + 1;
    const std::string line = sums_.substr(begin, sums_.find('\n', begin) - begin);
    return line.substr(line.find("  ") + 2);
}

Result<> BackupReader::end_content() {
    const bool is_of_sink = name_ != backup_sums_name && name_ != backup_head_name;
    if (sink_ != nullptr && is_of_sink) {
        if (auto ended = sink_->end(); !ended) return ended;
    }
    if (name_ != backup_sums_name) sums_ += sums_line(digest_.take(), name_);
    if (name_ == backup_head_name) {
        // Whatever else a later program's archive holds, it is not for this one.
        const auto head = parse_backup_head(head_text_);
        if (!head) return fail(damaged(head.error().detail));
        if (head->format > data_format || head->version > BackupHead::version_known) {
            return fail(later_format("the backup", head->format, head->program));
        }
    }
    last_name_ = name_;
    left_ = tar_padding(bytes_).size();
    state_ = left_ > 0 ? State::padding : last_name_ == backup_sums_name ? State::ended : State::header;
    return {};
}

Result<BackupHead> BackupReader::head() const {
    if (last_name_.empty())
        return fail(Errc::store_corrupt, fmt::format("the backup is cut short: it ends at byte {}", at_));
    return parse_backup_head(head_text_);
}

Result<BackupHead> BackupReader::finish() const {
    if (state_ != State::ended || zero_bytes_ != 2 * tar_block_bytes) {
        return fail(Errc::store_corrupt,
                    fmt::format("the backup is cut short: it ends at byte {}", at_ + block_.size()));
    }
    return parse_backup_head(head_text_);
}

}  // namespace carillon
