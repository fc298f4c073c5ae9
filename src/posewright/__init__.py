"""Posewright: animal poses from labelled frames and hundreds of videos, and a defensible choice of method.

Data flows one way through the folders of this package; each imports only from those before it::

    config -> labels -> samples -> codecs -> networks -> model_types -> training
           -> prediction -> tracking -> evaluation -> report

Beneath all of them lie `shapes` (the shared nouns), `geometry` (the one owner of the pixel), `files` and `errors`.
`synthetic` makes animals with exact truth; `check` and `cli` stand above the chain and may use all of it.
"""

import os

# Many a cluster's file system knows no locks, and HDF5 would refuse to open a file there. None of ours is written in
# place while another process reads it. HDF5 looks at this once, when it is loaded.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

__version__ = "0.1.0"
