"""What releases say of videos nobody labelled: where they disagree, and whether conclusions depend on the choice."""
