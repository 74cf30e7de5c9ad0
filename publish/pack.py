"""The release kit of a finished run, ready for an archive: `python -m publish.pack --configfile config/paper.yaml`.

Packs the scores of every image and the tables that follow from them, the first restorations of every row, the weights of one
method with a card for each, licences, how to cite, a README and a description as Croissant; and SHA256SUMS of all. Nothing is
trained, restored or scored. Of a data set whose terms (datasets/NAME.yaml) do not allow it no image is packed. What the
configuration asks for and the results lack is named, a line for each, and does not stop it. Equal inputs give equal kits, byte
for byte.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template

import yaml

import store
from config.messages import shown_config
from config.planned import planned
from datasets import terms
from options import command_parser
from publish import croissant, models, restorations, scores
from publish.kit import SUMS, Kit, sha256
from reports.cite import CITATION, bibtex, key
from reports.writers import md

HOME = Path(__file__).parent.parent
TEXTS = Path(__file__).with_name("texts")
RECOMMENDED = "ambient_sampler"
MIT = "https://spdx.org/licenses/MIT.html"


def pack(kit: Kit, method: str, commit: str) -> None:
    """Write every file of a kit. Raises SystemExit where there are no scores, or what there is does not belong together."""
    scores.add(kit)
    if not kit.datasets:
        sys.exit(f"{', '.join(map(str, kit.sources))}: holds no scores of this configuration; run it, or name its --results")
    for dataset in kit.datasets:
        restorations.add(kit, dataset)
    weights = models.add(kit, method)
    kit.write("config.yaml", shown_config(kit.config))
    for path in (HOME / "LICENSE", CITATION):
        kit.write(path.name, path.read_bytes())
    for dataset in kit.datasets:
        facts = terms.of(dataset)._asdict() | {"included": included(kit, dataset)}
        kit.write(f"licences/{dataset}.md", filled("licence", {name: value or "–" for name, value in facts.items()}))
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    kit.write("README.md", readme(kit, method, weights, cited, commit))
    kit.write("croissant.json", json.dumps(croissant.describe(kit, about(kit, cited)), indent=1, ensure_ascii=False) + "\n")
    kit.write(SUMS, "".join(f"{sha256(path)}  {name}\n" for name, path in kit.files().items()))


def filled(name: str, facts: dict) -> str:
    return Template((TEXTS / f"{name}.md").read_text(encoding="utf-8")).substitute(facts)


def included(kit: Kit, dataset: str) -> str:
    """What images of a data set are in the kit, and what else comes of it."""
    if (kit.folder / "restored" / dataset).is_dir():
        return f"the first {restorations.FIRST} test images, their measurements and restorations"
    why = "none are at hand" if terms.of(dataset).passed_on else "its terms do not allow it"
    weights = any((kit.folder / "models" / dataset).glob("**/model.pt"))
    return f"no image, as {why}; scores of restorations" + " and weights" * weights


def readme(kit: Kit, method: str, weights: list[str], cited: dict, commit: str) -> str:
    of = {name: terms.of(name) for name in kit.datasets}
    rows = [f"| {md(t.title)} | {md(t.licence)} | {included(kit, name)} | {md(t.source) or '–'} |" for name, t in of.items()]
    facts = {"title": cited["title"], "version": cited["version"], "date": cited["date-released"], "commit": commit}
    facts |= {"recommended": kit.titles[method], "first": restorations.FIRST, "datasets": "\n".join(rows)}
    facts["models"] = "\n".join(f"* `{name}`: [card]({Path(name).with_name('card.md')})" for name in weights) or "None."
    return filled("README", facts | {"missing": "\n".join(f"* {md(line)}" for line in kit.missing) or "Nothing."})


def about(kit: Kit, cited: dict) -> dict:
    """What Croissant says of the whole kit."""
    of = [terms.of(name) for name in kit.datasets]
    titles = ", ".join(each.title for each in of)
    return {
        "name": cited["title"],
        "description": f"Scores of every restored image on {titles}; restorations where their licence allows it, and weights.",
        "version": str(cited["version"]),
        "datePublished": str(cited["date-released"]),
        "license": list(dict.fromkeys([MIT, *(each.url for each in of if each.url)])),
        "creator": [{"@type": "sc:Organization", "name": author["name"]} for author in cited["authors"] if "name" in author],
        "keywords": cited["keywords"],
        "citeAs": bibtex(cited, key(cited)),
    } | address(cited)


def address(cited: dict) -> dict:
    """Where the kit is found, once CITATION.cff says so: its DOI, or else the page of the benchmark."""
    page = f"https://doi.org/{cited['doi']}" if "doi" in cited else cited.get("url", cited.get("repository-code"))
    return {"url": page} if page else {}


def refuse_foreign(output: Path) -> None:
    """Raises SystemExit where the folder to be replaced holds something, and no kit."""
    if output.exists() and not (output / SUMS).is_file() and not (output.is_dir() and not any(output.iterdir())):
        sys.exit(f"{output}: holds something else than a kit (no {SUMS} is there); name another --output")


def learned(config: dict) -> list[str]:
    """The methods of the configuration whose weights restore with the benchmark's code alone."""
    folders = {name: Path(method["folder"]) for name, method in config["methods"].items() if method.get("learned")}
    return [name for name, folder in folders.items() if folder.resolve().parent == (HOME / "methods").resolve()]


def commit_of(home: Path) -> str:
    asked = subprocess.run(["git", "-C", home, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def main() -> None:
    parser = command_parser("publish.pack", __doc__)
    add = parser.add_argument
    add("--configfile", type=Path, default=Path("config/paper.yaml"), help="what was run (%(default)s)")
    add("--results", type=Path, nargs="+", metavar="DIR", help="folders of results or of merged scores (the configuration's)")
    add("--recommended", default=RECOMMENDED, metavar="METHOD", help="the method whose weights are packed (%(default)s)")
    add("--output", type=Path, default=Path("release"), metavar="DIR", help="the kit; an earlier one is replaced (%(default)s)")
    args = parser.parse_args()
    if not args.configfile.is_file():
        sys.exit(f"{args.configfile}: there is no such file; name a configuration, such as config/quick.yaml")
    with store.clear_errors(), planned([args.configfile]) as (config, runs):
        if args.recommended not in (known := learned(config)):
            why = f"is no method of {args.configfile} in methods/ that learns"
            sys.exit(f"--recommended {args.recommended}: {why}; choose of {', '.join(known) or 'none'}")
        sources = args.results or [Path(config["results"])]
        if absent := next((path for path in sources if not path.is_dir()), None):
            sys.exit(f"{absent}: no such folder; run {args.configfile} first, or name its --results")
        refuse_foreign(args.output)
        args.output.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".release.", dir=args.output.absolute().parent) as made:
            kit = Kit(Path(made, "kit"), config, runs, sources, [])
            pack(kit, args.recommended, commit_of(HOME))
            checked = croissant.check(kit.folder / "croissant.json")
            sizes = [path.stat().st_size for path in kit.files().values()]
            if args.output.exists():
                shutil.rmtree(args.output)
            kit.folder.rename(args.output)
    for line in kit.missing:
        print(f"missing: {line}")
    print("croissant.json: " + ("read by mlcroissant" if checked else "not checked, as mlcroissant is not installed"))
    print(f"{args.output}: {len(sizes)} files, {sum(sizes) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
