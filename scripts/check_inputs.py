"""Check a dataset with everything the config says of it, and name all problems at once, before any training."""

import argparse
from pathlib import Path

from posewright import door
from posewright.check import check_inputs
from posewright.check_words import details, headline
from posewright.config.project import load_project
from posewright.files import read_json
from posewright.provenance import beside, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--project", type=door.mapping, required=True, metavar="JSON", help="the whole config")
    words.add_argument("--dataset", required=True, help="which of its datasets")
    words.add_argument("--groups", type=Path, metavar="TSV", help="table that remembers the groups of the split")
    words.add_argument("--out", type=Path, required=True, help="check.json: what was found, in numbers")
    given = words.parse_args()
    project = load_project(given.project)
    labels = [Path(file.path) for file in project.datasets[given.dataset].files]
    with recording(beside(given.out), "check_inputs", labels=labels, params={"project": given.project}):
        check_inputs(project, given.dataset, given.out, given.groups)
    facts = read_json(given.out)
    print("\n".join([headline(facts), *details(facts)]))


if __name__ == "__main__":
    door.main(main)
