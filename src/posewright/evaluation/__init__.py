"""Predicted poses against true ones: matching, metrics, their tables, and which method is better.

`scoring` turns truth and poses into an `Evaluation`; `evaluate` is the stage around it; `compare` is the stage that
joins the evaluations of several methods; `peer_form` and `average_precision` count as others do.
"""
