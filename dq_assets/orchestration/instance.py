"""The Dagster instance that ``dq ui`` and ``dq demo`` work with.

Decision: its configuration is one commented file, ``dagster.yaml`` beside this module, copied once into ``.dagster`` beside ``dq.yaml``. From then on it
is the user's: it is never written again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from dq_assets.errors import ConfigError

FOLDER, FILE = ".dagster", "dagster.yaml"


def write_instance_config(home: Path) -> Path:
    """Make the folder of an instance with its configuration, unless it has one, and return the configuration's path.

    Raises:
        ConfigError: ``DQ-CONF-030`` when the folder cannot be written.
    """
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        # A file that is there stays, that of a process that was quicker too.
        with suppress(FileExistsError), path.open("x", encoding="utf-8") as target:
            target.write((files("dq_assets.orchestration") / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("DQ-CONF-030", f"{path} cannot be written: {error.strerror}.", "name another folder in DAGSTER_HOME.") from error
    return path


def instance_home(configuration: Path) -> Path:
    """Return the instance's folder of a configuration file, made if need be: ``.dagster`` beside it, else ``$DAGSTER_HOME``, else a new ``.dagster``.

    Raises:
        ConfigError: ``DQ-CONF-030`` when a new one cannot be written, or the variable names no folder.
    """
    beside = configuration.absolute().parent / FOLDER
    named = os.environ.get("DAGSTER_HOME")
    if not named or beside.is_dir():
        return write_instance_config(beside).parent
    if not Path(named).is_dir():
        raise ConfigError("DQ-CONF-030", f"DAGSTER_HOME names {named}, which is no folder.", "make it, or take the variable away.")
    return Path(named).absolute()
