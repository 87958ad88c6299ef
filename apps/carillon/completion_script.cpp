#include "completion_script.hpp"

#include "base/text.hpp"

#include <string_view>

namespace carillon {

namespace {

/// A word of bash and zsh, whatever is in it.
std::string shell_word(const std::string& text) {
    return '\'' + replaced(text, "'", "'\\''") + '\'';
}

/// What a value may be, in one word: choices separated by commas, or `@file`, `@context`,
/// `@device`, `@job`, `@any`.
std::string spec_of(const CommandOption& option) {
    if (!option.choices.empty()) {
        std::string spec;
        for (const std::string& choice : option.choices) spec += (spec.empty() ? "" : ",") + choice;
        return spec;
    }
    if (option.type.find("FILE") != option.type.npos || option.type == "DIR") return "@file";
    for (const std::string_view type : {"CONTEXT", "DEVICE", "JOB"}) {
        if (option.type == type) return '@' + to_lower(type);
    }
    return "@any";
}

/// The first line is enough beside a completion.
std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

/// `--flag=spec` for each option that takes a value; `=spec` for the plain argument.
std::string values_of(const Command& command) {
    std::string values;
    const auto add = [&](const std::string& name, const std::string& spec) {
        values += (values.empty() ? "" : " ") + name + '=' + spec;
    };
    bool has_positional = false;
    for (const CommandOption& option : command.options) {
        if (!option.takes_value()) continue;
        for (const std::string& name : option.names) add(name, spec_of(option));
        if (!option.positional.empty() && !has_positional) {
            has_positional = true;
            add("", spec_of(option));
        }
    }
    return values;
}

// Asked of the hub that a command without further flags would be for; who waits for a key has two seconds.
constexpr std::string_view context_names = "carillon context list -o tsv 2>/dev/null | cut -f1";
constexpr std::string_view device_ids =
    "carillon query \"SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, '$2')\" --top 200 --timeout 2 "
    "-o tsv "
    "2>/dev/null";
constexpr std::string_view job_ids = "carillon job list --top 200 --timeout 2 -o tsv 2>/dev/null | cut -f1";

/// For bash and zsh: the names for a spec, `$1`, that begin with `$2`.
std::string names_function() {
    std::string text = "\n_carillon_names() {\n    case $1 in\n";
    text.append("    @context) ").append(context_names).append(" ;;\n");
    text.append("    @device) ").append(device_ids).append(" ;;\n");
    text.append("    @job) ").append(job_ids).append(" ;;\n    esac\n}\n");
    return text;
}

// Readline breaks words at `=`: behind `--output=` the cursor is on that, or one word further.
constexpr std::string_view bash_function = R"sh(
_carillon() {
    local current=${COMP_WORDS[COMP_CWORD]} i=1 path= spec= word entry commands flags values
    _carillon_table ''
    while ((i < COMP_CWORD)); do
        word=${COMP_WORDS[i]}
        spec=
        if [[ $word == -* ]]; then
            for entry in $values; do
                [[ $entry == "$word="* ]] && spec=${entry#*=}
            done
            if [[ -n $spec ]]; then
                ((i++))
                [[ ${COMP_WORDS[i]} == '=' ]] && ((i++))
                ((i < COMP_CWORD)) && spec=
            fi
        elif [[ -n $word && " $commands " == *" $word "* ]]; then
            path="${path:+$path }$word"
            _carillon_table "$path"
        fi
        ((i++))
    done
    [[ $current == '=' ]] && current=
    if [[ -z $spec && $current != -* ]]; then
        for entry in $values; do
            [[ $entry == '='* && $entry != '=@any' ]] && spec=${entry#=}
        done
    fi
    case $spec in
    '') COMPREPLY=($(compgen -W "$commands $flags" -- "$current")) ;;
    @any) COMPREPLY=() ;;
    @file)
        COMPREPLY=($(compgen -f -- "$current"))
        compopt -o filenames
        ;;
    @context | @device | @job)
        COMPREPLY=($(compgen -W "$(_carillon_names "$spec" "$current")" -- "$current"))
        ;;
    *) COMPREPLY=($(compgen -W "${spec//,/ }" -- "$current")) ;;
    esac
}
complete -F _carillon carillon
)sh";

// `path` is the search path to zsh.
constexpr std::string_view zsh_function = R"sh(
_carillon() {
    local current=$words[CURRENT] i=2 where= spec= word entry
    local -a commands flags values names
    _carillon_table ''
    while (( i < CURRENT )); do
        word=$words[i]
        spec=
        if [[ $word == -* ]]; then
            for entry in $values; do
                [[ $entry == "$word="* ]] && spec=${entry#*=}
            done
            if [[ -n $spec ]]; then
                (( i++ ))
                (( i < CURRENT )) && spec=
            fi
        elif [[ -n $word ]] && (( ${commands[(I)$word:*]} )); then
            where="${where:+$where }$word"
            _carillon_table "$where"
        fi
        (( i++ ))
    done
    if [[ -z $spec && $current == --*=* ]]; then
        for entry in $values; do
            [[ $entry == "${current%%=*}="* ]] && spec=${entry#*=}
        done
        compset -P '*='
    elif [[ -z $spec && $current != -* ]]; then
        for entry in $values; do
            [[ $entry == '='* && $entry != '=@any' ]] && spec=${entry#=}
        done
    fi
    case $spec in
    '')
        [[ $current != -* ]] && _describe -t commands command commands
        _describe -o -t options option flags
        ;;
    @any) _message value ;;
    @file) _files ;;
    @context|@device|@job)
        names=(${(f)"$(_carillon_names $spec $current)"})
        compadd -a names
        ;;
    *)
        names=(${(s:,:)spec})
        compadd -a names
        ;;
    esac
}

# Found by compinit, the file is the function's body; sourced, it says what the function is for.
if [[ $funcstack[1] == _carillon ]]; then
    _carillon "$@"
else
    compdef _carillon carillon
fi
)sh";

constexpr std::string_view fish_function = R"sh(

# True where the words before the cursor lead to this command.
function __carillon_at
    set -l words (commandline -opc)
    set -l path
    set -l is_value no
    for word in $words[2..-1]
        set -l longer (string join ' ' $path $word)
        if test $is_value = yes
            set is_value no
        else if contains -- $longer $__carillon_valued
            set is_value yes
        else if contains -- $longer $__carillon_commands
            set path $path $word
        end
    end
    test "$path" = "$argv[1]"
end

complete -c carillon -f
)sh";

}  // namespace

std::string bash_completion(const Command& program) {
    std::string text =
        "# Completes carillon in bash. Made by `carillon completion bash`; to use it at once:\n"
        "#     source <(carillon completion bash)\n\n"
        "_carillon_table() {\n    commands= flags= values=\n    case $1 in\n";
    for (const Command* command : all_commands(program)) {
        std::string commands;
        std::string flags;
        for (const Command& below : command->commands) commands += (commands.empty() ? "" : " ") + below.name;
        for (const CommandOption& option : command->options) {
            for (const std::string& name : option.names) flags += (flags.empty() ? "" : " ") + name;
        }
        text += "    " + shell_word(command->path) + ")\n";
        if (!commands.empty()) text += "        commands=" + shell_word(commands) + '\n';
        text += "        flags=" + shell_word(flags) + '\n';
        if (const auto values = values_of(*command); !values.empty()) {
            text += "        values=" + shell_word(values) + '\n';
        }
        text += "        ;;\n";
    }
    text += "    esac\n}\n";
    return text + names_function() + std::string(bash_function);
}

std::string zsh_completion(const Command& program) {
    std::string text =
        "#compdef carillon\n"
        "# Completes carillon in zsh. Made by `carillon completion zsh`; it is kept as _carillon in a folder "
        "of\n"
        "# $fpath, or used at once, after compinit:\n"
        "#     source <(carillon completion zsh)\n\n"
        "_carillon_table() {\n    commands=() flags=() values=()\n    case $1 in\n";
    const auto described = [](const std::string& name, const std::string& description) {
        return "\n            " + shell_word(name + ':' + replaced(first_line(description), ":", "\\:"));
    };
    for (const Command* command : all_commands(program)) {
        text += "    " + shell_word(command->path) + ")\n        commands=(";
        for (const Command& below : command->commands) text += described(below.name, below.description);
        text += ")\n        flags=(";
        for (const CommandOption& option : command->options) {
            for (const std::string& name : option.names) text += described(name, option.description);
        }
        // Unquoted, `=word` is a command's path to zsh.
        text += ")\n        values=(${(s: :):-" + shell_word(values_of(*command)) + "})\n        ;;\n";
    }
    text += "    esac\n}\n";
    return text + names_function() + std::string(zsh_function);
}

namespace {

std::string fish_word(const std::string& text) {
    return '\'' + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + '\'';
}

/// How fish is told of the values that `spec` means.
std::string fish_values(const std::string& spec) {
    if (spec == "@any") return " -x";
    if (spec == "@file") return " -r -F";
    if (spec == "@context") return " -x -a '(" + std::string(context_names) + ")'";
    if (spec == "@job") return " -x -a '(" + std::string(job_ids) + ")'";
    if (spec == "@device") {
        return " -x -a " +
               fish_word('(' + replaced(std::string(device_ids), "$2", "(commandline -ct)") + ')');
    }
    return " -x -a " + fish_word(replaced(spec, ",", " "));
}

void add_fish_command(std::string& text, const Command& command) {
    const std::string here = "complete -c carillon -n \"__carillon_at " + fish_word(command.path) + "\"";
    for (const Command& below : command.commands) {
        text += here + " -f -a " + below.name + " -d " + fish_word(first_line(below.description)) + '\n';
    }
    for (const CommandOption& option : command.options) {
        if (!option.positional.empty()) {
            const std::string spec = spec_of(option);
            if (spec != "@any") text += here + (spec == "@file" ? " -F" : fish_values(spec).substr(3)) + '\n';
        }
        if (option.names.empty()) continue;
        text += here;
        for (const std::string& name : option.names) {
            text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        }
        if (option.takes_value()) text += fish_values(spec_of(option));
        text += " -d " + fish_word(first_line(option.description)) + '\n';
    }
}

}  // namespace

std::string fish_completion(const Command& program) {
    std::string text =
        "# Completes carillon in fish. Made by `carillon completion fish`; it is kept as\n"
        "# ~/.config/fish/completions/carillon.fish, or used at once:\n"
        "#     carillon completion fish | source\n\n"
        "set -g __carillon_commands";
    std::string valued = "set -g __carillon_valued";
    for (const Command* command : all_commands(program)) {
        if (!command->path.empty()) text += " \\\n    " + fish_word(command->path);
        for (const CommandOption& option : command->options) {
            for (const std::string& name : option.names) {
                if (!option.takes_value()) continue;
                valued += " \\\n    " + fish_word(command->path.empty() ? name : command->path + ' ' + name);
            }
        }
    }
    text += "\n# Options that have a value, which is not a command.\n" + valued + std::string(fish_function);
    for (const Command* command : all_commands(program)) add_fish_command(text, *command);
    return text;
}

}  // namespace carillon
