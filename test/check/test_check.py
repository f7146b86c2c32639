#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The check is checked: each rule refuses what breaks it, at the right line, and lets the nearest good code pass."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import objects
import rules

LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"


class InTree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


class Text(InTree):
    def refused(self, rule, name, text, line=1):
        path = self.write(name, text)
        self.assertEqual([finding[:2] for finding in rule(self.top)], [(name, line)], f"{name}: {text!r}")
        path.unlink()

    def passed(self, rule, name, text):
        path = self.write(name, text)
        self.assertEqual(list(rule(self.top)), [], f"{name}: {text!r}")
        path.unlink()

    def test_include_arrows(self):
        for name, header in (("lib/a.c", "storage/storage.h"), ("storage/a.h", "gc/gc.h"), ("gc/a.c", "server/pool.h"),
                             ("lib/a.h", "test/row/harness.h"), ("server/a.c", "test/row/harness.h"),
                             ("lib/a.c", "span.h")):
            self.refused(rules.include_arrows, name, f'\n#include "{header}"\n', 2)
        for name, header in (("lib/a.c", "lib/b.h"), ("storage/a.c", "lib/b.h"), ("gc/a.c", "storage/b.h"),
                             ("server/a.c", "gc/b.h"), ("test/row/a.c", "server/b.h")):
            self.passed(rules.include_arrows, name, f'#include "{header}"\n')

    def test_one_door(self):
        self.refused(rules.one_door, "server/a.c", '#include "storage/layout.h"\n')
        self.refused(rules.one_door, "gc/a.c", '#include "storage/file.h"\n')
        self.passed(rules.one_door, "gc/a.c", '#include "storage/storage.h"\n')
        self.passed(rules.one_door, "storage/a.c", '#include "storage/layout.h"\n')

    def test_header_places(self):
        self.refused(rules.header_places, "storage/a.c", "#include <uv.h>\n")
        self.refused(rules.header_places, "server/a.c", "#include <llhttp.h>\n")
        self.passed(rules.header_places, "server/a.c", "#include <uv.h>\n")
        self.passed(rules.header_places, "lib/http.c", "#include <llhttp.h>\n")

    def test_disk_paths(self):
        for text in ("_layers", "a/_manifests/b", "_uploads/%s", "/docker/registry/v2/blobs"):
            self.refused(rules.disk_paths, "storage/blob.c", f'\n\nconst char *p = "{text}";\n', 3)
        self.passed(rules.disk_paths, "storage/layout.c", 'const char *p = "_layers";\n')
        self.passed(rules.disk_paths, "gc/a.c", '/* below "_layers" */\nconst char *p = "max_uploads";\n')

    def test_file_calls(self):
        for call in ("open(p, 0)", "write (fd, p, n)", "fdatasync(fd)", "unlink(p)", "readdir(d)", "mkdirat(d, p, 0)"):
            self.refused(rules.file_calls, "storage/blob.c", f"/* c */\nint r = {call};\n", 2)
        self.refused(rules.file_calls, "gc/a.c", "x = stat(p, &s);\n")
        self.passed(rules.file_calls, "storage/file.c", "int r = open(p, 0);\n")
        self.passed(rules.file_calls, "storage/blob.c",
                    "file_open(p); op->open(x); op.close(x); s = sizeof(struct stat); // open(p)\n")

    def test_status_numbers(self):
        for code in ("reply(r, 404);", "if (code == 202)", "case 301:"):
            self.refused(rules.status_numbers, "server/api_blob.c", f"{code}\n")
        self.passed(rules.status_numbers, "server/error.c", "int s = 404;\n")
        self.passed(rules.status_numbers, "lib/buf.c", "int s = 404;\n")
        self.passed(rules.status_numbers, "server/a.c",
                    'enum { IDLE_MS = 500 };\nx = "404"; /* a 404 */ y = 4040 + 0x404 + a404 + 1.404;\n')

    def test_pool_calls(self):
        self.refused(rules.pool_calls, "server/conn.c", "pthread_create(&t, 0, f, 0);\n")
        self.passed(rules.pool_calls, "server/pool.c", "pthread_create(&t, 0, f, 0);\n")

    def test_base64_calls(self):
        self.refused(rules.base64_calls, "server/auth_jwt.c", "sodium_base642bin(a, 1, b, 1, 0, &n, 0, v);\n")
        self.passed(rules.base64_calls, "lib/base64.c", "sodium_base642bin(a, 1, b, 1, 0, &n, 0, v);\n")
        self.passed(rules.base64_calls, "server/a.c", "sodium_bin2base64(a, 1, b, 1, v);\n")

    def test_sizes(self):
        def function(lines):
            return "int f(void)\n{\n" + "    x();\n" * (lines - 2) + "}\n"
        self.refused(rules.sizes, "lib/a.c", function(81), 2)
        self.refused(rules.sizes, "test/row/a.c", function(3) + function(81), 6)
        self.passed(rules.sizes, "lib/a.c", function(80))
        self.passed(rules.sizes, "lib/a.c", "static const int a[] = {\n" + "    1,\n" * 100 + "};\n")
        self.refused(rules.sizes, "lib/a.h", "/* */\n" * 601, 601)
        self.passed(rules.sizes, "lib/a.h", "/* */\n" * 600)

    def test_licences(self):
        self.refused(rules.licences, "lib/a.c", "int a;\n")
        self.refused(rules.licences, "test/api/a.py", "A = 1\n")
        self.refused(rules.licences, "dev", "#!/bin/bash\n")
        self.passed(rules.licences, "lib/a.c", LICENCE)

    def test_options_documented(self):
        table = '    {"http.addr", CONF_STRING,\n    0},\n    {"log.level", CONF_ENUM, 0},\n    {"redis", CONF_LATER, 0},\n'
        self.passed(rules.options_documented, "server/options.c", table)  # no manual yet
        manual = self.write("registry.ini", "[http]\naddr = :5000\n")
        self.refused(rules.options_documented, "server/options.c", table, 3)
        manual.write_text("[http]\naddr = :5000\n[log]\n;level = info\n", encoding="utf-8")
        self.passed(rules.options_documented, "server/options.c", table)
        self.passed(rules.options_documented, "server/options.c", table.replace("CONF_STRING", "CONF_MAP"))
        manual.write_text("[http.addr]\nX-Any = 1\n[log]\n;level = info\n", encoding="utf-8")
        self.passed(rules.options_documented, "server/options.c", table.replace("CONF_STRING", "CONF_MAP"))
        manual.write_text("[http]\naddr = :5000\nport = 1\n[log]\nlevel = info\n", encoding="utf-8")
        self.write("server/options.c", table)
        self.assertEqual([finding[:2] for finding in rules.options_documented(self.top)], [("registry.ini", 3)])


class Objects(InTree):
    def compiled(self, name, text):
        source = self.write(name, text)
        made = self.top / "build" / "CMakeFiles" / "x.dir" / (name + ".o")
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-fPIC", "-c", "-o", str(made), str(source)], check=True)
        found = list(objects.mutable_variables(self.top / "build", self.top))
        source.unlink()
        self.assertEqual(list(objects.mutable_variables(self.top / "build", self.top)), [])  # a leftover
        return [finding[:2] for finding in found]

    def test_mutable_variables(self):
        use = "int f(void);\nint f(void)\n{\n    return counter++;\n}\n"
        self.assertEqual(self.compiled("gc/a.c", "\nstatic int counter;\n" + use), [("gc/a.c", 2)])
        self.assertEqual(self.compiled("gc/a.c", "static int counter = 7;\n" + use), [("gc/a.c", 1)])
        self.assertEqual(self.compiled("gc/a.c", "static _Thread_local int counter;\n" + use), [("gc/a.c", 1)])
        self.assertEqual(self.compiled("gc/a.c", use.replace("{\n", "{\n    static int counter;\n")), [("gc/a.c", 4)])
        self.assertEqual(self.compiled("lib/log.c", "static int counter;\n" + use), [])

    def test_constants_pass(self):
        text = ('#include <stdio.h>\nvoid g(void);\nstatic const char *const names[] = {"a", "b"};\n'
                "struct row { const char *n; void (*f)(void); };\nextern const struct row rows[];\n"
                'const struct row rows[] = {{"a", g}};\n'
                "void g(void)\n{\n    fprintf(stderr, names[rows[0].n != __func__]);\n}\n")
        self.assertEqual(self.compiled("server/a.c", text), [])


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False, verbosity=0).result
    sys.exit(not result.wasSuccessful())
