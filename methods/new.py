"""Lay down a method to start from: `python -m methods.new NAME`, with `--kind learned` one that is trained.

It is an example of the documentation under another name: local_mean, a filter with an option, or dncnn, a network that is trained
on measurements alone. Both run as they are on every forward model that they apply to.
"""

import re
import shutil
import sys
from pathlib import Path

import store
from options import command_parser

HOME = Path(__file__).parent.parent
EXAMPLES = {"classical": "local_mean", "learned": "dncnn"}  # of docs/examples
FILES = ("*.py", "*.yaml", "*.smk")


def lay_down(name: str, kind: str, folder: Path) -> Path:
    """The new method's folder. Raises SystemExit where the name is not one, or is taken."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        sys.exit(f"{name}: no name for a method; begin with a small letter, and go on with small letters, digits and _")
    made = folder / name
    if made.exists():
        sys.exit(f"{made}: is there already; choose another name or remove it")
    example = HOME / "docs" / "examples" / EXAMPLES[kind]
    made.mkdir(parents=True)
    for file in sorted(file for pattern in FILES for file in example.glob(pattern)):
        shutil.copyfile(file, made / file.name)
    (made / "__init__.py").touch()
    facts = made / "method.yaml"
    facts.write_text(
        re.sub("^title: .*$", f"title: {name.replace('_', ' ')}", facts.read_text(encoding="utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    return made


def main() -> None:
    parser = command_parser("methods.new", __doc__)
    parser.add_argument("name", help="the method's name in configurations, and its folder's")
    parser.add_argument("--kind", choices=EXAMPLES, default="classical", help="(%(default)s)")
    parser.add_argument("--folder", type=Path, default=HOME / "methods", help="where its folder is to lie (methods/)")
    args = parser.parse_args()
    with store.clear_errors():
        made = lay_down(args.name, args.kind, args.folder)
    inside = made.parent.resolve() == HOME / "methods"
    row = f"{args.name}:" if inside else f"{args.name}: {{folder: {made}}}"
    print(f"{made}: change restore.py{', model.py, train.py' if args.kind == 'learned' else ''} and method.yaml")
    print(f"in a configuration, below `methods`: {row}")
    if inside:
        print(f"its tests: python -m pytest tests/test_methods.py -k {args.name}; its page: make method-pages")


if __name__ == "__main__":
    main()
