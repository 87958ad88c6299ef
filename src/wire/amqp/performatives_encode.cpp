#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/framer.hpp"
#include "wire/amqp/performatives.hpp"

#include <algorithm>

namespace carillon::amqp {

namespace {

/// Writes a frame's header, and its size when its life ends.
class FrameWriter {
public:
    FrameWriter(std::string& out, std::uint16_t channel) : out_(out), begin_(out.size()) {
        constexpr char offset = 2;
        out.append(4, '\0');
        out.push_back(offset);
        out.push_back(static_cast<char>(amqp_frame));
        out.push_back(static_cast<char>(channel >> 8));
        out.push_back(static_cast<char>(channel & 0xFF));
    }
    ~FrameWriter() {
        const std::size_t size = out_.size() - begin_;
        for (unsigned i = 0; i < 4; ++i) out_[begin_ + i] = static_cast<char>(size >> (24 - 8 * i) & 0xFF);
    }
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

private:
    std::string& out_;
    std::size_t begin_;
};

/// A null that is written though no other field follows. Performatives have all their fields, as those of the
/// service have: azure-eventhub for Python takes them by their place, the payload of a transfer too.
/// Source: azure-sdk-for-python: _pyamqp/_decode.py, decode_frame; link.py, _incoming_attach.
void null(ListWriter& list) {
    list.item([](std::string& out) { append_null(out); });
}

void nulls(ListWriter& list, int count) {
    for (int i = 0; i < count; ++i) null(list);
}

void encoded(ListWriter& list, Bytes value) {
    value.empty() ? null(list) : list.encoded(value);
}

void optional_u32(ListWriter& list, std::optional<std::uint32_t> field) {
    field ? list.uint(*field) : null(list);
}

void optional_true(ListWriter& list, bool field) {
    field ? list.boolean(true) : null(list);
}

void optional_symbol(ListWriter& list, std::string_view text) {
    text.empty() ? null(list) : list.symbol(text);
}

void optional_string(ListWriter& list, std::string_view text) {
    text.empty() ? null(list) : list.string(text);
}

void append_error(ListWriter& list, const Condition& error) {
    if (error.name.empty()) return null(list);
    list.item([&error](std::string& out) {
        ListWriter fields(out, descriptor::error);
        optional_symbol(fields, error.name);
        optional_string(fields, error.description);
        encoded(fields, error.info);
    });
}

void append_state(ListWriter& list, const DeliveryState& state) {
    if (state.outcome == Outcome::none) return null(list);
    list.item([&state](std::string& out) {
        switch (state.outcome) {
            case Outcome::accepted: {
                const ListWriter fields(out, descriptor::accepted);
                break;
            }
            case Outcome::rejected: {
                ListWriter fields(out, descriptor::rejected);
                append_error(fields, state.condition);
                break;
            }
            case Outcome::released: {
                const ListWriter fields(out, descriptor::released);
                break;
            }
            case Outcome::modified: {
                ListWriter fields(out, descriptor::modified);
                optional_true(fields, state.delivery_failed);
                optional_true(fields, state.undeliverable_here);
                break;
            }
            default: {
                // Nothing here resumes a delivery: no section, no offset.
                ListWriter fields(out, descriptor::received);
                fields.uint(0);
                fields.ulong(0);
            }
        }
    });
}

void append_terminus(ListWriter& list, const Terminus& terminus, std::uint64_t code) {
    if (!terminus.encoded.empty()) return list.encoded(terminus.encoded);
    if (!terminus.is_present) return null(list);
    const std::string_view address = terminus.address.value_or(std::string_view());
    list.item([&](std::string& out) { append_address(out, code, address); });
}

}  // namespace

void append_open(std::string& out, const Open& open) {
    const FrameWriter frame(out, 0);
    ListWriter list(out, descriptor::open);
    list.string(open.container_id);
    optional_string(list, open.hostname);
    list.uint(open.max_frame_size);
    list.ushort(open.channel_max);
    optional_u32(list, open.idle_timeout_ms);
    nulls(list, 4);  // Locales and capabilities.
    encoded(list, open.properties);
}

void append_begin(std::string& out, std::uint16_t channel, const Begin& begin) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::begin);
    begin.remote_channel ? list.ushort(*begin.remote_channel) : null(list);
    list.uint(begin.next_outgoing_id);
    list.uint(begin.incoming_window);
    list.uint(begin.outgoing_window);
    list.uint(begin.handle_max);
    nulls(list, 3);  // Capabilities and properties.
}

void append_attach(std::string& out, std::uint16_t channel, const Attach& attach) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::attach);
    list.string(attach.name);
    list.uint(attach.handle);
    list.boolean(attach.role == LinkRole::receiver);
    attach.sender_mode ? list.ubyte(static_cast<std::uint8_t>(*attach.sender_mode)) : null(list);
    attach.receiver_mode ? list.ubyte(static_cast<std::uint8_t>(*attach.receiver_mode)) : null(list);
    append_terminus(list, attach.source, descriptor::source);
    append_terminus(list, attach.target, descriptor::target);
    null(list);
    null(list);
    optional_u32(list, attach.initial_delivery_count);
    attach.max_message_size ? list.ulong(*attach.max_message_size) : null(list);
    null(list);
    null(list);
    encoded(list, attach.properties);
}

void append_flow(std::string& out, std::uint16_t channel, const Flow& flow) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::flow);
    optional_u32(list, flow.next_incoming_id);
    list.uint(flow.incoming_window);
    list.uint(flow.next_outgoing_id);
    list.uint(flow.outgoing_window);
    optional_u32(list, flow.handle);
    optional_u32(list, flow.delivery_count);
    optional_u32(list, flow.link_credit);
    optional_u32(list, flow.available);
    optional_true(list, flow.drain);
    optional_true(list, flow.echo);
    null(list);  // Properties.
}

void append_transfer(std::string& out, std::uint16_t channel, Transfer transfer, Bytes& payload,
                     std::uint32_t frame_bytes_max) {
    // Header, descriptor, list prefix, and each field at its longest.
    constexpr std::size_t performative_bytes_max =
        8 + 3 + 9 + 5 + 5 + (5 + Transfer::tag_bytes_max) + 5 + 1 + 1 + 5;
    static_assert(performative_bytes_max < frame_bytes_min);
    const std::size_t count = std::min<std::size_t>(payload.size(), frame_bytes_max - performative_bytes_max);
    transfer.more = count < payload.size();
    const FrameWriter frame(out, channel);
    {
        ListWriter list(out, descriptor::transfer);
        list.uint(transfer.handle);
        optional_u32(list, transfer.delivery_id);
        transfer.delivery_tag ? list.binary(*transfer.delivery_tag) : null(list);
        optional_u32(list, transfer.message_format);
        transfer.settled ? list.boolean(*transfer.settled) : null(list);
        optional_true(list, transfer.more);
        nulls(list, 5);  // Settle mode, state, resume, aborted, batchable.
    }
    out.append(as_text(payload.first(count)));
    payload = payload.subspan(count);
}

void append_disposition(std::string& out, std::uint16_t channel, const Disposition& disposition) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::disposition);
    list.boolean(disposition.role == LinkRole::receiver);
    list.uint(disposition.first);
    optional_u32(list, disposition.last);
    list.boolean(disposition.settled);
    append_state(list, disposition.state);
    null(list);  // Batchable.
}

void append_detach(std::string& out, std::uint16_t channel, const Detach& detach) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::detach);
    list.uint(detach.handle);
    list.boolean(detach.closed);
    append_error(list, detach.error);
}

void append_end(std::string& out, std::uint16_t channel, const Condition& error) {
    const FrameWriter frame(out, channel);
    ListWriter list(out, descriptor::end);
    append_error(list, error);
}

void append_close(std::string& out, const Condition& error) {
    const FrameWriter frame(out, 0);
    ListWriter list(out, descriptor::close);
    append_error(list, error);
}

void append_heartbeat(std::string& out) {
    const FrameWriter frame(out, 0);
}

void append_address(std::string& out, std::uint64_t code, std::string_view address) {
    ListWriter list(out, code);
    list.string(address);
}

}  // namespace carillon::amqp
