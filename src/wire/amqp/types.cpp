#include "wire/amqp/types.hpp"

#include "base/text.hpp"
#include "wire/amqp/descriptors.hpp"

#include <algorithm>
#include <limits>

namespace carillon::amqp {

namespace {

constexpr std::uint8_t described_code = 0x00;

/// How a constructor's value is laid out. AMQP 1.0 §1.2: the high half of the code says the width.
enum class Layout : std::uint8_t { unknown, fixed, variable, compound, array };

struct Form {
    Type type = Type::null;
    Layout layout = Layout::unknown;
    std::uint8_t width = 0;  ///< Of the value if fixed, else of the size and of the count.
};

/// AMQP 1.0 §1.6.
constexpr Form form_of(std::uint8_t code) {
    switch (code) {
        case 0x40:
            return {Type::null, Layout::fixed, 0};
        case 0x41:
        case 0x42:
            return {Type::boolean, Layout::fixed, 0};
        case 0x56:
            return {Type::boolean, Layout::fixed, 1};
        case 0x50:
            return {Type::ubyte, Layout::fixed, 1};
        case 0x60:
            return {Type::ushort, Layout::fixed, 2};
        case 0x70:
            return {Type::uint, Layout::fixed, 4};
        case 0x52:
            return {Type::uint, Layout::fixed, 1};
        case 0x43:
            return {Type::uint, Layout::fixed, 0};
        case 0x80:
            return {Type::ulong, Layout::fixed, 8};
        case 0x53:
            return {Type::ulong, Layout::fixed, 1};
        case 0x44:
            return {Type::ulong, Layout::fixed, 0};
        case 0x51:
            return {Type::byte, Layout::fixed, 1};
        case 0x61:
            return {Type::short_int, Layout::fixed, 2};
        case 0x71:
            return {Type::int_number, Layout::fixed, 4};
        case 0x54:
            return {Type::int_number, Layout::fixed, 1};
        case 0x81:
            return {Type::long_int, Layout::fixed, 8};
        case 0x55:
            return {Type::long_int, Layout::fixed, 1};
        case 0x72:
            return {Type::float_number, Layout::fixed, 4};
        case 0x82:
            return {Type::double_number, Layout::fixed, 8};
        case 0x74:
            return {Type::decimal, Layout::fixed, 4};
        case 0x84:
            return {Type::decimal, Layout::fixed, 8};
        case 0x94:
            return {Type::decimal, Layout::fixed, 16};
        case 0x73:
            return {Type::character, Layout::fixed, 4};
        case 0x83:
            return {Type::timestamp, Layout::fixed, 8};
        case 0x98:
            return {Type::uuid, Layout::fixed, 16};
        case 0xA0:
            return {Type::binary, Layout::variable, 1};
        case 0xB0:
            return {Type::binary, Layout::variable, 4};
        case 0xA1:
            return {Type::string, Layout::variable, 1};
        case 0xB1:
            return {Type::string, Layout::variable, 4};
        case 0xA3:
            return {Type::symbol, Layout::variable, 1};
        case 0xB3:
            return {Type::symbol, Layout::variable, 4};
        case 0x45:
            return {Type::list, Layout::fixed, 0};
        case 0xC0:
            return {Type::list, Layout::compound, 1};
        case 0xD0:
            return {Type::list, Layout::compound, 4};
        case 0xC1:
            return {Type::map, Layout::compound, 1};
        case 0xD1:
            return {Type::map, Layout::compound, 4};
        case 0xE0:
            return {Type::array, Layout::array, 1};
        case 0xF0:
            return {Type::array, Layout::array, 4};
        default:
            return {};
    }
}

/// Takes bytes off the front; nothing, and false, if there are too few.
bool take(Bytes& in, std::size_t count, Bytes& out) {
    if (count > in.size()) return false;
    out = in.first(count);
    in = in.subspan(count);
    return true;
}

std::uint64_t big_endian(Bytes bytes) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes) number = number << 8 | byte;
    return number;
}

/// The same with the sign of the first byte.
std::int64_t big_endian_signed(Bytes bytes) {
    std::uint64_t number = !bytes.empty() && (bytes[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (const std::uint8_t byte : bytes) number = number << 8 | byte;
    return static_cast<std::int64_t>(number);
}

bool take_number(Bytes& in, std::size_t width, std::uint32_t& out) {
    Bytes bytes;
    if (!take(in, width, bytes)) return false;
    out = static_cast<std::uint32_t>(big_endian(bytes));
    return true;
}

/// Reads what follows a constructor that is not 0: looks at no more than the size says.
bool read_body(Bytes& in, std::uint8_t code, Value& value) {
    const Form form = form_of(code);
    value.type = form.type;
    value.code = code;
    std::uint32_t size = form.width;
    if (form.layout == Layout::unknown) return false;
    if (form.layout != Layout::fixed && !take_number(in, form.width, size)) return false;
    if (!take(in, size, value.body)) return false;
    if (form.layout == Layout::fixed || form.layout == Layout::variable) return true;
    if (!take_number(value.body, form.width, value.count)) return false;
    // Each item of a list or map takes at least its constructor; an array has one for all.
    if (form.layout == Layout::compound) return value.count <= value.body.size();
    return !value.body.empty() || value.count == 0;
}

bool skip_value(Bytes& in, unsigned depth);

bool check_array(const Value& array, unsigned depth) {
    Bytes in = array.body;
    if (in.empty()) return true;  // An empty array, whose elements' type was left away.
    std::uint8_t code = in[0];
    in = in.subspan(1);
    while (code == described_code) {
        if (++depth > TypeLimits::nesting_max || !skip_value(in, depth) || in.empty()) return false;
        code = in[0];
        in = in.subspan(1);
    }
    const Form form = form_of(code);
    if (form.layout == Layout::unknown) return false;
    if (form.layout == Layout::fixed && form.width == 0) {
        return in.empty() && array.count <= TypeLimits::empty_elements_max;
    }
    // From here each element takes a byte or more, so that the loop ends with the bytes.
    for (std::uint32_t i = 0; i < array.count; ++i) {
        Value element;
        if (!read_body(in, code, element)) return false;
        switch (form.layout) {
            case Layout::compound: {
                Bytes items = element.body;
                for (std::uint32_t k = 0; k < element.count; ++k) {
                    if (!skip_value(items, depth + 1)) return false;
                }
                if (!items.empty() || (element.type == Type::map && element.count % 2 != 0)) return false;
                break;
            }
            case Layout::array:
                if (depth >= TypeLimits::nesting_max || !check_array(element, depth + 1)) return false;
                break;
            default:
                if (element.type == Type::string && !is_utf8(as_text(element.body))) return false;
                if (element.type == Type::symbol && !is_ascii(element.body)) return false;
                if (element.type == Type::boolean && element.body[0] > 1) return false;
        }
    }
    return in.empty();
}

/// Takes one value off the front, looking all the way down.
bool skip_value(Bytes& in, unsigned depth) {
    if (in.empty() || depth > TypeLimits::nesting_max) return false;
    const std::uint8_t code = in[0];
    in = in.subspan(1);
    if (code == described_code) return skip_value(in, depth + 1) && skip_value(in, depth + 1);
    Value value;
    if (!read_body(in, code, value)) return false;
    switch (value.type) {
        case Type::string:
            return is_utf8(as_text(value.body));
        case Type::symbol:
            return is_ascii(value.body);
        case Type::boolean:
            return value.body.empty() || value.body[0] <= 1;
        case Type::array:
            return check_array(value, depth + 1);
        case Type::list:
        case Type::map: {
            Bytes items = value.body;
            for (std::uint32_t i = 0; i < value.count; ++i) {
                if (!skip_value(items, depth + 1)) return false;
            }
            return items.empty() && (value.type == Type::list || value.count % 2 == 0);
        }
        default:
            return true;
    }
}

}  // namespace

bool is_ascii(Bytes bytes) {
    return std::none_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte > 0x7F; });
}

std::optional<bool> Value::as_bool() const {
    if (type != Type::boolean) return std::nullopt;
    return body.empty() ? code == 0x41 : body[0] != 0;
}

std::optional<std::uint64_t> Value::as_u64() const {
    switch (type) {
        case Type::ubyte:
        case Type::ushort:
        case Type::uint:
        case Type::ulong:
            return big_endian(body);
        case Type::byte:
        case Type::short_int:
        case Type::int_number:
        case Type::long_int: {
            const std::int64_t number = big_endian_signed(body);
            if (number >= 0) return static_cast<std::uint64_t>(number);
            return std::nullopt;
        }
        default:
            return std::nullopt;
    }
}

std::optional<std::int64_t> Value::as_i64() const {
    switch (type) {
        case Type::byte:
        case Type::short_int:
        case Type::int_number:
        case Type::long_int:
            return big_endian_signed(body);
        default: {
            const auto number = as_u64();
            if (!number || *number > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
                return std::nullopt;
            return static_cast<std::int64_t>(*number);
        }
    }
}

std::optional<std::int64_t> Value::as_timestamp() const {
    if (type != Type::timestamp) return std::nullopt;
    return big_endian_signed(body);
}

std::optional<std::string_view> Value::as_text() const {
    if (type != Type::string && type != Type::symbol) return std::nullopt;
    return carillon::as_text(body);
}

std::optional<Bytes> Value::as_binary() const {
    if (type != Type::binary) return std::nullopt;
    return body;
}

std::optional<Bytes> Value::as_uuid() const {
    if (type != Type::uuid) return std::nullopt;
    return body;
}

Value Reader::value() {
    if (!ok_ || rest_.empty()) {
        ok_ = false;
        return {};
    }
    const Bytes start = rest_;
    const std::uint8_t code = rest_[0];
    rest_ = rest_.subspan(1);
    Value value;
    if (code == described_code) {
        const Bytes inside = rest_;
        ok_ = skip_value(rest_, 1) && skip_value(rest_, 1);
        value.type = Type::described;
        value.code = code;
        value.count = 2;
        value.body = inside.first(inside.size() - rest_.size());
    } else {
        ok_ = read_body(rest_, code, value);
    }
    if (!ok_) return {};
    value.encoded = start.first(start.size() - rest_.size());
    return value;
}

ArrayReader::ArrayReader(const Value& array) {
    if (array.type != Type::array || array.body.empty() || array.body[0] == described_code) return;
    code_ = array.body[0];
    rest_ = array.body.subspan(1);
    left_ = array.count;
}

std::optional<Value> ArrayReader::next() {
    if (left_ == 0) return std::nullopt;
    --left_;
    Value value;
    if (read_body(rest_, code_, value)) return value;
    left_ = 0;
    return std::nullopt;
}

bool is_well_formed(Bytes bytes) {
    while (!bytes.empty()) {
        if (!skip_value(bytes, 0)) return false;
    }
    return true;
}

std::optional<Described> describe(const Value& value) {
    if (value.type != Type::described) return std::nullopt;
    Reader in(value);
    const Value descriptor = in.value();
    Described described;
    described.value = in.value();
    if (!in.ok()) return std::nullopt;
    if (const auto name = descriptor.as_text()) {
        described.code = descriptor_of(*name);
    } else if (descriptor.type == Type::ulong) {
        described.code = *descriptor.as_u64();
    }
    return described;
}

Value find_in_map(const Value& map, std::string_view key) {
    if (map.type != Type::map) return {};
    Reader in(map);
    while (in.more()) {
        const Value name = in.value();
        const Value value = in.value();
        if (in.ok() && name.as_text() == key) return value;
    }
    return {};
}

}  // namespace carillon::amqp
