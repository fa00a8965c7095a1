"""Reading `meta_orch.yaml`."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from meta_orch.config.adapters import adapter_names
from meta_orch.config.faults import ConfigError, Fault, find_faults
from meta_orch.config.models import MetaOrchConfig
from meta_orch.config.source import Malformed, read_yaml

DEFAULT_FILE = Path("meta_orch.yaml")
FILE_VARIABLE = "META_ORCH_CONFIG"


def config_file(path: Path | None = None) -> Path:
    """`path`, else what `$META_ORCH_CONFIG` names, else `meta_orch.yaml` in the working directory;
    it need not exist."""
    return path or Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)


def load_config(path: Path | None = None) -> MetaOrchConfig:
    """Read and validate the configuration. Relative paths in it are taken from its folder.

    Args:
        path: the file; `config_file` says which where it is None.

    Raises:
        ConfigError: the file is missing or cannot be read, or anything in it is wrong; every fault
            is told with its line, its key and what to write instead.
    """
    file = config_file(path)
    try:
        text = file.read_text(encoding="utf-8")
        source = read_yaml(text)
    except FileNotFoundError:
        raise _unreadable(
            file,
            "is not there; `meta-orch init` writes one, "
            f"and ${FILE_VARIABLE} names one that lies elsewhere",
        ) from None
    except UnicodeDecodeError:
        raise _unreadable(file, "is not text in UTF-8; save it as that") from None
    except OSError as error:
        raise _unreadable(file, f"cannot be read: {error.strerror}") from None
    except Malformed as malformed:
        raise _unreadable(file, f"is not YAML: {malformed.problem}", malformed.line) from None
    try:
        config = MetaOrchConfig.model_validate(
            {} if source.data is None else source.data, context={"adapters": adapter_names()}
        )
    except ValidationError as error:
        raise ConfigError(find_faults(file, source, error)) from None
    if source.repeated:
        raise ConfigError(find_faults(file, source, None))
    return config.within(file.parent.absolute())


def _unreadable(file: Path, message: str, line: int | None = None) -> ConfigError:
    return ConfigError((Fault(file, line, "", message),))
