#include "examples.hpp"

#include "terminal_text.hpp"

#include <algorithm>

namespace carillon {

namespace {

constexpr Example command_examples[] = {
    {"serve", R"~(carillon serve --hostname hub.example.net --bind 192.0.2.10)~"},
    {"connection-string", R"~(export CARILLON_LOGIN="$(carillon connection-string)")~"},
    {"trust", R"~(carillon trust python)~"},
    {"token", R"~(carillon token --device-id pump-a1 --duration 600)~"},
    {"dashboard", R"~(carillon dashboard)~"},
    {"context add", R"~(carillon context add plant --login "$CARILLON_LOGIN" --ca ca.pem)~"},
    {"context list", R"~(carillon context list)~"},
    {"context show", R"~(carillon context show plant)~"},
    {"context use", R"~(carillon context use plant)~"},
    {"context remove", R"~(carillon context remove plant)~"},
    {"device create", R"~(carillon device create pump-a1 --connection-string)~"},
    {"device show", R"~(carillon device show pump-a1)~"},
    {"device list", R"~(carillon device list --query-condition "tags.building = '43'" --top 20)~"},
    {"device update", R"~(carillon device update pump-a1 --status disabled --status-reason "in repair")~"},
    {"device delete", R"~(carillon device delete pump-a1 --yes)~"},
    {"device revoke", R"~(carillon device revoke thermostat-1 --token-lifetime 1h)~"},
    {"device import", R"~(carillon device import devices.txt --mode createOrUpdate --errors refused.txt)~"},
    {"device export", R"~(carillon device export devices.txt)~"},
    {"device connections", R"~(carillon device connections pump-a1)~"},
    {"device simulate", R"~(carillon device simulate pump-a1 --msg-count 10)~"},
    {"module create", R"~(carillon module create pump-a1 --module-id valve)~"},
    {"module show", R"~(carillon module show pump-a1 --module-id valve)~"},
    {"module list", R"~(carillon module list pump-a1)~"},
    {"module update",
     R"~(carillon module update pump-a1 --module-id valve --primary-key "$KEY1" --secondary-key "$KEY2")~"},
    {"module delete", R"~(carillon module delete pump-a1 --module-id valve --yes)~"},
    {"twin show", R"~(carillon twin show pump-a1)~"},
    {"twin update", R"~(carillon twin update pump-a1 --desired '{"interval":30}')~"},
    {"twin replace", R"~(carillon twin replace pump-a1 --json @twin.json)~"},
    {"module twin show", R"~(carillon module twin show pump-a1 --module-id valve)~"},
    {"module twin update", R"~(carillon module twin update pump-a1 --module-id valve --tags '{"floor":2}')~"},
    {"module twin replace", R"~(carillon module twin replace pump-a1 --module-id valve --json @twin.json)~"},
    {"method invoke",
     R"~(carillon method invoke pump-a1 --method-name reboot --method-payload '{"delay":5}')~"},
    {"module method invoke",
     R"~(carillon module method invoke pump-a1 --module-id valve --method-name close)~"},
    {"c2d send",
     R"~(carillon c2d send pump-a1 --data "open the door" --props "room=7;floor=2" --ack full --message-id m1)~"},
    {"c2d receive", R"~(carillon c2d receive pump-a1 --complete)~"},
    {"c2d complete", R"~(carillon c2d complete pump-a1 --etag 5f2c1a9e-0b1d-4c7e-9a55-2d1f6c3b8e10)~"},
    {"c2d abandon", R"~(carillon c2d abandon pump-a1 --etag 5f2c1a9e-0b1d-4c7e-9a55-2d1f6c3b8e10)~"},
    {"c2d reject", R"~(carillon c2d reject pump-a1 --etag 5f2c1a9e-0b1d-4c7e-9a55-2d1f6c3b8e10)~"},
    {"c2d purge", R"~(carillon c2d purge pump-a1)~"},
    {"feedback watch", R"~(carillon feedback watch pump-a1 --wait-on-msg m1)~"},
    {"file-notification watch", R"~(carillon file-notification watch --limit 1)~"},
    {"device send",
     R"~(carillon device send pump-a1 --data '{"temperature":21}' --ct application/json --ce utf-8)~"},
    {"device upload-file",
     R"~(carillon device upload-file pump-a1 --file-path pump.log --name logs/today.log)~"},
    {"job create",
     R"~(carillon job create --query-condition "tags.building = '43'" --twin-patch '{"tags":{"checked":true}}' --wait)~"},
    {"job plan",
     R"~(carillon job plan --query-condition "tags.building = '43'" --twin-patch @fw.json --wave 1%,rest)~"},
    {"job apply", R"~(carillon job apply p-3 --wait)~"},
    {"job approve", R"~(carillon job approve 8d2f7a --why CHG-1181)~"},
    {"job deny", R"~(carillon job deny 8d2f7a --why "not on a Friday")~"},
    {"job show", R"~(carillon job show 8d2f7a)~"},
    {"job list", R"~(carillon job list --job-status running)~"},
    {"job watch", R"~(carillon job watch 8d2f7a)~"},
    {"job pause", R"~(carillon job pause 8d2f7a --why "door 43 stays open")~"},
    {"job resume", R"~(carillon job resume 8d2f7a)~"},
    {"job promote", R"~(carillon job promote 8d2f7a --wave 0)~"},
    {"job close", R"~(carillon job close 8d2f7a --why "all doors are hung")~"},
    {"job set", R"~(carillon job set 8d2f7a --rate 50/s)~"},
    {"job failures", R"~(carillon job failures 8d2f7a --kind timeout)~"},
    {"job history", R"~(carillon job history 8d2f7a -o ndjson)~"},
    {"job what-if", R"~(carillon job what-if 8d2f7a --stop "failed>2% after 100")~"},
    {"job rerun", R"~(carillon job rerun 8d2f7a --only failed --wait)~"},
    {"job copy", R"~(carillon job copy 8d2f7a --new-id fw-2-again --rate 20/s)~"},
    {"job verify", R"~(carillon job verify 8d2f7a)~"},
    {"job undo", R"~(carillon job undo 8d2f7a --wait)~"},
    {"job cancel", R"~(carillon job cancel 8d2f7a)~"},
    {"job devices", R"~(carillon job devices 8d2f7a)~"},
    {"configuration create",
     R"~(carillon configuration create --config-id slow --content @slow.json --target-condition "tags.slow = true" --priority 5)~"},
    {"configuration show", R"~(carillon configuration show --config-id slow)~"},
    {"configuration list", R"~(carillon configuration list)~"},
    {"configuration update", R"~(carillon configuration update --config-id slow --set priority=9)~"},
    {"configuration delete", R"~(carillon configuration delete --config-id slow --yes)~"},
    {"configuration apply", R"~(carillon configuration apply edge-1 --content @modules.json)~"},
    {"configuration show-metric",
     R"~(carillon configuration show-metric slow --metric-id appliedCount --metric-type system)~"},
    {"certificate list", R"~(carillon certificate list)~"},
    {"certificate show", R"~(carillon certificate show fleet)~"},
    {"certificate create", R"~(carillon certificate create fleet --path authority.pem)~"},
    {"certificate generate-verification-code", R"~(carillon certificate generate-verification-code fleet)~"},
    {"certificate verify", R"~(carillon certificate verify fleet --path proof.pem)~"},
    {"certificate delete", R"~(carillon certificate delete fleet --yes)~"},
    {"enrollment create",
     R"~(carillon enrollment create pump-17 --device-id pump-17 --tags '{"site":"north"}')~"},
    {"enrollment show", R"~(carillon enrollment show pump-17 --show-keys)~"},
    {"enrollment list", R"~(carillon enrollment list --top 20)~"},
    {"enrollment update", R"~(carillon enrollment update pump-17 --provisioning-status disabled)~"},
    {"enrollment delete", R"~(carillon enrollment delete pump-17 --yes)~"},
    {"enrollment registration show", R"~(carillon enrollment registration show pump-17)~"},
    {"enrollment registration delete", R"~(carillon enrollment registration delete pump-17 --yes)~"},
    {"enrollment import", R"~(carillon enrollment import enrollments.ndjson)~"},
    {"enrollment export", R"~(carillon enrollment export enrollments.ndjson)~"},
    {"enrollment-authority create", R"~(carillon enrollment-authority create factory --path factory.pem)~"},
    {"enrollment-authority list", R"~(carillon enrollment-authority list)~"},
    {"enrollment-authority show", R"~(carillon enrollment-authority show factory)~"},
    {"enrollment-authority delete", R"~(carillon enrollment-authority delete factory --yes)~"},
    {"enrollment-group create", R"~(carillon enrollment-group create pumps --props '{"interval":30}')~"},
    {"enrollment-group show", R"~(carillon enrollment-group show pumps --show-keys)~"},
    {"enrollment-group list", R"~(carillon enrollment-group list)~"},
    {"enrollment-group update",
     R"~(carillon enrollment-group update pumps --reprovision-policy reprovisionandresetdata)~"},
    {"enrollment-group delete", R"~(carillon enrollment-group delete pumps --yes)~"},
    {"enrollment-group registration list", R"~(carillon enrollment-group registration list pumps)~"},
    {"enrollment-group registration show", R"~(carillon enrollment-group registration show pump-17)~"},
    {"enrollment-group registration delete",
     R"~(carillon enrollment-group registration delete pump-17 --yes)~"},
    {"enrollment-group compute-device-key",
     R"~(carillon enrollment-group compute-device-key --enrollment-id pumps --registration-id pump-17)~"},
    {"backup create", R"~(carillon backup create /var/backups)~"},
    {"backup verify", R"~(carillon backup verify hub.tar)~"},
    {"backup restore", R"~(carillon backup restore hub.tar --data-dir carillon-data)~"},
    {"store check", R"~(carillon store check --data-dir carillon-data)~"},
    {"audit list", R"~(carillon audit list --top 20)~"},
    {"audit verify", R"~(carillon audit verify)~"},
    {"audit export", R"~(carillon audit export --after 1200 --file audit.ndjson)~"},
    {"log show", R"~(carillon log show)~"},
    {"log set", R"~(carillon log set --module mqtt=debug --format json)~"},
    {"trace device", R"~(carillon trace device thermostat-1 --for 5m)~"},
    {"settings show", R"~(carillon settings show)~"},
    {"health", R"~(carillon health --data-dir /var/lib/carillon)~"},
    {"doctor", R"~(carillon doctor --config /etc/carillon/carillon.toml)~"},
    {"debug bundle", R"~(carillon debug bundle --log carillon.log --file bundle.txt)~"},
    {"query",
     R"~(carillon query "SELECT deviceId, tags.building FROM devices WHERE status = 'enabled'" --output json)~"},
    {"events watch", R"~(carillon events watch --device-id "pump-*" --from 10m)~"},
    {"events partitions", R"~(carillon events partitions)~"},
    {"consumer-group create", R"~(carillon consumer-group create reports)~"},
    {"consumer-group list", R"~(carillon consumer-group list)~"},
    {"consumer-group show", R"~(carillon consumer-group show reports)~"},
    {"consumer-group delete", R"~(carillon consumer-group delete reports)~"},
    {"route create", R"~(carillon route create hot --condition "level = 'high'" --endpoint-name alerts)~"},
    {"route list", R"~(carillon route list)~"},
    {"route show", R"~(carillon route show hot)~"},
    {"route delete", R"~(carillon route delete hot)~"},
    {"route test", R"~(carillon route test --ap level=high --body '{"temperature":81}')~"},
    {"route apply", R"~(carillon route apply routing.json --prune)~"},
    {"endpoint create",
     R"~(carillon endpoint create alerts --url https://ops.example.net/hook --secret-file hook.secret)~"},
    {"endpoint list", R"~(carillon endpoint list)~"},
    {"endpoint show", R"~(carillon endpoint show alerts)~"},
    {"endpoint delete", R"~(carillon endpoint delete alerts --yes)~"},
    {"approval-rule list", R"~(carillon approval-rule list)~"},
    {"approval-rule show", R"~(carillon approval-rule show large)~"},
    {"approval-rule put", R"~(carillon approval-rule put large --rule '{"when":{"devicesAbove":1000}}')~"},
    {"budget list", R"~(carillon budget list)~"},
    {"budget show", R"~(carillon budget show freeze)~"},
    {"budget put", R"~(carillon budget put site --max 5 --per tags.site --soak 10m)~"},
    {"budget delete", R"~(carillon budget delete freeze)~"},
    {"template list", R"~(carillon template list)~"},
    {"template show", R"~(carillon template show nightly)~"},
    {"template put",
     R"~(carillon template put nightly --template @job.json --cron "30 2 * * *" --zone Europe/Berlin)~"},
    {"template run", R"~(carillon template run patch --job-id patch-7 -p version=2.0)~"},
    {"template delete", R"~(carillon template delete nightly)~"},
    {"approval-rule delete", R"~(carillon approval-rule delete large)~"},
    {"policy list", R"~(carillon policy list)~"},
    {"policy show", R"~(carillon policy show service)~"},
    {"policy renew-key", R"~(carillon policy renew-key service --renew-key primary)~"},
    {"policy renew-token-key", R"~(carillon policy renew-token-key)~"},
    {"simulate", R"~(carillon simulate --devices 1000 --create --reported-every 1m)~"},
    {"policy create", R"~(carillon policy create dashboards --permissions RegistryRead ServiceConnect)~"},
    {"policy delete", R"~(carillon policy delete dashboards)~"},
    {"mcp", R"~(carillon mcp --context plant)~"},
    {"cluster init", R"~(carillon cluster init --store 'host=pg1,pg2 dbname=carillon sslmode=verify-full')~"},
    {"cluster join",
     R"~(carillon cluster join --store 'host=pg1,pg2 dbname=carillon' --node n2 --data-dir /var/lib/carillon)~"},
    {"cluster import",
     R"~(carillon cluster import --store 'host=pg1,pg2 dbname=carillon' --data-dir carillon-data)~"},
    {"cluster drain", R"~(carillon cluster drain n1 --store 'host=pg1,pg2 dbname=carillon')~"},
    {"cluster move", R"~(carillon cluster move n2 --store 'host=pg1,pg2 dbname=carillon')~"},
    {"cluster accept-loss", R"~(carillon cluster accept-loss --store 'host=pg1,pg2 dbname=carillon')~"},
    {"cluster finish-upgrade", R"~(carillon cluster finish-upgrade --store 'host=pg1,pg2 dbname=carillon')~"},
    {"cluster status", R"~(carillon cluster status --store 'host=pg1,pg2 dbname=carillon')~"},
    {"completion bash", R"~(source <(carillon completion bash))~"},
    {"completion zsh", R"~(source <(carillon completion zsh))~"},
    {"completion fish", R"~(carillon completion fish | source)~"},
    {"reference man", R"~(carillon reference man | man -l -)~"},
    {"reference markdown", R"~(carillon reference markdown)~"},
};

/// The column at which descriptions of options begin; `column_width` of the formatter.
constexpr std::size_t description_column = 34;
/// Where they begin in a line of their own, if there is little room beside the names.
constexpr std::size_t lower_column = 6;

std::size_t indent_of(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

/// True for an option's line, and for the continuation of one that has no room for its description.
bool is_described(std::string_view line) {
    const std::size_t indent = indent_of(line);
    return line.size() > description_column && indent <= description_column &&
           line[description_column - 1] == ' ' && line[description_column] != ' ' && indent > 0;
}

std::size_t longest_word(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        longest = std::max(longest, cells_of(word));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    return longest;
}

/// The names and beside them the description, or below them where it has no room there.
void append_described(std::string& out, std::string_view line, std::size_t width) {
    std::string_view names = line.substr(0, description_column);
    const std::string_view description = line.substr(description_column);
    const bool is_beside =
        width >= 2 * description_column && longest_word(description) <= width - description_column;
    const std::size_t column = is_beside ? description_column : std::min(lower_column, width / 2);
    if (is_beside) {
        out += names;
    } else if (indent_of(names) < names.size()) {
        names.remove_suffix(names.size() - 1 - names.find_last_not_of(' '));
        for (const std::string& part : wrapped(names, width)) out.append(part).append(1, '\n');
    }
    bool has_begun = !is_beside;
    for (const std::string& part : wrapped(description, width - column)) {
        if (has_begun) out.append(column, ' ');
        has_begun = true;
        out.append(part).append(1, '\n');
    }
}

CLI::App* find_command(CLI::App& group, std::string_view name) {
    const auto all = group.get_subcommands([name](CLI::App* each) { return each->get_name() == name; });
    return all.empty() ? nullptr : all.front();
}

}  // namespace

std::span<const Example> examples() {
    return command_examples;
}

void add_examples(CLI::App& app) {
    for (const Example& example : command_examples) {
        CLI::App* command = &app;
        std::string_view path = example.path;
        while (command != nullptr && !path.empty()) {
            const std::string_view word = path.substr(0, path.find(' '));
            path.remove_prefix(std::min(word.size() + 1, path.size()));
            command = find_command(*command, word);
        }
        if (command == nullptr) continue;
        const std::string before = command->get_footer();
        command->footer(before + (before.empty() ? "" : "\n\n") + "Example:\n  " + std::string(example.line));
    }
}

std::vector<std::string> without_plain_words(std::vector<std::string> words) {
    if (words.empty()) return words;
    if (words.front() == "version" && words.size() == 1) return {"--version"};
    if (words.front() != "help") return words;
    words.erase(words.begin());
    words.emplace_back("--help");
    return words;
}

std::string wrapped_help(std::string_view help, std::size_t width) {
    if (width == 0) return std::string(help);
    std::string out;
    while (!help.empty()) {
        const std::size_t end = std::min(help.find('\n'), help.size());
        const std::string_view line = help.substr(0, end);
        help.remove_prefix(std::min(end + 1, help.size()));
        if (cells_of(line) <= width) {
            out.append(line).append(1, '\n');
        } else if (is_described(line)) {
            append_described(out, line, width);
        } else {
            for (const std::string& part : wrapped(line, width)) out.append(part).append(1, '\n');
        }
    }
    return out;
}

}  // namespace carillon
