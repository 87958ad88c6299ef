#include "load/probe.hpp"

#include <string>

namespace carillon::load {

Probe::Probe(Loop& loop, TlsContext& tls, const Target& target, std::uint64_t devices)
    : loop_(loop),
      methods_pool_(loop, tls, target.https, target.host_name, authorization(target), 1),
      twins_pool_(loop, tls, target.https, target.host_name, authorization(target), 1),
      devices_(devices) {}

void Probe::measure(Samples& methods, Samples& twins) {
    methods_ = &methods;
    twins_ = &twins;
    is_on_ = true;
    if (under_way_ > 0) return;
    under_way_ = 2;
    call_method();
    read_twin();
}

void Probe::rest() {
    is_on_ = false;
    while (under_way_ > 0) loop_.run_for(pause);
}

void Probe::again(void (Probe::*ask)()) {
    loop_.after(pause, [this, ask] {
        if (is_on_) {
            (this->*ask)();
        } else {
            --under_way_;
        }
    });
}

void Probe::call_method() {
    HttpRequest request{"POST", target_of("/twins/" + device_id(next_++ % devices_) + "/methods"),
                        R"({"methodName":"ping","responseTimeoutInSeconds":30,"payload":null})", ""};
    methods_pool_.call(std::move(request), [this, began = Clock::now()](const HttpAnswer& answer) {
        if (is_on_) methods_->add(Clock::now() - began);
        failures_ += answer.status == 200 ? 0 : 1;
        again(&Probe::call_method);
    });
}

void Probe::read_twin() {
    HttpRequest request{"GET", target_of("/twins/" + device_id(next_++ % devices_)), "", ""};
    twins_pool_.call(std::move(request), [this, began = Clock::now()](const HttpAnswer& answer) {
        if (is_on_) twins_->add(Clock::now() - began);
        failures_ += answer.status == 200 ? 0 : 1;
        again(&Probe::read_twin);
    });
}

}  // namespace carillon::load
