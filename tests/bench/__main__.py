"""Run the benchmarks: all of them and write docs/benchmarks.md, or the named ones and only print.

Each module `bench_NAME.py` beside this one has `run() -> Section`. Exits 1 when a bar is missed.
"""

import importlib
import sys
from pathlib import Path

from tests.bench.report import Section, document

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "docs" / "benchmarks.md"


def main(chosen: list[str]) -> int:
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = set(chosen) - set(names)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names)}", file=sys.stderr
        )
        return 2
    sections = [_run(name) for name in names if name in chosen or not chosen]
    if not chosen:
        REPORT.write_text(document(sections), encoding="utf-8")
    missed = [section.title for section in sections if not section.passed]
    for title in missed:
        print(f"bar missed: {title}", file=sys.stderr)
    return 1 if missed else 0


def _run(name: str) -> Section:
    print(f"running {name} …", flush=True)
    section: Section = importlib.import_module(f"tests.bench.bench_{name}").run()
    print(f"\n{section.title}\n\n{section.body}\n", flush=True)
    return section


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
