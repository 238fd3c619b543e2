"""The check of scripts/hot-path.sh: forbidden runtime calls inside named functions of a binary.

The list has a line per pattern, a regular expression searched in the demangled name of a function, as `swift demangle`
spells it (modules and types in full), a private name without its file's hash, a specialisation or a closure under the
name of the function that it was made from. `allow PATTERN CALL` lets functions that match PATTERN make calls that match
CALL. `#` begins a comment. Calls in code that the compiler outlined from a function (`outlined ... of`) are not its own.
"""

import re
import shutil
import subprocess
import sys
import tempfile

FORBIDDEN = re.compile(
    r"swift_(?:retain|release|bridgeObjectRetain|bridgeObjectRelease|unknownObjectRetain|unknownObjectRelease|allocObject"
    r"|allocBox|beginAccess|once|getGenericMetadata|getTypeByMangledName\w*|getWitnessTable|getAssociatedTypeWitness"
    r"|dynamicCast\w*|allocError|willThrow(?!Typed)|task_\w+)(?:_\w+)?"
    r"|__swift_instantiate\w*|__swift_instantiateConcreteTypeFromMangledName\w*")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
CALL = re.compile(r"\s(?:callq?|jmpq?|bl|b)\s+[0-9a-f]+ <([^>+]+)(?:\+0x[0-9a-f]+)?>")


def read_list(path):
    patterns, allowed = [], []
    for number, line in enumerate(open(path), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        try:
            if line.startswith("allow "):
                _, where, what = line.split()
                allowed.append((re.compile(where), re.compile(what)))
            else:
                patterns.append(re.compile(line))
        except (ValueError, re.error) as error:
            sys.exit(f"hot-path: {path}:{number}: {error}")
    return patterns, allowed


def calls_by_function(binary):
    """Mangled function -> the forbidden calls that it makes; every function is a key."""
    found, current = {}, None
    with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", binary], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line[:1] not in (" ", "\t", "\n", ""):
                match = FUNCTION.match(line)
                if match:
                    current = found.setdefault(match.group(1), [])
            elif "swift_" in line and current is not None:
                match = CALL.search(line)
                if match and FORBIDDEN.match(match.group(1).removesuffix("@plt")):
                    current.append(match.group(1).removesuffix("@plt"))
    if process.returncode != 0:
        sys.exit(f"hot-path: objdump cannot read {binary}")
    return found


def demangled(names):
    tool = shutil.which("swift-demangle")
    command = [tool] if tool else ["swift", "demangle"]
    with tempfile.TemporaryFile("w+") as text:
        text.write("\n".join(names) + "\n")
        text.seek(0)
        output = subprocess.run(command, stdin=text, capture_output=True, text=True, check=True).stdout
    result = output.splitlines()
    if len(result) != len(names):
        sys.exit("hot-path: swift demangle answered with another number of lines")
    return dict(zip(names, result))


def plain(text):
    """The function that a demangled symbol stands for."""
    text = re.sub(r"\((\w+) in _[0-9A-F]{32}\)", r"\1", text)
    text = re.sub(r"^.*specialization <.*> of ", "", text)
    return re.sub(r"^(?:merged )?(?:closure #\d+ .* in )?", "", text)


def main():
    binary, list_path = sys.argv[1:3]
    patterns, allowed = read_list(list_path)
    if not patterns:
        print(f"SKIPPED hot-path: {list_path} names no function")
        return 0
    functions = calls_by_function(binary)
    names = [name for name in functions if name.startswith("$s")]
    spelled = demangled(names)
    status, checked = 0, 0
    hits = {pattern: 0 for pattern in patterns}
    used = set()
    for name in names:
        text = plain(spelled[name])
        matching = [pattern for pattern in patterns if pattern.search(text)]
        if not matching or text.startswith(("outlined ", "merged outlined ")):
            continue
        for pattern in matching:
            hits[pattern] += 1
        checked += 1
        for call in sorted(set(functions[name])):
            excuse = next((pair for pair in allowed if pair[0].search(text) and pair[1].search(call)), None)
            if excuse:
                used.add(excuse)
            else:
                status = 1
                print(f"hot-path: {text}\n          calls {call} ({functions[name].count(call)} times)")
    for pattern, count in hits.items():
        if count == 0:
            status = 1
            print(f"hot-path: no function matches '{pattern.pattern}': renamed, or inlined away?")
    for where, what in allowed:
        if (where, what) not in used:
            print(f"hot-path: note: 'allow {where.pattern} {what.pattern}' excuses nothing now and can go")
    print(f"hot-path: {checked} functions of {len(patterns)} patterns, {'clean' if status == 0 else 'NOT clean'}")
    return status


sys.exit(main())
