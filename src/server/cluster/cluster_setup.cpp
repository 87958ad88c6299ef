#include "server/cluster/cluster_setup.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/certificates/certificates.hpp"
#include "server/cluster/cluster_settings.hpp"
#include "server/hub_store.hpp"
#include "server/private_file.hpp"
#include "store/postgres/pg_store.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

namespace carillon {
namespace {

namespace fs = std::filesystem;

constexpr const char* node_file = "cluster.json";
constexpr std::array authority_files{"ca.pem", "ca-key.pem"};
constexpr std::size_t import_batch_bytes = 4UL * 1024 * 1024;

std::string boot_id() {
    auto text = read_file("/proc/sys/kernel/random/boot_id");
    return text ? std::string(trimmed(*text)) : "";
}

std::uint64_t lock_inode(const fs::path& data_dir) {
    struct stat found {};
    return ::stat((data_dir / "lock").c_str(), &found) == 0 ? found.st_ino : 0;
}

Result<> write_node_file(const fs::path& data_dir, const NodeFile& file) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("cluster", file.cluster).member("node", file.node);
    if (file.started) {
        json.member("incarnation", file.started->number)
            .member("bootId", file.boot_id)
            .member("lockInode", file.lock_inode);
    }
    json.end_object();
    text += '\n';
    return write_file(data_dir / node_file, text, Readable::by_owner);
}

/// A folder that goes with the object.
class PassingFolder {
public:
    PassingFolder() {
        std::string name = (fs::temp_directory_path() / "carillon-init-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~PassingFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    PassingFolder(const PassingFolder&) = delete;
    PassingFolder& operator=(const PassingFolder&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

Result<std::map<std::string, std::string>> read_authority(const fs::path& dir) {
    std::map<std::string, std::string> files;
    for (const char* name : authority_files) {
        auto text = read_file(dir / name);
        if (!text) return fail(std::move(text).error());
        files[name] = *std::move(text);
    }
    return files;
}

Result<> empty_tables(ClusterTables& tables) {
    std::string sql = "TRUNCATE ";
    for (const char* table : table_names) sql += (sql.back() == ' ' ? "kv_" : ", kv_") + std::string(table);
    if (auto done = tables.connection().run_script(sql); !done) {
        return fail(Errc::store_failed, "PostgreSQL: " + done.error().reason);
    }
    return {};
}

/// Copies one table; `counts` grows.
Result<> copy_table(const Store& from, Store& to, Table table, ImportCounts& counts,
                    const std::function<void(const ImportCounts&)>& tell) {
    Batch batch;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        ++counts.rows;
        counts.bytes += key.size() + value.size();
        batch.put(table, std::string(key), std::string(value));
        if (batch.bytes() < import_batch_bytes) return true;
        outcome = to.commit(batch);
        batch = {};
        tell(counts);
        return outcome.has_value();
    };
    if (auto scanned = from.scan(table, {}, {}, visit); !scanned) return scanned;
    if (!outcome) return outcome;
    return to.commit(batch);
}

Result<std::uint64_t> count_rows(ClusterTables& tables) {
    std::string sql;
    for (const char* table : table_names) {
        sql += (sql.empty() ? "SELECT " : " + ") + fmt::format("(SELECT count(*) FROM kv_{})", table);
    }
    auto rows = tables.connection().run_script(sql);
    if (!rows) return fail(Errc::store_failed, "PostgreSQL: " + rows.error().reason);
    return static_cast<std::uint64_t>(rows->number(0, 0));
}

/// Fails unless the cluster has no hub, or the rest of an import that was cut off.
Result<> check_is_new(ClusterTables& tables) {
    auto view = tables.view({});
    if (!view) return fail(std::move(view).error());
    const bool has_live = std::any_of(view->nodes.begin(), view->nodes.end(), [](const NodeRow& node) {
        return node.is_live() && node.incarnation.node != import_node;
    });
    if (has_live)
        return fail(Errc::config_invalid, "a node of this cluster runs; an import wants them stopped");
    const auto importing = tables.setting(importing_setting);
    if (!importing) return fail(importing.error());
    auto rows = count_rows(tables);
    if (!rows) return fail(std::move(rows).error());
    if (*rows == 0 || *importing) return {};
    return fail(Errc::config_invalid, "this cluster has a hub already; import into a new one");
}

Result<> declare_import_dead(ClusterTables& tables) {
    auto done = tables.connection().run(
        {"", "UPDATE node SET state = 'dead' WHERE id = $1 AND state = 'live'", {pg_text(import_node)}});
    if (!done) return fail(Errc::store_failed, "PostgreSQL: " + done.error().reason);
    return {};
}

}  // namespace

bool is_node_id(std::string_view id) {
    const bool is_legal = std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    });
    return is_legal && !id.empty() && id != "-" && id.size() <= ClusterTables::node_id_bytes_max;
}

// --- the data directory ------------------------------------------------------------------------

bool is_node_dir(const fs::path& data_dir) {
    std::error_code ignored;
    return fs::exists(data_dir / node_file, ignored);
}

Result<NodeFile> read_node_file(const fs::path& data_dir) {
    auto text = read_file(data_dir / node_file);
    if (!text) return fail(std::move(text).error());
    const auto json = JsonDocument::parse(*text);
    if (!json) return fail(Errc::store_corrupt, (data_dir / node_file).string() + " does not parse");
    const JsonValue root = json->root();
    NodeFile file;
    file.cluster = root.find("cluster").string();
    file.node = root.find("node").string();
    if (const auto number = root.find("incarnation").integer()) file.started = {file.node, *number};
    file.boot_id = root.find("bootId").string();
    file.lock_inode = static_cast<std::uint64_t>(root.find("lockInode").integer().value_or(0));
    if (file.cluster.empty() || !is_node_id(file.node)) {
        return fail(Errc::store_corrupt, (data_dir / node_file).string() + " is incomplete");
    }
    return file;
}

Result<> write_node_start(const DataDir& data_dir, const Incarnation& self) {
    auto file = read_node_file(data_dir.path());
    if (!file) return fail(std::move(file).error());
    file->started = self;
    file->boot_id = boot_id();
    file->lock_inode = lock_inode(data_dir.path());
    return write_node_file(data_dir.path(), *file);
}

std::optional<Incarnation> find_ended(const DataDir& data_dir) {
    const auto file = read_node_file(data_dir.path());
    if (!file || !file->started || file->boot_id.empty()) return std::nullopt;
    const bool is_here = file->boot_id == boot_id() && file->lock_inode == lock_inode(data_dir.path());
    return is_here ? file->started : std::nullopt;
}

// --- the cluster -------------------------------------------------------------------------------

Result<> init_cluster(const std::string& conninfo, Random& random) {
    const PassingFolder folder;
    if (folder.path().empty()) return fail(Errc::io_failed, "cannot make a temporary folder");
    // The server certificates that come with it are each node's own affair.
    if (auto made = prepare_certificates(folder.path(), {"localhost"}); !made) {
        return fail(std::move(made).error());
    }
    auto settings = read_authority(folder.path());
    if (!settings) return fail(std::move(settings).error());
    (*settings)[cluster_setting] = random.hex32();
    return ClusterTables::create(conninfo, *settings);
}

Result<> join_cluster(const DataDir& data_dir, const std::string& conninfo, const std::string& node) {
    if (!is_node_id(node)) {
        return fail(Errc::config_invalid,
                    fmt::format("a node's id is of 1 to {} letters, digits, '-', '_' and '.'",
                                ClusterTables::node_id_bytes_max));
    }
    auto tables = ClusterTables::open(conninfo, "carillon/" + node + "/join");
    if (!tables) return fail(std::move(tables).error());
    auto cluster = (*tables)->setting(cluster_setting);
    if (!cluster) return fail(std::move(cluster).error());
    const fs::path& dir = data_dir.path();
    if (is_node_dir(dir)) {
        const auto file = read_node_file(dir);
        if (!file) return fail(file.error());
        if (file->node == node && file->cluster == cluster->value_or("")) return {};
        return fail(Errc::config_invalid, fmt::format("{} belongs to node {} of {}", dir.string(), file->node,
                                                      file->node == node ? "another cluster" : "a cluster"));
    }
    std::error_code ignored;
    if (fs::exists(store_folder(dir), ignored)) {
        return fail(Errc::config_invalid,
                    dir.string() +
                        " is a hub's that runs alone. `carillon cluster import` brings it "
                        "into a cluster; a node wants a directory of its own");
    }
    for (const char* name : authority_files) {
        auto text = (*tables)->setting(name);
        if (!text) return fail(std::move(text).error());
        if (!*text) return fail(Errc::store_corrupt, std::string("the cluster has no ") + name);
        const bool is_key = std::string_view(name) == "ca-key.pem";
        auto written = write_file(dir / name, **text, is_key ? Readable::by_owner : Readable::by_all);
        if (!written) return written;
    }
    NodeFile file;
    file.cluster = cluster->value_or("");
    file.node = node;
    return write_node_file(dir, file);
}

Result<ImportCounts> import_hub(const DataDir& data_dir, const std::string& conninfo,
                                const std::function<void(const ImportCounts&)>& tell) {
    if (is_node_dir(data_dir.path())) {
        return fail(Errc::config_invalid,
                    data_dir.path().string() + " is a node's and has no hub of its own");
    }
    auto opened = ClusterTables::open(conninfo, "carillon/import");
    if (!opened) return fail(std::move(opened).error());
    ClusterTables& tables = **opened;
    if (auto is_new = check_is_new(tables); !is_new) return fail(std::move(is_new).error());
    auto authority = read_authority(data_dir.path());
    if (!authority && authority.error().code != Errc::not_found_locally) return fail(authority.error());
    auto from = open_hub_store(data_dir);
    if (!from) return fail(std::move(from).error());

    if (auto marked = tables.set(importing_setting, "yes"); !marked) return fail(marked.error());
    if (auto dead = declare_import_dead(tables); !dead) return fail(dead.error());
    if (auto emptied = empty_tables(tables); !emptied) return fail(emptied.error());
    const auto self = tables.join(import_node, {});
    if (!self) return fail(self.error());
    auto fences = tables.claim(*self, {});
    if (!fences) return fail(std::move(fences).error());
    PgStoreOptions options;
    options.conninfo = conninfo;
    options.node = self->node;
    options.incarnation = self->number;
    options.fences = *std::move(fences);
    if (options.fences.empty()) return fail(Errc::store_failed, "another process owns the cluster");
    auto to = PgStore::open(std::move(options));
    if (!to) return fail(std::move(to).error());
    ImportCounts counts;
    for (std::size_t table = 0; table < table_count; ++table) {
        auto copied = copy_table(**from, **to, static_cast<Table>(table), counts, tell);
        if (!copied) return fail(std::move(copied).error());
    }
    const auto rows = count_rows(tables);
    if (!rows) return fail(rows.error());
    if (*rows != counts.rows) {
        return fail(Errc::store_failed, fmt::format("PostgreSQL has {} rows of {}", *rows, counts.rows));
    }
    if (authority) {
        for (const auto& [name, text] : *authority) {
            if (auto stored = tables.set(name, text); !stored) return fail(stored.error());
        }
    }
    if (auto left = tables.leave(*self); !left) return fail(left.error());
    if (auto done = tables.set(importing_setting, {}); !done) return fail(done.error());
    return counts;
}

}  // namespace carillon
