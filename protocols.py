"""What the original implementation does differently, as switches that can be turned one by one.

A run's protocol is the set of switches that are on: `sound` is none of them, `paper` is all of them, and any other set is written
as the names joined by "+", as in `batch_statistics+mosaic`.
"""

from collections.abc import Iterable

SWITCHES = {
    "fresh_theta": "Every training batch is measured anew from clean images, so that a method sees many measurements of each.",
    "clean_selection": "The weights with the least error on clean validation images are kept, not those at the end of training.",
    "batch_statistics": "Batch normalisation uses the statistics of the batch at test too, so estimates depend on one another.",
    "posterior_sample": "A method that has a posterior gives one sample of it as its estimate, not the mean.",
    "mosaic": "The first 64 images are scored as one mosaic of 8 × 8.",
}


def parse(text: str) -> frozenset[str]:
    """The switches that are on. Raises ValueError, in one line, where a name is none of them.

    >>> sorted(parse("batch_statistics+mosaic")), len(parse("sound")), len(parse("paper"))
    (['batch_statistics', 'mosaic'], 0, 5)
    """
    if text in ("sound", "paper"):
        return frozenset(SWITCHES if text == "paper" else ())
    return known(text.split("+"))


def name(switches: Iterable[str]) -> str:
    """The protocol of these switches as facts and tables hold it. Raises ValueError as `parse` does.

    >>> name([]), name(SWITCHES), name(["mosaic", "fresh_theta"])
    ('sound', 'paper', 'fresh_theta+mosaic')
    """
    chosen = known(switches)
    if not chosen:
        return "sound"
    return "paper" if chosen == SWITCHES.keys() else "+".join(switch for switch in SWITCHES if switch in chosen)


def same_training(one: str, other: str) -> bool:
    """Whether a training under one protocol is that under another, so that its model serves both.

    The switches of restoring and scoring change no weights, unless the clean error of such restorations selects them.

    >>> same_training("sound", "batch_statistics+mosaic"), same_training("sound", "fresh_theta")
    (True, False)
    >>> same_training("clean_selection", "clean_selection+batch_statistics")
    False
    """
    first, second = parse(one), parse(other)
    return first == second or ("clean_selection" not in first | second and ("fresh_theta" in first) == ("fresh_theta" in second))


def known(switches: Iterable[str]) -> frozenset[str]:
    """The switches, each of which must be one of SWITCHES."""
    chosen = frozenset(switches)
    if strange := sorted(chosen - SWITCHES.keys()):
        raise ValueError(f"{strange[0]!r} is no protocol; it must be sound, paper, or switches among {', '.join(SWITCHES)}")
    return chosen
