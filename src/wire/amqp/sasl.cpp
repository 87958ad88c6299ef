#include "wire/amqp/sasl.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/fields.hpp"
#include "wire/amqp/framer.hpp"

namespace carillon::amqp {

namespace {

/// Appends a SASL frame around what `append` appends.
template <class Append>
void append_frame(std::string& out, Append append) {
    const std::size_t begin = out.size();
    constexpr char offset = 2;
    out.append(4, '\0');
    out.push_back(offset);
    out.push_back(static_cast<char>(sasl_frame));
    out.append(2, '\0');
    append();
    const std::size_t size = out.size() - begin;
    for (unsigned i = 0; i < 4; ++i) out[begin + i] = static_cast<char>(size >> (24 - 8 * i) & 0xFF);
}

}  // namespace

bool SaslMechanisms::has(std::string_view mechanism) const {
    const Value offered = Reader(encoded).value();
    if (offered.type != Type::array) return offered.as_text() == mechanism;
    ArrayReader in(offered);
    while (const auto element = in.next()) {
        if (element->as_text() == mechanism) return true;
    }
    return false;
}

Result<SaslPerformative> decode_sasl(Bytes body) {
    Reader in(body);
    const auto described = describe(in.value());
    if (!in.ok() || in.more() || !described || described->value.type != Type::list) {
        return fail(Errc::malformed_packet, "SASL frame is not a performative");
    }
    Fields fields(described->value);
    SaslPerformative performative;
    switch (described->code) {
        case descriptor::sasl_mechanisms: {
            const Value offered = fields.value();
            if (offered.is_null()) fields.fail();
            performative = SaslMechanisms{offered.encoded};
            break;
        }
        case descriptor::sasl_init: {
            SaslInit init;
            init.mechanism = fields.required(fields.find_text());
            init.initial_response = fields.find_binary();
            init.hostname = fields.text();
            performative = init;
            break;
        }
        case descriptor::sasl_challenge:
            performative = SaslChallenge{};
            break;
        case descriptor::sasl_response:
            performative = SaslResponse{fields.required(fields.find_binary())};
            break;
        case descriptor::sasl_outcome: {
            const auto code = fields.required(fields.find_u8());
            if (code > static_cast<std::uint8_t>(SaslCode::sys_temp)) fields.fail();
            performative = SaslOutcome{static_cast<SaslCode>(code)};
            break;
        }
        default:
            return fail(Errc::malformed_packet, "unknown SASL frame");
    }
    if (!fields.ok())
        return fail(Errc::malformed_packet, "SASL frame lacks a field or has one of wrong type");
    return performative;
}

void append_sasl_mechanisms(std::string& out, std::span<const std::string_view> mechanisms) {
    append_frame(out, [&] {
        ListWriter list(out, descriptor::sasl_mechanisms);
        list.item([&](std::string& to) { append_symbol_array(to, mechanisms); });
    });
}

void append_sasl_init(std::string& out, const SaslInit& init) {
    append_frame(out, [&] {
        ListWriter list(out, descriptor::sasl_init);
        list.symbol(init.mechanism);
        init.initial_response ? list.binary(*init.initial_response) : list.null();
        if (!init.hostname.empty()) list.string(init.hostname);
    });
}

void append_sasl_challenge(std::string& out, Bytes challenge) {
    append_frame(out, [&] {
        ListWriter list(out, descriptor::sasl_challenge);
        list.binary(challenge);
    });
}

void append_sasl_outcome(std::string& out, SaslCode code) {
    append_frame(out, [&] {
        ListWriter list(out, descriptor::sasl_outcome);
        list.ubyte(static_cast<std::uint8_t>(code));
    });
}

std::optional<PlainCredentials> parse_plain(Bytes response) {
    const std::string_view text = as_text(response);
    const std::size_t first = text.find('\0');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = text.find('\0', first + 1);
    if (second == std::string_view::npos || text.find('\0', second + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    const PlainCredentials credentials{.user = text.substr(first + 1, second - first - 1),
                                       .password = text.substr(second + 1)};
    if (credentials.user.empty() || credentials.password.empty()) return std::nullopt;
    return credentials;
}

}  // namespace carillon::amqp
