"""A page for each method, docs/methods/NAME.md, and the lists of all: `python -m config.method_pages` (or `make method-pages`).

A page holds what the method's own files say: the docstrings of its programs (idea, formulas, reference), what its rules let it
see, its method.yaml (where it applies, its options), and what it costs by benchmarks/rates.csv. Nothing is written here by hand.
"""

import ast
import re
import tempfile
from pathlib import Path

import yaml

from bench import method_facts
from config import rates
from config.planned import planned
from config.runs import mismatch
from config.sees import CONTROLS
from measurements import forward
from options import allowed, command_parser

HOME = Path(__file__).parent.parent
METHODS = HOME / "methods"
PAGES = HOME / "docs" / "methods"
GROUPS = {
    "not trained": lambda seen: not seen["learned"] and seen["clean"] not in CONTROLS,
    "trained on measurements alone": lambda seen: seen["learned"] and seen["clean"] not in CONTROLS,
    "controls, which see clean images or each image twice": lambda seen: seen["clean"] in CONTROLS,
}
README_HEAD = "| methods | each with a page: idea, formulas, what it sees, options, cost |\n|---|---|\n"
MADE = "<!-- Made by `make method-pages` of the method's docstrings, rules.smk, method.yaml and rates: edit those. -->\n\n"


def pages() -> dict[Path, str]:
    """The text of every page, and of the README with its list of methods."""
    seen, found = what_they_see(), {}
    facts = {name: method_facts.read(METHODS / name) for name in seen}
    for name, of in facts.items():
        found[PAGES / f"{name}.md"] = page(name, of, seen[name])
    found[PAGES / "README.md"] = index(facts, seen)
    readme = HOME / "README.md"
    before, after = readme.read_text(encoding="utf-8").split(README_HEAD)
    rest = after[after.index("\n\n") :]
    found[readme] = before + README_HEAD + "\n".join(readme_rows(facts, seen)) + rest
    return found


def what_they_see() -> dict[str, dict]:
    """{method: what it sees}, as Snakemake parses the rules of each; "posterior": whether it draws samples."""
    names = sorted(path.parent.name for path in METHODS.glob("*/rules.smk"))
    models = {"drop_independent": {"p": 0.5}, "add_noise": {"sigma": 0.2}}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "all.yaml")
        file.write_text(
            yaml.safe_dump({"datasets": {"mnist5k": models}, "methods": dict.fromkeys(names), "seeds": [0]}), encoding="utf-8"
        )
        with planned([file]) as (_, runs):
            sampled = {run.method for _, run in runs.with_posterior}
            return {name: runs.sees[name] | {"posterior": name in sampled} for name in names}


# --- what a method says of itself ----------------------------------------------------------------------------------------------


def docstrings(name: str) -> list[str]:
    """Those of model.py, of restore.py and of its function `restore`, as far as there are any."""
    found = []
    for file in ("model.py", "restore.py"):
        if (path := METHODS / name / file).exists():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "restore"]
            found += [ast.get_docstring(node) for node in (tree, *functions) if file == "restore.py" or node is tree]
    return list(filter(None, found))


def idea(name: str) -> str:
    """The first paragraph of what a method says of itself, on one line."""
    return " ".join(docstrings(name)[0].split("\n\n")[0].split())


def as_markdown(docstring: str) -> str:
    """Paragraphs, with signs that Markdown would take for its own kept as they are; formulas, which have columns, as blocks.

    >>> print(as_markdown("What it is.\\n\\n    x = y * 2,   y > 0"))
    What it is.
    <BLANKLINE>
    ```text
    x = y * 2,   y > 0
    ```
    """
    made = []
    for part in docstring.split("\n\n"):
        if re.search(r"^ {4}|\S {2,}\S", part, re.MULTILINE):
            lines = part.split("\n")
            margin = min(len(line) - len(line.lstrip()) for line in lines)
            made.append("\n".join(["```text", *(line[margin:].rstrip() for line in lines), "```"]))
        else:
            pieces = re.split(r"(`[^`]*`)", part)
            made.append("".join(piece if piece.startswith("`") else re.sub(r"([*_|<])", r"\\\1", piece) for piece in pieces))
    return "\n\n".join(made).replace("\n```\n\n```text\n", "\n\n")  # blocks that follow one another are one


def said_of_sight(name: str) -> str:
    """What the comment at the top of a method's rules says."""
    lines = (METHODS / name / "rules.smk").read_text(encoding="utf-8").splitlines()
    count = next(at for at, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:count])


# --- the pages -----------------------------------------------------------------------------------------------------------------


def page(name: str, facts: method_facts.MethodFacts, seen: dict) -> str:
    families = [family for family in forward.names() if not mismatch(facts.applies, forward.find(family).traits())]
    parts = [
        f"{MADE}# {facts.title}",
        f"[`methods/{name}/`](../../methods/{name}), a row that is called `{name}` in a configuration.",
        *map(as_markdown, docstrings(name)),
        "## What it sees",
        f"{as_markdown(said_of_sight(name))} In the tables: clean images **{seen['clean']}**, θ **{seen['theta']}**.",
        "## Where it applies",
        f"{', '.join(f'`{family}`' for family in families)}.",
    ]
    says = {
        "It is trained, once for each seed.": facts.learned,
        "It has random numbers of its own and runs once for each seed.": facts.seeded and not facts.learned,
        "It draws posterior samples too.": seen["posterior"],
        "Values that were measured exactly stay as they were measured.": facts.keeps_observed,
    }
    parts += [" ".join(text for text, holds in says.items() if holds)]
    if (METHODS / name / "requirements.txt").exists():
        parts.append(f"It needs packages of its own: [`requirements.txt`](../../methods/{name}/requirements.txt).")
    for section, heading in {"train": "training", "restore": "restoration"}.items():
        if options := getattr(facts, section):
            parts += [f"## Options of its {heading}", options_table(options)]
    parts += ["## What it costs", costs(name)]
    return "\n\n".join(filter(None, parts)) + "\n"


def options_table(schemas: dict[str, dict]) -> str:
    rows = ["| option | is | default | |", "|---|---|--:|---|"]
    for name, schema in schemas.items():
        kind = " or ".join(f"`{value}`" for value in schema["enum"]) if "enum" in schema else allowed(schema)
        default = f"`{schema['default']}`" if "default" in schema else "must be given"
        rows.append(f"| `{name}` | {kind} | {default} | {cell(schema['description'])} |")
    return "\n".join(rows)


def cell(text: str) -> str:
    return as_markdown(" ".join(text.split()))


def costs(name: str) -> str:
    """The rates of a method with its default options, a row for each part, shape and forward model that was measured."""
    parts = {
        "train": ("a training step of {batch_size} images", "ms"),
        "fit": ("learning from 10,000 training measurements, once", "s"),
        "restore": ("an estimate of an image", "ms"),
        "sample": ("a posterior sample of an image", "ms"),
    }
    facts, rows = method_facts.read(METHODS / name), []
    repeated = [option for option in (*rates.iterations(facts._asdict()), rates.NEIGHBOURS) if option in facts.restore]
    for (part, method, shape), found in sorted(rates.table().items(), key=lambda row: (list(parts).index(row[0][0]), row[0])):
        for options, measurement, rate in found:
            if method != name or options:
                continue
            said, unit = parts[part]
            if part == "train":
                batch = facts.train["batch_size"]["default"]
                said, seconds = said.format(batch_size=batch), rate.each * batch
            elif part == "fit":
                seconds = rate.seconds(10_000)
            else:
                seconds = rate.each
            if part == "restore" and repeated:
                said += f", for each of its {' and '.join(repeated)}"
            value = seconds * (1000 if unit == "ms" else 1)
            where = f"`{measurement}`" if measurement else "any"
            rows.append(f"| {said} | {shape.replace('x', '×')} | {where} | {float(f'{value:.2g}'):,g} {unit} |")
    if not rows:
        return "It has not been measured yet (`python -m benchmarks.rates`)."
    head = "On one core of the machine on which the [rates](../../benchmarks/rates.csv) were measured:"
    return "\n".join([head, "", "| what | images | forward model | takes |", "|---|---|---|--:|", *rows])


# --- the lists -----------------------------------------------------------------------------------------------------------------


def index(facts: dict, seen: dict) -> str:
    lines = [f"{MADE}# The methods", ""]
    for group, holds in GROUPS.items():
        lines += [f"## {group[0].upper()}{group[1:]}", "", "| method | in a sentence | sees θ |", "|---|---|---|"]
        members = [name for name in facts if holds(seen[name])]
        lines += [f"| [{facts[name].title}]({name}.md) | {cell(idea(name))} | {seen[name]['theta']} |" for name in members]
        lines.append("")
    more = "[How to add one](../extending.md). [Restorations from elsewhere](../../submissions/README.md) are rows too."
    return "\n".join([*lines, more]) + "\n"


def readme_rows(facts: dict, seen: dict) -> list[str]:
    rows = []
    for group, holds in GROUPS.items():
        links = [f"[{facts[name].title}](docs/methods/{name}.md)" for name in facts if holds(seen[name])]
        rows.append(f"| {group} | {' · '.join(links)} |")
    return rows


def main() -> None:
    command_parser("config.method_pages", __doc__.split("\n")[0]).parse_args()
    made = pages()
    for path in set(PAGES.glob("*.md")) - made.keys():
        path.unlink()  # of a method that is gone
    changed = {path: text for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text}
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = ", ".join(str(path.relative_to(HOME)) for path in changed)
    print(f"{len(made)} files are as the methods say; written: {names or 'none'}")


if __name__ == "__main__":
    main()
