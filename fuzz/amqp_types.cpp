// Values of AMQP: what is well-formed is read to its end, and each value's own bytes give it again.

#include "base/result.hpp"
#include "wire/amqp/types.hpp"

#include <algorithm>

namespace {

using namespace carillon;
using namespace carillon::amqp;

void read(const Value& value, unsigned depth) {
    static_cast<void>(value.as_bool());
    static_cast<void>(value.as_u64());
    static_cast<void>(value.as_i64());
    static_cast<void>(value.as_timestamp());
    static_cast<void>(value.as_text());
    static_cast<void>(value.as_uuid());
    static_cast<void>(describe(value));
    static_cast<void>(find_in_map(value, "key"));
    ArrayReader elements(value);
    std::uint32_t count = 0;
    while (elements.next()) ++count;
    CARILLON_ASSERT(count <= value.count);
    if (value.type != Type::list && value.type != Type::map && value.type != Type::described) return;
    CARILLON_ASSERT(depth <= TypeLimits::nesting_max);
    Reader in(value);
    for (count = 0; in.more(); ++count) read(in.value(), depth + 1);
    CARILLON_ASSERT(in.ok() && count == value.count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, size);
    const bool is_good = is_well_formed(bytes);
    Reader in(bytes);
    while (in.more()) {
        const Value value = in.value();
        if (!in.ok()) break;
        CARILLON_ASSERT(!value.encoded.empty());
        Reader again(value.encoded);
        const Value same = again.value();
        CARILLON_ASSERT(again.ok() && !again.more() && same.type == value.type && same.count == value.count);
        if (is_good) read(value, 0);
    }
    CARILLON_ASSERT(!is_good || in.ok());
    return 0;
}
