"""The terms of the objectives, as pure functions.

Legend: K samples, B batch, H W C image, D latent. A density of an image is a sum over its values, in nats.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.original import Gaussian

REAL_TARGET, FAKE_TARGET = 0.75, 0.375  # the original's labels: of measurements for Dis, and of fakes for the generator


def cross_entropy(logit: Tensor, target: float) -> Tensor:
    """-t log Dis - (1 - t) log(1 - Dis) with the label t = `target`, mean over the batch: [B] -> []."""
    return F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, target))


def log_normal(target: Tensor, mean: Tensor, sigma: Tensor, counts: Tensor) -> Tensor:
    """Σ_i counts_i log N(target_i; mean_i, σ²), the sum over the values of an image: [..., H, W, C] -> [...]."""
    each = -0.5 * ((target - mean) / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)
    return torch.where(counts, each, 0).sum((-3, -2, -1))


def log_low_rank_normal(target: Tensor, mean: Tensor, factor: Tensor, sigma: Tensor, counts: Tensor) -> Tensor:
    """log N(target; mean, Σ_k w_k w_kᵀ + diag σ²) of the values of an image that count: [B, H, W, C] -> [B].

    `factor` is w, [r, B, H, W, C]. By Woodbury's identity and the matrix determinant lemma, with e = (target - mean) / σ and
    V = w / σ, [r, n], only a matrix of r × r is factorised:

        log N = -½ (‖e‖² - (V e)ᵀ (I + V Vᵀ)⁻¹ V e + log det(I + V Vᵀ) + Σ_i log σ_i² + n log 2π)
    """
    e = torch.where(counts, (target - mean) / sigma, 0).flatten(1)  # [B, n]
    V = torch.where(counts, factor / sigma, 0).flatten(2).transpose(0, 1)  # [B, r, n]
    A = V @ V.transpose(1, 2) + torch.eye(V.shape[1], device=V.device)
    L = torch.linalg.cholesky_ex(A).L  # as `cholesky`, but asks no GPU whether it went well: I + V Vᵀ is positive definite
    explained = torch.linalg.solve_triangular(L, V @ e[:, :, None], upper=False).square().sum((1, 2))
    log_det = 2 * L.diagonal(dim1=1, dim2=2).log().sum(1)
    constant = torch.where(counts, 2 * sigma.log() + math.log(2 * math.pi), 0).sum((1, 2, 3))
    return -0.5 * (e.square().sum(1) - explained + log_det + constant)


def likeliest_sigma(target: Tensor, mean: Tensor, counts: Tensor) -> Tensor:
    """The σ under which the batch is likeliest, its root mean squared error over the values that count, without a gradient: [].

    σ-VAE (Rybkin, Daniilidis and Levine, ICML 2021). `mean` is [K, B, H, W, C], the others [B, H, W, C].
    """
    error = torch.where(counts, target - mean, 0).square().sum() / (len(mean) * counts.sum())
    return error.sqrt().detach().clamp_min(1e-3)


def kl(q: Gaussian, p: Gaussian | None = None) -> Tensor:
    """KL(q || p) of each image, the sum over its latent values: [B]. p is N(0, I) unless given."""
    p = p or Gaussian(torch.zeros_like(q.mean), torch.zeros_like(q.mean))
    apart = (q.log_variance - p.log_variance).exp() + (q.mean - p.mean) ** 2 * (-p.log_variance).exp()
    return 0.5 * (apart - 1 + p.log_variance - q.log_variance).sum(1)


def log_ratio(z: Tensor, q: Gaussian) -> Tensor:
    """log N(z; 0, I) - log q(z) of each sample: [K, B, D] -> [K, B]."""
    return (-0.5 * z**2 + 0.5 * (z - q.mean) ** 2 / q.log_variance.exp() + 0.5 * q.log_variance).sum(2)


def elbo(log_likelihood: Tensor, q: Gaussian, z: Tensor, kl_weight: float) -> Tensor:
    """The evidence lower bound (where λ, `kl_weight`, is 1), mean over the batch.

    From log p(y|z) [K, B] of K samples z [K, B, D] of q.

    K = 1:  log p(y|z) - λ KL(q || N(0, I))
    K > 1:  log 1/K Σ_k p(y|z_k) (N(z_k; 0, I) / q(z_k))^λ     (IWAE: Burda, Grosse and Salakhutdinov, ICLR 2016)
    """
    if len(z) == 1:
        return (log_likelihood[0] - kl_weight * kl(q)).mean()
    weights = log_likelihood + kl_weight * log_ratio(z, q)
    return (weights.logsumexp(0) - math.log(len(z))).mean()


def crps(target: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Continuous ranked probability score of N(mean, σ²) for each value (Gneiting and Raftery, JASA 2007, eq. 21)."""
    off = (target - mean) / sigma
    density = (-0.5 * off**2).exp() / math.sqrt(2 * math.pi)
    return sigma * (off * torch.erf(off / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


def spread_loss(
    spread: nn.Module, x_g: Tensor, mask: Tensor | None, target: Tensor, counts: Tensor, sigma: float | Tensor
) -> Tensor:
    """CRPS(N(x^g, s² + σ²), target), s = Spread(x^g, m), mean over the values that count of an eighth of the images.

    σ is the noise of the target, which is not the reconstruction's fault. An eighth is enough for so small a network, and cheap.
    """
    few = slice(max(1, len(target) // 8))
    noise = sigma[few] if isinstance(sigma, Tensor) else sigma
    s = (spread(x_g[few], None if mask is None else mask[few]) ** 2 + noise**2).sqrt()
    return torch.where(counts[few], crps(target[few], x_g[few], s), 0).sum() / counts[few].sum().clamp_min(1)


class Adversary(NamedTuple):
    """What a discriminator says of one step."""

    generator: Tensor  # L_G + L_feat, which the reconstructions are to lower
    discriminator: Tensor  # L_D
    terms: dict[str, Tensor]


def adversary(dis: nn.Module, real: Tensor, fakes: list[Tensor], same: Tensor | None) -> Adversary:
    """The discriminator's verdict on real images and fakes, [B, H, W, C] each; `same` are fakes that belong to the real ones.

    L_G    = Σ_fakes -t log Dis(fake) - (1 - t) log(1 - Dis(fake)),  t = 0.375                                 mean over the batch
    L_D    = -t log Dis(real) - (1 - t) log(1 - Dis(real)) + Σ_fakes -log(1 - Dis(fake)),  t = 0.75            mean over the batch
    L_feat = (Dis_l(same) - Dis_l(real))²        mean over features; where `same` is None, the first fake stands for it
    """
    verdict, judged = dis(real), [dis(fake) for fake in fakes]
    matched = dis(same) if same is not None else judged[0]
    L_feat = F.mse_loss(matched.features, verdict.features)
    L_G = sum(cross_entropy(fake.logit, FAKE_TARGET) for fake in judged)
    L_D = cross_entropy(verdict.logit, REAL_TARGET) + sum(cross_entropy(fake.logit, 0) for fake in judged)
    return Adversary(L_G + L_feat, L_D, {"L_feat": L_feat, "L_G": L_G, "L_D": L_D})


def balanced_weight(force: float, likelihood: Tensor, pull: Tensor, x_g: Tensor) -> Tensor:
    """w = force · ‖∂ likelihood / ∂ x^g‖ / ‖∂ pull / ∂ x^g‖, so that w · pull pulls at the reconstructions with `force` times the
    force of the likelihood (after Esser, Rombach and Ommer, CVPR 2021)."""
    wish, push = (torch.autograd.grad(loss, x_g, retain_graph=True)[0].norm() for loss in (likelihood, pull))
    return force * wish / push.clamp_min(1e-12)
