"""Posewright: animal poses from labelled frames and hundreds of videos, and a defensible choice of method.

Data flows one way through the folders of this package; each imports only from those before it::

    config -> labels -> samples -> codecs -> networks -> model_types -> training
           -> prediction -> tracking -> evaluation -> report

Beneath all of them lie `shapes` (the shared nouns), `geometry` (the one owner of the pixel), `files` and `errors`.
`synthetic` makes animals with exact truth; `check` and `cli` stand above the chain and may use all of it.
"""

__version__ = "0.1.0"
