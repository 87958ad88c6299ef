// carillon backup: a whole hub into an archive, while it runs, and back into an empty directory.

#include "base/json.hpp"
#include "base/text.hpp"
#include "hub_flags.hpp"
#include "row_printer.hpp"
#include "server/backup/backup_check.hpp"
#include "server/backup/backup_reader.hpp"
#include "server/backup/backup_restore.hpp"
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
#include <map>
#include <vector>

namespace carillon {

namespace {

constexpr std::chrono::milliseconds between_progress_lines{200};
constexpr std::size_t read_bytes = 256 * 1024;
/// Archives beside another of which the front is looked at.
constexpr std::size_t archives_beside_max = 10'000;

struct BackupArgs {
    HubFlags hub;
    std::string archive;
    std::string since;
    std::vector<std::string> others;
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
            return fail(Errc::config_invalid,
                        "an archive cannot be printed on a terminal: name a file, or use a pipe");
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
    return fmt::format("{} of {}, {} files of the store with {} bytes{}, made by {}", head.host_name,
                       head.created, with_thousands(head.files), with_thousands(head.bytes),
                       head.since.empty() ? "" : " since the backup that it builds on", head.program);
}

/// Reads an archive piece by piece until `take` has enough.
Result<> read_pieces(const std::string& archive, const std::function<Result<bool>(std::string_view)>& take) {
    const bool is_input = archive == "-";
    const int descriptor = is_input ? STDIN_FILENO : ::open(archive.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        const Errc code = errno == ENOENT ? Errc::not_found_locally : Errc::io_failed;
        return fail(code, archive + ": " + std::strerror(errno));
    }
    std::string buffer(read_bytes, '\0');
    Result<> done;
    for (bool goes_on = true; done && goes_on;) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got == 0) break;
        if (got < 0 && errno != EINTR) done = refused(archive);
        if (got <= 0) continue;
        auto taken = take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        if (!taken) {
            done = fail(std::move(taken).error());
        } else {
            goes_on = *taken;
        }
    }
    if (!is_input) ::close(descriptor);
    return done;
}

/// What stands at the front of an archive: its head, and the list of its files.
struct Front {
    BackupHead head;
    std::string files_text;  ///< Empty in archives of older programs.
};

/// Nothing behind the front is looked at.
Result<Front> read_front(const std::string& archive) {
    /// Ends the reading at the first member behind the list.
    class Stop final : public BackupSink {
    public:
        Result<> begin(const std::string&, std::uint64_t) override {
            is_over = true;
            return {};
        }
        Result<> write(std::string_view) override { return {}; }
        Result<> end() override { return {}; }
        bool is_over = false;
    } stop;
    BackupCheck check(&stop);
    BackupReader reader(&check);
    auto read = read_pieces(archive, [&](std::string_view piece) -> Result<bool> {
        // In blocks, so that nothing behind the first file is judged.
        while (!piece.empty() && !stop.is_over) {
            const std::string_view part = piece.substr(0, tar_block_bytes);
            if (auto done = reader.read(part); !done) return fail(std::move(done).error());
            piece.remove_prefix(part.size());
        }
        return !stop.is_over;
    });
    if (!read) return fail(std::move(read).error());
    auto head = reader.head();
    if (!head) return fail(std::move(head).error());
    return Front{*std::move(head), check.files_text()};
}

/// What the hub must know of the archive that the next one builds on.
Result<std::string> files_since(const std::string& archive) {
    if (archive == "-") return fail(Errc::config_invalid, "--since names a file");
    auto front = read_front(archive);
    if (!front) return fail(front.error().code, archive + ": " + front.error().detail);
    if (front->files_text.empty() || !is_backup_id(front->head.id)) {
        return fail(Errc::config_invalid,
                    archive + " was made by an older program, and none can build on it: make a whole one");
    }
    if (auto parsed = parse_backup_files(front->files_text); !parsed) {
        return fail(parsed.error().code, archive + ": " + parsed.error().detail);
    }
    return std::move(front->files_text);
}

Result<Exit> create(const BackupArgs& args) {
    std::string since;
    if (!args.since.empty()) {
        auto files = files_since(args.since);
        if (!files) return fail(std::move(files).error());
        since = *std::move(files);
    }
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    ArchiveOut out;
    if (auto opened = out.open(args.archive, client->host_name()); !opened)
        return fail(std::move(opened).error());
    BackupCheck check;
    BackupReader reader(&check);
    ProgressLine progress;
    const auto take = [&](std::string_view piece) -> Result<> {
        if (auto read = reader.read(piece); !read) return read;
        progress.at(reader.bytes_read());
        return out.write(piece);
    };
    auto taken = client->download_backup(take, since);
    progress.clear();
    const Errc code = taken ? Errc{} : taken.error().code;
    // A hub that knows backups and makes none says why itself.
    const bool is_unknown = http_status(code) == 404 && code != Errc::feature_not_supported;
    if (!taken && (is_unknown || code == Errc::generic_method_not_allowed)) {
        return fail(
            Errc::feature_not_supported,
            since.empty()
                ? "this hub cannot make backups: it is not Carillon, or an older version"
                : "this hub cannot make incremental backups: it is not Carillon, or an older version");
    }
    if (!taken) return fail(std::move(taken).error());
    const auto head = reader.finish();
    if (!head) return fail(head.error());
    if (auto whole = check.finish(*head); !whole) return fail(std::move(whole).error());
    if (auto finished = out.finish(); !finished) return fail(std::move(finished).error());
    std::cerr << "backup of " << summary(*head) << "\nwritten to " << out.shown() << " ("
              << with_thousands(reader.bytes_read())
              << " bytes). It holds every key of the hub: keep it as safe as "
                 "these.\n";
    if (!check.elsewhere().empty()) {
        std::cerr << "To restore it takes " << args.since << " too, and what that builds on.\n";
    }
    return Exit::ok;
}

/// Gives the archive to `reader`, to its last byte.
Result<BackupHead> read_archive(const std::string& archive, BackupReader& reader) {
    ProgressLine progress;
    auto done = read_pieces(archive, [&](std::string_view piece) -> Result<bool> {
        if (auto read = reader.read(piece); !read) return fail(std::move(read).error());
        progress.at(reader.bytes_read());
        return true;
    });
    progress.clear();
    if (!done) return fail(std::move(done).error());
    return reader.finish();
}

/// Where archives lie, by id: those that are named, and the `.tar` files beside the one that is read.
std::map<std::string, std::string> find_archives(const BackupArgs& args) {
    std::vector<std::string> places = args.others;
    std::error_code ignored;
    if (args.archive != "-") {
        auto folder = std::filesystem::path(args.archive).parent_path();
        if (folder.empty()) folder = ".";
        for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
            const bool is_archive = entry.path().extension() == ".tar" && entry.is_regular_file(ignored);
            if (is_archive && places.size() < archives_beside_max) places.push_back(entry.path().string());
        }
    }
    std::map<std::string, std::string> found;
    for (const std::string& place : places) {
        // What is no backup is of no interest here.
        if (const auto front = read_front(place); front && is_backup_id(front->head.id))
            found.emplace(front->head.id, place);
    }
    return found;
}

/// Reads what `check` found to lie in other archives, each of them to its last byte.
Result<> read_bases(const BackupArgs& args, const BackupCheck& check, BackupSink* below) {
    if (check.elsewhere().empty()) return {};
    const auto places = find_archives(args);
    for (const auto& [id, files] : check.elsewhere()) {
        const auto place = places.find(id);
        if (place == places.end()) {
            return fail(Errc::store_corrupt,
                        fmt::format("{} builds on the backup {}, which is not beside it: name that by --with",
                                    args.archive, id));
        }
        BackupPick pick(files, below);
        BackupReader reader(&pick);
        const auto head = read_archive(place->second, reader);
        Result<> done = head ? pick.finish() : Result<>(fail(head.error()));
        if (done && head->id != id) done = fail(Errc::store_corrupt, "it is another backup now");
        if (!done) return fail(done.error().code, place->second + ": " + done.error().detail);
    }
    return {};
}

/// Reads a backup with all that it builds on.
Result<BackupHead> read_backup(const BackupArgs& args, BackupSink* below) {
    BackupCheck check(below);
    BackupReader reader(&check);
    auto head = read_archive(args.archive, reader);
    if (!head) return head;
    if (auto whole = check.finish(*head); !whole) return fail(std::move(whole).error());
    if (auto bases = read_bases(args, check, below); !bases) return fail(std::move(bases).error());
    return head;
}

Result<Exit> verify(const BackupArgs& args) {
    const auto head = read_backup(args, nullptr);
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
    const auto head = read_backup(args, &*into);
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
    verb.add_option("--with", args.others,
                    "An archive that it builds on; repeatable. The .tar files beside it are found")
        ->type_name("FILE")
        ->allow_extra_args(false);
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
    create_verb
        .add_option(
            "--since", args->since,
            "An earlier backup of this hub; what lies in it, or in those that it builds on, is left out")
        ->type_name("FILE");
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
        .add_option("--data-dir", args->data_dir,
                    "Directory to restore into; empty or not there yet (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    restore_verb.footer(
        "Checks the archive while it reads it; of a damaged one nothing is left. Until the end the directory "
        "is none\n"
        "that a hub starts on.");
    on_chosen(restore_verb, args, restore, exit_code);
}

}  // namespace carillon
