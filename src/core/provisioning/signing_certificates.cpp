#include "core/provisioning/signing_certificates.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"
#include "base/x509_der.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <algorithm>

namespace carillon {

namespace {

/// Keys below 112 bits, such as RSA of 1024, prove nothing any more. Source: OpenSSL, "security levels".
constexpr int security_level = 2;

using Certificate = OpensslOwner<X509, X509_free>;
using Context = OpensslOwner<X509_STORE_CTX, X509_STORE_CTX_free>;

void free_list(STACK_OF(X509) * list) {
    sk_X509_pop_free(list, X509_free);
}
using CertificateList = OpensslOwner<STACK_OF(X509), free_list>;

Certificate read_der(std::string_view der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = at + der.size();
    Certificate read(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    return at == end ? std::move(read) : nullptr;
}

auto refused(const char* why) {
    ERR_clear_error();
    return fail(Errc::iot_hub_unauthorized_access, why);
}

}  // namespace

void SigningCertificates::StoreFree::operator()(x509_store_st* store) const {
    X509_STORE_free(store);
}

SigningCertificates::SigningCertificates() : store_(X509_STORE_new()) {}

void SigningCertificates::add(std::string_view der_base64, const std::string& group) {
    const auto der = base64_decode(der_base64);
    if (!der || der->empty()) return;
    const Certificate certificate = read_der(*der);
    if (certificate == nullptr || X509_STORE_add_cert(store_.get(), certificate.get()) != 1) {
        ERR_clear_error();
        return;
    }
    anchors_.push_back({*der, group});
}

Result<std::string> SigningCertificates::find_group(const std::vector<std::string>& chain,
                                                    WallTime now) const {
    if (anchors_.empty()) return refused("no group has a certificate");
    if (chain.empty() || chain.size() > chain_certificates_max) return refused("no chain, or too long a one");
    const Certificate own = read_der(chain.front());
    const CertificateList between(sk_X509_new_null());
    if (own == nullptr || between == nullptr) return refused("certificate that does not parse");
    for (std::size_t i = 1; i < chain.size(); ++i) {
        Certificate above = read_der(chain[i]);
        if (above == nullptr || sk_X509_push(between.get(), above.get()) == 0)
            return refused("certificate that does not parse");
        static_cast<void>(above.release());  // The list has it.
    }
    const Context context(X509_STORE_CTX_new());
    if (context == nullptr || X509_STORE_CTX_init(context.get(), store_.get(), own.get(), between.get()) != 1)
        return refused("chain that cannot be looked at");
    X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(context.get());
    // An intermediate is as good as a root, and at each step those enrolled go before those that were sent:
    // so the path ends at the nearest.
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_depth(param, static_cast<int>(chain_certificates_max));
    X509_VERIFY_PARAM_set_auth_level(param, security_level);
    X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(now.unix_s()));
    if (X509_verify_cert(context.get()) != 1)
        return refused(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
    const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context.get());
    // An authority's own certificate proves that one has its key, but is none of a device.
    if (sk_X509_num(path) < 2) return refused("the certificate of an authority itself");
    const std::string anchor = der_of(sk_X509_value(path, sk_X509_num(path) - 1));
    const auto found = std::find_if(anchors_.begin(), anchors_.end(),
                                    [&anchor](const Anchor& each) { return each.der == anchor; });
    if (found == anchors_.end()) return refused("certificate chain is not enrolled");
    return found->group;
}

}  // namespace carillon
