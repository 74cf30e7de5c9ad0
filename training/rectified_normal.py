"""A Gaussian that is cut at 0 and 1, clip(m + s ε): its mean, and the m that gives a mean."""

from torch import Tensor
from torch.distributions import Normal

HALVINGS = 24  # of the interval in which m lies: 1e-7 of it is left
BEYOND = 5  # standard deviations beyond [0, 1], where all but 3e-7 of it is cut


def mean_of(m: Tensor, s: Tensor) -> Tensor:
    """E clip(m + s ε, 0, 1) = s (φ(a) - φ(b)) + m (Φ(b) - Φ(a)) + 1 - Φ(b),   a = -m / s,   b = (1 - m) / s,   s > 0."""
    normal = Normal(m.new_zeros(()), m.new_ones(()), validate_args=False)  # a check would ask a GPU each time
    a, b = -m / s, (1 - m) / s
    density = normal.log_prob(a).exp() - normal.log_prob(b).exp()
    return s * density + m * (normal.cdf(b) - normal.cdf(a)) + 1 - normal.cdf(b)


def location_with(mean: Tensor, s: Tensor) -> Tensor:
    """m with E clip(m + s ε, 0, 1) = mean, by bisection; where the mean is 0 or 1 an m that all but always gives that."""
    s = s.clamp_min(1e-6)
    low, high = -BEYOND * s, 1 + BEYOND * s
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = mean_of(middle, s) < mean
        low, high = middle.where(below, low), high.where(below, middle)
    return (low + high) / 2
