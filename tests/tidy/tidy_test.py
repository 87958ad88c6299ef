"""tools/tidy finds what it is for, and only that."""

import sys

sys.dont_write_bytecode = True

import importlib.machinery
import importlib.util
import os
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, "tools", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


tidy = load("tidy")
arrows = load("arrows")
bounds = load("bounds")


def found(check, path, source):
    breaches = []
    check(path, source, lambda file, line, text: breaches.append(line))
    return breaches


class Tidy(unittest.TestCase):
    def test_an_include_that_points_up_is_found(self):
        self.assertEqual(found(tidy.check_includes, "src/model/x.hpp", '\n#include "core/hub/hub.hpp"\n'), [2])
        self.assertEqual(found(tidy.check_includes, "src/wire/x.hpp", '#include "model/twin.hpp"\n'), [1])
        up = '#include "core/jobs/jobs.hpp"\n'
        self.assertEqual(found(tidy.check_includes, "src/core/scan/x.cpp", up), [1])
        self.assertEqual(found(tidy.check_includes, "src/core/hub/x.cpp", up), [])
        self.assertEqual(found(tidy.check_includes, "src/core/scan/x_test.cpp", up), [])
        up = '#include "endpoint/mqtt/mqtt_endpoint.hpp"\n'
        self.assertEqual(found(tidy.check_includes, "src/endpoint/device/x.cpp", up), [1])
        self.assertEqual(found(tidy.check_includes, "src/endpoint/mqtt/x.cpp", up), [])
        self.assertEqual(found(tidy.check_includes, "client/x.cpp", '#include "core/hub/hub.hpp"\n'), [1])

    def test_an_include_that_points_down_is_fine(self):
        self.assertEqual(found(tidy.check_includes, "src/core/x.cpp", '#include "base/json.hpp"\n#include "beside.hpp"\n'), [])

    def test_tls_stays_where_sockets_are(self):
        self.assertEqual(found(tidy.check_includes, "src/core/x.cpp", "#include <boost/beast/http.hpp>\n"), [1])
        self.assertEqual(found(tidy.check_includes, "src/endpoint/x.cpp", "#include <boost/beast/http.hpp>\n"), [])

    def test_a_dependency_that_points_up_is_found(self):
        self.assertEqual(found(tidy.check_deps, "src/store/CMakeLists.txt", "carillon_module(store\n  DEPS base core)\n"), [2])
        self.assertEqual(found(tidy.check_deps, "src/core/CMakeLists.txt", "carillon_module(core DEPS query store)\n"), [])

    def test_a_room_that_depends_upward_is_found(self):
        self.assertEqual(found(tidy.check_deps, "src/core/CMakeLists.txt", "\ncarillon_room(scan DEPS core_jobs)\n"), [2])
        self.assertEqual(found(tidy.check_deps, "src/core/CMakeLists.txt", "carillon_room(jobs DEPS core_scan)\n"), [])

    def test_the_layout_is_read_from_a_table(self):
        table = ("| folder | what | may use |\n| --- | --- | --- |\n| `src/top/` | x | all of `src/` |\n"
                 "| `src/mid/` | x | low, for its words |\n| `src/low/` | x | \u2013 |\n| `tests/`, `fuzz/` | x | anything |\n\n"
                 "| `src/other/` | of another table | low |\n")
        layout = tidy.layout_of(tidy.rows_of_table(table, "| folder |"))
        self.assertEqual(layout, {"top": ["mid", "low", "tests", "fuzz"], "mid": ["low"], "low": [], "tests": None, "fuzz": None})
        with self.assertRaises(SystemExit):
            tidy.rows_of_table("no table", "| folder |")

    def test_a_test_without_an_assertion_is_found(self):
        def tests(source, helpers=frozenset()):
            return found(lambda *checked: tidy.check_assertions(*checked, set(helpers)), "a_test.cpp", source)
        self.assertEqual(tests("TEST(A, B) {\n  run();\n  // EXPECT_EQ(1, 1);\n}\n"), [1])
        self.assertEqual(tests("TEST(A, B) {\n  if (x) {\n  }\n  EXPECT_TRUE(run());\n}\n"), [])
        self.assertEqual(tests("void check(int x) {\n  EXPECT_TRUE(x);\n}\nTEST(A, B) {\n  check(1);\n}\n"), [])
        self.assertEqual(tests("void x() {\n  check(1);\n}\nTEST(A, B) {\n  x();\n}\n"), [4])
        self.assertEqual(tests("TEST(A, B) {\n  check(1);\n}\n", {"check"}), [])

    def test_a_citation_of_what_is_not_here_is_found(self):
        self.assertEqual(found(tidy.check_citations, "src/a.hpp", "// ruling" + " 7\n// docs/nothing.md says\n"), [1, 2])
        self.assertEqual(found(tidy.check_citations, "src/a.hpp", "// docs/jobs.md, core/shard/shards.hpp and RFC 7396 \u00a72\n"), [])

    def test_an_arrow_up_and_a_cycle_are_found(self):
        sources = {"src/core/scan/a.hpp": '#include "core/jobs/b.hpp"\n', "src/core/jobs/b.hpp": '#include "base/c.hpp"\n',
                   "src/base/c.hpp": '#include "base/d.hpp"\n', "src/base/d.cpp": '#include "c.hpp"\n'}
        self.assertEqual(arrows.breaches_of(arrows.arrows_of(sources)), [
            "src/core/scan/a -> src/core/jobs/b: points up the table of rooms",
            "a cycle without a reason: src/base/c, src/base/d"])
        self.assertEqual(len(arrows.between_rooms(arrows.arrows_of(sources))), 1)

    def test_a_brace_in_an_expression_that_awaits_is_found(self):
        self.assertEqual(found(tidy.check_awaits, "a.cpp", "auto x = co_await open({1, 2});"), [1])
        self.assertEqual(found(tidy.check_awaits, "a.cpp", "co_await run([x] { return x; });"), [1])
        self.assertEqual(found(tidy.check_awaits, "a.cpp", "auto x =\n  co_await load(Key{1});"), [2])

    def test_a_brace_after_the_expression_is_fine(self):
        for source in ("if (co_await open(key)) { go(); }", "auto k = Key{1};\nco_await load(k);",
                       "for (;;) { co_await next(); }", 'co_await say("{}");', "// co_await open({1})\n"):
            self.assertEqual(found(tidy.check_awaits, "a.cpp", source), [], source)

    def test_a_coroutine_lambda_with_captures_is_found(self):
        self.assertEqual(found(tidy.check_lambdas, "a.cpp", "auto f = [this](int x) -> Task<> { co_return; };"), [1])
        self.assertEqual(found(tidy.check_lambdas, "a.cpp", "auto f = [this](int x) -> int { return 1; };"), [])

    def test_a_class_needs_a_comment(self):
        self.assertEqual(found(tidy.check_comments, "a.hpp", "\nclass A {\n};\n"), [2])
        self.assertEqual(found(tidy.check_comments, "a.hpp", "/// Is one.\ntemplate <class T>\nclass A {\n};\nclass B;\n"), [])

    def test_a_second_type_of_a_name_is_found(self):
        seen = {}
        def names(path, source):
            return found(lambda *checked: tidy.check_names(*checked, seen), path, source)
        self.assertEqual(names("src/a.hpp", "namespace carillon {\nstruct A {\n};\n}  // namespace carillon\n"), [])
        self.assertEqual(names("client/a.hpp", "namespace carillon {\nclass A final : B {\n};\n"), [2])
        self.assertEqual(names("client/b.hpp", "namespace carillon::client {\nstruct A {\n};\n"), [])
        self.assertEqual(names("src/b.cpp", "namespace carillon {\nnamespace {\nstruct A {\n};\n}  // namespace\n}"), [])
        self.assertEqual(names("src/a_test.cpp", "namespace carillon {\nstruct A {\n};\n"), [])

    def test_a_long_file_a_note_and_a_machines_path_are_found(self):
        self.assertEqual(found(tidy.check_text, "a.cpp", "x\n" * 701), [701])
        self.assertEqual(found(tidy.check_text, "a.md", "TO" + "DO: later\n/wo" + "rk/x\n"), [1, 2])

    def test_a_registry_in_a_lockfile_is_found(self):
        self.assertEqual(found(tidy.check_lockfile, "package-lock.json", '{\n"resolved": "x"\n}'), [2])


class Bounds(unittest.TestCase):
    CODE = ["struct PeerLimits {\n    static constexpr std::size_t waiting_max = 16;\n};\n"]

    def of_members(self, source):
        return found(lambda *given: bounds.check_members(*given[:2], self.CODE, given[2]), "src/net/x.hpp", source)

    def of_table(self, row):
        check = lambda path, text, report: bounds.check_table(path, text, self.CODE, {"Peer.Waits"}, report)
        return found(check, "docs/limits.md", row)

    def test_a_queue_without_a_bound_is_found(self):
        self.assertEqual(self.of_members("class X {\n    std::deque<int> waiting_;\n};\n"), [2])
        self.assertEqual(self.of_members("    std::unique_ptr<std::string> text_;  ///< What came.\n"), [1])
        self.assertEqual(self.of_members("    std::vector<std::function<void()>>\n        jobs_;\n"), [2])

    def test_a_bound_must_exist(self):
        self.assertEqual(self.of_members("    std::string a_;  ///< What came. Bound: PeerLimits::waiting_max.\n"), [])
        self.assertEqual(self.of_members("    /// What came.\n    /// Bound: waiting_max.\n    std::string a_;\n"), [])
        self.assertEqual(self.of_members("    std::string a_;  ///< Bound: PeerLimits::gone_max.\n"), [1])
        self.assertEqual(self.of_members("    std::string a_;  ///< Bound: OtherLimits::waiting_max.\n"), [1])

    def test_references_functions_and_what_is_fixed_need_none(self):
        fine = ("    const std::string& name_;\n    std::string& out_;\n    std::size_t size_ = 0;\n"
                "    std::string file() const { return name_; }\n    std::string name_;  ///< Bound: fixed.\n")
        self.assertEqual(self.of_members(fine), [])

    def test_a_row_names_what_exists(self):
        row = "| waits | 16 | cut | `{}` | `{}` |"
        self.assertEqual(self.of_table(row.format("PeerLimits::waiting_max", "Peer.Waits")), [])
        self.assertEqual(self.of_table(row.format("PeerLimits::gone_max", "Peer.Waits")), [1])
        self.assertEqual(self.of_table(row.format("PeerLimits::waiting_max", "Peer.Gone")), [1])
        self.assertEqual(self.of_table("| waits | 16 | cut | | `Peer.Waits` |"), [1])


unittest.main()
