// carillon device import: a fleet from a file, or from a blob container.

#include "base/json.hpp"
#include "base/text.hpp"
#include "device_transfer.hpp"
#include "device_transfer_job.hpp"
#include "entry_lines.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "terminal.hpp"
#include "text_input.hpp"

#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

namespace carillon {

namespace {

constexpr std::string_view import_name = "devices.txt";
constexpr std::size_t line_bytes_max = 1024 * 1024;
/// Refused lines told one by one; a file takes them all.
constexpr std::size_t told_max = 20;
/// A hub that throttles is asked again, after pauses that double.
constexpr int attempts_max = 10;
constexpr std::chrono::seconds first_pause{1};
constexpr std::chrono::seconds pause_max{30};
constexpr std::chrono::milliseconds between_import_shows{200};

struct ImportArgs {
    HubFlags hub;
    std::string source;
    std::string mode;
    std::string errors_file;
    std::string errors_container;
    std::string blob_name;
    std::uint64_t start_line = 1;
    bool waits_not = false;
};

/// Where the lines come from, line by line.
class Source {
public:
    /// Fails with `not_found_locally`.
    Result<> open(const std::string& name) {
        name_ = name == "-" ? "standard input" : name;
        if (name == "-") {
            in_ = &std::cin;
            return {};
        }
        std::error_code ignored;
        const bool is_directory = std::filesystem::is_directory(name, ignored);
        const std::filesystem::path path =
            is_directory ? std::filesystem::path(name) / import_name : std::filesystem::path(name);
        file_.open(path, std::ios::binary);
        if (!file_) return fail(Errc::not_found_locally, path.string() + ": " + std::strerror(errno));
        const auto size = std::filesystem::file_size(path, ignored);
        if (!ignored) size_ = size;
        in_ = &file_;
        return {};
    }
    /// False at the end. Fails with `config_invalid` for text that is not UTF-8.
    Result<bool> next(std::string& line) {
        if (!std::getline(*in_, line)) return false;
        bytes_ += line.size() + 1;
        ++line_;
        if (line.ends_with('\r')) line.pop_back();
        if (line_ == 1) {
            const auto text = without_byte_order_mark(line);
            if (!text) return fail_usage(name_ + ": " + text.error().detail);
            line = std::string(*text);
        }
        return true;
    }
    std::uint64_t line() const { return line_; }
    std::optional<int> percent() const {
        if (size_ == 0) return std::nullopt;
        return static_cast<int>(static_cast<double>(bytes_) / static_cast<double>(size_) * 100);
    }

private:
    std::string name_;
    std::ifstream file_;
    std::istream* in_ = nullptr;
    std::uint64_t size_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t line_ = 0;
};

/// Refused lines: the first few told, all of them written to a file if one is named.
class Refusals {
public:
    Result<> open(const std::string& file) {
        if (file.empty()) return {};
        out_.open(file, std::ios::binary | std::ios::trunc);
        if (!out_) return fail(Errc::io_failed, file + ": " + std::strerror(errno));
        return {};
    }
    void add(const RefusedLine& refused, StatusLine& status) {
        ++count_;
        if (out_.is_open()) {
            out_ << refused.json << '\n';
        } else if (count_ <= told_max) {
            status.clear();
            std::fprintf(stderr, "%s\n", refused.json.c_str());  // No talk: not even --quiet hides it.
        }
    }
    std::uint64_t count() const { return count_; }
    void finish() {
        if (out_.is_open()) {
            out_.close();
        } else if (count_ > told_max) {
            std::cerr << "and " << count_ - told_max << " more; --errors FILE keeps them all\n";
        }
    }

private:
    std::ofstream out_;
    std::uint64_t count_ = 0;
};

/// Sends a batch, again while the hub throttles: such a request has done nothing.
Result<std::string> send(ServiceClient& client, const EntryBatch& batch) {
    auto pause = first_pause;
    for (int attempt = 1;; ++attempt) {
        auto answer = client.bulk_devices(batch.body());
        if (answer || attempt == attempts_max || http_status(answer.error().code) != 429) return answer;
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, pause_max);
    }
}

/// An import from a file, over HTTPS.
class FileImport {
public:
    explicit FileImport(const ImportArgs& args) : args_(args), batch_(args.mode) {}

    Result<Exit> run() {
        if (auto opened = source_.open(args_.source); !opened) return fail(std::move(opened).error());
        if (auto opened = refusals_.open(args_.errors_file); !opened) return fail(std::move(opened).error());
        auto client = open_hub(args_.hub);
        if (!client) return fail(std::move(client).error());
        client_ = &*client;
        std::string line;
        for (;;) {
            const auto is_there = source_.next(line);
            if (!is_there) return fail(is_there.error());
            if (!*is_there) break;
            if (source_.line() < args_.start_line) continue;
            if (auto taken = take(line); !taken) return fail(std::move(taken).error());
        }
        if (auto flushed = flush(); !flushed) return fail(std::move(flushed).error());
        status_.clear();
        refusals_.finish();
        std::string summary;
        JsonWriter(summary)
            .begin_object()
            .member("lineCount", lines_)
            .member("appliedCount", lines_ - refusals_.count())
            .member("errorCount", refusals_.count())
            .end_object();
        show_document(args_.hub, summary);
        return refusals_.count() > 0 ? Exit::devices_failed : Exit::ok;
    }

private:
    Result<> take(const std::string& line) {
        const std::size_t content = line.find_first_not_of(" \t");
        if (content == std::string::npos) return {};
        if (source_.line() == 1 && line[content] != '{') {
            // The service heads exports without keys by a warning.
            std::cerr << "the first line is not a JSON object and is skipped\n";
            return {};
        }
        ++lines_;
        RefusedLine refused;
        if (line.size() > line_bytes_max) {
            const Error error{Errc::argument_invalid, "A line takes at most 1 MiB."};
            refused = {source_.line(), import_error_json({}, error, source_.line())};
            refusals_.add(refused, status_);
            return {};
        }
        auto added = batch_.add(line, source_.line(), refused);
        if (added == EntryBatch::Added::full) {
            if (auto flushed = flush(); !flushed) return flushed;
            added = batch_.add(line, source_.line(), refused);
        }
        if (added == EntryBatch::Added::refused) refusals_.add(refused, status_);
        return {};
    }

    Result<> flush() {
        if (batch_.is_empty()) return {};
        auto answer = send(*client_, batch_);
        if (!answer) {
            status_.clear();
            std::cerr
                << "stopped at lines " << batch_.first_line() << " to " << batch_.last_line()
                << ": what became of them is not known, all before them is done.\nTo go on: --start-line "
                << batch_.first_line() << ", with --mode createOrUpdate if they only create\n";
            return fail(std::move(answer).error());
        }
        const auto refused = batch_.read_answer(*answer);
        if (!refused) return fail(refused.error());
        for (const RefusedLine& one : *refused) refusals_.add(one, status_);
        batch_.clear();
        const auto now = std::chrono::steady_clock::now();
        if (now - shown_ < between_import_shows) return {};
        shown_ = now;
        const std::chrono::duration<double> elapsed = now - began_;
        status_.show(transfer_progress_line(lines_, refusals_.count(), elapsed.count(), source_.percent()));
        return {};
    }

    const ImportArgs& args_;
    EntryBatch batch_;
    Source source_;
    StatusLine status_;
    Refusals refusals_;
    ServiceClient* client_ = nullptr;
    std::uint64_t lines_ = 0;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_{};
};

Result<Exit> import_by_job(const ImportArgs& args) {
    if (!args.mode.empty() || !args.errors_file.empty() || args.start_line > 1) {
        return fail_usage("--mode, --errors and --start-line are for imports from a file");
    }
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string request;
    JsonWriter out(request);
    out.begin_object().member("type", "import").member("inputBlobContainerUri", args.source);
    out.member("outputBlobContainerUri", args.errors_container.empty() ? args.source : args.errors_container);
    if (!args.blob_name.empty()) out.member("inputBlobName", args.blob_name);
    out.end_object();
    return run_transfer_job(args.hub, *client, request, !args.waits_not);
}

Result<Exit> import(const ImportArgs& args) {
    if (!args.mode.empty() && !is_import_mode(args.mode)) {
        return fail_usage("`" + args.mode +
                          "` is not an import mode: create, update, createOrUpdate, delete, updateTwin, "
                          "or one of these with IfMatchETag");
    }
    if (is_container_uri(args.source)) return import_by_job(args);
    return FileImport(args).run();
}

}  // namespace

void add_device_import(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<ImportArgs>();
    auto& verb =
        *group.add_subcommand("import", "Create, change or delete devices by the lines of a devices.txt");
    add_hub_flags(verb, args->hub);
    verb.add_option("source", args->source,
                    "A file, a directory with devices.txt in it, - for standard input, or the URI of a blob "
                    "container, from which the hub itself reads")
        ->required()
        ->type_name("FILE|DIR|URI");
    verb.add_option(
        "--mode", args->mode,
        "What to do with every line, in place of its own importMode [createOrUpdate where it has none]");
    verb.add_option("--errors", args->errors_file,
                    "Write all rejected lines to this file [the first 20 are printed]")
        ->type_name("FILE");
    verb.add_option("--start-line", args->start_line, "Begin with this line of the file [1]")
        ->check(at_least_one())
        ->type_name("N");
    verb.add_option("--output-uri,--obcu", args->errors_container,
                    "Container for importErrors.log, where the source is one [the same]")
        ->type_name("URI");
    verb.add_option("--input-blob", args->blob_name, "Name of the blob in the container [devices.txt]");
    verb.add_flag("--no-wait", args->waits_not, "Do not follow the job that reads a container");
    on_chosen(verb, args, import, exit_code);
}

}  // namespace carillon
