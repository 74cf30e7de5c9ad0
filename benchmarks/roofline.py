"""What the machine could do and what a training step makes of it: `python -m benchmarks.roofline`.

The rates are measured here, on the device and the threads of the training: a product of large square matrices in float32 and
bfloat16, and a copy of an array too large for any cache, which counts what is read and what is written. The operations of a step
are counted, not estimated: those of products and convolutions (a multiplication and an addition are two), and the bytes
that go into and come out of every operation, as if no cache kept anything between two of them.

`floor` is the time that a step would take if all its products ran at the rate of the precision that networks train in
(bfloat16 where the device computes in it, else float32); `traffic floor` the time to move its bytes at the bandwidth of the
copy, which caches and fused operations undercut. What lies far above both is overhead and small or slow kernels.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.side_by_side import Bench, interleaved, medians, parser
from networks.precision import has_bfloat16

SIDE = {"cpu": 512, "cuda": 8192}  # of the matrices
COPIED = {"cpu": 2**28, "cuda": 2**32}  # bytes


class Traffic(TorchDispatchMode):
    """Counts the bytes of the arguments and results of every operation that computes something."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        if not function.is_view:
            touched = tree_leaves((args, kwargs, results))
            self.bytes += sum(each.nbytes for each in touched if isinstance(each, torch.Tensor))
        return results


class Cost(NamedTuple):
    flops: int
    bytes: int


def cost(call: Callable[[], object]) -> Cost:
    """What one call costs, counted while it runs."""
    with FlopCounterMode(display=False) as flops:
        call()
    with Traffic() as traffic:
        call()
    return Cost(flops.get_total_flops(), traffic.bytes)


class Rates(NamedTuple):
    """The machine's own, per second."""

    float32: float  # operations
    bfloat16: float  # operations
    copied: float  # bytes, read and written

    def training(self, device: torch.device) -> float:
        """The rate in the precision in which networks train on the device."""
        return self.bfloat16 if has_bfloat16(device) else self.float32


def rates(device: torch.device, repetitions: int) -> Rates:
    side, size = SIDE[device.type], COPIED[device.type]
    squares = {dtype: torch.ones(side, side, dtype=dtype, device=device) for dtype in (torch.float32, torch.bfloat16)}
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    runs = {str(dtype): lambda square=square: square @ square for dtype, square in squares.items()}
    seconds = medians(interleaved(runs | {"copy": lambda: target.copy_(source)}, repetitions))
    product, bfloat16, copy = seconds.values()
    return Rates(2 * side**3 / product, 2 * side**3 / bfloat16, 2 * size / copy)


def main() -> None:
    from benchmarks.training import add_options, schedules, seconds_per_step

    options = parser("roofline", __doc__, repetitions=5)
    add_options(options)
    args = options.parse_args()
    bench = Bench(args)
    measured = rates(bench.device, args.repetitions)
    rows = []
    seconds = medians(seconds_per_step(schedules(bench, args.batch), args.steps, args.repetitions))
    for name, step in schedules(bench, args.batch, record=False).items():  # a recording hides its operations
        spent = cost(step)
        floor, traffic = spent.flops / measured.training(bench.device), spent.bytes / measured.copied
        rows.append(
            {
                "step of": name,
                "Gflop": spent.flops / 1e9,
                "MB": spent.bytes / 1e6,
                "ms": 1e3 * seconds[name],
                "floor ms": 1e3 * floor,
                "traffic floor ms": 1e3 * traffic,
                "Gflop/s": spent.flops / seconds[name] / 1e9,
                "% of the rate": 100 * floor / seconds[name],
            }
        )
    peaks = [f"float32 {measured.float32 / 1e9:,.0f} Gflop/s", f"bfloat16 {measured.bfloat16 / 1e9:,.0f} Gflop/s"]
    notes = f"Batch {args.batch}. This machine's products: {', '.join(peaks)}; its copy: {measured.copied / 1e9:.3g} GB/s."
    bench.write("roofline", rows, notes)


if __name__ == "__main__":
    main()
