"""How strongly pictures seem to be corrupted, as far as it can be read off them, to be compared with the configuration."""

import math

import numpy as np

from measurements.forward import ForwardModel
from pictures import masks, noise
from pictures.read import Picture

FAR_OFF = 0.25  # a larger relative difference of σ from the configuration is worth a word


def estimate(picture: Picture, forward: ForwardModel) -> dict:
    """Of one page "lost", the share of its pixels, "sigma", the standard deviation of its noise in the units of its values, and
    "signs" that this noise is not white and Gaussian (pictures/noise.py), where these apply."""
    found = {"title": picture.title}
    if picture.seen is not None:
        found["lost"] = float(1 - picture.seen.mean())
    if forward.traits()["noise"]:
        values, seen, flat = noise.looked_at(picture.page.values, picture.seen)
        if not math.isnan(sigma := noise.sigma(values, seen)):
            found |= {"sigma": sigma, "signs": ["flat borders"] * flat + noise.signs(values, seen)}
    return found


def of_all(estimates: list[dict], ranges: list[tuple[float, float]], forward: ForwardModel) -> dict:
    """The mean share of lost pixels, the median σ on the scale from 0 to 1, and what is worth a warning, each a sentence."""
    found, warnings = {}, []
    if lost := [each["lost"] for each in estimates if "lost" in each]:
        found["lost"] = float(np.mean(lost))
        warnings += [said for each in estimates if "lost" in each for said in masks.warned(each["title"], each["lost"])]
    pairs = zip(estimates, ranges, strict=True)
    if sigmas := [each["sigma"] / (white - black) for each, (black, white) in pairs if "sigma" in each]:
        found["sigma"] = float(np.median(sigmas))
        warnings += off_by(found["sigma"], forward.sigma) or some_off_by(sigmas, forward.sigma)
        for sign, meaning in noise.SIGNS.items():
            if count := sum(sign in each.get("signs", []) for each in estimates):
                warnings.append(f"noise, in {count} of {len(sigmas)} pictures: {meaning}")
    return found | {"warnings": warnings}


def off_by(estimated: float, stated: float) -> list[str]:
    """What is to be said of a σ that is far from the one that the forward model has."""
    if abs(estimated - stated) <= FAR_OFF * stated:
        return []
    return [f"σ is estimated as {estimated:.2g} and the forward model has {stated:g}, on which methods rely"]


def some_off_by(sigmas: list[float], stated: float) -> list[str]:
    """The same of single pictures, where together they are not far from it."""
    far = [sigma for sigma in sigmas if off_by(sigma, stated)]
    said = f"σ is estimated as {min(far):.2g} to {max(far):.2g} in {len(far)} of {len(sigmas)} pictures" if far else ""
    return [f"{said}, and the forward model has {stated:g} for all of them"] if far else []


def described(estimated: dict, forward: ForwardModel, whose: str = "the configuration") -> str:
    """The estimates in words, without the warnings."""
    sentences = []
    if "lost" in estimated:
        sentences.append(f"{estimated['lost']:.0%} of their pixels are lost.")
    if "sigma" in estimated:
        sigma = f"{estimated['sigma']:.2g}; {whose} has {forward.sigma:g}"
        sentences.append(f"The standard deviation of their noise is estimated as σ = {sigma}.")
    return " ".join(sentences)
