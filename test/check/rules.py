# SPDX-License-Identifier: Apache-2.0
"""The house rules. Each is a generator over a tree that yields (file, line, what is wrong, which rule)."""

import pathlib
import re

from source import LAYERS, find

FUNCTION_LINES = 80
FILE_LINES = 600

# What each folder may include of ours; tests may include everything.
MAY_INCLUDE = {"lib": ("lib",), "storage": ("lib", "storage"), "gc": ("lib", "storage", "gc"),
               "server": LAYERS}
# Headers of others that have one place: a folder or a file.
HEADER_PLACE = {"uv.h": "server/", "llhttp.h": "lib/http.c", "curl/curl.h": "server/notify_curl.h"}

DISK_WORDS = re.compile(r"docker/registry/v2|(?:^|/)_(?:layers|manifests|uploads)(?:/|$)")
FILE_CALLS = re.compile(
    r"(?<![\w.>])(open|openat|openat2|creat|close|fopen|fdopen|read|pread|readv|preadv|write|pwrite|writev|"
    r"pwritev|rename|renameat|renameat2|link|linkat|symlink|symlinkat|readlink|readlinkat|unlink|unlinkat|"
    r"remove|mkdir|mkdirat|rmdir|fsync|fdatasync|sync_file_range|syncfs|stat|lstat|fstat|fstatat|statx|statvfs|"
    r"fstatvfs|statfs|fstatfs|access|faccessat|opendir|fdopendir|readdir|closedir|scandir|nftw|truncate|"
    r"ftruncate|fallocate|posix_fallocate|posix_fadvise|flock|lockf|utimensat|futimens|chmod|fchmod|chown|"
    r"fchown|mkstemp|mkdtemp|mkostemp|sendfile|copy_file_range|mmap)\s*\(")
STATUS = re.compile(
    r"(?<![\w.])(?:20[0-8]|226|30[0-8]|40[0-9]|41[0-8]|42[1-689]|431|451|50[0-8]|51[01])(?:U|L|UL)?(?![\w.])")
# A quantity with a name of its own is not a status: IDLE_MS = 500.
QUANTITY = re.compile(r"\b[A-Z][A-Z0-9_]*\s*=\s*$")
FILE_CALL_PLACES = ("storage/file.c", "storage/file_dir.c", "lib/log.c")  # the log writes to a descriptor that it was given
POOL_CALL = re.compile(r"\b(uv_queue_work|uv_thread_create|pthread_create)\s*\(")
BASE64_CALL = re.compile(r"\bsodium_base642bin\s*\(")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def include_arrows(top):
    """server -> gc -> storage -> lib, and never up."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        for line, quote, path in source.includes:
            layer = path.split("/")[0]
            if quote == '"' and layer not in MAY_INCLUDE[source.layer]:
                yield source.name, line, f'"{path}" is not for {source.layer}/ to include', "include arrows"


def one_door(top):
    """storage/storage.h is all that others see of the store."""
    for source in find(top, ".c", ".h", folders=("gc", "server")):
        for line, quote, path in source.includes:
            if quote == '"' and path.startswith("storage/") and path != "storage/storage.h":
                yield source.name, line, f'"{path}": others include only storage/storage.h', "one door to the store"


def header_places(top):
    """Some headers of other projects are included in one place only."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        for line, _, path in source.includes:
            place = HEADER_PLACE.get(path)
            if place and not source.name.startswith(place):
                yield source.name, line, f"{path} is included only in {place}", "one place for a library"


def disk_paths(top):
    """Paths on the disk are formatted in storage/layout.c."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        if source.name == "storage/layout.c":
            continue
        for line, text in source.strings:
            if DISK_WORDS.search(text):
                yield source.name, line, f'"{text}" is a path on the disk', "paths only in storage/layout.c"


def file_calls(top):
    """System calls on files are made in storage/file.c, where tests inject faults."""
    for source in find(top, ".c", ".h", folders=("lib", "storage", "gc")):
        if source.name in FILE_CALL_PLACES:
            continue
        for line, code in enumerate(source.code, 1):
            for match in FILE_CALLS.finditer(code):
                yield source.name, line, f"{match.group(1)}() is a call on files", "file calls only in storage/file.c"


def status_numbers(top):
    """HTTP's numbers are in server/error.c; elsewhere they have names."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        if source.name == "server/error.c" or source.layer != "server":
            continue
        for line, code in enumerate(source.code, 1):
            for match in STATUS.finditer(code):
                if not QUANTITY.search(code[:match.start()]):
                    yield (source.name, line, f"{match.group()} looks like an HTTP status; a quantity wants a name",
                           "status numbers only in server/error.c")


def pool_calls(top):
    """Work is handed to threads in server/pool.c; only the one that notifies waits for others than the disk."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        if source.name in ("server/pool.c", "server/notify.c"):
            continue
        for line, code in enumerate(source.code, 1):
            if match := POOL_CALL.search(code):
                yield source.name, line, f"{match[1]} is called", "the pool only in server/pool.c"


def base64_calls(top):
    """Text is decoded in lib/base64.c, which knows what libsodium takes for digits."""
    for source in find(top, ".c", ".h", folders=LAYERS):
        if source.name == "lib/base64.c":
            continue
        for line, code in enumerate(source.code, 1):
            if BASE64_CALL.search(code):
                yield source.name, line, "sodium_base642bin is called", "base64 is decoded only in lib/base64.c"


def sizes(top):
    """Functions and files that have grown too long. A function's braces stand at column 0."""
    for source in find(top, ".c", ".h"):
        begin = None
        for line, code in enumerate(source.code, 1):
            if code.rstrip() == "{":
                begin = line
            elif code.startswith("}") and begin:
                if line - begin + 1 > FUNCTION_LINES:
                    yield (source.name, begin, f"a function of {line - begin + 1} lines",
                           f"functions have {FUNCTION_LINES} lines at most")
                begin = None
    for source in find(top, ".c", ".h", ".py"):
        if len(source.lines) > FILE_LINES:
            yield (source.name, len(source.lines), f"a file of {len(source.lines)} lines",
                   f"files have {FILE_LINES} lines at most")


def licences(top):
    """Every source says its licence."""
    top = pathlib.Path(top)
    sources = find(top, ".c", ".h", ".py", ".sh")
    own = [top / name for name in ("CMakeLists.txt", "Dockerfile", "dev", ".ci/run")]
    texts = [(source.name, source.text) for source in sources]
    texts += [(path.relative_to(top).as_posix(), path.read_text(encoding="utf-8")) for path in own if path.exists()]
    for name, text in texts:
        if SPDX not in "\n".join(text.splitlines()[:8]):
            yield name, 1, f"no line {SPDX}", "every source says its licence"


ROW = re.compile(r'^\s*\{\s*"([a-z][\w.]*)"\s*,\s*CONF_(\w+)', re.M)


def options_documented(top):
    """What the table of options has, registry.ini tells, and the other way round."""
    table = pathlib.Path(top, "server", "options.c")
    manual = pathlib.Path(top, "registry.ini")
    if not table.exists() or not manual.exists():
        return
    text = table.read_text(encoding="utf-8")
    told = ini_keys(manual.read_text(encoding="utf-8"))
    table_keys = {match.group(1): (text.count("\n", 0, match.start(1)) + 1, match.group(2))
                  for match in ROW.finditer(text)}
    maps = tuple(f"{key}." for key, (_, kind) in table_keys.items() if kind == "MAP")  # people name what is below
    for key, (line, kind) in table_keys.items():
        if kind != "LATER" and key not in told and not any(name.startswith(f"{key}.") for name in told):
            yield "server/options.c", line, f"{key} is not in registry.ini", "every option is documented"
    for key, line in told.items():
        if table_keys and key not in table_keys and not key.startswith(maps):
            yield "registry.ini", line, f"{key} is not an option", "every option is documented"


def ini_keys(text):
    """key -> line; an option that is commented out (";key = value") counts."""
    section, keys = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r"\s*[;#]?\[([\w.]+)\]", line)
        option = re.match(r"\s*[;#]?([A-Za-z][\w.-]*)\s*=", line)
        if heading:
            section = heading.group(1)
        elif option:
            keys.setdefault(f"{section}.{option.group(1)}" if section else option.group(1), number)
    return keys


RULES = (include_arrows, one_door, header_places, disk_paths, file_calls, status_numbers, pool_calls,
         base64_calls, sizes,
         licences, options_documented)
