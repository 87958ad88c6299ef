#pragma once

#include "base/metrics_text.hpp"

namespace carillon {

class AmqpEndpoint;
class IoThreads;
class LoginBrake;

// Figures of what comes in. They are read from counters that the hub's threads keep anyway.

void write_amqp_metrics(MetricsText& page, const AmqpEndpoint& amqp);
void write_handshake_metrics(MetricsText& page, IoThreads& threads);
void write_login_metrics(MetricsText& page, const LoginBrake& logins);

}  // namespace carillon
