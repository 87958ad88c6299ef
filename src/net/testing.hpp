#pragma once

// Certificates and a blocking client for tests of what speaks TLS on loopback; no part of the product.

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/tls_context.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::testing {

/// A folder that is gone after the test.
class TempDir {
public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-XXXXXX").string();
        CARILLON_ASSERT(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::string file(std::string_view name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

/// The machine's clock, which a test may put forward; safe from any thread.
class SkippingClock final : public Clock {
public:
    TimePoint now() const override { return real_.now() + Duration(skipped_.load()); }
    WallTime wall_now() const override { return real_.wall_now(); }
    void skip(Duration by) { skipped_ += by.count(); }

private:
    SystemClock real_;
    std::atomic<Duration::rep> skipped_{0};
};

/// A self-signed certificate, or one signed by `issuer`.
struct TestCertificate {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;

    enum class Kind { ecdsa, rsa };
    static TestCertificate make(const std::string& common_name, Kind kind = Kind::ecdsa,
                                const TestCertificate* issuer = nullptr) {
        TestCertificate made;
        made.key.reset(kind == Kind::ecdsa ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048), EVP_PKEY_free);
        made.certificate.reset(X509_new(), X509_free);
        X509* x = made.certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 24L * 3600);
        X509_set_pubkey(x, made.key.get());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.data()),
                                   static_cast<int>(common_name.size()), -1, 0);
        std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> ca(
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints,
                                issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE"),
            X509_EXTENSION_free);
        X509_add_ext(x, ca.get(), -1);
        const TestCertificate& signer = issuer != nullptr ? *issuer : made;
        X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
        CARILLON_ASSERT(X509_sign(x, signer.key.get(), EVP_sha256()) > 0);
        return made;
    }

    void save(const std::string& certificate_file, const std::string& key_file) const {
        std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(certificate_file.c_str(), "w"), std::fclose);
        CARILLON_ASSERT(PEM_write_X509(out.get(), certificate.get()) == 1);
        out.reset(std::fopen(key_file.c_str(), "w"));
        CARILLON_ASSERT(PEM_write_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
    }
};

/// What a server under test presents: an ECDSA and an RSA certificate, in files of `dir`.
inline TlsFiles make_server_files(const TempDir& dir) {
    TlsFiles files;
    for (const auto& [name, kind] :
         {std::pair("ecdsa", TestCertificate::Kind::ecdsa), std::pair("rsa", TestCertificate::Kind::rsa)}) {
        const std::string certificate = dir.file(std::string(name) + ".pem");
        const std::string key = dir.file(std::string(name) + "-key.pem");
        TestCertificate::make("localhost", kind).save(certificate, key);
        files.key_pairs.push_back({certificate, key});
    }
    return files;
}

/// A blocking client on 127.0.0.1, by TLS or plain. Waits give up after a minute, which fails a
/// test rather than hanging it.
class TestClient {
public:
    struct Options {
        bool tls = true;
        int version_max = TLS1_3_VERSION;
        const char* ciphers_tls12 = nullptr;
        const TestCertificate* certificate = nullptr;
        int receive_buffer = 0;
    };

    explicit TestClient(std::uint16_t port) : TestClient(port, Options()) {}
    TestClient(std::uint16_t port, const Options& options) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CARILLON_ASSERT(socket_ >= 0);
        // Ends a run in which something hangs, as the fixture's own patience does.
        const timeval patience{.tv_sec = 60, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        const int no_delay = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
        if (options.receive_buffer > 0) {
            ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        if (connected_ && options.tls) prepare(options);
    }
    ~TestClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        if (socket_ >= 0) ::close(socket_);
    }
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    bool connected() const { return connected_; }
    bool handshake() { return SSL_connect(ssl_) == 1; }
    /// The same, with what the client says sent `step` bytes at a time, and `behind` with the last of it.
    bool handshake_in_steps(std::size_t step, std::string_view behind) {
        BIO* socket = SSL_get_wbio(ssl_);
        BIO_up_ref(socket);
        SSL_set0_wbio(ssl_, BIO_new(BIO_s_mem()));
        const int flags = ::fcntl(socket_, F_GETFL);
        ::fcntl(socket_, F_SETFL, flags | O_NONBLOCK);
        bool is_done = false;
        while (!is_done) {
            is_done = SSL_connect(ssl_) == 1;
            if (is_done) SSL_write(ssl_, behind.data(), static_cast<int>(behind.size()));
            std::array<char, 16 * 1024> said;
            const int size = BIO_read(SSL_get_wbio(ssl_), said.data(), static_cast<int>(said.size()));
            const std::string_view all(said.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
            for (std::size_t at = 0; at < all.size(); at += step) write_raw(all.substr(at, step));
            pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
            if (!is_done && ::poll(&readable, 1, 60'000) != 1) break;
            if (!is_done && SSL_get_error(ssl_, -1) == SSL_ERROR_SSL) break;
        }
        ::fcntl(socket_, F_SETFL, flags);
        SSL_set0_wbio(ssl_, socket);
        return is_done;
    }
    bool write(std::string_view bytes) {
        if (ssl_ == nullptr) return write_raw(bytes);
        return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) ==
               static_cast<int>(bytes.size());
    }
    /// One read's worth, for TLS at most one record; empty at the end.
    std::string read(std::size_t size_max = 64 * 1024) {
        std::string bytes(size_max, '\0');
        const auto got = ssl_ != nullptr ? SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                         : static_cast<int>(::recv(socket_, bytes.data(), bytes.size(), 0));
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }
    std::string read_exactly(std::size_t size) {
        std::string all;
        while (all.size() < size) {
            const std::string some = read(std::min<std::size_t>(size - all.size(), 64 * 1024));
            if (some.empty()) break;
            all += some;
        }
        return all;
    }
    std::string read_to_end() {
        std::string all;
        for (std::string some = read(); !some.empty(); some = read()) all += some;
        return all;
    }
    /// Reads and drops what comes, without decrypting; true once the connection is over.
    bool ends() {
        std::array<char, 4096> bytes;
        for (;;) {
            const auto got = ::recv(socket_, bytes.data(), bytes.size(), 0);
            if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
            if (got < 0) return false;
        }
    }
    bool was_told_goodbye() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
    void say_goodbye() { SSL_shutdown(ssl_); }
    void finish_writing() { ::shutdown(socket_, SHUT_WR); }
    bool write_raw(std::string_view bytes) {
        return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }
    /// What `write` would send, instead of sending it.
    std::string encrypt(std::string_view bytes) {
        BIO* memory = BIO_new(BIO_s_mem());
        BIO* socket = SSL_get_wbio(ssl_);
        BIO_up_ref(socket);
        SSL_set0_wbio(ssl_, memory);
        SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
        char* data = nullptr;
        const auto size = BIO_get_mem_data(memory, &data);
        std::string ciphertext(data, static_cast<std::size_t>(size));
        SSL_set0_wbio(ssl_, socket);
        return ciphertext;
    }
    std::string version() const { return SSL_get_version(ssl_); }
    std::string cipher() const { return SSL_get_cipher_name(ssl_); }
    SSL* ssl() { return ssl_; }

private:
    void prepare(const Options& options) {
        context_ = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context_, 0);
        SSL_CTX_set_security_level(context_, 0);
        SSL_CTX_set_max_proto_version(context_, options.version_max);
        if (options.ciphers_tls12 != nullptr) SSL_CTX_set_cipher_list(context_, options.ciphers_tls12);
        if (options.certificate != nullptr) {
            SSL_CTX_use_certificate(context_, options.certificate->certificate.get());
            SSL_CTX_use_PrivateKey(context_, options.certificate->key.get());
        }
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, socket_);
    }

    int socket_ = -1;
    bool connected_ = false;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
};

}  // namespace carillon::testing
