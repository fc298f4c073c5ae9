"""What releases say of videos nobody labelled.

What looks wrong without any truth, where releases disagree, and whether conclusions depend on the choice.
"""
