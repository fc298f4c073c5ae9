"""What a user writes: the project, its sheet of videos and its recipes, typed, checked and documented."""
