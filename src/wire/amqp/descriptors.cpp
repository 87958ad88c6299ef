#include "wire/amqp/descriptors.hpp"

#include <utility>

namespace carillon::amqp {

std::uint64_t descriptor_of(std::string_view symbol) {
    constexpr std::pair<std::string_view, std::uint64_t> names[] = {
        {"amqp:open:list", descriptor::open},
        {"amqp:begin:list", descriptor::begin},
        {"amqp:attach:list", descriptor::attach},
        {"amqp:flow:list", descriptor::flow},
        {"amqp:transfer:list", descriptor::transfer},
        {"amqp:disposition:list", descriptor::disposition},
        {"amqp:detach:list", descriptor::detach},
        {"amqp:end:list", descriptor::end},
        {"amqp:close:list", descriptor::close},
        {"amqp:error:list", descriptor::error},
        {"amqp:received:list", descriptor::received},
        {"amqp:accepted:list", descriptor::accepted},
        {"amqp:rejected:list", descriptor::rejected},
        {"amqp:released:list", descriptor::released},
        {"amqp:modified:list", descriptor::modified},
        {"amqp:source:list", descriptor::source},
        {"amqp:target:list", descriptor::target},
        {"amqp:coordinator:list", descriptor::coordinator},
        {"amqp:sasl-mechanisms:list", descriptor::sasl_mechanisms},
        {"amqp:sasl-init:list", descriptor::sasl_init},
        {"amqp:sasl-challenge:list", descriptor::sasl_challenge},
        {"amqp:sasl-response:list", descriptor::sasl_response},
        {"amqp:sasl-outcome:list", descriptor::sasl_outcome},
        {"amqp:header:list", descriptor::header},
        {"amqp:delivery-annotations:map", descriptor::delivery_annotations},
        {"amqp:message-annotations:map", descriptor::message_annotations},
        {"amqp:properties:list", descriptor::properties},
        {"amqp:application-properties:map", descriptor::application_properties},
        {"amqp:data:binary", descriptor::data},
        {"amqp:amqp-sequence:list", descriptor::sequence},
        {"amqp:amqp-value:*", descriptor::value},
        {"amqp:footer:map", descriptor::footer},
    };
    for (const auto& [name, code] : names) {
        if (name == symbol) return code;
    }
    return 0;
}

}  // namespace carillon::amqp
