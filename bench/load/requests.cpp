// REST requests over kept connections: reads and durable patches of twins, or a file of a web server.
#include "load/https.hpp"
#include "load/hub.hpp"
#include "load/meter.hpp"
#include "load/modes.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace carillon::load {
namespace {

/// Asks for one device's twin after the other, each connection one request at a time.
class Requests {
public:
    Requests(Loop& loop, TlsContext& tls, const Target& target, std::size_t connections, Meter& meter)
        // A web server is sent as many bytes as a hub.
        : meter_(meter),
          pool_(loop, tls, target.https, target.host_name,
                target.is_hub() ? authorization(target) : std::string(authorization_bytes, 'x'),
                connections) {}

    void begin(std::size_t in_flight, std::string_view kind, std::string prefix, std::uint64_t devices) {
        prefix_ = std::move(prefix);
        is_patch_ = kind == "patch";
        is_message_ = kind == "c2d";
        devices_ = devices;
        for (std::size_t i = 0; i < in_flight; ++i) send();
    }
    std::size_t body_bytes() const { return body_bytes_; }
    std::uint64_t succeeded() const { return succeeded_; }

private:
    static constexpr std::size_t authorization_bytes = 150;

    /// The tool's own devices, or those of a simulated fleet.
    std::string id_of(std::uint64_t number) const {
        if (prefix_.empty()) return device_id(number);
        const std::string digits = std::to_string(number);
        constexpr std::size_t width = 6;
        return prefix_ + std::string(width - std::min(width, digits.size()), '0') + digits;
    }
    void send() {
        const std::uint64_t number = next_++;
        HttpRequest request{"GET", target_of("/twins/" + device_id(number % devices_)), "", ""};
        if (is_message_) {
            request.method = "POST";
            request.target = target_of("/devices/" + id_of(number % devices_) + "/messages/devicebound");
            request.body = R"({"command":"open","number":)" + std::to_string(number % 1000) + "}";
        }
        if (is_patch_) {
            request.method = "PATCH";
            request.body = R"({"properties":{"desired":{"interval":)" + std::to_string(number % 1000) + "}}}";
        }
        pool_.call(std::move(request), [this, began = Clock::now()](const HttpAnswer& answer) {
            constexpr int no_content = 204;
            if (answer.status == 200 || answer.status == no_content) {
                meter_.trip(Clock::now() - began);
                ++succeeded_;
                body_bytes_ = answer.body.size();
            } else {
                meter_.failure();
            }
            send();
        });
    }

    Meter& meter_;
    HttpPool pool_;
    bool is_patch_ = false;
    bool is_message_ = false;
    std::string prefix_;
    std::uint64_t succeeded_ = 0;
    std::uint64_t devices_ = 1;
    std::uint64_t next_ = 0;
    std::size_t body_bytes_ = 0;
};

}  // namespace

Result<> run_requests(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::string kind = options.text("kind", "get");
    const std::string prefix = options.text("prefix");
    const std::uint64_t devices = options.number("devices", 1000);
    const std::uint64_t connections = options.number("in-flight", 64);
    const auto window = std::chrono::seconds(options.number("seconds", 10));
    const auto warm_up = std::chrono::seconds(options.number("warm-up", 2));
    Meter meter(static_cast<int>(options.number("server-pid", 0)));
    if (auto checked = options.check(); !checked) return checked;
    if (kind != "get" && kind != "patch" && kind != "c2d")
        return fail(Errc::config_invalid, "--kind is get, patch or c2d");

    Loop loop;
    TlsContext tls;
    Requests requests(loop, tls, *target, connections, meter);
    requests.begin(connections, kind, prefix, devices);
    loop.run_for(warm_up);
    meter.begin();
    loop.run_for(window);
    meter.end();
    out.member("kind", kind).member("devices", devices).member("in_flight", connections);
    out.member("body_bytes", std::uint64_t{requests.body_bytes()});
    meter.report(out);
    out.member("succeeded", requests.succeeded());
    if (requests.succeeded() == 0) return fail(Errc::unreachable, "no request succeeded");
    return {};
}

}  // namespace carillon::load
