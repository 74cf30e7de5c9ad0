"""What a method's folder says of it, without running any of it."""

from pathlib import Path

import yaml

ENGINE = Path(__file__).parent.parent / "training" / "options.yaml"  # options of every learned method


def about(folder: Path) -> dict:
    """method.yaml with what it leaves out: title, the options of train and restore (JSON schemas by name), and

    applies, posterior    the traits of the forward models that the method, and its posterior samples, are for: {trait: bool}
    learned               whether it trains, that is, has a train.py (then it has the engine's options before its own)
    seeded                whether it runs once for each seed
    """
    own = folder / "method.yaml"
    facts = {"title": folder.name.replace("_", " "), "train": {}, "restore": {}, "applies": {}, "posterior": {}}
    facts |= (yaml.safe_load(own.read_text(encoding="utf-8")) or {}) if own.exists() else {}
    facts["learned"] = (folder / "train.py").exists()
    facts["seeded"] = facts["learned"] or facts.get("seeded", False)
    if facts["learned"]:
        facts["train"] = yaml.safe_load(ENGINE.read_text(encoding="utf-8")) | facts["train"]
    return facts
