#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""backend_table must count, mark failures, and keep columns that no file holds."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend_table")
OLD = """Before.
<!-- backend table -->

| kernel | serial | cuda |
| --- | ---: | ---: |
| nn.gone | 2/2 | 2/2 |
| nn.linear | 9/9 | **3/4** |
| nn.resize | 1/1 | not implemented |
| all | 12/12 | **5/6** |

<!-- end of the backend table -->
After.
"""
KEPT = """| kernel | serial | cuda |
| --- | ---: | ---: |
| nn.gone | - | 2/2 |
| nn.linear | **1/2** | **3/4** |
| nn.new | 1/1 | - |
| nn.resize | not implemented | not implemented |
| all | **2/3** | **5/6** |
"""
ROWS = [("nn.linear", "passed"), ("nn.linear", "failed"), ("nn.new", "passed"), ("nn.resize", "not implemented")]


def main():
    with tempfile.TemporaryDirectory() as folder:
        rows, page = os.path.join(folder, "rows.json"), os.path.join(folder, "page.md")
        with open(rows, "w", encoding="utf-8") as file:
            json.dump([{"kernel": kernel, "backend": "serial", "verdict": verdict} for kernel, verdict in ROWS], file)

        def run(text, *arguments):
            with open(page, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([sys.executable, PROGRAM, "--json", rows, "--into", page, *arguments], capture_output=True, text=True, check=False)
            with open(page, encoding="utf-8") as file:
                return done.returncode, file.read(), done.stderr

        before, _, after = OLD.partition(OLD[OLD.index("| kernel") : OLD.index("\n<!-- end")])
        assert run(OLD, "--keep") == (0, before + KEPT + after, "")
        code, text, _ = run(OLD)
        assert code == 0 and "cuda" not in text and "| all | **2/3** |" in text, text
        for broken in (OLD.replace("**3/4**", "three"), before + after, "no table"):
            code, text, error = run(broken, "--keep")
            assert code == 1 and text == broken and error.startswith("backend_table: "), (code, text, error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
