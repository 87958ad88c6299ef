#include "endpoint/amqp/registration/registrant_login.hpp"

#include "core/hub/hub.hpp"
#include "core/hub/login_brake.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/registration/registration_messages.hpp"
#include "endpoint/device/registrant.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace carillon::amqp {

namespace {

using Done = UniqueFunction<void(HubConnection&, const Result<>&)>;

void conclude(HubConnection& connection, const std::string& scope, Result<RegistrationRequest> found,
              const std::string& id, Done done) {
    if (found) {
        auto registrant = std::make_shared<Registrant>();
        registrant->scope = scope;
        registrant->request = *std::move(found);
        connection.authenticator().set_registrant(std::move(registrant));
        connection.authenticated(KeyTag::none);
        done(connection, {});
        return connection.release_input();
    }
    const LoginBrake::Failure failure{
        .protocol = "amqp", .identity = id, .peer = connection.peer_address(), .why = found.error().detail};
    const Duration wait = connection.hub().logins().failed(failure, connection.thread().clock().now());
    const Error told{found.error().code, "Unauthorized"};
    connection.after(wait, [told, done = std::move(done)](HubConnection& self) mutable {
        done(self, fail(told));
        self.release_input();
    });
}

Task<> identify(std::shared_ptr<HubConnection> connection, device::RegistrantCredentials credentials,
                Done done) {
    std::string scope = credentials.scope;
    std::string id = credentials.registration_id;
    const WallTime now = connection->wall_now();
    auto finding = device::identify_registrant(connection->hub(), std::move(credentials), now);
    auto found = co_await std::move(finding);
    connection->post([scope = std::move(scope), id = std::move(id), found = std::move(found),
                      done = std::move(done)](HubConnection& self) mutable {
        conclude(self, scope, std::move(found), id, std::move(done));
    });
}

}  // namespace

void log_in_registrant(HubConnection& connection, const RegistrationAddress& address,
                       std::optional<std::string> token, Done done) {
    device::RegistrantCredentials credentials;
    credentials.scope = address.scope;
    credentials.registration_id = address.id;
    credentials.token = std::move(token);
    device::take_certificate(credentials, connection.channel());
    connection.hold_input();
    auto work = identify(connection.shared_from_this(), std::move(credentials), std::move(done));
    boost::asio::co_spawn(connection.thread().executor(), std::move(work), boost::asio::detached);
}

}  // namespace carillon::amqp
