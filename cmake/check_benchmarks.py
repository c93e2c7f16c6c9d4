#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every kernel has a benchmark: a public header that declares a cost has a file of the same path below benchmarks/, which calls each of its kernels.

    check_benchmarks.py INCLUDE_FOLDER BENCHMARKS_FOLDER
    check_benchmarks.py --self-test

Prints one line for each departure and exits 1 when there is one.
"""
import pathlib
import re
import sys
import tempfile

# Headers that are timed in another header's file, since both do the same on the same shapes.
ELSEWHERE = {"linalg/gram": "linalg/covariance", "profiling/knn_classify": "profiling/knn", "transport/assignment": "transport/exact_ot"}
# What a cost stands for where no function has its name.
KERNELS = {"object_measurements": ("measure_shapes", "measure_intensities")}
COST = re.compile(r"^[ ]*(?:\[\[nodiscard\]\] |constexpr |inline )*Cost (\w+)_cost\(", re.MULTILINE)
KERNEL_LIKE = "ExecutionSpace Exec"


def check(include: pathlib.Path, benchmarks: pathlib.Path, elsewhere=None):
    elsewhere = ELSEWHERE if elsewhere is None else elsewhere
    seen = set()
    for path in sorted((include / "ocellus").glob("*/*.hpp")):
        text, header = path.read_text(encoding="utf-8"), path.relative_to(include / "ocellus").with_suffix("").as_posix()
        kernels = [kernel for cost in COST.findall(text) for kernel in KERNELS.get(cost, (cost,))]
        if not kernels or KERNEL_LIKE not in text:
            continue
        seen.add(header)
        program = benchmarks / f"{elsewhere.get(header, header)}.cpp"
        if not program.exists():
            yield f"ocellus/{header}.hpp: has no benchmark {program.relative_to(benchmarks)}"
            continue
        if header in elsewhere and (benchmarks / f"{header}.cpp").exists():
            yield f"ocellus/{header}.hpp: has a benchmark of its own, so it needs no other"
        calls = program.read_text(encoding="utf-8")
        for kernel in kernels:
            # A cost is that of a function, or of what fits and applies.
            if not re.search(rf"::(?:fit_|apply_)?{kernel}\(exec\b", calls):
                yield f"ocellus/{header}.hpp: {kernel} is not called in {program.relative_to(benchmarks)}"
    for header in sorted(set(elsewhere) - seen):
        yield f"ocellus/{header}.hpp: is timed elsewhere, but declares no cost"


def self_test():
    """Each departure is found, and nothing where there is none."""
    with tempfile.TemporaryDirectory() as name:
        include, benchmarks = pathlib.Path(name) / "include", pathlib.Path(name) / "benchmarks"
        header, program = include / "ocellus" / "nn" / "norm.hpp", benchmarks / "nn" / "norm.cpp"
        for path in (header, program):
            path.parent.mkdir(parents=True)
        kernel = "template <ExecutionSpace Exec>\nvoid {0}(Exec const& exec);\n[[nodiscard]] constexpr Cost {0}_cost(double n) {{ return {{}}; }}\n"
        found = lambda elsewhere=None: len(list(check(include, benchmarks, elsewhere or {})))
        header.write_text(kernel.format("norm") + kernel.format("norm_backward"), encoding="utf-8")
        assert found() == 1, "a header without a benchmark"
        program.write_text("nn::norm_cost(1); nn::norm(exec);", encoding="utf-8")
        assert found() == 1, "a kernel that is not called"
        program.write_text("nn::norm(exec); nn::norm_backward(exec);", encoding="utf-8")
        assert found() == 0, "a benchmark of both"
        assert found({"nn/norm": "nn/norm", "nn/gone": "nn/norm"}) == 2, "a table that is out of date"
        header.write_text("constexpr double schedule_cost(double n);", encoding="utf-8")
        assert found() == 0, "a header without kernels"


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    departures = list(check(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
    for departure in departures:
        print(departure)
    print(f"{len(departures)} kernels without a benchmark")
    return 1 if departures else 0


if __name__ == "__main__":
    sys.exit(main())
