"""CITATION.cff → how this benchmark is cited, as a sentence and as BibTeX."""

from pathlib import Path

import yaml

CITATION = Path(__file__).parent.parent / "CITATION.cff"
ENTRY = {"software": "misc", "conference-paper": "inproceedings", "article": "article"}  # kinds of CITATION.cff in BibTeX


def author(person: dict) -> str:
    """
    >>> author({"family-names": "Bora", "given-names": "Ashish"}), author({"name": "The authors"})
    ('Bora, Ashish', '{The authors}')
    """
    return f"{person['family-names']}, {person['given-names']}" if "family-names" in person else f"{{{person['name']}}}"


def year(work: dict) -> str:
    return str(work.get("year") or str(work.get("date-released", ""))[:4])


def bibtex(work: dict, key: str) -> str:
    """An entry of a work, as CITATION.cff describes it."""
    fields = {
        "author": " and ".join(map(author, work["authors"])),
        "title": f"{{{work['title']}}}",
        "booktitle" if work["type"] == "conference-paper" else "journal": work.get("collection-title", work.get("journal", "")),
        "year": year(work),
        "version": str(work.get("version", "")),
        "url": work.get("url", work.get("repository-code", "")),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{ENTRY.get(work['type'], 'misc')}{{{key},", *lines, "}"])


def key(work: dict) -> str:
    """
    >>> key({"authors": [{"family-names": "Bora", "given-names": "A."}], "title": "AmbientGAN: models", "year": 2018})
    'bora2018ambientgan'
    """
    first = work["authors"][0]
    words = first.get("family-names", ""), year(work), work["title"].split()[0]
    return "".join(letter for word in words for letter in word.lower() if letter.isalnum())


def how_to_cite(path: Path = CITATION) -> dict:
    """{"message": what to cite, "bibtex": entries of this benchmark and of what it is built upon}"""
    cited = yaml.safe_load(path.read_text(encoding="utf-8"))
    works = [cited, *cited.get("references", [])]
    return {"message": cited["message"], "bibtex": "\n\n".join(bibtex(work, key(work)) for work in works)}
