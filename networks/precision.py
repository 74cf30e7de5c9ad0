"""Which arithmetic a network trains in: bfloat16 where the device has it, float32 elsewhere."""

import torch


def has_bfloat16(where: torch.device) -> bool:
    """Whether the device computes products and convolutions in bfloat16 by itself."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return where.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def autocast(where: torch.device, wanted: bool = True) -> torch.autocast:
    """bfloat16 for products and convolutions, if wanted and the device computes in it; else a block that changes nothing."""
    return torch.autocast(where.type, torch.bfloat16, enabled=wanted and has_bfloat16(where))
