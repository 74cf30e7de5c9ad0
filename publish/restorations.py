"""The first restorations of every row, with the clean images and the measurements that they belong to: float16 in `.npz` files.

float16 is how restorations are stored and scored, so that scores made again of these files are the published ones to all their
digits. Rounded to 8 bits, a restoration of 30 dB would change the fourth digit of its squared error.
"""

import numpy as np

import store
from datasets import terms
from publish.kit import Kit
from reports import files

FIRST = 256


def add(kit: Kit, dataset: str) -> None:
    """Of a data set whose terms allow it; of another one no image.

    Raises SystemExit where restorations are not of the measurements that the scores are of.
    """
    if not terms.of(dataset).passed_on:
        return
    save(kit, f"clean/{dataset}/test", {"images": f"clean/{dataset}/test.npy"})
    for measurement in kit.config["datasets"][dataset]:
        place = f"measured/{dataset}/{measurement}"
        save(kit, f"{place}/test", {name: f"{place}/test.{name}.npy" for name in ("y", "side_info")})
    kit.lack(dataset, "restorations", [run for run in kit.scored(dataset) if not restored(kit, dataset, run)])


def restored(kit: Kit, dataset: str, run: str) -> bool:
    """Pack those of a run, if they are there."""
    name = f"restored/{dataset}/{run}/test"
    if not (path := kit.find(f"{name}.npy")):
        return False
    measured = kit.folder / "measured" / dataset / run.split("/")[0] / "test.y.npy"
    (facts,) = files.restored_from(measured, [path])
    save(kit, name, {"estimates": f"{name}.npy"})
    store.save_json(kit.folder / f"{name}.json", facts)
    return True


def save(kit: Kit, name: str, arrays: dict[str, str]) -> None:
    """The first rows of files of a folder of results, together in one; nothing, and a line that says so, where one is absent."""
    paths = {key: kit.find(file) for key, file in arrays.items()}
    if absent := [arrays[key] for key, path in paths.items() if path is None]:
        kit.missing.append(f"{absent[0].split('/')[1]}: no {' and no '.join(absent)}")
    else:
        kit.write_arrays(f"{name}.npz", **{key: np.array(store.load_array(path)[:FIRST]) for key, path in paths.items()})
