#pragma once

#include "base/clock.hpp"
#include "base/unique_function.hpp"
#include "core/provisioning/provisioning.hpp"
#include "wire/amqp/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

class HubConnection;
struct RegistrationAddress;

/// The device that registers over a connection, once it has proved itself.
struct Registrant {
    std::string scope;  ///< As it spells it.
    RegistrationRequest request;
    LinkId answers = 0;  ///< The link on which it is told; 0: none yet.
};

/// Finds out who registers: by `token`, or without one by the certificate of the connection. `done` is called
/// on the connection's thread, of a wrong login after the time that `LoginBrake` gives; no input is taken
/// until then. As `device::identify_registrant`.
void log_in_registrant(HubConnection& connection, const RegistrationAddress& address,
                       std::optional<std::string> token,
                       UniqueFunction<void(HubConnection&, const Result<>&)> done);

}  // namespace carillon::amqp
