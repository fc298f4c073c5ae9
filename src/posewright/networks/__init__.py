"""Networks: a backbone promises levels, a decoder climbs them, heads read them. ``images -> levels -> maps``."""
