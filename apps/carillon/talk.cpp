#include "talk.hpp"

#include "base/text.hpp"

#include <unistd.h>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <iostream>

namespace carillon {

namespace {

bool quiet = false;
std::atomic<bool> held_back{false};

constexpr std::string_view hidden = "***";
/// Members whose text is a secret, in any case.
constexpr std::array<std::string_view, 6> secret_members{"primarykey", "secondarykey", "connectionstring",
                                                         "sas",        "secret",       "clientcertificate"};
/// What a secret follows, up to the next `;`, `&` or quote, in any case.
constexpr std::array<std::string_view, 3> secret_leads{"sharedaccesskey=", "sharedaccesssignature=", "sig="};
/// A body is shown up to this; the rest says little more.
constexpr std::size_t shown_bytes_max = 16 * 1024;

/// True if the request changes nothing at the hub.
bool is_look(const ServiceRequest& request) {
    return request.method == "GET" || request.target.starts_with("/devices/query") ||
           request.target.starts_with("/configurations/testQueries") ||
           request.target == "/carillon/routes/test";
}

std::string shown(std::string_view body) {
    if (body.empty()) return {};
    std::string text = without_secrets(body.substr(0, shown_bytes_max));
    if (body.size() > shown_bytes_max) text += "… (" + std::to_string(body.size()) + " bytes)";
    return text + '\n';
}

}  // namespace

void be_quiet() {
    quiet = true;
    std::cerr.setstate(std::ios::failbit);
}

bool is_quiet() {
    return quiet;
}

std::string without_secrets(std::string_view text) {
    const std::string lower = to_lower(text);
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        bool was_secret = false;
        for (std::string_view lead : secret_leads) {
            if (lower.compare(at, lead.size(), lead) != 0) continue;
            out += text.substr(at, lead.size());
            out += hidden;
            at = std::min(text.find_first_of(";&\"' \n", at + lead.size()), text.size());
            was_secret = true;
            break;
        }
        if (was_secret) continue;
        for (std::string_view member : secret_members) {
            if (text[at] != '"' || lower.compare(at + 1, member.size(), member) != 0) continue;
            std::size_t value = at + 1 + member.size();
            if (value >= text.size() || text[value] != '"') continue;
            value = text.find_first_not_of(" \t\r\n:", value + 1);
            if (value == text.npos || text[value] != '"') continue;
            out += text.substr(at, value + 1 - at);
            out += hidden;
            at = std::min(text.find('"', value + 1), text.size());
            was_secret = true;
            break;
        }
        if (!was_secret) out += text[at++];
    }
    return out;
}

void trace_requests(ServiceOptions& options) {
    auto before = std::move(options.before_request);
    options.before_request = [before = std::move(before)](const ServiceRequest& request) -> Result<> {
        const std::string text = "> " + std::string(request.method) + ' ' + without_secrets(request.target) +
                                 '\n' + shown(request.body);
        std::fputs(text.c_str(), stderr);
        return before ? before(request) : Result<>{};
    };
    options.after_answer = [](const ServiceRequest&, const ServiceAnswer& answer) {
        const std::string status =
            answer.status == 0 ? std::string("no answer") : std::to_string(answer.status);
        const std::string text =
            "< " + status + " after " + std::to_string(answer.time.count()) + " ms\n" + shown(answer.body);
        std::fputs(text.c_str(), stderr);
    };
}

void hold_back_changes(ServiceOptions& options) {
    options.before_request = [](const ServiceRequest& request) -> Result<> {
        if (is_look(request)) return {};
        held_back = true;
        const std::string text =
            std::string(request.method) + ' ' + without_secrets(request.target) + '\n' + shown(request.body);
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
        return fail(Errc::config_invalid, "--dry-run: the request was not sent");
    };
}

bool has_held_back() {
    return held_back;
}

bool is_confirmed(const std::string& question) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return true;
    std::fprintf(stderr, "%s [y/N] ", question.c_str());
    std::fflush(stderr);
    std::string answer;
    std::getline(std::cin, answer);
    answer = to_lower(trimmed(answer));
    return answer == "y" || answer == "yes";
}

}  // namespace carillon
