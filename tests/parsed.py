"""The workflow of a configuration as Snakemake parsed it, without running anything."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def workflow_of(config: dict, folder: Path) -> Iterator:
    """The parsed workflow; `globals` holds what the Snakefile defines (RUNS, config). Raises what Snakemake would end with."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    asked = {"config_settings": ConfigSettings(configfiles=[file]), "resource_settings": ResourceSettings(cores=1)}
    path = mock.patch.object(sys, "path", [*sys.path])  # Snakemake adds methods/, whose folders may be called like packages
    with mock.patch.dict(os.environ), path, SnakemakeApi(OutputSettings(quiet=None)) as snakemake:
        yield snakemake.workflow(snakefile=ROOT / "Snakefile", workdir=folder, **asked)._workflow
