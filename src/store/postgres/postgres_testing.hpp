#pragma once

#include "store/postgres/cluster_tables.hpp"
#include "store/store_test_util.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace carillon {

/// A PostgreSQL server of this process's own: Debian's programs on a folder and a socket of their own, as an
/// unprivileged user. One serves all tests of a program; each makes the schema anew by `reset`.
class TestPostgres {
public:
    static TestPostgres& instance() {
        static TestPostgres server;
        return server;
    }

    /// For libpq.
    const std::string& conninfo() const { return conninfo_; }

    /// An empty cluster, all of whose fences `self` has claimed.
    struct Claimed {
        Incarnation self;
        std::vector<PgFence> fences;
    };
    Claimed reset() {
        if (run_sql("SELECT to_regclass('carillon.shard')").empty()) {
            run_sql("DROP SCHEMA IF EXISTS carillon CASCADE");
            check(ClusterTables::create(conninfo_, {}));
            return claim("n1");
        }
        // Quicker than making all tables anew.
        std::string sql =
            "SET search_path = carillon; DELETE FROM lane; DELETE FROM node; "
            "DELETE FROM shard; INSERT INTO shard SELECT n, '-', 0, 0, 0 FROM generate_series(0, 31) n;";
        for (const char* table : table_names) sql += "DELETE FROM kv_" + std::string(table) + ";";
        run_sql(sql);
        return claim("n1");
    }
    /// As programs of format 2 have made the tables, all of whose lanes `self` has claimed.
    Claimed reset_to_lanes() {
        reset();
        run_sql(
            "SET search_path = carillon; DROP TABLE shard; INSERT INTO lane SELECT n, '-', 0, 0, 0 FROM "
            "generate_series(0, 7) n; UPDATE setting SET value = '2' WHERE name = 'format'");
        return claim("n1");
    }
    /// As a node that starts: whoever owned the fences is dead.
    Claimed claim(const std::string& node) {
        run_sql("UPDATE carillon.node SET state = 'dead'");
        auto tables = ClusterTables::open(conninfo_, "carillon/test");
        check(tables);
        auto self = (*tables)->join(node, {});
        check(self);
        auto fences = (*tables)->claim(*self, {});
        check(fences);
        return {*self, *fences};
    }
    static PgStoreOptions options(const Claimed& claimed, const std::string& conninfo) {
        PgStoreOptions options;
        options.conninfo = conninfo;
        options.node = claimed.self.node;
        options.incarnation = claimed.self.number;
        options.fences = claimed.fences;
        return options;
    }

    /// The first column of the first row; empty if there is none.
    std::string run_sql(const std::string& sql) {
        if (!session_) {
            auto opened = PgConnection::open(conninfo_, "test");
            check(opened);
            session_ = *std::move(opened);
        }
        auto rows = session_->run_script(sql);
        if (!rows) std::cerr << sql << ": " << rows.error().reason << "\n";
        if (!rows) std::abort();
        return rows->is_empty() ? "" : std::string(rows->text(0, 0));
    }
    /// As if the machine had lost power, without waiting for anything to finish.
    void stop_at_once() {
        session_.reset();
        ::kill(server_, SIGQUIT);
        ::waitpid(server_, nullptr, 0);
    }
    void start() {
        server_ = begin("postgres", {"-D", data(), "-c", "listen_addresses=", "-c",
                                     "unix_socket_directories=" + folder_.path().string(), "-c", "fsync=off",
                                     "-c", "shared_buffers=32MB", "-c", "max_connections=60"});
        for (int tries = 0; tries < 400; ++tries) {
            if (PgConnection::open(conninfo_, "test")) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
        give_up("postgres");
    }

private:
    TestPostgres() {
        namespace fs = std::filesystem;
        for (const auto& version : fs::directory_iterator("/usr/lib/postgresql")) {
            const fs::path found = version.path() / "bin";
            if (fs::exists(found / "initdb")) programs_ = std::max(programs_, found.string());
        }
        if (::geteuid() == 0) {
            const passwd* nobody = ::getpwnam("nobody");
            user_ = nobody->pw_uid;
            group_ = nobody->pw_gid;
            [[maybe_unused]] const int changed = ::chown(folder_.path().c_str(), user_, group_);
        }
        conninfo_ = "host=" + folder_.path().string() + " dbname=postgres user=hub";
        run("initdb", {"-D", data(), "-U", "hub", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"});
        start();
    }
    ~TestPostgres() { stop_at_once(); }

    std::string data() const { return (folder_.path() / "data").string(); }

    template <class T>
    static void check(const Result<T>& result) {
        if (result) return;
        std::cerr << result.error().detail << "\n";
        std::abort();
    }

    /// A process that does not outlive this one.
    pid_t begin(const std::string& program, const std::vector<std::string>& words) const {
        const pid_t child = ::fork();
        if (child != 0) return child;
        const int log = ::open((folder_.path() / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
        ::dup2(log, 1);
        ::dup2(log, 2);
        if (user_ != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
            ::_exit(126);
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        const std::string path = programs_ + "/" + program;
        std::vector<char*> arguments{const_cast<char*>(path.c_str())};
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        [[maybe_unused]] const int moved = ::chdir(folder_.path().c_str());
        ::execv(path.c_str(), arguments.data());
        ::_exit(127);
    }
    void run(const std::string& program, const std::vector<std::string>& words) const {
        int status = 0;
        ::waitpid(begin(program, words), &status, 0);
        if (status != 0) give_up(program);
    }
    [[noreturn]] void give_up(const std::string& program) const {
        std::ifstream log(folder_.path() / "log");
        std::cerr << program << " failed: " << log.rdbuf() << "\n";
        std::abort();
    }

    TestFolder folder_;
    std::string programs_;
    std::string conninfo_;
    uid_t user_ = 0;
    gid_t group_ = 0;
    pid_t server_ = 0;
    std::unique_ptr<PgConnection> session_;
};

}  // namespace carillon
