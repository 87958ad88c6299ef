#include "net/channel_fixture.hpp"

namespace carillon::testing {
namespace {

std::string closed(Errc reason) {
    return "closed " + std::to_string(static_cast<int>(reason));
}
const std::string cut_off = closed(Errc::connection_forcefully_closed);
const std::string lost = closed(Errc::connection_closed);

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 977) % 26);
    return text;
}

TEST(SocketChannel, EchoesOverTls13AndTls12) {
    TestServer server;
    for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        TestClient client(server.port(), {.version_max = version});
        ASSERT_TRUE(client.handshake());
        ASSERT_TRUE(client.write("hello"));
        EXPECT_EQ(client.read_exactly(5), "hello");
        ASSERT_TRUE(client.write(pattern(40'000)));
        EXPECT_EQ(client.read_exactly(40'000), pattern(40'000));
    }
}

TEST(SocketChannel, BearsAHandshakeInPiecesOfAnySize) {
    TestServer server;
    for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        for (const std::size_t step : {1, 2, 5, 6, 100, 4096}) {
            TestClient client(server.port(), {.version_max = version});
            ASSERT_TRUE(client.handshake_in_steps(step, "hello")) << step;
            EXPECT_EQ(client.read_exactly(5), "hello") << step;
            ASSERT_TRUE(client.write("again"));
            EXPECT_EQ(client.read_exactly(5), "again") << step;
        }
    }
}

TEST(SocketChannel, RefusesTlsBelow12AndWhatIsNoTls) {
    TestServer server;
    TestClient old(server.port(), {.version_max = TLS1_1_VERSION});
    EXPECT_FALSE(old.handshake());
    EXPECT_TRUE(server.journal.wait(closed(Errc::tls_failed)));
    TestClient http(server.port(), {.tls = false});
    ASSERT_TRUE(http.write("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_TRUE(http.ends());
    EXPECT_TRUE(server.journal.wait(closed(Errc::tls_failed), 2));
}

TEST(SocketChannel, ServesEachKindOfClientItsKindOfCertificate) {
    TestServer server;
    TestClient rsa(server.port(),
                   {.version_max = TLS1_2_VERSION, .ciphers_tls12 = "ECDHE-RSA-AES128-SHA256"});
    ASSERT_TRUE(rsa.handshake());
    EXPECT_EQ(rsa.cipher(), "ECDHE-RSA-AES128-SHA256");
    TestClient modern(server.port());
    ASSERT_TRUE(modern.handshake());
    EXPECT_EQ(modern.cipher(), "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(modern.ssl()))), EVP_PKEY_EC);
}

TEST(SocketChannel, ReadsATlsStreamThatArrivesByteByByte) {
    TestServer server;
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    for (const char byte : client.encrypt("slowly")) ASSERT_TRUE(client.write_raw({&byte, 1}));
    EXPECT_EQ(client.read_exactly(6), "slowly");
}

TEST(SocketChannel, SendsWhatIsSaidInOneTurnAsOneRecord) {
    TestServer server;
    server.on_received = [](Channel& channel, Bytes) {
        for (const char* word : {"one ", "two ", "three"}) EXPECT_TRUE(channel.send(as_bytes(word)));
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    EXPECT_EQ(client.read(), "one two three");
}

TEST(SocketChannel, KeepsWhatAPeerDoesNotTakeAndSaysWhenItIsGone) {
    constexpr std::size_t size = 8 * 1024 * 1024;
    TestServer server({.limits = {.unsent_bytes_max = 2 * size}});
    server.on_received = [](Channel& channel, Bytes) { EXPECT_TRUE(channel.send(as_bytes(pattern(size)))); };
    TestClient client(server.port(), {.receive_buffer = 128 * 1024});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    ASSERT_TRUE(server.journal.wait("received"));
    server.on_connection([](Channel&) {});  // A turn later the first write has been tried.
    server.on_connection([](Channel& channel) {
        EXPECT_TRUE(channel.is_congested());
        EXPECT_GT(channel.unsent(), 0U);
    });
    EXPECT_EQ(server.journal.count("drained"), 0);
    EXPECT_EQ(client.read_exactly(size), pattern(size));
    EXPECT_TRUE(server.journal.wait("drained"));
    server.on_connection([](Channel& channel) { EXPECT_EQ(channel.unsent(), 0U); });
}

TEST(SocketChannel, RefusesToQueueBeyondItsLimit) {
    TestServer server({.limits = {.unsent_bytes_max = 1000, .lone_bytes_max = 1000}});
    server.on_received = [](Channel& channel, Bytes) {
        EXPECT_TRUE(channel.send(as_bytes(pattern(600))));
        EXPECT_FALSE(channel.send(as_bytes(pattern(401))));
        EXPECT_TRUE(channel.send(as_bytes(pattern(400))));
        EXPECT_EQ(channel.unsent(), 1000U);
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    EXPECT_EQ(client.read_exactly(1000).size(), 1000U);
}

TEST(SocketChannel, TakesOneMessageBeyondItsLimitWhileNothingWaits) {
    TestServer server({.limits = {.unsent_bytes_max = 1000, .lone_bytes_max = 2000}});
    server.on_received = [](Channel& channel, Bytes) {
        EXPECT_FALSE(channel.send(as_bytes(pattern(2001))));
        EXPECT_TRUE(channel.send(as_bytes(pattern(2000))));
        EXPECT_FALSE(channel.send(as_bytes(pattern(1))));
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    EXPECT_EQ(client.read_exactly(2000).size(), 2000U);
}

TEST(SocketChannel, CountsWhatWaitsAmongTheUnsentOfTheHub) {
    UnsentTotal total;
    TestServer server({.limits = {.total = &total}});
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken"));
    server.on_connection([&total](Channel& channel) {
        channel.holds(3000);
        EXPECT_EQ(total.bytes.load(), 3000U);
        channel.holds(1000);
        EXPECT_EQ(total.bytes.load(), 1000U);
        EXPECT_TRUE(channel.send(as_bytes("what leaves at once does not count")));
    });
    server.turn();
    EXPECT_EQ(total.bytes.load(), 1000U);
    server.on_connection([](Channel& channel) { channel.abort(Errc::server_error); });
    EXPECT_TRUE(server.journal.wait(closed(Errc::server_error)));
    EXPECT_EQ(total.bytes.load(), 0U);
}

TEST(SocketChannel, CutsThoseWhoTookNothingForLongestWhenTooMuchWaitsForAll) {
    // A kernel takes some 4 MB of each, so that two may fit below the bound and three do not.
    constexpr std::size_t size = 8 * 1024 * 1024;
    UnsentTotal total{.bytes_max = size};
    TestServer server({.limits = {.unsent_bytes_max = size, .lone_bytes_max = size, .total = &total}});
    server.on_received = [](Channel& channel, Bytes) { EXPECT_TRUE(channel.send(as_bytes(pattern(size)))); };
    TestClient first(server.port(), {.receive_buffer = 8 * 1024});
    TestClient second(server.port(), {.receive_buffer = 8 * 1024});
    TestClient last(server.port(), {.receive_buffer = 128 * 1024});
    int times = 0;
    for (TestClient* client : {&first, &second, &last}) {
        ASSERT_TRUE(client->handshake());
        ASSERT_TRUE(client->write("?"));
        ASSERT_TRUE(server.journal.wait("received", ++times));
        server.turn();
        EXPECT_LE(total.bytes.load(), total.bytes_max);
    }
    EXPECT_GE(server.journal.count(cut_off), 1);
    EXPECT_EQ(static_cast<int>(total.cuts.load()), server.journal.count(cut_off));
    EXPECT_EQ(last.read_exactly(size), pattern(size));
    EXPECT_NE(first.read_exactly(size), pattern(size));
}

TEST(SocketChannel, KeepsNoMoreThanItsLimitForAPeerThatReadsSlowly) {
    constexpr std::size_t size = 8 * 1024 * 1024;
    constexpr std::size_t piece = 64 * 1024;
    UnsentTotal total;
    TestServer server({.limits = {.unsent_bytes_max = size, .lone_bytes_max = size, .total = &total}});
    server.on_received = [](Channel& channel, Bytes) { EXPECT_TRUE(channel.send(as_bytes(pattern(size)))); };
    TestClient client(server.port(), {.receive_buffer = 128 * 1024});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    ASSERT_TRUE(server.journal.wait("received"));
    std::string got;
    std::string expected = pattern(size);
    for (int i = 0; i < 200; ++i) {
        got += client.read_exactly(piece);
        server.on_connection([&](Channel& channel) {
            while (channel.send(as_bytes(std::string(piece, 'x')))) expected += std::string(piece, 'x');
            EXPECT_LE(channel.unsent(), size);
        });
    }
    got += client.read_exactly(expected.size() - got.size());
    EXPECT_EQ(got, expected);
}

TEST(SocketChannel, ClosesAtTheFirstByteThatIsNoTls) {
    TestServer::Options patient;
    patient.limits.unauthenticated_time_max = std::chrono::hours(1);  // It is not their time that ends them.
    TestServer server(patient);
    TestClient::Options plain;
    plain.tls = false;
    const std::string_view v2_hello("\x80\x2b\x01\x03\x01\x00\x20\x00\x00\x00\x10", 11);
    int count = 0;
    for (const std::string_view greeting :
         {std::string_view("G"), std::string_view("SSH-2.0-OpenSSH_9.2\r\n"), std::string_view("AMQP"),
          std::string_view("\x17\x03\x03"), v2_hello}) {
        TestClient stranger(server.port(), plain);
        ASSERT_TRUE(stranger.write_raw(greeting));
        EXPECT_TRUE(server.journal.wait(closed(Errc::tls_failed), ++count)) << greeting;
    }
}

TEST(SocketChannel, CutsOffAPeerThatStopsReading) {
    constexpr std::size_t size = 8 * 1024 * 1024;
    TestServer server({.limits = {.unsent_bytes_max = size}});
    server.on_received = [](Channel& channel, Bytes) { EXPECT_TRUE(channel.send(as_bytes(pattern(size)))); };
    TestClient client(server.port(), {.receive_buffer = 8 * 1024});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    ASSERT_TRUE(server.journal.wait("received"));
    // What the kernels still pass on counts as progress; then there is none.
    for (int i = 0; i < 1000 && server.journal.count(cut_off) == 0; ++i) {
        server.clock.skip(std::chrono::seconds(11));
        server.turn();
    }
    EXPECT_TRUE(server.journal.wait(cut_off));
}

TEST(SocketChannel, IsPatientWithAPeerThatReadsSlowly) {
    constexpr std::size_t size = 8 * 1024 * 1024;
    constexpr std::size_t piece = 256 * 1024;
    TestServer server({.limits = {.unsent_bytes_max = size}});
    server.on_received = [](Channel& channel, Bytes) { EXPECT_TRUE(channel.send(as_bytes(pattern(size)))); };
    TestClient client(server.port(), {.receive_buffer = 128 * 1024});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    ASSERT_TRUE(server.journal.wait("received"));
    // Whenever the server begins to watch, more is read before ten seconds are over.
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(client.read_exactly(piece).size(), piece);
        server.clock.skip(std::chrono::seconds(6));
        server.turn();
        EXPECT_EQ(server.journal.count(cut_off), 0);
    }
}

TEST(SocketChannel, StillAnswersAPeerThatWillSendNoMore) {
    TestServer server;
    server.on_received = [](Channel&, Bytes) {};
    server.on_ended = [](Channel& channel) {
        EXPECT_TRUE(channel.send(as_bytes("the answer")));
        channel.close();
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("question"));
    client.say_goodbye();
    client.finish_writing();
    EXPECT_EQ(client.read_to_end(), "the answer");
    EXPECT_TRUE(client.was_told_goodbye());
    EXPECT_TRUE(server.journal.wait(lost));
    EXPECT_EQ(server.journal.count("ended"), 1);
}

TEST(SocketChannel, NoticesAnEndThatCameTogetherWithData) {
    TestServer server;
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken"));
    // While the thread is held up, data and end arrive, and are reported as one.
    server.on_connection([&client](Channel&) {
        EXPECT_TRUE(client.write("last words"));
        client.finish_writing();
    });
    EXPECT_EQ(client.read_exactly(10), "last words");
    EXPECT_TRUE(server.journal.wait("ended"));
    EXPECT_TRUE(server.journal.wait(lost));
}

TEST(SocketChannel, SendsEverythingBeforeItCloses) {
    TestServer server({.limits = {.unsent_bytes_max = 4 * 1024 * 1024}});
    server.on_received = [](Channel& channel, Bytes) {
        EXPECT_TRUE(channel.send(as_bytes(pattern(3'000'000))));
        channel.close(Errc::server_busy);
        EXPECT_FALSE(channel.send(as_bytes("too late")));
    };
    TestClient client(server.port(), {.receive_buffer = 8 * 1024});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    ASSERT_TRUE(client.write("and more that nobody reads"));
    EXPECT_EQ(client.read_to_end(), pattern(3'000'000));
    EXPECT_TRUE(client.was_told_goodbye());
    client.finish_writing();
    EXPECT_TRUE(server.journal.wait(closed(Errc::server_busy)));
    EXPECT_EQ(server.journal.count("received"), 1);
}

TEST(SocketChannel, DoesNotWaitForAPeerThatNeverEnds) {
    TestServer server;
    server.on_received = [](Channel& channel, Bytes) { channel.close(); };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("?"));
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(server.journal.count(lost), 0);
    server.clock.skip(std::chrono::seconds(2));
    server.turn();
    EXPECT_TRUE(server.journal.wait(lost));
}

TEST(SocketChannel, MayBeAbortedInACallbackAndIsClosedOnce) {
    TestServer server;
    server.on_received = [](Channel& channel, Bytes) {
        channel.abort(Errc::malformed_packet);
        channel.abort(Errc::server_error);
        channel.close();
        EXPECT_FALSE(channel.send(as_bytes("too late")));
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    std::string records = client.encrypt("one");
    records += client.encrypt("two");
    ASSERT_TRUE(client.write_raw(records));
    EXPECT_TRUE(client.ends());
    EXPECT_TRUE(server.journal.wait(closed(Errc::malformed_packet)));
    EXPECT_EQ(server.journal.count("received"), 1);
    EXPECT_EQ(server.journal.count(closed(Errc::server_error)), 0);
    EXPECT_EQ(server.threads.connections(), 0U);
}

TEST(SocketChannel, ReadsLittleAtATimeFromAStranger) {
    constexpr std::size_t size = 40 * 1024;
    TestServer server({.tls = false});
    std::atomic<std::size_t> largest = 0;
    std::atomic<std::size_t> all = 0;
    server.on_received = [&](Channel&, Bytes bytes) {
        largest = std::max(largest.load(), bytes.size());
        all += bytes.size();
    };
    TestClient client(server.port(), {.tls = false});
    ASSERT_TRUE(client.write_raw(pattern(size)));
    for (int i = 1; all < size && i < 1000; ++i) ASSERT_TRUE(server.journal.wait("received", i));
    EXPECT_EQ(all, size);
    EXPECT_LE(largest, ChannelLimits().unauthenticated_read_max);
}

TEST(SocketChannel, CutsOffAPeerThatDoesNotAuthenticateInTenSeconds) {
    TestServer server;
    server.on_handshaken = [](Channel&) {};
    TestClient silent(server.port(), {.tls = false});
    TestClient shy(server.port());
    ASSERT_TRUE(shy.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken"));
    server.on_handshaken = [](Channel& channel) { channel.authenticated(); };
    TestClient honest(server.port());
    ASSERT_TRUE(honest.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken", 2));
    server.clock.skip(std::chrono::seconds(9));
    server.turn();
    ASSERT_TRUE(shy.write("echo"));
    EXPECT_EQ(shy.read_exactly(4), "echo");
    server.clock.skip(std::chrono::seconds(2));
    server.turn();
    EXPECT_TRUE(server.journal.wait(cut_off, 2));
    EXPECT_TRUE(silent.ends());
    EXPECT_TRUE(shy.ends());
    ASSERT_TRUE(honest.write("here"));
    EXPECT_EQ(honest.read_exactly(4), "here");
}

TEST(SocketChannel, CutsOffAnUnauthenticatedPeerAfter64Kb) {
    TestServer server;
    std::atomic<std::size_t> seen{0};
    server.on_handshaken = [](Channel&) {};
    server.on_received = [&seen](Channel&, Bytes bytes) { seen += bytes.size(); };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    for (int i = 0; i < 5; ++i) client.write(pattern(16'000));
    EXPECT_TRUE(client.ends());
    EXPECT_TRUE(server.journal.wait(cut_off));
    EXPECT_LE(seen.load(), 64U * 1024U);
    EXPECT_GE(seen.load(), 32U * 1024U);
}

TEST(SocketChannel, TakesManyMegabytesOnceAuthenticated) {
    TestServer server;
    std::atomic<std::size_t> seen{0};
    server.on_received = [&seen](Channel& channel, Bytes bytes) {
        seen += bytes.size();
        if (seen == 5'000'000) {
            EXPECT_TRUE(channel.send(as_bytes("all")));
        }
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write(pattern(5'000'000)));
    EXPECT_EQ(client.read_exactly(3), "all");
}

TEST(SocketChannel, HoldsBackWhatArrivesWhilePaused) {
    TestServer server;
    std::string seen;
    server.on_received = [&seen](Channel& channel, Bytes bytes) {
        seen += as_text(bytes);
        channel.pause_reading();
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken"));
    // Six records of 16 kB: more than one buffer, so that some stay encrypted when reading pauses.
    server.on_connection([&client](Channel&) { EXPECT_TRUE(client.write(pattern(90'000))); });
    ASSERT_TRUE(server.journal.wait("received"));
    int calls = 1;
    for (;;) {
        server.on_connection([](Channel&) {});
        server.on_connection([](Channel&) {});
        EXPECT_EQ(server.journal.count("received"), calls);
        std::size_t size = 0;
        server.on_connection([&](Channel& channel) {
            size = seen.size();
            if (size < 90'000) channel.resume_reading();
        });
        if (size >= 90'000) break;
        ASSERT_TRUE(server.journal.wait("received", ++calls));
    }
    EXPECT_GT(calls, 1);
    EXPECT_EQ(seen, pattern(90'000));
}

// So much that it comes in more pieces than there are threads, however fast it is sent.
TEST(SocketChannel, MovesToAnotherThreadWithoutLosingAByte) {
    TestServer server({.threads = 3});
    std::string seen;
    std::atomic<int> arrivals{0};
    server.on_received = [&](Channel& channel, Bytes bytes) {
        EXPECT_TRUE(channel.thread().is_current());
        seen += as_text(bytes);
        const std::uint32_t here = channel.thread().number();
        if (here != 2) {
            EXPECT_TRUE(channel.send(as_bytes("moving ")));
            IoThread& next = server.threads[here + 1];
            channel.move_to(next, [&channel, &next, &arrivals] {
                ++arrivals;
                EXPECT_TRUE(next.is_current());
                EXPECT_EQ(&channel.thread(), &next);
                EXPECT_TRUE(channel.send(as_bytes("arrived ")));
            });
        }
        if (seen.size() == 400'000) {
            EXPECT_TRUE(channel.send(as_bytes("done")));
        }
    };
    for (int i = 0; i < 20; ++i) {
        seen.clear();
        TestClient client(server.port());
        ASSERT_TRUE(client.handshake());
        ASSERT_TRUE(client.write(pattern(400'000)));
        std::string answer;
        // The last piece may come while the channel moves once more, whose "arrived" then follows.
        while (answer.find("done") == std::string::npos) {
            const std::string some = client.read();
            ASSERT_FALSE(some.empty());
            answer += some;
        }
        EXPECT_EQ(seen, pattern(400'000));
        ASSERT_TRUE(client.write("x"));
        client.finish_writing();
        client.read_to_end();
        ASSERT_TRUE(server.journal.wait(lost, i + 1));
    }
    EXPECT_EQ(server.threads.connections(), 0U);
    EXPECT_GT(arrivals.load(), 0);
}

TEST(SocketChannel, KeepsItsDeadlineWhenItMoves) {
    TestServer server({.threads = 2});
    server.on_handshaken = [&server](Channel& channel) {
        IoThread& other = server.threads[1 - channel.thread().number()];
        channel.move_to(other, [&server] { server.journal.add("arrived"); });
    };
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(server.journal.wait("arrived"));
    server.clock.skip(std::chrono::seconds(11));
    server.turn();
    EXPECT_TRUE(server.journal.wait(cut_off));
}

TEST(SocketChannel, TellsOfThePeersCertificateAndAcceptsAny) {
    const TempDir dir;
    const auto ca = TestCertificate::make("a CA");
    ca.save(dir.file("ca.pem"), dir.file("ca-key.pem"));
    const auto known = TestCertificate::make("device-1", TestCertificate::Kind::ecdsa, &ca);
    const auto unknown = TestCertificate::make("device-2", TestCertificate::Kind::rsa);
    TestServer server({.client_ca = dir.file("ca.pem")});
    server.on_handshaken = [](Channel& channel) {
        const PeerCertificate* peer = channel.peer_certificate();
        std::string text = "none";
        if (peer != nullptr) {
            text = peer->common_name + (peer->is_verified ? " verified " : " unverified ") + peer->sha1 +
                   " " + peer->sha256;
        }
        channel.authenticated();
        EXPECT_TRUE(channel.send(as_bytes(text)));
    };
    for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        TestClient bare(server.port(), {.version_max = version});
        ASSERT_TRUE(bare.handshake());
        EXPECT_EQ(bare.read(), "none");
        for (const auto* certificate : {&known, &unknown}) {
            std::array<unsigned char, 20> sha1{};
            X509_digest(certificate->certificate.get(), EVP_sha1(), sha1.data(), nullptr);
            std::string hex;
            for (const unsigned byte : sha1) {
                hex += "0123456789abcdef"[byte >> 4];
                hex += "0123456789abcdef"[byte & 15];
            }
            TestClient client(server.port(), {.version_max = version, .certificate = certificate});
            ASSERT_TRUE(client.handshake());
            const std::string start =
                (certificate == &known ? "device-1 verified " : "device-2 unverified ") + hex + " ";
            const std::string told = client.read();
            EXPECT_EQ(told.substr(0, start.size()), start);
            EXPECT_EQ(told.size(), start.size() + 64);
        }
    }
}

TEST(SocketChannel, SaysThatNothingFollowsAndGoesOnReading) {
    for (const bool tls : {true, false}) {
        TestServer server({.tls = tls});
        const std::string answer = pattern(200'000);
        server.on_received = [&](Channel& channel, Bytes bytes) {
            if (as_text(bytes) != "question") return server.journal.add(std::string(as_text(bytes)));
            EXPECT_TRUE(channel.send(as_bytes(answer)));
            static_cast<SocketChannel&>(channel).end_sending();
            EXPECT_FALSE(channel.send(as_bytes("too late")));
        };
        TestClient client(server.port(), {.tls = tls, .receive_buffer = 8 * 1024});
        ASSERT_TRUE(!tls || client.handshake());
        ASSERT_TRUE(client.write("question"));
        EXPECT_EQ(client.read_to_end(), answer);
        EXPECT_TRUE(!tls || client.was_told_goodbye());
        ASSERT_TRUE(client.write("thanks"));
        EXPECT_TRUE(server.journal.wait("thanks"));
        EXPECT_EQ(server.journal.count("ended"), 0);
        client.finish_writing();
        EXPECT_TRUE(server.journal.wait(lost));
    }
}

TEST(SocketChannel, SpeaksPlainlyWhereConfigured) {
    TestServer server({.tls = false});
    TestClient client(server.port(), {.tls = false});
    ASSERT_TRUE(client.write("plain"));
    EXPECT_EQ(client.read_exactly(5), "plain");
    client.finish_writing();
    EXPECT_TRUE(client.ends());
    EXPECT_TRUE(server.journal.wait(lost));
}

TEST(SocketChannel, IsToldWhenTheServerGoesDown) {
    TestServer server;
    TestClient client(server.port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(server.journal.wait("handshaken"));
    server.threads[0].post([&server] { server.threads[0].shut_down_connections(); });
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.was_told_goodbye());
    client.finish_writing();
    EXPECT_TRUE(server.journal.wait(lost));
}

}  // namespace
}  // namespace carillon::testing
