"""Fields of trials: of options, and of selecting a training's weights (reports/quotes/field.py)."""

import pandas as pd

from reports.quotes import lookup
from reports.quotes.field import Numbers, field, fixed, plain


@field
def trials(run: str, method: str, measurement: str, option: str, steps: int) -> str:
    """Two cells: the steps, and value: criterion (clean MSE) of each trial, the best criterion bold."""
    found = tried(run, method, measurement, option, steps)
    best = found["held_out"].min()
    written = []
    for _, row in found.iterrows():
        criterion = fixed(row["held_out"], 5)
        bold = f"**{criterion}**" if row["held_out"] == best else criterion
        written.append(f"{plain(row['value'])}: {bold} ({fixed(row['validation_mse'], 5)})")
    return f"{plain(steps)} | {' · '.join(written)}"


@field
def trial(run: str, method: str, measurement: str, option: str, value: float, steps: int, digits: int = 2) -> Numbers:
    """The PSNR on test images that the training with one value of an option ended with."""
    found = tried(run, method, measurement, option, steps)
    found = found[found["value"] == value]
    if len(found) != 1:
        raise LookupError(f"{lookup.named(lookup.PUBLISHED / run / 'choices.csv')}: {len(found)} trials of {option} {value}")
    return Numbers(list(found["test_psnr"]), digits)


def tried(run: str, method: str, measurement: str, option: str, steps: int) -> pd.DataFrame:
    """The trials of an option, which differ in nothing else."""
    path = lookup.PUBLISHED / run / "choices.csv"
    cell = {"method": method, "measurement": measurement, "option": option, "steps": steps}
    found = lookup.rows(path, **cell)
    if found["others"].nunique(dropna=False) > 1:
        raise LookupError(f"{lookup.named(path)}: trials with {lookup.described(cell)} differ in other options too")
    return found


@field
def selection(run: str, measurement: str, method: str) -> str:
    """Four cells: PSNR of the last weights, of those by clean error, of those by the criterion, and what the oracle gains."""
    found = evaluations(run, measurement, method)
    last, oracle, held_out = found.iloc[-1], found.loc[found["validation_mse"].idxmin()], found.loc[found["held_out"].idxmin()]
    chosen = [f"{fixed(row['test_psnr'], 2)} at {plain(row['step'])}" for row in (oracle, held_out)]
    return " | ".join([fixed(last["test_psnr"], 2), *chosen, fixed(oracle["test_psnr"] - last["test_psnr"], 2, sign=True)])


@field
def every(run: str, measurement: str, method: str) -> str:
    """After how many steps each a training was evaluated."""
    (apart,) = set(evaluations(run, measurement, method)["step"].diff().dropna())
    return plain(apart)


def evaluations(run: str, measurement: str, method: str) -> pd.DataFrame:
    return lookup.read(lookup.PUBLISHED / run / "selection" / f"{measurement}.{method}.csv")
