"""What a method's rule module is given of the configuration."""

from pathlib import Path

from bench import method_facts
from config.command_line import flags, options_on, pairs, timed_settings
from config.environment import has_gpu
from config.resources import asked, limit_of
from config.sees import protocol_inputs


def method_config(config: dict, name: str, home: str) -> dict:
    method = config["methods"][name]
    folder, on_gpu = Path(method["folder"]), method["gpu"] and has_gpu(config)
    inside = folder.parent == Path(home) / "methods"
    train, restore = (
        {dataset: options_on(method, section, dataset) for dataset in config["datasets"]} for section in ("train", "restore")
    )
    of_all = {
        dataset: {each: options.pop(each) for each in method_facts.EVERY_RESTORATION if each in options}
        for dataset, options in restore.items()
    }
    return {
        "bench": f"{home}/methods/bench.smk",
        "name": name,
        "folder": str(folder),
        "package": f"methods.{folder.name}" if inside else folder.name,
        "seeded": method["seeded"],
        "seeds": config["seeds"],
        "train": {dataset: flags(options) for dataset, options in train.items()},
        "restore": {dataset: flags(options) for dataset, options in restore.items()},
        "timing": {dataset: pairs(timed_settings(method, dataset)) for dataset in config["datasets"]},
        "first_images": {dataset: flags(options) for dataset, options in of_all.items()},  # not for timings and samples
        "model": method["model"],
        "protocol": protocol_inputs(config),  # what the protocol adds to the inputs of every training
        "gpu": int(on_gpu),
        "limit": limit_of(config, name),
        "asked": asked(config, name, on_gpu),
    }
