"""What is examined: a server's settings, and the centre of `cti up` around it if there is one."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cti_server.doctor.finding import NotThere, Text, Wrong
from cti_server.settings import Settings

START_FIRST = "run make up first 先执行 make up"


@dataclass(frozen=True, slots=True)
class Patient:
    """`settings` None: nothing runs and nothing is set up, so only the machine can be looked at.

    `var` is the folder of a centre of `cti up`, None for a server that was set up otherwise. `fault` says why
    settings that are there cannot be used.
    """

    settings: Settings | None
    var: Path | None = None
    settings_file: Path | None = None
    fault: str = ""

    def needs(self) -> Settings:
        """The settings. Raises NotThere."""
        if self.settings is None:
            raise NotThere(START_FIRST)
        return self.settings

    async def settings_valid(self) -> str:
        """Check: the settings can be read, and by nobody else, since they hold the manager's secret."""
        if self.fault:
            raise Wrong(
                self.fault,
                Text(
                    "按 docs/operators.md 的设置表更正",
                    "correct it by the table of settings in docs/operators.md",
                ),
            )
        self.needs()
        if self.settings_file is None:
            return "from the environment"
        mode = self.settings_file.stat().st_mode & 0o777
        if mode & 0o077:
            raise Wrong(
                f"{self.settings_file} is {mode:04o}; it holds a secret",
                Text(f"执行 chmod 600 {self.settings_file}", f"chmod 600 {self.settings_file}"),
            )
        return f"{self.settings_file} {mode:04o}"


def find_patient(var: Path) -> Patient:
    """The server that CTI_SETTINGS or CTI_NODES set up, else the centre that runs in `var`, else none."""
    named = os.environ.get("CTI_SETTINGS")
    if named or os.environ.get("CTI_NODES"):
        return _read(Path(named) if named else None)
    if centre_runs(var):
        return _read(var / "run/server.json")
    return Patient(None, var)


def _read(file: Path | None) -> Patient:
    var = file.parent.parent if file and file.parent.name == "run" else None
    try:
        values = json.loads(file.read_text()) if file else {}
        return Patient(Settings(**values), var, file)
    except OSError as error:
        return Patient(None, var, file, f"{file}: {error.strerror}")
    except ValidationError as error:  # its own text would show values
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        return Patient(None, var, file, "; ".join(faults))
    except (ValueError, TypeError):
        return Patient(None, var, file, f"{file} is not a JSON object")


def centre_runs(var: Path) -> bool:
    """Whether `cti up` holds the folder's lock at this moment."""
    try:
        with (var / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
