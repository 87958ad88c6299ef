// carillon backup: a whole hub into an archive, while it runs, and back into an empty directory.

#include "base/json.hpp"
#include "base/text.hpp"
#include "hub_flags.hpp"
#include "row_printer.hpp"
#include "server/backup_reader.hpp"
#include "server/backup_restore.hpp"
#include "terminal.hpp"
#include "terminal_text.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>

namespace carillon {

namespace {

constexpr std::chrono::milliseconds between_progress_lines{200};
constexpr std::size_t read_bytes = 256 * 1024;

struct BackupArgs {
    HubFlags hub;
    std::string archive;
    std::string data_dir = "carillon-data";
    Format format = Format::automatic;
};

tl::unexpected<Error> refused(const std::string& path) {
    return fail(Errc::io_failed, path + ": " + std::strerror(errno));
}

/// `carillon-backup-hub.localhost-20261129T101500Z.tar`
std::string backup_name(const std::string& host_name) {
    std::string time = to_iso8601(SystemClock().wall_now());
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    return fmt::format("carillon-backup-{}-{}Z.tar", host_name, time.substr(0, time.find_first_of(".Z")));
}

/// Where an archive goes: a file that appears when it is whole, for its owner only; or standard output.
class ArchiveOut {
public:
    Result<> open(const std::string& target, const std::string& host_name) {
        if (target == "-") {
            if (::isatty(STDOUT_FILENO) == 0) return {};
            return fail(Errc::config_invalid, "an archive is not for a terminal: name a file, or use a pipe");
        }
        std::error_code ignored;
        path_ = target;
        if (std::filesystem::is_directory(path_, ignored)) path_ /= backup_name(host_name);
        if (std::filesystem::exists(path_, ignored)) {
            return fail(Errc::config_invalid, path_.string() + " is there already: name another file");
        }
        part_ = path_.string() + ".part";
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        return descriptor_ < 0 ? Result<>(refused(part_.string())) : Result<>();
    }
    ~ArchiveOut() {
        if (part_.empty()) return;
        ::close(descriptor_);
        std::error_code ignored;
        std::filesystem::remove(part_, ignored);
    }
    Result<> write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno != EINTR) return refused(shown());
            if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return {};
    }
    Result<> finish() {
        if (path_.empty()) return {};
        if (::fsync(descriptor_) != 0) return refused(part_.string());
        std::error_code error;
        std::filesystem::rename(part_, path_, error);
        if (error) return fail(Errc::io_failed, path_.string() + ": " + error.message());
        ::close(descriptor_);
        part_.clear();
        return {};
    }
    std::string shown() const { return path_.empty() ? "standard output" : path_.string(); }

private:
    std::filesystem::path path_;
    std::filesystem::path part_;
    int descriptor_ = STDOUT_FILENO;
};

/// How far it is, on a terminal.
class ProgressLine {
public:
    void at(std::uint64_t bytes) {
        const auto now = std::chrono::steady_clock::now();
        if (now - shown_ < between_progress_lines) return;
        shown_ = now;
        line_.show(with_thousands(bytes) + " bytes");
    }
    void clear() { line_.clear(); }

private:
    StatusLine line_;
    std::chrono::steady_clock::time_point shown_{};
};

std::string summary(const BackupHead& head) {
    return fmt::format("{} of {}, {} files of the store with {} bytes, made by {}", head.host_name,
                       head.created, with_thousands(head.files), with_thousands(head.bytes), head.program);
}

Result<Exit> create(const BackupArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    ArchiveOut out;
    if (auto opened = out.open(args.archive, client->host_name()); !opened)
        return fail(std::move(opened).error());
    BackupReader reader;
    ProgressLine progress;
    auto taken = client->download_backup([&](std::string_view piece) -> Result<> {
        if (auto read = reader.read(piece); !read) return read;
        progress.at(reader.bytes_read());
        return out.write(piece);
    });
    progress.clear();
    if (!taken && http_status(taken.error().code) == 404) {
        return fail(Errc::feature_not_supported,
                    "this hub makes no backups: it is no Carillon, or an older one");
    }
    if (!taken) return fail(std::move(taken).error());
    const auto head = reader.finish();
    if (!head) return fail(head.error());
    if (auto finished = out.finish(); !finished) return fail(std::move(finished).error());
    std::cerr << "backup of " << summary(*head) << "\nwritten to " << out.shown() << " ("
              << with_thousands(reader.bytes_read())
              << " bytes). It holds every key of the hub: keep it as safe as "
                 "these.\n";
    return Exit::ok;
}

/// Gives the archive to `reader`, to its last byte.
Result<BackupHead> read_archive(const std::string& archive, BackupReader& reader) {
    const bool is_input = archive == "-";
    const int descriptor = is_input ? STDIN_FILENO : ::open(archive.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        const Errc code = errno == ENOENT ? Errc::not_found_locally : Errc::io_failed;
        return fail(code, archive + ": " + std::strerror(errno));
    }
    ProgressLine progress;
    std::string buffer(read_bytes, '\0');
    Result<> done;
    while (done) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got == 0) break;
        if (got < 0 && errno != EINTR) done = refused(archive);
        if (got > 0) done = reader.read(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        progress.at(reader.bytes_read());
    }
    if (!is_input) ::close(descriptor);
    progress.clear();
    if (!done) return fail(std::move(done).error());
    return reader.finish();
}

Result<Exit> verify(const BackupArgs& args) {
    BackupReader reader;
    const auto head = read_archive(args.archive, reader);
    if (!head) return fail(head.error());
    if (args.format == Format::automatic) {
        std::cout << "sound: " << summary(*head) << '\n';
    } else {
        print_document(std::cout, args.format, to_json(*head), standard_table_width());
    }
    return Exit::ok;
}

Result<Exit> restore(const BackupArgs& args) {
    auto into = BackupRestore::into(args.data_dir);
    if (!into) {
        const bool is_full = into.error().code == Errc::argument_invalid;
        return fail(is_full ? Errc::config_invalid : into.error().code, into.error().detail);
    }
    BackupReader reader(&*into);
    const auto head = read_archive(args.archive, reader);
    if (!head) {
        return fail(head.error().code, head.error().detail + ".\nNothing was restored into " + args.data_dir);
    }
    if (auto finished = into->finish(); !finished) return fail(std::move(finished).error());
    std::cerr
        << "restored " << summary(*head) << "\ninto " << args.data_dir
        << ". What the hub acknowledged later is not in it. Jobs that ran then go on when it starts, and may "
           "call\ndevices again that were called after the backup; docs/backup.md says more.\n";
    return Exit::ok;
}

void add_archive_argument(CLI::App& verb, BackupArgs& args) {
    verb.add_option("archive", args.archive, "A file, or - for standard input")
        ->required()
        ->type_name("FILE");
}

}  // namespace

void add_backup(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("backup", "Back a hub up while it runs, check and restore backups");
    group.require_subcommand(1);
    auto args = std::make_shared<BackupArgs>();
    auto& create_verb =
        *group.add_subcommand("create", "Write all that the hub has to an archive, while it runs");
    add_hub_flags(create_verb, args->hub);
    create_verb
        .add_option("target", args->archive,
                    "A file, a directory for carillon-backup-HOST-TIME.tar, or - for standard output")
        ->required()
        ->type_name("FILE|DIR");
    create_verb.footer(
        "Needs a policy with all rights, as the archive holds every key of the hub. It is checked while it "
        "is written,\n"
        "and appears when it is whole.");
    on_chosen(create_verb, args, create, exit_code);

    args = std::make_shared<BackupArgs>();
    auto& verify_verb =
        *group.add_subcommand("verify", "Read a backup to its last byte, and say whether it is sound");
    add_archive_argument(verify_verb, *args);
    add_output_flag(verify_verb, args->format, "table, json, ndjson, csv, tsv or yaml [a sentence]");
    verify_verb.footer("Exit code 10 if something is damaged or missing.");
    on_chosen(verify_verb, args, verify, exit_code);

    args = std::make_shared<BackupArgs>();
    auto& restore_verb =
        *group.add_subcommand("restore", "Put a backup into an empty directory, for a hub to start on");
    add_archive_argument(restore_verb, *args);
    restore_verb
        .add_option("--data-dir", args->data_dir, "Where to; empty, or not there yet (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    restore_verb.footer(
        "Checks the archive while it reads it; of a damaged one nothing is left. Until the end the directory "
        "is none\n"
        "that a hub starts on.");
    on_chosen(restore_verb, args, restore, exit_code);
}

}  // namespace carillon
