"""The end of the page: what is missing, software versions, how to make the results again, and digests to check them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posewright.files import file_digest
from posewright.report.context import Context
from posewright.report.gather import Results, finite
from posewright.report.page import Block, Bullets, Cell, Column, Command, Heading, Section, Table, Text
from posewright.report.words import counted, duration

_TARGETS = {"val": "", "test": " final"}


def origin_section(context: Context) -> Section:
    """Return software, the commands that make these results again, and a digest of every file the page rests on."""
    results = context.results
    blocks: list[Block] = [
        Bullets("Files that were not found", list(results.missing)),
        Heading("Software"),
        *_software(results.provenance),
        Heading("To make these results again"),
        Text("Check out the commit named above, put the same configuration and label files in place, and run:"),
        Command(f"snakemake --profile profiles/local{_TARGETS.get(results.side, '')}"),
        Text(
            "On a cluster: --profile slurm. Nothing is trained again whose labels, recipe and seed are unchanged.",
            "quiet",
        ),
        _cost_table(results.provenance),
        _digest_table(results),
    ]
    shown = [block for block in blocks if not (isinstance(block, Table) and not block.rows)]
    return Section("origin", "Software, reproduction, digests", "Origin", shown)


def _software(provenance: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return the package versions; where stages ran under different ones, all of them are listed."""
    if not any(provenance.values()):
        return [Text("No provenance files were found, so software versions are not known.", "warn")]
    versions: dict[str, dict[str, None]] = defaultdict(dict)
    for record in provenance.values():
        machine = record.get("machine") or {}
        facts = {
            "commit of Posewright": record.get("git_commit"),
            "python": machine.get("python"),
            **(record.get("packages") or {}),
            "device": machine.get("device"),
            "system": machine.get("system"),
        }
        for name, value in facts.items():
            if value:
                versions[name][str(value)] = None
    differ = [name for name, found in versions.items() if len(found) > 1]
    rows = [[Cell(name), Cell(", ".join(found))] for name, found in versions.items()]
    blocks: list[Block] = [Table([Column("What"), Column("Version")], rows)]
    if differ:
        blocks.insert(0, Text(f"Stages ran under different versions of {', '.join(differ)}.", "warn"))
    return blocks


def _cost_table(provenance: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = [
        Column("Artefact"),
        Column("Stage"),
        Column("Started"),
        Column("Wall time", numeric=True),
        Column("Processor time", numeric=True),
        Column("Peak memory", numeric=True),
    ]
    rows = []
    for place, record in provenance.items():
        wall, cpu, memory = (finite(record.get(key)) for key in ("wall_s", "cpu_s", "peak_memory_mb"))
        rows.append(
            [
                Cell(place),
                Cell(str(record.get("stage", ""))),
                Cell(str(record.get("started", ""))),
                Cell(duration(wall), sort="" if wall is None else wall),
                Cell(duration(cpu), sort="" if cpu is None else cpu),
                Cell("–" if memory is None else f"{memory:.0f} MB", sort="" if memory is None else memory),
            ]
        )
    return Table(columns, rows, f"What each stage cost ({counted(len(rows), 'record')})", folded=True)


def _digest_table(results: Results) -> Table:
    """Return digests of what the numbers come from: split and weights by their own record, tables by their bytes."""
    rows = []
    for fold, split in results.splits.items():
        if split.get("digest"):
            rows.append((f"split of fold {fold}", "content of the split", str(split["digest"])))
    for model in results.models:
        if model.info.get("weights_sha256"):
            name = f"models/{model.recipe}/fold{model.fold}_seed{model.seed}"
            rows.append((name, "weights", str(model.info["weights_sha256"])))
    rows += [(str(path.relative_to(results.folder)), "file", file_digest(path)) for path in _table_files(results)]
    cells = [[Cell(name), Cell(what), Cell(digest)] for name, what, digest in rows]
    columns = [Column("Artefact"), Column("Digest of"), Column("sha256")]
    return Table(columns, cells, f"Provenance digests ({len(cells)})", folded=True)


def _table_files(results: Results) -> list[Path]:
    found = [
        *results.folder.glob(f"evaluation/*/*/{results.side}/*"),
        *results.folder.glob(f"comparison/{results.side}/*"),
    ]
    return sorted(path for path in found if path.suffix in {".json", ".parquet"})
