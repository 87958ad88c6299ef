#pragma once

// Performatives written short; no part of the product.

#include "wire/amqp/performatives.hpp"
#include "wire/hex_testing.hpp"

#include <string>
#include <string_view>

namespace carillon::amqp::testing {

using carillon::testing::from_hex;
using carillon::testing::to_hex;

/// An attach of a link called `name` to `address`, as the side that is to be its sender or receiver says it.
inline Attach attach_of(std::string_view name, LinkRole role, std::string_view address) {
    Attach attach;
    attach.name = name;
    attach.role = role;
    (role == LinkRole::sender ? attach.target : attach.source).is_present = true;
    (role == LinkRole::sender ? attach.target : attach.source).address = address;
    return attach;
}

}  // namespace carillon::amqp::testing
