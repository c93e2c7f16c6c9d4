#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the headers' rules: who may include whom, lengths, labels, nothing from Kokkos::Impl, guards.

    check_headers.py INCLUDE_FOLDER

Prints one line for each departure and exits 1 when there is one.
"""
import pathlib
import re
import sys

# A module may include itself, core, and these.
MAY_INCLUDE = {
    "core": set(), "io": set(), "linalg": set(), "image": set(), "nn": {"linalg"}, "transport": {"linalg", "nn"}, "profiling": {"linalg", "image"},
    "vit": {"linalg", "nn"}, "ssl": {"linalg", "nn"}, "backbones": {"linalg", "nn"}, "explain": {"linalg", "nn"},
    "video": {"linalg", "nn", "backbones"}, "mae": {"linalg", "nn", "vit"},
}
PUBLIC_LINES, DETAIL_LINES = 350, 800
# A launch that begins with a policy has no label; one nested in a team needs none.
# The one header that includes Kokkos.
KOKKOS_HEADER = "ocellus/core/kokkos.hpp"
UNLABELLED = re.compile(r"Kokkos::parallel_(?:for|reduce|scan)\s*\(\s*Kokkos::(?:RangePolicy|TeamPolicy|MDRangePolicy|Experimental)")


# A reduction with several results: OpenMPTarget and the mock accelerator have none.
SEVERAL_RESULTS = re.compile(r"\[&\]\(std::int64_t const \w+, [\w:<>]+& \w+, [\w:<>]+& \w+")

# Workspaces are sized with Views of shapes alone too, of which newer versions of Kokkos say that their size is 0. Tables have a size of their own.
SIZE_OF_VIEW = re.compile(r"\bworkspace_bytes<[^;\n]*(?<!\btable)\.size\(\)")


def reaches_kokkos(include: pathlib.Path, name: str, known: dict) -> bool:
    """Whether a header includes KOKKOS_HEADER, through others or itself."""
    if name not in known:
        known[name] = name == KOKKOS_HEADER
        path = include / name
        targets = re.findall(r"#include\s*<(ocellus/\S+?)>", path.read_text(encoding="utf-8")) if path.exists() else []
        known[name] = known[name] or any([reaches_kokkos(include, target, known) for target in targets])
    return known[name]


def check(include: pathlib.Path):
    root = include / "ocellus"
    known = {}
    for path in sorted(root.rglob("*.hpp")):
        name = path.relative_to(include)
        parts = path.relative_to(root).parts
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        if not text.startswith("// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"):
            yield f"{name}: does not begin with the licence line and #pragma once"
        for word in ("Kokkos::Impl", "TODO", "FIXME", "using namespace Kokkos"):
            if word in text:
                yield f"{name}: contains {word}"
        if re.search(r"\b(?:Kokkos::|KOKKOS_)", text) and not reaches_kokkos(include, str(name), known):
            yield f"{name}: uses Kokkos but does not include {KOKKOS_HEADER}, not even through others"
        if re.search(r"\bget_shmem\s*\(", text):
            yield f"{name}: get_shmem takes a level where one expects an alignment; write get_shmem_aligned"
        if re.search(r"\bKokkos::fence\s*\(", text):
            yield f"{name}: fences every instance; fence the given one"
        for launch in UNLABELLED.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, launch.start()) + 1}: a launch without a label"
        for size in SIZE_OF_VIEW.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, size.start()) + 1}: a workspace's bytes by size(), which is 0 for a null View; write element_count"
        for reduction in SEVERAL_RESULTS.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, reduction.start()) + 1}: a reduction with several results; not every backend has those"
        if len(parts) == 1:
            for target in re.findall(r'#include\s*[<"]([^">]+)', text):
                module = target.split("/")[1] if target.startswith("ocellus/") and target.count("/") > 1 else None
                if parts[0] == "ocellus.hpp" and not re.fullmatch(r"ocellus/\w+\.hpp", target):
                    yield f"{name}: includes {target}, but only the modules' headers belong here"
                elif module and f"{module}.hpp" != parts[0]:
                    yield f"{name}: includes {target} of another module"
            continue
        module = parts[0]
        if module not in MAY_INCLUDE:
            yield f"{name}: {module} is not a module"
            continue
        private = bool({"detail", "tuning"} & set(parts))
        limit = DETAIL_LINES if private else PUBLIC_LINES
        if len(lines) > limit:
            yield f"{name}: {len(lines)} lines, more than {limit}"
        for target in re.findall(r"#include\s*[<\"]ocellus/(\S+?)[>\"]", text):
            other, _, rest = target.partition("/")
            if not rest:
                if target != "version.hpp":
                    yield f"{name}: includes the whole of {target}"
            elif other not in {module, "core"} | MAY_INCLUDE[module]:
                yield f"{name}: {module} may not include {target}"
            elif other != module and rest.startswith("detail/"):
                yield f"{name}: includes {target}, a detail of another module"
        if re.search(r'#include\s*"', text):
            yield f'{name}: includes with quotes; write <ocellus/...>'
    everything = root / "ocellus.hpp"
    if everything.exists():
        for umbrella in root.glob("*.hpp"):
            if umbrella.name not in ("ocellus.hpp", "io.hpp") and f"<ocellus/{umbrella.name}>" not in everything.read_text():
                yield f"ocellus/ocellus.hpp: does not include ocellus/{umbrella.name}"
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        umbrella = root / f"{folder.name}.hpp"
        included = umbrella.read_text() if umbrella.exists() else ""
        for header in sorted(folder.glob("*.hpp")):
            if f"<ocellus/{folder.name}/{header.name}>" not in included:
                yield f"ocellus/{folder.name}.hpp: does not include ocellus/{folder.name}/{header.name}"


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    departures = list(check(pathlib.Path(sys.argv[1])))
    for departure in departures:
        print(departure)
    print(f"{len(departures)} departures from the headers' rules")
    return 1 if departures else 0


if __name__ == "__main__":
    sys.exit(main())
