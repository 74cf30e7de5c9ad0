"""In which order jobs start: the first seed of everything comes first, so that a run that is stopped has all of it.

Snakemake starts jobs so that the sum of their priorities is greatest. What prepares the data comes before all of them.
"""

PREPARES, FIRST_SEED = 1000, 100


def priority(seeds: dict[str, list[int]], dataset: str, run: str) -> int:
    """The priority of a job of a run, "METHOD/SEED", or without a seed, where it counts as the first.

    >>> [priority({"mnist": [4, 2]}, "mnist", run) for run in ("harmonic", "acsg/4", "acsg/2")]
    [100, 100, 99]
    """
    seed, known = run.rpartition("/")[2], seeds.get(dataset, [])
    if not seed.isdigit():
        return FIRST_SEED
    place = known.index(int(seed)) if int(seed) in known else len(known)  # one that is asked for by its file's name is the last
    return max(1, FIRST_SEED - place)
