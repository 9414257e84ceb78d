"""Writes the whole configuration of one Asterisk node from the templates beside this module."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib import util as importlib_util
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from asterisk_config import surface
from asterisk_config.errors import ConfigError
from asterisk_config.installation import Account, Installation
from asterisk_config.model import NodeConfig

_SUBFOLDERS = ("etc", "var/keys", "data/sounds", "agi-bin", "spool/monitor", "run", "log/cel-custom", "music")
_SOCKET_PATH_LIMIT = 107  # sun_path holds 108 bytes with the final zero
_ENVIRONMENT = Environment(
    loader=PackageLoader("asterisk_config"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701  (no HTML; NodeConfig refuses anything that could break out of a value)
)


@dataclass(frozen=True, slots=True)
class RenderedNode:
    """One node's folder, ready to be started. ``home`` and the other paths are the host's."""

    config: NodeConfig
    installation: Installation
    home: Path

    @property
    def config_file(self) -> str:
        """The node's asterisk.conf as Asterisk sees it."""
        return self.installation.path_inside(self.home / "etc/asterisk.conf")

    @property
    def log_file(self) -> Path:
        """Notices, warnings and errors; no customers' numbers."""
        return self.home / "log/messages.log"

    @property
    def cel_file(self) -> Path:
        """CSV with the columns ``surface.CEL_COLUMNS``, no header; absent until the first event."""
        return self.home / "log/cel-custom/cel.csv"

    @property
    def recording_dir(self) -> Path:
        """Where recordings are written, for those who read them."""
        return self.config.recording_dir or self.home / "spool/monitor"

    @property
    def recording_dir_inside(self) -> str:
        """The same folder as Asterisk sees it: what a MixMonitor file name begins with."""
        return self.installation.path_inside(self.recording_dir)

    def remove(self) -> None:
        """Delete the node's folder; the node must have been stopped."""
        shutil.rmtree(self.home, ignore_errors=True)


def render(config: NodeConfig, installation: Installation) -> RenderedNode:
    """Write the node's folder. An existing one keeps its state (astdb, logs, recordings).

    Raises:
        ConfigError: the folder's path is too long for Asterisk's control socket.
        UnreachablePathError: the recording folder is out of Asterisk's reach.
    """
    node = RenderedNode(config, installation, installation.nodes_dir / (config.folder or config.name))
    if len(installation.path_inside(node.home / "run/asterisk.ctl").encode()) > _SOCKET_PATH_LIMIT:
        raise ConfigError(f"the path of {node.home} is too long", "choose a folder with a shorter path")
    _ = node.recording_dir_inside
    shutil.rmtree(node.home / "etc", ignore_errors=True)  # a file of an older release may be in it
    for subfolder in _SUBFOLDERS:
        (node.home / subfolder).mkdir(parents=True, exist_ok=True)
    _write_configuration(node)
    _link_data(node)
    _copy_media(node)
    _copy_fallback_script(node)
    _hand_over(node)
    return node


def _write_configuration(node: RenderedNode) -> None:
    values = {
        "config": node.config,
        "t": node.config.timings,
        "home": node.installation.path_inside(node.home),
        "module_dir": node.installation.module_dir,
        "recordings": node.recording_dir_inside,
        "music": _music_inside(node),
        "modules": surface.MODULES,
        "ami_events": surface.AMI_EVENTS,
        "ami_read": surface.AMI_READ_CLASSES,
        "ami_write": surface.AMI_WRITE_CLASSES,
        "cel_columns": surface.CEL_COLUMNS,
        "cel_events": surface.CEL_EVENTS,
    }
    etc = node.home / "etc"
    for name in _ENVIRONMENT.list_templates(extensions=["j2"]):
        target = etc / name.removesuffix(".j2")
        target.write_text(_ENVIRONMENT.get_template(name).render(values), encoding="utf-8")
    for name in surface.EMPTY_FILES:
        (etc / name).write_text("; nothing to set; a loaded module asks for this file\n", encoding="utf-8")


def _music_inside(node: RenderedNode) -> str:
    if node.config.music_dir is None:
        return f"{node.installation.data_dir}/moh"
    return node.installation.path_inside(node.home / "music")


def _link_data(node: RenderedNode) -> None:
    """The data folder is the package's, with our own sounds beside the package's."""
    data = node.home / "data"
    package = node.installation.data_dir
    _link(data / "documentation", f"{package}/documentation")
    languages = {path.name for path in node.installation.prompts_dir.glob("*") if path.is_dir()}
    for language in languages:
        (data / "sounds" / language / "cti").mkdir(parents=True, exist_ok=True)
    for folder in ("beep.wav", "digits", "silence"):
        _link(data / "sounds/en" / folder, f"{package}/sounds/en/{folder}")


def _link(link: Path, target: str) -> None:
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def _copy_media(node: RenderedNode) -> None:
    """Prompts made at install, then the bank's own over them; the bank's music."""
    for source in filter(None, (node.installation.prompts_dir, node.config.prompts_dir)):
        for prompt in source.glob("*/*.wav"):
            folder = node.home / "data/sounds" / prompt.parent.name / "cti"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(prompt, folder / prompt.name)
    if node.config.music_dir is not None:
        for piece in node.config.music_dir.glob("*.wav"):
            shutil.copyfile(piece, node.home / "music" / piece.name)


def _copy_fallback_script(node: RenderedNode) -> None:
    """The script and the two libraries it needs: the Python beside Asterisk has none of ours."""
    agi_bin = node.home / "agi-bin"
    script = agi_bin / "cti-fallback"
    shutil.copyfile(Path(__file__).parent / "agi" / "cti_fallback.py", script)
    script.chmod(0o755)
    (agi_bin / "lib/asterisk").mkdir(parents=True, exist_ok=True)
    for module, target in (("asterisk.agi", "lib/asterisk/agi.py"), ("six", "lib/six.py")):
        shutil.copyfile(_source_of(module), agi_bin / target)
    (agi_bin / "lib/asterisk/__init__.py").write_text("")


def _source_of(module: str) -> Path:
    spec = importlib_util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ConfigError(f"the Python package of {module} is missing", "install the product's dependencies")
    return Path(spec.origin)


def _hand_over(node: RenderedNode) -> None:
    """Secrets are readable for nobody else; the node may write everything but its configuration."""
    account = node.installation.account()
    if account is None:
        node.home.chmod(0o700)
        return
    for folder, _, files in os.walk(node.home):
        configuration = Path(folder) == node.home / "etc"
        _own(Path(folder), account, writable=not configuration)
        for name in files:
            _own(Path(folder) / name, account, writable=not configuration)
    node.home.chmod(0o750)


def _own(path: Path, account: Account, *, writable: bool) -> None:
    os.chown(path, account.uid if writable else 0, account.gid, follow_symlinks=False)
    if not writable:
        path.chmod(0o750 if path.is_dir() else 0o640)
