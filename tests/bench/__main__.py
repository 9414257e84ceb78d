"""Run the benchmarks, all or the named ones, and put each into docs/benchmarks.md as soon as it is measured.

Each module `bench_NAME.py` beside this one has `run() -> Section`. A section that fails leaves what was
there, and the others are measured all the same. `--print`: write nothing. Exits 1 when a bar is missed or a
section failed.
"""

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.report import Section, replaced

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "docs" / "benchmarks.md"


def main(arguments: Sequence[str]) -> int:
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    chosen = [argument for argument in arguments if argument != "--print"]
    unknown = set(chosen) - set(names)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names)}", file=sys.stderr
        )
        return 2
    report = None if "--print" in arguments else REPORT
    return measured([name for name in names if name in chosen or not chosen], _run, report)


def measured(names: Sequence[str], run: Callable[[str], Section], report: Path | None) -> int:
    """The exit code, when each was measured and written to the report (None: nowhere)."""
    wrong = []
    for name in names:
        print(f"running {name} …", flush=True)
        try:
            section = run(name)
        except Exception:  # noqa: BLE001  # whatever it is, the others are measured all the same
            traceback.print_exc()
            wrong.append(f"failed: {name}")
            continue
        print(f"\n{section.title}\n\n{section.body}\n", flush=True)
        if report:
            before = report.read_text(encoding="utf-8") if report.exists() else ""
            report.write_text(replaced(before, name, section), encoding="utf-8")
        if not section.passed:
            wrong.append(f"bar missed: {section.title}")
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


def _run(name: str) -> Section:
    section: Section = importlib.import_module(f"tests.bench.bench_{name}").run()
    return section


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
