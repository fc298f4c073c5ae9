"""Prediction: frozen releases, and poses for every video with a state that says how it went."""
