"""Training: a split and a recipe to a model folder."""
