#pragma once

#include <cstdint>
#include <string_view>

namespace carillon::amqp {

/// The descriptors of AMQP 1.0: performatives (§2.7), delivery states (§3.4), sources and targets (§3.5),
/// sections of a message (§3.2), SASL frames (§5.3).
namespace descriptor {
constexpr std::uint64_t open = 0x10;
constexpr std::uint64_t begin = 0x11;
constexpr std::uint64_t attach = 0x12;
constexpr std::uint64_t flow = 0x13;
constexpr std::uint64_t transfer = 0x14;
constexpr std::uint64_t disposition = 0x15;
constexpr std::uint64_t detach = 0x16;
constexpr std::uint64_t end = 0x17;
constexpr std::uint64_t close = 0x18;
constexpr std::uint64_t error = 0x1D;
constexpr std::uint64_t received = 0x23;
constexpr std::uint64_t accepted = 0x24;
constexpr std::uint64_t rejected = 0x25;
constexpr std::uint64_t released = 0x26;
constexpr std::uint64_t modified = 0x27;
constexpr std::uint64_t source = 0x28;
constexpr std::uint64_t target = 0x29;
constexpr std::uint64_t coordinator = 0x30;
constexpr std::uint64_t sasl_mechanisms = 0x40;
constexpr std::uint64_t sasl_init = 0x41;
constexpr std::uint64_t sasl_challenge = 0x42;
constexpr std::uint64_t sasl_response = 0x43;
constexpr std::uint64_t sasl_outcome = 0x44;
constexpr std::uint64_t header = 0x70;
constexpr std::uint64_t delivery_annotations = 0x71;
constexpr std::uint64_t message_annotations = 0x72;
constexpr std::uint64_t properties = 0x73;
constexpr std::uint64_t application_properties = 0x74;
constexpr std::uint64_t data = 0x75;
constexpr std::uint64_t sequence = 0x76;
constexpr std::uint64_t value = 0x77;
constexpr std::uint64_t footer = 0x78;
}  // namespace descriptor

/// The code of a descriptor given by its symbol, such as `amqp:open:list`; 0 if it is not one of the above.
std::uint64_t descriptor_of(std::string_view symbol);

}  // namespace carillon::amqp
