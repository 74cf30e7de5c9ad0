"""Clean images, once per split: results/clean/{dataset}/{split}.npy, uint8 [N, H, W, C].

A data set is a module here with `SPLITS` and a function `load(split, data_dir) -> uint8 [N, H, W, C]`, and a line in SHAPES. One
whose images have classes says how many in CLASSES and has a function `labels(split, data_dir) -> uint8 [N]`, in the same order.
One that may be impossible to get stands in OPTIONAL and has functions `present(data_dir) -> bool`, whether its files are there
at a glance, and `obtain(data_dir)`, which downloads them or ends in a SystemExit that says what to do; a run goes on without it.
PICTURES are those that were corrupted elsewhere and have no clean originals: measurements from the start (measurements/given.py),
restored and not scored. OWN are those whose files a user may add to or change at any time.
This file imports nothing, so that the workflow can check its configuration against it.
"""

SIDE = 64  # of the squares that pictures of one's own are cut to
SHAPES = {
    "mnist": (28, 28, 1),
    "mnist5k": (28, 28, 1),
    "celeba": (64, 64, 3),
    "folder": (SIDE, SIDE, 3),
}
CLASSES = {"mnist": 10, "mnist5k": 10}
OPTIONAL = {"celeba"}
PICTURES = "pictures"
OWN = {"folder", PICTURES}
