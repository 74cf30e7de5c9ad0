"""A configuration and its runs, as the Snakefile makes them, without a run: Snakemake parses the workflow and stops there."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from config import environment
from config.runs import Runs

SNAKEFILE = Path(__file__).parent.parent / "Snakefile"


@contextlib.contextmanager
def planned(configfiles: list[Path]) -> Iterator[tuple[dict, Runs]]:
    """The complete configuration and its runs, those on optional data sets included, whether they are here or not.

    Raises SystemExit, in one line, where the configuration has a mistake.
    """
    here, environment.at_hand = environment.at_hand, lambda config, dataset: True
    try:
        asked = {"config_settings": ConfigSettings(configfiles=configfiles), "resource_settings": ResourceSettings(cores=1)}
        with SnakemakeApi(OutputSettings(quiet=None)) as snakemake:
            found = snakemake.workflow(snakefile=SNAKEFILE, **asked)._workflow.globals
            yield found["config"], found["RUNS"]
    except WorkflowError as error:
        sys.exit(str(error))
    except UnicodeDecodeError as error:
        sys.exit(f"{', '.join(map(str, configfiles))}: not text in UTF-8 ({error}); save it as such")
    finally:
        environment.at_hand = here
