"""What a method's rule module is given of the configuration."""

from pathlib import Path

from config.command_line import flags
from config.environment import has_gpu
from config.sees import protocol_inputs


def method_config(config: dict, name: str, home: str) -> dict:
    method = config["methods"][name]
    folder = Path(method["folder"])
    inside = folder.parent == Path(home) / "methods"
    return {
        "bench": f"{home}/methods/bench.smk",
        "name": name,
        "folder": str(folder),
        "package": f"methods.{folder.name}" if inside else folder.name,
        "seeded": method["seeded"],
        "train": flags(method["train"]),
        "restore": flags(method["restore"]),
        "model": method["model"],
        "protocol": protocol_inputs(config),  # what the protocol adds to the inputs of every training
        "gpu": 1 if has_gpu() else 0,
    }
