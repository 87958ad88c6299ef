#include "model/section/section_format.hpp"

#include "base/json.hpp"
#include "base/json_number.hpp"
#include "base/text.hpp"
#include "model/section/section_patch.hpp"

#include <algorithm>
#include <vector>

namespace carillon::section_format {

std::uint32_t counted_text(std::string_view text) {
    auto count = static_cast<std::uint32_t>(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7F) {
            --count;
        } else if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
            count -= 2;  // U+0080 to U+009F
        }
    }
    return count;
}

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

std::uint32_t counted_value(const Value& value) {
    switch (value.tag) {
        case Tag::boolean:
            return boolean_counts;
        case Tag::number:
            return number_counts;
        case Tag::plain_string:
            return value.size;
        case Tag::string:
            return counted_text(value.text());
        case Tag::array:
            return value.counted;
        case Tag::object:
            break;
    }
    std::uint32_t sum = 0;
    for (const std::uint8_t* at = value.payload; at != value.end();) {
        const Member member = read_member(at);
        sum += static_cast<std::uint32_t>(member.key.size()) + counted_value(member.value);
        at = member.end;
    }
    return sum;
}

namespace {

/// Walks bytes that may be anything, and believes nothing.
class Checker {
public:
    explicit Checker(Bytes bytes)
        : section_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool run() {
        constexpr std::int64_t version_max = std::int64_t{1} << 40;
        // Four times what a merge may leave: room for what an old limit may have allowed.
        constexpr std::size_t bytes_max = 4 * TwinLimits::encoded_bytes_max;
        const auto size = static_cast<std::size_t>(end_ - at_);
        if (size < header_bytes + stamp_bytes || size > bytes_max) return false;
        if (section_[0] != version || section_[1] != 0 || section_[6] != 0 || section_[7] != 0) return false;
        const std::uint32_t stamps = load<std::uint16_t>(section_ + stamp_count_at);
        if (stamps == 0 || size < header_bytes + stamps * stamp_bytes) return false;
        const auto revision = load<std::int64_t>(section_ + version_at);
        if (revision < 1 || revision >= version_max) return false;
        uses_.resize(stamps);
        if (!use(load<std::uint16_t>(section_ + root_stamp_at))) return false;
        at_ = section_ + header_bytes + stamps * stamp_bytes;
        std::uint32_t counted = 0;
        if (!members(end_, 0, counted) || counted != load<std::uint32_t>(section_ + counted_at)) return false;
        for (std::uint32_t i = 0; i < stamps; ++i) {
            if (load_stamp(section_, i).uses != uses_[i]) return false;
        }
        return true;
    }

private:
    bool use(std::uint32_t stamp) {
        if (stamp >= uses_.size()) return false;
        ++uses_[stamp];
        return true;
    }

    bool varint(const std::uint8_t* end, std::uint32_t& value) {
        value = 0;
        for (int shift = 0; shift <= 21; shift += 7) {
            if (at_ == end) return false;
            const std::uint32_t byte = *at_++;
            value |= (byte & 0x7F) << shift;
            if (byte < 0x80) return true;
        }
        return false;
    }

    bool text(const std::uint8_t* end, std::uint32_t size, std::string_view& out) {
        if (static_cast<std::size_t>(end - at_) < size) return false;
        out = {reinterpret_cast<const char*>(at_), size};
        at_ += size;
        return true;
    }

    bool members(const std::uint8_t* end, std::size_t depth, std::uint32_t& counted) {
        if (depth > TwinLimits::depth_max) return false;
        while (at_ != end) {
            std::uint32_t key_size = 0;
            std::string_view key;
            std::uint32_t stamp = 0;
            if (!varint(end, key_size) || !text(end, key_size, key) || !is_section_key(key)) return false;
            counted += key_size;
            if (!value(end, depth, counted) || !varint(end, stamp) || !use(stamp)) return false;
        }
        return true;
    }

    bool value(const std::uint8_t* end, std::size_t depth, std::uint32_t& counted) {
        if (at_ == end) return false;
        const auto tag = static_cast<Tag>(*at_ & 7);
        std::uint32_t size = *at_ >> 3;
        ++at_;
        if (tag == Tag::boolean) {
            counted += boolean_counts;
            return size <= 1;
        }
        if (tag == Tag::object) return size == 0 && object(end, depth, counted);
        if (size == short_length_end) {
            std::uint32_t more = 0;
            if (!varint(end, more)) return false;
            size += more;
        }
        std::uint32_t array_counts = 0;
        if (tag == Tag::array && !varint(end, array_counts)) return false;
        std::string_view payload;
        if (!text(end, size, payload)) return false;
        switch (tag) {
            case Tag::number:
                counted += number_counts;
                return size <= TwinLimits::number_chars_max && is_json_number(payload);
            case Tag::plain_string:
                counted += size;
                return size <= TwinLimits::string_bytes_max && is_plain(payload);
            case Tag::string:
                counted += counted_text(payload);
                return size <= TwinLimits::string_bytes_max && !is_plain(payload) && is_utf8(payload);
            case Tag::array:
                counted += array_counts;
                return array(payload, depth, array_counts);
            default:
                return false;
        }
    }

    bool object(const std::uint8_t* end, std::size_t depth, std::uint32_t& counted) {
        if (static_cast<std::size_t>(end - at_) < object_length_bytes) return false;
        const std::uint32_t size = at_[0] | std::uint32_t{at_[1]} << 8 | std::uint32_t{at_[2]} << 16;
        at_ += object_length_bytes;
        if (static_cast<std::size_t>(end - at_) < size) return false;
        return members(at_ + size, depth + 1, counted);
    }

    static bool array(std::string_view text, std::size_t depth, std::uint32_t counted) {
        const auto document = JsonDocument::parse(text);
        if (!document || !document->root().is_array()) return false;
        const auto checked = check_array(document->root(), depth);
        return checked && checked->counted == counted && checked->text == text;
    }

    const std::uint8_t* section_;
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    std::vector<std::uint32_t> uses_;
};

}  // namespace

bool is_well_formed(Bytes bytes) {
    return Checker(bytes).run();
}

}  // namespace carillon::section_format
