"""What every script's front door shares: input faults end as their own sentence, not as a traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from posewright.avoided import avoid_this_node
from posewright.deadline import go_on_later
from posewright.errors import InputError, Interrupted, OutOfTime, UnusableNode

INPUT_FAULT = 2  #: exit code of a run that the inputs made impossible; anything else non-zero is ours or the machine's
INTERRUPTED = 75  #: exit code of work that stopped early and goes on when started again (EX_TEMPFAIL of sysexits.h)


def main(door: Callable[[], int | None]) -> None:
    """Run ``door`` and leave the process with its exit code; `InputError` and `Interrupted` are printed as they are.

    A job of Slurm that ran out of time is given back to the queue first, and then ended by Slurm. One on a node that
    cannot do its work leaves a note, so that its other attempts are not made there.
    """
    try:
        code = door()
    except InputError as error:
        print(error, file=sys.stderr)
        if isinstance(error, UnusableNode) and (nodes := avoid_this_node(str(error))):
            print(f"until the end of this run no job that needs a GPU is sent to {', '.join(nodes)}", file=sys.stderr)
        sys.exit(INPUT_FAULT)
    except Interrupted as stop:
        print(stop, file=sys.stderr, flush=True)
        if isinstance(stop, OutOfTime):
            go_on_later()
        sys.exit(INTERRUPTED)
    sys.exit(code or 0)


def mapping(text: str) -> dict[str, Any]:
    """Read a JSON object from a command line word; the name is what argparse says when it is none."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is wanted, found {text}")
    return value
