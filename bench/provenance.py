"""Which code a step runs, as a digest that is a parameter of its rule: an edit re-runs what it must, and nothing else.

Snakemake notices a changed command or parameter, but not an edit of the Python that a command runs. The digest for
`python -m MODULE` covers the files of this repository that MODULE imports and that these import in turn, read from their `import`
statements without running them. What is imported by a name that is made at run time (the file of a data set or of a forward
model) and what is read but not imported (captions) is named beside MODULE.
"""

import ast
import contextlib
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parent.parent
DIGITS = 12
PROGRAMS = ("train.py", "restore.py")  # of a method
NOT_CODE = ("method.yaml", "README.md")  # options reach a program as flags, and no title changes a result


@functools.cache
def code_of(*parts: str, home: Path = HOME) -> str:
    """The digest of modules (`metrics.score`), with all that they import, and of files or folders (`reports/captions`)."""
    modules = [part for part in parts if "/" not in part]
    paths = [home / part for part in parts if "/" in part]
    if absent := [path for path in (*paths, *map(functools.partial(source_of, home), modules)) if not path.exists()]:
        raise FileNotFoundError(f"{absent[0]}: a rule names this as code, and there is no such file")
    return digest(imported(modules, {"": home}) | contents(paths, {"": home}))


def source_of(home: Path, module: str) -> Path:
    return home.joinpath(*module.split(".")).with_suffix(".py")


@functools.cache
def code_of_method(folder: str, program: str, *parts: str, home: Path = HOME) -> str:
    """The digest of a method's program, train or restore: of the method's whole folder, and of all that the program imports.

    Of the folder method.yaml and the other program do not count, so that an edit of restore.py does not train again.
    """
    own = Path(folder)
    inside = own.parent == home / "methods"
    package = f"methods.{own.name}" if inside else own.name
    places = {"": home} if inside else {"": home, own.name: own.parent}
    found = imported([f"{package}.{program}", *parts], places)
    left_out = {own / name for name in (*PROGRAMS, *NOT_CODE)} - set(found.values())
    found |= {label: path for label, path in contents([own], places).items() if path not in left_out}
    python = [".".join(Path(label).with_suffix("").parts) for label in found if label.endswith(".py")]
    return digest(found | imported(python, places))


def digest(files: dict[str, Path]) -> str:
    """Of the files' names from the repository on, and of their contents."""
    listed = sorted((label, hash_of(path)) for label, path in files.items())
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:DIGITS]


def contents(paths: list[Path], places: dict[str, Path]) -> dict[str, Path]:
    """Files, and those in folders, by their names from their place on. What Python or the system leave beside them is no code."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()]
    named = {}
    for file in files:
        place = next((p for p in reversed(places.values()) if file.is_relative_to(p)), file.parent)
        label = file.relative_to(place)
        if not any(part.startswith((".", "__pycache__")) for part in label.parts):
            named[label.as_posix()] = file
    return named


def imported(modules: list[str], places: dict[str, Path]) -> dict[str, Path]:
    """The files of modules and of all that these import, by their names; `places`: where a package lies, "" for all others."""
    found: dict[str, Path] = {}
    ahead, met = list(modules), set()
    while ahead:
        if (module := ahead.pop()) in met:
            continue
        met.add(module)
        files = files_of(module, places.get(module.partition(".")[0], places[""]))
        for label in files.keys() - found.keys():
            ahead += imports_of(files[label], tuple(label.split("/")[:-1])) - met
        found |= files
    return found


@functools.cache
def files_of(module: str, place: Path) -> dict[str, Path]:
    """The files that an import of a module runs: its own, and the __init__.py of each package that it is in."""
    parts = module.split(".")
    stems = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    labels = [f"{stem}{end}" for stem in stems for end in ("/__init__.py", ".py")]
    return {label: path for label in labels if (path := place / label).is_file()}


@functools.cache
def imports_of(path: Path, package: tuple[str, ...]) -> set[str]:
    """Every module that a file's `import` statements may mean; none of a file that is not Python, which its job will say."""
    if (tree := parsed(path)) is None:
        return set()
    names: list[str] = []
    for node in statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]  # `from package import module`
    return set(names)


@functools.cache
def hash_of(path: Path) -> str:
    """Of a file's bytes; of Python, of what it does: comments, docstrings and layout do not count."""
    data = path.read_bytes()
    if path.suffix == ".py" and (tree := parsed(path)):
        data = ast.dump(without_docstrings(tree)).encode()
    return hashlib.sha256(data).hexdigest()


@functools.cache
def parsed(path: Path) -> ast.Module | None:
    """None of a file that is not Python, which its job will say."""
    with contextlib.suppress(SyntaxError):
        return ast.parse(path.read_bytes())


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The same program; a docstring that a program shows as its --help is one too."""
    for node in statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The program and its statements, those in others too; `ast.walk` goes through all expressions and takes far longer."""
    ahead: list[ast.AST] = [tree]
    while ahead:
        yield (node := ahead.pop())
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            ahead += getattr(node, block, [])
