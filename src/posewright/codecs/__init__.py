"""Fields: one kind of map each, drawn from points and read back, side by side.

Everything here works on NumPy arrays and torch tensors alike and imports neither torch nor a network. Maps are
``[frame channel height width]``; positions are in *cells* unless a name says ``_px``; cell ``i`` lies on pixel
``i * stride``.
"""
