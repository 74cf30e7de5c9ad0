"""A model that was trained before, in place of a training: `python -m training.adopt --model model.pt …`.

Copies model.pt with the files beside it to where a training would have put them, and says what it was trained on where that is
something else than the training measurements of this run. Its learning curve is left empty unless it is of this run's protocol
and held-out measurements, as it is scored against their clean images.
"""

import shutil
import sys
from pathlib import Path

import protocols
import store
from options import command_parser
from training.command import save_curve

CURVE = ("learning.csv", "learning.npy")


def differences(before: dict, now: dict) -> list[str]:
    """What of the measurements that a model was trained on is not as it is of this run's, in words.

    >>> before = {"dataset": "pictures", "family": "add_noise", "options": {"sigma": 0.1}, "digests": {"y": "475488d661ae"}}
    >>> differences(before, before | {"options": {"sigma": 0.05}, "digests": {"y": "11308d760c17"}})
    ['sigma 0.1, not 0.05', 'other images']
    """
    differs = [f"{before.get(key)}, not {now.get(key)}" for key in ("dataset", "family") if before.get(key) != now.get(key)]
    was, is_now = before.get("options", {}), now.get("options", {})
    differs += [f"{key} {was.get(key)}, not {is_now.get(key)}" for key in was | is_now if was.get(key) != is_now.get(key)]
    return differs + ["other images"] * (before.get("digests", {}).get("y") != now.get("digests", {}).get("y"))


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("training.adopt", __doc__)
    add = parser.add_argument
    add("--model", type=Path, required=True, help="model.pt of a finished training")
    add("--method", required=True, help="the folder's name of the method that must have trained it")
    add("--y", type=Path, required=True, help="the training measurements of this run, .npy, beside which their facts are")
    add("--held-out", type=Path, help="held-out measurements of this run, .npy, beside which their facts are")
    add("--output", type=Path, required=True, help="folder of the model")
    given, _ = parser.parse_known_args(arguments)  # the other inputs of a training are not read

    with store.clear_errors():
        about, now = store.load_json(given.model.with_name("train.json")), store.describe(given.y)
        if about.get("method") != given.method:
            sys.exit(f"{given.model}: was trained by {about.get('method')}, not by {given.method}; name it under that method")
        before = about["data"]
        was, asked = (facts.get("protocol", "sound") for facts in (before, now))
        if not protocols.same_training(was, asked):
            sys.exit(f"{given.model}: was trained under the protocol {was}, and this run is of {asked}; train one")
        if differs := differences(before, now):
            print(f"warning: {given.model} was trained on something else: {'; '.join(differs)}", file=sys.stderr)
        held_out = store.describe(given.held_out).get("digests", {}).get("y") if given.held_out else None
        kept = about.get("held_out") == held_out and was == asked
        for name in ("model.pt", "train.csv", *(CURVE if kept else ())):
            with store.replacing(given.output / name) as partial:
                shutil.copyfile(given.model.with_name(name) if name != "model.pt" else given.model, partial)
        if not kept:
            save_curve(given.output, None, 1, tuple(now["shape"]))
        about |= {"held_out": held_out, "data": before | {"protocol": asked}}
        store.save_json(given.output / "train.json", about | {"adopted": str(given.model), "differs": differs})
    print(f"{given.output / 'model.pt'}: is {given.model}")


if __name__ == "__main__":
    main()
