#include "wire/amqp/message.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/fields.hpp"

namespace carillon::amqp {

namespace {

bool is_id(const Value& value) {
    switch (value.type) {
        case Type::null:
        case Type::ulong:
        case Type::uuid:
        case Type::binary:
        case Type::string:
            return true;
        // Python's _pyamqp counts in these. Source: azure-sdk-for-python: management_operation.py.
        case Type::uint:
        case Type::int_number:
        case Type::long_int:
            return true;
        default:
            return false;
    }
}

bool read_properties(const Value& list, Properties& properties) {
    Fields in(list);
    properties.message_id = in.value();
    properties.user_id = in.find_binary().value_or(Bytes());
    // An address is of any type; one that is not text is nobody's here.
    properties.to = in.value().as_text().value_or(std::string_view());
    properties.subject = in.text();
    properties.reply_to = in.value().as_text().value_or(std::string_view());
    properties.correlation_id = in.value();
    properties.content_type = in.text();
    properties.content_encoding = in.text();
    properties.absolute_expiry_ms = in.find_timestamp();
    properties.creation_ms = in.find_timestamp();
    return in.ok() && is_id(properties.message_id) && is_id(properties.correlation_id);
}

}  // namespace

Result<MessageView> decode_message(Bytes bytes) {
    MessageView message;
    Reader in(bytes);
    std::uint64_t last = 0;
    while (in.more()) {
        const Bytes before = in.rest();
        const auto section = describe(in.value());
        if (!in.ok() || !section) return fail(Errc::malformed_packet, "message with a malformed section");
        const std::uint64_t code = section->code;
        const bool repeats = code == last && (code == descriptor::data || code == descriptor::sequence);
        const bool is_second_body =
            last >= descriptor::data && last <= descriptor::value && code <= descriptor::value && !repeats;
        if ((code <= last && !repeats) || is_second_body) {
            return fail(Errc::malformed_packet, "message with sections out of order");
        }
        last = code;
        bool is_right = true;
        switch (code) {
            case descriptor::header:
                is_right = section->value.type == Type::list;
                break;
            case descriptor::delivery_annotations:
                message.delivery_annotations = section->value;
                is_right = section->value.type == Type::map;
                break;
            case descriptor::message_annotations:
                message.message_annotations = section->value;
                is_right = section->value.type == Type::map;
                break;
            case descriptor::properties:
                is_right = read_properties(section->value, message.properties);
                break;
            case descriptor::application_properties:
                message.application_properties = section->value;
                is_right = section->value.type == Type::map;
                break;
            case descriptor::data:
            case descriptor::sequence:
            case descriptor::value: {
                const bool is_data = code == descriptor::data;
                message.body_kind = is_data                        ? BodyKind::data
                                    : code == descriptor::sequence ? BodyKind::sequence
                                                                   : BodyKind::value;
                is_right = is_data ? section->value.type == Type::binary
                                   : code == descriptor::value || section->value.type == Type::list;
                const std::size_t count = before.size() - in.rest().size();
                // Sections of one body lie one after another.
                message.body =
                    repeats ? Bytes(message.body.data(), message.body.size() + count) : before.first(count);
                break;
            }
            case descriptor::footer:
                is_right = section->value.type == Type::map;
                break;
            default:
                is_right = false;
        }
        if (!is_right) return fail(Errc::malformed_packet, "message with a section of the wrong type");
    }
    if (!in.ok()) return fail(Errc::malformed_packet, "message is cut short");
    return message;
}

std::string MessageView::content() const {
    std::string content;
    Reader in(body);
    while (in.more()) {
        const auto section = describe(in.value());
        if (!section) break;
        const auto text = section->value.as_text();
        content.append(text ? *text : as_text(section->value.as_binary().value_or(Bytes())));
    }
    return content;
}

Value MessageView::body_value() const {
    if (body_kind != BodyKind::value) return {};
    Reader in(body);
    const auto section = describe(in.value());
    return section ? section->value : Value();
}

BatchReader::BatchReader(const MessageView& batch)
    : in_(batch.body_kind == BodyKind::data ? batch.body : Bytes()) {}

Result<std::optional<MessageView>> BatchReader::next() {
    if (!in_.more()) return std::nullopt;
    const auto section = describe(in_.value());
    if (!section) return fail(Errc::malformed_packet, "batch with a malformed section");
    auto message = decode_message(section->value.body);
    if (!message) return fail(std::move(message).error());
    return *message;
}

void append_properties(std::string& out, const Properties& properties) {
    constexpr std::size_t empty_section_bytes = 6;
    const std::size_t begin = out.size();
    {
        ListWriter list(out, descriptor::properties);
        const auto text = [&list](std::string_view field) {
            field.empty() ? list.null() : list.string(field);
        };
        const auto symbol = [&list](std::string_view field) {
            field.empty() || !is_ascii(as_bytes(field)) ? list.null() : list.symbol(field);
        };
        const auto time = [&list](std::optional<std::int64_t> field) {
            field ? list.timestamp(*field) : list.null();
        };
        list.encoded(properties.message_id.encoded);
        properties.user_id.empty() ? list.null() : list.binary(properties.user_id);
        text(properties.to);
        text(properties.subject);
        text(properties.reply_to);
        list.encoded(properties.correlation_id.encoded);
        symbol(properties.content_type);
        symbol(properties.content_encoding);
        time(properties.absolute_expiry_ms);
        time(properties.creation_ms);
    }
    if (out.size() - begin == empty_section_bytes) out.resize(begin);
}

void append_data(std::string& out, Bytes data) {
    append_descriptor(out, descriptor::data);
    append_binary(out, data);
}

void append_value_section(std::string& out) {
    append_descriptor(out, descriptor::value);
}

}  // namespace carillon::amqp
