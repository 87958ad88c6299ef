#pragma once

#include "base/unique_function.hpp"
#include "endpoint/amqp/token_wallet.hpp"
#include "wire/amqp/connection.hpp"
#include "wire/amqp/hub_messages.hpp"
#include "wire/amqp/sasl.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::amqp {

class HubConnection;
struct Registrant;
class TpmLogin;

/// Who the client of one connection is: judges what it logs in with by SASL and the tokens that it puts, and
/// keeps what is good. A policy's token is judged here; a device's on the thread of its shard, and again when
/// a link for it is asked for, as a token for the hub as a whole does not say whose key signed it. On the
/// connection's thread. Source: IoT Hub docs, "Control access to IoT Hub"; iotedge: CbsNode.cs.
class Authenticator {
public:
    /// `Result` fails with `iot_hub_unauthorized`, `device_disabled`, `iot_hub_quota_exceeded`; the
    /// detail is for the log. Called at once or later, on the connection's thread, with wrong logins after
    /// the time that `LoginBrake` gives. The connection takes no input until then, unless somebody has logged
    /// in over it: then others on it go on, but for more than `late_refusals_max` refusals at once.
    using Done = UniqueFunction<void(HubConnection&, const Result<>&)>;

    /// `connection` owns this.
    explicit Authenticator(HubConnection& connection) : connection_(connection) {}

    static constexpr std::uint32_t late_refusals_max = 16;

    void log_in(const SaslInit& init, Done done);
    /// The client answers a challenge of `log_in`.
    void respond(Bytes response);
    void put_token(const PutToken& request, Done done);

    /// True if a policy's token with `right` covers `path`, such as {"messages", "devicebound"}.
    bool may(AccessRights right, std::span<const std::string_view> path) const;
    /// The link on which answers to tokens go out; 0 if there is none.
    void answers_go_to(LinkId link) { answer_link_ = link; }
    LinkId answer_link() const { return answer_link_; }
    /// The device that registers over this connection; null where none does.
    Registrant* registrant() const { return registrant_.get(); }
    void set_registrant(std::shared_ptr<Registrant> registrant) { registrant_ = std::move(registrant); }
    /// The login of a TPM, once it has begun.
    TpmLogin* tpm_login() const { return tpm_login_.get(); }
    TokenWallet& wallet() { return wallet_; }
    const TokenWallet& wallet() const { return wallet_; }

private:
    void take_token(std::string_view text, const TokenScope& hint, Done done);
    Result<> take_grant(const sas::Token& token, std::string_view text);
    void check_device(std::vector<IdentityKey> candidates, std::size_t index, std::string text, Done done);
    void finish(const Result<>& result, Duration wait, Done done);

    HubConnection& connection_;
    TokenWallet wallet_;
    std::shared_ptr<Registrant> registrant_;
    LinkId answer_link_ = 0;
    std::uint32_t late_refusals_ = 0;  ///< That wait while the connection takes input.
    std::shared_ptr<TpmLogin> tpm_login_;
};

}  // namespace carillon::amqp
