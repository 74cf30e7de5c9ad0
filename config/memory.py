"""The table of measured memory, benchmarks/memory.csv, and what it says of a method. `python -m benchmarks.memory` measures it."""
from pathlib import Path

TABLE = Path(__file__).parent.parent / "benchmarks" / "memory.csv"
COLUMNS = ("part", "method", "options", "shape", "fixed", "each")
