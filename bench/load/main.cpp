// The load tool: devices and back ends by the thousand from one thread, against a hub or a broker.
#include "load/modes.hpp"

#include <csignal>
#include <cstdio>
#include <string>

namespace {

constexpr const char* usage =
    R"(usage: carillon_load MODE [--name value]...

modes
  register    --devices N devices in bulk, with twins of --twin-bytes each; --shuffled 1: in any order
  roundtrip   direct-method round trips with --devices N devices, --in-flight W, for --seconds T;
              --drive relay (a broker relays both messages), rest (W keep-alive HTTPS connections)
              or job (method jobs over all devices, --jobs at once, looked at every --look-ms)
  requests    REST requests about --devices N twins over --in-flight W kept connections, for --seconds T;
              --kind get, patch: of a desired property, durable, or c2d: a message to the device;
              --prefix P: to those of a simulated fleet
  telemetry   --devices N devices, each of which publishes its next message of --bytes B at QoS 1 once the one
              before is acknowledged, for --seconds T
  amqp        the same over AMQP, --devices N behind --connections C; --idle 1: they only connect, and the
              server's memory is compared after --settle seconds; --queue NAME: a broker's, to which all send
  read        partitions 0 to --readers N, each over a connection of its own, from their beginning until
              --messages M have come
  idle        connect --devices N devices, wait --settle seconds, compare the server's memory
  connect     connect, CONNECT and SUBSCRIBE, --devices N at a time, for --seconds T
  job         --repeats jobs of --kind twin or method over all --devices, with GETs of it meanwhile;
              --connected N of the devices are there to be told or asked; the last --probe-devices N belong
              to a process of its own that calls their methods, reads their twins and looks at the job, one
              at a time, while a job runs and while none does
  ask         one request after the other over one connection: --statement S by pages of --page-size, or
              --read ID, a twin; --repeats of them, or for --seconds T; --pause-ms between two

server: --address A --mqtts-port P --https-port P --amqps-port P --connection-string S (a hub's) --server-pid PID;
        --second-percent N of the devices connect to --second-address A;
        --plain-mqtt-port P: devices connect to 127.0.0.1 without TLS
figures go to standard output as one JSON object
)";

}  // namespace

int main(int argc, char** argv) {
    using namespace carillon;
    using namespace carillon::load;
    std::signal(SIGPIPE, SIG_IGN);
    auto options = Options::parse(argc, argv);
    if (!options) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::string text;
    JsonWriter out(text);
    out.begin_object().member("mode", options->mode());
    const std::string& mode = options->mode();
    Result<> done = fail(Errc::config_invalid, "unknown mode " + mode);
    if (mode == "register") done = run_register(*options, out);
    if (mode == "roundtrip") done = run_roundtrip(*options, out);
    if (mode == "requests") done = run_requests(*options, out);
    if (mode == "idle") done = run_idle(*options, out);
    if (mode == "connect") done = run_connect(*options, out);
    if (mode == "job") done = run_job(*options, out);
    if (mode == "telemetry") done = run_telemetry(*options, out);
    if (mode == "amqp") done = run_amqp(*options, out);
    if (mode == "read") done = run_read(*options, out);
    if (mode == "ask") done = run_ask(*options, out);
    if (!done) {
        std::fprintf(stderr, "carillon_load: %s\n", done.error().detail.c_str());
        return done.error().code == Errc::config_invalid ? 2 : 1;
    }
    out.end_object();
    std::printf("%s\n", text.c_str());
    return 0;
}
