#include "contexts.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "server/private_file.hpp"

#include <sys/stat.h>
#include <algorithm>
#include <cstdlib>

namespace carillon {

namespace {

std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

Result<Context> read_context(JsonValue json) {
    Context context;
    context.name = json.key();
    context.login = json.find("login").string();
    context.ca_file = json.find("ca").string();
    context.address = json.find("address").string();
    if (json.find("port").exists()) {
        const auto port = json.find("port").integer();
        if (!port || *port < 1 || *port > 65535) return fail_usage("context " + context.name + ": its port");
        context.port = static_cast<std::uint16_t>(*port);
    }
    if (!is_context_name(context.name) || context.login.empty()) {
        return fail_usage("context `" + context.name + "` has no login, or a name that is none");
    }
    return context;
}

}  // namespace

const Context* Contexts::find(std::string_view name) const {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Context& each) { return each.name == name; });
    return found == all.end() ? nullptr : &*found;
}

void Contexts::put(Context context) {
    std::erase_if(all, [&](const Context& each) { return each.name == context.name; });
    const auto behind =
        std::find_if(all.begin(), all.end(), [&](const Context& each) { return each.name > context.name; });
    all.insert(behind, std::move(context));
}

bool Contexts::remove(std::string_view name) {
    if (current == name) current.clear();
    return std::erase_if(all, [&](const Context& each) { return each.name == name; }) > 0;
}

bool is_context_name(std::string_view name) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= context_name_bytes_max && name[0] != '-' &&
           std::all_of(name.begin(), name.end(), is_plain);
}

std::string contexts_json(const Contexts& contexts) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("current", contexts.current).key("contexts").begin_object();
    for (const Context& each : contexts.all) {
        json.key(each.name).begin_object().member("login", each.login);
        if (!each.ca_file.empty()) json.member("ca", each.ca_file);
        if (!each.address.empty()) json.member("address", each.address);
        json.member("port", static_cast<int>(each.port)).end_object();
    }
    json.end_object().end_object();
    return text + '\n';
}

Result<Contexts> parse_contexts(std::string_view text) {
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_object()) return fail_usage("the file is not a JSON object");
    Contexts contexts;
    const JsonValue all = json->root().find("contexts");
    for (JsonValue each = all.first(); each.exists(); each = each.next()) {
        auto context = read_context(each);
        if (!context) return fail(std::move(context).error());
        contexts.put(*std::move(context));
    }
    contexts.current = json->root().find("current").string();
    if (!contexts.current.empty() && contexts.find(contexts.current) == nullptr) {
        return fail_usage("the current context, `" + contexts.current + "`, is not among them");
    }
    return contexts;
}

Result<std::filesystem::path> contexts_file() {
    std::filesystem::path folder = environment("XDG_CONFIG_HOME");
    // The specification has relative paths ignored.
    if (!folder.is_absolute()) {
        const std::string home = environment("HOME");
        if (home.empty()) return fail_usage("neither XDG_CONFIG_HOME nor HOME says where contexts are kept");
        folder = std::filesystem::path(home) / ".config";
    }
    return folder / "carillon" / "contexts.json";
}

Result<Contexts> read_contexts() {
    const auto path = contexts_file();
    if (!path) return fail(path.error());
    struct stat about {};
    constexpr mode_t others = S_IRWXG | S_IRWXO;
    if (::stat(path->c_str(), &about) == 0 && (about.st_mode & others) != 0) {
        return fail_usage(path->string() + " holds keys, and others may read it: chmod 600 " +
                          path->string());
    }
    auto text = read_file(*path);
    if (!text && text.error().code == Errc::not_found_locally) return Contexts{};
    if (!text) return fail(std::move(text).error());
    auto contexts = parse_contexts(*text);
    if (!contexts) return fail_usage(path->string() + ": " + contexts.error().detail);
    return contexts;
}

Result<> write_contexts(const Contexts& contexts) {
    const auto path = contexts_file();
    if (!path) return fail(path.error());
    std::error_code refused;
    const std::filesystem::path folder = path->parent_path();
    std::filesystem::create_directories(folder.parent_path(), refused);
    if (::mkdir(folder.c_str(), S_IRWXU) != 0 && !std::filesystem::is_directory(folder, refused)) {
        return fail(Errc::io_failed, folder.string() + " cannot be made");
    }
    return write_file(*path, contexts_json(contexts), Readable::by_owner);
}

}  // namespace carillon
