"""Put the files that the jobs of a file made into one archive, to unpack where the run was planned."""

import re
import tarfile
from pathlib import Path

from options import command_parser
from remote import jobs


def main() -> None:
    parser = command_parser("remote.pack", __doc__)
    parser.add_argument("jobs", type=Path, help="the file of jobs")
    parser.add_argument("--only", default="", help="regular expression that the files' names must contain (default: all files)")
    parser.add_argument("--output", type=Path, default=Path("made.tar.gz"), help="the archive (%(default)s)")
    args = parser.parse_args()
    every = jobs.read(args.jobs)
    with tarfile.open(args.output, "w:gz") as archive:
        for path in dict.fromkeys(path for job in every for path in job.outputs):
            if Path(path).exists() and re.search(args.only, path):
                archive.add(path)
    print(f"{args.output}: {args.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
