// What the Event Hubs-compatible endpoint reads of a link: its address, its selector, which is a text, and
// its filters, which are AMQP values. The first byte says which.

#include "base/result.hpp"
#include "wire/amqp/event_links.hpp"
#include "wire/amqp/performatives.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace carillon;
using namespace carillon::amqp;

void read_selector(std::string_view text) {
    const auto selector = parse_event_selector(text);
    if (!selector) return;
    // One kind of place at a time, so that no reader takes a time for a number.
    CARILLON_ASSERT(selector->kind == EventSelector::Kind::sequence || selector->sequence == 0);
    CARILLON_ASSERT(selector->kind == EventSelector::Kind::time || selector->unix_ms == 0);
}

void read_address(std::string_view text) {
    for (const LinkRole role : {LinkRole::sender, LinkRole::receiver}) {
        Attach attach;
        attach.role = role;
        attach.source.is_present = attach.target.is_present = true;
        attach.source.address = attach.target.address = text;
        const EventAddress address = parse_event_address(attach, "hub");
        CARILLON_ASSERT(address.entity.size() + address.group.size() + address.partition.size() <=
                        text.size());
        CARILLON_ASSERT(address.kind != EventLinkKind::partition || !address.partition.empty());
    }
}

void read_attach(Bytes bytes) {
    const auto performative = decode_performative(bytes);
    if (!performative) return;
    const auto* attach = std::get_if<Attach>(&*performative);
    if (attach == nullptr) return;
    if (const auto selector = find_event_selector(*attach); selector && *selector) read_selector(**selector);
    static_cast<void>(is_desired(*attach, "com.microsoft:enable-receiver-runtime-metric"));
    static_cast<void>(link_number(*attach, "com.microsoft:epoch"));
    static_cast<void>(parse_event_address(*attach, "hub"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes bytes(data + 1, size - 1);
    switch (data[0] % 3) {
        case 0:
            read_selector(as_text(bytes));
            break;
        case 1:
            read_address(as_text(bytes));
            break;
        default:
            read_attach(bytes);
    }
    return 0;
}
