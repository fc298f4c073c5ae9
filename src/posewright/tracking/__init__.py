"""Tracking: names for animals that last over frames."""
