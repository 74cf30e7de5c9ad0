"""Which runs a configuration asks for: every method on every forward model that it applies to, once for each seed."""

from collections.abc import Callable
from typing import NamedTuple

from snakemake.exceptions import WorkflowError

import datasets
from config.command_line import pairs
from config.schema import forward_model
from config.sees import CONTROLS, sees

TRAITS = {  # of a forward model (measurements/forward.py), as the reason for an absent run names them
    "mask": "missing values",
    "noise": "noise",
    "mixing": "blur, where a measured value mixes several of the image",
}


class Run(NamedTuple):
    """A method on a forward model; the seed is "" for a method that runs once."""

    measurement: str
    method: str
    seed: str


class Runs:
    """Every run that a configuration asks for, the files of these runs, and why others are absent."""

    def __init__(self, workflow, config: dict):
        """Raises WorkflowError where a method names what it may not see, a forward model has no method, or a method no run."""
        self.results, self.seeds = config["results"], {name: [*map(str, seeds)] for name, seeds in config["seeds"].items()}
        self.measurements, self.methods = config["datasets"], config["methods"]
        self.sees = sees(workflow, config)
        self.of: dict[str, list[Run]] = {}
        self.reasons: dict[str, dict[str, dict[str, str]]] = {}  # data set -> forward model -> method that is absent -> why
        self.with_posterior: set[tuple[str, Run]] = set()
        samplers = {name for name in self.methods if workflow.is_rule(f"{name}_sample")}
        for dataset, measurements in self.measurements.items():
            self.of[dataset], self.reasons[dataset] = [], {}
            for measurement, options in measurements.items():
                traits = forward_model(measurement, options).traits()
                reasons = {name: self.why_not(dataset, measurement, name, traits) for name in self.methods}
                self.reasons[dataset][measurement] = {name: reason for name, reason in reasons.items() if reason}
                if all(reasons.values()):
                    name, reason = next(iter(reasons.items()))
                    title = self.methods[name]["title"]
                    raise WorkflowError(f"datasets.{dataset}.{measurement}: no method applies; {title} {reason}")
                for name, method in self.methods.items():
                    if reasons[name]:
                        continue
                    runs = [Run(measurement, name, seed) for seed in (self.seeds[dataset] if method["seeded"] else [""])]
                    self.of[dataset] += runs
                    if name in samplers and datasets.has_clean(dataset) and not mismatch(method["posterior"], traits):
                        self.with_posterior |= {(dataset, run) for run in runs}

        self.refuse_idle(config["datasets"] | config.get("absent", {}))

    def refuse_idle(self, asked: dict[str, dict[str, dict]]) -> None:
        """Raise WorkflowError for a method that applies to none of the forward models asked for, absent data sets included.

        Methods that learn from clean images are left out of pictures that have none without an error, as docs/running.md says.
        """
        traits = {
            (name, at): forward_model(at, options).traits() for name, models in asked.items() for at, options in models.items()
        }
        for method, facts in self.methods.items():
            reasons = [self.why_not(dataset, at, method, of) for (dataset, at), of in traits.items()]
            controls_nothing = self.sees[method]["clean"] in CONTROLS and not any(map(datasets.has_clean, asked))
            if all(reasons) and not controls_nothing:
                raise WorkflowError(f"methods.{method}: it would not run at all; {facts['title']} {reasons[0]}; remove it")

    def why_not(self, dataset: str, measurement: str, name: str, traits: dict[str, bool]) -> str:
        """Why a method is not run on a forward model, as the rest of a sentence that its title begins; "" where it is run."""
        if self.sees[name]["clean"] in CONTROLS and not datasets.has_clean(dataset):
            return "learns from clean images or from a second measurement of each, and there are none"
        trait = mismatch(self.methods[name]["applies"], traits)
        if not trait:
            return ""
        return f"is not made for {TRAITS.get(trait, trait)}" if traits[trait] else f"needs {TRAITS.get(trait, trait)}"

    def path(self, stop: str, dataset: str, run: Run, file: str) -> str:
        """Where a run's file lies at one stop: restored, scores or models."""
        return "/".join(filter(None, [self.results, stop, dataset, *run, file]))

    def measured(self, wildcards) -> list[str]:
        """Input function: the measured test split of every forward model of the data set."""
        folder = f"{self.results}/measured/{wildcards.dataset}"
        return [f"{folder}/{measurement}/test.y.npy" for measurement in self.measurements[wildcards.dataset]]

    def measured_pairs(self, wildcards) -> str:
        """Param function: the same files as measurement=path."""
        return pairs(zip(self.measurements[wildcards.dataset], self.measured(wildcards), strict=True))

    def learned(self, dataset: str, run: Run) -> bool:
        return self.methods[run.method]["learned"]

    def timed(self, dataset: str, run: Run) -> bool:
        """One run of each method, that of the first seed: time does not depend on it."""
        return run.seed in ("", self.seeds[dataset][0])

    def pictured(self, dataset: str, run: Run) -> bool:
        """One restoration of each method for the figure; what is as measured stands there anyway."""
        return run.method != "as_measured" and self.timed(dataset, run)

    def sampled(self, dataset: str, run: Run) -> bool:
        """Every run of a method that has a posterior."""
        return (dataset, run) in self.with_posterior

    def sampled_and_pictured(self, dataset: str, run: Run) -> bool:
        return self.sampled(dataset, run) and self.pictured(dataset, run)

    def chosen(self, dataset: str, keep: Callable[[str, Run], bool] | None) -> list[Run]:
        return [run for run in self.of[dataset] if keep is None or keep(dataset, run)]

    def names(self, keep: Callable[[str, Run], bool] | None = None) -> Callable:
        """Param function: the runs as measurement/method/seed, between spaces."""
        return lambda wildcards: " ".join("/".join(filter(None, run)) for run in self.chosen(wildcards.dataset, keep))

    def files(self, stop: str, file: str, keep: Callable[[str, Run], bool] | None = None) -> Callable:
        """Input function: that file of every run of the data set, or of those that `keep` holds for."""
        return lambda wildcards: [self.path(stop, wildcards.dataset, run, file) for run in self.chosen(wildcards.dataset, keep)]

    def pairs(self, stop: str, file: str, keep: Callable[[str, Run], bool] | None, name: str) -> Callable:
        """Param function: the same files as name=path, the name formatted from the data set and the run."""
        return lambda wildcards: pairs(
            (name.format(dataset=wildcards.dataset, **run._asdict()), self.path(stop, wildcards.dataset, run, file))
            for run in self.chosen(wildcards.dataset, keep)
        )


def mismatch(asked: dict[str, bool], traits: dict[str, bool]) -> str:
    """The first trait that is not as asked; "" where all are."""
    return next((trait for trait, wanted in asked.items() if traits[trait] != wanted), "")
