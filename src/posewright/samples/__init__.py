"""Samples: frames read from videos, stored once, augmented and turned into training batches."""
