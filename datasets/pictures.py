"""Corrupted pictures of your own, in data_dir/pictures/: measurements already, of which no clean images exist (pictures/)."""

SHAPE = (64, 64, 3)  # of the tiles that they are cut into; one channel where the pictures are grey
RANGE = (-1, 1)
CLEAN = False
OWN = True
