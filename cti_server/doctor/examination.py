"""Runs all checks side by side, each with its deadline; a check that crashes is a failed finding."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from cti_server.doctor import files, machine, pbx, prompts, server, stores
from cti_server.doctor.finding import Check, Finding, NotThere, State, Text, Wrong
from cti_server.doctor.node import NodeProbe
from cti_server.doctor.patient import Patient, find_patient
from cti_server.settings import Settings

TITLE = Text("服务器设置", "settings")


async def examine(
    settings: Settings | None = None, var: Path = Path("var"), *, settings_file: Path | None = None
) -> list[Finding]:
    """Examine the server of these settings; by default the one set up by CTI_SETTINGS, or running in `var`.

    `settings_file`: where the given settings are kept (for its mode, and for the centre's folder around it).
    Nothing is raised: what goes wrong is in the findings, in the order of the checks.
    """
    if settings is None:
        patient = find_patient(var)
    else:
        folder = settings_file.parent.parent if settings_file else None
        patient = Patient(settings, folder, settings_file)
    async with AsyncExitStack() as stack:
        probes = [NodeProbe(node) for node in patient.settings.nodes] if patient.settings else []
        for probe in probes:
            stack.push_async_callback(probe.close)
        return await findings_of(_checks(patient, probes))


def _checks(patient: Patient, probes: Sequence[NodeProbe]) -> list[Check]:
    nodes: Sequence[NodeProbe | None] = probes or [None]
    return [
        *machine.checks(),
        Check("settings", TITLE, patient.settings_valid),
        *server.checks(patient),
        *(check for probe in nodes for check in pbx.checks(probe)),
        *prompts.checks(patient, probes),
        *stores.checks(patient),
        *files.checks(patient),
    ]


async def findings_of(checks: Sequence[Check]) -> list[Finding]:
    """One finding per check, in their order."""
    return list(await asyncio.gather(*map(_find, checks)))


async def _find(check: Check) -> Finding:
    def finding(state: State, detail: str, remedy: Text | None = None) -> Finding:
        return Finding(check.code, state, check.title, check.subject, detail, remedy)

    try:
        async with asyncio.timeout(check.deadline):
            return finding(State.OK, await check.look())
    except Wrong as wrong:
        return finding(State.FAILED, str(wrong), wrong.remedy)
    except NotThere as missing:
        return finding(State.SKIPPED, str(missing))
    except TimeoutError:
        remedy = Text("检查该部件是否卡死或负载过高", "see whether that part hangs or is overloaded")
        return finding(State.FAILED, f"no answer in {check.deadline:.0f} s", remedy)
    except Exception as error:  # noqa: BLE001  # whatever a check meets is its finding, never the doctor's end
        where = traceback.extract_tb(error.__traceback__)[-1]
        remedy = Text("检查程序自身出错,请报告", "the check itself failed; please report it")
        return finding(State.FAILED, f"{type(error).__name__} at {where.name}:{where.lineno}", remedy)
