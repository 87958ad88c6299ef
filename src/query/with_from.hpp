#pragma once

#include "query/query.hpp"

#include <string>
#include <string_view>

namespace carillon::query {

/// The statement, with the FROM that it leaves out in front of its WHERE or GROUP; as it is if it has one.
/// Text that is no statement stays none. Metrics of configurations may be written so. Source:
/// azure-iot-cli-extension: the examples of `az iot hub configuration create`.
std::string with_from(std::string_view statement, Collection collection);

}  // namespace carillon::query
